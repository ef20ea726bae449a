# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Frontends and routes: redirect HTTP to HTTPS, terminate TLS, send each request to the backend of its service.

All services share the frontends. Each gets one backend for ordinary requests and one for each Socket.IO transport, so
that each has its own stats and can have servers of its own; rules of one service stand in its backends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from ..config.model import Configuration, Directive, Line, Section
from ..config.words import quote
from ..errors import Problems
from . import (
    acme,
    answers,
    balance,
    canary,
    common,
    limits,
    peers,
    request_filter,
    routing,
    socketio,
    telemetry,
    tls,
    waiting,
)
from .backends import health_map, service_backend, service_servers, transports_of
from .client_address import CONNECTION, CONTENT, REQUEST, SESSION
from .definition import Service
from .edge import (
    ROLE,
    Edge,
    address_by_request,
    bind_port,
    check_bind_address,
    connection_rules,
    exempt_lists,
    frontend_binds,
    internal_bind,
    list_files,
    request_counters,
)
from .flash import flash_sections
from .limits import Counters
from .peers import SECTION
from .servers import named_by_dns
from .socketio import SESSION_ID_LENGTH


def service_routes(services: list[Service], edge: Edge) -> Configuration:
    """Return the routes of the frontend `https` and the servers, which stand after what contributors write there.

    Otherwise a service that takes every host would take requests that another contributor routes to its own backend,
    and a contributor's `default-server` would not be for the servers of the service.
    """
    if not services:
        return Configuration()
    lines = [
        *_find_route(services, edge),
        *routing.require_client_certificates(services, edge.answer_headers),
        *routing.choose_backend(services),
    ]
    routes = Section("frontend", "https", tuple(lines), "haproxy_services")
    return Configuration((routes, *(section for service in services for section in service_servers(service, edge))))


def _find_route(services: list[Service], edge: Edge) -> list[Directive]:
    """Return the rules that find the service of a request, and those for which it has to be known."""
    sockets = any(service.transports for service in services)
    listed = _has("streamed_uploads", services) or _has("plain_http", services)
    body = limits.wait_for_body(edge.limits, routing.is_listed(edge.streamed_uploads))
    return [
        *routing.find_route(services, edge.routes),
        *([Directive.of("routing", routing.PATH, "haproxy_services")] if listed else ()),
        *(Directive.of(*line, "haproxy_limits") for line in body if _has("streamed_uploads", services)),
        *(socketio.reject_disguised_sessions(routing.SOCKETS) if sockets else ()),
    ]


def _has(setting: str, services: list[Service]) -> bool:
    return any(getattr(service, setting) for service in services)


def service_sections(services: list[Service], edge: Edge) -> Configuration:
    """Return the sections of these services without their routes (`service_routes`); none without services."""
    if not services:
        return Configuration()
    _validate_binds(edge)
    flash = [service for service in services if "flashsocket" in service.transports]
    sticky = [service for service in services if service.follows_sessions]
    scripts = _lua_scripts(services, bool(sticky), edge)
    counters = request_counters(edge, bool(flash))
    canaries = any(service.canary for service in services)
    counted = any(service.socket_transports for service in services) and bool(balance.tables(edge))
    shared = bool(sticky) or edge.limits.shared or canaries or counted
    sections = [
        *_global_section(shared, scripts, edge),
        *_acme_sections(edge),
        _http_frontend(services, edge, counters, bool(flash)),
        _https_frontend(services, edge, counters, bool(flash)),
        *(() if edge.limits.shared else _limit_tables(edge, counters)),
        *(_peers_section(sticky, canaries, edge, counters) if shared else ()),
        *(flash_sections(flash, edge) if flash else ()),
        *(backend for service in services for backend in _service_backends(service, counters, edge)),
    ]
    sections = [_set_addresses_first(section, edge) for section in sections]
    return Configuration(tuple(sections), files=_files(services, scripts, edge))


def _set_addresses_first(section: Section, edge: Edge) -> Section:
    """Return the section with the contributors' rules that set the address of a connection before all others."""
    if section.kind != "frontend":
        return section
    found = (edge.address_rules.get((section.name, family), ()) for family in (CONNECTION, SESSION, CONTENT))
    return replace(section, directives=(*chain.from_iterable(found), *section.directives))


def _validate_binds(edge: Edge) -> None:
    """Raise `ConfigurationError` for wrong addresses of `haproxy_binds`."""
    problems = Problems()
    for number, address in enumerate(edge.quic):
        if not address.startswith(("quic4@", "quic6@")):
            problems.add(
                f"haproxy_binds.quic[{number}]",
                f"an address of QUIC begins with quic4@ or quic6@ (quic4@:443), not {address!r}",
            )
    for what in ("http", "https", "quic", "policy"):
        for number, address in enumerate(getattr(edge, what)):
            check_bind_address(address, f"haproxy_binds.{what}[{number}]", problems)
    problems.raise_if_any()


