# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan a change without I/O: none, commands of the Runtime API, or a reload with its reasons.

Servers (address, weight, state, maxconn) and the contents of certificates, maps and ACL files are compared with the
worker's state; everything else with the file that it has loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..certificates.pem import parse_certificate, split_blocks
from ..config.model import Configuration, Directive, Section, split_name
from ..config.syntax import DRAINING
from ..runtime import certificates
from ..runtime.certificates import LoadedCA, LoadedCertificate
from ..runtime.cli import escape
from ..runtime.files import Files
from ..runtime.maps import PAYLOAD_LIMIT
from ..runtime.servers import Server
from ..services import canary, common
from .proxies import Proxy, ServerLine, paths_of_checks, read_proxies, without, without_unused

# The first version whose `add server` accepts a cookie: 3.0 does, 2.6 refuses.
_COOKIE = (3, 0)

# The first version that takes a CA file longer than one payload in pieces (`add ssl ca-file`).
_IN_PIECES = (2, 7)

# Keywords whose first argument is part of their name.
_FAMILIES = frozenset(
    (
        "http-after-response http-check http-request http-response option stats tcp-check tcp-request tcp-response "
        "timeout"
    ).split()
)

_MOST_REASONS = 20

# The servers of one backend, by name.
_Servers = Mapping[str, Server]


class Observed(NamedTuple):
    """Hold the state of the serving worker, by (backend, server) and by path of a certificate, map or CA file.

    `backends`: the names of its backends, if it can make and delete some; else empty. `ahead`: paths of certificates
    that HAProxy's own ACME client has renewed, and that are not on the disk yet. `version`: the worker's, major and
    minor.
    """

    servers: Mapping[tuple[str, str], Server] = MappingProxyType({})
    certificates: Mapping[str, LoadedCertificate] = MappingProxyType({})
    patterns: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ahead: frozenset[str] = frozenset()
    version: tuple[int, ...] = (3, 0)
    ca_files: Mapping[str, LoadedCA] = MappingProxyType({})
    backends: frozenset[str] = frozenset()

    def servers_by_backend(self) -> dict[str, dict[str, Server]]:
        """Return the servers of each backend, in the order of the process."""
        found: dict[str, dict[str, Server]] = {}
        for (backend, name), server in self.servers.items():
            found.setdefault(backend, {})[name] = server
        return found


class Step(NamedTuple):
    """Describe one change through the Runtime API.

    `what` says what changes, for people; `commands` are shown, too; `sessions` are live on the changed part. `kind` and
    `subject` are for the code that carries it out, `payload` is never shown. A step with `pending_removal` only
    completes a removal that an earlier change began.
    """

    what: str
    commands: tuple[str, ...]
    sessions: int = 0
    kind: str = "commands"
    subject: tuple[str, ...] = ()
    payload: str = ""
    pending_removal: bool = False

    def __str__(self) -> str:
        """Return what changes and how many live sessions it affects."""
        return f"{self.what} ({self.sessions} live sessions)" if self.sessions else self.what


class Plan(NamedTuple):
    """Hold the reasons for a reload, or the steps that suffice without one.

    If there are reasons in `reload`, `steps` are to be done after it.
    """

    reload: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


