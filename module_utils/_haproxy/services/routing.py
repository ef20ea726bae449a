# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Route requests: one look-up of host and path in a map finds the service, however many there are.

An entry of the map is a host and a path, both whole: `chat.example.com/socket.io/`, or `/socket.io/` for every host.
The longest entry that a request begins with is its route (`map_beg`, configuration manual 7.3), which HAProxy finds in
a tree. The value is the service, and, each behind a colon, the transports that have a backend of their own there
(`chat:polling:websocket`). A change of the map needs no reload.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..config.model import Directive
from ..config.words import quote
from . import request_filter
from .definition import Service
from .socketio import IN_SESSION, VERSION_0_9

# HAProxy reads 64 words of a line.
_WORDS_A_LINE = 40

_SERVICE = "%[var(txn.route),field(1,:)]"
_UNKNOWN = "!{ var(txn.route) -m found }"

# No name has a colon.
SOCKETS = "{ var(txn.route) -m sub : }"
"""The condition for a request where transports have backends of their own."""


def routes_map(services: list[Service]) -> str:
    """Return the text of the map. A service of one revision of Engine.IO stands behind the one that has the path."""
    entries: dict[str, str] = {}
    for service in sorted(services, key=lambda service: service.eio):
        for key, value in _entries(service):
            entries[key] = f"{entries[key]}|{service.eio}{value}" if service.eio else value
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def _entries(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the entries of a service: host and path, and where requests go."""
    for host in service.hosts or ("",):
        name = host.lower()
        if not service.eio:
            yield f"{name}{service.path}", _value(service, *(("websocket",) if service.websocket else ()))
        if service.transports:
            yield f"{name}{service.socketio_path}", _value(service, *service.transports)


def _value(service: Service, *transports: str) -> str:
    return ":".join((service.name, *transports))


def find_route(services: list[Service], path: str) -> list[Directive]:
    """Return the rules of the frontend `https` that look up the route; `path` is that of the map.

    A host's own entries come before those of wildcards, the longest wildcard first, and before those of every host.
    """
    lines = [*_look_up(services, f"map_beg({quote(path)})"), *_choose_revision(services)]
    return [Directive.of("routing", line, "haproxy_services") for line in lines]


def _look_up(services: list[Service], look_up: str) -> list[str]:
    if not any(service.hosts for service in services):
        return [f"http-request set-var(txn.route) path,concat(/),{look_up}"]
    host = "req.hdr(host),host_only,lower"
    rest = "concat(,txn.url_path,/)"
    lines = [
        # A host with a slash or a star, which would read as part of an entry, was refused before (request_filter).
        # Most clients send a host in small letters and without a port: host and path as they are, in one step.
        f"http-request set-var(txn.route) base,concat(/),{look_up}",
        f"http-request set-var(txn.url_path) path if {_UNKNOWN}",
        # A variable that is missing is a cheaper condition than one that has a value.
        f"http-request set-var(txn.route) {host},{rest},{look_up} if {{ var(txn.url_path) -m found }}",
    ]
    depths = {name.count(".") for service in services for name in service.hosts if name.startswith("*.")}
    for depth in sorted(depths, reverse=True):
        # `*.example.com`: the last two labels of a host that has more.
        deeper = f"{{ req.hdr(host),host_only,field(-{depth + 1},.,1) -m found }}"
        lines += [
            f"http-request set-var(txn.domain) {host},field(-1,.,{depth}) if {_UNKNOWN} {deeper}",
            f"http-request set-var(txn.route) str(*.),concat(,txn.domain),{rest},{look_up} "
            f"if {_UNKNOWN} {{ var(txn.domain) -m found }}",
        ]
    if not all(service.hosts for service in services):
        lines.append(f"http-request set-var(txn.route) path,concat(/),{look_up} if {_UNKNOWN}")
    return lines


def _choose_revision(services: list[Service]) -> list[str]:
    """Return the rules that leave of a value with several services the one that takes the request."""
    revisions = {service.eio for service in services if service.eio}
    lines = []
    for revision in sorted(revisions):
        stands = f"{{ var(txn.route) -m sub |{revision} }}"
        its_own = rf"""var(txn.route),'regsub("^.*[|]{revision}([^|]*).*$","\1")'"""
        lines.append(f"http-request set-var(txn.route) {its_own} if {stands} {{ urlp(EIO) {revision} }}")
    if revisions:
        lines.append("http-request set-var(txn.route) var(txn.route),field(1,|) if { var(txn.route) -m sub | }")
    return lines


def paths_list(services: list[Service], setting: str) -> str:
    """Return the list of the paths for which a setting of the services holds, each behind the service's name."""
    return "".join(f"{service.name}{path}\n" for service in services for path in getattr(service, setting))


PATH = "http-request set-var(txn.url_path) path"
"""The rule that `is_listed` needs before it."""


def is_listed(path: str) -> str:
    """Return the condition for a request in one of the paths of the list at `path`, once its route is found."""
    return f"{{ var(txn.route),field(1,:),concat(,txn.url_path,/) -m beg -f {quote(path)} }}"


def require_client_certificates(services: list[Service], headers: str) -> list[Directive]:
    """Return the rules of the frontend `https` for services with client certificates, whichever rule routes them."""
    guarded = [service for service in services if service.client_ca]
    if not guarded:
        return []
    values = list(dict.fromkeys(value for service in guarded for _key, value in _entries(service)))
    lines = [
        f"acl services:client_ca var(txn.route) -m str {' '.join(values[start : start + _WORDS_A_LINE])}"
        for start in range(0, len(values), _WORDS_A_LINE)
    ]
    return [
        *(Directive.of("client certificates", line, guarded[0].yaml_path) for line in lines),
        *(
            Directive.of(*line, guarded[0].yaml_path)
            for line in request_filter.require_client_certificate("services:client_ca ", headers)
        ),
    ]


def choose_backend(services: list[Service]) -> list[Directive]:
    """Return the rules that send a request to the backend of its service and transport."""

    def has(transport: str) -> str:
        return f"{{ var(txn.route) -m sub :{transport} }}"

    conditions = {
        "flashsocket": f"{has('flashsocket')} {{ path_sub /1/flashsocket/ }}",
        "websocket": f"{{ req.hdr(upgrade) -i websocket }} {has('websocket')}",
        # Without a transport no node opens a session; 0.9 has it in the path.
        "polling": f"{has('polling')} {{ {IN_SESSION} }} or {has('polling')} {{ path_reg {VERSION_0_9} }}",
    }
    used = {transport for service in services for transport in service.socket_transports}
    # Ordinary requests first, as they are looked at for nothing else.
    lines = [("routing", "use_backend %[var(txn.route)]_http if { var(txn.route) -m reg ^[^:]+$ }")]
    lines += [
        (transport, f"use_backend {_SERVICE}_{transport} if {condition}")
        for transport, condition in conditions.items()
        if transport in used
    ]
    # Also in a path of Socket.IO: the client's script is neither a handshake nor part of a session.
    if used:
        lines.append(("routing", f"use_backend {_SERVICE}_http if {SOCKETS}"))
    return [Directive.of(*line, "haproxy_services") for line in lines]
