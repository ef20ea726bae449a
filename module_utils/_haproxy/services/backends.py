# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backends of a service: one for ordinary requests and one for each transport."""

from __future__ import annotations

from ..config.model import Directive, Section
from ..config.words import quote
from . import limits, socketio
from .definition import Server, Service, socketio_names
from .edge import Edge
from .lines import directive_of

# One answer is enough to take a node back in: after a start of HAProxy nobody should wait for three.
HEALTH_CHECK = ("health", "default-server check inter 2s fall 3 rise 1")


def balance_rules(service: Service, method: str) -> list[tuple[str, str]]:
    if service.affinity == "source":
        return [("affinity", "balance source"), ("affinity", "hash-type consistent")]
    return [("balance", f"balance {method}")]


def server_line(server: Server, purpose: str, *more: str) -> Directive:
    return Directive("server", (server.name, server.endpoint, *server.options, *more), purpose, server.yaml_path)


def service_backend(service: Service, transport: str, servers: tuple[Server, ...], edge: Edge) -> Section:
    balance = "roundrobin" if transport in ("http", "polling") else "leastconn"
    lines: list[tuple[str, str]] = []
    sticky = transport != "http"
    lines += balance_rules(service, balance) if sticky else [("balance", f"balance {balance}")]
    if service.health is not None:
        host = service.hosts[0].replace("*", "edge") if service.hosts else "edge"
        alive = "200-399" if service.health != "/" else "200-499"
        lines += [
            ("health", "option httpchk"),
            ("health", f"http-check send meth GET uri {quote(service.health)} ver HTTP/1.1 hdr Host {host}"),
            ("health", f"http-check expect status {alive}"),
        ]
    lines += [HEALTH_CHECK, *limits.servers(edge.limits, sticky)]
    directives = [directive_of(purpose, text, service.yaml_path) for purpose, text in lines]
    if sticky and service.affinity == "session":
        names = socketio_names(service)
        if transport == "polling":
            directives += socketio.learn_session(names)
        directives.append(socketio.follow_session(names))
    cookie = sticky and service.affinity == "cookie"
    if cookie:
        # SameSite=None: a page of another site that connects here keeps its node too.
        text = f"cookie {service.name}_node insert indirect nocache httponly secure attr SameSite=None"
        directives.append(directive_of("affinity", text, service.yaml_path))
    for server in servers:
        more = ("cookie", server.name) if cookie else ()
        directives.append(server_line(server, transport, *more))
    return Section("backend", f"{service.name}_{transport}", tuple(directives), service.yaml_path)
