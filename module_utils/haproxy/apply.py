# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The change itself: checked before, written atomically, carried out, verified after, undone when it is refused.

The serving worker carries a marker of what it has loaded. The file has the same one as long as everything since was
done at run time, and another one from the moment on in which a reload is wanted: whatever interrupts a change, the
next run sees how far it has come.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import hashlib
import ipaddress
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from . import check, files, renewal, runtime, storage, tickets
from . import plan as planning
from .fragments import addresses, says_the_same
from .model import Configuration, ConfigurationError, Directive, Section
from .syntax import INDENT, parse, quote, render

# The environment variable that tells which configuration a worker has loaded (`show env`).
MARKER = "REALTIME_EDGE_CONFIGURATION"

# The line above it, where the file has comments.
_COMMENT = f"{INDENT}# marker\n"

_BANNER = "Managed by Ansible (realtime.edge). Changes made here are replaced by the next run."

# How long a HAProxy may take until its master answers, in seconds.
_START = 3.0

_TAKE_OVER = "where that process is an HAProxy which the role is to take over, allow it: haproxy_allow_restart: true"

_MARKER = re.compile(rf"(?m){MARKER} (\w{{16}})-(\w{{8}})-(\w{{8}})-(\w{{8}})$")

# How long a new worker may take from the master's answer to its first answer, in seconds.
_SETTLE = 30.0


class Target(NamedTuple):
    """Where the configuration goes and who runs it.

    `path`: the file. `binary`: the program that has to run it; `link`: the symlink that the service starts, empty where
    the service starts the binary itself. `master`: the master CLI. `state`: folder of the last known good file.
    `group`: numeric group that may read the files, -1 to leave it. `descriptors`: how many file descriptors the service
    may have, 0 where nobody has told.
    """

    path: str
    binary: str
    link: str
    master: str
    state: str
    group: int
    descriptors: int = 0

    @property
    def good(self) -> str:
        """The last configuration that a worker was seen to serve."""
        return os.path.join(self.state, "last-known-good.cfg")

    @property
    def by_hand(self) -> str:
        """What somebody else has made of the file, before it is replaced."""
        return self.path + ".by-hand"

    @property
    def rejected(self) -> str:
        """The last text that was refused, for people to look at."""
        return self.path + ".rejected"


def target(settings: dict[str, Any], path: str) -> Target:
    """Where the configuration goes, by the settings of the edge's owner."""
    try:
        group = grp.getgrnam(settings["group"]).gr_gid
    except (KeyError, ValueError):
        group = -1  # it does not exist yet
    return Target(
        path=path,
        binary=settings["binary"],
        link=settings["link"],
        master=settings["master_socket"],
        state=settings["state_directory"],
        group=group,
        descriptors=settings["file_descriptors"],
    )


class Outcome(NamedTuple):
    """What was (or in check mode would be) done: `action` is unchanged, runtime, reload or start; `reasons` say why.

    `action` is about HAProxy: it can be unchanged where a record has changed, which then is a reason too. `before` and
    `after` are the texts of the file. `warnings` are HAProxy's and ours. `checked` is false where no binary was there
    to ask. `steps` are the changes at run time; `connections` those of the serving worker, which a reload leaves with
    it; `leaving` the servers that drain until their last session ends.
    """

    action: str
    reasons: list[str]
    before: str
    after: str
    warnings: list[str]
    checked: bool
    steps: tuple[planning.Step, ...] = ()
    connections: int = 0
    leaving: tuple[str, ...] = ()
    workers: tuple[runtime.Worker, ...] = ()


class Policy(NamedTuple):
    """What a change may cost.

    `drain_time`: seconds that sessions have to end by themselves before they are shut down, None for ever. `workers`:
    how many old workers a reload may leave.
    """

    drain_time: float | None = None
    workers: int = 20


class Marker(NamedTuple):
    """What is known of a text, or of what a worker has loaded.

    `load`: the load it belongs to. `program`, `files`: what was loaded with it, beside certificates and maps. `text`:
    a hash of the text itself, which tells whether somebody else has changed it.
    """

    load: str
    program: str
    files: str
    text: str

    def __str__(self) -> str:
        """The value in the file and in the worker's environment."""
        return "-".join(self)


