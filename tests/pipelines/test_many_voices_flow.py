"""A voice of many people: recordings in, more speakers by warping, trained for some steps, spoken in both engines."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
pytest.importorskip("hibari", reason="speaking needs hibari-tts")
import toys
from codec import load as load_codec
from codec import save as save_codec
from codec.export.export import export_onnx
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from pipelines import (
    align_corpus,
    encode_corpus,
    encode_speakers,
    export_voice,
    extract_features,
    finetune,
    train_lm,
    train_recogniser,
    train_tokenizer,
    warp_corpus,
)
from pipelines.shared.errors import UserError
from pipelines.speaking.manner import Manner
from pipelines.speaking.provenance import provenance
from pipelines.speaking.synthesis import TTS
from pipelines.training.lite_codec import DISCRIMINATORS
from speechllm import SpeechLM
from speechllm.data.shards import open_shards
from speechllm.data.speakers import read_speakers
from speechllm.request import Frame, settings_of_tries

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Hello there."
pytestmark = pytest.mark.slow


def run(main, *argv: object) -> None:
    """A script's main with the arguments of a command line."""
    main(list(map(str, argv)))


def warp(root: Path) -> None:
    names = ["--manifest", root / "manifest.jsonl", "--features", root / "features"]
    run(warp_corpus.main, *names, "--config", root / "codec.yaml", "--out", root / "warped", "--group", 3)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder in which every act of the story has been played."""
    root = tmp_path_factory.mktemp("many")
    manifest = toys.write_corpus(root, 8, 1.8)
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text("".join(json.dumps(line | {"speaker": "ab"[i % 2]}) + "\n" for i, line in enumerate(lines)))
    save_codec(toys.toy_codec(), root / "codec")
    export_onnx(toys.toy_codec(), root / "codec")
    (root / "codec.yaml").write_text("codec: {name: toy}\n")  # the analysis is the same
    run(train_tokenizer.main, "--manifest", manifest, "--out", root / "tokenizer.model")
    run(extract_features.main, "--manifest", manifest, "--config", root / "codec.yaml", "--out", root / "features")
    warp(root)
    for name, folder in (("plain", root), ("warped", root / "warped")):
        paths = ["--manifest", folder / "manifest.jsonl", "--features", folder / "features", "--codec", root / "codec"]
        run(encode_corpus.main, *paths, "--tokenizer", root / "tokenizer.model", "--out", root / "codes" / name)
    paths = ["--shards", root / "codes", "--codec", root / "codec"]
    run(encode_speakers.main, "--manifest", manifest, root / "warped/manifest.jsonl", *paths)
    paths = ["--shards", root / "codes", "--tokenizer", root / "tokenizer.model"]
    run(align_corpus.main, *paths, "--steps", 4, "--save", root / "aligner.safetensors")
    shape = ["--model.speaker_dim=256", "--model.prefix_queries=2", "--model.prefix_heads=2"]
    paths = [f"--shards={root / 'codes'}", f"--tokenizer={root / 'tokenizer.model'}", f"--run_dir={root / 'lm'}"]
    run(train_lm.main, "--config", ROOT / "configs/speechllm/debug.yaml", *paths, *shape, "--optim.max_steps=6")
    lm = SpeechLM.from_pretrained(root / "lm/lm")  # in so few steps it has not learnt to listen to voices
    lm.speaker.linear.weight.data *= 20
    lm.save_pretrained(root / "lm/lm")
    (root / "voice").mkdir()
    paths = ["--shards", root / "codes", "--tokenizer", root / "tokenizer.model", "--steps", 3, "--dim", 8]
    run(train_recogniser.main, *paths, "--out", root / "recogniser")
    card = "name: many\ntries: 3\nsampling: {temperature: 0.9}\n"
    card += "speaker: a\nspeakers:\n  a: {sex: female}\n  b: {sex: male}\n"
    (root / "voice/voice.yaml").write_text(card)
    paths = ["--lm", root / "lm/lm", "--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
    shards = ["--shards", root / "codes", "--aligner", root / "aligner.safetensors"]
    shards += ["--recogniser", root / "recogniser"]
    run(export_voice.main, *paths, *shards, "--out", root / "voice")
    return root


def codes_of(tts: TTS) -> list:
    """What the speech LM writes for TEXT."""
    prompt = tts.voice.prompt(tts.frontend(TEXT).ids, tts.voice.prefix)
    return [np.asarray(frame.codes).tolist() for frame in tts.voice.generate(prompt, tts.sampling)]


def voice(root: Path, speaker: str = "", **options) -> TTS:
    return TTS.from_pretrained(f"{root / 'voice'}{speaker and ':'}{speaker}", precision="float32", **options)


def test_warped_utterances_are_of_new_speakers_in_groups(root):
    lines = [json.loads(line) for line in (root / "warped/manifest.jsonl").read_text().splitlines()]
    assert {line["speaker"] for line in lines} == {"a~0", "a~1", "b~0", "b~1"}
    assert all((root / "warped" / line["audio"]).is_file() for line in lines)
    (path,) = (root / "warped/features").glob("*.safetensors")
    before = load_file(path)
    path.unlink()
    warp(root)
    again = load_file(path)
    assert all(torch.equal(again[name], before[name]) for name in before), "the same seed gives the same corpus"


def test_every_utterance_has_its_speaker_and_a_vector(root):
    shards = open_shards(root / "codes")
    assert len(shards) == 2
    for shard in shards:
        speakers = read_speakers(shard)
        assert np.allclose(speakers.vectors.float().norm(dim=1), 1, atol=1e-2)
        assert set(speakers.names) in ({"a", "b"}, {"a~0", "a~1", "b~0", "b~1"})


def test_speakers_differ_and_both_engines_agree(root):
    a, b, default = (voice(root, name, engine="onnx") for name in ("a", "b", ""))
    assert not np.allclose(a.voice.prefix, b.voice.prefix, atol=0.1)
    assert np.array_equal(a.voice.prefix, default.voice.prefix), "the card names who speaks by default"
    assert (a.voice.speaker, b.voice.speaker, default.voice.speaker) == ("a", "b", "a")
    for name, tts in (("a", a), ("b", b)):
        assert codes_of(voice(root, name, engine="torch")) == codes_of(tts)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_guidance_puts_nobody_in_place_of_the_voice(root, engine):
    speaker = voice(root, "a", engine=engine).voice
    prompt = speaker.prompt([4, 5, 6], speaker.prefix)
    assert np.array_equal(prompt.nobody, speaker.voice_prefix(None))
    assert not np.allclose(prompt.nobody, prompt.prefix, atol=0.1)
    published = dataclasses.replace(speaker, unguided=np.array([1]))
    assert published.prompt([4, 5, 6], speaker.prefix).nobody is None, "guided by the text alone, its voice stays"


def test_a_blend_lies_between_its_two(root):
    a, b, half, all_b = (voice(root, name).voice.prefix for name in ("a", "b", "a+b", "a+b@1"))
    assert np.allclose(half, (a + b) / 2) and np.allclose(all_b, b)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c", "no speaker 'c'; expected one of: a, b"),
        ("a+b@2", "expected a name, or a blend like a"),
        ("a+b+a", "expected a name, or a blend like a"),
    ],
)
def test_nobody_of_that_name_is_one_line(root, name, message):
    with pytest.raises(UserError, match=message):
        voice(root, name)


def test_a_recording_lends_its_voice_with_consent(root, tmp_path):
    path = tmp_path / "me.wav"
    soundfile.write(path, np.concatenate([toys.utterance(n, 1.5) for n in range(3)]), toys.RATE)
    with pytest.raises(UserError, match="--i-have-consent"):
        voice(root, prompt=path)
    onnx, with_torch = (voice(root, prompt=path, consent=True, engine=engine) for engine in ("onnx", "torch"))
    assert onnx.voice.findings.duration_s > 4 and "prompt: 4." in onnx.voice.findings.describe()
    assert np.allclose(onnx.voice.prefix, with_torch.voice.prefix, atol=1e-4)
    assert not np.allclose(onnx.voice.prefix, voice(root).voice.prefix, atol=1e-2)
    comment = provenance(onnx.voice, watermark=True)["comment"]
    assert "speaker=a recording; consent=stated by the user" in comment
    assert "speaker=a; codec=" in provenance(voice(root).voice, watermark=True)["comment"]


def test_recordings_that_say_too_little_of_a_voice_are_refused(root, tmp_path):
    rng = np.random.default_rng(0)
    said = {
        "short": (toys.utterance(0, 2.0), "expected 3 to 15 s"),
        "noise": (0.1 * rng.standard_normal(5 * toys.RATE), "holds no speech"),
        "silence": (np.zeros(5 * toys.RATE), "holds no speech"),
    }
    for name, (audio, message) in said.items():
        soundfile.write(tmp_path / f"{name}.wav", audio, toys.RATE)
        with pytest.raises(UserError, match=message):
            voice(root, prompt=tmp_path / f"{name}.wav", consent=True)
    with pytest.raises(UserError, match="is not a file"):
        voice(root, prompt=tmp_path / "nothing.wav", consent=True)


def written(tts: TTS) -> list:
    """The codes of TEXT, as `synthesize` has them."""
    return np.concatenate([np.stack([frame.codes for frame in part.frames]) for part in sentences(tts)]).tolist()


def sentences(tts: TTS) -> list:
    return [part for part in tts.write(tts.passages([TEXT], Manner())) if part.frames]


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_voice_reads_back_what_it_wrote_and_keeps_what_is_read_best(root, engine):
    tts, once = voice(root, "a", engine=engine), voice(root, "a", engine=engine, tries=1)
    prepared = tts.frontend(TEXT)
    check = tts.voice.check(prepared.ids)
    prompt, spoken = tts.voice.prompt(prepared.ids, tts.voice.prefix), []
    for settings in settings_of_tries(dataclasses.replace(tts.sampling, seed=0), 3):
        spoken.append([np.asarray(frame.codes).tolist() for frame in tts.voice.generate(prompt, settings)])
    misread = [check.misread([Frame(codes, 0, 1.0) for codes in one]) for one in spoken]
    assert len(set(misread)) == 3, "tries differ"
    assert written(once) == spoken[0]
    for good in (0.0, misread[1]):
        wanted = next((n for n, nats in enumerate(misread) if nats <= good), int(np.argmin(misread)))
        config = dataclasses.replace(tts.voice.recogniser.config, good=good)
        reader = dataclasses.replace(tts.voice.recogniser, config=config)
        assert written(tts.sharing(dataclasses.replace(tts.voice, recogniser=reader))) == spoken[wanted]
    assert np.array_equal(np.concatenate(list(tts.stream(TEXT))), tts.synthesize(TEXT).audio)


def test_a_recogniser_that_does_not_fit_is_said(root, tmp_path):
    folder = shutil.copytree(root / "voice", tmp_path / "voice")
    path = folder / "recogniser/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_fingerprint": "other"}))
    with pytest.raises(UserError, match="is for another codec or tokenizer than the voice"):
        TTS.from_pretrained(str(folder))
    path.write_text((root / "voice/recogniser/config.json").read_text())
    (folder / "recogniser/recogniser.onnx").write_text("no graph")
    assert TTS.from_pretrained(str(folder), tries=1).voice.recogniser, "whoever does not read back loads no graph"
    with pytest.raises(UserError, match="cannot be loaded: .*recogniser.onnx does not load"):
        TTS.from_pretrained(str(folder))
    (folder / "recogniser/recogniser.onnx").unlink()
    with pytest.raises(UserError, match=r"has no recogniser.onnx; expected a recogniser from train-recogniser"):
        TTS.from_pretrained(str(folder))
    shutil.rmtree(folder / "recogniser")
    assert TTS.from_pretrained(str(folder)).voice.tries == 1, "without one there is nothing to choose by"
    (folder / "voice.yaml").write_text("name: many\ntries: none\n")
    with pytest.raises(UserError, match="got tries: 'none'; expected a whole number, at least 1"):
        TTS.from_pretrained(str(folder))


def finetune_arguments(root: Path, out: Path) -> list[object]:
    data, work = root / "recordings", root / "work"
    rounds = ["--steps", 2, "--max-steps", 4, "--precision", "32-true", "--threads", 1]
    return ["--data", data, "--out", out, "--base", root / "voice", "--work", work, *rounds]


def test_a_voice_is_made_from_recordings(root, monkeypatch, capsys):
    monkeypatch.setattr("pipelines.finetune.can_hear", lambda: False)
    monkeypatch.setattr("pipelines.finetuning.recordings.LEAST_MINUTES", 0.1)
    for part in ("finetuning.judging", "finetuning.report", "finetune"):
        monkeypatch.setattr(f"pipelines.{part}.SENTENCES", ("Hello.", "It is."))
    monkeypatch.setitem(finetune.DECODER, "optim.max_steps", 2)
    discriminators = LitCodec(toys.toy_codec(), CodecOptim()).discriminators.state_dict()
    LitCodec.save_discriminators(root / "voice/codec" / DISCRIMINATORS, discriminators)
    folder, out = root / "recordings", root / "mine"
    folder.mkdir()
    hiss = 0.1 * np.random.default_rng(0).standard_normal(2 * toys.RATE)
    said = {str(number): toys.utterance(number, 2.0) for number in range(6)}
    for name, audio in {**said, "hiss": hiss, "brief": toys.utterance(1, 0.8)}.items():
        soundfile.write(folder / f"{name}.wav", audio, toys.RATE)
        (folder / f"{name}.txt").write_text("Hello there.")
    with pytest.raises(UserError, match="--i-have-consent"):
        run(finetune.main, *finetune_arguments(root, out))
    run(finetune.main, *finetune_arguments(root, out), "--i-have-consent")
    said = capsys.readouterr().out
    assert "6 recordings, 0.2 minutes" in said and "after 2 steps: similarity" in said
    left_out = (root / "work/left_out.jsonl").read_text()
    assert "no speech is heard" in left_out and "expected 1 to 15 s" in left_out
    assert (out / "recogniser/recogniser.onnx").is_file() and "tries: 3" in (out / "voice.yaml").read_text()
    mine = TTS.from_pretrained(str(out))
    assert len(mine.synthesize("Hello.").audio) and mine.voice.speaker == "mine"
    base, tuned = (load_codec(one / "codec") for one in (root / "voice", out))
    assert base.fingerprint == tuned.fingerprint
    assert not torch.equal(base.decoder.output.weight, tuned.decoder.output.weight), "it is tuned to the recordings"
    page = (out / "report.html").read_text()
    assert page.count("<audio") == 3 + 2 * 2 and "http" not in page.replace("http-equiv", "")
    assert "no speech is heard" in page and "prompt alone" in page
    kept = root / "work/scores.json", root / "work/codec/run/codec/model.safetensors"
    scores, weights = (path.read_bytes() for path in kept)
    kept[0].write_text(json.dumps(json.loads(scores)[:-1]))  # broken off while the last round was judged
    run(finetune.main, *finetune_arguments(root, out), "--i-have-consent")
    assert [path.read_bytes() for path in kept] == [scores, weights], "what is done is not done again"
    base, tuned, mean = (
        SpeechLM.from_pretrained(root / lm).state_dict() for lm in ("voice/lm", "work/lm/lm", "work/lm-4")
    )
    halfway = {name: (base[name] + tuned[name]) / 2 for name in mean}
    assert all(torch.allclose(mean[name], halfway[name], rtol=1e-3, atol=1e-4) for name in mean)
    assert not all(torch.allclose(mean[name], tuned[name], atol=1e-4) for name in mean)
    with pytest.raises(UserError, match=r"got --tuned-share 1; .*work was begun with 0.5; go on with the same"):
        run(finetune.main, *finetune_arguments(root, out), "--i-have-consent", "--tuned-share", 1)
    rounds = [{k: v for k, v in one.items() if k != "tuned_share"} for one in json.loads(scores)]
    (root / "work/scores.json").write_text(json.dumps(rounds))  # as older versions wrote them
    with pytest.raises(UserError, match=r"got --tuned-share 0.5; .*work was begun with 1; go on with the same"):
        run(finetune.main, *finetune_arguments(root, out), "--i-have-consent")
    with pytest.raises(UserError, match="carries nothing to make other voices from"):
        run(finetune.main, *finetune_arguments(root, root / "again-out"), "--base", out, "--i-have-consent")
