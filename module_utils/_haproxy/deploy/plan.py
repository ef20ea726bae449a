# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change costs, before it is made: nothing, some commands at run time, or a reload with its reasons. No I/O.

Servers (address, weight, state, maxconn), the contents of certificates, of maps and of ACL files are compared with
what the worker says of itself; everything else with the file that it has loaded.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..config.model import Configuration, Directive, Section
from ..config.words import unquote
from ..runtime import certificates
from ..runtime.certificates import LoadedCA, LoadedCertificate
from ..runtime.files import Files, PatternFile
from ..runtime.maps import PAYLOAD_LIMIT
from ..runtime.servers import Server

# Server options with which a server cannot come at run time (configuration manual, 5.2; management guide,
# `add server`), and those that let something else decide about its address, weight or state.
_ONLY_BY_RELOAD = frozenset(
    "agent-check init-addr minconn namespace redir resolve-net resolve-opts resolve-prefer resolvers track".split()
)

# Options with a value that might read like another option.
_WITH_VALUE = frozenset("alpn ca-file check-sni cookie crt id name npn proto send-proxy-v2-opts sni source".split())

# Balancing that takes servers at run time (configuration manual, `balance`); hashing does when it is consistent.
_DYNAMIC = frozenset("first leastconn random roundrobin".split())
_HASHING = frozenset("hash hdr rdp-cookie source uri url_param".split())

# The version from which on a server can come with a cookie at run time: 3.0 does it, 2.6 refuses.
_COOKIE = (3, 0)

# The version from which on ca_files that are longer than one payload can be given in pieces (`add ssl ca-file`).
_IN_PIECES = (2, 7)

# Keywords whose first argument is part of their name.
_FAMILIES = frozenset(
    (
        "http-after-response http-check http-request http-response option stats tcp-check tcp-request tcp-response "
        "timeout"
    ).split()
)

_MOST_REASONS = 20


class Observed(NamedTuple):
    """What the serving worker says of itself: (backend, server), path of a certificate, map, authority → what it has.

    `ahead`: paths of certificates that HAProxy's own ACME client has renewed there, and which the disk has not yet.
    `version`: its own, major and minor.
    """

    servers: Mapping[tuple[str, str], Server] = MappingProxyType({})
    certificates: Mapping[str, LoadedCertificate] = MappingProxyType({})
    patterns: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ahead: frozenset[str] = frozenset()
    version: tuple[int, ...] = (3, 0)
    ca_files: Mapping[str, LoadedCA] = MappingProxyType({})


class Step(NamedTuple):
    """One change at run time.

    `what` it does, in words; `commands` as people see them; `sessions` that live on what is changed. `kind` and
    `subject` are for who carries it out, `payload` is never shown. A `pending_removal` one
    only ends what an earlier change began.
    """

    what: str
    commands: tuple[str, ...]
    sessions: int = 0
    kind: str = "commands"
    subject: tuple[str, ...] = ()
    payload: str = ""
    pending_removal: bool = False

    def __str__(self) -> str:
        """For people: what, and who is on it."""
        return f"{self.what} ({self.sessions} live sessions)" if self.sessions else self.what


class Plan(NamedTuple):
    """`reload` has the reasons why nothing less will do; where it is empty, `steps` bring about what is wanted.

    Where it is not, `steps` are what is left to be done after the reload.
    """

    reload: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}").fullmatch


class _ServerLine(NamedTuple):
    """A server line: what of it can change at run time, and the rest, `default-server` expanded."""

    address: str
    port: int
    weight: int
    maxconn: int
    disabled: bool
    options: tuple[str, ...]


class _Proxy(NamedTuple):
    """A section without its servers that can be changed at run time; these; why none can come or go, or nothing."""

    rest: tuple[Directive, ...]
    servers: dict[str, _ServerLine]
    fixed: str
    lines: frozenset[str]


def make_plan(present: Configuration, wanted: Configuration, files: Files, observed: Observed) -> Plan:
    """From the file that the worker has loaded (and what was done to it since) to the wanted one."""
    before, after = _read_proxies(present), _read_proxies(wanted)
    reasons = list(_differences(_compare_sections(present, before), _compare_sections(wanted, after)))
    steps: list[Step] = []
    for key, proxy in after.items():
        if key in before:
            _plan_servers(key[1], before[key], proxy, observed, reasons, steps)
    steps += _plan_certificates(files, observed)
    steps += _plan_patterns(files, observed)
    _plan_cas(files, observed, reasons, steps)
    if reasons:
        return Plan(tuple(shorten(reasons)), tuple(step for step in steps if step.kind == "tickets"))
    return Plan((), tuple(steps))


