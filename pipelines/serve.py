"""Serve speech over HTTP, as OpenAI's clients ask for it.

python pipelines/serve.py --port 8880
python pipelines/serve.py --voice heart --voice voices/mine --streams 16
python pipelines/serve.py --ray --replicas 2:8 --threads 4
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.serving import flags  # noqa: E402
from pipelines.serving.settings import Replicas, Settings  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

KEYS = "LFSC_API_KEYS"
LOOPBACK = "localhost", "127.0.0.1", "::1"


def arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    flags.add_flags(parser, port=8880)
    parser.add_argument("--codec", action="append", default=[], type=Path, help="further codec folder, with graphs")
    parser.add_argument("--ray", action="store_true", help="under Ray Serve; on the cluster of RAY_ADDRESS, if set")
    parser.add_argument("--replicas", default="1", help="MIN or MIN:MAX servers under Ray, each with these flags")
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


def replicas_of(args: argparse.Namespace) -> Replicas:
    """How many servers, checked."""
    found = re.fullmatch(r"([0-9]{1,4})(?::([0-9]{1,4}))?", args.replicas)
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most:
        raise UserError(f"got --replicas {args.replicas}; expected a number from 1 on, or MIN:MAX")
    if most > 1 and not args.ray:
        raise UserError(f"got --replicas {args.replicas}; more than one are served by --ray")
    return Replicas(least, most)


def keys_of(given: list[str], environment: str | None) -> tuple[str, ...]:
    """Keys of clients. Whoever meant to give one and gave nothing must not be serving everybody."""
    keys = [key.strip() for key in given]
    named = [key.strip() for key in (environment or "").split(",") if key.strip()]
    if not all(keys) or (environment is not None and not named):
        raise UserError(f"--api-key or {KEYS} is empty; expected a key, or neither, to serve whoever connects")
    keys += named
    if not all(map(str.isascii, keys)):
        raise UserError("got an API key with characters beyond ASCII, which HTTP does not carry; choose another")
    return tuple(keys)


def settings_of(args: argparse.Namespace, replicas: Replicas) -> Settings:
    """The other flags, checked."""
    for name in args.allowed_host:
        if not name or "/" in name or name.count(":") == 1:
            raise UserError(f"got --allowed-host {name!r}; expected a name without scheme and port")
    for origin in args.allow_origin:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise UserError(f"got --allow-origin {origin!r}; expected a scheme and a host, such as https://a.example")
    return flags.settings_of(
        args,
        servers=replicas.most,
        codecs=tuple(args.codec),
        keys=keys_of(args.api_key, os.environ.get(KEYS)),
        hosts=hosts_of(args.host, args.allowed_host),
        origins=tuple(args.allow_origin),
    )


def application(given: dict[str, str]) -> object:
    """For Ray's own commands and for KubeRay, `import_path: pipelines.serve:application`.

    Args:
        given: `options`, flags of this command in one line; the address is Ray's to say.
    """
    from pipelines.serving import replicas

    args = arguments(["--ray", "--host", "0.0.0.0", *shlex.split(given.get("options", ""))], None)
    count = replicas_of(args)
    return replicas.application(settings_of(args, count), count)


@contextmanager
def installed(extra: str) -> Iterator[None]:
    """Say which extra a package is missing of."""
    try:
        yield
    except ImportError as error:
        raise UserError(f"serve needs {error.name}; pip install 'lfsc-tts[{extra}]'") from error


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(argv, prog)
    count = replicas_of(args)
    settings = settings_of(args, count)
    flags.ready_to_serve()
    if args.ray:
        with installed("serve-ray"):
            from pipelines.serving import replicas
        replicas.run(settings, count, args.host, args.port)
    else:
        alone(settings, args.host, args.port)


def alone(settings: Settings, host: str, port: int) -> None:
    """One server, this process."""
    with installed("serve"):
        import uvicorn

        from pipelines.serving.app import create_app
        from pipelines.serving.service import Service
        from pipelines.serving.transport import uvicorn_config
    place = flags.listening(host, port)
    app = create_app(Service(settings))
    address = f"http://{flags.place_in_url(host, place.getsockname()[1])}"
    print(f"{address}, {'with' if settings.keys else 'without'} keys", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn_config(app, settings.limits)).run(sockets=[place])


if __name__ == "__main__":
    guard(main)
