# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The TCP front end of an edge with Flash sockets: the policy, the TLS of old Flash movies, all other connections."""

from __future__ import annotations

from ..config.model import Directive, Line, Section
from ..config.words import quote
from . import socketio
from .backends import HEALTH_CHECK, balance_rules, default_balance, server_line
from .definition import Service, socketio_names
from .edge import ROLE, Edge, connection_rules, internal_bind, request_counters
from .socketio import POLICY_REQUEST
from .tls import LEGACY

_TCP: tuple[Line, ...] = (("flashsocket", "mode tcp"), ("flashsocket", "no option http-no-delay"))
_TCP_FRONTEND: tuple[Line, ...] = (
    *_TCP,
    ("flashsocket", "no option idle-close-on-response"),
    ("logging", "option tcplog"),
)


def flash_sections(flash: list[Service], edge: Edge) -> list[Section]:
    """Return the TCP front end of an edge with Flash sockets, and its backends.

    The Flash player asks for its policy in plain text, on ports of its own and on the port where it is about to
    connect, TLS or not. The front end looks at the first bytes: neither HTTP nor TLS begins with `<`.
    """
    policy_servers = next((service.policy_servers for service in flash if service.policy_servers), ())
    legacy = next((service for service in flash if service.legacy_tls), None)
    # Backend → internal bind, whose frontend has another name: from 3.3 on one name for both is an error.
    targets = {"http": "http", "https": "https", **({"movie": "legacy"} if legacy else {})}
    lines = _front_end_lines(edge, bool(policy_servers), bool(legacy))
    sections = [Section.of("frontend", "flash", lines, "haproxy_binds")]
    # No service's name has a colon.
    sections += [
        Section.of(
            "backend",
            f"flash:{name}",
            [*_TCP, ("flashsocket", f"server {what} {internal_bind(edge, what)} send-proxy-v2")],
            ROLE,
        )
        for name, what in targets.items()
    ]
    if policy_servers:
        head = [Directive.of(*line) for line in (*_TCP, HEALTH_CHECK)]
        servers = [server_line(server, "policy") for server in policy_servers]
        sections.append(Section("backend", "flash:policy", (*head, *servers), policy_servers[0].yaml_path))
    if legacy:
        sections += _legacy_sections(legacy, edge)
    return sections


def _front_end_lines(edge: Edge, policy_servers: bool, legacy: bool) -> list[Line]:
    """Return the lines of the TCP front end: its binds, the rules for the policy, the choice of a backend."""
    lines = [
        *_TCP_FRONTEND,
        *connection_rules(edge, request_counters(edge, flash=True), "flash"),
        *(("flashsocket", f"bind {address} name http") for address in edge.http),
        *(("flashsocket", f"bind {address} name https") for address in edge.https),
        *(("policy", f"bind {address} name policy") for address in edge.policy),
        ("policy", f"acl policy_request req.payload(0,{len(POLICY_REQUEST)}) -m bin {POLICY_REQUEST.hex()}"),
        ("policy", "tcp-request inspect-delay 5s"),
    ]
    if legacy:
        old = "if { so_name https } { req.ssl_ver lt 3.3 }"
        lines.append(("flashsocket", f"tcp-request content set-var(txn.legacy) bool(true) {old}"))
    passes = "!{ so_name policy } !{ req.payload(0,1) -m bin 3c }"
    answer = "accept" if policy_servers else "use-service lua.flash_policy"
    lines += [
        # The frontend of the internal bind logs these connections.
        ("logging", f"tcp-request content set-log-level silent if {passes}"),
        ("policy", f"tcp-request content accept if {passes}"),
        ("policy", f"tcp-request content {answer} if policy_request"),
        ("policy", "tcp-request content reject"),
    ]
    if policy_servers:
        lines.append(("policy", "use_backend flash:policy if policy_request"))
    if legacy:
        lines.append(("flashsocket", "use_backend flash:movie if { var(txn.legacy) -m bool }"))
    lines.append(("flashsocket", "use_backend flash:%[so_name]"))
    return lines


def _legacy_sections(service: Service, edge: Edge) -> tuple[Section, Section]:
    """Return the frontend for the Flash movie's own TLS and its backend, in TCP mode: HAProxy's HTTP refuses draft 76.

    Only the movie may use such old TLS: a request for another path is rejected.
    """
    names = socketio_names(service)
    backend = f"{service.name}_flashsocket_legacy"
    certificate = quote(f"{edge.certificates}/{service.legacy_tls}.pem")
    frontend = [
        *_TCP_FRONTEND,
        ("tls", f"bind {internal_bind(edge, 'legacy')} mode 600 accept-proxy ssl crt {certificate} {LEGACY}"),
        ("flashsocket", "tcp-request inspect-delay 5s"),
        ("flashsocket", f"tcp-request content accept if {{ {socketio.flashsocket_condition(names)} }}"),
        ("flashsocket", "tcp-request content reject"),
        ("flashsocket", f"default_backend {backend}"),
    ]
    lines = [
        Directive.of(*line, service.yaml_path)
        for line in (
            *_TCP,
            *balance_rules(service, "flashsocket"),
            *default_balance(service, "flashsocket"),
            HEALTH_CHECK,
        )
    ]
    if service.follows_sessions:
        lines += socketio.follow_flash_session(names)
    lines += [server_line(server, "flashsocket") for server in service.socket_servers]
    return (
        Section.of("frontend", "flash:legacy", frontend, f"{service.yaml_path}.socketio.flash.legacy_tls"),
        Section("backend", backend, tuple(lines), service.yaml_path),
    )