def marker_of(text: str) -> Marker | None:
    """The marker in a text."""
    found = _MARKER.search(text)
    return Marker(*found.groups()) if found else None


class Marked(NamedTuple):
    """A configuration with a marker in `global`, the same as text, and the marker, whose `text` is filled in."""

    configuration: Configuration
    text: str
    marker: Marker

    def of_load(self, load: str) -> Marked:
        """The same for another load."""
        marker = self.marker._replace(load=load)
        text = self.text.replace(f"{MARKER} {self.marker}", f"{MARKER} {marker}", 1)
        return Marked(_with(self.configuration, marker), text, marker)


def mark(configuration: Configuration, marker: Marker) -> Marked:
    """The configuration with this marker. Nothing else renders it: that takes most of the time of a large one."""
    draft = render(_with(configuration, marker))
    whole = marker._replace(text=_hash(unmarked(draft), 8))
    return Marked(_with(configuration, whole), draft.replace(f"{MARKER} {marker}", f"{MARKER} {whole}", 1), whole)


def _with(configuration: Configuration, marker: Marker) -> Configuration:
    line = Directive("setenv", (MARKER, str(marker)), "marker", "the role's defaults")
    head, rest = Section("global"), configuration.sections
    if rest and rest[0].kind == "global":
        head, rest = rest[0], rest[1:]
    others = tuple(other for other in head.directives if other.arguments[:1] != (MARKER,))
    # First: the section may end inside a condition (`.if`).
    marked = Section(head.kind, head.name, (line, *others), head.origin)
    return replace(configuration, sections=(marked, *rest), banner=_BANNER)


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:length]


def _program(path: str) -> str:
    """A package that was upgraded in place is another program, too."""
    try:
        status = os.stat(path)
    except OSError:
        return _hash(path, 8)
    return _hash(f"{path} {status.st_size} {status.st_mtime_ns}", 8)


def _load_of(draft: Marked, before: str, master: str) -> str:
    """What names a new load: the same for the same, unless that is what serves or stands in the file already."""
    load = _hash(draft.text, 16)
    known = before
    if master:
        with contextlib.suppress(runtime.RuntimeFailure):
            known += runtime.environment(master, MARKER)
    return _hash(f"{load}{known}", 16) if load in known else load


class _Change(NamedTuple):
    """A change that is about to be made: from the text `before` to `wanted`, in which place, by which means.

    `found`: the files that it names. `workers`: the serving one first, none where no HAProxy runs. `reasons`: why
    HAProxy has to load everything; where there is none, `steps` do. `draft` is the text that belongs to no load yet,
    `marked` the one that is to be written.
    """

    before: str
    wanted: Configuration
    found: files.Files
    target: Target
    policy: Policy
    records: tuple[tuple[str, str], ...]
    workers: tuple[runtime.Worker, ...]
    reasons: list[str]
    steps: tuple[planning.Step, ...]
    draft: Marked
    marked: Marked

    @property
    def running(self) -> bool:
        """Whether there is a HAProxy that can be changed."""
        return bool(self.workers)

    @property
    def action(self) -> str:
        """What it is for HAProxy, where it is anything."""
        return "start" if not self.running else "reload" if self.reasons else "runtime"

    @property
    def loud(self) -> tuple[planning.Step, ...]:
        """The steps that are news; the others end what an earlier change began."""
        return tuple(step for step in self.steps if not step.quiet)

    @property
    def leaving(self) -> tuple[str, ...]:
        """The servers that earlier changes have left to drain."""
        return tuple("/".join(step.subject) for step in self.steps if step.quiet)

    @property
    def is_nothing(self) -> bool:
        """Whether what is wanted is there."""
        return not self.reasons and not self.loud and self.marked.text == self.before


