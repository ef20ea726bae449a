# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The target of a probe, its TLS context, and errors in plain words."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..errors import EdgeError

MOST_SECONDS = 600


class ProbeError(EdgeError):
    """A probe fails; the text says why."""


class Target(NamedTuple):
    """The address of a service and the settings of a probe.

    `host`, `port`, `page`: parts of its URL; `secure`: whether that is https. `address`, `http_address`: (host, port)
    to connect to, with a host of None for this machine. `path`: Socket.IO's, with a slash at its end. `timeout`:
    seconds that each transport may take. `node_header`: the header of answers that names the node. `context`: for TLS.
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
        """Return host and port as in a URL or a Host header; `usual` is the port to leave out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if port == usual else f"{host}:{port}"


class PeerCertificate(NamedTuple):
    """A server's certificate; subject, issuer and end are empty if it has expired or is not valid yet."""

    sha256: str
    subject: str
    issuer: str
    not_after: str


def read_target(
    url: str,
    address: str = "",
    http_address: str = "",
    path: str = "/socket.io/",
    timeout: float = 5.0,
    node_header: str = "X-Node",
    context: ssl.SSLContext | None = None,
) -> Target:
    """Return the target for these options. Raise `ProbeError` with the name of an option that cannot be used.

    An address is `HOST`, `HOST:PORT` or `:PORT`. The default host, also for `*`, is this machine; the default port is
    that of the URL (80 for `http_address`).
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
    https = _split_address("address", address, host, port) if address else (host, port)
    plain = _split_address("http_address", http_address, https[0], 80) if http_address else (https[0], 80)
    safe = "/%:@!$&'()*+,;=~?-._"
    return Target(
        host,
        port,
        quote((parts.path or "/") + query, safe),
        secure,
        https,
        plain,
        quote("/" + "".join(f"{part}/" for part in path.split("/") if part), safe),
        timeout,
        node_header,
        context or make_context(),
    )


def _split_address(option: str, text: str, host: str | None, port: int) -> tuple[str | None, int]:
    """Return host and port of an address, with these defaults; the host is None for this machine."""
    found = re.match(
        r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.*-]*)|([0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*))(?::(\d+))?$", text, re.ASCII
    )
    if not found or (found[4] and not 0 < int(found[4]) < 65536):
        raise ProbeError(f"{option}: HOST, HOST:PORT or :PORT is expected, not {text!r}")
    name = found[1] or found[2] or found[3]
    return None if name in ("", "*") else name, int(found[4] or port)


def make_context(validate: bool = True, ca_path: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's CAs, those of a file, or any certificate.

    Raise `ProbeError` if the file has none.
    """
    try:
        context = ssl.create_default_context(cafile=ca_path)
    except OSError as error:
        raise ProbeError(f"ca_path: {ca_path} cannot be used: {error.strerror or error}") from None
    context.set_alpn_protocols(["http/1.1"])
    if not validate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def explain_failure(error: Exception, seconds: float) -> str:
    """Return a plain text for an error; `seconds` is the time limit."""
    if isinstance(error, socket.timeout):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return f"the answer is not HTTP: {shorten(error.args[0])}"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended inside an answer"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is not HTTP: {shorten(str(error)) or type(error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) if isinstance(error, ProbeError) else f"{type(error).__name__}: {shorten(str(error))}"


def shorten(text: str | bytes, most: int = 120) -> str:
    """Return received text in a form that is safe to show: one line, printable, not long."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = "".join(char if char.isprintable() else "." for char in text[: most + 1])
    return text if len(text) <= most else f"{text[:most]}..."