def shorten(reasons: Iterable[str]) -> list[str]:
    """As many as people read, and how many more there are."""
    every = list(reasons)
    more = len(every) - _MOST_REASONS
    return [*every[:_MOST_REASONS], f"and {more} more"] if more > 0 else every


def _differences(before: dict[str, tuple[Directive, ...]], after: dict[str, tuple[Directive, ...]]) -> Iterator[str]:
    for name in after:
        if name not in before:
            yield f"{name} is new"
    for name in before:
        if name not in after:
            yield f"{name} is gone"
    for name, lines in after.items():
        if name in before and before[name] != lines:
            yield from _compare_lines(name, before[name], lines)
    if list(before) != list(after) and set(before) == set(after):
        yield "the order of the sections is another"


def _compare_sections(
    configuration: Configuration, proxies: dict[tuple[str, str], _Proxy]
) -> dict[str, tuple[Directive, ...]]:
    """Header → lines without those that are compared with the worker."""
    found: dict[str, tuple[Directive, ...]] = {}
    for section in configuration.sections:
        proxy = proxies.get(section.key)
        lines = proxy.rest if proxy else section.directives
        if section.kind == "global" and not lines:
            continue  # made for the marker
        found[section.header] = (*found.get(section.header, ()), *lines)
    return found


def _compare_lines(name: str, before: tuple[Directive, ...], after: tuple[Directive, ...]) -> Iterator[str]:
    """Which directives of a section differ; never their values, which may be secrets."""
    old, new = [line.text for line in before], [line.text for line in after]
    known = set(old), set(new)
    said: dict[str, None] = {}
    for line in after:
        if line.text not in known[0]:
            said[f"{name}: {_subject(line)} is new or changed" + (f" ({line.yaml_path})" if line.yaml_path else "")] = (
                None
            )
    added = {_subject(line) for line in after if line.text not in known[0]}
    for line in before:
        if line.text not in known[1] and _subject(line) not in added:
            said[f"{name}: {_subject(line)} is gone"] = None
    if said:
        yield from said
    elif old != new:
        yield f"{name}: the order of its lines is another"


def _subject(line: Directive) -> str:
    """A directive's name, and of a server its own."""
    words = [line.keyword, *line.arguments[:1]] if line.keyword in _FAMILIES | {"server"} else [line.keyword]
    return f"`{' '.join(words)}`"


def _read_proxies(configuration: Configuration) -> dict[tuple[str, str], _Proxy]:
    """The backends (and listeners) by their key, defaults applied."""
    defaults: dict[str, Section] = {}
    latest: Section | None = None
    named = _named_servers(configuration)
    found: dict[tuple[str, str], _Proxy] = {}
    for section in configuration.sections:
        if section.kind == "defaults":
            latest = section
            defaults[section.name.split(" ")[0]] = section
        elif section.kind in ("backend", "listen"):
            words = section.name.split()
            source = defaults.get(words[2]) if words[1:2] == ["from"] and len(words) > 2 else latest
            found[section.key] = _read_proxy(section, source.directives if source else (), named)
    return found


def _named_servers(configuration: Configuration) -> set[str]:
    """Servers that rules choose by name: HAProxy keeps these for good."""
    return {
        line.arguments[0]
        for section in configuration.sections
        for line in section.directives
        if line.keyword == "use-server" and line.arguments
    }


def _read_proxy(section: Section, defaults: tuple[Directive, ...], named: set[str]) -> _Proxy:
    every = (*defaults, *section.directives)
    balance = next((line.arguments for line in reversed(every) if line.keyword == "balance"), ("roundrobin",))
    method = balance[0].split("(")[0] if balance else "roundrobin"
    consistent = any(line.keyword == "hash-type" and line.arguments[:1] == ("consistent",) for line in every)
    dynamic = method in _DYNAMIC or (method in _HASHING and consistent)
    fixed = "" if dynamic else f"`balance {method}` takes no servers at run time"
    general = [word for line in defaults if line.keyword == "default-server" for word in line.arguments]
    rest: list[Directive] = []
    servers: dict[str, _ServerLine] = {}
    for line in section.directives:
        if line.keyword == "default-server":
            general += line.arguments
        server = _parse_server(line, general) if line.keyword == "server" else None
        if server and line.arguments[0] not in named and line.arguments[0] not in servers:
            servers[line.arguments[0]] = server
        else:
            rest.append(line)
    lines = frozenset(line.arguments[0] for line in rest if line.keyword.startswith("server") and line.arguments)
    return _Proxy(tuple(rest), servers, fixed, lines)


