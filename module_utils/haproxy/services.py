# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service, described in the words of its owner, as HAProxy's sections.

One service becomes: HTTP redirected to HTTPS, its place in the TLS frontend, one backend for ordinary requests and one
for each Socket.IO transport, so that each has its own statistics and can get servers of its own.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from . import socketio, tls
from .model import Configuration, ConfigurationError, Directive, Section, meant
from .sections import endpoint
from .syntax import quote, split

# A name must be one word for HAProxy, and free of the characters that mean something in an ACL or a path.
_NAME = re.compile(r"^[A-Za-z0-9_.-]+$")
_HOST = re.compile(r"^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")

_SERVICE_KEYS = ("name", "hosts", "certificate", "servers", "health", "socketio")
_SOCKETIO_KEYS = ("path", "transports", "affinity", "servers")

# HAProxy needs two descriptors a connection, and some for listeners, checks, pipes and logs.
_SPARE_DESCRIPTORS = 200

_MOST_CONNECTIONS = 50000

# The version that brought `http-request pause`.
_PAUSE = (3, 2)

Version = tuple[int, ...]


class Server(NamedTuple):
    """One server line: its name, `address:port`, further options in HAProxy's words, the place in the YAML."""

    name: str
    endpoint: str
    options: tuple[str, ...]
    origin: str


class Service(NamedTuple):
    """A service whose description is sound; `transports` is empty where it has no Socket.IO."""

    name: str
    hosts: tuple[str, ...]
    certificate: str
    servers: tuple[Server, ...]
    socket_servers: tuple[Server, ...]
    health: str | None
    path: str
    transports: tuple[str, ...]
    affinity: str
    origin: str


class Edge(NamedTuple):
    """What all services of a host share.

    `http`, `https`: bind addresses of the two frontends. `statistics`: bind address of the statistics, empty for none.
    `certificates`: their folder. `lua`: where a script of ours goes. `groups`: inventory group → members
    `{name, address}`. `version`: of the HAProxy that will run. `descriptors`: how many file descriptors it may have.
    """

    http: tuple[str, ...]
    https: tuple[str, ...]
    statistics: str
    profile: str
    certificates: str
    lua: str
    runtime_socket: str
    groups: dict[str, list[dict[str, Any]]]
    version: Version
    descriptors: int


def read(data: Any, groups: dict[str, list[dict[str, Any]]], origin: str = "haproxy_services") -> list[Service]:
    """The services of the YAML; raises `ConfigurationError` with every fault found, each with its place."""
    problems: list[str] = []
    if not isinstance(data, list):
        raise ConfigurationError(f"{origin}: a list of services is expected here")
    services = [
        service
        for number, item in enumerate(data)
        if (service := _service(item, groups, f"{origin}[{number}]", problems)) is not None
    ]
    seen: dict[str, str] = {}
    hosts: dict[str, str] = {}
    for service in services:
        if service.name in seen:
            problems.append(f"{service.origin}.name: '{service.name}' is already the name of {seen[service.name]}")
        seen.setdefault(service.name, service.origin)
        for host in service.hosts or ("",):
            if host in hosts:
                said = f"'{host}' already belongs" if host else "every host already belongs"
                problems.append(f"{service.origin}.hosts: {said} to {hosts[host]}; requests would never arrive here")
            hosts.setdefault(host, service.origin)
    if problems:
        raise ConfigurationError(problems)
    return services


