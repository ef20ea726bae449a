# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The TCP front end of an edge with Flash sockets: the policy, the TLS of old Flash movies, and what is passed on."""

from __future__ import annotations

from ..config.model import Section
from ..config.words import quote
from . import socketio
from .backends import HEALTH_CHECK, balance_rules, server_line
from .definition import Service, socketio_names
from .edge import Edge, allowed_connections, connection_rules, internal_bind
from .lines import directive_of, section_of
from .socketio import POLICY_REQUEST
from .tls import LEGACY


def flash_sections(flash: list[Service], edge: Edge) -> list[Section]:
    """The entrance of an edge with Flash sockets, and what it leads to.

    The Flash player asks for its policy in plain text, on ports of its own and on the port where it is about to
    connect, TLS or not. The entrance looks at the first bytes: `<` begins neither HTTP nor TLS; all else goes on.
    """
    tcp = [("flashsocket", "mode tcp"), ("flashsocket", "no option http-no-delay")]
    policy_servers = next((service.policy_servers for service in flash if service.policy_servers), ())
    legacy = next((service for service in flash if service.legacy_tls), None)
    request = POLICY_REQUEST
    answer = "accept" if policy_servers else "use-service lua.flash_policy"
    lines = [
        *tcp,
        ("logging", "option tcplog"),
        # Each connection counts twice: here, and behind.
        ("limits", f"maxconn {max(1, allowed_connections(edge) // 2)}"),
        *connection_rules(edge, False),
        *(("flashsocket", f"bind {address} name http") for address in edge.http),
        *(("flashsocket", f"bind {address} name https") for address in edge.https),
        *(("policy", f"bind {address} name policy") for address in edge.policy),
        ("policy", f"acl policy_request req.payload(0,{len(request)}) -m bin {request.hex()}"),
        ("policy", "tcp-request inspect-delay 5s"),
    ]
    if legacy:
        old = "if { so_name https } { req.ssl_ver lt 3.3 }"
        lines.append(("flashsocket", f"tcp-request content set-var(txn.legacy) bool(true) {old}"))
    passes = "!{ so_name policy } !{ req.payload(0,1) -m bin 3c }"
    lines += [
        # What is behind logs what it serves.
        ("logging", f"tcp-request content set-log-level silent if {passes}"),
        ("policy", f"tcp-request content accept if {passes}"),
        ("policy", f"tcp-request content {answer} if policy_request"),
        ("policy", "tcp-request content reject"),
    ]
    # Backend → the socket that it leads to; the frontend behind it has a name of its own (an error from 3.3 on).
    targets = {"http": "http", "https": "https"}
    if policy_servers:
        lines.append(("policy", "use_backend flash:policy if policy_request"))
    if legacy:
        lines.append(("flashsocket", "use_backend flash:movie if { var(txn.legacy) -m bool }"))
        targets["movie"] = "legacy"
    lines.append(("flashsocket", "use_backend flash:%[so_name]"))
    # A colon is in no service's name.
    result = [section_of("frontend", "flash", lines, "haproxy_binds")]
    result += [
        section_of(
            "backend",
            f"flash:{name}",
            [*tcp, ("flashsocket", f"server {what} {internal_bind(edge, what)} send-proxy-v2")],
        )
        for name, what in targets.items()
    ]
    if policy_servers:
        head = [directive_of(purpose, text) for purpose, text in (*tcp, HEALTH_CHECK)]
        servers = [server_line(server, "policy") for server in policy_servers]
        result.append(Section("backend", "flash:policy", (*head, *servers), policy_servers[0].yaml_path))
    if legacy:
        result.extend(_legacy_sections(legacy, edge, tcp))
    return result


def _legacy_sections(service: Service, edge: Edge, tcp: list[tuple[str, str]]) -> tuple[Section, Section]:
    """The listener for the Flash movie's own TLS, and where it leads: past HAProxy's HTTP, which refuses draft 76.

    TLS of this age is for nothing else: a request for another path is turned away.
    """
    names = socketio_names(service)
    backend = f"{service.name}_flashsocket_legacy"
    certificate = quote(f"{edge.certificates}/{service.legacy_tls}.pem")
    frontend = [
        *tcp,
        ("logging", "option tcplog"),
        ("tls", f"bind {internal_bind(edge, 'legacy')} mode 600 accept-proxy ssl crt {certificate} {LEGACY}"),
        ("flashsocket", "tcp-request inspect-delay 5s"),
        ("flashsocket", f"tcp-request content accept if {{ {socketio.flashsocket_condition(names)} }}"),
        ("flashsocket", "tcp-request content reject"),
        ("flashsocket", f"default_backend {backend}"),
    ]
    lines = [
        directive_of(purpose, text, service.yaml_path)
        for purpose, text in (*tcp, *balance_rules(service, "leastconn"), HEALTH_CHECK)
    ]
    if service.affinity == "session":
        lines += socketio.follow_flash_session(names)
    lines += [server_line(server, "flashsocket") for server in service.socket_servers]
    return (
        section_of("frontend", "flash:legacy", frontend, f"{service.yaml_path}.socketio.flash.legacy_tls"),
        Section("backend", backend, tuple(lines), service.yaml_path),
    )
