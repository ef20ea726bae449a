# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service, described in the words of its owner, as HAProxy's sections.

One service becomes: HTTP redirected to HTTPS, its place in the TLS frontend, one backend for ordinary requests and one
for each Socket.IO transport, so that each has its own statistics and can get servers of its own.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from . import acme, guard, limits, observe, peers, socketio, tls
from .model import Configuration, ConfigurationError, Directive, Section, meant
from .sections import endpoint
from .syntax import one_line, quote, split

# A name must be one word for HAProxy, and free of the characters that mean something in an ACL or a path.
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")

# An entry of haproxy_certificates is the name of a file (the same as in the room of certificates).
_CERTIFICATE = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*@+-]{0,199}\Z")

# The first word of an address where something listens, such as `:443`, `quic4@:443`, `[::1]:8404`, `:8000-8010`.
_ADDRESS = re.compile(r"[A-Za-z0-9_.@:*\[\]-]*:([0-9]{1,5}(-[0-9]{1,5})?)\Z")

_SERVICE_KEYS = ("name", "hosts", "certificate", "client_ca", "origins", "servers", "health", "socketio")
_SOCKETIO_KEYS = ("path", "transports", "affinity", "servers", "flash")
_FLASH_KEYS = ("policy_servers", "legacy_tls")

# HAProxy needs two descriptors a connection, and some for listeners, checks, pipes and logs.
_SPARE_DESCRIPTORS = 200

_MOST_CONNECTIONS = 50000

# The version that brought `http-request pause`.
_PAUSE = (3, 2)

# The version from which on HAProxy wants to be told how it gives booleans to Lua, before any script.
_LUA_BOOLEANS = (3, 1)
_BOOLEANS = (".if feature(LUA)", "tune.lua.bool-sample-conversion normal", ".endif")

# One answer is enough to take a node back in: after a start of HAProxy nobody should wait for three.
_CHECK = ("health", "default-server check inter 2s fall 3 rise 1")

Version = tuple[int, ...]


class Server(NamedTuple):
    """One server line: its name, `address:port`, further options in HAProxy's words, the place in the YAML."""

    name: str
    endpoint: str
    options: tuple[str, ...]
    origin: str


class Service(NamedTuple):
    """A service whose description is sound; `transports` is empty where it has no Socket.IO.

    `certificates` are names of entries of `haproxy_certificates`, such as an ECDSA and an RSA one; `client_ca` is that
    of the authority whose certificates clients must have, `origins` whose pages may open sockets: empty for all.
    `policy_servers` answer the Flash player's request for a policy, without them the edge does; `legacy_tls` is the
    name of the RSA certificate with which it takes the Flash movie's TLS 1.0, empty where it does not.
    """

    name: str
    hosts: tuple[str, ...]
    certificates: tuple[str, ...]
    client_ca: str
    origins: tuple[str, ...]
    servers: tuple[Server, ...]
    socket_servers: tuple[Server, ...]
    health: str | None
    path: str
    transports: tuple[str, ...]
    affinity: str
    policy_servers: tuple[Server, ...]
    legacy_tls: str
    origin: str


class Edge(NamedTuple):
    """What all services of a host share.

    `http`, `https`: bind addresses of the two frontends. `quic`: those of HTTP/3. `policy`: those where nothing but the
    Flash player's policy is answered, used with flash sockets only. `statistics`: bind address of the statistics, empty
    for none. `certificates`: their folder; `authorities`: that of clients' CAs; `certificate_list`: where the list
    goes that says which certificate asks for a client's; `ticket_keys`: the keys of session tickets. `lua`: where a
    script of ours goes. `library`: name and version of the TLS library. `acme`: thumbprint of an account, or empty;
    `client`: what HAProxy's own ACME client is to do. `peers`: the other edges. `version`: of the HAProxy to run.
    `descriptors`: how many file descriptors it may have. `metrics`: where the script goes that asks `master_socket`.
    `maxconn`: the connections that a contributor allows the process, 0 where they follow from the descriptors.
    """

    http: tuple[str, ...]
    https: tuple[str, ...]
    quic: tuple[str, ...]
    policy: tuple[str, ...]
    statistics: str
    certificates: str
    lua: str
    runtime_socket: str
    version: Version
    descriptors: int
    master_socket: str = "/run/haproxy/master.sock"
    metrics: str = "/etc/haproxy/metrics.lua"
    maxconn: int = 0
    tls: tls.Settings = tls.Settings()
    library: tuple[str, Version] = ("", ())
    ticket_keys: str = "/etc/haproxy/ticket-keys"
    limits: limits.Limits = limits.Limits()
    proxies: guard.Proxies = guard.Proxies()
    client: acme.Client = acme.Client()
    acme: str = ""
    peers: peers.Peers = peers.Peers()
    authorities: str = "/etc/haproxy/authorities"
    certificate_list: str = "/etc/haproxy/certificates.list"