def apply(
    configuration: Configuration,
    target: Target,
    check_mode: bool = False,
    restart: bool = False,
    records: tuple[tuple[str, str], ...] = (),
    warnings_fatal: bool = False,
    policy: Policy = Policy(),  # noqa: B008 # a value
) -> Outcome:
    """Make this configuration the one that serves, or change nothing. For callers that have their `turn`.

    With `restart` a HAProxy that is not ours may hold the ports: it will be restarted afterwards, by the caller.
    `records` (path, text; an empty text removes the file) say where the configuration came from: they change together
    with it or not at all, and are for root alone. With `warnings_fatal` a warning of HAProxy's refuses the text.

    Raises `ConfigurationError` when the text is refused (by `haproxy -c`, by a port that another process holds, or by
    the new worker): the file on disk is then the one that serves, and the refused text lies beside it.
    """
    before = existing(target.path)
    workers = _workers(target, restart)
    if not marker_of(before) and not _misled(target) and says_the_same(before, configuration):
        # People wrote it, and it stays as it is.
        return Outcome("unchanged", record(records, check_mode), before, before, [], True)
    deaf = "" if workers else _deaf(target, restart)
    change = _planned(before, configuration, target, policy, records, workers, deaf)
    if change.is_nothing:
        return _unchanged(change, check_mode)
    warnings = _checked(change, check_mode, restart, warnings_fatal)
    if change.action == "reload":
        warnings += _room(change, check_mode)
    outcome = _foreseen(change, warnings)
    if check_mode:
        return outcome
    if change.action == "runtime":
        return _at_run_time(change, outcome)
    return _loaded(change, outcome, change.marked)


def _planned(
    before: str,
    wanted: Configuration,
    target: Target,
    policy: Policy,
    records: tuple[tuple[str, str], ...],
    workers: tuple[runtime.Worker, ...],
    deaf: str,
) -> _Change:
    """What has to be done, and why nothing less will do."""
    found, own = files.files(wanted), dict(wanted.files)
    others = tuple(sorted({*found.others, *own}))
    loaded = Marker("", _program(target.binary), files.digest(others, own), "")
    draft, present, running = mark(wanted, loaded), marker_of(before), bool(workers)
    reasons = _reasons(before, loaded, running, target, others)
    reasons += [f"{deaf}: it is started anew"] if deaf else []
    reasons += [f"{path} is not as it should be" for path, content in own.items() if existing(path) != content]
    steps: tuple[planning.Step, ...] = ()
    if running:
        plan = planning.plan(_parsed(unmarked(before)), wanted, found, observe(target.master, found))
        reasons += plan.reload if before else ()
        steps = plan.steps
    # Where nothing runs, all there is to plan is a start.
    elif before and unmarked(before) != unmarked(draft.text):
        reasons.append(f"{target.path} differs from what is wanted")
    # The same load, as long as everything is done at run time; another one from a reload on.
    master = target.master if running else ""
    load = present.load if present and not reasons else _load_of(draft, before, master)
    marked = draft.of_load(load)
    return _Change(before, wanted, found, target, policy, records, workers, reasons, steps, draft, marked)


def _checked(change: _Change, check_mode: bool, restart: bool, warnings_fatal: bool) -> list[str]:
    """HAProxy's warnings; raises `ConfigurationError` for what speaks against the change."""
    target = change.target
    if not _installed(target):
        if check_mode:
            return []
        raise ConfigurationError(f"there is no HAProxy at {target.binary} to check the configuration with")
    warnings = _examine(change.marked, target.binary)
    if warnings and warnings_fatal:
        raise ConfigurationError(warnings)
    if excess := impossible_connections(change.wanted, target.descriptors):
        raise ConfigurationError(excess)
    held = _parsed(change.before if change.running else "")
    impossible = [] if restart and not change.running else impossible_binds(change.wanted, held)
    if impossible:
        raise ConfigurationError(impossible if change.running else [*impossible, _TAKE_OVER])
    return warnings


def _installed(target: Target) -> bool:
    return os.access(target.binary, os.X_OK)


def _foreseen(change: _Change, warnings: list[str]) -> Outcome:
    """What comes of it if all goes well, which in check mode is the answer."""
    outcome = Outcome(
        change.action,
        change.reasons,
        change.before,
        change.marked.text,
        warnings,
        _installed(change.target),
        connections=sum(worker.sessions for worker in change.workers[:1]),
        workers=change.workers,
    )
    if change.action != "runtime":
        return outcome
    only = ["only the file differs: in comments, or in what the worker has already"]
    said = planning.shorten(map(str, change.loud))
    return outcome._replace(steps=change.loud, reasons=said or only, leaving=change.leaving)


