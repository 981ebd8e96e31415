"""Serve speech over HTTP, as OpenAI's clients ask for it.

python pipelines/serve.py --port 8880
python pipelines/serve.py --voice heart --voice voices/mine --streams 16
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.serving.flags import add_flags, listening, ready_to_serve, settings_of  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

KEYS = "LFSC_API_KEYS"
LOOPBACK = "localhost", "127.0.0.1", "::1"


def arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    add_flags(parser, port=8880)
    parser.add_argument("--codec", action="append", default=[], type=Path, help="further codec folder, with graphs")
    parser.add_argument("--api-key", action="append", default=[], help=f"of a client; also {KEYS}, with commas")
    parser.add_argument(
        "--allowed-host", action="append", default=[], help="name by which clients call the server, beside localhost"
    )
    parser.add_argument("--allow-origin", action="append", default=[], help="of a page that may ask from elsewhere")
    return parser.parse_args(argv)


def hosts_of(bound: str, allowed: list[str]) -> tuple[str, ...]:
    """Names that a Host header may have; none = any.

    On loopback any page could have its own name point here (DNS rebinding), and would then be of the server's origin.
    """
    local = bound in LOOPBACK or bound.startswith("127.")
    return tuple(dict.fromkeys([*LOOPBACK, bound, *map(str.lower, allowed)])) if local or allowed else ()


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(argv, prog)
    keys = [key.strip() for key in [*args.api_key, *os.environ.get(KEYS, "").split(",")] if key.strip()]
    settings = settings_of(
        args,
        codecs=tuple(args.codec),
        keys=tuple(keys),
        hosts=hosts_of(args.host, args.allowed_host),
        origins=tuple(args.allow_origin),
    )
    try:
        import uvicorn

        from pipelines.serving.app import create_app
        from pipelines.serving.service import Service
        from pipelines.serving.transport import uvicorn_config
    except ModuleNotFoundError as error:
        raise UserError(f"serve needs {error.name}; pip install 'lfsc-tts[serve]'") from error
    ready_to_serve()
    place = listening(args.host, args.port)
    app = create_app(Service(settings))
    address = f"http://{args.host}:{place.getsockname()[1]}"
    print(f"{address}, {'with' if settings.keys else 'without'} keys", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn_config(app, settings.limits)).run(sockets=[place])


if __name__ == "__main__":
    guard(main)
