# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TCP and TLS connections with one time limit for all their steps."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Any, cast

from .target import ProbeError, Target, explain_failure

# The largest answer or message, in bytes.
MOST_BYTES = 2**20


class Clock:
    """The time limit of one transport."""

    def __init__(self, seconds: float) -> None:
        """Start the time."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, more than 0. Raise `ProbeError` if the time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError(f"no answer within {self.seconds:g} s")
        return left


class _Stream(io.RawIOBase):
    """Read from a socket within the time that is left."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock, self._clock = sock, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._clock.left())
        return self._sock.recv_into(buffer)


class Connection:
    """One connection to a target. Its methods raise the errors of sockets and of `http.client`, and `ProbeError`."""

    def __init__(self, target: Target, clock: Clock, secure: bool) -> None:
        """Connect, with TLS if `secure`."""
        self._clock = clock
        self._sock = connect(target.address if secure == target.secure else target.http_address, clock)
        if secure:
            self._sock.settimeout(clock.left())
            try:
                self._sock = target.context.wrap_socket(self._sock, server_hostname=target.host)
            except BaseException:
                self._sock.close()
                raise

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader of all bytes from now on."""
        return io.BufferedReader(_Stream(self._sock, self._clock))

    def send(self, data: bytes) -> None:
        """Send all bytes within the time that is left."""
        self._sock.settimeout(self._clock.left())
        self._sock.sendall(data)

    def ask(
        self, method: str, request_target: str, headers: dict[str, str], body: bytes = b""
    ) -> http.client.HTTPResponse:
        """Send a request and read the head of its answer."""
        lines = [
            f"{method} {request_target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
            "",
            "",
        ]
        self.send("\r\n".join(lines).encode() + body)
        response = http.client.HTTPResponse(cast(socket.socket, self), method=method)
        response.begin()
        return response

    def certificate(self) -> bytes:
        """Return the server's certificate in DER, empty without TLS."""
        return (isinstance(self._sock, ssl.SSLSocket) and self._sock.getpeercert(binary_form=True)) or b""

    def decoded(self) -> dict[str, Any]:
        """Return the server's verified certificate as `ssl` decodes it, empty if there is none."""
        return (isinstance(self._sock, ssl.SSLSocket) and self._sock.getpeercert()) or {}

    def __enter__(self) -> Connection:
        """Return the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()


def connect(address: tuple[str | None, int], clock: Clock) -> socket.socket:
    """Connect to the first address of a name that answers. Raise `ProbeError` with the reasons if none does."""
    name = f"{address[0] or 'this machine'}:{address[1]}"
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ProbeError(f"the name in {name} has no address") from None
    problems = []
    for family, kind, protocol, _name, numeric in found:
        left = clock.left()
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left)
            sock.connect(numeric)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            problems.append(explain_failure(error, clock.seconds))
    raise ProbeError(f"no connection to {name}: {', '.join(dict.fromkeys(problems))}")
