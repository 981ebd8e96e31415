"""Where the shipped voices and configurations are: in a clone beside the packages, in a wheel inside `pipelines`."""

from pathlib import Path

from pipelines.shared.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
INSIDE = PACKAGE / "resources"  # of a wheel; setup.py fills it
ROOT = INSIDE if INSIDE.is_dir() else PACKAGE.parent
VOICES = ROOT / "voices"
CONFIGS = ROOT / "configs"


def shipped_codec() -> Path:
    """The folder of the codec for any voice.

    Raises:
        UserError: this installation has none.
    """
    folder = VOICES / "english/codec"
    if not folder.is_dir():
        raise UserError("the codec for any voice is not part of this installation; use a clone, or give --codec FOLDER")
    return folder


def find_config(name: str) -> Path:
    """A configuration file by its path, or a shipped one by name: `lite-21.5fps`, `speechllm/small`.

    Raises:
        UserError: neither, or a name that several have; the message lists those there are.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = sorted(CONFIGS.rglob("*.yaml"))
    found = [path for path in shipped if path.as_posix().endswith(f"/{name.removesuffix('.yaml')}.yaml")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in found or shipped)
    if found:
        raise UserError(f"several configurations are called {name}; expected one of: {names}")
    raise UserError(f"no configuration {name!r}; expected a YAML file or one of: {names or 'none shipped'}")