def base(edge: Edge) -> Configuration:
    """The settings under every edge; each yields to the same setting of a contributor."""
    profile = tls.profile(edge.profile)
    connections = max(1, min(_MOST_CONNECTIONS, (edge.descriptors - _SPARE_DESCRIPTORS) // 2))
    ciphers = [("tls", f"ssl-default-bind-ciphers {profile.ciphers}")] if profile.ciphers else []
    sections = [
        _section(
            "global",
            "",
            [
                ("logging", "log stdout format short local0 info"),
                ("limits", f"maxconn {connections}"),
                # An old worker ends with its last socket; the master must not end it for the number of reloads.
                ("reload", "mworker-max-reloads 1000"),
                ("runtime", f"stats socket {quote(edge.runtime_socket)} mode 660 level admin expose-fd listeners"),
                ("runtime", "stats timeout 1m"),
                ("tls", f"ssl-default-bind-options {profile.options}"),
                *ciphers,
                ("tls", f"ssl-default-bind-ciphersuites {profile.ciphersuites}"),
            ],
        ),
        _section(
            "defaults",
            "",
            [
                ("", "mode http"),
                ("logging", "log global"),
                ("logging", "option httplog"),
                ("logging", "option dontlognull"),
                ("health", "option redispatch"),
                ("health", "retries 3"),
                ("websocket", "option http-no-delay"),
                ("limits", "option abortonclose"),
                ("limits", "timeout connect 5s"),
                ("limits", "timeout http-request 10s"),
                ("limits", "timeout queue 30s"),
                # A poll is held for 25 s (20 s in Socket.IO 0.9); a socket is silent for as long between heartbeats.
                ("polling", "timeout client 60s"),
                ("polling", "timeout server 60s"),
                ("polling", "timeout http-keep-alive 60s"),
                ("websocket", "timeout tunnel 1h"),
                ("websocket", "timeout client-fin 10s"),
                ("websocket", "timeout server-fin 10s"),
            ],
        ),
    ]
    if edge.statistics:
        sections.append(
            _section(
                "frontend",
                "statistics",
                [
                    ("statistics", f"bind {edge.statistics}"),
                    ("statistics", "option dontlog-normal"),
                    ("statistics", "http-request use-service prometheus-exporter if { path /metrics }"),
                    ("statistics", "stats enable"),
                    ("statistics", "stats uri /"),
                    ("statistics", "stats refresh 5s"),
                ],
                "haproxy_statistics",
            )
        )
    return Configuration(tuple(sections))


def sections(services: list[Service], edge: Edge) -> Configuration:
    """The sections of these services; none where there are no services."""
    if not services:
        return Configuration()
    result = [_http(edge), _https(services, edge)]
    files: tuple[tuple[str, str], ...] = ()
    tables = [service for service in services if service.affinity == "session" and service.transports]
    if tables:
        # One peer, ourselves: at a reload the old worker hands the tables to the new one.
        needs = [("affinity", "localpeer edge")]
        if edge.version < _PAUSE:
            needs.append(("affinity", f"lua-load-per-thread {quote(edge.lua)}"))
            files = ((edge.lua, socketio.LUA),)
        result.insert(0, _section("global", "", needs))
        lines = [("affinity", "bind 127.0.0.1:8405"), ("affinity", "server edge")]
        lines += [
            ("affinity", f"table {service.name} type string len {socketio.SESSION_ID_LENGTH} size 100k expire 10m")
            for service in tables
        ]
        result.append(_section("peers", "affinity", lines))
    for service in services:
        result.append(_backend(service, "http", service.servers))
        result.extend(_backend(service, transport, service.socket_servers) for transport in service.transports)
    return Configuration(tuple(result), files=files)


def _section(kind: str, name: str, body: list[tuple[str, str]], origin: str = "the role's defaults") -> Section:
    return Section(kind, name, tuple(_line(purpose, text, origin) for purpose, text in body), origin)


def _line(purpose: str, text: str, origin: str = "") -> Directive:
    keyword, *arguments = split(text)
    return Directive(keyword, tuple(arguments), purpose, origin)


def _http(edge: Edge) -> Section:
    # The port of the Host header is HTTP's: it must not come along. Ours does, where it is not the usual one.
    port = edge.https[0].split()[0].rpartition(":")[2]
    port = "" if port == "443" else f":{port}"
    return _section(
        "frontend",
        "http",
        [
            *(("redirect", f"bind {address}") for address in edge.http),
            ("redirect", "http-request deny deny_status 400 unless { req.hdr(host) -m found }"),
            ("redirect", f'http-request redirect code 301 location "https://%[hdr(host),host_only]{port}%[pathq]"'),
        ],
        "haproxy_listen.http",
    )


def _https(services: list[Service], edge: Edge) -> Section:
    profile = tls.profile(edge.profile)
    # The first service's certificate answers clients that send no name; the folder has all the others.
    first = f"{edge.certificates}/{services[0].certificate}.pem"
    crt = f"crt {quote(first)} crt {quote(edge.certificates)}"
    lines = [
        _line("tls", f"bind {address} ssl {crt} curves {profile.curves} alpn h2,http/1.1", "haproxy_listen.https")
        for address in edge.https
    ]
    lines += [
        _line("tls", f'http-after-response set-header Strict-Transport-Security "{tls.STRICT_TRANSPORT_SECURITY}"'),
        # What a client says about itself is not believed.
        _line("forwarding", "http-request set-header X-Forwarded-For %[src]"),
        _line("forwarding", "http-request set-header X-Forwarded-Proto https"),
        _line("forwarding", "http-request set-header X-Forwarded-Host %[req.hdr(host)]"),
        _line("forwarding", "http-request set-header X-Forwarded-Port %[dst_port]"),
    ]
    owned = [service for service in services if service.hosts]
    if len(owned) == len(services):
        known = " ".join(f"!{service.name}_host" for service in services)
        lines.append(
            _line(
                "routing",
                "http-request return status 421 content-type text/plain "
                f'string "No service of this edge has this name." if {known}',
            )
        )
    # A service with hosts goes before the one that takes every host.
    for service in sorted(services, key=lambda service: not service.hosts):
        lines += _routes(service, edge)
    return Section("frontend", "https", tuple(lines), "haproxy_services")


def _routes(service: Service, edge: Edge) -> list[Directive]:
    names = _names(service)
    lines = []
    if service.hosts:
        exact = [host for host in service.hosts if not host.startswith("*")]
        endings = [host[1:] for host in service.hosts if host.startswith("*")]
        if exact:
            lines.append(_line("routing", f"acl {service.name}_host hdr(host),host_only -i {' '.join(exact)}"))
        if endings:
            lines.append(_line("routing", f"acl {service.name}_host hdr(host),host_only -i -m end {' '.join(endings)}"))
    if service.transports:
        session = service.affinity == "session"
        lines += socketio.recognise(names, "flashsocket" in service.transports, session)
        if session:
            lines.append(socketio.wait_for_table(names, edge.version < _PAUSE))
    for transport in socketio.TRANSPORTS:
        if transport in service.transports:
            condition = socketio.route(names, transport)
            lines.append(_line(transport, f"use_backend {service.name}_{transport} if {condition}"))
    rest = f" if {service.name}_host" if service.hosts else ""
    lines.append(_line("routing", f"use_backend {service.name}_http{rest}"))
    return [Directive(line.keyword, line.arguments, line.purpose, service.origin) for line in lines]


def _names(service: Service) -> socketio.Names:
    condition = f"{service.name}_host " if service.hosts else ""
    return socketio.Names(service.name, condition, service.path, f"affinity/{service.name}")


def _backend(service: Service, transport: str, servers: tuple[Server, ...]) -> Section:
    balance = "roundrobin" if transport in ("http", "polling") else "leastconn"
    lines: list[tuple[str, str]] = []
    sticky = transport != "http"
    if sticky and service.affinity == "source":
        lines += [("affinity", "balance source"), ("affinity", "hash-type consistent")]
    else:
        lines.append(("balance", f"balance {balance}"))
    if service.health is not None:
        host = service.hosts[0].replace("*", "edge") if service.hosts else "edge"
        alive = "200-399" if service.health != "/" else "200-499"
        lines += [
            ("health", "option httpchk"),
            ("health", f"http-check send meth GET uri {quote(service.health)} ver HTTP/1.1 hdr Host {host}"),
            ("health", f"http-check expect status {alive}"),
        ]
    # One answer is enough to take a node back in: after a start of HAProxy nobody should wait for three.
    lines.append(("health", "default-server check inter 2s fall 3 rise 1"))
    directives = [_line(purpose, text, service.origin) for purpose, text in lines]
    if sticky and service.affinity == "session":
        names = _names(service)
        if transport == "polling":
            directives += socketio.learn(names)
        directives.append(socketio.follow(names))
    cookie = sticky and service.affinity == "cookie"
    if cookie:
        # SameSite=None: a page of another site that connects here keeps its node too.
        text = f"cookie {service.name}_node insert indirect nocache httponly secure attr SameSite=None"
        directives.append(_line("affinity", text, service.origin))
    for server in servers:
        options = (*server.options, "cookie", server.name) if cookie else server.options
        directives.append(Directive("server", (server.name, server.endpoint, *options), transport, server.origin))
    return Section("backend", f"{service.name}_{transport}", tuple(directives), service.origin)


def _service(item: Any, groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]) -> Service | None:
    if not isinstance(item, dict):
        problems.append(f"{origin}: a service is a mapping with 'name' and 'servers'")
        return None
    count = len(problems)
    _unknown(item, _SERVICE_KEYS, origin, problems)
    name = item.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        problems.append(f"{origin}.name: a name of letters, digits, '_', '-' and '.' is needed, not {name!r}")
        name = "?"
    hosts = item.get("hosts") or []
    if not isinstance(hosts, list):
        problems.append(f"{origin}.hosts: a list of host names is expected")
        hosts = []
    for number, host in enumerate(hosts):
        if not isinstance(host, str) or not _HOST.match(host):
            problems.append(f"{origin}.hosts[{number}]: {host!r} is no host name (`chat.example.com`, `*.example.com`)")
    certificate = item.get("certificate", name)
    if not isinstance(certificate, str) or not certificate or "/" in certificate:
        problems.append(f"{origin}.certificate: the name of an entry of haproxy_certificates is expected")
    health = item.get("health", "/")
    if health is not False and not (isinstance(health, str) and health.startswith("/") and health.isprintable()):
        problems.append(f"{origin}.health: a path such as /healthz is expected, or false to check the connection only")
    servers = _servers(item.get("servers"), groups, f"{origin}.servers", problems)
    own = item.get("socketio", {})
    has_socketio = own is not False and own is not None
    place = f"{origin}.socketio"
    if not isinstance(own, (dict, bool, type(None))):
        problems.append(f"{place}: a mapping is expected, or false for a service without Socket.IO")
    settings = own if isinstance(own, dict) else {}
    _unknown(settings, _SOCKETIO_KEYS, place, problems)
    path = settings.get("path", socketio.PATH)
    if not isinstance(path, str) or not re.match(r"^/([A-Za-z0-9_.~-]+/)+$", path):
        problems.append(f"{place}.path: a path that begins and ends with '/' is expected, such as {socketio.PATH}")
        path = socketio.PATH
    transports = settings.get("transports", ["polling", "websocket"]) if has_socketio else []
    if not isinstance(transports, list) or (has_socketio and not transports):
        problems.append(f"{place}.transports: a list of {', '.join(socketio.TRANSPORTS)} is expected")
        transports = []
    for number, transport in enumerate(transports):
        if transport not in socketio.TRANSPORTS:
            hint = meant(str(transport), socketio.TRANSPORTS)
            problems.append(f"{place}.transports[{number}]: there is no transport '{transport}'{hint}")
    affinity = settings.get("affinity", "session")
    if affinity not in socketio.AFFINITIES:
        hint = meant(str(affinity), socketio.AFFINITIES)
        problems.append(f"{place}.affinity: there is no affinity '{affinity}'{hint}")
    sockets = servers
    if settings.get("servers") is not None:
        sockets = _servers(settings["servers"], groups, f"{place}.servers", problems)
    if len(problems) > count:
        return None
    ordered = tuple(transport for transport in reversed(socketio.TRANSPORTS) if transport in transports)
    return Service(name, tuple(hosts), certificate, servers, sockets, health or None, path, ordered, affinity, origin)


def _servers(
    data: Any, groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]
) -> tuple[Server, ...]:
    if isinstance(data, dict) and "group" in data:
        return _group(data, groups, origin, problems)
    if data is None or data == [] or data == {}:
        problems.append(f"{origin}: a service needs servers: a list, or a group of the inventory with a port")
        return ()
    if not isinstance(data, list):
        problems.append(f"{origin}: a list is expected, or `{{group: NAME, port: 3000}}`")
        return ()
    servers: list[Server] = []
    for number, item in enumerate(data):
        server = _server(item, f"{origin}[{number}]", problems)
        if server is None:
            continue
        if server.name in (known.name for known in servers):
            problems.append(f"{server.origin}: there is already a server '{server.name}' in this list")
        servers.append(server)
    return tuple(servers)


