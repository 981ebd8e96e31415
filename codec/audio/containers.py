"""Where audio lies in a file, whatever its headers say.

libsndfile believes headers: of an MP3 whose Xing frame counts too few frames, or that was joined from several, it reads
a part; of a WAV that was written to a pipe, with a data size of 0, nothing. Here files are walked page by page or frame
by frame, without decoding them.

Sources: MP3 headers, ISO/IEC 11172-3, 2.4.1.3; the Xing frame, LAME's documentation of its tag; Ogg pages, RFC 3533, 6;
RIFF chunks, Microsoft and IBM's Multimedia Programming Interface 1.0.
"""

import io
import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

BITRATES = {  # kbit/s of layer III, by MPEG version 1 or not
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # the bits of each byte in the other order
SLOPPY = 64  # bytes of headers that some programs count as audio
ENDLESS = 2**31 - 2**16  # a WAV written to a pipe may claim this size of data, or more


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are a recording by themselves.

    Attributes:
        start, stop: of the bytes.
        prefix: bytes to put before them.
        patches: bytes to put in place of those at some offsets from `start`.
    """

    start: int
    stop: int
    prefix: bytes = b""
    patches: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The recordings in a file, and why it seems to be cut or damaged; empty if it does not."""

    parts: list[Part]
    fault: str = ""


class View(io.RawIOBase):
    """A part of a file as a file of its own, for reading."""

    def __init__(self, file: BinaryIO, part: Part):
        self.file, self.part, self.position = file, part, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = len(self.part.prefix) + self.part.stop - self.part.start
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: end}[whence]
        self.position = max(base + offset, 0)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        part = self.part
        ahead = part.prefix[self.position : self.position + len(buffer)]
        begin = max(self.position - len(part.prefix), 0)
        self.file.seek(part.start + begin)
        data = bytearray(self.file.read(max(min(len(buffer) - len(ahead), part.stop - part.start - begin), 0)))
        for offset, patch in part.patches.items():
            for index, value in enumerate(patch, offset - begin):
                if 0 <= index < len(data):
                    data[index] = value
        data[:0] = ahead
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def layout_of(path: Path) -> Layout:
    """Where the recordings in a file are."""
    size = path.stat().st_size
    if size < 64:
        return Layout([Part(0, size)])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
            return wav(data)
        if data[:4] == b"OggS":
            return ogg(data)
        if data[:3] == b"ID3" or mp3_frame(data, 0):
            return mp3(data)
    return Layout([Part(0, size)])


def wav(data: mmap.mmap) -> Layout:
    """The data chunk, whose size may be 0 or endless in a file that was written to a pipe."""
    position, end = 12, len(data)
    while position + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, position)
        rest = end - position - 8
        if name == b"data":
            if size == 0 and rest and not is_chunk(data, position + 8):
                return Layout([Part(0, end, patches={position + 4: struct.pack("<I", min(rest, ENDLESS))})])
            cut = rest + SLOPPY < size < ENDLESS
            return Layout([Part(0, end)], f"{rest:,} of its {size:,} bytes of audio are there" if cut else "")
        position += 8 + size + size % 2
    return Layout([Part(0, end)])


def is_chunk(data: mmap.mmap, position: int) -> bool:
    """Whether a chunk of a RIFF file, rather than audio, begins here."""
    name, size = data[position : position + 4], data[position + 4 : position + 8]
    return (
        len(size) == 4
        and all(32 <= byte < 127 for byte in name)
        and int.from_bytes(size, "little") <= len(data) - position - 8
    )


def ogg(data: mmap.mmap) -> Layout:
    """The streams of a file, one after another; each begins with a page that says so, and ends with one."""
    position, end = 0, len(data)
    starts, began, ended, fault = [0], True, False, ""
    while position + 27 <= end and not fault:
        head, kind, segments = data[position : position + 4], data[position + 5], data[position + 26]
        size = 27 + segments + sum(data[position + 27 : position + 27 + segments])
        if head != b"OggS" and ended:
            break  # a tag of another kind
        if head != b"OggS" or position + size > end or not intact(data[position : position + size]):
            fault = f"the page at byte {position:,} is damaged or cut"
        elif kind & 2 and not began:
            starts.append(position)
        began, ended = bool(kind & 2), bool(kind & 4)
        position += size
    if not fault and not ended:
        fault = "its last page is missing"
    return Layout([Part(a, b) for a, b in zip(starts, [*starts[1:], end], strict=True)], fault)