def _parse_server(line: Directive, general: Iterable[str]) -> _ServerLine | None:
    """A server line that can be compared with the worker, None for one that only a reload can change."""
    if len(line.arguments) < 2:
        return None
    host, _colon, port = unquote(line.arguments[1]).rpartition(":")
    address = host
    if not _IPV4(host):  # most are, and are what they say
        try:
            address = str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return None
    if not port.isdigit():
        return None
    words = iter([*general, *line.arguments[2:]])
    options: list[str] = []
    weight, maxconn, disabled = 1, 0, False
    try:
        for word in words:
            if word in _ONLY_BY_RELOAD:
                return None
            if word == "weight":
                weight = int(next(words))
            elif word == "maxconn":
                maxconn = int(next(words))
            elif word in ("disabled", "enabled"):
                disabled = word == "disabled"
            else:
                options.append(word)
                if word in _WITH_VALUE:
                    options.append(next(words))
    except (ValueError, StopIteration):
        return None  # HAProxy will say what is wrong with it
    return _ServerLine(address, int(port), weight, maxconn, disabled, tuple(options))


def _plan_servers(
    backend: str, before: _Proxy, after: _Proxy, observed: Observed, reasons: list[str], steps: list[Step]
) -> None:
    """What brings the servers of one backend to what is wanted, appended to the reasons of a reload or to the steps."""
    for name, server in after.servers.items():
        there = observed.servers.get((backend, name))
        place = f"backend {backend}: server {name}"
        if name in before.servers and before.servers[name].options != server.options:
            reasons.append(f"{place}: its options are others, and HAProxy changes no server's checks or options")
        elif there is None and after.fixed:
            reasons.append(f"{place} is new, and {after.fixed}")
        elif there is None and observed.version < _COOKIE and "cookie" in server.options:
            reasons.append(f"{place} is new, and this HAProxy takes none with `cookie` at run time")
        elif there is None:
            steps.append(_add_server(backend, name, server))
        elif name not in before.servers:
            reasons.append(f"{place} is on its way out from an earlier change, with options of that time")
        elif after.fixed and there.weight != server.weight:
            reasons.append(f"{place}: another weight, and {after.fixed}")
        else:
            steps.extend(_adjust_server(backend, name, server, there))
    for (owner, name), there in observed.servers.items():
        if owner != backend or name in after.servers or _is_line(name, after.lines):
            continue
        if after.fixed:
            reasons.append(f"backend {backend}: server {name} is gone, and {after.fixed}")
        else:
            steps.append(_remove_server(backend, name, there, known=name in before.servers))


def _is_line(name: str, lines: frozenset[str]) -> bool:
    """Whether a server comes from a line that only a reload changes; a template's have a number after its prefix."""
    return name in lines or name.rstrip("0123456789") in lines


def _add_server(backend: str, name: str, server: _ServerLine) -> Step:
    host = f"[{server.address}]" if ":" in server.address else server.address
    place = f"{backend}/{name}"
    words = [f"add server {place} {host}:{server.port}", *server.options]
    words += [f"weight {server.weight}"] if server.weight != 1 else []
    words += [f"maxconn {server.maxconn}"] if server.maxconn else []
    commands = [" ".join(words)]
    # HAProxy adds servers in maintenance, and with their checks asleep.
    if "check" in server.options:
        commands.append(f"enable health {place}")
    if not server.disabled:
        commands.append(f"enable server {place}")
    return Step(f"server {place} is added", tuple(commands))


def _adjust_server(backend: str, name: str, server: _ServerLine, there: Server) -> Iterator[Step]:
    place, sessions = f"{backend}/{name}", there.sessions
    if "check" in server.options and not there.checked:
        yield Step(f"the health of server {place} is checked", (f"enable health {place}",), sessions)
    if (there.address, there.port) != (server.address, server.port):
        command = f"set server {place} addr {server.address} port {server.port}"
        yield Step(f"server {place} moves to {server.address} port {server.port}", (command,), sessions)
    if there.weight != server.weight:
        yield Step(
            f"server {place} gets weight {server.weight}",
            (f"set server {place} weight {server.weight}",),
            sessions,
        )
    if there.maxconn != server.maxconn:
        limit = f"maxconn {server.maxconn}" if server.maxconn else "no limit of connections"
        yield Step(f"server {place} gets {limit}", (f"set maxconn server {place} {server.maxconn}",), sessions)
    state = "maint" if server.disabled else "ready"
    if there.state != state:
        words = "into maintenance" if server.disabled else "back into service"
        yield Step(f"server {place} goes {words}", (f"set server {place} state {state}",), sessions)