def _group(
    data: dict[str, Any], groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]
) -> tuple[Server, ...]:
    group, port = data["group"], data.get("port")
    if group not in groups:
        problems.append(f"{origin}.group: the inventory has no group '{group}'{meant(str(group), groups)}")
        return ()
    if not groups[group]:
        problems.append(f"{origin}.group: the group '{group}' of the inventory has no hosts")
        return ()
    if not _is_port(port):
        problems.append(f"{origin}.port: a port from 1 to 65535 is expected, not {port!r}")
        return ()
    common = {key: value for key, value in data.items() if key != "group"}
    members = [_server({**member, **common}, origin, problems) for member in groups[group]]
    return tuple(member for member in members if member is not None)


def _server(item: Any, origin: str, problems: list[str]) -> Server | None:
    if isinstance(item, str):
        item = dict(zip(("address", "port"), item.rpartition(":")[::2]))
    if not isinstance(item, dict) or not item.get("address"):
        problems.append(f"{origin}: a server is `address:port`, or a mapping with address and port")
        return None
    address, port = str(item["address"]), item.get("port")
    if not _is_port(port):
        problems.append(f"{origin}.port: a port from 1 to 65535 is expected, not {port!r}")
        return None
    name = str(item.get("name") or re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{address}_{port}"))
    if not _NAME.match(name):
        problems.append(f"{origin}.name: '{name}' cannot name a server: use letters, digits, '_', '-' and '.'")
        return None
    options: list[str] = []
    for key, value in item.items():
        if key in ("name", "address", "port") or value is None:
            continue
        try:
            words = split(str(key)) if value is not False else split(f"no-{key}")
            options += words if isinstance(value, bool) else [*words, *split(str(value))]
            split(address)
        except ConfigurationError as error:
            problems.append(f"{origin}.{key}: {error}")
    if len(address.split()) != 1 or quote(address) != address:
        problems.append(f"{origin}.address: {address!r} is no address")
        return None
    return Server(name, endpoint(address, port), tuple(options), origin)


def _is_port(port: Any) -> bool:
    return not isinstance(port, bool) and str(port).isdigit() and 0 < int(port) < 65536


def _unknown(item: dict[Any, Any], known: tuple[str, ...], origin: str, problems: list[str]) -> None:
    problems.extend(
        f"{origin}.{key}: a service has no such setting{meant(str(key), known)}" for key in item if key not in known
    )
