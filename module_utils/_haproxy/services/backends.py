# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backends of a service: one for ordinary requests and one for each transport."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..config.model import Directive, Line, Section
from ..config.words import quote
from . import canary, common, limits, request_filter, socketio, telemetry
from .canary import Canary
from .definition import Service, socketio_names
from .edge import Edge
from .limits import Counters
from .servers import Server, named_by_dns
from .waiting import WAIT_FOR_SERVERS

# One answer is enough to take a node back in: after a start of HAProxy clients would otherwise wait for three.
HEALTH_CHECK = ("health", "default-server check inter 2s fall 3 rise 1")


# The first version whose hashing can go by a server's address.
_HASH_KEY_SINCE = (3, 0)


def affinity_of(service: Service, transport: str) -> str:
    """Return how clients stay on their server in the backend of a transport, or of ordinary requests (`http`)."""
    return service.affinity if transport in service.transports else service.own_affinity


def balance_rules(service: Service, transport: str) -> list[Line]:
    """Return the rules that choose a server by what a request has: the service's key, or the client's address."""
    if service.key:
        # A request without it takes turns.
        method = f"hash {service.key}"
    elif affinity_of(service, transport) == "source":
        method = "source"
    else:
        return []
    return [("affinity", f"balance {method}"), ("affinity", "hash-type consistent")]


def default_balance(service: Service, transport: str) -> list[Line]:
    """Return the rule that chooses a server for any request, which a `balance` of the user's in the backend overrides.

    Sockets last, so that the server with the fewest gets the next; requests are many and short.
    """
    if balance_rules(service, transport):
        return []
    method = service.balance or ("roundrobin" if transport in ("http", "polling") else "leastconn")
    return [("balance", f"balance {method}")]


def server_line(server: Server, purpose: str, *more: str) -> Directive:
    """Return the line of a server, or of the template of several, with more words at its end."""
    words = (server.endpoint, *server.options, *more)
    if server.records:
        return Directive("server-template", (server.name, str(server.records), *words), purpose, server.yaml_path)
    return Directive("server", (server.name, *words), purpose, server.yaml_path)


def canary_of(service: Service, transport: str) -> Canary | None:
    """Return the canary that gets new sessions of a backend.

    Ordinary requests beside Socket.IO are part of no session, nor are those of clients that nothing is known of.
    """
    known = transport != "http" or (not service.transports and service.own_affinity == "cookie")
    return service.canary if known else None


def transports_of(service: Service) -> Iterator[tuple[str, tuple[Server, ...]]]:
    """Yield the transports that have a backend, `http` for ordinary requests, each with its servers."""
    yield "http", service.servers
    for transport in service.socket_transports:
        yield transport, service.socket_servers


def service_servers(service: Service, edge: Edge) -> Iterator[Section]:
    """Yield the servers of each backend of a service.

    They are apart from `service_backend`, to stand after a `default-server` of the user's, which is for lines below it.
    """
    for transport, servers in transports_of(service):
        cookie = affinity_of(service, transport) == "cookie"
        found = canary_of(service, transport)
        every = [(transport, server) for server in servers]
        every += [(canary.PURPOSE, canary.out_of_balance(server)) for server in (found.servers if found else ())]
        lines = []
        for purpose, server in every:
            words = ("cookie", server.name) if cookie else ()
            if server.records and edge.version >= _HASH_KEY_SINCE:
                # Which of the template's servers gets an address is not the same in each backend and worker.
                words = (*words, "hash-key", "addr-port")
            lines.append(server_line(server, purpose, *words))
        yield Section("backend", f"{service.name}_{transport}", tuple(lines), service.yaml_path)


