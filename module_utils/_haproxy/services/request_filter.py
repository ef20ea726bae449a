# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request may not say: who it comes from, where it comes from, and where it goes, in another spelling.

Framing (a length that contradicts another, a bare LF in a header) is HAProxy's own affair: it parses strictly and
writes each request anew, so that a node never sees what a client made of it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..config.model import ConfigurationError
from .limits import Line, networks

PROTOCOLS = ("proxy_protocol", "x_forwarded_for")

# `https://chat.example.com`, `https://*.example.com`: as browsers write it (RFC 6454, section 6.2), so without a path.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?\Z")

# Headers that applications believe to come from a proxy. The names that begin so are all removed.
_FORWARDED_HEADERS = tuple(
    "x-forwarded forwarded x-real-ip x-client- x-original- x-rewrite- x-ssl- true-client-ip".split()
)

# Spellings that mean another path than they show: dot segments, letters, digits, dots and hyphens as %XX (no client
# encodes those, RFC 3986 6.2.2.2), backslashes, and control characters. Rules on paths then can't be gone around.
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
    """Whom the edge believes the address of a client: networks of the proxies before it, and how they tell it."""

    addresses: tuple[str, ...] = ()
    protocol: str = "proxy_protocol"


def validate(proxies: TrustedProxies, yaml_path: str = "haproxy_trusted_proxies") -> None:
    """Raise `ConfigurationError` for what is no address or network."""
    problems = networks(proxies.addresses, f"{yaml_path}.addresses")
    if problems:
        raise ConfigurationError(problems)


def expect_proxy_protocol(proxies: TrustedProxies) -> list[Line]:
    """Lines of the frontend that connections come to first."""
    if not proxies.addresses or proxies.protocol != "proxy_protocol":
        return []
    return [("forwarding", f"tcp-request connection expect-proxy layer4 if {{ src {' '.join(proxies.addresses)} }}")]


def restore_client_address(proxies: TrustedProxies) -> list[Line]:
    """Frontend lines, the first of all for requests: the client's address as a trusted proxy tells it, the last one."""
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
    """Frontend line of plain HTTP: any challenge of the account with this thumbprint is answered (RFC 8555, 8.3).

    The answer is the token that the request names, a dot, and the thumbprint: nothing has to be put anywhere first.
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
    """Frontend lines: what a client says about itself is removed, and what is known is said instead."""
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
    """Frontend lines: characters that no request has, and a path in a disguise, are refused."""
    answer = "http-request deny deny_status 400 content-type text/plain string"
    characters = f"{{ req.hdrs -m reg '{_IN_HEADERS}' }} || {{ url -m reg '{_IN_URL}' }}"
    patterns = " ".join(f"'{pattern}'" for pattern in _AMBIGUOUS_PATH)
    return [
        ("characters", f'{answer} "This request has a character that none may have." if {characters}'),
        ("paths", f'{answer} "This path is not in its plain form." if {{ path -m reg -i {patterns} }}'),
    ]


def read_origins(data: Any, yaml_path: str, problems: list[str]) -> tuple[str, ...]:
    """Read a service's `origins`; what is wrong is added to `problems`."""
    if data is None:
        return ()
    if not isinstance(data, list):
        problems.append(f"{yaml_path}: a list is expected, such as [https://chat.example.com]")
        return ()
    for number, value in enumerate(data):
        if not isinstance(value, str) or not ORIGIN.match(value):
            problems.append(f"{yaml_path}[{number}]: {value!r} is no origin (`https://chat.example.com`, no path)")
    return tuple(str(value) for value in data)


def reject_foreign_origins(allowed: tuple[str, ...], condition: str, sockets: str) -> list[Line]:
    """Frontend lines for one service: pages of other origins may open no socket.

    `condition` (may be empty) picks the service's requests, ending in a blank; `sockets` those of its Socket.IO. The
    same-origin policy does not hold for WebSocket (RFC 6455, section 10.2); who is no browser sends no origin.
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
    """Frontend lines for a service with client certificates; `condition` picks its requests.

    TLS has asked for a certificate where the service's name was in the handshake. A request on another service's
    connection, or on a session resumed from one, comes without.
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
