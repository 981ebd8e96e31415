"""Write a speech LM as a folder that transformers loads without this project.

    python pipelines/export_hf.py --lm runs/lm/lm --tokenizer runs/tokenizer.model --licence cc-by-4.0 --out runs/hf

Then, anywhere: AutoModel.from_pretrained("runs/hf", trust_remote_code=True).generate(ids) gives codes.
--push OWNER/NAME uploads the folder; the token is that of `hf auth login`, or HF_TOKEN.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.exporting.flat_modules import flattened  # noqa: E402
from pipelines.exporting.hub import check, push  # noqa: E402
from pipelines.shared.atomic import partial  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from speechllm import SpeechLM  # noqa: E402
from speechllm.portable.configuration_lfsc_tts import LfscTtsConfig  # noqa: E402
from speechllm.portable.modeling_lfsc_tts import LfscTtsModel  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402

MODULE = "speechllm.portable.modeling_lfsc_tts"
TOKENIZER = "tokenizer.model"
CARD = """\
---
license: {licence}
language: "{language}"
pipeline_tag: text-to-speech
library_name: transformers
tags: [text-to-speech, speech-language-model, neural-codec]
---

# {name}

A speech LM of lfsc-tts: {parameters:.1f} M parameters, {frame_rate:.4g} codec frames a second, {codebooks} codebooks.
It reads the ids of a phoneme tokenizer (`{tokenizer}`, SentencePiece) and writes the codes of the codec `{codec}`.

```python
import torch
from transformers import AutoModel

model = AutoModel.from_pretrained("{name}", trust_remote_code=True)
codes = model.generate(torch.tensor([[5, 6, 7]]), seed=0)  # int64 [1, codebooks, frames]
```

`trust_remote_code` runs the Python files of this folder; they are Apache-2.0. The weights are under the licence above,
which follows from the recordings they were trained on. Speech made with them is synthetic: say so where it is heard.
"""


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--lm", type=Path, required=True, help="LM folder")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--licence", required=True, help="of the weights, as the hub spells it: cc-by-4.0, other, ...")
    parser.add_argument("--language", default="en", help="default: en")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload it to the Hugging Face hub")
    parser.add_argument("--private", action="store_true", help="of what is pushed")
    args = parser.parse_args(argv)

    if args.private and not args.push:
        raise UserError("got --private without --push; add --push OWNER/NAME, or leave it out")
    if args.push:
        check(args.push)
    for name in ("licence", "language"):
        if not re.fullmatch(r"[\w.-]+", getattr(args, name)):
            raise UserError(f"got --{name} {getattr(args, name)!r}; expected a short name, such as cc-by-4.0 or en")
    if args.out.exists():
        raise UserError(f"{args.out} exists; use another --out, or remove it")
    lm, tokenizer = SpeechLM.from_pretrained(args.lm), Tokenizer.load(args.tokenizer)
    if lm.config.tokenizer_fingerprint != tokenizer.fingerprint:
        raise UserError(f"{args.lm} was trained with another tokenizer than {args.tokenizer}; give its own")
    temporary = partial(args.out)
    try:
        temporary.mkdir(parents=True)
        write(temporary, lm, args.push or args.out.name, args.licence, args.language)
        shutil.copyfile(args.tokenizer, temporary / TOKENIZER)
        temporary.rename(args.out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"{args.out}: a model of transformers, {sum(p.numel() for p in lm.parameters()) / 1e6:.1f} M parameters")
    if args.push:
        print(f"pushed: {push(args.out, args.push, args.private)}")


def write(folder: Path, lm: SpeechLM, name: str, licence: str, language: str) -> None:
    """Weights, configuration, code and card."""
    config = LfscTtsConfig(lm=lm.config.to_dict())
    config.auto_map = {
        "AutoConfig": "configuration_lfsc_tts.LfscTtsConfig",
        "AutoModel": "modeling_lfsc_tts.LfscTtsModel",
    }
    model = LfscTtsModel(config)
    model.lm.load_state_dict(lm.state_dict())
    model.save_pretrained(folder)
    for file, text in flattened(MODULE).items():
        (folder / file).write_text(text, "utf-8")
    codes = lm.config.codes
    card = CARD.format(
        name=name,
        licence=licence,
        language=language,
        parameters=sum(p.numel() for p in lm.parameters()) / 1e6,
        frame_rate=codes.frame_rate,
        codebooks=codes.num_codebooks,
        tokenizer=TOKENIZER,
        codec=codes.codec_fingerprint,
    )
    (folder / "README.md").write_text(card, "utf-8")


if __name__ == "__main__":
    guard(main)