def service_backend(service: Service, transport: str, counters: Counters, edge: Edge) -> Section:
    """Return the backend of a service for one transport, or for ordinary requests (`http`), without its servers."""
    sticky = transport != "http"
    lines = balance_rules(service, transport)
    lines += [*_health_checks(service, transport, edge), HEALTH_CHECK, *limits.servers(edge.limits, sticky)]
    if named_by_dns(dict(transports_of(service))[transport]):
        lines.append(WAIT_FOR_SERVERS)
    if service.origins:
        picked = "" if sticky else "{ req.hdr(upgrade) -m found } "
        name = common.SERVICE if edge.version >= common.SINCE else f"str({service.name}:)"
        lines += request_filter.reject_foreign_origins(name, service.origins, edge.origins, picked)
    directives = [Directive.of(*line, service.yaml_path) for line in lines]
    if transport in service.transports:
        directives += _session_rules(service, transport, counters, edge)
    if found := canary_of(service, transport):
        rules = canary.rules(service.name, found, edge.names, edge.canary, _new_session(service, transport))
        if affinity_of(service, transport) == "cookie":
            rules += canary.set_cookie(f"{_cookie_of(service)}=%[srv_name]; path=/; HttpOnly; Secure; SameSite=None")
        directives += [Directive.of(canary.PURPOSE, line, f"{service.yaml_path}.canary") for line in rules]
    if service.strip_path:
        directives += [Directive.of("routing", line, service.yaml_path) for line in _strip_path(service.path)]
    if affinity_of(service, transport) == "cookie":
        # SameSite=None: a page of another site that connects here keeps its node too.
        text = f"cookie {_cookie_of(service)} insert indirect nocache httponly secure attr SameSite=None"
        directives.append(Directive.of("affinity", text, service.yaml_path))
    return Section("backend", f"{service.name}_{transport}", tuple(directives), service.yaml_path)


def _cookie_of(service: Service) -> str:
    return f"{service.name}_node"


def _new_session(service: Service, transport: str) -> str:
    """Return the condition for a request that opens a session in this backend; empty for each."""
    if transport in service.transports:
        return socketio.HANDSHAKE
    return f"!{{ req.cook({_cookie_of(service)}) -m found }}" if affinity_of(service, transport) == "cookie" else ""


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
    follows = service.follows_sessions
    if follows and transport == "polling":
        rules.append(socketio.ask_next_worker(names, edge.answer_headers))
    rules += limits.sessions(edge.limits, counters, socketio.HANDSHAKE, edge.answer_headers)
    if follows:
        rules.append(socketio.wait_for_table(names))
        rules.append(telemetry.count_miss(edge.peers.name, service.name, socketio.UNKNOWN))
        if transport == "polling":
            rules += socketio.learn_session(names)
        rules.append(socketio.follow_session(names))
    return [Directive(rule.keyword, rule.arguments, rule.purpose, service.yaml_path) for rule in rules]


def _health_checks(service: Service, transport: str, edge: Edge) -> list[Line]:
    """Return the lines of the HTTP check; none if only the connection is checked."""
    if service.health is None:
        return []
    host, path = _checked_url(service, transport)
    send = f"uri {quote(path)} ver HTTP/1.1 hdr Host {host}"
    if edge.version >= common.SINCE:
        look_up = f"be_name,map_str({quote(edge.health)})"
        send = f"uri-lf /%[{look_up},field(2,/,0)] ver HTTP/1.1 hdr Host %[{look_up},field(1,/)]"
    return [
        ("health", "option httpchk"),
        ("health", f"http-check send meth GET {send}"),
        ("health", f"http-check expect status {'200-499' if service.health in ('', '/') else '200-399'}"),
    ]


def health_map(services: list[Service]) -> str:
    """Return the text of the map of what is asked of the servers of each backend: host and path."""
    return "".join(
        f"{service.name}_{transport} {''.join(_checked_url(service, transport))}\n"
        for service in services
        for transport, _servers in transports_of(service)
        if service.health is not None
    )


def _checked_url(service: Service, transport: str) -> tuple[str, str]:
    """Return host and path of the check.

    A path that is not stated is that of Socket.IO, which answers without opening a session: a server without pages, as
    Node's `http.createServer()` without a handler, never answers any other request.
    """
    host = service.hosts[0].replace("*", "edge") if service.hosts else "edge"
    path = service.health or ""
    if not path:
        sockets = service.transports and (transport != "http" or service.servers == service.socket_servers)
        path = _path_at_node(service, service.socketio_path) if sockets else "/"
    return host, path


def _path_at_node(service: Service, path: str) -> str:
    return "/" + path[len(service.path) :] if service.strip_path else path
