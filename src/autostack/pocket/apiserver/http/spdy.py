"""SPDY/3.1 frames, as far as port-forwarding uses them: streams with headers, data, half-close, ping. Pure.

kubectl tunnels these bytes in WebSocket messages. Headers are zlib streams over the dictionary of the
SPDY/3 draft; flow-control windows are not enforced by the clients, so they are not here either.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1
MAX_FRAME = 1 << 20
WORDS = [
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
]
PHRASES = ("status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
CODES = (
    100,
    101,
    201,
    202,
    205,
    206,
    300,
    302,
    303,
    304,
    305,
    306,
    307,
    402,
    405,
    406,
    *range(407, 418),
    502,
    504,
    505,
)
TAIL = (
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 "
    "Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr "
    "May Jun Jul Aug Sept "
    "Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, "
    "GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def dictionary() -> bytes:
    """What both sides' compressors begin with."""
    words = (word.encode() for word in (*WORDS, *PHRASES))
    counted = b"".join(struct.pack(">I", len(word)) + word for word in words)
    return counted + "".join(str(code) for code in CODES).encode() + TAIL.encode()


class ProtocolError(Exception):
    """The other side does not speak SPDY/3."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The client opened a stream."""

    stream: int
    headers: dict[str, str]
    finished: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream, and whether they were the last."""

    stream: int
    content: bytes
    finished: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """The client gave a stream up."""

    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with the same number."""

    number: int


Frame = Opened | Data | Reset | Ping


@dataclass(slots=True)
class Session:
    """One side of a connection: bytes in, frames out; and the bytes of answers."""

    _buffer: bytearray = field(default_factory=bytearray)
    _inflate: zlib._Decompress = field(default_factory=lambda: zlib.decompressobj(zdict=dictionary()))
    _deflate: zlib._Compress = field(default_factory=lambda: zlib.compressobj(zdict=dictionary()))

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now; raises ProtocolError."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            size = second & 0xFFFFFF
            if size > MAX_FRAME:
                raise ProtocolError(f"a frame of {size} bytes is too large")
            if len(self._buffer) < 8 + size:
                return
            payload = bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            frame = self._frame(first, second >> 24, payload)
            if frame is not None:
                yield frame

    def _frame(self, first: int, flags: int, payload: bytes) -> Frame | None:
        if not first & 0x80000000:
            return Data(first, payload, bool(flags & FIN))
        if (first >> 16) & 0x7FFF != VERSION:
            raise ProtocolError("the frame's version is not 3")
        kind = first & 0xFFFF
        try:
            if kind == SYN_STREAM:
                (stream,) = struct.unpack_from(">I", payload)
                return Opened(stream & 0x7FFFFFFF, self._headers(payload[10:]), bool(flags & FIN))
            (number,) = struct.unpack_from(">I", payload) if len(payload) >= 4 else (0,)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise ProtocolError(f"a frame cannot be read: {error}") from error
        if kind == RST_STREAM:
            return Reset(number)
        return Ping(number) if kind == PING else None

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block, MAX_FRAME)
        (count,) = struct.unpack_from(">I", plain)
        at, texts = 4, []
        for _ in range(2 * count):
            (size,) = struct.unpack_from(">I", plain, at)
            texts.append(plain[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def reply(self, stream: int) -> bytes:
        """Accept a stream."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)


def _control(kind: int, payload: bytes) -> bytes:
    return struct.pack(">II", 0x80000000 | VERSION << 16 | kind, len(payload)) + payload


def data(stream: int, content: bytes, *, finished: bool = False) -> bytes:
    """A data frame."""
    return struct.pack(">II", stream, (FIN << 24 if finished else 0) | len(content)) + content


def reset(stream: int) -> bytes:
    """Give a stream up (status 5, cancel)."""
    return _control(RST_STREAM, struct.pack(">II", stream, 5))


def pong(number: int) -> bytes:
    """The answer to a ping."""
    return _control(PING, struct.pack(">I", number))