def _at_run_time(change: _Change, outcome: Outcome) -> Outcome:
    """Have the worker do the steps; where it does not, a reload brings the rest."""
    try:
        return outcome._replace(leaving=_write_and_tell(change))
    except runtime.RuntimeFailure as failure:
        why = f"as it could not be done at run time: {failure}"
    try:
        outcome.warnings.extend(_room(change, check_mode=False))
    except ConfigurationError as refusal:
        said = f"done in part at run time; the rest needs a reload, {why}"
        raise ConfigurationError([said, *refusal.problems]) from None
    # What was done so far is in the file, too: the reload brings all of it.
    marked = change.draft.of_load(_hash(f"{change.marked.text}{time.time()}", 16))
    reasons = [*outcome.reasons, f"and the rest by a reload, {why}"]
    outcome = outcome._replace(action="reload", reasons=reasons, after=marked.text, leaving=())
    return _loaded(change, outcome, marked)


def _loaded(change: _Change, outcome: Outcome, marked: Marked) -> Outcome:
    """Have HAProxy load this text, by a reload where it runs; the caller starts it where it does not."""
    _load(change, marked, change.running)
    if change.running:
        outcome.warnings.extend(_after_reload(change))
    return outcome


def _workers(target: Target, restart: bool) -> tuple[runtime.Worker, ...]:
    """The workers, the serving one first; none where no HAProxy runs, or one that the caller is to restart.

    Raises `ConfigurationError` where what answers is no master of HAProxy's, or runs another file.
    """
    if not runtime.answers(target.master):
        return ()
    try:
        workers = runtime.workers(target.master, sessions=True)
        ran = runtime.environment(target.master, "HAPROXY_CFGFILES")
    except runtime.RuntimeFailure as failure:
        raise ConfigurationError(f"{failure}: is this the master CLI of HAProxy? Nothing has changed") from None
    if ran and target.path not in ran.split(";"):
        if restart:
            return ()
        raise ConfigurationError(f"the HAProxy at {target.master} runs {ran}, not {target.path}; {_TAKE_OVER}")
    return tuple(workers)


def _deaf(target: Target, restart: bool) -> str:
    """What to say of an HAProxy of ours that runs and can't be told anything; raises where it may not be restarted."""
    lost = _unreachable(target)
    if not lost:
        return ""
    said = f"HAProxy runs (process {lost}), and {target.master} does not answer"
    if not restart:
        raise ConfigurationError(
            f"{said}: it cannot be changed without a restart, which ends its connections; where that is acceptable, "
            "allow it: haproxy_allow_restart: true"
        )
    return said


def _unreachable(target: Target) -> int:
    """The process of an HAProxy that was started for this file and this socket, and has lost the socket; 0 for none."""
    limit = time.monotonic() + _START
    while pid := _process(target):
        if runtime.answers(target.master):
            return 0  # it was about to start
        if time.monotonic() > limit:
            return pid
        time.sleep(0.05)
    return 0


def _process(target: Target) -> int:
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ConfigurationError):  # it has just ended
            words = existing(f"/proc/{name}/cmdline").split("\0")
            ours = target.path in words and target.master in [word.partition(",")[0] for word in words]
            # One with a number in another namespace, too, is a container's, and none of ours.
            if ours and not re.search(r"(?m)^NSpid:\s+\d+\s+\d+", existing(f"/proc/{name}/status")):
                return int(name)
    return 0


def observe(master: str, found: files.Files) -> planning.Observed:
    """What the serving worker says of itself; nothing where it does not answer (its marker then is not told either)."""
    try:
        worker = runtime.workers(master)[0]
        pid = worker.pid
        kept = {path: runtime.patterns(master, pid, item.kind, path) for path, item in found.patterns.items()}
        certificates, ahead = {}, frozenset[str]()
        trusted = {path: runtime.authority(master, pid, item.kind, path) for path, item in found.authorities.items()}
        if found.certificates or found.folders:
            for path in runtime.certificates(master, pid):
                certificate = runtime.certificate(master, pid, path)
                if certificate:
                    certificates[path] = certificate
            ahead = frozenset(renewal.ahead(master, worker))
        return planning.Observed(
            runtime.servers(master, pid),
            certificates,
            {path: entries for path, entries in kept.items() if entries is not None},
            ahead,
            tuple(int(number) for number in re.findall(r"\d+", worker.version)[:2]),
            {path: authority for path, authority in trusted.items() if authority is not None},
        )
    except runtime.RuntimeFailure:
        return planning.Observed()


