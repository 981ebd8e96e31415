"""Make the golden files of tests/codec anew: `make golden`, after `make nemo-oracle`.

Their weights are not in them: both sides make the same ones from a seed (benchmarks/oracle/weights.py).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/codec/golden"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from safetensors.torch import load_file, save_file  # noqa: E402

from benchmarks.oracle.nemo_config import nemo_config  # noqa: E402
from parity.reduced import CONFIGS, TINY, lengths, reduced  # noqa: E402

PYTHON = Path(os.environ.get("NEMO_PYTHON", ROOT / ".nemo-venv/bin/python"))


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    configs = {name: reduced(name) for name in CONFIGS} | {"tiny": TINY}
    requests = {
        name: {"model": nemo_config(config), "lengths": lengths(config), "seed": 0, "save": name == "tiny"}
        for name, config in configs.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "requests.json")
        asked.write_text(json.dumps(requests))
        subprocess.run([PYTHON, ROOT / "benchmarks/oracle/answer.py", asked, folder], check=True)
        for name in configs:
            results = load_file(Path(folder, name, "results.safetensors"))
            shapes = Path(folder, name, "shapes.json").read_text()
            save_file(results, GOLDEN / f"{name}.safetensors", {"shapes": shapes})
        shutil.copy(Path(folder, "tiny", "model.nemo"), GOLDEN / "tiny.nemo")
    subprocess.run([PYTHON, ROOT / "benchmarks/oracle/losses.py", GOLDEN / "losses.json"], check=True)


if __name__ == "__main__":
    main()
