"""What a lite codec codes, computed once: shards of features by utterance.

Shapes: S STFT frames, W values of a frame.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec import CodecConfig
from codec.audio.reading import read_speech
from codec.lite.features import analyse_in_blocks
from pipelines.corpus.derived import Made, made
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import SHOWN
from pipelines.corpus.sources import changes, sources_of
from pipelines.shared.atomic import replacing
from pipelines.shared.errors import UserError


@torch.inference_mode()
def features_of(path: Path, config: CodecConfig) -> Tensor:
    """Features float16 [S, W] of a file without the silence around its speech; it may be hours long."""
    blocks = analyse_in_blocks(read_speech(path, config.sample_rate), config)
    return torch.cat([features[0].half() for features, _ in blocks])


def analysis(config: CodecConfig) -> str:
    """What features depend on."""
    highpass = f", high-pass at {config.highpass_hz:g} Hz" if config.highpass_hz else ""
    return f"{config.sample_rate} Hz, window {config.n_fft}, hop {config.stft_hop}, {config.n_mels} bands{highpass}"


def check(shard: Path, config: CodecConfig) -> Made:
    """What a shard says of itself; features of another analysis are no features of this codec."""
    with safe_open(shard, "pt") as file:
        header, names = file.metadata() or {}, list(file.keys())
    if header.get("analysis") != analysis(config):
        have = f"{shard} was made with {header.get('analysis')}, this codec has {analysis(config)}"
        raise UserError(f"{have}; use another folder")
    found = made(names, header)
    order = {name: place for place, name in enumerate(found.sources or names)}
    return Made(sorted(names, key=order.__getitem__), found.sources, found.rejects)


def write_features(
    shard: Path, features: dict[str, Tensor], config: CodecConfig, notes: Mapping[str, str] | None = None
) -> None:
    """Write the features of some utterances, by their ids; the whole file or none. `notes` are kept with them."""
    with replacing(shard) as temporary:
        save_file(features, temporary, {"analysis": analysis(config), **(notes or {})})


def load_features(shard: Path) -> dict[str, Tensor]:
    """What `write_features` wrote."""
    return load_file(shard)


def read_features(
    folder: Path, config: CodecConfig, utterances: Sequence[Utterance] = (), root: Path | None = None
) -> dict[str, Tensor]:
    """Everything pipelines/extract_features.py has written, by utterance.

    Args:
        folder: of the shards.
        config: of the codec; its analysis must be that of the features.
        utterances: that are to be used; those without features are counted and shown.
        root: folder of their manifest.

    Raises:
        UserError: features of another analysis, or of recordings that have changed since; or there are none.
    """
    shards = sorted(folder.glob("[!.]*.safetensors"))
    if not shards:
        raise UserError(f"{folder} holds no features; make them with pipelines/extract_features.py")
    found: dict[str, Tensor] = {}
    by_id = {one.id: one for one in utterances}
    for shard in shards:
        facts = check(shard, config)
        twice = sorted(set(facts.good) & set(found))
        if twice:
            raise UserError(f"features of {twice[0]} are in {shard} and in another shard; remove one of them")
        if root and facts.sources:
            used = [by_id[name] for name in facts.good if name in by_id]
            used = [one for one in used if (root / one.audio).is_file()]  # features may outlive recordings
            old = {one.id: facts.sources[one.id] for one in used}
            lost = changes(old, set(old), sources_of(used, root, old, with_text=False))
            if lost:
                raise UserError(f"{shard} is out of date: {lost[0]}; run extract_features.py --redo")
        found.update(load_features(shard))
    without = [one.id for one in utterances if one.id not in found]
    if without:
        more = ", ..." if len(without) > SHOWN else ""
        print(
            f"{len(without):,} of {len(utterances):,} utterances have no features: {', '.join(without[:SHOWN])}{more}"
        )
    return found