def _unchanged(change: _Change, check_mode: bool) -> Outcome:
    """Nothing to do but to end what earlier changes began: servers that have drained go, the good text is kept."""
    target = change.target
    leaving = [step.subject for step in change.steps]
    if change.running and not check_mode:
        with contextlib.suppress(runtime.RuntimeFailure, ConfigurationError):
            names = [(name[0], name[1]) for name in leaving]
            leaving = list(runtime.remove_servers(target.master, runtime.serving(target.master), names, None))
        if existing(target.good) != change.before:
            with contextlib.suppress(ConfigurationError):
                _write(target.good, change.before, target.group)
    reasons = record(change.records, check_mode)
    gone = tuple("/".join(name) for name in leaving)
    return Outcome("unchanged", reasons, change.before, change.before, [], True, leaving=gone)


def _write_and_tell(change: _Change) -> tuple[str, ...]:
    """Write the files, then bring the worker to what they say; returns the servers that still drain.

    Raises `RuntimeFailure` where the worker refuses a step, or says afterwards that it has something else.
    """
    target = change.target
    contents = _contents(change, change.marked.text)
    before = {path: (existing(path), group) for path, (_content, group) in contents.items()}
    try:
        for path, (content, group) in contents.items():
            if before[path][0] != content:
                _put(path, content, group)
    except ConfigurationError:
        for path, (content, group) in before.items():
            if existing(path) != content:
                _put(path, content, group)
        raise
    pid = runtime.serving(target.master)
    leaving = carry_out(target.master, pid, change.steps, change.found, change.policy.drain_time)
    rest = planning.plan(change.wanted, change.wanted, change.found, observe(target.master, change.found))
    missing = [*rest.reload, *(step.what for step in rest.steps if not step.quiet)]
    if missing:
        raise runtime.RuntimeFailure(f"read back after the commands, this is not so: {'; '.join(missing)}")
    _settled(change, change.marked.text)
    return leaving


def carry_out(
    master: str, pid: int, steps: tuple[planning.Step, ...], found: files.Files, drain_time: float | None
) -> tuple[str, ...]:
    """Do these steps, removals last; returns the servers that still drain. Raises `RuntimeFailure`."""
    for step in steps:
        if step.kind == "commands":
            for text in step.commands:
                runtime.command(master, pid, text)
        elif step.kind == "patterns":
            kind, path = step.subject
            runtime.replace_patterns(master, pid, kind, path, step.payload.splitlines())
        elif step.kind == "certificate":
            what, path, listed = step.subject
            if what == "add":
                runtime.add_certificate(master, pid, path, step.payload, listed)
            elif what == "replace":
                runtime.replace_certificate(master, pid, path, step.payload)
            else:
                runtime.remove_certificate(master, pid, path, listed)
        elif step.kind == "authority":
            authority = found.authorities[step.subject[0]]
            runtime.replace_authority(master, pid, authority.kind, step.subject[0], authority.pem, authority.shadowed)
        elif step.kind == "tickets":
            with _storage(step.subject[0]):
                tickets.renew(Path(step.subject[0]), master)
    removals = [(step.subject[0], step.subject[1]) for step in steps if step.kind == "server"]
    return tuple("/".join(name) for name in runtime.remove_servers(master, pid, removals, drain_time))


