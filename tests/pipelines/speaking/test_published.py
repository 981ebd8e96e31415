"""Published weights from the command line, with files of their layout and random weights; real ones where they are."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import gepard_files
import toys
from codec import HiFiGANCodec
from codec import save as save_codec
from parity.reduced import reduced
from pipelines.shared.errors import UserError
from pipelines.speaking.passages import Passage, grouped
from pipelines.speaking.synthesis import KEEP, TTS
from speechllm.gepard import voice as gepard

ROOT = Path(__file__).resolve().parents[3]
TEXT = "Nobody in the village had seen it coming. The harbour was quiet that evening, and two boats had come in late."


@pytest.fixture(scope="module")
def codec(tmp_path_factory) -> Path:
    """A small codec of NanoCodec's kind. Read only."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("codec") / "nano"
    save_codec(HiFiGANCodec(reduced("nanocodec-21.5fps")).eval(), folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Read only. Its stop head lets some sentences end by themselves."""
    return gepard_files.write_folder(tmp_path_factory.mktemp("gepard"))


@pytest.fixture
def recording(tmp_path) -> Path:
    soundfile.write(tmp_path / "me.wav", toys.utterance(3, 4.0), toys.RATE)
    return tmp_path / "me.wav"


def load(folder: Path, codec: Path, **options: object) -> TTS:
    return TTS.from_pretrained(f"gepard:{folder}", codec, **options)


def run(*argv: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "pipelines/tts.py", *argv]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def test_one_command_speaks_and_shows_whose_weights_these_are(folder, codec, recording, tmp_path):
    out = tmp_path / "out.wav"
    voice = "--voice", f"gepard:{folder}", "--codec", codec, "--prompt", recording, "--language", "es"
    done = run(*voice, "--text", "Hola.", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["licences"] == gepard.LICENCES
    assert "Apache-2.0" in done.stderr and "NVIDIA Open Model License" in done.stderr
    audio, rate = soundfile.read(out)
    assert rate == 22_050 and abs(len(audio) / rate - report["duration_s"]) < 1e-3


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_streamed_is_collected_and_seeds_are_kept(folder, codec, precision):
    tts = load(folder, codec, precision=precision)
    speech = tts.synthesize(TEXT, seed=3, max_frames=90)
    assert np.array_equal(np.concatenate(list(tts.stream(TEXT, seed=3, max_frames=90))), speech.audio)
    assert speech.codes.shape[0] == 8 and len(speech.audio) == 1024 * speech.codes.shape[1]
    assert 0 < speech.confidence <= 1 and speech.words == []
    other = tts.synthesize(TEXT, seed=4, max_frames=90).codes
    assert other.shape != speech.codes.shape or not np.array_equal(other, speech.codes)


def test_its_weights_are_not_in_memory_twice(folder, codec):
    tts = load(folder, codec)
    assert tts.voice.precision == "bfloat16"
    assert all(parameter.is_meta for parameter in tts.voice.lm.blocks.parameters())
    assert np.isfinite(tts.synthesize(TEXT, max_frames=20).audio).all()
    assert np.array_equal(*(TTS(tts.voice).synthesize(TEXT, max_frames=20).audio for _ in range(2)))
    with pytest.raises(ValueError, match=r"given up when they were packed; load them again for int8"):
        TTS(replace(tts.voice, precision="int8"))


def test_a_recording_nobody_and_no_prefix_are_three_voices(folder, codec, recording):
    said = [load(folder, codec, prompt=p).synthesize(TEXT, max_frames=20).codes for p in (None, "none", recording)]
    assert len({tuple(codes.flatten().tolist()) for codes in said}) == 3


def test_the_prompt_is_what_the_codec_hears(folder, codec, recording):
    tts = load(folder, codec, prompt=recording)
    audio = torch.from_numpy(soundfile.read(recording, dtype="float32")[0])[None, None]
    assert torch.equal(tts.voice.prefix, tts.voice.lm.voice_prefix(tts.codec.encode(audio)[0][0]))
    assert not tts.voice.keeps_first


def test_whoever_speaks_first_goes_on_speaking(folder, codec, monkeypatch):
    tts, prefixes = load(folder, codec), []
    frames = TTS.frames
    monkeypatch.setattr(TTS, "frames", lambda self, p, s, prefix: prefixes.append(prefix) or frames(self, p, s, prefix))
    text = " ".join(f"This is sentence number {n}, and it is about as long as sentences are." for n in range(4))
    speech = tts.synthesize(text, min_frames=40, max_frames=40)
    assert len(prefixes) == 4
    assert torch.equal(prefixes[0], tts.voice.prefix) and torch.equal(prefixes[1], tts.voice.prefix)
    assert 40 < KEEP[0] < 80 < KEEP[1]
    assert torch.equal(prefixes[2], tts.voice.voice_prefix(speech.codes[:, :80]))
    assert torch.equal(prefixes[3], prefixes[2])


def test_short_sentences_are_spoken_with_what_follows():
    texts = ["Yes.", "No.", "This one is long enough to be spoken all by itself, I should think.", "Good.", "Bye."]
    assert [passage.text for passage in grouped(map(Passage, texts))] == [" ".join(texts[:3]), "Good. Bye."]


def test_short_texts_are_tried_several_times(folder, codec, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "pipelines.speaking.torch_voice.Engines.best_of", lambda *given: seen.append(given[-3:-1]) or iter(())
    )
    for tts, wanted in ((load(folder, codec), 4), (load(folder, codec, tries=2), 2)):
        list(tts.frames(tts.frontend("Yes!"), tts.sampling, None))
        assert seen.pop() == (wanted, 6)


def mistakes(folder: Path, codec: Path, tmp: Path) -> list[tuple[list[object], str]]:
    lfsc, twin = tmp / "lfsc", tmp / "twin"
    save_codec(HiFiGANCodec(reduced("lfsc")), lfsc)
    save_codec(HiFiGANCodec(reduced("nanocodec-12.5fps")), twin)
    shutil.copytree(folder, tmp / "bare")
    (tmp / "bare/model.safetensors").unlink()
    (tmp / "text.wav").write_text("no audio")
    soundfile.write(tmp / "short.wav", np.zeros(5000, np.float32), toys.RATE)
    soundfile.write(tmp / "long.wav", np.zeros(61 * 8000, np.float32), 8000)
    voice = ["--voice", f"gepard:{folder}"]
    right = [*voice, "--codec", codec]
    return [
        ([*voice, "--codec", lfsc], "not causal as NanoCodec is"),
        ([*voice, "--codec", twin], "13 codebooks.*this voice has 8"),
        ([*voice, "--codec", tmp / "nothing"], "no such folder"),
        (["--voice", "gepard:", "--codec", codec], "'' is not a folder; expected gepard:FOLDER or gepard:nineninesix"),
        (["--voice", f"gepard:{tmp}/x", "--codec", codec], "x' is not a folder"),
        (["--voice", f"gepard:{tmp}/bare", "--codec", codec], "has no model.safetensors"),
        ([*right, "--prompt", tmp / "nobody.wav"], "nobody.wav is not a file; expected a recording"),
        ([*right, "--prompt", tmp / "text.wav"], "text.wav"),
        ([*right, "--prompt", tmp / "short.wav"], "lasts 0.2 s; expected 1 to 60 s"),
        ([*right, "--prompt", tmp / "long.wav"], "lasts 61.0 s; expected 1 to 60 s"),
        ([*right, "--language", "de"], "got language 'de'.*en, es, pt, nl"),
        ([*right, "--timestamps", "srt"], "--timestamps needs a voice that knows where it reads"),
        ([*right, "--tries", "-1"], "got --tries -1"),
        (["--prompt", "me.wav"], "the voice heart has one speaker and takes no prompt; a prompt goes with english"),
        (["--language", "es"], "the voice heart speaks English; a language goes with gepard:PATH"),
    ]


def test_every_mistake_gets_one_line(folder, codec, tmp_path, monkeypatch, capsys):
    from pipelines.shared.errors import guard
    from pipelines.speaking import command_line as speak

    monkeypatch.chdir(tmp_path)
    for argv, message in mistakes(folder, codec, tmp_path):
        with pytest.raises(SystemExit) as stopped:
            guard(lambda argv=argv: speak.main(["--text", "Hello there.", *map(str, argv)]))
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
        assert stopped.value.code == 2 and len(lines) == 1, argv
        assert re.search(message, lines[0]), (message, lines[0])
        assert not (tmp_path / "speech.wav").exists()


def test_a_hub_id_takes_the_pinned_revision(monkeypatch, folder, codec):
    asked = []
    monkeypatch.setattr("codec.pretrained.hub.fetch", lambda *which: asked.append(which) or str(folder / which[1]))
    TTS.from_pretrained("gepard:nineninesix/gepard-1.0", codec)
    assert asked == [("nineninesix/gepard-1.0", name, gepard.REVISION) for name in gepard.FILES]
    asked.clear()
    TTS.from_pretrained("gepard:someone/gepard-2@abc", codec)
    assert {which[2] for which in asked} == {"abc"}


def test_an_unmerged_adapter_is_an_error_of_the_user(folder, codec, tmp_path):
    shutil.copytree(folder, tmp_path / "lora")
    weights = gepard_files.random_weights(gepard_files.configuration())
    weights["model.layers.0.self_attn.q_proj.lora_A.weight"] = torch.zeros(2, 64)
    gepard_files.save_file(weights, tmp_path / "lora/model.safetensors")
    with pytest.raises(UserError, match="LoRA adapters that are not merged"):
        load(tmp_path / "lora", codec)


def test_real_weights_speak(tmp_path):
    """LFSC_GEPARD=folder of Gepard-1.0, LFSC_NANOCODEC=its codec's .nemo file; Whisper says whether they are heard."""
    folder, codec = os.environ.get("LFSC_GEPARD"), os.environ.get("LFSC_NANOCODEC")
    if not folder or not codec:
        pytest.skip("needs the published weights: set LFSC_GEPARD and LFSC_NANOCODEC")
    found = gepard.load(folder)
    assert sum(p.numel() for p in found.lm.parameters()) == 555_546_587 + 1024
    out = tmp_path / "out.wav"
    done = run("--voice", f"gepard:{folder}", "--codec", codec, "--text", TEXT, "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert 4 < report["duration_s"] < 15 and report["confidence"] > 0.2
    from benchmarks.judges.asr import load_recognizer
    from benchmarks.judges.error_rates import character_errors
    from benchmarks.texts.transcripts import normalize_transcript

    pytest.importorskip("faster_whisper", reason="listening needs the eval extra")
    heard = load_recognizer("whisper-base", 2).transcribe(*soundfile.read(out, dtype="float32"))
    errors, total = character_errors(normalize_transcript(TEXT), normalize_transcript(heard))
    assert errors / total < 0.15, heard