def intact(page: bytes) -> bool:
    """Whether an Ogg page has the checksum it names: CRC-32 with the bits of zlib's in the other order, from 0."""
    bare = page[:22] + bytes(4) + page[26:]
    crc = zlib.crc32(bare.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2) == int.from_bytes(page[22:26], "little")


def mp3_frame(data: mmap.mmap | bytes, position: int) -> int:
    """Bytes of the layer III frame that begins here; 0 if none does."""
    return frame_size(data[position : position + 4])


@lru_cache(maxsize=1024)
def frame_size(head: bytes) -> int:
    """Bytes of a frame by its header of 4; 0 if that is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, kbps = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return 0
    first = version == 3
    hertz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    return (144 if first else 72) * BITRATES[first][kbps - 1] * 1000 // hertz + (head[2] >> 1 & 1)


@lru_cache(maxsize=1024)
def side_size(header: bytes) -> int:
    """Bytes between the header of a frame and what a Xing frame has in place of audio."""
    first, mono = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3
    return (17 if mono else 32) if first else (9 if mono else 17)


def xing(data: mmap.mmap, position: int) -> int:
    """Where the Xing header is, if the frame that begins here has one; otherwise 0."""
    offset = position + 4 + side_size(data[position : position + 4])
    return offset if data[offset : offset + 4] in (b"Xing", b"Info") else 0


def tag(data: mmap.mmap, position: int) -> int:
    """Bytes of the tag that begins here; 0 if none does."""
    if data[position : position + 3] == b"ID3":
        size = data[position + 6 : position + 10]
        return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=False))
    if data[position : position + 8] == b"APETAGEX":
        return 32 + int.from_bytes(data[position + 12 : position + 16], "little")
    return 128 if data[position : position + 3] == b"TAG" else 0


def mp3_frames(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """First byte and size of every frame; the last may be cut."""
    position, end = 0, len(data)
    while 0 <= position < end:
        size = mp3_frame(data, position)
        if size:
            yield position, size
        else:
            size = tag(data, position)
        # What is neither is skipped up to the next byte that may begin either.
        position = position + size if size else data.find(b"\xff", position + 1)


def mp3(data: mmap.mmap) -> Layout:
    """Recordings one after another, each with as many frames as there are."""
    starts: list[int] = []
    counts: list[int] = []
    end = stop = 0
    for position, size in mp3_frames(data):
        if not starts or xing(data, position):
            starts.append(position)
            counts.append(0)
        counts[-1] += position + size <= len(data)
        end, stop = position + size, min(position + size, len(data))
    if not starts:
        return Layout([Part(0, len(data))])
    parts, faults = [], [f"its last frame, at byte {stop:,}, is cut"] if end > len(data) else []
    for start, until, count in zip(starts, [*starts[1:], stop], counts, strict=True):
        part, fault = counted(data, start, until, count)
        parts.append(part)
        faults += [fault] if fault else []
    return Layout(parts, faults[0] if faults else "")


def counted(data: mmap.mmap, start: int, stop: int, count: int) -> tuple[Part, str]:
    """A part of an MP3 whose Xing header has its true number of frames, and what is missing by the header it had."""
    header = xing(data, start)
    if not count:
        return Part(start, stop), ""
    if not header or not data[header + 7] & 1:
        return Part(start, stop, xing_frame(data, start, count)), ""
    flags, frames = struct.unpack_from(">II", data, header + 4)
    patches = {header + 8 - start: struct.pack(">I", count - 1)} if abs(count - 1 - frames) > 1 else {}
    size = int.from_bytes(data[header + 12 : header + 16], "big") if flags & 2 else 0
    if size and patches:
        patches[header + 12 - start] = struct.pack(">I", stop - start)
    # A wrong count beside the right size is a wrong count, not a cut.
    missing = size - (stop - start) > mp3_frame(data, start) if size else count < frames
    fault = f"{count - 1:,} of its {frames:,} frames are there" if missing else ""
    return Part(start, stop, patches=patches), fault


def xing_frame(data: mmap.mmap, start: int, count: int) -> bytes:
    """A frame for the head of an MP3 without one: it says that `count` follow, where libsndfile would guess."""
    header = bytes([*data[start : start + 2], 0x80 | data[start + 2] & 0x0C, data[start + 3]])  # 64 kbit/s and more
    frame = header + bytes(side_size(header)) + b"Xing" + struct.pack(">II", 1, count)
    return frame.ljust(mp3_frame(header, 0), b"\0")
