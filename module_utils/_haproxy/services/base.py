# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base configuration of every edge: `global`, `defaults`, log formats, stats, the answer for unknown hosts."""

from __future__ import annotations

from ..config.model import Configuration, Line, Section
from ..config.words import one_line, quote
from ..errors import Problems
from ..host import USER
from . import acme, answers, limits, request_filter, telemetry, tls
from .backends import default_balance, transports_of
from .definition import Service
from .edge import ROLE, Edge, address_by_request, allowed_connections, check_bind_address
from .servers import RESOLVERS
from .telemetry import LOG_ERRORS, LOG_PLAIN, log_format

# The first version that requires this setting, about how booleans reach Lua, before any script.
_LUA_BOOLEANS_SINCE = (3, 1)
_LUA_BOOLEANS = (".if feature(LUA)", "tune.lua.bool-sample-conversion normal", ".endif")

_DEFAULTS: tuple[Line, ...] = (
    ("protocol", "mode http"),
    ("logging", "log global"),
    ("logging", "option httplog"),
    ("logging", "option dontlognull"),
    ("health", "option redispatch"),
    ("health", "retries 3"),
    ("websocket", "option http-no-delay"),
    ("limits", "option abortonclose"),
    ("limits", "timeout connect 5s"),
)
_DEFAULT_TIMEOUTS: tuple[Line, ...] = (
    # A poll is held for 25 s (20 s in Socket.IO 0.9); a socket is silent for as long between heartbeats.
    ("polling", "timeout client 60s"),
    ("polling", "timeout server 60s"),
    ("polling", "timeout http-keep-alive 60s"),
    # Manual 4.2: an old worker would close idle connections at once, while the next request on one may be on its way.
    ("polling", "option idle-close-on-response"),
    ("websocket", "timeout tunnel 1h"),
    # For half-closed connections in TCP mode; in HTTP, for connections whose client does not fetch the last bytes.
    ("websocket", "timeout client-fin 10s"),
    ("websocket", "timeout server-fin 10s"),
)


# What the unit of the service decides. HAProxy does not start as root, and would end.
OF_THE_UNIT = frozenset(("chroot", "gid", "group", "pidfile", "uid", "user"))

_TCP_FRONTEND: list[Line] = [("logging", "option tcplog"), ("protocol", "no option idle-close-on-response")]
_TCP: list[Line] = [("protocol", "no option http-no-delay")]


def base_settings(edge: Edge) -> Configuration:
    """Return the base configuration of an edge; a contributor's line overrides the same setting here."""
    timeouts = limits.timeouts(edge.limits, edge.version)
    sections = [
        Section.of("global", "", _global_lines(edge), ROLE),
        Section.of("defaults", "", [*_DEFAULTS, *timeouts, *_DEFAULT_TIMEOUTS], ROLE),
    ]
    if not edge.stats_bind:
        return Configuration(tuple(sections))
    statistics = telemetry.stats_frontend(edge.stats_bind, bool(edge.agent_socket))
    sections.append(Section.of("frontend", "statistics", statistics, "haproxy_stats_bind"))
    if not edge.agent_socket:
        return Configuration(tuple(sections))
    sections.append(Section.of("global", "", telemetry.load_script(edge.metrics), ROLE))
    return Configuration(tuple(sections), files=((edge.metrics, telemetry.script(edge.agent_socket)),))


def validate_edge(edge: Edge) -> None:
    """Raise `ConfigurationError` for settings of the edge that are wrong."""
    problems = Problems()
    for name in ("runtime_socket", "master_socket", "certificates", "ticket_keys"):
        value = getattr(edge, name)
        if not one_line(value):
            problems.add(name, f"{value!r} is no path")
    if edge.stats_bind:
        check_bind_address(edge.stats_bind, "haproxy_stats_bind", problems)
    problems.raise_if_any()
    limits.validate(edge.limits)
    if edge.limits.shared and not edge.peers.members:
        problems.add("haproxy_limits.shared", "edges that count together are those of haproxy_peers, which has none")
        problems.raise_if_any()
    request_filter.validate(edge.proxies)


def check_global(contributions: list[Configuration]) -> None:
    """Raise `ConfigurationError` for lines with which the service could not start."""
    problems = Problems()
    for contribution in contributions:
        for section in contribution.sections:
            for line in section.directives if section.kind == "global" else ():
                if line.keyword in OF_THE_UNIT and line.text not in (f"user {USER}", f"group {USER}"):
                    problems.add(
                        line.yaml_path,
                        f"`{line.text}`: the service starts HAProxy as the user {USER}, in a sandbox that takes "
                        "the place of a chroot, without a pidfile; remove the line",
                    )
    problems.raise_if_any()