def read(data: Any, groups: dict[str, list[dict[str, Any]]], origin: str = "haproxy_services") -> list[Service]:
    """The services of the YAML; raises `ConfigurationError` with every fault found, each with its place.

    `groups`: inventory group → members `{name, address}`.
    """
    problems: list[str] = []
    if not isinstance(data, list):
        raise ConfigurationError(f"{origin}: a list of services is expected here")
    services = [
        service
        for number, item in enumerate(data)
        if (service := _service(item, groups, f"{origin}[{number}]", problems)) is not None
    ]
    if problems:
        raise ConfigurationError(problems)
    return services


def among(
    data: dict[str, Any], groups: dict[str, list[dict[str, Any]]], certificates: str, origin: str = "haproxy_peers"
) -> peers.Peers:
    """The edges of the same services, and which of them this is; `data` are `name`, `group`, `port`, `certificate`.

    `certificates` is the folder of certificates. Raises `ConfigurationError`, also where this edge is none of them.
    """
    if not data:
        return peers.Peers()
    problems: list[str] = []
    name, group, port, certificate = (data.get(key) for key in ("name", "group", "port", "certificate"))
    port = port or peers.PORT
    members: list[Server] = []
    if not group:
        problems.append(f"{origin}.group: the group of the inventory that has these edges is needed")
    else:
        members = list(_group({"group": group, "port": port}, groups, origin, problems))
    if members and name not in [member.name for member in members]:
        problems.append(f"{origin}.group: this edge, '{name}', is not in '{group}': the others would not know it")
    if not isinstance(certificate, str) or not _CERTIFICATE.match(certificate):
        problems.append(
            f"{origin}.certificate: the name of an entry of haproxy_certificates that all of them have is needed"
        )
    if problems:
        raise ConfigurationError(problems)
    addresses = tuple((member.name, member.endpoint) for member in members)
    return peers.Peers(str(name), addresses, port, f"{certificates}/{certificate}.pem")


def together(services: list[Service]) -> None:
    """Check services of one edge against each other; raises `ConfigurationError` where they cannot live together."""
    problems: list[str] = []
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
    # A session that was resumed tells that a client had a certificate, not from which authority.
    authorities = [service for service in services if service.client_ca]
    problems += [
        f"{service.origin}.client_ca: {authorities[0].origin} has '{authorities[0].client_ca}', and an edge asks for "
        "certificates of one authority only (a file may hold several)"
        for service in authorities[1:]
        if service.client_ca != authorities[0].client_ca
    ]
    # Neither a request for a policy nor the movie's handshake in TLS 1.0 says which host it is for.
    for setting in _FLASH_KEYS:
        setters = [service.origin for service in services if getattr(service, setting)]
        problems += [
            f"{place}.socketio.flash.{setting}: {setters[0]} has it already, and one service of an edge can"
            for place in setters[1:]
        ]
    if problems:
        raise ConfigurationError(problems)