def make_plan(present: Configuration, wanted: Configuration, files: Files, observed: Observed) -> Plan:
    """Plan the change from the file that the worker has loaded, and its state since, to the wanted configuration."""
    before, after = read_proxies(present), read_proxies(wanted)
    gone = {key for key, proxy in before.items() if key not in after and _can_be_left(key, proxy)}
    new = [
        section for section in wanted.sections if section.key not in before and _can_be_added(section, after, observed)
    ]
    reasons = list(
        _differences(
            _compare_sections(without_unused(present, wanted, gone), before),
            _compare_sections(without(wanted, {section.key for section in new}), after),
        )
    )
    patterns = list(_plan_patterns(files, observed))
    # A check of a new backend asks for what its map says.
    early = paths_of_checks(wanted) if new else frozenset()
    steps = [step for step in patterns if step.subject[1] in early]
    steps += [_add_backend(section, after[section.key]) for section in new]
    live = observed.servers_by_backend()
    for key, proxy in after.items():
        if key in before:
            found = live.get(key[1], {})
            _plan_servers(key[1], before[key], proxy, found, observed.version, reasons, steps)
    known = {key[1] for key in (*before, *after) if key not in gone}
    for backend, there in live.items():
        if backend not in known:
            left = ("backend", backend) in gone
            steps += [_remove_server(backend, name, server, known=left) for name, server in there.items()]
    reasons.extend(_compare_default_certificates(files, observed))
    certificate_steps = list(_plan_certificates(files, observed))
    reasons.extend(_compare_names(files, certificate_steps))
    steps += certificate_steps
    steps += [step for step in patterns if step.subject[1] not in early]
    steps += _plan_canaries(files, observed, _name_of_edge(wanted))
    names = {name for _kind, name in after}
    steps += [_remove_backend(name, ("backend", name) in before) for name in sorted(observed.backends - names)]
    _plan_cas(files, observed, reasons, steps)
    if reasons:
        # A reload does everything else, but who loses a server has to be told.
        leaving = (step for step in steps if step.kind in ("drain", "server"))
        told = [str(step) for step in leaving if step.sessions or not step.pending_removal]
        told += _lost_backends(before, after, live)
        return Plan((*shorten(reasons), *shorten(told)), tuple(step for step in steps if step.kind == "tickets"))
    return Plan((), tuple(steps))


def _name_of_edge(configuration: Configuration) -> str:
    """Return the name of the edge in the tables that edges share; empty if there are none."""
    lines = (line for section in configuration.sections if section.kind == "global" for line in section.directives)
    return next((line.arguments[0] for line in lines if line.keyword == "localpeer" and line.arguments), "")


def _lost_backends(
    before: Mapping[tuple[str, str], Proxy], after: Mapping[tuple[str, str], Proxy], live: Mapping[str, _Servers]
) -> Iterator[str]:
    """Yield the backends that take sessions along: no request finds its way to them after the reload."""
    for key in before.keys() - after.keys():
        sessions = sum(server.sessions for server in live.get(key[1], {}).values())
        if sessions:
            yield f"{key[0]} {key[1]} goes with all its servers: polling sessions end there ({sessions} live sessions)"


def _can_be_left(key: tuple[str, str], proxy: Proxy) -> bool:
    """Return whether a backend that is gone can stay in the worker until its next load, without servers.

    Nothing leads there any more: the wanted configuration is valid without it.
    """
    return key[0] == "backend" and not proxy.fixed and not proxy.lines


def _can_be_added(section: Section, after: Mapping[tuple[str, str], Proxy], observed: Observed) -> bool:
    """Return whether the worker can make this backend: its lines are those of a named `defaults`, and servers.

    Where that `defaults` is new or has changed too, the comparison of the files finds it.
    """
    proxy = after.get(section.key)
    if proxy is None or section.kind != "backend" or not observed.backends or section.key[1] in observed.backends:
        return False
    # 3.4 puts the first of a new backend's servers last: which backup server comes first would not be the file's.
    return bool(split_name(section)[1]) and not (proxy.rest or proxy.fixed or proxy.lines or proxy.backups)


def _add_backend(section: Section, proxy: Proxy) -> Step:
    """Return the step that makes a backend with its servers; requests reach it once it is published."""
    name, parent = split_name(section)
    servers = [
        command for server in proxy.servers for command in _add_server(name, server, proxy.servers[server]).commands
    ]
    commands = (f"add backend {name} from {parent}", *servers, f"publish backend {name}")
    return Step(f"backend {name} is added, with {len(proxy.servers)} servers", commands)


def _remove_backend(name: str, known: bool) -> Step:
    """Return the step that deletes a backend after its servers; `known`: the file that is loaded has it."""
    commands = (f"unpublish backend {name}", f"del backend {name}")
    return Step(f"backend {name} is removed", commands, 0, "backend", (name,), pending_removal=not known)


def shorten(reasons: Iterable[str]) -> list[str]:
    """Return the first reasons, and how many more there are."""
    every = list(reasons)
    more = len(every) - _MOST_REASONS
    return [*every[:_MOST_REASONS], f"and {more} more"] if more > 0 else every


def _differences(before: dict[str, tuple[Directive, ...]], after: dict[str, tuple[Directive, ...]]) -> Iterator[str]:
    """Yield the differences between two files, section by section."""
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
        yield "the order of the sections has changed"