def _room(change: _Change, check_mode: bool) -> list[str]:
    """Keep the number of old workers below the limit; returns the warnings.

    Where the drain time allows it, the sessions of the oldest are shut down, spread over that time. Otherwise nobody's
    sessions are ours to end: the reload is refused.
    """
    old = [worker for worker in change.workers if worker.old]
    limit = change.policy.workers
    if not old or len(old) + 1 < limit * 0.8:
        return []
    oldest = max(old, key=lambda worker: worker.uptime)
    since = f"{oldest.uptime // 3600} h" if oldest.uptime >= 3600 else f"{oldest.uptime} s"
    state = f"{len(old)} old workers still serve, the oldest for {since}, with {oldest.sessions} connections"
    if len(old) < limit:
        return [f"{state}; from {limit} on, a reload is refused or ends the oldest one (haproxy_max_old_workers)"]
    if change.policy.drain_time is None:
        raise ConfigurationError(
            f"{state}, and haproxy_max_old_workers allows {limit}: allow more, or give the time after which sessions may "
            "be shut down (haproxy_drain_time)"
        )
    if not check_mode:
        runtime.end_sessions(change.target.master, oldest.pid, change.policy.drain_time)
    return [f"{state}: its sessions are shut down over {change.policy.drain_time:g} s, as haproxy_drain_time allows"]


def record(records: tuple[tuple[str, str], ...], check_mode: bool) -> list[str]:
    """Write the records that differ, without touching HAProxy; returns the reasons."""
    reasons = []
    for path, content in records:
        if existing(path) != content:
            reasons.append(f"{path} is {'recorded' if content else 'removed'}; it changes nothing for HAProxy")
            if not check_mode:
                _put(path, content, None)
    return reasons


def _reasons(before: str, loaded: Marker, running: bool, target: Target, others: tuple[str, ...]) -> list[str]:
    """Why the worker has to load everything anew, whatever the differences of the text are."""
    reasons = []
    present = marker_of(before)
    if not before:
        reasons.append(f"{target.path} does not exist yet")
    elif not present:
        reasons.append(f"{target.path} is not of our making; a copy is kept: {target.by_hand}")
    elif present.text != _hash(unmarked(before), 8):
        reasons.append(f"{target.path} was changed by hand since the last run; a copy is kept: {target.by_hand}")
    if _misled(target):
        leads = os.path.realpath(target.link) if os.path.lexists(target.link) else "nothing yet"
        reasons.append(f"{target.link} leads to {leads} instead of {target.binary}")
    if not running or not present or reasons:
        return reasons
    try:
        serving = marker_of(f"{MARKER} {runtime.environment(target.master, MARKER)}")
    except runtime.RuntimeFailure as failure:
        return [f"which configuration serves cannot be told: {failure}"]
    if not serving or serving.load != present.load:
        reasons.append("the file is right, but the serving worker has loaded another configuration")
    elif serving.program != loaded.program:
        reasons.append(f"{target.binary} is another program than the one that serves")
    elif serving.files != loaded.files:
        names = f": {', '.join(others)}" if others else ""
        reasons.append(
            f"a file has changed that only a reload can load, one of those that the configuration names{names}"
        )
    return reasons


def _misled(target: Target) -> bool:
    return bool(target.link) and os.path.realpath(target.link) != os.path.realpath(target.binary)


def _parsed(text: str) -> Configuration:
    """The configuration on disk; one that nobody can read is to be replaced, not complained about."""
    try:
        return parse(text)
    except ConfigurationError:
        return Configuration()


def unmarked(text: str) -> str:
    """The text as its contributors want it: without the line of the marker and the comment above it."""
    found = text.find(MARKER)
    if found < 0:
        return text
    begin, end = text.rfind("\n", 0, found) + 1, text.find("\n", found) + 1
    before = text[:begin]
    return before[: -len(_COMMENT)] + text[end:] if before.endswith(_COMMENT) else before + text[end:]


def _examine(marked: Marked, binary: str) -> list[str]:
    """HAProxy's warnings about the text; whatever speaks against it raises `ConfigurationError`."""
    wanted, text, _marker = marked
    with _storage("a temporary file"), tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        for number, (path, content) in enumerate(wanted.files):
            candidate = os.path.join(folder, str(number))
            _write(candidate, content, -1)
            text = text.replace(quote(path), candidate)
        candidate = os.path.join(folder, "haproxy.cfg")
        _write(candidate, text, -1)
        return [str(warning) for warning in check.check(binary, candidate, wanted)]


