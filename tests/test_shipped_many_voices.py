"""The voice of many that ships: whole, small, documented; its people differ and are who they are said to be."""

import numpy as np
import pytest

from codec.speaker import SpeakerEncoder
from pipelines.shared.resources import VOICES
from pipelines.shared.settings import load_yaml
from pipelines.speaking.speakers import described, read_speakers

FOLDER = VOICES / "english"
ROOT = VOICES.parent
FOX = "The quick brown fox jumps over the lazy dog."
HELD_OUT = {"am_puck", "bf_lily", "ff_siwis", "hm_omega", "zm_yunxi"}  # of every training, to measure with
if not (FOLDER / "voice.yaml").is_file():
    pytest.skip("voices/english has no speech LM in this checkout", allow_module_level=True)


@pytest.fixture(scope="module")
def card():
    return load_yaml((FOLDER / "voice.yaml").read_text("utf-8"))


def speaking(name: str, **options):
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    from pipelines.tts import TTS

    return TTS.from_pretrained(name, **options)


def test_it_has_the_people_its_card_names():
    speakers = read_speakers(FOLDER)
    assert list(speakers.known) == list(described(FOLDER))
    assert len(speakers.known) == 25 and not HELD_OUT & set(speakers.known)
    for facts in described(FOLDER).values():
        assert facts["sex"] in ("female", "male") and facts["accent"] in ("US", "GB") and facts["about"]


def test_it_is_small_enough_to_ship():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 64e6
    assert not [path for path in files if path.suffix in (".ckpt", ".partial", ".wav")]


def test_its_card_says_where_it_comes_from_and_how_it_goes_on(card):
    assert card["licence"] == "Apache-2.0" and "Kokoro" in str(card["provenance"])
    commands = [word for command in card["training"] for word in command.split() if word.endswith((".py", ".yaml"))]
    assert {"pipelines/train_lm.py", "pipelines/warp_corpus.py"} <= set(commands)
    assert not [file for file in commands if not (ROOT / file).is_file()]
    assert {"named", "unheard"} <= set(card["figures"])


def test_a_person_of_it_is_found_by_name_and_speaks():
    speech = speaking("am_michael").synthesize(FOX)
    assert np.isfinite(speech.audio).all() and 0.05 < np.abs(speech.audio).max() <= 1.0
    assert 1.5 < speech.duration_s < 6.0
    assert [word.text.lower().strip(".") for word in speech.words] == FOX.lower().strip(".").split()


def test_its_people_sound_like_themselves():
    """Each of a few is nearer to his own recordings than to those of the others."""
    speakers, encoder = read_speakers(FOLDER), SpeakerEncoder()
    names = ["af_bella", "am_onyx", "bf_emma", "bm_george"]
    means = np.stack([speakers[name].vector for name in names])
    for number, name in enumerate(names):
        speech = speaking(name).synthesize(FOX, watermark=False)
        scores = means @ encoder(speech.audio, speech.sample_rate)
        assert int(scores.argmax()) == number, f"{name} sounds like {names[int(scores.argmax())]}"


def test_it_is_heavier_in_torch_but_the_same():
    pytest.importorskip("torch", reason="the other engine")
    ours, theirs = (speaking("am_onyx", engine=engine, precision="float32") for engine in ("onnx", "torch"))
    assert np.allclose(ours.voice.prefix, theirs.voice.prefix, atol=1e-4)
    first, second = (tts.synthesize("Hello there.", watermark=False) for tts in (ours, theirs))
    assert np.array_equal(first.codes, second.codes)
