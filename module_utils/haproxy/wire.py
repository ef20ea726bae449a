# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP/1.1, TLS and WebSocket as a client speaks them, with a limit on time and on what is read.

Sources: RFC 9112 (through `http.client`) and RFC 6455.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import socket
import ssl
import struct
import time
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit

# What one answer or one message may bring, in bytes.
MOST_BYTES = 2**20

MOST_SECONDS = 600

_ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


class ProbeError(Exception):
    """Why something does not work, in words for people."""


class Place(NamedTuple):
    """Where a service is, and how it is asked.

    `host`, `port`, `page`: of its URL; `secure`: whether that is https. `address`, `http_address`: (host, port) where
    connections go, with a host of None for this machine. `path`: Socket.IO's, with a slash at its end. `timeout`:
    seconds that each transport may take. `node_header`: of answers, names the node. `context`: for TLS.
    """

    host: str
    port: int
    page: str
    secure: bool
    address: tuple[str | None, int]
    http_address: tuple[str | None, int]
    path: str
    timeout: float
    node_header: str
    context: ssl.SSLContext

    def authority(self, port: int, usual: int) -> str:
        """Host and port as in a URL or a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if port == usual else f"{host}:{port}"


class Certificate(NamedTuple):
    """The certificate that was served; subject, issuer and end are empty where it is no longer or not yet valid."""

    sha256: str
    subject: str
    issuer: str
    not_after: str


def place(
    url: str,
    address: str = "",
    http_address: str = "",
    path: str = "/socket.io/",
    timeout: float = 5.0,
    node_header: str = "X-Node",
    context: ssl.SSLContext | None = None,
) -> Place:
    """What is to be tried, from words; raises `ProbeError` with the name of the word that cannot be used.

    An address is `HOST`, `HOST:PORT` or `:PORT`; no host, or `*`, is this machine, no port is that of the URL (80 for
    `http_address`).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProbeError(f"url: {url!r} cannot be used: {error}") from None
    if parts.scheme not in ("http", "https") or not host or not re.match(r"[\w.:-]+$", host, re.ASCII):
        raise ProbeError(f"url: https://HOST/ or http://HOST/ is expected, not {url!r}")
    if not 0 < timeout <= MOST_SECONDS:
        raise ProbeError(f"timeout: up to {MOST_SECONDS} seconds are expected, not {timeout:g}")
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    query = f"?{parts.query}" if parts.query else ""
    to = _address("address", address, host, port) if address else (host, port)
    plain = _address("http_address", http_address, to[0], 80) if http_address else (to[0], 80)
    safe = "/%:@!$&'()*+,;=~?-._"
    return Place(
        host,
        port,
        quote((parts.path or "/") + query, safe),
        secure,
        to,
        plain,
        quote("/" + "".join(f"{part}/" for part in path.split("/") if part), safe),
        timeout,
        node_header,
        context or trust(),
    )


def _address(option: str, text: str, host: str | None, port: int) -> tuple[str | None, int]:
    found = re.match(
        r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.*-]*)|([0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*))(?::(\d+))?$", text, re.ASCII
    )
    if not found or (found[4] and not 0 < int(found[4]) < 65536):
        raise ProbeError(f"{option}: HOST, HOST:PORT or :PORT is expected, not {text!r}")
    name = found[1] or found[2] or found[3]
    return None if name in ("", "*") else name, int(found[4] or port)


def trust(validate: bool = True, authorities: str | None = None) -> ssl.SSLContext:
    """A TLS context that trusts the system's authorities, or those of a file, or everybody.

    Raises `ProbeError` where the file holds none.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise ProbeError(f"ca_path: {authorities} cannot be used: {error.strerror or error}") from None
    context.set_alpn_protocols(["http/1.1"])
    if not validate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Clock:
    """The time that is left for one transport."""

    def __init__(self, seconds: float) -> None:
        """Start it."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, more than 0; raises `ProbeError` when the time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError(f"no answer within {self.seconds:g} s")
        return left


