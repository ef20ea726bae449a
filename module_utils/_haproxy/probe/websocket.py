# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client's side of a WebSocket (RFC 6455)."""

from __future__ import annotations

import contextlib
import io
import os
import struct

from .connection import MOST_BYTES, Connection
from .target import ProbeError, shorten

ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


class WebSocket:
    """The client's side of RFC 6455, without extensions."""

    def __init__(self, connection: Connection, stream: io.BufferedReader) -> None:
        """Use a connection whose handshake is done; `stream` reads from it."""
        self._connection, self._stream = connection, stream

    def send(self, message: str | bytes, opcode: int | None = None, final: bool = True) -> None:
        """Send one frame, masked: text or binary by its type, unless there is an opcode (RFC 6455 5.2)."""
        data = message.encode() if isinstance(message, str) else message
        kind = opcode if opcode is not None else 1 if isinstance(message, str) else 2
        size = len(data)
        head = bytes([(0x80 if final else 0) | kind])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 2**16:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        self._connection.send(head + mask + _mask_frame(data, mask))

    def receive(self) -> str | bytes:
        """Return the next message, text or binary, its fragments joined; answer pings before it.

        Raise `ProbeError` if the server closes, breaks the protocol, or sends more than 1 MiB.
        """
        kind, size = 0, 0
        parts: list[bytes] = []
        while True:
            final, opcode, data = self._frame(MOST_BYTES - size)
            if opcode == 8:
                code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005  # RFC 6455 7.1.5
                self.send(data[:2], 8)
                raise ProbeError(f"the server closed the WebSocket: {code} {shorten(data[2:])}".rstrip())
            if opcode == 9:
                self.send(data, 10)
            if opcode > 7:
                continue
            if (opcode == 0) != bool(kind):
                raise ProbeError("the server broke the WebSocket protocol: its fragments are out of order")
            kind = kind or opcode
            parts.append(data)
            size += len(data) + 1  # an endless sequence of empty fragments must end too
            if final:
                break
        try:
            return b"".join(parts).decode() if kind == 1 else b"".join(parts)
        except UnicodeDecodeError:
            raise ProbeError("the server broke the WebSocket protocol: its text is not UTF-8") from None

    def _frame(self, most: int) -> tuple[bool, int, bytes]:
        first, second = self._read(2)
        opcode, size = first & 0x0F, second & 0x7F
        if first & 0x70 or opcode not in (0, 1, 2, 8, 9, 10):
            raise ProbeError("the server broke the WebSocket protocol: its frame has reserved bits or opcodes")
        if second & 0x80:
            raise ProbeError("the server broke the WebSocket protocol: its frame is masked")
        if opcode > 7 and (size > 125 or not first & 0x80):
            raise ProbeError("the server broke the WebSocket protocol: its control frame is too long or fragmented")
        if size == 126:
            size = struct.unpack("!H", self._read(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self._read(8))[0]
        if size > most:
            raise ProbeError(f"the server sent a message of more than {MOST_BYTES} bytes")
        return bool(first & 0x80), opcode, self._read(size)

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise ProbeError("the connection ended inside a WebSocket message" if data else "the connection ended")
        return data

    def close(self) -> None:
        """Send a close frame (1000, normal closure)."""
        with contextlib.suppress(OSError, ProbeError):  # it may be closed already
            self.send(struct.pack("!H", 1000), 8)


def _mask_frame(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")
