"""Flags that nothing would read beside the others are refused in one line, before anything is loaded or written."""

import shlex

import pytest

from pipelines import lfsc_tts

ENCODE = "encode-corpus --manifest m.jsonl --tokenizer t.model --out codes"
ALIGN = "align-corpus --shards codes --tokenizer t.model --aligner a.safetensors"
LONE = "without --plan, which alone has this; add --plan FOLDER, or leave it out"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{ENCODE} --format webdataset", f"got --format {LONE}"),
        (f"{ENCODE} --format safetensors", f"got --format {LONE}"),
        (f"{ENCODE} --context", f"got --context {LONE}"),
        (f"{ENCODE} --threads 1", f"got --threads {LONE}"),
        (f"{ENCODE} --compile", f"got --compile {LONE}"),
        (f"{ENCODE} --verify", f"got --verify {LONE}"),
        (f"{ENCODE} --ray", f"got --ray {LONE}"),
        (f"{ENCODE} --ray-workers 0 --context 3", f"got --context, --ray-workers {LONE}"),
        (
            f"{ENCODE} --plan plan --ray-workers 2",
            "got --ray-workers without --ray, whose processes it counts; add --ray, or leave it out",
        ),
        (
            f"{ENCODE} --plan plan --context 0",
            "got --context with --format safetensors; expected --format nemo, which alone has contexts",
        ),
        (
            f"{ALIGN} --steps 1000 --batch-tokens 7",
            "got --steps, --batch-tokens with --aligner, which is trained already; leave one of them out",
        ),
        (
            "export-voice --lm lm --tokenizer t.model --out voice --aligner a.safetensors",
            "got --aligner without --shards, as a voice of many has; add --shards, or leave it out",
        ),
        (
            "say --text-file lines.txt --out-dir spoken --out speech.wav",
            "got --out with --out-dir, which names its files itself; leave one of them out",
        ),
    ],
)
def test_a_flag_that_nothing_would_read_is_refused(command, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(shlex.split(command))
    assert stopped.value.code == 2 and not list(tmp_path.iterdir())
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_private_push_is_a_push(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers", reason="needs lfsc-tts[hf]")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(shlex.split("export-hf --lm lm --tokenizer t.model --licence other --out hf --private"))
    assert stopped.value.code == 2 and not list(tmp_path.iterdir())
    assert capsys.readouterr().err == "error: got --private without --push; add --push OWNER/NAME, or leave it out\n"


def test_shards_that_say_all_of_it_take_no_codec_and_tokenizer(tmp_path, capsys):
    (tmp_path / "0.safetensors").touch()
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(
            shlex.split(f"convert-shards {tmp_path} --format safetensors --out {tmp_path / 'out'} --tokenizer t.model")
        )
    assert stopped.value.code == 2 and not (tmp_path / "out").exists()
    assert (
        "got --tokenizer with shards of format safetensors, which say all of it; leave it out"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("reconstruct a.wav --codec codec --voice heart", "--voice: not allowed with argument --codec"),
        ("wyoming --max-body-time 3", "unrecognized arguments: --max-body-time 3"),
    ],
)
def test_flags_of_which_one_would_be_read_are_not_both_known(command, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(shlex.split(command))
    assert stopped.value.code == 2 and message in capsys.readouterr().err
