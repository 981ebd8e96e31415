"""Many synthetic speakers: who is in the cast, what a blend is, and what a chunk leaves on disk."""

import numpy as np
import pytest
import soundfile

from pipelines.corpus import kokoro, manifest
from pipelines.shared.errors import UserError

VOICES = ["af_a", "af_b", "am_c", "bf_d", "bm_e", "zf_f", "jm_g"]


def test_the_cast_has_every_voice_and_blends_of_one_sex():
    voices, blends = kokoro.cast(VOICES, seed=7)
    assert sorted(voices) == sorted(VOICES) and voices[-2:] == ["zf_f", "jm_g"]
    assert len(blends) == kokoro.BLENDS and (voices, blends) == kokoro.cast(VOICES, seed=7)
    for blend in blends:
        pair, _, share = blend.partition("@")
        first, _, second = pair.partition("+")
        assert first[1] == second[1] and first != second and 0.3 <= float(share) <= 0.7
    assert not any("zf" in blend or "jm" in blend for blend in blends[: kokoro.BLENDS // 2])


class Fake(kokoro.Kokoro):
    """Speaks tones."""

    def __init__(self):
        self.styles = {name: np.full((510, 256), number, np.float32) for number, name in enumerate(VOICES)}
        self.asked = []

    def __call__(self, text, speaker, speed):
        self.asked.append(speaker)
        return np.sin(np.arange(2400) / 20).astype(np.float32), "hi"


def test_a_blend_is_the_mean_of_two_styles_by_its_share():
    fake = Fake()
    assert (fake.style("am_c") == 2).all()
    assert np.allclose(fake.style("af_b+bm_e@0.25"), 0.75 * 1 + 0.25 * 4)


def test_a_chunk_is_read_by_voices_and_blends_in_turn(tmp_path, monkeypatch):
    fake = Fake()
    monkeypatch.setattr(kokoro, "load", lambda styles: fake)
    for name in ("wavs", "parts"):
        (tmp_path / name).mkdir()
    listing = kokoro.speak_chunk(["One.", "Two.", "Three."], 400, tmp_path, tmp_path)
    found = manifest.read(listing)
    assert [one.id for one in found] == ["000400", "000401", "000402"]
    assert ["+" in one.speaker for one in found] == [False, True, False]
    assert [one.speaker for one in found] == fake.asked and found[0].phonemes == "hi"
    assert soundfile.info(tmp_path / found[0].audio).samplerate == kokoro.SAMPLE_RATE
    kokoro.speak_chunk(["One.", "Two.", "Three."], 400, tmp_path, tmp_path)
    assert len(fake.asked) == 3, "what is there is not read again"


def test_named_speakers_read_alone(tmp_path, monkeypatch):
    fake = Fake()
    monkeypatch.setattr(kokoro, "load", lambda styles: fake)
    for name in ("wavs", "parts"):
        (tmp_path / name).mkdir()
    speakers = ["bf_d", "af_a+af_b@0.4"]
    listing = kokoro.speak_chunk(["One.", "Two.", "Three."], 0, tmp_path, tmp_path, speakers)
    assert [one.speaker for one in manifest.read(listing)] == ["bf_d", "af_a+af_b@0.4", "bf_d"]
    with pytest.raises(UserError, match="begun with other speakers, such as af_a.af_b@0.4; name the same"):
        kokoro.speak_chunk(["One.", "Two.", "Three."], 0, tmp_path, tmp_path, ["bf_d"])


@pytest.mark.parametrize("name", ["nobody", "af_a+nobody@0.4", "af_a+af_b", "af_a+af_b@half"])
def test_speakers_that_are_not_there_are_said(name):
    kokoro.check_speakers(Fake(), ["af_a", "af_a+af_b@0.4"])
    with pytest.raises(UserError, match="expected one of af_a"):
        kokoro.check_speakers(Fake(), ["af_a", name])


def test_missing_tables_are_said(tmp_path):
    with pytest.raises(UserError, match=r"holds no \*.bin style tables"):
        kokoro.Kokoro(tmp_path)
