"""Serve speech over the Wyoming protocol, for Home Assistant.

python pipelines/serve_wyoming.py --host 0.0.0.0 --port 10200
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.serving.flags import add_flags, listening, place_in_url, ready_to_serve, settings_of  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402


def arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    add_flags(parser, port=10_200, bodies=False)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(argv, prog)
    settings = settings_of(args)
    try:
        from pipelines.serving.service import Service
        from pipelines.serving.wyoming_server import serve
    except ModuleNotFoundError as error:
        raise UserError(f"wyoming needs {error.name}; pip install 'lfsc-tts[serve]'") from error
    ready_to_serve()
    place = listening(args.host, args.port)
    service = Service(settings)
    print(f"tcp://{place_in_url(args.host, place.getsockname()[1])}", file=sys.stderr, flush=True)
    try:
        asyncio.run(serve(service, place))
    finally:
        service.close()


if __name__ == "__main__":
    guard(main)