def _remove_server(backend: str, name: str, there: Server, known: bool) -> Step:
    place = f"{backend}/{name}"
    commands = (f"set server {place} state drain", f"set server {place} state maint", f"del server {place}")
    what = f"server {place} is removed when it has no sessions left"
    # One that drains already was removed by an earlier run; it goes with its last session, which is no news.
    quiet = not known and there.state != "ready"
    return Step(what, commands, there.sessions, "server", (backend, name), pending_removal=quiet)


def _plan_certificates(files: Files, observed: Observed) -> Iterator[Step]:
    hidden = "<<"  # what follows is a key
    for path, found in files.certificates.items():
        there = observed.certificates.get(path)
        commands: tuple[str, ...] = (f"set ssl cert {path} {hidden}", f"commit ssl cert {path}")
        if there is None:
            # Named by the text itself, it is the text's difference; a folder's may come at run time.
            if found.crt_list:
                commands = (f"new ssl cert {path}", *commands, f"add ssl crt-list {found.crt_list} {path}")
                subject = ("add", path, found.crt_list)
                yield Step(f"certificate {path} is added", commands, 0, "certificate", subject, found.pem)
        elif not found.is_served(there) and path not in observed.ahead:
            subject = ("replace", path, found.crt_list)
            yield Step(f"certificate {path} is replaced", commands, 0, "certificate", subject, found.pem)
    for path in observed.certificates:
        folder = path.rpartition("/")[0]
        if folder in files.folders and path not in files.certificates and path not in files.reload_only:
            commands = (f"del ssl crt-list {folder} {path}", f"del ssl cert {path}")
            yield Step(f"certificate {path} is removed", commands, 0, "certificate", ("remove", path, folder))


def _plan_patterns(files: Files, observed: Observed) -> Iterator[Step]:
    for path, found in files.patterns.items():
        there = observed.patterns.get(path)
        if there is None or there == found.entries:
            continue
        commands = (
            f"prepare {found.kind} {path}",
            f"add {found.kind} @VERSION {path} ({len(found.entries)} entries)",
            f"commit {found.kind} @VERSION {path}",
        )
        yield Step(
            f"{found.kind} {path} gets its {len(found.entries)} entries in one transaction",
            commands,
            0,
            "patterns",
            (found.kind, path),
            certificate_payload(found),
        )


def _plan_cas(files: Files, observed: Observed, reasons: list[str], steps: list[Step]) -> None:
    """Whom to trust, and whom no more, appended to the reasons of a reload or to the steps."""
    fewer = False
    for path, found in files.ca_files.items():
        there = observed.ca_files.get(path)
        if there is None or found.is_served(there):
            continue
        fewer = fewer or found.takes_away(there)
        what = f"{'CA file' if found.kind == 'ca-file' else 'CRL'} {path}"
        pieces = certificates.split_pem(found.pem)
        addable = found.kind == "ca-file" and observed.version >= _IN_PIECES
        if max(map(len, pieces)) > PAYLOAD_LIMIT or (len(pieces) > 1 and not addable):
            reasons.append(f"{what} has changed, and is larger than what this HAProxy takes of it at run time")
            continue
        commands = tuple(f"del ssl crt-list {folder} {certificate}" for folder, certificate in found.shadowed)
        commands += (f"set ssl {found.kind} {path} <<", f"commit ssl {found.kind} {path}")
        steps.append(Step(f"{what} is replaced", commands, 0, "ca", (path,), found.pem))
    for path in files.tickets if fewer else ():
        # A session that is resumed was checked when it began, by who was trusted then.
        what = f"the keys of session tickets in {path} are replaced, so that nobody resumes who is trusted no longer"
        steps.append(Step(what, (f"set ssl tls-key {path} KEY",) * 3, 0, "tickets", (path,)))


def certificate_payload(patterns: PatternFile) -> str:
    """The entries as lines."""
    return "\n".join(patterns.entries)