def impossible_connections(wanted: Configuration, descriptors: int) -> list[str]:
    """Where `maxconn` asks for more than the process gets: `haproxy -c` passes it, and a start or a reload fails.

    A connection takes two descriptors, one to each side (manual, `maxconn` and `ulimit-n`).
    """
    head = wanted.section("global")
    return [
        f"{line.origin}: {line.arguments[0]} connections need twice as many file descriptors, and the service may have "
        f"{descriptors} on this host"
        for line in (head.directives if head and descriptors else ())
        if line.keyword == "maxconn" and "".join(line.arguments).isdigit() and 2 * int(line.arguments[0]) > descriptors
    ]


def impossible_binds(wanted: Configuration, serving: Configuration) -> list[str]:
    """The TCP addresses of `wanted` that cannot be had; those that `serving` has already are left out.

    `haproxy -c` binds nothing, and a reload that fails for a port stops the listeners for seconds first. Where nobody
    else listens on a port of ours (on `:443`, which is to be `[::]:443`), the new worker takes it over.
    """
    held = {address for address, _line in addresses(serving)}
    problems = []
    for (host, port), line in addresses(wanted):
        if (host, port) in held:
            continue
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                ours = {_address(own) for own, held_port in held if held_port == port}
                if error.errno == errno.EADDRINUSE and not _listening(port) <= ours:
                    where = host or "any address"
                    problems.append(f"{line.origin}: another process already listens on port {port} ({where})")
                elif error.errno == errno.EADDRNOTAVAIL:
                    problems.append(f"{line.origin}: this host has no address {host}")
    return problems


def _address(host: str) -> str:
    """A host as the kernel's tables have it: `0.0.0.0` for any."""
    try:
        return str(ipaddress.ip_address(host or "0.0.0.0"))  # noqa: S104
    except ValueError:
        return host


