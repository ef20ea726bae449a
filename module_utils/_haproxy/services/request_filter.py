# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter requests: forged client addresses, foreign origins, ambiguous URLs, missing client certificates.

HAProxy itself handles framing (contradictory lengths, a bare LF in a header): it parses strictly and writes each
request anew, so that a node never sees the client's original bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..config.model import ConfigurationError, Line
from ..config.words import quote
from ..errors import Problems
from .limits import check_networks

PROTOCOLS = ("proxy_protocol", "x_forwarded_for")

# `https://chat.example.com`, `https://*.example.com`: as browsers write it (RFC 6454, section 6.2), so without a path.
# Applications with pages of their own have other schemes (`capacitor://localhost`); files and sandboxes, `null` or `file://`.
ORIGIN = re.compile(
    r"(https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?"
    r"|(?!https?:)[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.-]*(:[0-9]{1,5})?|null)\Z"
)

# Headers that applications trust as a proxy's, by the beginnings of their names. CGI and WSGI programs read `_` as `-`.
_FORWARDED_HEADERS = (
    "x-(forwarded|real-ip|request-id|client-|cluster-client|original-|rewrite-|ssl-|envoy-|remote-|azure-clientip|appengine-)"
    "|forwarded|true-client-ip|cf-connecting-ip|fastly-client-ip|fly-client-ip|client-ip|remote-addr"
    "|(wl-)?proxy-client-ip"
).replace("-", "[-_]")

# Trusted proxies that a request may come through.
_MOST_PROXIES = 5

# `chat.example.com:443`, `[2001:db8::1]:443` (RFC 3986, 3.2.2), or nothing.
_HOST = r"([a-z0-9._-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"

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

# From this version on HAProxy refuses such a URL itself, over HTTP/1.1 and HTTP/2.
_STRICT_URL_SINCE = (3, 0)

# Headers that none may have: a host that is no plain one, a second origin, and a `Connection` that names headers of the
# edge, as a node would remove them (RFC 9110, 7.6.1). Of several Host headers HAProxy keeps one, or refuses the request
# where they differ.
_FORBIDDEN_HEADERS = rf"host: (?!{_HOST}\r)|origin:[^\x00]*\norigin:|connection:([^\n]*[ \t,])?({_FORWARDED_HEADERS})"
# `Proxy`: CGI programs take it for their own proxy (CVE-2016-5385).
_REMOVED_HEADERS = f"{_FORWARDED_HEADERS}|proxy:"
_ODD = "{ var(txn.odd) -m bool }"


class TrustedProxies(NamedTuple):
    """Upstream proxies trusted to report a client's address: their networks, and the protocol they report it by."""

    addresses: tuple[str, ...] = ()
    protocol: str = "proxy_protocol"


def validate(proxies: TrustedProxies, yaml_path: str = "haproxy_trusted_proxies") -> None:
    """Raise `ConfigurationError` for wrong addresses and networks."""
    problems = Problems()
    check_networks(proxies.addresses, f"{yaml_path}.addresses", problems)
    problems.raise_if_any()


def expect_proxy_protocol(proxies: TrustedProxies, path: str) -> list[Line]:
    """Return lines of the frontend that accepts the connections: trusted proxies speak the PROXY protocol."""
    if not proxies.addresses or proxies.protocol != "proxy_protocol":
        return []
    return [("forwarding", f"tcp-request connection expect-proxy layer4 if {{ src -f {quote(path)} }}")]


def comes_by_header(proxies: TrustedProxies) -> bool:
    """Return whether trusted proxies report the client of each request."""
    return bool(proxies.addresses) and proxies.protocol == "x_forwarded_for"


def remember_address() -> Line:
    """Return the rule that writes the client's address down once for all requests of its connection."""
    return "forwarding", "tcp-request session set-var(sess.address) src,lower"


def restore_client_address(proxies: TrustedProxies, path: str) -> list[Line]:
    """Return the first rules for requests: the client is the last address in the header that is no trusted proxy's.

    Each rule goes one proxy back; the next sees the address that it has set.
    """
    if not comes_by_header(proxies):
        return []
    trusted = f"{{ src -f {quote(path)} }}"
    hops = [f"req.hdr_ip(x-forwarded-for,-{hop})" for hop in range(1, _MOST_PROXIES + 1)]
    return [("forwarding", f"http-request set-src {hop} if {trusted} {{ {hop} -m found }}") for hop in hops]


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


def strip_forwarded_headers(by_connection: bool, scheme: str = "https") -> list[Line]:
    """Return rules that remove the client's forwarded headers and say who it is and how it came.

    `by_connection`: its address is that of `remember_address`. The name and the port that it asked for are in `Host`,
    which reaches the node as it is.
    """
    # What is removed needs no replacing, only adding.
    lines = [
        f"http-request del-header '^({_FORWARDED_HEADERS}|proxy$)' -m reg if {_ODD}",
        f"http-request add-header X-Forwarded-For %[{'var(sess.address)' if by_connection else 'src'}]",
        f"http-request add-header X-Forwarded-Proto {scheme}",
    ]
    return [("forwarding", line) for line in lines]


