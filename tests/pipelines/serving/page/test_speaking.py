"""The page in a browser, speaking: what is heard, which word is shown, what is told when it goes wrong."""

import re

import numpy as np
import pytest

from pages import DONE, TEXT, WORDS, Speaker, event, refused, speech, told, tone, until

SPEECH = "/v1/audio/speech"
LEAD_S = 0.03  # of player.js, after silence


def spoken(page, text: str = TEXT) -> None:
    page.fill("#text", text)
    page.click("#speak")


def shown(page) -> str:
    """The word that is marked."""
    return page.evaluate("document.querySelector('mark')?.textContent ?? ''")


def test_it_plays_what_the_server_speaks_without_a_seam(open_page, server):
    page, text = open_page(), "Hello there."
    told(page, "Toy", "voice-name")
    page.fill("#text", text)
    page.fill("#seed", "3")
    page.keyboard.press("Control+Enter")
    until(page, "loudness() > 1e-3")
    begun_s = page.evaluate("heard.context.currentTime")
    until(page, f"heard.context.currentTime > {begun_s} + 0.1")
    assert page.inner_text("#speak") == "Stop"
    told(page, "Finished")
    assert page.inner_text("#speak") == "Speak"
    sources = page.evaluate("heard.sources")
    answer = server.post(input=text, voice="toy", seed=3, response_format="pcm")
    samples = np.frombuffer(answer.content, "<i2") / 32768
    assert np.array_equal(np.concatenate([source["samples"] for source in sources]), samples)
    begins = np.array([source["when"] for source in sources])
    ends = begins + np.array([len(source["samples"]) for source in sources]) / 24_000
    pauses_s = begins[1:] - ends[:-1]
    assert len(sources) > 1
    assert np.all((np.abs(pauses_s) < 1e-6) | (pauses_s > LEAD_S - 1e-6))  # a slow machine may run out of sound
    assert page.inner_text("#length") == f"{len(samples) / 24_000:.1f} s"
    assert re.fullmatch(r"\d+ ms", page.inner_text("#first"))
    assert re.fullmatch(r"\d+\.\d{3}", page.inner_text("#factor"))


def test_what_is_told_is_seen_already(open_page):
    """Not in the next frame, which a page that is hidden may never have."""
    short = event(type="speech.audio.delta", audio=tone(0.3)) + DONE
    page = open_page({SPEECH: Speaker(short)}, before="window.requestAnimationFrame = () => 0;")
    spoken(page)
    told(page, "Finished")
    assert page.inner_text("#speak") == "Speak" and page.inner_text("#time") == "0:00 / 0:00"


def test_it_marks_the_word_that_is_heard(open_page):
    page = open_page({SPEECH: Speaker()})
    spoken(page)
    until(page, "document.querySelector('mark')")
    page.click("#toggle")
    told(page, "Paused")
    for position, word in {"0.1": "", "0.5": "Mr", "0.8": "Lee", "1.2": "paid", "1.7": "$5", "2.5": "$5"}.items():
        page.fill("#position", position)
        assert shown(page) == word
    # The copy with the mark lies behind the text, letter by letter.
    assert page.evaluate("document.querySelector('#shown').textContent.trim()") == TEXT
    page.fill("#text", "Another text.")
    assert shown(page) == ""


@pytest.mark.parametrize(
    ("text", "said", "found"),
    [
        ("Dr. Li paid $12.50.", "Doctor Li paid twelve dollars fifty cents", "Dr Li paid $12.50 $12.50 $12.50 $12.50"),
        ("It’s naïve—really! No. No.", "It's naive really", "It’s naïve really"),
        ("**At 7:45**, go. Five.", "At seven forty five go", "At 7:45 7:45 7:45 go"),
        ("In 1999 & later.", "In nineteen ninety nine and later", "In 1999 1999 1999 & later"),
        ("", "nobody wrote this", ""),
    ],
)  # fmt: skip
def test_it_finds_words_as_they_are_written(open_words, text, said, found):
    words = [{"word": word, "start_time": i, "end_time": i + 1} for i, word in enumerate(said.split())]
    script = """async ([text, words]) => {
        const follower = new (await import("/page/words.js")).Follower(text);
        follower.add({sentence: words.map(({word}) => word), words});
        const marks = words.map(({start_time}) => follower.at(start_time + 0.5));
        return marks.map((mark) => mark ? text.slice(mark.start, mark.end) : "");
    }"""
    assert " ".join(open_words.evaluate(script, [text, words])).strip() == found


