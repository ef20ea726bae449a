# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Frontends and routes: HTTP redirected to HTTPS, TLS terminated, each request sent to the backend of its service.

One service becomes: HTTP redirected to HTTPS, its place in the TLS frontend, one backend for ordinary requests and one
for each Socket.IO transport, so that each has its own statistics and can get servers of its own.
"""

from __future__ import annotations

from ..config.model import Configuration, ConfigurationError, Directive, Section
from ..config.words import quote
from . import acme, limits, peers, request_filter, socketio, telemetry, tls
from .backends import service_backend
from .definition import Service, socketio_names
from .edge import Edge, bind_port, check_bind_address, connection_rules, frontend_binds
from .flash import flash_sections
from .lines import directive_of, section_of
from .peers import SECTION
from .socketio import LUA, SESSION_ID_LENGTH, TRANSPORTS
from .telemetry import PATH

# The version that brought `http-request pause`.
PAUSE_SINCE = (3, 2)


def service_routes(services: list[Service], edge: Edge) -> Configuration:
    """Which requests of the frontend `https` go to which backend, apart from `sections`: other routes stand before.

    Otherwise a service that takes every host would take what another contributor routes to a backend of its own.
    """
    # A service with hosts goes before the one that takes every host.
    lines = [
        line
        for service in sorted(services, key=lambda service: not service.hosts)
        for line in _route_service(service, edge)
    ]
    return (
        Configuration((Section("frontend", "https", tuple(lines), "haproxy_services"),)) if lines else Configuration()
    )


def service_sections(services: list[Service], edge: Edge) -> Configuration:
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
            for problem in check_bind_address(address, f"haproxy_binds.{what}[{number}]")
        ]
    if problems:
        raise ConfigurationError(problems)
    flash = [service for service in services if "flashsocket" in service.transports]
    own = acme.acme_sections(edge.client, edge.certificates, edge.version)
    result = [section_of(kind, name, [("acme", text) for text in lines], "haproxy_acme") for kind, name, lines in own]
    result += [_http_frontend(edge, bool(flash)), _https_frontend(services, edge, bool(flash))]
    result += [section_of("backend", name, lines, "haproxy_limits") for name, lines in limits.tables(edge.limits)]
    tables = [service for service in services if service.affinity == "session" and service.transports]
    needs = [peers.global_lines(edge.peers)] if tables else []
    scripts = [("affinity", LUA)] if tables and edge.version < PAUSE_SINCE else []
    if flash and not any(service.policy_servers for service in flash):
        ports = dict.fromkeys(bind_port(address) for address in (*edge.http, *edge.https))
        scripts.append(("policy", socketio.policy_script(ports)))
    if scripts:
        needs.append((scripts[0][0], f"lua-load-per-thread {quote(edge.lua)}"))
    if edge.quic:
        # OpenSSL before 3.5 lacks QUIC: HAProxy then has a way round it, without 0-RTT, which wants to be allowed.
        needs += [("http/3", text) for text in (".if feature(QUIC_OPENSSL_COMPAT)", "limited-quic", ".endif")]
    if needs:
        result.insert(0, section_of("global", "", needs))
    if tables:
        lines = peers.section(edge.peers)
        lines += [
            ("affinity", f"table {service.name} type string len {SESSION_ID_LENGTH} size 100k expire 10m")
            for service in tables
        ]
        lines.append(telemetry.miss_table())
        result.append(section_of("peers", SECTION, lines, "haproxy_peers"))
    if flash:
        result.extend(flash_sections(flash, edge))
    for service in services:
        result.append(service_backend(service, "http", service.servers, edge))
        result.extend(
            service_backend(service, transport, service.socket_servers, edge) for transport in service.transports
        )
    files: tuple[tuple[str, str], ...] = ()
    if scripts:
        files = ((edge.lua, "".join(script for _purpose, script in scripts)),)
    if any(service.client_ca for service in services):
        files += ((edge.certificate_list, _crt_list(services, edge)),)
    return Configuration(tuple(result), files=files)


def _host_acls(service: Service) -> list[Directive]:
    exact = [host for host in service.hosts if not host.startswith("*")]
    endings = [host[1:] for host in service.hosts if host.startswith("*")]
    acl = f"acl {service.name}_host hdr(host),host_only -i"
    lines = [f"{acl} {' '.join(exact)}"] if exact else []
    lines += [f"{acl} -m end {' '.join(endings)}"] if endings else []
    return [directive_of("routing", line, service.yaml_path) for line in lines]


def _crt_list(services: list[Service], edge: Edge) -> str:
    """Which certificate is for which host, and for which of them clients need one too (manual, 3.12 "crt-list").

    The first line answers clients that send no name.
    """
    text = ""
    for service in services:
        options = ""
        if service.client_ca:
            ca_file = f"{edge.client_cas}/{service.client_ca}.pem"
            options = f"[ca-file {ca_file} verify required] "
        for name in service.certificates:
            text += f"{edge.certificates}/{name}.pem {options}{' '.join(service.hosts)}".rstrip() + "\n"
    return text


def _http_frontend(edge: Edge, flash: bool) -> Section:
    # The port of the Host header is HTTP's: it must not come along. Ours does, where it is not the usual one.
    port = bind_port(edge.https[0])
    port = "" if port in ("443", "") else f":{port}"
    return section_of(
        "frontend",
        "http",
        [
            *(("redirect", f"bind {address}") for address in frontend_binds(edge, "http", flash)),
            *connection_rules(edge, flash),
            *request_filter.answer_challenges(edge.acme),
            ("redirect", "http-request deny deny_status 400 unless { req.hdr(host) -m found }"),
            ("redirect", f'http-request redirect code 301 location "https://%[hdr(host),host_only]{port}%[pathq]"'),
        ],
        "haproxy_binds.http",
    )


def _https_frontend(services: list[Service], edge: Edge, flash: bool) -> Section:
    profile = tls.resolve_profile(edge.tls, edge.library)
    # The first service's certificate answers clients that send no name; the folder has all the others.
    if any(service.client_ca for service in services):
        crt = f"crt-list {quote(edge.certificate_list)} crt {quote(edge.certificates)}"
    else:
        first = [quote(f"{edge.certificates}/{name}.pem") for name in services[0].certificates]
        crt = " ".join(f"crt {place}" for place in (*first, quote(edge.certificates)))
    if edge.tls.tickets:
        crt += f" tls-ticket-keys {quote(edge.ticket_keys)}"
    lines = [
        directive_of("tls", f"bind {address} ssl {crt} curves {profile.curves} alpn h2,http/1.1", "haproxy_binds.https")
        for address in frontend_binds(edge, "https", flash)
    ]
    for address in edge.quic:
        words = f"bind {address} ssl {crt} curves {profile.curves} alpn h3"
        lines.append(directive_of("http/3", words, "haproxy_binds.quic"))
    if edge.quic:
        # A client that has come by TCP is told where HTTP/3 is, and remembers it for a day.
        offer = f'h3=\\":{bind_port(edge.quic[0])}\\"; ma=86400'
        lines.append(directive_of("http/3", f'http-after-response set-header Alt-Svc "{offer}"', "haproxy_binds.quic"))
    lines.append(directive_of("logging", PATH))
    if edge.tls.hsts:
        value = f'http-after-response set-header Strict-Transport-Security "{edge.tls.hsts}"'
        lines.append(directive_of("tls", value, "haproxy_tls.hsts"))
    lines += [limits.directive(line) for line in connection_rules(edge, flash)]
    lines += [directive_of(purpose, text) for purpose, text in request_filter.restore_client_address(edge.proxies)]
    lines += [limits.directive(line) for line in limits.requests(edge.limits)]
    lines += [
        directive_of(purpose, text)
        for purpose, text in (*request_filter.reject_ambiguous_urls(), *request_filter.strip_forwarded_headers())
    ]
    return Section("frontend", "https", tuple(lines), "haproxy_services")


def _route_service(service: Service, edge: Edge) -> list[Directive]:
    names = socketio_names(service)
    lines = _host_acls(service)
    if service.client_ca:
        lines += [
            directive_of(purpose, text) for purpose, text in request_filter.require_client_certificate(names.condition)
        ]
    if service.transports:
        session = service.affinity == "session"
        lines += socketio.recognise(names, "flashsocket" in service.transports, session)
        lines += limits.sessions(edge.limits, socketio.opens_session(names))
        if session:
            lines.append(socketio.wait_for_table(names, edge.version < PAUSE_SINCE))
            lines.append(
                telemetry.count_miss(peers.table_key(edge.peers, service.name), socketio.unknown_session(names))
            )
    if service.origins:
        io = names.acl("socketio") if service.transports else ""
        lines += [
            directive_of(*line) for line in request_filter.reject_foreign_origins(service.origins, names.condition, io)
        ]
    for transport in TRANSPORTS:
        if transport in service.transports:
            condition = socketio.route_condition(names, transport)
            lines.append(directive_of(transport, f"use_backend {service.name}_{transport} if {condition}"))
    rest = f" if {service.name}_host" if service.hosts else ""
    lines.append(directive_of("routing", f"use_backend {service.name}_http{rest}"))
    return [Directive(line.keyword, line.arguments, line.purpose, service.yaml_path) for line in lines]