def _compare_sections(
    configuration: Configuration, proxies: dict[tuple[str, str], Proxy]
) -> dict[str, tuple[Directive, ...]]:
    """Return header → lines, without those that are compared with the worker."""
    found: dict[str, tuple[Directive, ...]] = {}
    for section in configuration.sections:
        proxy = proxies.get(section.key)
        lines = proxy.rest if proxy else section.directives
        if section.kind == "global" and not lines:
            continue  # only the marker was in it
        found[section.header] = (*found.get(section.header, ()), *lines)
    return found


def _compare_lines(name: str, before: tuple[Directive, ...], after: tuple[Directive, ...]) -> Iterator[str]:
    """Yield which directives of a section differ; never their values, which may be secrets."""
    new = [line.text for line in after]
    # A table that is gone stays in the worker until its next load, unused.
    old = [
        line.text for line in before if not (name.startswith("peers ") and line.keyword == "table") or line.text in new
    ]
    changed = [line for line in after if line.text not in set(old)]
    subjects = {_subject(line) for line in changed}
    gone = [
        line for line in before if line.text in old and line.text not in set(new) and _subject(line) not in subjects
    ]
    reasons = [
        f"{name}: {_subject(line)} is new or changed" + (f" ({line.yaml_path})" if line.yaml_path else "")
        for line in changed
    ]
    reasons += [f"{name}: {_subject(line)} is gone" for line in gone]
    if reasons:
        yield from dict.fromkeys(reasons)
    elif old != new:
        yield f"{name}: the order of its lines has changed"


def _subject(line: Directive) -> str:
    """Return a directive's name; for a server with the server's name."""
    words = [line.keyword, *line.arguments[:1]] if line.keyword in _FAMILIES | {"server"} else [line.keyword]
    return f"`{' '.join(words)}`"


def _plan_servers(
    backend: str,
    before: Proxy,
    after: Proxy,
    live: _Servers,
    version: tuple[int, ...],
    reasons: list[str],
    steps: list[Step],
) -> None:
    """Plan the servers of one backend, which has those in `live` now: append reasons for a reload, or steps."""
    for name, server in after.servers.items():
        there = live.get(name)
        if there is None:
            reason = _why_not_added(before, after, name, version)
        elif name not in before.servers:
            reason = " is in the process, but not in the file: re-adding it needs a reload"
        elif before.servers[name].options != server.options:
            reason = ": its options have changed, which HAProxy takes by a reload only"
        elif after.fixed and there.weight != server.weight:
            reason = f": its weight has changed, and {after.fixed}"
        else:
            reason = ""
        if reason:
            reasons.append(f"backend {backend}: server {name}{reason}")
        elif there is None:
            steps.append(_add_server(backend, name, server))
        elif _drains(after, name):
            steps.extend(_drain_server(backend, name, there))
        else:
            steps.extend(_adjust_server(backend, name, _as_balanced(before, after, name, there), there))
    for name, there in live.items():
        if name in after.servers or _is_line(name, after.lines):
            continue
        if after.fixed:
            reasons.append(f"backend {backend}: server {name} is gone, and {after.fixed}")
        else:
            steps.append(_remove_server(backend, name, there, known=name in before.servers))
    reasons.extend(f"backend {backend}: {reason}" for reason in _compare_order(before, after, live, version))


def _why_not_added(before: Proxy, after: Proxy, name: str, version: tuple[int, ...]) -> str:
    """Return why a server that the worker does not have cannot be added without a reload; empty if it can."""
    if name in before.servers and before.servers[name].options != after.servers[name].options:
        return ": its options have changed, which HAProxy takes by a reload only"
    if after.fixed:
        return f" is new, and {after.fixed}"
    if version < _COOKIE and "cookie" in after.servers[name].options:
        return " is new, and this HAProxy version needs a reload to add one with `cookie`"
    return ""


def _drains(proxy: Proxy, name: str) -> bool:
    return proxy.written[name].purpose == DRAINING