def _global_lines(edge: Edge) -> list[Line]:
    profile = tls.resolve_profile(edge.tls, edge.library)
    ciphers = [("tls", f"ssl-default-bind-ciphers {profile.ciphers}")] if profile.ciphers else []
    return [
        ("logging", "log stdout format short local0 info"),
        ("limits", f"maxconn {allowed_connections(edge)}"),
        # An old worker ends with its last socket; the master must not end it for the number of reloads.
        ("reload", "mworker-max-reloads 1000"),
        ("runtime", f"stats socket {quote(edge.runtime_socket)} mode 660 level admin expose-fd listeners"),
        ("runtime", "stats timeout 1m"),
        *(("runtime", text) for text in _LUA_BOOLEANS if edge.version >= _LUA_BOOLEANS_SINCE),
        ("tls", f"ssl-default-bind-options {profile.options}"),
        *ciphers,
        ("tls", f"ssl-default-bind-ciphersuites {profile.ciphersuites}"),
        *limits.global_lines(edge.limits, edge.version),
        *(("acme", text) for text in acme.global_lines(edge.client)),
    ]


def flash_limit(services: list[Service], edge: Edge) -> Configuration:
    """Return the limit of the TCP front end for Flash: each connection counts twice, there and at the internal bind."""
    if not any("flashsocket" in service.transports for service in services):
        return Configuration()
    line = ("limits", f"maxconn {max(1, allowed_connections(edge) // 2)}")
    return Configuration((Section.of("frontend", "flash", [line], ROLE),))


def balance_settings(services: list[Service]) -> Configuration:
    """Return how each backend of the services chooses a server, unless a contributor's `balance` says otherwise."""
    return Configuration(
        tuple(
            Section.of("backend", f"{service.name}_{transport}", lines, service.yaml_path)
            for service in services
            for transport, _servers in transports_of(service)
            if (lines := default_balance(service, transport))
        )
    )


def resolvers(services: list[Service]) -> Configuration:
    """Return the resolvers of servers that the DNS names and that ask for no other; a contributor's lines override it.

    The name servers are those of the host.
    """
    servers = [server for service in services for _transport, found in transports_of(service) for server in found]
    own = [server for server in servers if server.records and RESOLVERS in server.options]
    if not own:
        return Configuration()
    # An answer with more records than fit in 512 bytes needs room (RFC 6891).
    lines = [("servers", "parse-resolv-conf"), ("servers", "accepted_payload_size 8192")]
    return Configuration((Section.of("resolvers", RESOLVERS, lines, own[0].yaml_path),))


def request_settings(services: list[Service], edge: Edge) -> Configuration:
    """Return log formats and ids of requests in the services' frontends, which a contributor may override."""
    if not services:
        return Configuration()
    log = log_format(not address_by_request(edge))
    requests = [("logging", log), *answers.identify_requests(edge.version)]
    plain = requests if any(service.plain_http for service in services) else [("logging", LOG_PLAIN)]
    return Configuration(
        (
            Section.of("frontend", "http", plain, ROLE),
            Section.of("frontend", "https", [*requests, ("logging", LOG_ERRORS)], ROLE),
        )
    )


def tcp_settings(contributions: list[Configuration]) -> Configuration:
    """Return what contributors' sections in TCP mode need besides the base settings, which are for HTTP.

    HAProxy would warn of `option httplog` and `option http-no-delay` there. One with its own `defaults` is left alone.
    """
    return Configuration(
        tuple(
            Section.of(section.kind, section.name, _TCP_FRONTEND * (section.kind != "backend") + _TCP, ROLE)
            for contribution in contributions
            for section in contribution.sections
            if section.kind in ("frontend", "backend", "listen")
            and " from " not in section.name
            and any(line.text == "mode tcp" for line in section.directives)
        )
    )


def unknown_host_backend(services: list[Service], edge: Edge) -> Configuration:
    """Return the default backend of `https`, which answers 421; a contributor's `default_backend` overrides it.

    There is none if a service takes every host.
    """
    if not services or not all(service.hosts for service in services):
        return Configuration()
    answer = f'content-type text/plain string "No service of this edge has this name." {edge.answer_headers}'
    return Configuration(
        (
            Section.of("frontend", "https", [("routing", "default_backend https:unknown")], ROLE),
            # No service's name has a colon.
            Section.of("backend", "https:unknown", [("routing", f"http-request return status 421 {answer}")], ROLE),
        )
    )
