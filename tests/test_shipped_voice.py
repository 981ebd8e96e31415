"""The voice that ships: whole, small, documented, understood."""

import time

import numpy as np
import pytest

from benchmarks.timing.memory import peak_mib
from pipelines.shared.resources import VOICES
from pipelines.shared.settings import load_yaml
from pipelines.speaking.loading import load_voice

HEART = VOICES / "heart"
ROOT = VOICES.parent
FOX = "The quick brown fox jumps over the lazy dog."
pytestmark = pytest.mark.skipif(not (HEART / "voice.yaml").is_file(), reason="voices/heart is not in this checkout")


@pytest.fixture(scope="module")
def card():
    return load_yaml((HEART / "voice.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def tts():
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    from pipelines.tts import TTS

    return TTS.from_pretrained("heart")


@pytest.fixture(scope="module")
def fox(tts):
    return tts.synthesize(FOX, seed=0)


def test_it_loads_and_its_parts_belong_together():
    voice = load_voice("heart")
    assert voice.name == "heart"
    assert voice.lm.config.codes.codec_fingerprint == voice.codec.fingerprint
    assert voice.lm.config.vocab_size == voice.make_frontend().tokenizer.vocab_size
    assert round(voice.codec.frame_rate, 2) == 21.53
    assert (voice.codec.num_codebooks, voice.codec.codebook_size) == (8, 2016)


def test_its_twin_differs_in_its_codec_and_not_in_its_transformer():
    heart, twin = (load_voice(name, engine="torch") for name in ("heart", "heart-86fps"))
    assert round(twin.codec.frame_rate, 2) == 86.13
    assert (twin.codec.num_codebooks, twin.codec.codebook_size) == (8, 1000)
    assert twin.make_frontend().tokenizer.fingerprint == heart.make_frontend().tokenizer.fingerprint
    shapes = [{name: tensor.shape for name, tensor in voice.lm.blocks.state_dict().items()} for voice in (heart, twin)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("voice", ["heart", "heart-86fps"])
def test_it_is_small_enough_to_ship(voice):
    files = [path for path in (VOICES / voice).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 48e6
    assert not [path for path in files if path.suffix in (".ckpt", ".partial", ".wav")]


def test_its_card_says_where_it_comes_from(card):
    assert "Apache-2.0" in card["licence"]
    assert "hibari" in str(card["provenance"])
    assert "Kokoro" in str(card["provenance"])
    assert "synthetic" in str(card["provenance"])


def test_its_card_says_how_it_was_trained(card):
    commands = [word for command in card["training"] for word in command.split() if word.endswith((".py", ".yaml"))]
    assert {"pipelines/train_codec.py", "pipelines/train_lm.py"} <= set(commands)
    assert not [file for file in commands if not (ROOT / file).is_file()]


def test_its_card_has_measured_figures(card):
    likely = {"cer": (0.001, 0.1), "wer": (0.001, 0.2), "mos": (3, 5), "similarity": (0.7, 1), "rtf": (0.001, 0.5)}
    assert set(card["figures"]) == set(likely)
    for key, (low, high) in likely.items():
        assert low < card["figures"][key] < high, key


def test_the_readme_says_what_the_card_says(card):
    row = next(
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| **voice heart")
    )
    cer, wer, mos, similarity = (float(cell.split("[")[0]) for cell in row.strip("| ").split("|")[1:])
    figures = card["figures"]
    assert (cer, wer) == (round(100 * figures["cer"], 1), round(100 * figures["wer"], 1))
    assert (mos, similarity) == (round(figures["mos"], 2), round(figures["similarity"], 2))


def test_speech_is_sound(fox):
    assert fox.audio.dtype == np.float32
    assert np.isfinite(fox.audio).all()
    assert 0.05 < np.abs(fox.audio).max() <= 1.0
    assert 1.5 < fox.duration_s < 6.0
    assert [word.text.lower().strip(".") for word in fox.words] == FOX.lower().strip(".").split()


def test_the_same_seed_says_the_same(tts, fox):
    assert np.array_equal(tts.synthesize(FOX, seed=0).audio, fox.audio)
    assert np.allclose(np.concatenate(list(tts.stream(FOX, seed=0))), fox.audio, atol=1e-5)


def test_it_is_understood(fox):
    pytest.importorskip("faster_whisper", reason="recognition needs lfsc-tts[eval]")
    pytest.importorskip("jiwer", reason="error rates need lfsc-tts[eval]")
    from benchmarks.judges.asr import load_recognizer
    from benchmarks.judges.error_rates import character_errors
    from benchmarks.texts.transcripts import normalize_transcript

    try:
        recognizer = load_recognizer("whisper-base")
    except ImportError as error:
        pytest.skip(str(error))
    heard = recognizer.transcribe(fox.audio, fox.sample_rate)
    errors = character_errors(normalize_transcript(FOX), normalize_transcript(heard))
    assert errors[0] / errors[1] <= 0.10, f"heard: {heard}"


def test_speed_and_memory(tts, fox, capsys):
    """Faster than real time on any machine that runs tests; the figures are printed for whoever reads the log."""
    begin, first, samples = time.perf_counter(), 0.0, 0
    for audio in tts.stream(FOX, seed=0):
        first = first or time.perf_counter() - begin
        samples += len(audio)
    factor = (time.perf_counter() - begin) / (samples / tts.sample_rate)
    peak = peak_mib()
    with capsys.disabled():
        print(f"\nheart: real-time factor {factor:.3f}, first audio {1000 * first:.0f} ms, peak {peak:.0f} MiB")
    assert factor < 1.0