def base(edge: Edge) -> Configuration:
    """The settings under every edge; each yields to the same setting of a contributor."""
    problems = [
        f"{name}: {value!r} is no path"
        for name in ("runtime_socket", "master_socket", "certificates", "ticket_keys")
        if not one_line(value := getattr(edge, name))
    ]
    if edge.statistics:
        problems += _listens(edge.statistics, "haproxy_stats_bind")
    if problems:
        raise ConfigurationError(problems)
    limits.validate(edge.limits)
    guard.validate(edge.proxies)
    profile = tls.profile(edge.tls, edge.library)
    ciphers = [("tls", f"ssl-default-bind-ciphers {profile.ciphers}")] if profile.ciphers else []
    sections = [
        _section(
            "global",
            "",
            [
                ("logging", "log stdout format short local0 info"),
                ("limits", f"maxconn {_connections(edge)}"),
                # An old worker ends with its last socket; the master must not end it for the number of reloads.
                ("reload", "mworker-max-reloads 1000"),
                ("runtime", f"stats socket {quote(edge.runtime_socket)} mode 660 level admin expose-fd listeners"),
                ("runtime", "stats timeout 1m"),
                *(("runtime", text) for text in _BOOLEANS if edge.version >= _LUA_BOOLEANS),
                ("tls", f"ssl-default-bind-options {profile.options}"),
                *ciphers,
                ("tls", f"ssl-default-bind-ciphersuites {profile.ciphersuites}"),
                *limits.process(edge.limits),
                *(("acme", text) for text in acme.preferences(edge.client)),
            ],
        ),
        _section(
            "defaults",
            "",
            [
                ("protocol", "mode http"),
                ("logging", "log global"),
                ("logging", "option httplog"),
                ("logging", "option dontlognull"),
                ("health", "option redispatch"),
                ("health", "retries 3"),
                ("websocket", "option http-no-delay"),
                ("limits", "option abortonclose"),
                ("limits", "timeout connect 5s"),
                *limits.timeouts(edge.limits, edge.version),
                # A poll is held for 25 s (20 s in Socket.IO 0.9); a socket is silent for as long between heartbeats.
                ("polling", "timeout client 60s"),
                ("polling", "timeout server 60s"),
                ("polling", "timeout http-keep-alive 60s"),
                ("websocket", "timeout tunnel 1h"),
                # Of half-closed connections in TCP mode; in HTTP, of those whose last bytes are not fetched.
                ("websocket", "timeout client-fin 10s"),
                ("websocket", "timeout server-fin 10s"),
            ],
        ),
    ]
    files: tuple[tuple[str, str], ...] = ()
    if edge.statistics:
        sections.append(_section("global", "", observe.load(edge.metrics)))
        sections.append(_section("frontend", "statistics", observe.statistics(edge.statistics), "haproxy_stats_bind"))
        files = ((edge.metrics, observe.script(edge.master_socket, edge.runtime_socket, edge.peers.name)),)
    return Configuration(tuple(sections), files=files)


def logs(services: list[Service]) -> Configuration:
    """What the frontends of the services log, if a contributor wants nothing else."""
    if not services:
        return Configuration()
    requests = [("logging", observe.LOG), ("logging", observe.LOG_ERRORS)]
    return Configuration(
        (
            _section("frontend", "http", [("logging", observe.LOG_PLAIN)]),
            _section("frontend", "https", requests),
        )
    )


def unknown(services: list[Service]) -> Configuration:
    """Where requests for a host go that no rule of `https` takes; yields to a `default_backend` of a contributor.

    Nowhere, where a service takes every host.
    """
    if not services or not all(service.hosts for service in services):
        return Configuration()
    said = 'content-type text/plain string "No service of this edge has this name."'
    return Configuration(
        (
            _section("frontend", "https", [("routing", "default_backend https:unknown")]),
            # A colon is in no service's name.
            _section("backend", "https:unknown", [("routing", f"http-request return status 421 {said}")]),
        )
    )


def routes(services: list[Service], edge: Edge) -> Configuration:
    """Which requests of the frontend `https` go to which backend, apart from `sections`: other routes stand before.

    Otherwise a service that takes every host would take what another contributor routes to a backend of its own.
    """
    # A service with hosts goes before the one that takes every host.
    lines = [
        line for service in sorted(services, key=lambda service: not service.hosts) for line in _routes(service, edge)
    ]
    return (
        Configuration((Section("frontend", "https", tuple(lines), "haproxy_services"),)) if lines else Configuration()
    )