def _acme_sections(edge: Edge) -> list[Section]:
    """Return the sections of HAProxy's own ACME client."""
    sections = acme.acme_sections(edge.client, edge.certificates, edge.version)
    return [
        Section.of(kind, name, [("acme", text) for text in lines], "haproxy_acme") for kind, name, lines in sections
    ]


def _lua_scripts(services: list[Service], sticky: bool, edge: Edge) -> list[Line]:
    """Return the Lua scripts that the services need, each with its purpose."""
    named = any(named_by_dns(found) for service in services for _transport, found in transports_of(service))
    scripts = [("affinity", waiting.script(not edge.peers.members))] if sticky or named else []
    flash = [service for service in services if "flashsocket" in service.transports]
    if flash and not any(service.policy_servers for service in flash):
        ports = dict.fromkeys(bind_port(address) for address in (*edge.http, *edge.https))
        scripts.append(("policy", socketio.policy_script(ports)))
    return scripts


def _global_section(sticky: bool, scripts: list[Line], edge: Edge) -> list[Section]:
    """Return the section `global` with the lines that the services need, none if they need nothing there."""
    lines = [peers.global_lines(edge.peers)] if sticky else []
    if scripts:
        lines.append((scripts[0][0], f"lua-load-per-thread {quote(edge.lua)}"))
    if edge.quic:
        # OpenSSL before 3.5 lacks QUIC: HAProxy then has a compatibility layer, without 0-RTT, that must be enabled.
        lines += [("http/3", text) for text in (".if feature(QUIC_OPENSSL_COMPAT)", "limited-quic", ".endif")]
    return [Section.of("global", "", lines, ROLE)] if lines else []


def _limit_tables(edge: Edge, counters: Counters) -> Iterator[Section]:
    """Yield a backend for each table of clients that is this edge's alone."""
    for name, properties in limits.tables(edge.limits, counters):
        yield Section.of("backend", name, [("limits", f"stick-table {properties}")], "haproxy_limits")


def _peers_section(sticky: list[Service], canaries: bool, edge: Edge, counters: Counters) -> list[Section]:
    """Return the section `peers` with the tables that edges share."""
    tables = [
        (
            "affinity",
            f"table {service.name} type string len {SESSION_ID_LENGTH} size 100k expire 10m"
            # Which of a template's servers gets an address is not the same in each backend and worker.
            + (" srvkey addr" if named_by_dns(service.socket_servers) else ""),
        )
        for service in sticky
    ]
    socket = f"{internal_bind(edge, 'peers')} mode 600" if edge.version >= peers.SOCKET_SINCE else ""
    lines = [*peers.section(edge.peers, socket), *tables, *telemetry.miss_tables(service.name for service in sticky)]
    if edge.limits.shared:
        counted = limits.tables(edge.limits, counters)
        lines += [("limits", f"table {name.partition('/')[2]} {properties}") for name, properties in counted]
    lines += [*balance.tables(edge), *canary.tables(canaries)]
    return [Section.of("peers", SECTION, lines, "haproxy_peers")]


def _service_backends(service: Service, counters: Counters, edge: Edge) -> Iterator[Section]:
    """Yield the backends of a service: for ordinary requests, then for each transport."""
    for transport, _servers in transports_of(service):
        yield service_backend(service, transport, counters, edge)


def _files(services: list[Service], scripts: list[Line], edge: Edge) -> tuple[tuple[str, str], ...]:
    """Return path and text of the files that the sections name."""
    files = [(edge.routes, routing.routes_map(services)), *list_files(edge)]
    origins = "".join(request_filter.origins_list(service.name, service.origins) for service in services)
    if origins:
        files.append((edge.origins, origins + request_filter.origins_list("", _common_origins(services))))
    if edge.version >= common.SINCE and (checks := health_map(services)):
        files.append((edge.health, checks))
    if _has("canary", services):
        lines = (line for one in services if one.canary for line in canary.entries(one.name, one.canary))
        files.append((edge.canary, "".join(lines)))
    for setting in ("plain_http", "streamed_uploads"):
        if _has(setting, services):
            files.append((getattr(edge, setting), routing.paths_list(services, setting)))
    if scripts:
        files.append((edge.lua, "".join(script for _purpose, script in scripts)))
    if any(service.client_ca for service in services):
        files.append((edge.certificate_list, _crt_list(services, edge)))
    return tuple(files)