def _listening(port: int) -> set[str]:
    """The addresses on which somebody listens on this TCP port; one that is none, where the kernel does not tell."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for address, number in re.findall(r"(?m)^ *\d+: (\w+):(\w{4}) \w+:\w{4} 0A ", existing(table)):
            if int(number, 16) == port:
                # Words of 32 bits, each in the order of this machine (proc(5)).
                words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
                found.add(str(ipaddress.ip_address(b"".join(words))))
    return found or {"nobody knows"}


def _contents(change: _Change, text: str) -> dict[str, tuple[str, int | None]]:
    """Path → text and the group that may read it, of all that belongs together; a record is for root alone."""
    target = change.target
    found: dict[str, tuple[str, int | None]] = {path: (content, None) for path, content in change.records}
    found.update({path: (content, target.group) for path, content in (*change.wanted.files, (target.path, text))})
    return found


def _load(change: _Change, marked: Marked, running: bool) -> None:
    target, text = change.target, marked.text
    link_before = os.readlink(target.link) if target.link and os.path.islink(target.link) else ""
    contents = _contents(change, text)
    before = {path: (existing(path), group) for path, (_content, group) in contents.items()}
    before[target.path] = (change.before, target.group)
    present = marker_of(change.before)
    try:
        if running:
            renewal.keep(target.master, target.group)
        if change.before and not (present and present.text == _hash(unmarked(change.before), 8)):
            _write(target.by_hand, change.before, target.group)
        for path, (content, group) in contents.items():
            _put(path, content, group)
        if target.link:
            _link(target.binary, target.link)
        if running:
            _reload(marked, target)
    except (ConfigurationError, OSError, runtime.RuntimeFailure) as error:
        _restore(change, before, link_before)
        problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
        with contextlib.suppress(ConfigurationError):  # a full disk has no room for it
            _write(target.rejected, text, target.group)
            problems.append(f"nothing has changed: {target.path} serves as before; the refused text: {target.rejected}")
        raise ConfigurationError(problems) from None
    if running:
        _settled(change, text)


def _after_reload(change: _Change) -> list[str]:
    """What only the worker that has loaded the files can be told; returns what it did not take."""
    # Read again: what HAProxy's own ACME client had renewed was kept before the reload.
    master, found = change.target.master, files.files(change.wanted)
    given = {path: item.pem for path, item in found.certificates.items() if item.chain}
    given.update({path: item.pem for path, item in found.authorities.items() if item.kind == "crl-file"})
    left = tuple(step for step in change.steps if step.kind == "tickets")
    try:
        pid = runtime.serving(master)
        for path, pem in given.items():
            runtime.remember(master, pid, path, pem)
        carry_out(master, pid, left, found, None)
    except (ConfigurationError, runtime.RuntimeFailure) as failure:
        return [f"the reload is done, and this is not: {failure}"]
    return []


def _settled(change: _Change, text: str) -> None:
    """It serves: this is the last known good one. Where there is no room for it, the next run keeps it."""
    with contextlib.suppress(ConfigurationError):
        _write(change.target.good, text, change.target.group)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(change.target.rejected)


def _restore(change: _Change, before: dict[str, tuple[str, int | None]], link_before: str) -> None:
    """Put back what serves: the last known good text where the worker says it runs that one, else the one before.

    Steps at run time that went before the refusal are taken back, as far as the worker does it.
    """
    target = change.target
    with contextlib.suppress(runtime.RuntimeFailure):
        serving = marker_of(f"{MARKER} {runtime.environment(target.master, MARKER)}")
        good, present = marker_of(existing(target.good)), marker_of(change.before)
        intact = present and present.text == _hash(unmarked(change.before), 8)
        if serving and good and good.load == serving.load and not (intact and present and present.load == serving.load):
            before = {**before, target.path: (existing(target.good), target.group)}
    for path, (content, group) in before.items():
        if content != existing(path):
            _put(path, content, group)
    if link_before and link_before != os.readlink(target.link):
        _link(link_before, target.link)
    with contextlib.suppress(runtime.RuntimeFailure, ConfigurationError):
        serving_text = _parsed(unmarked(existing(target.path)))
        found = files.files(serving_text)
        plan = planning.plan(serving_text, serving_text, found, observe(target.master, found))
        carry_out(target.master, runtime.serving(target.master), plan.steps, found, None)


def _reload(marked: Marked, target: Target) -> None:
    failed_before = runtime.failed_reloads(target.master)
    answer = runtime.reload(target.master)
    if answer.taken is False:
        messages = check.read(answer.log, target.path, marked.configuration)
        alerts = "; ".join(str(message) for message in messages if message.level == "ALERT")
        raise ConfigurationError(f"HAProxy refused the reload: {alerts or answer.log or 'it gave no reason'}")
    limit = time.monotonic() + _SETTLE
    problem = f"no worker has loaded it within {_SETTLE:g} s of the reload"
    while time.monotonic() < limit:
        try:
            if runtime.environment(target.master, MARKER) == str(marked.marker):
                return
            if answer.taken is None and runtime.failed_reloads(target.master) > failed_before:
                problem = "HAProxy refused the reload, and `journalctl -u haproxy` says why"
                break
        except runtime.RuntimeFailure:
            pass  # the socket changes hands
        time.sleep(0.05)
    raise ConfigurationError(f"the new configuration does not serve: {problem}")


@contextlib.contextmanager
def turn(path: str) -> Iterator[None]:
    """One change of this file at a time on this host, from reading what contributors asked for on; others wait."""
    folder = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
    name = os.path.join(folder, f"realtime-edge-{hashlib.sha256(path.encode()).hexdigest()[:12]}.lock")
    with _storage(name):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage(what: str) -> Iterator[None]:
    """Turns a full or read-only disk into words."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be written: {error.strerror or error}; nothing has changed") from None


def existing(path: str) -> str:
    """The file's text, empty where there is none; raises `ConfigurationError` where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _put(path: str, text: str, group: int | None) -> None:
    """Write the file, or remove it where it is to be empty."""
    if text:
        _write(path, text, group)
    else:
        with _storage(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _write(path: str, text: str, group: int | None) -> None:
    """The whole text or nothing; readable by root and the group (None: nobody but root, the folder is made)."""
    with _storage(path):
        if group is None:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        storage.write(path, text, 0o600 if group is None else 0o640, -1 if group is None else group)


def _link(destination: str, link: str) -> None:
    temporary = f"{link}.{os.getpid()}"
    with _storage(link):
        os.symlink(destination, temporary)
        os.replace(temporary, link)
