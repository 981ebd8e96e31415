"""Flags that all servers have: who speaks, how many at once, what one client may take."""

import argparse
import logging
import math
import os
import socket
import sys
from dataclasses import fields
from typing import Any

from pipelines.serving.settings import Limits, Settings
from pipelines.shared.errors import UserError

LIMITS = {  # flag: field of Limits, type, what it is
    "max-input": ("input_chars", int, "characters of a text"),
    "max-audio": ("audio_s", float, "seconds of speech in an answer"),
    "max-time": ("request_s", float, "seconds that an answer may take"),
    "max-idle": ("idle_s", float, "seconds that a client may take nothing"),
    "max-body-time": ("body_s", float, "seconds until the body of a request has come"),
    "max-wait": ("wait_s", float, "seconds in the queue"),
    "queue": ("queue", int, "requests that wait; 0 = as many as may speak"),
}
MOST_THREADS = 1024  # one for each core; more is a slip
SWITCH_S = 0.001  # the interpreter's default, 5 ms, is long beside 60 ms to the first audio


def add_flags(parser: argparse.ArgumentParser, port: int, bodies: bool = True) -> None:
    """Add them.

    Args:
        port: of the protocol, unless told otherwise.
        bodies: whether requests of the protocol have one.
    """
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--voice", action="append", default=[], help="name or folder; default: all shipped ones")
    parser.add_argument("--threads", type=int, help="that speak; default: all cores, divided by --replicas")
    parser.add_argument("--streams", type=int, default=0, help="at once; 0 = as many as are measured to be real time")
    parser.add_argument(
        "--tries", type=int, default=1, help="speak a sentence so often at most, until it is read back right"
    )
    parser.add_argument(
        "--no-watermark", dest="watermark", action="store_false", help="no inaudible mark that the speech is synthetic"
    )
    parser.add_argument("--log-text", action="store_true", help="write what is spoken into the log")
    defaults = {field.name: field.default for field in fields(Limits)}
    for flag, (name, kind, line) in LIMITS.items():
        if name == "body_s" and not bodies:
            continue
        parser.add_argument(f"--{flag}", dest=name, type=kind, default=defaults[name], help=line)


def settings_of(args: argparse.Namespace, servers: int = 1, **further: Any) -> Settings:
    """The flags, checked.

    Args:
        args: parsed.
        servers: that share the cores of this machine.
        further: fields of Settings that one server alone has.
    """
    threads = max(1, (os.cpu_count() or 1) // servers) if args.threads is None else args.threads
    if not 1 <= threads <= MOST_THREADS:
        raise UserError(f"got --threads {threads}; expected 1 to {MOST_THREADS}")
    if args.tries < 0:
        raise UserError(f"got --tries {args.tries}; expected 1 or more, or 0 for what each voice asks for")
    if args.streams < 0:
        raise UserError(f"got --streams {args.streams}; expected 0 or more")
    names = {flag: name for flag, (name, _, _) in LIMITS.items() if hasattr(args, name)}
    limits = {name: getattr(args, name) for name in names.values()}
    for flag, name in names.items():
        if not 0 < limits[name] < math.inf and (name != "queue" or limits[name]):  # the first is false for NaN
            raise UserError(f"got --{flag} {limits[name]}; expected a number above 0")
    if not args.host.strip():
        raise UserError("got an empty --host; expected an address of this machine, or 0.0.0.0 for all of them")
    if not 0 <= args.port < 65_536:
        raise UserError(f"got --port {args.port}; expected 0 to 65535")
    return Settings(
        voices=tuple(args.voice),
        threads=threads,
        streams=args.streams,
        tries=args.tries,
        watermark=args.watermark,
        log_text=args.log_text,
        limits=Limits(**limits),
        **further,
    )


def listening(host: str, port: int) -> socket.socket:
    """Where clients connect; bound before the voices are loaded, which takes seconds."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(
            f"--host {host} --port {port} cannot be listened at ({error.strerror}); choose another"
        ) from None


def place_in_url(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ready_to_serve() -> None:
    """What a process that serves needs: a log, and threads that take turns often."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    sys.setswitchinterval(SWITCH_S)
