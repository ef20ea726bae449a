# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter requests: forged client addresses, foreign origins, ambiguous URLs, missing client certificates.

HAProxy itself handles framing (contradictory lengths, a bare LF in a header): it parses strictly and writes each
request anew, so that a node never sees the client's original bytes.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..config.model import ConfigurationError, Line
from ..errors import Problems
from .limits import check_networks

PROTOCOLS = ("proxy_protocol", "x_forwarded_for")

# `https://chat.example.com`, `https://*.example.com`: as browsers write it (RFC 6454, section 6.2), so without a path.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?\Z")

# Headers that applications trust as a proxy's. All names that begin so are removed.
_FORWARDED_HEADERS = tuple(
    "x-forwarded forwarded x-real-ip x-client- x-original- x-rewrite- x-ssl- true-client-ip".split()
)

# Spellings that could bypass rules on paths: dot segments, letters, digits, dots and hyphens as %XX (no client encodes
# those, RFC 3986 6.2.2.2), backslashes, and control characters.
_AMBIGUOUS_PATH = (
    r"(^|/)\.{1,2}(/|;|$)",
    r"%(2[de]|3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|0[0-9a-f]|1[0-9a-f]|5c|7f)",
    r"[\\]",
)

# No field value has control characters but tabs (RFC 9110, 5.5), no URL has them, blanks or a fragment (RFC 9112, 3.2).
# HAProxy lets some through, which ones depends on its version and on HTTP's: 2.6 lets even NUL through. The sample of
# headers holds the CR and LF that end each.
_IN_HEADERS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_IN_URL = r"[\x00-\x20\x7f\x23]"


class TrustedProxies(NamedTuple):
    """Upstream proxies trusted to report a client's address: their networks, and the protocol they report it by."""

    addresses: tuple[str, ...] = ()
    protocol: str = "proxy_protocol"


def validate(proxies: TrustedProxies, yaml_path: str = "haproxy_trusted_proxies") -> None:
    """Raise `ConfigurationError` for wrong addresses and networks."""
    problems = Problems()
    check_networks(proxies.addresses, f"{yaml_path}.addresses", problems)
    problems.raise_if_any()


def expect_proxy_protocol(proxies: TrustedProxies) -> list[Line]:
    """Return lines of the frontend that accepts the connections: trusted proxies speak the PROXY protocol."""
    if not proxies.addresses or proxies.protocol != "proxy_protocol":
        return []
    return [("forwarding", f"tcp-request connection expect-proxy layer4 if {{ src {' '.join(proxies.addresses)} }}")]


def restore_client_address(proxies: TrustedProxies) -> list[Line]:
    """Return the first rules for requests: take the client's address from the last trusted proxy's header."""
    if not proxies.addresses or proxies.protocol != "x_forwarded_for":
        return []
    return [
        (
            "forwarding",
            f"http-request set-src req.hdr_ip(x-forwarded-for,-1) if {{ src {' '.join(proxies.addresses)} }} "
            "{ req.hdr_ip(x-forwarded-for,-1) -m found }",
        )
    ]


def answer_challenges(thumbprint: str, yaml_path: str = "haproxy_acme") -> list[Line]:
    """Return the rule that answers any challenge of the account with this thumbprint over HTTP (RFC 8555, 8.3).

    The answer is the token in the request, a dot, and the thumbprint: no file has to be written first.
    """
    if not thumbprint:
        return []
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", thumbprint):
        raise ConfigurationError(
            f"{yaml_path}: {thumbprint!r} is no thumbprint of an account's key (43 letters, digits, _ and -)"
        )
    path = r"^/\.well-known/acme-challenge/[A-Za-z0-9_-]{16,128}$"
    answer = f"lf-string %[path,field(4,/)].{thumbprint}"
    return [("acme", f"http-request return status 200 content-type text/plain {answer} if {{ path_reg {path} }}")]


def strip_forwarded_headers() -> list[Line]:
    """Return rules that remove the client's forwarded headers and set them to known values."""
    lines = [f"http-request del-header {name} -m beg" for name in _FORWARDED_HEADERS]
    lines += [
        "http-request del-header proxy",  # CGI programs take it for their own proxy (CVE-2016-5385)
        "http-request set-header X-Forwarded-For %[src]",
        "http-request set-header X-Forwarded-Proto https",
        "http-request set-header X-Forwarded-Host %[req.hdr(host)]",
        "http-request set-header X-Forwarded-Port %[dst_port]",
    ]
    return [("forwarding", line) for line in lines]


def reject_ambiguous_urls() -> list[Line]:
    """Return rules that refuse requests with invalid characters or a path that is not in its plain form."""
    answer = "http-request deny deny_status 400 content-type text/plain string"
    characters = f"{{ req.hdrs -m reg '{_IN_HEADERS}' }} || {{ url -m reg '{_IN_URL}' }}"
    patterns = " ".join(f"'{pattern}'" for pattern in _AMBIGUOUS_PATH)
    return [
        ("characters", f'{answer} "This request has a character that none may have." if {characters}'),
        ("paths", f'{answer} "This path is not in its plain form." if {{ path -m reg -i {patterns} }}'),
    ]


def read_origins(data: Any, yaml_path: str, problems: Problems) -> tuple[str, ...]:
    """Read a service's `origins` and add what is wrong to `problems`."""
    if data is None:
        return ()
    if not isinstance(data, list):
        problems.add(yaml_path, "a list is expected, such as [https://chat.example.com]")
        return ()
    for number, value in enumerate(data):
        if not isinstance(value, str) or not ORIGIN.match(value):
            problems.add(f"{yaml_path}[{number}]", f"{value!r} is no origin (`https://chat.example.com`, no path)")
    return tuple(str(value) for value in data)


def reject_foreign_origins(allowed: tuple[str, ...], condition: str, sockets: str) -> list[Line]:
    """Return rules for one service: pages of other origins may not open sockets.

    `condition` (may be empty) selects the service's requests, ending in a blank; `sockets` those of its Socket.IO. The
    same-origin policy does not apply to WebSocket (RFC 6455, section 10.2); other clients than browsers send no origin.
    """
    exact = [value for value in allowed if "*" not in value]
    patterns = [re.escape(value).replace(r"\*", "[a-z0-9.-]+") for value in allowed if "*" in value]
    known = []
    if exact:
        known.append(f"!{{ req.fhdr(origin) -i {' '.join(exact)} }}")
    if patterns:
        known.append("!{ req.fhdr(origin) -m reg -i " + " ".join(f"'^{pattern}$'" for pattern in patterns) + " }")
    answer = 'http-request deny deny_status 403 content-type text/plain string "Pages of this origin may not connect."'
    which = "{ req.fhdr(origin) -m found } " + " ".join(known)
    return [
        ("origins", f"{answer} if {condition}{picked} {which}")
        for picked in dict.fromkeys((sockets, "{ req.hdr(upgrade) -m found }"))
        if picked
    ]


def require_client_certificate(condition: str) -> list[Line]:
    """Return rules for a service with client certificates; `condition` selects its requests.

    TLS asks for a certificate if the handshake has the service's name. A request on another service's connection, or
    on a session resumed from one, has none.
    """
    return [
        (
            "client certificates",
            'http-request return status 421 content-type text/plain string "This needs a connection of its own." '
            f"if {condition}!{{ ssl_c_used }}",
        ),
        ("client certificates", f"http-request deny deny_status 403 if {condition}!{{ ssl_c_verify 0 }}"),
        ("client certificates", f"http-request set-header X-SSL-Client-DN %{{+Q}}[ssl_c_s_dn] if {condition}"),
    ]