class _Stream(io.RawIOBase):
    """What a socket receives, read within the time that is left."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock, self._clock = sock, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._clock.left())
        return self._sock.recv_into(buffer)


class Connection:
    """One connection to a place. Errors are those of sockets, of `http.client`, and `ProbeError`."""

    def __init__(self, where: Place, clock: Clock, secure: bool) -> None:
        """Connect, with TLS if `secure`."""
        self._clock = clock
        self._sock = _connect(where.address if secure == where.secure else where.http_address, clock)
        if secure:
            self._sock.settimeout(clock.left())
            try:
                self._sock = where.context.wrap_socket(self._sock, server_hostname=where.host)
            except BaseException:
                self._sock.close()
                raise

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is received from now on."""
        return io.BufferedReader(_Stream(self._sock, self._clock))

    def send(self, data: bytes) -> None:
        """Send everything, within the time that is left."""
        self._sock.settimeout(self._clock.left())
        self._sock.sendall(data)

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> http.client.HTTPResponse:
        """Send a request and read the head of its answer."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.send("\r\n".join(lines).encode() + body)
        response = http.client.HTTPResponse(cast(socket.socket, self), method=method)
        response.begin()
        return response

    def certificate(self) -> bytes:
        """The certificate that was served, in DER; empty without TLS."""
        return (isinstance(self._sock, ssl.SSLSocket) and self._sock.getpeercert(binary_form=True)) or b""

    def decoded(self) -> dict[str, Any]:
        """The certificate that was served and verified, as `ssl` gives it; empty without."""
        return (isinstance(self._sock, ssl.SSLSocket) and self._sock.getpeercert()) or {}

    def __enter__(self) -> Connection:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it."""
        self._sock.close()


def _connect(address: tuple[str | None, int], clock: Clock) -> socket.socket:
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
            problems.append(reason(error, clock.seconds))
    raise ProbeError(f"no connection to {name}: {', '.join(dict.fromkeys(problems))}")


class WebSocket:
    """The client's side of RFC 6455, without extensions."""

    def __init__(self, connection: Connection, stream: io.BufferedReader) -> None:
        """Take over a connection whose handshake is done; `stream` is what it receives."""
        self._connection, self._stream = connection, stream

    def send(self, message: str | bytes, opcode: int | None = None, final: bool = True) -> None:
        """Send one frame, masked: text or binary by its type, unless an opcode (RFC 6455 5.2) says otherwise."""
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
        self._connection.send(head + mask + _masked(data, mask))

    def receive(self) -> str | bytes:
        """The next message, text or binary, its fragments joined. Pings are answered on the way.

        Raises `ProbeError` when the server closes, breaks the protocol, or sends more than 1 MiB.
        """
        kind, size = 0, 0
        parts: list[bytes] = []
        while True:
            final, opcode, data = self._frame(MOST_BYTES - size)
            if opcode == 8:
                code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005  # RFC 6455 7.1.5
                self.send(data[:2], 8)
                raise ProbeError(f"the server closed the WebSocket: {code} {shown(data[2:])}".rstrip())
            if opcode == 9:
                self.send(data, 10)
            if opcode > 7:
                continue
            if (opcode == 0) != bool(kind):
                raise ProbeError("the server broke the WebSocket protocol: its fragments are out of order")
            kind = kind or opcode
            parts.append(data)
            size += len(data) + 1  # empty fragments without end are too much as well
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
        """Say that we leave (1000, normal closure)."""
        with contextlib.suppress(OSError, ProbeError):  # it may be closed already
            self.send(struct.pack("!H", 1000), 8)


