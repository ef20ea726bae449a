# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the servers of each proxy as HAProxy does: with `default-server` and `defaults`, pairs of options resolved."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ..config.model import Configuration, Directive, Section, split_name
from ..config.words import unquote
from ..services import balance

# The sections with servers that can be changed.
_WITH_SERVERS = ("backend", "listen")

# Server options that `add server` does not accept (configuration manual, 5.2; management guide), and those by which
# HAProxy changes the server's address, weight or state without us.
_ONLY_BY_RELOAD = frozenset(
    "agent-check init-addr minconn namespace redir resolve-net resolve-opts resolve-prefer resolvers track".split()
)

# Options with a value that might read like another option.
_WITH_VALUE = frozenset(
    (
        "alpn ca-file check-alpn check-proto check-sni cookie crl-file crt hash-key id name npn on-error "
        "on-marked-down on-marked-up proto redir send-proxy-v2-opts sni source verifyhost"
    ).split()
)

# Options that are off unless a line sets them: `no-X` after `X` is the same as neither. Of all others, `no-X` counts.
_OFF = frozenset(
    (
        "agent-check backup check check-send-proxy check-ssl send-proxy send-proxy-v2 send-proxy-v2-ssl "
        "send-proxy-v2-ssl-cn ssl tfo verifyhost"
    ).split()
)

# Balancing that allows `add server` (configuration manual, `balance`); hashing does if it is consistent.
_DYNAMIC = frozenset("first leastconn random roundrobin".split())
_HASHING = frozenset("hash hdr rdp-cookie source uri url_param".split())

_LOOKED_UP = re.compile(r"\bmap\w*\(([^,)]+)").findall

_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}").fullmatch


class ServerLine(NamedTuple):
    """Hold a server line, `default-server` expanded: the values that can change without a reload, and the options.

    The options are words as HAProxy reads them, without quotes.
    """

    address: str
    port: int
    weight: int
    maxconn: int
    disabled: bool
    options: tuple[str, ...]


class Proxy(NamedTuple):
    """Split a section into the servers that the Runtime API can change and the `rest` of its lines.

    `fixed` says why servers cannot be added or removed without a reload; empty if they can. `lines` are the names, or
    prefixes, of the servers in `rest`. `general` are the words of `default-server` that apply at the section's end.
    `ids` are the ids that a fresh process gives the servers, in the order of the file; `by_id` says why they matter,
    empty if they do not. `backups`: the backup servers, if only the first that answers gets requests. `written` are the
    lines of servers by name, `inherited` the words of `default-server` that apply to each.

    `method` is that of `balance`. With `live_weights` the service beside HAProxy sets the weights in the process, and
    the limits up to `live_limit`: they are no difference to the file.
    """

    rest: tuple[Directive, ...]
    servers: dict[str, ServerLine]
    fixed: str
    lines: frozenset[str]
    general: tuple[str, ...]
    ids: dict[str, int]
    by_id: str
    backups: tuple[str, ...]
    written: dict[str, Directive]
    inherited: dict[str, tuple[str, ...]]
    method: str
    live_weights: bool = False
    live_limit: int = 0


def read_proxies(configuration: Configuration) -> dict[tuple[str, str], Proxy]:
    """Return the backends (and `listen` sections) by their key, defaults applied."""
    defaults: dict[str, tuple[Directive, ...]] = {}
    latest: tuple[Directive, ...] = ()
    named = _named_servers(configuration)
    found: dict[tuple[str, str], Proxy] = {}
    for section in configuration.sections:
        name, parent = split_name(section)
        inherited = defaults.get(parent, ()) if parent else ()
        if section.kind == "defaults":
            latest = defaults[name] = (*inherited, *section.directives)
        elif section.kind in _WITH_SERVERS:
            found[section.kind, name] = _read_proxy(section, inherited if parent else latest, named)
    most, alone = balance.live_limit(configuration) or (0, frozenset(name for _kind, name in found))
    for key, proxy in found.items():
        if key[1] not in alone and balance.is_balanced(key[1], proxy.method):
            found[key] = proxy._replace(live_weights=True, live_limit=most)
    return found


def server_names(configuration: Configuration) -> dict[tuple[str, str], list[str]]:
    """Return the names of the servers in each backend (and `listen` section), by its key."""
    return {
        (section.kind, split_name(section)[0]): [
            unquote(line.arguments[0])
            for line in section.directives
            if unquote(line.keyword) == "server" and len(line.arguments) > 1
        ]
        for section in configuration.sections
        if section.kind in _WITH_SERVERS
    }


def without(configuration: Configuration, keys: Collection[tuple[str, str]]) -> Configuration:
    """Return the configuration without the sections of these keys."""
    return replace(
        configuration, sections=tuple(section for section in configuration.sections if section.key not in keys)
    )


def without_unused(present: Configuration, wanted: Configuration, gone: Collection[tuple[str, str]]) -> Configuration:
    """Return a configuration without the backends that are `gone`, and without what only these were `from`.

    A `defaults` that some section takes because it is the last one before it is a difference, if it is not `wanted`.
    """
    kept = without(present, gone)
    used = {section.key for section in wanted.sections if section.kind == "defaults"}
    latest = ""
    for section in kept.sections:
        name, parent = split_name(section)
        if section.kind == "defaults":
            latest = name
        used.add(("defaults", parent or latest))
    unused = {section.key for section in present.sections if section.kind == "defaults"} - used
    return without(kept, unused)


def paths_of_checks(configuration: Configuration) -> frozenset[str]:
    """Return the files that health checks look something up in."""
    lines = {
        line.text for section in configuration.sections for line in section.directives if line.keyword == "http-check"
    }
    return frozenset(path for line in lines for path in _LOOKED_UP(line))


