# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings under every edge: `global`, `defaults`, log formats, statistics, the answer for unknown hosts."""

from __future__ import annotations

from ..config.model import Configuration, ConfigurationError
from ..config.words import one_line, quote
from . import acme, limits, request_filter, telemetry, tls
from .definition import Service
from .edge import Edge, allowed_connections, check_bind_address
from .lines import section_of
from .telemetry import LOG, LOG_ERRORS, LOG_PLAIN

# The version from which on HAProxy wants to be told how it gives booleans to Lua, before any script.
_LUA_BOOLEANS = (3, 1)
_BOOLEANS = (".if feature(LUA)", "tune.lua.bool-sample-conversion normal", ".endif")


def base_settings(edge: Edge) -> Configuration:
    """The settings under every edge; each yields to the same setting of a contributor."""
    problems = [
        f"{name}: {value!r} is no path"
        for name in ("runtime_socket", "master_socket", "certificates", "ticket_keys")
        if not one_line(value := getattr(edge, name))
    ]
    if edge.stats_bind:
        problems += check_bind_address(edge.stats_bind, "haproxy_stats_bind")
    if problems:
        raise ConfigurationError(problems)
    limits.validate(edge.limits)
    request_filter.validate(edge.proxies)
    profile = tls.resolve_profile(edge.tls, edge.library)
    ciphers = [("tls", f"ssl-default-bind-ciphers {profile.ciphers}")] if profile.ciphers else []
    sections = [
        section_of(
            "global",
            "",
            [
                ("logging", "log stdout format short local0 info"),
                ("limits", f"maxconn {allowed_connections(edge)}"),
                # An old worker ends with its last socket; the master must not end it for the number of reloads.
                ("reload", "mworker-max-reloads 1000"),
                ("runtime", f"stats socket {quote(edge.runtime_socket)} mode 660 level admin expose-fd listeners"),
                ("runtime", "stats timeout 1m"),
                *(("runtime", text) for text in _BOOLEANS if edge.version >= _LUA_BOOLEANS),
                ("tls", f"ssl-default-bind-options {profile.options}"),
                *ciphers,
                ("tls", f"ssl-default-bind-ciphersuites {profile.ciphersuites}"),
                *limits.global_lines(edge.limits),
                *(("acme", text) for text in acme.global_lines(edge.client)),
            ],
        ),
        section_of(
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
    if edge.stats_bind:
        sections.append(section_of("global", "", telemetry.load_script(edge.metrics)))
        sections.append(
            section_of("frontend", "statistics", telemetry.stats_frontend(edge.stats_bind), "haproxy_stats_bind")
        )
        files = ((edge.metrics, telemetry.script(edge.master_socket, edge.runtime_socket, edge.peers.name)),)
    return Configuration(tuple(sections), files=files)


def log_formats(services: list[Service]) -> Configuration:
    """What the frontends of the services log, if a contributor wants nothing else."""
    if not services:
        return Configuration()
    requests = [("logging", LOG), ("logging", LOG_ERRORS)]
    return Configuration(
        (
            section_of("frontend", "http", [("logging", LOG_PLAIN)]),
            section_of("frontend", "https", requests),
        )
    )


def unknown_host_backend(services: list[Service]) -> Configuration:
    """Where requests for a host go that no rule of `https` takes; yields to a `default_backend` of a contributor.

    Nowhere, where a service takes every host.
    """
    if not services or not all(service.hosts for service in services):
        return Configuration()
    said = 'content-type text/plain string "No service of this edge has this name."'
    return Configuration(
        (
            section_of("frontend", "https", [("routing", "default_backend https:unknown")]),
            # A colon is in no service's name.
            section_of("backend", "https:unknown", [("routing", f"http-request return status 421 {said}")]),
        )
    )