def _crt_list(services: list[Service], edge: Edge) -> str:
    """Return the crt-list (manual, 3.12): the hosts of each certificate, and the CA of those that ask clients for one.

    The first line is for clients that send no server name.
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


def _common_origins(services: list[Service]) -> tuple[str, ...]:
    """Return the origins that any service allows, none if one allows all."""
    if not all(service.origins for service in services):
        return ()
    return tuple(dict.fromkeys(origin for service in services for origin in service.origins))


def _request_rules(services: list[Service], edge: Edge, counters: Counters, name: str) -> list[Directive]:
    """Return the rules for each request of a frontend, `http` or `https`, whichever service it is for."""
    by_connection = not address_by_request(edge)
    known = request_filter.note_origin(_common_origins(services), edge.origins, edge.checks_origins)
    restored = request_filter.restore_client_address(edge.proxies, edge.trusted_proxies)
    headers = edge.answer_headers
    counted = [
        *answers.without_servers(headers),
        *limits.requests(edge.limits, counters, exempt_lists(edge), headers),
    ]
    if not _has("streamed_uploads", services):
        counted += limits.wait_for_body(edge.limits)
    filtered = (
        *request_filter.reject_odd_headers(),
        *request_filter.reject_ambiguous_urls(edge.version, bool(edge.quic)),
        *request_filter.strip_forwarded_headers(by_connection, name),
    )
    return [
        *(Directive.of(*line) for line in answers.identify_connection(edge.version)),
        *([Directive.of(*request_filter.remember_address())] if by_connection else ()),
        *(Directive.of(*line) for line in (*known, *restored)),
        *edge.address_rules.get((name, REQUEST), ()),
        *(Directive.of(*line, "haproxy_limits") for line in counted),
        *(Directive.of(*line) for line in filtered),
    ]


def _http_frontend(services: list[Service], edge: Edge, counters: Counters, flash: bool) -> Section:
    # The redirect drops the port of the Host header, which is HTTP's, and adds that of HTTPS unless it is 443.
    port = bind_port(edge.https[0])
    port = "" if port in ("443", "") else f":{port}"
    redirect = f'http-request redirect code 301 location "https://%[hdr(host),host_only]{port}%[pathq]"'
    yaml_path = "haproxy_binds.http"
    lines: list[Line] = [
        *(("redirect", f"bind {address}") for address in frontend_binds(edge, "http", flash)),
        *(() if flash else connection_rules(edge, counters, "http")),
        *request_filter.answer_challenges(edge.acme),
        ("redirect", "http-request deny deny_status 400 unless { req.hdr(host) -m found }"),
    ]
    plain = [service for service in services if service.plain_http]
    if not plain:
        return Section.of("frontend", "http", [*lines, ("redirect", redirect)], yaml_path)
    directives = [
        *(Directive.of(*line, yaml_path) for line in lines),
        *_request_rules(services, edge, counters, "http"),
        *_find_route(services, edge),
        Directive.of("redirect", f"{redirect} unless {routing.is_listed(edge.plain_http)}", yaml_path),
        *routing.choose_backend(plain),
    ]
    return Section("frontend", "http", tuple(directives), yaml_path)


def _https_frontend(services: list[Service], edge: Edge, counters: Counters, flash: bool) -> Section:
    profile = tls.resolve_profile(edge.tls, edge.library)
    # The first service's certificate is for clients that send no server name; the folder has all others.
    if any(service.client_ca for service in services):
        crt = f"crt-list {quote(edge.certificate_list)} crt {quote(edge.certificates)}"
    else:
        first = [quote(f"{edge.certificates}/{name}.pem") for name in services[0].certificates]
        crt = " ".join(f"crt {path}" for path in (*first, quote(edge.certificates)))
    if edge.tls.tickets:
        crt += f" tls-ticket-keys {quote(edge.ticket_keys)}"
    lines = [
        Directive.of("tls", f"bind {address} ssl {crt} curves {profile.curves} alpn h2,http/1.1", "haproxy_binds.https")
        for address in frontend_binds(edge, "https", flash)
    ]
    for address in edge.quic:
        words = f"bind {address} ssl {crt} curves {profile.curves} alpn h3"
        lines.append(Directive.of("http/3", words, "haproxy_binds.quic"))
    if edge.quic:
        # Clients that connect by TCP learn the port of HTTP/3 and keep it for a day.
        offer = f'h3=\\":{bind_port(edge.quic[0])}\\"; ma=86400'
        lines.append(Directive.of("http/3", f'http-after-response set-header Alt-Svc "{offer}"', "haproxy_binds.quic"))
    if edge.tls.hsts:
        value = f'http-after-response set-header Strict-Transport-Security "{edge.tls.hsts}"'
        lines.append(Directive.of("tls", value, "haproxy_tls.hsts"))
    if not flash:
        lines += [Directive.of(*line, "haproxy_limits") for line in connection_rules(edge, counters, "https")]
    lines += _request_rules(services, edge, counters, "https")
    return Section("frontend", "https", tuple(lines), "haproxy_services")