def _named_servers(configuration: Configuration) -> set[str]:
    """Return the servers that rules choose by name: HAProxy does not delete these."""
    return {
        unquote(line.arguments[0])
        for section in configuration.sections
        for line in section.directives
        if line.keyword == "use-server" and line.arguments
    }


def _read_proxy(section: Section, defaults: tuple[Directive, ...], named: set[str]) -> Proxy:
    """Split a section into servers that the Runtime API can change and all other lines."""
    general = [word for line in defaults if line.keyword == "default-server" for word in line.arguments]
    rest: list[Directive] = []
    servers: dict[str, ServerLine] = {}
    written: dict[str, Directive] = {}
    inherited: dict[str, tuple[str, ...]] = {}
    for line in section.directives:
        if line.keyword == "default-server":
            general += line.arguments
        is_server = unquote(line.keyword) == "server" and len(line.arguments) > 1
        server = parse_server(line, general) if is_server else None
        name = unquote(line.arguments[0]) if is_server else ""
        if server and name not in named and name not in written:
            servers[name] = server
        else:
            rest.append(line)
        if is_server:
            written[name], inherited[name] = line, tuple(general)
    every = (*defaults, *section.directives)
    lines = frozenset(
        unquote(line.arguments[0]) for line in rest if unquote(line.keyword).startswith("server") and line.arguments
    )
    method = _read_method(every)
    fixed, by_id = _read_balance(method, every)
    if by_id and any(unquote(line.keyword) == "server-template" for line in section.directives):
        fixed, by_id = f"{by_id}, which a `server-template` makes hard to foresee", ""
    only_first = not any(line.keyword == "option" and line.arguments[:1] == ("allbackups",) for line in every)
    backups = tuple(name for name, server in servers.items() if "backup" in server.options) if only_first else ()
    ids = _fresh_ids(written, servers)
    return Proxy(tuple(rest), servers, fixed, lines, tuple(general), ids, by_id, backups, written, inherited, method)


def _read_method(lines: tuple[Directive, ...]) -> str:
    """Return how a section with these lines chooses a server."""
    words = next((line.arguments for line in reversed(lines) if line.keyword == "balance"), ("roundrobin",))
    return unquote(words[0]).split("(")[0] if words else "roundrobin"


def _read_balance(method: str, lines: tuple[Directive, ...]) -> tuple[str, str]:
    """Return why a section with these lines cannot get or lose servers without a reload, and why ids matter in it."""
    hash_types = [line.arguments[:1] for line in lines if line.keyword == "hash-type"]
    if method in _HASHING and hash_types[-1:] == [("consistent",)]:
        return "", f"`balance {method}` chooses by the number of a server"
    if method in _DYNAMIC:
        return "", f"`balance {method}` goes by the order of the servers" if method == "first" else ""
    return f"`balance {method}` needs a reload to change servers", ""


def _fresh_ids(written: dict[str, Directive], servers: dict[str, ServerLine]) -> dict[str, int]:
    """Return the ids that a fresh process gives these servers: the stated ones, else the lowest that are free."""
    stated: dict[str, int] = {}
    for name in written:
        options = servers[name].options if name in servers else tuple(map(unquote, written[name].arguments))
        value = next((value for word, value in zip(options, options[1:]) if word == "id"), "")
        if value.isdigit():
            stated[name] = int(value)
    taken, number, found = set(stated.values()), 0, {}
    for name in written:
        if name not in stated:
            number += 1
            while number in taken:
                number += 1
        found[name] = stated.get(name, number)
    return found


def parse_server(line: Directive, general: Iterable[str]) -> ServerLine | None:
    """Parse a server line that can be compared with the worker; return None for one that only a reload can change."""
    return _parse_server(line.arguments[1], (*general, *line.arguments[2:]))


@lru_cache(maxsize=4096)  # services have nodes in common
def _parse_server(endpoint: str, spelled: tuple[str, ...]) -> ServerLine | None:
    address = _parse_address(endpoint)
    if address is None or any("$" in word and '"' in word for word in spelled):
        return None  # a name, a socket, or a value that only the worker knows
    words = iter([unquote(word) for word in spelled])
    options: list[tuple[str, ...]] = []
    weight, maxconn, disabled = 1, 0, False
    try:
        for word in words:
            if word == "weight":
                weight = int(next(words))
            elif word == "maxconn":
                maxconn = int(next(words))
            elif word in ("disabled", "enabled"):
                disabled = word == "disabled"
            else:
                options = _set_option(options, (word, next(words)) if word in _WITH_VALUE else (word,))
    except (ValueError, StopIteration):
        return None  # HAProxy's check reports the mistake
    if any(option[0] in _ONLY_BY_RELOAD for option in options):
        return None
    return ServerLine(*address, weight, maxconn, disabled, tuple(word for option in options for word in option))


def _set_option(options: list[tuple[str, ...]], option: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the options with one more, which takes its opposite and an earlier value of its own away."""
    word = option[0]
    opposite = word[3:] if word.startswith("no-") else f"no-{word}"
    single = word in _WITH_VALUE or word.startswith("no-") or word in _OFF
    kept = [other for other in options if other[0] != opposite and not (single and other[0] == word)]
    return kept if word.startswith("no-") and opposite in _OFF else [*kept, option]


def _parse_address(word: str) -> tuple[str, int] | None:
    """Parse `ADDRESS:PORT`; return None for a name or a socket."""
    host, _colon, port = unquote(word).rpartition(":")
    if not port.isdigit():
        return None
    if _IPV4(host):  # most addresses; much faster than ip_address
        return host, int(port)
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError:
        return None