def sections(services: list[Service], edge: Edge) -> Configuration:
    """The sections of these services, without their `routes`; none where there are no services."""
    if not services:
        return Configuration()
    problems = [
        f"haproxy_binds.quic[{number}]: an address of QUIC begins with quic4@ or quic6@ (quic4@:443), not {address!r}"
        for number, address in enumerate(edge.quic)
        if not address.startswith(("quic4@", "quic6@"))
    ]
    for what in ("http", "https", "quic", "policy"):
        addresses: tuple[str, ...] = getattr(edge, what)
        problems += [
            problem
            for number, address in enumerate(addresses)
            for problem in _listens(address, f"haproxy_binds.{what}[{number}]")
        ]
    if problems:
        raise ConfigurationError(problems)
    flash = [service for service in services if "flashsocket" in service.transports]
    own = acme.lines(edge.client, edge.certificates, edge.version)
    result = [_section(kind, name, [("acme", text) for text in lines], "haproxy_acme") for kind, name, lines in own]
    result += [_http(edge, bool(flash)), _https(services, edge, bool(flash))]
    result += [_section("backend", name, lines, "haproxy_limits") for name, lines in limits.tables(edge.limits)]
    tables = [service for service in services if service.affinity == "session" and service.transports]
    needs = [peers.process(edge.peers)] if tables else []
    scripts = [("affinity", socketio.LUA)] if tables and edge.version < _PAUSE else []
    if flash and not any(service.policy_servers for service in flash):
        ports = dict.fromkeys(_port(address) for address in (*edge.http, *edge.https))
        scripts.append(("policy", socketio.policy_script(ports)))
    if scripts:
        needs.append((scripts[0][0], f"lua-load-per-thread {quote(edge.lua)}"))
    if edge.quic:
        # OpenSSL before 3.5 lacks QUIC: HAProxy then has a way round it, without 0-RTT, which wants to be allowed.
        needs += [("http/3", text) for text in (".if feature(QUIC_OPENSSL_COMPAT)", "limited-quic", ".endif")]
    if needs:
        result.insert(0, _section("global", "", needs))
    if tables:
        lines = peers.section(edge.peers)
        lines += [
            ("affinity", f"table {service.name} type string len {socketio.SESSION_ID_LENGTH} size 100k expire 10m")
            for service in tables
        ]
        lines.append(observe.misses())
        result.append(_section("peers", peers.SECTION, lines, "haproxy_peers"))
    if flash:
        result.extend(_flash(flash, edge))
    for service in services:
        result.append(_backend(service, "http", service.servers, edge))
        result.extend(_backend(service, transport, service.socket_servers, edge) for transport in service.transports)
    files: tuple[tuple[str, str], ...] = ()
    if scripts:
        files = ((edge.lua, "".join(script for _purpose, script in scripts)),)
    if any(service.client_ca for service in services):
        files += ((edge.certificate_list, _certificate_list(services, edge)),)
    return Configuration(tuple(result), files=files)


def _section(kind: str, name: str, body: list[tuple[str, str]], origin: str = "the role's defaults") -> Section:
    return Section(kind, name, tuple(_line(purpose, text, origin) for purpose, text in body), origin)


def _line(purpose: str, text: str, origin: str = "") -> Directive:
    keyword, *arguments = split(text)
    return Directive(keyword, tuple(arguments), purpose, origin)


def maxconn(contributions: list[Configuration]) -> int:
    """The connections that a contributor allows the process, 0 where nobody says."""
    stated = (
        directive.arguments[0]
        for contribution in contributions
        for section in contribution.sections
        for directive in section.directives
        if section.kind == "global" and directive.keyword == "maxconn" and directive.arguments
    )
    return next((int(number) for number in stated if number.isdigit()), 0)


