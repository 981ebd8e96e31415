"""A request over HTTP/1.1, as little of it as is needed: a client's own work would be measured too."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

READ_BYTES = 65_536


class Answer:
    """What comes back: a status, and a body in parts.

    Args:
        status: of HTTP.
        headers: names in lower case.
        reader, writer: of the connection.
    """

    def __init__(
        self, status: int, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ):
        self.status, self.headers, self.reader, self.writer = status, headers, reader, writer

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes; IncompleteReadError if it was cut."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:size]
            return
        length = self.headers.get("content-length")
        left = int(length) if length else None
        while left is None or left:
            data = await self.reader.read(READ_BYTES if left is None else min(READ_BYTES, left))
            if not data and left:
                raise asyncio.IncompleteReadError(b"", left)
            if not data:  # a body that ends with its connection
                return
            left = None if left is None else left - len(data)
            yield data

    def close(self) -> None:
        """Hang up, also in the middle."""
        self.writer.close()


class Connection:
    """Where to ask.

    Args:
        url: of the server, with or without /v1.
        key: of the API.
    """

    def __init__(self, url: str, key: str):
        parts = urlsplit(url)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.tls else 80)
        self.path, self.key = parts.path.rstrip("/").removesuffix("/v1"), key

    async def ask(self, body: dict[str, Any]) -> Answer:
        """Ask for speech; a connection of its own for each."""
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls)
        data = json.dumps(body).encode()
        lines = [f"POST {self.path}/v1/audio/speech HTTP/1.1", f"Host: {self.host}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(data)}", f"Authorization: Bearer {self.key}", "Connection: close", "", ""]
        try:
            writer.write("\r\n".join(lines).encode() + data)
            await writer.drain()
            first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except BaseException:
            writer.close()
            raise
        pairs = (line.partition(":") for line in rest if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return Answer(int(first.split(" ", 2)[1]), headers, reader, writer)