def _masked(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


class Answer(NamedTuple):
    """An HTTP answer: status and its reason, headers, body."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def said(self) -> str:
        """What it says to somebody who expected another one; Engine.IO's own words where it has some."""
        try:
            said = json.loads(self.body)["message"]
        except (ValueError, KeyError, TypeError, RecursionError):
            said = self.reason
        hint = "; haproxy_limits say what one address may take, this host too" if self.status == 429 else ""
        return f"{self.status} {shown(str(said))}".rstrip() + hint


class Client:
    """One user of the service. A browser keeps its connection and its cookies; others keep neither."""

    def __init__(self, where: Place, browser: bool = True) -> None:
        """Nothing is connected yet; the time runs."""
        self.place, self.browser = where, browser
        self.clock = Clock(where.timeout)
        self.node: str | None = None
        self._cookies: dict[str, str] = {}
        self._connection: Connection | None = None
        self._upgraded: http.client.HTTPResponse | None = None

    def __enter__(self) -> Client:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._drop()

    def request(self, method: str, target: str, body: bytes = b"", plain: bool = False) -> Answer:
        """Ask over HTTP; `plain` where redirects are served. Raises what a connection raises, and for too much."""
        headers = {"Content-Type": "text/plain;charset=UTF-8", "Content-Length": str(len(body))} if body else {}
        connection = self._connection or Connection(self.place, self.clock, self.place.secure and not plain)
        self._connection = connection
        response = self._ask(connection, method, target, headers, body, plain)
        content = response.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ProbeError(f"the answer has more than {MOST_BYTES} bytes")
        if response.length:
            raise ProbeError("the connection ended inside an answer")
        if response.will_close or not self.browser:
            self._drop()
        return Answer(response.status, response.reason, response.headers, content)

    def websocket(self, target: str) -> WebSocket:
        """Open a WebSocket on a connection of its own; raises `ProbeError` when the handshake is not as it must be."""
        self._drop()
        self._connection = connection = Connection(self.place, self.clock, self.place.secure)
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": key, "Origin": f"http{'s' * self.place.secure}://{self._authority()}"}
        response = self._ask(connection, "GET", target, headers)
        if response.status != 101:
            content = response.read(MOST_BYTES)
            raise ProbeError(Answer(response.status, response.reason, response.headers, content).said)
        accept = base64.b64encode(hashlib.sha1(f"{key}{_ACCEPT_KEY}".encode()).digest()).decode()  # noqa: S324
        if response.headers.get("Upgrade", "").lower() != "websocket":
            raise ProbeError("101, but not to a WebSocket: the answer has no `Upgrade: websocket`")
        if response.headers.get("Sec-WebSocket-Accept", "").strip() != accept:
            raise ProbeError("101, but not for our handshake: Sec-WebSocket-Accept is wrong")
        self._upgraded = response  # its end would close what it reads from
        return WebSocket(connection, response.fp)

    def _ask(
        self,
        connection: Connection,
        method: str,
        target: str,
        more: dict[str, str],
        body: bytes = b"",
        plain: bool = False,
    ) -> http.client.HTTPResponse:
        # With the port, to see whether a redirect keeps it.
        host = self.place.authority(self.place.http_address[1], 0) if plain else self._authority()
        headers = {"Host": host, "User-Agent": "realtime.edge", "Accept": "*/*", **more}
        if not self.browser:
            headers["Connection"] = "close"
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        response = connection.ask(method, target, headers, body)
        self.node = shown(response.headers.get(self.place.node_header, "")) or self.node
        if self.browser:
            for cookie in response.headers.get_all("Set-Cookie", []):
                found = re.match(r"([\x21-\x7e]+?)=([\x21-\x3a\x3c-\x7e]*)", cookie)
                if found:
                    self._cookies[found[1]] = found[2]
        return response

    def _authority(self) -> str:
        return self.place.authority(self.place.port, 443 if self.place.secure else 80)

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def certificate(where: Place) -> Certificate | None:
    """The certificate that a place serves, trusted or not; None where it serves none.

    Python decodes only what it has verified: a second connection takes the certificate as its own authority.
    """
    context = trust(validate=False)
    try:
        with Connection(where._replace(context=context), Clock(where.timeout), True) as connection:
            der = connection.certificate()
    except (OSError, ValueError, ProbeError):
        return None
    found = Certificate(hashlib.sha256(der).hexdigest(), "", "", "")
    context.verify_mode = ssl.CERT_REQUIRED
    # Its own authority, and no stricter than that. The flag has no name before Python 3.10.
    context.verify_flags = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", ssl.VerifyFlags(0x80000))
    try:
        context.load_verify_locations(cadata=der)
        with Connection(where._replace(context=context), Clock(where.timeout), True) as connection:
            said = connection.decoded()
    except (OSError, ValueError, ProbeError):
        return found
    subject, issuer = (_distinguished(said.get(key, ())) for key in ("subject", "issuer"))
    return found._replace(subject=subject, issuer=issuer, not_after=str(said.get("notAfter", "")))


def _distinguished(names: Any) -> str:
    short = {"commonName": "CN", "organizationName": "O", "countryName": "C"}
    return ", ".join(f"{short.get(key, key)}={shown(value)}" for pairs in names for key, value in pairs)


def reason(error: Exception, seconds: float) -> str:
    """What went wrong, in words for people; `seconds` is the time there was."""
    if isinstance(error, socket.timeout):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return f"the answer is not HTTP: {shown(error.args[0])}"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended inside an answer"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is not HTTP: {shown(str(error)) or type(error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) if isinstance(error, ProbeError) else f"{type(error).__name__}: {shown(str(error))}"


def shown(text: str | bytes, most: int = 120) -> str:
    """What somebody else has sent, fit to be shown: one line, printable, not long."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = "".join(char if char.isprintable() else "." for char in text[: most + 1])
    return text if len(text) <= most else f"{text[:most]}..."