def _compare_order(before: Proxy, after: Proxy, live: _Servers, version: tuple[int, ...]) -> Iterator[str]:
    """Yield why the worker would choose other servers than a process that starts with the file, where order matters."""
    old, new = ([name for name in proxy.servers if not _drains(proxy, name)] for proxy in (before, after))
    if after.fixed and [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"the order of its servers has changed, and {after.fixed}"
    order = [*live, *(name for name in new if name not in live)]
    backups = [name for name in after.backups if not _drains(after, name)]
    # Where a new server stands in a backend that was made at run time (3.4 puts it first) is not known.
    unknown = version >= common.SINCE and backups[1:]
    if before.backups != after.backups and (unknown or [name for name in order if name in backups] != backups):
        yield "the order of its `backup` servers has changed, and only a reload changes it"
    if after.by_id and {name: before.ids[name] for name in old} != {name: after.ids[name] for name in new}:
        ids = {name: server.number for name, server in live.items()}
        for name in new:
            stated = after.ids[name] if "id" in after.servers[name].options else 0
            ids.setdefault(name, stated or min(set(range(1, len(ids) + 2)) - set(ids.values())))
        if other := [name for name in new if ids[name] != after.ids[name]]:
            yield f"{after.by_id}, and without a reload server {other[0]} would have another one than the file gives it"


def _is_line(name: str, lines: frozenset[str]) -> bool:
    """Return whether a server comes from a line that only a reload changes; a template adds a number to its prefix."""
    return name in lines or name.rstrip("0123456789") in lines


def _add_server(backend: str, name: str, server: ServerLine) -> Step:
    """Return the step that adds a server with its options spelled out."""
    host = f"[{server.address}]" if ":" in server.address else server.address
    place = f"{backend}/{name}"
    words = [f"add server {place} {host}:{server.port}", *map(escape, server.options)]
    words += [f"weight {server.weight}"] if server.weight != 1 else []
    words += [f"maxconn {server.maxconn}"] if server.maxconn else []
    commands = [" ".join(words)]
    # HAProxy adds servers in maintenance, with their checks disabled.
    if "check" in server.options:
        commands.append(f"enable health {place}")
    if not server.disabled:
        commands.append(f"enable server {place}")
    return Step(f"server {place} is added", tuple(commands))


def _as_balanced(before: Proxy, after: Proxy, name: str, there: Server) -> ServerLine:
    """Return the wanted values of a server, with what the service beside HAProxy has made of its weight and limit."""
    server = after.servers[name]
    if after.live_weights and there.weight and server.weight == before.servers[name].weight != 0:
        server = server._replace(weight=there.weight)
    if server.maxconn == after.live_limit and 0 < there.maxconn < after.live_limit:
        server = server._replace(maxconn=there.maxconn)
    return server


def _adjust_server(backend: str, name: str, server: ServerLine, there: Server) -> Iterator[Step]:
    """Yield the steps that change a server of the worker to the wanted values."""
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
        limit = f"maxconn {server.maxconn}" if server.maxconn else "no connection limit"
        yield Step(f"server {place} gets {limit}", (f"set maxconn server {place} {server.maxconn}",), sessions)
    state = "maint" if server.disabled else "ready"
    if there.state != state:
        words = "into maintenance" if server.disabled else "back into service"
        yield Step(f"server {place} goes {words}", (f"set server {place} state {state}",), sessions)


def _drain_server(backend: str, name: str, there: Server) -> Iterator[Step]:
    """Yield the step after which a removed server gets no new clients; its line stays in the file."""
    if there.weight:
        what = f"server {backend}/{name} is removed: it gets no new clients, and stays until its last session ends"
        yield Step(what, (f"set server {backend}/{name} weight 0",), there.sessions, "drain", (backend, name))


def _remove_server(backend: str, name: str, there: Server, known: bool) -> Step:
    """Return the step that drains and removes a server; `known`: the file that is loaded has it."""
    place = f"{backend}/{name}"
    commands = (f"set server {place} weight 0", f"set server {place} state maint", f"del server {place}")
    what = f"server {place} is removed when it has no sessions left"
    # One that is not in the file, and gets no clients, was removed by an earlier run; its end is no change of this one.
    pending = not known and not (there.weight and there.state == "ready")
    return Step(what, commands, there.sessions, "server", (backend, name), pending_removal=pending)


def _plan_certificates(files: Files, observed: Observed) -> Iterator[Step]:
    """Yield the steps that add, replace and remove certificates."""
    for path, found in files.certificates.items():
        there = observed.certificates.get(path)
        if there and not there.used and found.crt_list:
            there = None  # an addition that was interrupted
        # The payload, which holds a key, is not shown.
        commands: tuple[str, ...] = (f"set ssl cert {path} <<", f"commit ssl cert {path}")
        if there is None:
            # A new file that the text names is a difference of the text; one of a folder or crt-list can be added.
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


def _entries(some: tuple[str, ...], others: tuple[str, ...], word: str) -> str:
    """Return how many entries are only in the first, and the first few of them: `1 more (www.example.com/)`."""
    known = set(others)
    names = [entry.split(" ", 1)[0] for entry in dict.fromkeys(some) if entry not in known]
    few = ", ".join([*names[:3], *(["..."] if names[3:] else [])])
    return f"{len(names)} {word} ({few})" if names else f"0 {word}"


def _compare_default_certificates(files: Files, observed: Observed) -> Iterator[str]:
    """Yield the folders whose first certificate is another one now: HAProxy neither deletes nor changes a default."""
    served = [path for path, certificate in observed.certificates.items() if certificate.used]
    for folder in files.default_folders:
        before, after = (
            min((path for path in paths if path.rpartition("/")[0] == folder.rstrip("/")), default="")
            for paths in (served, files.certificates)
        )
        if before and before != after:
            yield f"{after or 'none'} is the default certificate now, instead of {before}"


def _compare_names(files: Files, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the certificates that share a name with another one: HAProxy answers with the first in its list, and puts
    one that is added or replaced at run time last (seen on 2.6.12 and 3.0.11)."""
    changed = [step.subject[1] for step in steps if step.subject[0] != "remove"]
    names = {path: _read_names(found.pem) for path, found in files.certificates.items()} if changed else {}
    for path in changed:
        own = files.certificates[path].fingerprint
        for other, found in files.certificates.items():
            if other != path and found.fingerprint != own and names[path] & names[other]:
                yield f"certificate {path} has changed and shares a name with {other}: a reload keeps their order"
                break


def _read_names(pem: str) -> frozenset[tuple[str, bool]]:
    """Return the names of a certificate, each with its kind of key: HAProxy may have one certificate of each kind."""
    try:
        block = next((content for kind, content in split_blocks(pem) if kind == "CERTIFICATE"), b"")
        certificate = parse_certificate(block)
    except ValueError:
        return frozenset()
    return frozenset((name.lower(), certificate.rsa) for name in certificate.names)


def _plan_patterns(files: Files, observed: Observed) -> Iterator[Step]:
    """Yield the steps that replace the entries of maps and ACL files."""
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
            f"{found.kind} {path}: {_entries(found.entries, there, 'more')}, {_entries(there, found.entries, 'less')}",
            commands,
            0,
            "patterns",
            (found.kind, path),
            "\n".join(found.entries),
        )


def _plan_canaries(files: Files, observed: Observed, edge: str) -> Iterator[Step]:
    """Yield the steps by which canaries whose share was set anew are no longer withdrawn by `edge`, which is this."""
    for path, found in files.patterns.items():
        there = observed.patterns.get(path)
        if there is None or not path.endswith(f"/{canary.MAP}"):
            continue
        before = canary.shares(there)
        for service, share in canary.shares(found.entries).items():
            if before.get(service) != share:
                what = f"the canary of {service} gets {share} % of its new sessions"
                yield Step(what, (canary.reset(edge, service),))


def _plan_cas(files: Files, observed: Observed, reasons: list[str], steps: list[Step]) -> None:
    """Plan the CA files and CRLs: append reasons for a reload, or steps.

    A resumed session is not checked again. So if a client loses its trust, all ticket keys are replaced.
    """
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
            reasons.append(f"{what} has changed, and this HAProxy version needs a reload for one of its size")
            continue
        commands = tuple(f"del ssl crt-list {folder} {certificate}" for folder, certificate in found.shadowed)
        commands += (f"set ssl {found.kind} {path} <<", f"commit ssl {found.kind} {path}")
        steps.append(Step(f"{what} is replaced", commands, 0, "ca", (path,), found.pem))
    for path in files.tickets if fewer else ():
        what = f"the session ticket keys in {path} are replaced, so that clients no longer trusted cannot resume"
        steps.append(Step(what, (f"set ssl tls-key {path} KEY",) * 3, 0, "tickets", (path,)))