def _connections(edge: Edge) -> int:
    return edge.maxconn or max(1, min(_MOST_CONNECTIONS, (edge.descriptors - _SPARE_DESCRIPTORS) // 2))


def _listens(address: str, origin: str) -> list[str]:
    """What is wrong with an address to listen at, which may have options of HAProxy's behind it."""
    try:
        words = split(address)
    except ConfigurationError as error:
        return [f"{origin}: {error}"]
    if not words or not (_ADDRESS.match(words[0]) or words[0].startswith(("/", "unix@", "abns@", "fd@"))):
        return [f"{origin}: an address with a port is expected, such as :443 or 192.0.2.1:443, not {address!r}"]
    return []


def _port(address: str) -> str:
    found = _ADDRESS.match(address.split()[0])
    return found[1] if found else ""


def _behind(edge: Edge, what: str) -> str:
    """The socket between the entrance for Flash and what is behind it; nobody but HAProxy may connect to it."""
    return quote(f"unix@{edge.runtime_socket.rpartition('/')[0]}/{what}.sock")


def _binds(edge: Edge, what: str, flash: bool) -> tuple[str, ...]:
    """Where a frontend listens: the edge's addresses, or behind the entrance, which hands the client's address on."""
    addresses: tuple[str, ...] = getattr(edge, what)
    return (f"{_behind(edge, what)} mode 600 accept-proxy",) if flash else addresses


def _flash(flash: list[Service], edge: Edge) -> list[Section]:
    """The entrance of an edge with Flash sockets, and what it leads to.

    The Flash player asks for its policy in plain text, on ports of its own and on the port where it is about to
    connect, TLS or not. The entrance looks at the first bytes: `<` begins neither HTTP nor TLS; all else goes on.
    """
    tcp = [("flashsocket", "mode tcp"), ("flashsocket", "no option http-no-delay")]
    policy_servers = next((service.policy_servers for service in flash if service.policy_servers), ())
    legacy = next((service for service in flash if service.legacy_tls), None)
    request = socketio.POLICY_REQUEST
    answer = "accept" if policy_servers else "use-service lua.flash_policy"
    lines = [
        *tcp,
        ("logging", "option tcplog"),
        # Each connection counts twice: here, and behind.
        ("limits", f"maxconn {max(1, _connections(edge) // 2)}"),
        *_arrivals(edge, False),
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
    result = [_section("frontend", "flash", lines, "haproxy_binds")]
    result += [
        _section(
            "backend", f"flash:{name}", [*tcp, ("flashsocket", f"server {what} {_behind(edge, what)} send-proxy-v2")]
        )
        for name, what in targets.items()
    ]
    if policy_servers:
        head = [_line(purpose, text) for purpose, text in (*tcp, _CHECK)]
        servers = [_server_line(server, "policy") for server in policy_servers]
        result.append(Section("backend", "flash:policy", (*head, *servers), policy_servers[0].origin))
    if legacy:
        result.extend(_legacy(legacy, edge, tcp))
    return result


def _legacy(service: Service, edge: Edge, tcp: list[tuple[str, str]]) -> tuple[Section, Section]:
    """The listener for the Flash movie's own TLS, and where it leads: past HAProxy's HTTP, which refuses draft 76.

    TLS of this age is for nothing else: a request for another path is turned away.
    """
    names = _names(service)
    backend = f"{service.name}_flashsocket_legacy"
    certificate = quote(f"{edge.certificates}/{service.legacy_tls}.pem")
    frontend = [
        *tcp,
        ("logging", "option tcplog"),
        ("tls", f"bind {_behind(edge, 'legacy')} mode 600 accept-proxy ssl crt {certificate} {tls.LEGACY}"),
        ("flashsocket", "tcp-request inspect-delay 5s"),
        ("flashsocket", f"tcp-request content accept if {{ {socketio.flashsocket(names)} }}"),
        ("flashsocket", "tcp-request content reject"),
        ("flashsocket", f"default_backend {backend}"),
    ]
    lines = [_line(purpose, text, service.origin) for purpose, text in (*tcp, *_balance(service, "leastconn"), _CHECK)]
    if service.affinity == "session":
        lines += socketio.follow_flash(names)
    lines += [_server_line(server, "flashsocket") for server in service.socket_servers]
    return (
        _section("frontend", "flash:legacy", frontend, f"{service.origin}.socketio.flash.legacy_tls"),
        Section("backend", backend, tuple(lines), service.origin),
    )


def _arrivals(edge: Edge, flash: bool) -> list[tuple[str, str]]:
    """Who connects, and how often; behind the entrance for Flash both have been seen to."""
    if flash:
        return []
    told = edge.proxies.addresses
    by_protocol = bool(told) and edge.proxies.protocol == "proxy_protocol"
    layer = "session" if by_protocol else "connection"
    return guard.entrance(edge.proxies) + limits.connections(edge.limits, layer, () if by_protocol else told)


def _hosts(service: Service) -> list[Directive]:
    exact = [host for host in service.hosts if not host.startswith("*")]
    endings = [host[1:] for host in service.hosts if host.startswith("*")]
    acl = f"acl {service.name}_host hdr(host),host_only -i"
    lines = [f"{acl} {' '.join(exact)}"] if exact else []
    lines += [f"{acl} -m end {' '.join(endings)}"] if endings else []
    return [_line("routing", line, service.origin) for line in lines]


def _certificate_list(services: list[Service], edge: Edge) -> str:
    """Which certificate is for which host, and for which of them clients need one too (manual, 3.12 "crt-list").

    The first line answers clients that send no name.
    """
    text = ""
    for service in services:
        options = ""
        if service.client_ca:
            authority = f"{edge.authorities}/{service.client_ca}.pem"
            options = f"[ca-file {authority} verify required] "
        for name in service.certificates:
            text += f"{edge.certificates}/{name}.pem {options}{' '.join(service.hosts)}".rstrip() + "\n"
    return text


def _http(edge: Edge, flash: bool) -> Section:
    # The port of the Host header is HTTP's: it must not come along. Ours does, where it is not the usual one.
    port = _port(edge.https[0])
    port = "" if port in ("443", "") else f":{port}"
    return _section(
        "frontend",
        "http",
        [
            *(("redirect", f"bind {address}") for address in _binds(edge, "http", flash)),
            *_arrivals(edge, flash),
            *guard.challenges(edge.acme),
            ("redirect", "http-request deny deny_status 400 unless { req.hdr(host) -m found }"),
            ("redirect", f'http-request redirect code 301 location "https://%[hdr(host),host_only]{port}%[pathq]"'),
        ],
        "haproxy_binds.http",
    )


def _https(services: list[Service], edge: Edge, flash: bool) -> Section:
    profile = tls.profile(edge.tls, edge.library)
    # The first service's certificate answers clients that send no name; the folder has all the others.
    if any(service.client_ca for service in services):
        crt = f"crt-list {quote(edge.certificate_list)} crt {quote(edge.certificates)}"
    else:
        first = [quote(f"{edge.certificates}/{name}.pem") for name in services[0].certificates]
        crt = " ".join(f"crt {place}" for place in (*first, quote(edge.certificates)))
    if edge.tls.tickets:
        crt += f" tls-ticket-keys {quote(edge.ticket_keys)}"
    lines = [
        _line("tls", f"bind {address} ssl {crt} curves {profile.curves} alpn h2,http/1.1", "haproxy_binds.https")
        for address in _binds(edge, "https", flash)
    ]
    for address in edge.quic:
        words = f"bind {address} ssl {crt} curves {profile.curves} alpn h3"
        lines.append(_line("http/3", words, "haproxy_binds.quic"))
    if edge.quic:
        # A client that has come by TCP is told where HTTP/3 is, and remembers it for a day.
        offer = f'h3=\\":{_port(edge.quic[0])}\\"; ma=86400'
        lines.append(_line("http/3", f'http-after-response set-header Alt-Svc "{offer}"', "haproxy_binds.quic"))
    lines.append(_line("logging", observe.PATH))
    if edge.tls.hsts:
        value = f'http-after-response set-header Strict-Transport-Security "{edge.tls.hsts}"'
        lines.append(_line("tls", value, "haproxy_tls.hsts"))
    lines += [limits.directive(line) for line in _arrivals(edge, flash)]
    lines += [_line(purpose, text) for purpose, text in guard.address(edge.proxies)]
    lines += [limits.directive(line) for line in limits.requests(edge.limits)]
    lines += [_line(purpose, text) for purpose, text in (*guard.spelling(), *guard.claims())]
    return Section("frontend", "https", tuple(lines), "haproxy_services")


def _routes(service: Service, edge: Edge) -> list[Directive]:
    names = _names(service)
    lines = _hosts(service)
    if service.client_ca:
        lines += [_line(purpose, text) for purpose, text in guard.identified(names.condition)]
    if service.transports:
        session = service.affinity == "session"
        lines += socketio.recognise(names, "flashsocket" in service.transports, session)
        lines += limits.sessions(edge.limits, socketio.opens_session(names))
        if session:
            lines.append(socketio.wait_for_table(names, edge.version < _PAUSE))
            lines.append(observe.missed(peers.key(edge.peers, service.name), socketio.unknown(names)))
    if service.origins:
        io = names.acl("socketio") if service.transports else ""
        lines += [_line(*line) for line in guard.foreign(service.origins, names.condition, io)]
    for transport in socketio.TRANSPORTS:
        if transport in service.transports:
            condition = socketio.route(names, transport)
            lines.append(_line(transport, f"use_backend {service.name}_{transport} if {condition}"))
    rest = f" if {service.name}_host" if service.hosts else ""
    lines.append(_line("routing", f"use_backend {service.name}_http{rest}"))
    return [Directive(line.keyword, line.arguments, line.purpose, service.origin) for line in lines]


def _names(service: Service) -> socketio.Names:
    condition = f"{service.name}_host " if service.hosts else ""
    return socketio.Names(service.name, condition, service.path, f"{peers.SECTION}/{service.name}")


def _balance(service: Service, method: str) -> list[tuple[str, str]]:
    if service.affinity == "source":
        return [("affinity", "balance source"), ("affinity", "hash-type consistent")]
    return [("balance", f"balance {method}")]


def _server_line(server: Server, purpose: str, *more: str) -> Directive:
    return Directive("server", (server.name, server.endpoint, *server.options, *more), purpose, server.origin)


def _backend(service: Service, transport: str, servers: tuple[Server, ...], edge: Edge) -> Section:
    balance = "roundrobin" if transport in ("http", "polling") else "leastconn"
    lines: list[tuple[str, str]] = []
    sticky = transport != "http"
    lines += _balance(service, balance) if sticky else [("balance", f"balance {balance}")]
    if service.health is not None:
        host = service.hosts[0].replace("*", "edge") if service.hosts else "edge"
        alive = "200-399" if service.health != "/" else "200-499"
        lines += [
            ("health", "option httpchk"),
            ("health", f"http-check send meth GET uri {quote(service.health)} ver HTTP/1.1 hdr Host {host}"),
            ("health", f"http-check expect status {alive}"),
        ]
    lines += [_CHECK, *limits.servers(edge.limits, sticky)]
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
        more = ("cookie", server.name) if cookie else ()
        directives.append(_server_line(server, transport, *more))
    return Section("backend", f"{service.name}_{transport}", tuple(directives), service.origin)


def _service(item: Any, groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]) -> Service | None:
    if not isinstance(item, dict):
        problems.append(f"{origin}: a service is a mapping with 'name' and 'servers'")
        return None
    item = _stated(item)
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
    certificates = item.get("certificate", name)
    certificates = certificates if isinstance(certificates, list) else [certificates]
    if not certificates or not all(isinstance(one, str) and _CERTIFICATE.match(one) for one in certificates):
        problems.append(f"{origin}.certificate: the name of an entry of haproxy_certificates is expected, or a list")
    client_ca = item.get("client_ca") or ""
    if not isinstance(client_ca, str) or (client_ca and not _CERTIFICATE.match(client_ca)):
        problems.append(f"{origin}.client_ca: the name of an authority in haproxy_certificates is expected")
    elif client_ca and not item.get("hosts"):
        problems.append(f"{origin}.client_ca: name the hosts of the service too: TLS asks clients by host")
    origins = guard.origins(item.get("origins"), f"{origin}.origins", problems)
    health = item.get("health", "/")
    if health is not False and not (isinstance(health, str) and health.startswith("/") and health.isprintable()):
        problems.append(f"{origin}.health: a path such as /healthz is expected, or false to check the connection only")
    servers = _servers(item.get("servers"), groups, f"{origin}.servers", problems)
    own = item.get("socketio", {})
    has_socketio = own is not False
    place = f"{origin}.socketio"
    if not isinstance(own, (dict, bool)):
        problems.append(f"{place}: a mapping is expected, or false for a service without Socket.IO")
    settings = _stated(own) if isinstance(own, dict) else {}
    _unknown(settings, _SOCKETIO_KEYS, place, problems)
    path = settings.get("path", socketio.PATH)
    if not isinstance(path, str) or not re.match(r"/([A-Za-z0-9_.~-]+/)+\Z", path):
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
    if "servers" in settings:
        sockets = _servers(settings["servers"], groups, f"{place}.servers", problems)
    policy_servers, legacy_tls = _flash_settings(settings.get("flash"), transports, groups, f"{place}.flash", problems)
    if len(problems) > count:
        return None
    ordered = tuple(transport for transport in reversed(socketio.TRANSPORTS) if transport in transports)
    return Service(
        name=name,
        hosts=tuple(hosts),
        certificates=tuple(certificates),
        client_ca=client_ca,
        origins=origins,
        servers=servers,
        socket_servers=sockets,
        health=health or None,
        path=path,
        transports=ordered,
        affinity=affinity,
        policy_servers=policy_servers,
        legacy_tls=legacy_tls,
        origin=origin,
    )


def _flash_settings(
    data: Any, transports: list[Any], groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]
) -> tuple[tuple[Server, ...], str]:
    """The servers of the policy and the certificate of the legacy listener."""
    if "flashsocket" in transports and "polling" not in transports:
        # Its handshake is an ordinary request, and has to be answered by a node of the sockets.
        problems.append(f"{origin.replace('.flash', '.transports')}: flashsocket opens its session by polling; add it")
    if data is None:
        return (), ""
    if not isinstance(data, dict):
        problems.append(f"{origin}: a mapping of {' and '.join(_FLASH_KEYS)} is expected")
        return (), ""
    if "flashsocket" not in transports:
        problems.append(f"{origin}: the service has no flash sockets; add flashsocket to its transports")
    _unknown(data, _FLASH_KEYS, origin, problems)
    servers: tuple[Server, ...] = ()
    if data.get("policy_servers") is not None:
        servers = _servers(data["policy_servers"], groups, f"{origin}.policy_servers", problems)
    certificate = data.get("legacy_tls") or ""
    if not isinstance(certificate, str) or (certificate and not _CERTIFICATE.match(certificate)):
        problems.append(
            f"{origin}.legacy_tls: the name of an entry of haproxy_certificates (with an RSA key) is expected"
        )
        certificate = ""
    return servers, certificate


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
    servers: dict[str, Server] = {}
    for number, item in enumerate(data):
        server = _server(item, f"{origin}[{number}]", problems)
        if server and server.name in servers:
            problems.append(f"{server.origin}: there is already a server '{server.name}' in this list")
        elif server:
            servers[server.name] = server
    return tuple(servers.values())


def _group(
    data: dict[str, Any], groups: dict[str, list[dict[str, Any]]], origin: str, problems: list[str]
) -> tuple[Server, ...]:
    group, port = data["group"], data.get("port")
    if not isinstance(group, str) or group not in groups:
        problems.append(f"{origin}.group: the inventory has no group '{group}'{meant(str(group), groups)}")
        return ()
    if not isinstance(groups[group], list) or not all(isinstance(member, dict) for member in groups[group]):
        problems.append(f"{origin}.group: the members of '{group}' are expected as a list of mappings (name, address)")
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
        problems.append(f"{origin}.name: {name!r} cannot name a server: use letters, digits, '_', '-' and '.'")
        return None
    options: list[str] = []
    for key, value in item.items():
        if key in ("name", "address", "port") or value is None:
            continue
        if isinstance(value, (dict, list)):
            problems.append(f"{origin}.{key}: one value is expected here")
            continue
        try:
            words = split(str(key)) if value is not False else split(f"no-{key}")
            options += words if isinstance(value, bool) else [*words, *split(str(value))]
        except ConfigurationError as error:
            problems.append(f"{origin}.{key}: {error}")
    if len(address.split()) != 1 or not one_line(address) or quote(address) != address:
        problems.append(f"{origin}.address: {address!r} is no address")
        return None
    return Server(name, endpoint(address, port), tuple(options), origin)


def _stated(settings: dict[Any, Any]) -> dict[Any, Any]:
    """What is said: in YAML, a key whose value is only commented out is null, and means its default."""
    return {key: value for key, value in settings.items() if value is not None}


def _is_port(port: Any) -> bool:
    return not isinstance(port, bool) and str(port).isdigit() and 0 < int(port) < 65536


def _unknown(item: dict[Any, Any], known: tuple[str, ...], origin: str, problems: list[str]) -> None:
    problems.extend(
        f"{origin}.{key}: a service has no such setting{meant(str(key), known)}" for key in item if key not in known
    )