def reject_odd_headers() -> list[Line]:
    """Return rules that refuse requests with headers that none may have.

    Few requests have any that is to be refused or removed: one look at all headers finds those to look at again.
    """

    def has(names: str) -> str:
        # A search for the beginnings of lines and one for characters cost two thirds of one for both.
        return f"{{ req.hdrs -m reg -i '(?m)^({names})' '{_IN_HEADERS}' }}"

    answer = 'deny deny_status 400 content-type text/plain string "This request has a header that none may have."'
    return [
        (
            "headers",
            f"http-request set-var(txn.odd) bool(true) if {has(f'{_FORBIDDEN_HEADERS}|{_REMOVED_HEADERS}')}",
        ),
        ("headers", f"http-request {answer} if {_ODD} {has(_FORBIDDEN_HEADERS)}"),
    ]


def reject_ambiguous_urls(version: tuple[int, ...], quic: bool) -> list[Line]:
    """Return rules that refuse requests with invalid characters or a path that is not in its plain form."""
    answer = "http-request deny deny_status 400 content-type text/plain string"
    characters = f"{answer} \"This URL has a character that none may have.\" if {{ url -m reg '{_IN_URL}' }}"
    patterns = " ".join(f"'{pattern}'" for pattern in _AMBIGUOUS_PATH)
    return [
        *([("characters", characters)] if quic or version < _STRICT_URL_SINCE else ()),
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
            problems.add(
                f"{yaml_path}[{number}]",
                f"{value!r} is no origin (`https://chat.example.com`, `capacitor://localhost`, `null`; no path)",
            )
    return tuple(str(value) for value in data)


def origins_list(name: str, allowed: Iterable[str]) -> str:
    """Return the entries of one service in the list of origins; those of all services together have an empty name."""
    return "".join(f"{name}:{value.lower()}\n" for value in allowed)


def note_origin(allowed: tuple[str, ...], path: str, checked: bool) -> list[Line]:
    """Return frontend rules that keep the origin of a page, and whether the edge's own answers are for it (CORS).

    `allowed` are the origins of all services together, empty if any may be one; `path` is that of the list of origins.
    They are needed where it is `checked`: a service has origins, whose rules look at it again.
    """
    if not checked:
        return []
    lines = ["http-request set-var(txn.origin) req.fhdr(origin),lower"]
    if allowed:
        rules, listed = _look_up("str(:)", allowed, path)
        lines += rules
        known = "{ var(txn.origin) -m found }"
        lines += [f"http-request set-var(txn.cors) var(txn.origin) if {known} {one}" for one in listed]
    else:
        lines.append("http-request set-var(txn.cors) var(txn.origin)")
    return [("origins", line) for line in lines]


def reject_foreign_origins(name: str, allowed: tuple[str, ...], path: str, picked: str) -> list[Line]:
    """Return backend rules for one service: pages of other origins may not open sockets.

    `name` is the sample of its name and a colon, `path` that of the list of origins; `picked` (may be empty) selects
    the requests that open sockets. The same-origin policy does not apply to WebSocket (RFC 6455, section 10.2); other
    clients than browsers send no origin.
    """
    answer = 'http-request deny deny_status 403 content-type text/plain string "Pages of this origin may not connect."'
    lines, listed = _look_up(name, allowed, path)
    foreign = f"{{ var(txn.origin) -m found }} {' '.join(f'!{one}' for one in listed)}"
    if picked:
        lines.append(f"http-request unset-var(txn.cors) if {foreign}")
    lines.append(f"{answer} if {picked}{foreign}")
    return [("origins", line) for line in lines]


def _look_up(name: str, allowed: tuple[str, ...], path: str) -> tuple[list[str], list[str]]:
    """Return rules that prepare the look-up of an origin, and conditions of which one holds if it is listed.

    `name` is the sample of the list's name and a colon.
    """
    lines, known = [], ["txn.origin"]
    for depth in sorted({value.count(".") for value in allowed if "*" in value}):
        # https://a.b.example.com becomes https://*.example.com, as it stands in the list.
        known.append(f"txn.origin_{depth}")
        wide = rf"""'regsub("^(https?://)[a-z0-9.-]+((\.[^.]+){{{depth}}})$","\1*\2")'"""
        lines.append(f"http-request set-var({known[-1]}) var(txn.origin),{wide} if {{ var(txn.origin) -m found }}")
    return lines, [f"{{ {name},concat(,{variable}) -m str -f {quote(path)} }}" for variable in known]


def require_client_certificate(condition: str, headers: str) -> list[Line]:
    """Return rules for a service with client certificates; `condition` selects its requests.

    `headers` are those of a refusal.

    TLS asks for a certificate if the handshake has the service's name. A request on another service's connection, or
    on a session resumed from one, has none.
    """
    return [
        (
            "client certificates",
            'http-request return status 421 content-type text/plain string "This needs a connection of its own." '
            f"{headers} if {condition}!{{ ssl_c_used }}",
        ),
        (
            "client certificates",
            f"http-request deny deny_status 403 {headers} if {condition}!{{ ssl_c_verify 0 }}",
        ),
        ("client certificates", f"http-request set-header X-SSL-Client-DN %{{+Q}}[ssl_c_s_dn] if {condition}"),
    ]