@pytest.fixture(scope="module")
def open_words(browser, server):
    """A page for modules that need none of it."""
    page = browser.new_page()
    page.goto(server.url)
    yield page
    page.close()


def test_it_follows_sentence_after_sentence(open_words):
    script = """async () => {
        const text = "Give me 2. No.\\n\\nNo. What now, Dr. No?";
        const follower = new (await import("/page/words.js")).Follower(text);
        const found = [];
        let time = 0;
        for (const sentence of ["Give me two", "No", "No", "What now Doctor No"]) {
            const words = sentence.split(" ").map((word) => ({word, start_time: time, end_time: ++time}));
            follower.add({sentence: words.map(({word}) => word), words});
        }
        for (let at = 0; at < time; at++) found.push(follower.at(at + 0.5).start);
        return found;
    }"""
    assert open_words.evaluate(script) == [0, 5, 8, 11, 16, 20, 25, 30, 34]


def test_it_marks_a_word_before_its_end_is_known(open_page):
    words = [{"word": word, "start_time": begin, "end_time": end} for word, begin, end in WORDS]
    sentence, speaking = [word for word, *_ in WORDS], {"word": "paid", "start_time": 1.0}
    first = event(type="speech.audio.words", sentence=sentence, words=words[:2], speaking=speaking)
    page = open_page({SPEECH: Speaker(event(type="speech.audio.delta", audio=tone()) + first)})
    spoken(page)
    until(page, "document.querySelector('mark')")
    page.click("#toggle")
    told(page, "Paused")
    for position, word in {"0.5": "Mr", "0.8": "Lee", "1.2": "paid", "3": "paid"}.items():
        page.fill("#position", position)
        assert shown(page) == word


def test_pause_stop_and_again(open_page):
    page = open_page({SPEECH: Speaker()})
    spoken(page)
    until(page, "Number(document.querySelector('#position').value) > 0.3")
    page.click("#toggle")
    told(page, "Paused")
    until(page, "heard.context.state === 'suspended'")
    page.click("#toggle")
    page.fill("#position", "5.7")
    told(page, "Finished, 6.0 seconds")
    page.click("#toggle")  # from the beginning
    until(page, "Number(document.querySelector('#position').value) < 1")
    page.keyboard.press("Escape")
    until(page, "heard.context.state === 'suspended'")
    assert page.inner_text("#speak") == "Speak"
    assert page.inner_text("#time") == "0:00"


WRONG = [
    ("  ", None, "There is no text yet"),
    ("word " * 1000, None, "got 5000 characters; expected 4096 at most"),
    (TEXT, lambda route: refused(route, 429, "all 4 streams are taken"), "all 4 streams are taken"),
    (TEXT, lambda route: route.fulfill(status=502, body="<html>"), "The server answered 502"),
    (TEXT, lambda route: route.abort(), "The server cannot be reached"),
    (TEXT, Speaker(speech()), "The connection was cut"),
    (TEXT, Speaker(speech(event(type="speech.audio.error", error={"message": "half of it"}))), "half of it"),
]


def test_what_goes_wrong_is_said(open_page, server):
    page = open_page()
    for text, route, message in WRONG:
        if route:
            page.route(server.url + SPEECH, route)  # the latest goes first
        page.fill("#text", text)
        page.keyboard.press("Control+Enter")
        told(page, message, "error")
    page.keyboard.press("Escape")
    page.route(server.url + SPEECH, Speaker())
    page.keyboard.press("Control+Enter")
    until(page, "loudness() > 1e-3 && !document.querySelector('#error').textContent")


def test_a_download_is_what_was_heard_and_says_that_it_is_synthetic(open_page, server):
    page = open_page()
    page.fill("#text", "Hello.")
    page.select_option("#format", "flac")
    with page.expect_download() as waiting:
        page.click("#download")
    body = {"input": "Hello.", "voice": "toy", "response_format": "flac", "stream": False}
    assert waiting.value.suggested_filename == "speech.flac"
    assert waiting.value.path().read_bytes() == server.post(**body).content
