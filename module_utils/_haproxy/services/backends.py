# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backends of a service: one for ordinary requests and one for each transport."""

from __future__ import annotations

import re

from ..config.model import Directive, Line, Section
from ..config.words import quote
from . import limits, request_filter, socketio, telemetry
from .definition import Server, Service, socketio_names
from .edge import Edge
from .limits import Counters

# One answer is enough to take a node back in: after a start of HAProxy clients would otherwise wait for three.
HEALTH_CHECK = ("health", "default-server check inter 2s fall 3 rise 1")


def balance_rules(service: Service, method: str) -> list[Line]:
    """Return the rules that choose a server: by the client's address if affinity wants it, else by `method`."""
    if service.affinity == "source":
        return [("affinity", "balance source"), ("affinity", "hash-type consistent")]
    return [("balance", f"balance {method}")]


def _balance_requests(service: Service, transport: str) -> list[Line]:
    """Return the rules that choose a server for a request: by the service's key if it has one."""
    if service.key:
        # A request without it takes turns.
        return [("affinity", f"balance hash {service.key}"), ("affinity", "hash-type consistent")]
    if transport == "http":
        return [("balance", "balance roundrobin")]
    return balance_rules(service, "roundrobin" if transport == "polling" else "leastconn")


def server_line(server: Server, purpose: str, *more: str) -> Directive:
    """Return the line of a server, with more words at its end."""
    return Directive("server", (server.name, server.endpoint, *server.options, *more), purpose, server.yaml_path)


def service_backend(
    service: Service, transport: str, servers: tuple[Server, ...], counters: Counters, edge: Edge
) -> Section:
    """Return the backend of a service for one transport, or for ordinary requests (`http`)."""
    sticky = transport != "http"
    lines = _balance_requests(service, transport)
    lines += [*_health_checks(service), HEALTH_CHECK, *limits.servers(edge.limits, sticky)]
    if service.origins:
        picked = "" if sticky else "{ req.hdr(upgrade) -m found } "
        lines += request_filter.reject_foreign_origins(service.name, service.origins, edge.origins, picked)
    directives = [Directive.of(*line, service.yaml_path) for line in lines]
    if transport in service.transports:
        directives += _session_rules(service, transport, counters, edge)
    if service.strip_path:
        directives += [Directive.of("routing", line, service.yaml_path) for line in _strip_path(service.path)]
    cookie = sticky and service.affinity == "cookie"
    if cookie:
        # SameSite=None: a page of another site that connects here keeps its node too.
        text = f"cookie {service.name}_node insert indirect nocache httponly secure attr SameSite=None"
        directives.append(Directive.of("affinity", text, service.yaml_path))
    directives += [server_line(server, transport, *(("cookie", server.name) if cookie else ())) for server in servers]
    return Section("backend", f"{service.name}_{transport}", tuple(directives), service.yaml_path)


def _strip_path(path: str) -> list[str]:
    """Return the rules that take the service's path off for the node, and say which it was."""
    prefix = path.rstrip("/")
    return [
        f"http-request set-header X-Forwarded-Prefix {prefix}",
        f"http-request set-path %[path,regsub(^{re.escape(prefix)}/*,/)]",
    ]


def _session_rules(service: Service, transport: str, counters: Counters, edge: Edge) -> list[Directive]:
    """Return the rules of a backend of Socket.IO: find the session, limit new ones, follow it to its node."""
    names = socketio_names(service)
    rules = [*socketio.find_session(names, transport)]
    rules += limits.sessions(edge.limits, counters, socketio.opens_session())
    if service.affinity == "session":
        unknown = socketio.unknown_session(names)
        rules.append(socketio.wait_for_table(names))
        rules.append(telemetry.count_miss(edge.peers.name, service.name, unknown))
        if transport == "polling":
            rules += [socketio.mark_handshake(), *socketio.learn_session(names)]
        rules.append(socketio.follow_session(names))
    return [Directive(rule.keyword, rule.arguments, rule.purpose, service.yaml_path) for rule in rules]


def _health_checks(service: Service) -> list[Line]:
    """Return the lines of the HTTP check; none if only the connection is checked."""
    if service.health is None:
        return []
    host = service.hosts[0].replace("*", "edge") if service.hosts else "edge"
    alive = "200-399" if service.health != "/" else "200-499"
    return [
        ("health", "option httpchk"),
        ("health", f"http-check send meth GET uri {quote(service.health)} ver HTTP/1.1 hdr Host {host}"),
        ("health", f"http-check expect status {alive}"),
    ]
