# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An HTTP and WebSocket client whose errors say what is wrong."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import ssl
from typing import Any, NamedTuple

from .connection import MOST_BYTES, Clock, Connection
from .target import PeerCertificate, ProbeError, Target, make_context, shorten
from .websocket import ACCEPT_KEY, WebSocket


class Answer(NamedTuple):
    """An HTTP answer: status and its reason, headers, body."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def summary(self) -> str:
        """Return a text for an unexpected answer: the status with Engine.IO's message if it has one."""
        try:
            message = json.loads(self.body)["message"]
        except (ValueError, KeyError, TypeError, RecursionError):
            message = self.reason
        hint = "; haproxy_limits say what one address may take, this host too" if self.status == 429 else ""
        return f"{self.status} {shorten(str(message))}".rstrip() + hint


class Client:
    """A client of the service. A browser keeps its connection and its cookies, other clients keep neither."""

    def __init__(self, target: Target, browser: bool = True) -> None:
        """Start the time; do not connect yet."""
        self.target, self.browser = target, browser
        self.clock = Clock(target.timeout)
        self.node: str | None = None
        self._cookies: dict[str, str] = {}
        self._connection: Connection | None = None
        self._upgraded: http.client.HTTPResponse | None = None

    def __enter__(self) -> Client:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._drop()

    def request(self, method: str, path: str, body: bytes = b"", plain: bool = False) -> Answer:
        """Send a request, with `plain` to the HTTP address. Raise a connection's errors, and one for a long answer."""
        headers = {"Content-Type": "text/plain;charset=UTF-8", "Content-Length": str(len(body))} if body else {}
        connection = self._connection or Connection(self.target, self.clock, self.target.secure and not plain)
        self._connection = connection
        response = self._ask(connection, method, path, headers, body, plain)
        content = response.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ProbeError(f"the answer has more than {MOST_BYTES} bytes")
        if response.length:
            raise ProbeError("the connection ended inside an answer")
        if response.will_close or not self.browser:
            self._drop()
        return Answer(response.status, response.reason, response.headers, content)

    def websocket(self, path: str) -> WebSocket:
        """Open a WebSocket on a new connection. Raise `ProbeError` if the handshake fails."""
        self._drop()
        self._connection = connection = Connection(self.target, self.clock, self.target.secure)
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": key, "Origin": f"http{'s' * self.target.secure}://{self._authority()}"}
        response = self._ask(connection, "GET", path, headers)
        if response.status != 101:
            content = response.read(MOST_BYTES)
            raise ProbeError(Answer(response.status, response.reason, response.headers, content).summary)
        accept = base64.b64encode(hashlib.sha1(f"{key}{ACCEPT_KEY}".encode()).digest()).decode()  # noqa: S324
        if response.headers.get("Upgrade", "").lower() != "websocket":
            raise ProbeError("101, but not to a WebSocket: the answer has no `Upgrade: websocket`")
        if response.headers.get("Sec-WebSocket-Accept", "").strip() != accept:
            raise ProbeError("101, but not for our handshake: Sec-WebSocket-Accept is wrong")
        self._upgraded = response  # without a reference its stream would be closed
        return WebSocket(connection, response.fp)

    def _ask(
        self,
        connection: Connection,
        method: str,
        path: str,
        more: dict[str, str],
        body: bytes = b"",
        plain: bool = False,
    ) -> http.client.HTTPResponse:
        # The Host header has the port, to see whether a redirect keeps it.
        host = self.target.authority(self.target.http_address[1], 0) if plain else self._authority()
        headers = {"Host": host, "User-Agent": "realtime.edge", "Accept": "*/*", **more}
        if not self.browser:
            headers["Connection"] = "close"
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        response = connection.ask(method, path, headers, body)
        self.node = shorten(response.headers.get(self.target.node_header, "")) or self.node
        if self.browser:
            for cookie in response.headers.get_all("Set-Cookie", []):
                found = re.match(r"([\x21-\x7e]+?)=([\x21-\x3a\x3c-\x7e]*)", cookie)
                if found:
                    self._cookies[found[1]] = found[2]
        return response

    def _authority(self) -> str:
        return self.target.authority(self.target.port, 443 if self.target.secure else 80)

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def read_peer_certificate(target: Target) -> PeerCertificate | None:
    """Return the certificate of a target, trusted or not, None if it has none.

    Python decodes only a verified certificate: a second connection trusts the certificate as its own CA.
    """
    context = make_context(validate=False)
    try:
        with Connection(target._replace(context=context), Clock(target.timeout), True) as connection:
            der = connection.certificate()
    except (OSError, ValueError, ProbeError):
        return None
    found = PeerCertificate(hashlib.sha256(der).hexdigest(), "", "", "")
    context.verify_mode = ssl.CERT_REQUIRED
    # A certificate that is no CA may be its own trust anchor. The flag has no name before Python 3.10.
    context.verify_flags = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", ssl.VerifyFlags(0x80000))
    try:
        context.load_verify_locations(cadata=der)
        with Connection(target._replace(context=context), Clock(target.timeout), True) as connection:
            decoded = connection.decoded()
    except (OSError, ValueError, ProbeError):
        return found
    subject, issuer = (_distinguished(decoded.get(key, ())) for key in ("subject", "issuer"))
    return found._replace(subject=subject, issuer=issuer, not_after=str(decoded.get("notAfter", "")))


def _distinguished(names: Any) -> str:
    """Return a distinguished name (`CN=..., O=...`) from the form of `ssl`."""
    short = {"commonName": "CN", "organizationName": "O", "countryName": "C"}
    return ", ".join(f"{short.get(key, key)}={shorten(value)}" for pairs in names for key, value in pairs)
