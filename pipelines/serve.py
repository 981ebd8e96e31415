"""Serve speech over HTTP, as OpenAI's clients ask for it.

python pipelines/serve.py --port 8880
python pipelines/serve.py --voice heart --voice voices/mine --streams 16
"""

import argparse
import logging
import os
import socket
import sys
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.serving.settings import Limits, Settings  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

LIMITS = {  # flag: field of Limits, type, what it is
    "max-input": ("input_chars", int, "characters of a text"),
    "max-audio": ("audio_s", float, "seconds of speech in an answer"),
    "max-time": ("request_s", float, "seconds that an answer may take"),
    "max-idle": ("idle_s", float, "seconds that a client may take nothing"),
    "max-body-time": ("body_s", float, "seconds until the body of a request has come"),
    "max-wait": ("wait_s", float, "seconds in the queue"),
    "queue": ("queue", int, "requests that wait; 0 = as many as may speak"),
}
LOOPBACK = "localhost", "127.0.0.1", "::1"
KEYS = "LFSC_API_KEYS"
SWITCH_S = 0.001  # the interpreter's default, 5 ms, is long beside 60 ms to the first audio


def arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=8880)
    parser.add_argument("--voice", action="append", default=[], help="name or folder; default: all shipped ones")
    parser.add_argument("--codec", action="append", default=[], type=Path, help="further codec folder, with graphs")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="that speak")
    parser.add_argument("--streams", type=int, default=0, help="at once; 0 = as many as are measured to be real time")
    parser.add_argument("--api-key", action="append", default=[], help=f"of a client; also {KEYS}, with commas")
    parser.add_argument(
        "--allowed-host", action="append", default=[], help="name by which clients call the server, beside localhost"
    )
    parser.add_argument("--allow-origin", action="append", default=[], help="of a page that may ask from elsewhere")
    parser.add_argument(
        "--no-watermark", dest="watermark", action="store_false", help="no inaudible mark that the speech is synthetic"
    )
    parser.add_argument("--log-text", action="store_true", help="write what is spoken into the log")
    defaults = {field.name: field.default for field in fields(Limits)}
    for flag, (name, kind, line) in LIMITS.items():
        parser.add_argument(f"--{flag}", dest=name, type=kind, default=defaults[name], help=line)
    return parser.parse_args(argv)


def settings_of(args: argparse.Namespace) -> Settings:
    """The flags, checked."""
    if args.threads < 1 or args.streams < 0 or args.queue < 0:
        raise UserError("got --threads below 1, or --streams or --queue below 0; expected more")
    limits = {name: getattr(args, name) for name, _, _ in LIMITS.values()}
    if any(value <= 0 for name, value in limits.items() if name != "queue"):
        raise UserError("got a limit of 0 or less; expected more")
    if not 0 <= args.port < 65_536:
        raise UserError(f"got --port {args.port}; expected 0 to 65535")
    keys = [key.strip() for key in [*args.api_key, *os.environ.get(KEYS, "").split(",")] if key.strip()]
    return Settings(
        voices=tuple(args.voice),
        codecs=tuple(args.codec),
        threads=args.threads,
        streams=args.streams,
        keys=tuple(keys),
        hosts=hosts_of(args.host, args.allowed_host),
        origins=tuple(args.allow_origin),
        watermark=args.watermark,
        log_text=args.log_text,
        limits=Limits(**limits),
    )


def hosts_of(bound: str, allowed: list[str]) -> tuple[str, ...]:
    """Names that a Host header may have; none = any.

    On loopback any page could have its own name point here (DNS rebinding), and would then be of the server's origin.
    """
    local = bound in LOOPBACK or bound.startswith("127.")
    return tuple(dict.fromkeys([*LOOPBACK, bound, *map(str.lower, allowed)])) if local or allowed else ()


def listening(host: str, port: int) -> socket.socket:
    """Where clients connect; bound before the voices are loaded, which takes seconds."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(
            f"--host {host} --port {port} cannot be listened at ({error.strerror}); choose another"
        ) from None


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(argv, prog)
    settings = settings_of(args)
    try:
        import uvicorn

        from pipelines.serving.app import create_app
        from pipelines.serving.service import Service
        from pipelines.serving.transport import uvicorn_config
    except ModuleNotFoundError as error:
        raise UserError(f"serve needs {error.name}; pip install 'lfsc-tts[serve]'") from error
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    sys.setswitchinterval(SWITCH_S)
    place = listening(args.host, args.port)
    app = create_app(Service(settings))
    address = f"http://{args.host}:{place.getsockname()[1]}"
    print(f"{address}, {'with' if settings.keys else 'without'} keys", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn_config(app, settings.limits)).run(sockets=[place])


if __name__ == "__main__":
    guard(main)
