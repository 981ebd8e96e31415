"""The page in a browser: voices, keys, files, recordings, and that everybody can use it."""

import base64
import io

import pytest
import soundfile

from pages import TEXT, Speaker, cast, refused, speech, told, until

SPEECH, VOICES = "/v1/audio/speech", "/v1/audio/voices"


def name_is(page, name: str) -> None:
    told(page, name, "voice-name")


def found(page) -> list[str]:
    """Voices that the list shows."""
    return page.eval_on_selector_all(
        "#voices input[name=voice]", "all => all.filter(e => e.offsetParent).map(e => e.value)"
    )


def test_a_voice_is_searched_heard_and_chosen(open_page):
    speaker = Speaker()
    page = open_page({VOICES: cast, SPEECH: speaker})
    name_is(page, "Many")
    page.click("#choose-voice")
    assert found(page) == ["many", "af_ann", "bm_bob", "heart"]
    for search, names in {"male": ["bm_bob"], "calm us": [], "ann calm": ["af_ann"], "onyx": ["bm_bob"]}.items():
        page.fill("#search", search)
        assert found(page) == names
    page.click("text=Bob >> xpath=../..//button")
    until(page, "loudness() > 1e-3")
    assert speaker.asked[0]["voice"] == "bm_bob"
    page.click("label:has-text('Bob')")
    assert not page.is_visible("#voices")
    assert page.evaluate("document.activeElement.id") == "choose-voice"
    name_is(page, "Bob")
    page.click("#speak")
    told(page, "Stop", "speak")
    assert speaker.asked[1]["voice"] == "bm_bob"


def test_it_works_by_keyboard_alone(open_page):
    speaker = Speaker()
    page = open_page({VOICES: cast, SPEECH: speaker})
    name_is(page, "Many")
    page.focus("#text")
    page.keyboard.type("Keys.")  # in place of the example
    for control in ("open-text", "choose-voice"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == control
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # from the search
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.is_visible("#voices")
    page.keyboard.press("Escape")
    name_is(page, "Ann")
    for control in ("speed", "seed", "speak"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == control
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    until(page, "loudness() > 1e-3")
    asked = speaker.asked[0]
    assert (asked["input"], asked["voice"], asked["speed"], asked["seed"]) == ("Keys.", "af_ann", 1.05, 1)


def test_it_asks_for_a_key(open_page):
    def locked(route):
        right = route.request.headers.get("authorization") == "Bearer right"
        cast(route) if right else refused(route, 401, "no valid API key")

    page = open_page({VOICES: locked})
    page.wait_for_selector("#key:focus")
    assert "no valid API key" in page.inner_text("#error")
    page.keyboard.type("right")
    page.keyboard.press("Enter")
    name_is(page, "Many")
    assert not page.is_visible("#key-form") and page.inner_text("#error") == ""


def test_a_text_file_is_dropped(open_page):
    page = open_page()
    script = """name => {
        const moved = new DataTransfer();
        moved.items.add(new File(["From a file."], name, {type: "text/plain"}));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(script, "a.txt")
    until(page, "document.querySelector('#text').value === 'From a file.'")
    told(page, "12 characters", "count")


def test_a_recorded_voice_needs_consent_and_is_sent_as_wav(open_page):
    speaker = Speaker()
    page = open_page({VOICES: cast, SPEECH: speaker})
    name_is(page, "Many")
    assert not page.is_visible("#prompt")
    page.click("#choose-voice")
    page.click("label:has-text('Bob')")
    page.click("#prompt summary")
    page.click("#record")
    told(page, "Stop recording", "record")
    page.wait_for_timeout(700)
    page.click("#record")
    told(page, "seconds will be used", "recording")
    page.click("#speak")
    told(page, "has agreed", "error")
    assert not speaker.asked
    page.check("#consent")
    page.click("#speak")
    until(page, "loudness() > 1e-3")
    (asked,) = speaker.asked
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(asked["prompt"])))
    assert asked["consent"] is True and rate == 24_000 and samples.ndim == 1
    assert 0.3 < len(samples) / rate <= 15


def test_a_long_recording_is_cut_and_another_file_is_refused(open_page, tmp_path):
    page = open_page({VOICES: cast}, before="Object.defineProperty(navigator, 'mediaDevices', {value: undefined});")
    name_is(page, "Many")
    page.click("#choose-voice")
    page.click("label:has-text('Bob')")
    page.click("#prompt summary")
    assert page.is_disabled("#record") and "needs https" in page.inner_text("#recording")
    soundfile.write(tmp_path / "long.flac", [[0.1, 0.0]] * 8000 * 16, 8000)
    page.set_input_files("#recording-file", tmp_path / "long.flac")
    told(page, "The first 15.0 of 16.0 seconds will be used.", "recording")
    (tmp_path / "no.wav").write_bytes(b"no audio")
    page.set_input_files("#recording-file", tmp_path / "no.wav")
    told(page, "no audio", "error")
    assert page.inner_text("#recording") == ""


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1100, 700), ("dark", 320, 640)])
def test_it_is_accessible(open_page, scheme, width, height):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python, of lfsc-tts[dev]")
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    page = open_page({VOICES: cast, SPEECH: Speaker(speech())}, **options)
    name_is(page, "Many")

    def nothing_serious() -> None:
        report = axe.Axe().run(page).response
        assert report["passes"]
        wrong = [
            f"{v['id']}: {v['nodes'][0]['html']}"
            for v in report["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert not wrong, "\n".join(wrong)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.click("#choose-voice")
    nothing_serious()
    page.click("label:has-text('Bob')")
    page.click("#prompt summary")
    page.fill("#text", TEXT)
    page.click("#speak")
    until(page, "document.querySelector('mark') && document.querySelector('#error').textContent")
    page.click("#toggle")
    nothing_serious()
    targets = "button, select, summary, input:not([type=range], [type=radio], [type=checkbox])"  # those have labels
    heights = page.eval_on_selector_all(targets, "all => all.filter(e => e.offsetParent).map(e => e.offsetHeight)")
    assert len(heights) > 5 and min(heights) >= 24  # CSS pixels, WCAG 2.5.8
