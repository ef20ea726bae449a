# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a change: check it, write it atomically, carry it out, verify it, and undo it if it is refused."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from ..binary import check
from ..certificates import acme_client
from ..config.merge import in_order_of, says_the_same
from ..config.model import Configuration, ConfigurationError
from ..config.syntax import parse
from ..runtime import certificates, cli, closing, files, servers
from ..runtime.cli import RuntimeFailure, Worker
from ..runtime.files import Files
from ..runtime.servers import Name, Server
from ..services import acme
from .disk import Target, put_file, read_text, switch_link, symlink_differs, write_file, write_records
from .draining import find_removed, keep_servers
from .marker import MARKER, Marked, Marker, binary_identity, find_marker, mark, short_hash, without_marker
from .plan import Step, make_plan, shorten
from .preflight import impossible_binds, impossible_connections, lost_tables, run_haproxy_check
from .proxies import read_proxies
from .takeover import Foreign, check_take_over, find_foreign
from .worker import (
    carry_out,
    dead_socket_reason,
    other_binary_reason,
    processes_of,
    read_worker_state,
    read_workers,
)

# The most seconds from the master's answer to a reload to the first answer of the new worker.
_RELOAD_TIMEOUT = 30.0


class OutcomeUnknown(ConfigurationError):
    """HAProxy still loads the new configuration; what has been written stays."""


class Outcome(NamedTuple):
    """Report a change that was (in check mode: would be) made.

    `action` is unchanged, runtime, reload or start; `reasons` say why. It is about HAProxy: it can be unchanged while a
    record has changed, which then is a reason too. `before` and `after` are the texts of the file. `warnings` are
    HAProxy's and ours. `checked` is false if there was no binary to check with. `steps` are the changes without a
    reload; `connections` those of the serving worker, which keeps them after a reload; `draining` the servers that
    drain until their last session ends. `replaced` is the HAProxy of the service that is not ours: the caller restarts
    the service.
    """

    action: str
    reasons: list[str]
    before: str
    after: str
    warnings: list[str]
    checked: bool
    steps: tuple[Step, ...] = ()
    connections: int = 0
    draining: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    replaced: Foreign | None = None


class ApplyOptions(NamedTuple):
    """Say how a change is made, and at what cost.

    With `restart` the caller may restart an HAProxy that cannot be reloaded, which ends its connections. With
    `warnings_fatal` a warning of HAProxy refuses the text. `drain_time`: seconds after which remaining sessions are
    closed, None for never; `drain_rate`: how many a second at most. `max_old_workers`: how many old workers a reload
    may leave. `foreseen`: path → text of files that are written before this is applied, for check mode.
    """

    check_mode: bool = False
    restart: bool = False
    warnings_fatal: bool = False
    drain_time: float | None = None
    drain_rate: float = 20.0
    max_old_workers: int = 20
    foreseen: Mapping[str, str] | None = None

    @property
    def drain_policy(self) -> servers.DrainPolicy:
        """Return when and how fast sessions may be closed."""
        return servers.DrainPolicy(self.drain_time, self.drain_rate)


def _name_load(draft: Marked, before: str, master: str) -> str:
    """Return a name for a new load: derived from the text, but never one that is in the file or serves already."""
    load = short_hash(draft.text, 16)
    known = before
    if master:
        with contextlib.suppress(RuntimeFailure):
            known += cli.read_environment(master, MARKER)
    return short_hash(f"{load}{known}", 16) if load in known else load


class _Removals(NamedTuple):
    """Hold the servers that leave. `present` is the configuration with their lines, `plain` the one without any.

    `kept` have sessions and stay for now; `leaving` go within this change; those in `fixed` only a reload can delete.
    """

    present: Configuration
    plain: Configuration
    kept: tuple[Name, ...] = ()
    leaving: tuple[Name, ...] = ()
    fixed: tuple[Name, ...] = ()

    @property
    def names(self) -> tuple[Name, ...]:
        """Return all servers that leave."""
        return (*self.kept, *self.leaving)

    def with_lines(self, names: Iterable[Name]) -> Configuration:
        """Return the wanted configuration with the lines of these servers."""
        return keep_servers(self.present, self.plain, names)

    def draft(self, marked: Marked) -> Marked:
        """Return the text of the same load with the lines of all servers that the Runtime API can still delete."""
        names = (*self.kept, *(name for name in self.leaving if name not in self.fixed))
        return mark(self.with_lines(names), marked.marker)


class _Change(NamedTuple):
    """Describe a change that is about to be made, from the text `before` to `wanted`.

    `wanted` has the servers that stay because they have sessions, `draft` those too that leave within the change: with
    their lines, nothing that interrupts it loses a session. `found`: the files that `wanted` names. `workers`: the
    serving one first, none if no HAProxy runs. `reasons`: why a reload is needed; without any, `steps` suffice. `load`
    names the load of the texts. `marked` is the text in the end.
    """

    before: str
    wanted: Configuration
    found: Files
    target: Target
    options: ApplyOptions
    records: tuple[tuple[str, str], ...]
    workers: tuple[Worker, ...]
    reasons: list[str]
    steps: tuple[Step, ...]
    removals: _Removals
    draft: Marked
    marked: Marked
    replaced: Foreign | None = None

    @property
    def running(self) -> bool:
        """Return whether there is an HAProxy that can be changed."""
        return bool(self.workers)

    @property
    def action(self) -> str:
        """Return what the change means for HAProxy, unless it is nothing."""
        return "start" if not self.running else "reload" if self.reasons else "runtime"

    @property
    def new_steps(self) -> tuple[Step, ...]:
        """Return the steps of this change; the others complete removals that an earlier change began."""
        return tuple(step for step in self.steps if not step.pending_removal)

    @property
    def draining(self) -> tuple[str, ...]:
        """Return the servers that drain afterwards, as far as that can be foreseen."""
        pending = ("/".join(step.subject) for step in self.steps if step.pending_removal and step.kind == "server")
        return (*map("/".join, self.removals.kept), *pending)

    @property
    def is_nothing(self) -> bool:
        """Return whether there is nothing to change."""
        in_place = all(read_text(path) == content for path, content in self.wanted.files)
        return not self.reasons and not self.new_steps and self.marked.text == self.before and in_place


def apply(
    configuration: Configuration,
    target: Target,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008 # a value
    records: tuple[tuple[str, str], ...] = (),
) -> Outcome:
    """Make this configuration the one that serves, or change nothing. The caller holds the `exclusive_lock`.

    `records` (path, text; an empty text removes the file) hold the parts that the configuration was made from: they
    change together with it or not at all, and only root can read them.

    Raises `ConfigurationError` if the text is refused (by `haproxy -c`, for a port that another process holds, or by
    the new worker): the file on disk is then the one that serves, and the refused text is kept beside it.
    """
    before = read_text(target.path)
    workers = read_workers(target, options.restart)
    foreign = None if workers else find_foreign(target)
    if not (foreign or find_marker(before) or symlink_differs(target)) and says_the_same(before, configuration):
        # A file written by hand that says the same stays as it is.
        reasons = write_records(records, options.check_mode)
        return Outcome("unchanged", reasons, before, before, [], True, workers=workers)
    restart_reason = check_take_over(foreign, options.restart) if foreign else ""
    if not workers and not foreign and (dead_socket := dead_socket_reason(target, options.restart)):
        restart_reason = f"{dead_socket}: it is restarted"
    make = partial(_make_change, before, configuration, target, options, records, workers, restart_reason, foreign)
    change = make()
    if change.is_nothing:
        return _finish_unchanged(change)
    if change.action == "reload" and (other := other_binary_reason(target, workers, options.restart)):
        make = partial(_make_change, before, configuration, target, options, records, (), other)
        change = make()
    change, warnings = _check_change(change, make)
    if change.action == "reload":
        warnings += _enforce_old_worker_limit(change)
    outcome = _predict_outcome(change, warnings)
    if options.check_mode:
        return outcome
    if change.action == "runtime":
        return _apply_at_run_time(change, outcome)
    return _apply_by_reload(change, outcome, change.draft)


def _check_change(change: _Change, make: Callable[..., _Change]) -> tuple[_Change, list[str]]:
    """Run the preflight. If HAProxy refuses the lines of servers that leave, return the change that drops them."""
    try:
        return change, _run_preflight(change)
    except ConfigurationError:
        if not change.removals.names:
            raise
    names = ", ".join(map("/".join, change.removals.names))
    change = make(keep=False)
    warnings = _run_preflight(change)
    return change, [*warnings, f"{names}: HAProxy refuses to keep them in the file; polling sessions on them may end"]


def _make_change(
    before: str,
    wanted: Configuration,
    target: Target,
    options: ApplyOptions,
    records: tuple[tuple[str, str], ...],
    workers: tuple[Worker, ...],
    restart_reason: str,
    replaced: Foreign | None = None,
    keep: bool = True,
) -> _Change:
    """Work out what has to be done, and why nothing less suffices."""
    present = _parse_or_empty(without_marker(before))
    if find_marker(before):
        wanted = in_order_of(present, wanted)
    found = files.find_files(wanted)
    own = {path: content for path, content in wanted.files if path not in found.patterns}
    others = tuple(sorted({*found.reload_only, *own}))
    loaded = Marker("", binary_identity(target.binary), files.digest_files(others, own), "")
    running, master = bool(workers), target.master if workers else ""
    reasons = _reload_reasons(before, loaded, running, target, others)
    reasons += [restart_reason] if restart_reason else []
    reasons += [f"{path} is missing or has been changed" for path, content in own.items() if read_text(path) != content]
    steps: tuple[Step, ...] = ()
    removals = _Removals(present, wanted)
    if running:
        observed = read_worker_state(target.master, found)
        removals = _sort_removals(removals, observed.servers, target, options) if keep else removals
        wanted = removals.with_lines(removals.kept)
        plan = make_plan(removals.present, wanted, found, observed)
        reasons += plan.reload if before else ()
        steps = plan.steps
    marked = mark(wanted, loaded)
    # Without a running HAProxy, the only change is a start.
    if not running and before and without_marker(before) != without_marker(marked.text):
        reasons.append(f"{target.path} differs from the wanted configuration")
    # A change without a reload keeps the load; a reload gets a new one.
    load_before = find_marker(before)
    load = load_before.load if load_before and not reasons else _name_load(marked, before, master)
    marked = marked.of_load(load)
    draft = removals.draft(marked) if removals.leaving else marked
    return _Change(
        before, wanted, found, target, options, records, workers, reasons, steps, removals, draft, marked, replaced
    )


def _sort_removals(
    removals: _Removals, observed: Mapping[Name, Server], target: Target, options: ApplyOptions
) -> _Removals:
    """Find the servers that leave, and who of them has sessions; this takes half a second if there are any."""
    names = find_removed(removals.present, removals.plain, observed)
    if not names:
        return removals
    busy: set[Name] = set(names)
    with contextlib.suppress(RuntimeFailure):
        busy = servers.find_busy(target.master, names)
    before, after = read_proxies(removals.present), read_proxies(removals.plain)
    deletable = {
        (key[1], name)
        for key, proxy in before.items()
        if key in after and not after[key].fixed
        for name in proxy.servers
    }
    kept = tuple(name for name in names if name in busy and (options.drain_time is None or name not in deletable))
    leaving = tuple(name for name in names if name not in kept)
    fixed = tuple(name for name in names if name not in deletable)
    return removals._replace(kept=kept, leaving=leaving, fixed=fixed)


def _run_preflight(change: _Change) -> list[str]:
    """Return HAProxy's warnings. Raise `ConfigurationError` if the change cannot work."""
    target, options = change.target, change.options
    warnings: list[str] = []
    if _is_installed(target):
        warnings = run_haproxy_check(change.draft, target, options.foreseen)
    elif not options.check_mode:
        raise ConfigurationError(f"there is no HAProxy at {target.binary} to check the configuration with")
    if warnings and options.warnings_fatal:
        raise ConfigurationError(warnings)
    if excess := impossible_connections(change.wanted, target.descriptors):
        raise ConfigurationError(excess)
    held = change.removals.present if change.running else Configuration()
    if impossible := impossible_binds(change.wanted, held, _ending_processes(change)):
        raise ConfigurationError(impossible)
    return [*warnings, *lost_tables(change.wanted, held)]


def _ending_processes(change: _Change) -> frozenset[int]:
    """Return the processes that the restart after this change ends: their ports become free."""
    if change.replaced:
        return change.replaced.family
    # An HAProxy of ours that has lost its sockets cannot be told anything, and still listens.
    return processes_of(change.target) if change.options.restart and not change.running else frozenset()


def _is_installed(target: Target) -> bool:
    return os.access(target.binary, os.X_OK)


def _predict_outcome(change: _Change, warnings: list[str]) -> Outcome:
    """Return the outcome of a change that succeeds; in check mode this is the result."""
    outcome = Outcome(
        change.action,
        change.reasons,
        change.before,
        change.marked.text,
        warnings,
        _is_installed(change.target),
        connections=sum(worker.sessions for worker in change.workers[:1]),
        workers=change.workers,
        draining=change.draining,
        replaced=change.replaced,
    )
    if change.action != "runtime":
        return outcome
    only_file = ["only the file differs: in comments, or in values that the worker has already"]
    lists = [
        f"{path} was changed by hand; it is written again as HAProxy has it"
        for path, content in change.wanted.files
        if read_text(path) != content
    ]
    reasons = shorten(map(str, change.new_steps)) or lists or only_file
    return outcome._replace(steps=change.new_steps, reasons=reasons)


def _apply_at_run_time(change: _Change, outcome: Outcome) -> Outcome:
    """Carry out the steps; if the worker refuses one, reload to complete the change."""
    try:
        draining, after = _write_and_run_steps(change)
        return outcome._replace(draining=draining, after=after)
    except RuntimeFailure as failure:
        why = f"as a command to the running process failed: {failure}"
    try:
        outcome.warnings.extend(_enforce_old_worker_limit(change))
    except ConfigurationError as refusal:
        partly = f"done in part without a reload; the rest needs one, {why}"
        raise ConfigurationError([partly, *refusal.problems]) from None
    # The file has the steps that were done, too: the reload loads all of it.
    draft = change.draft.of_load(short_hash(f"{change.draft.text}{time.time()}", 16))
    reasons = [*outcome.reasons, f"the rest by a reload, {why}"]
    return _apply_by_reload(change, outcome._replace(action="reload", reasons=reasons), draft)


def _apply_by_reload(change: _Change, outcome: Outcome, draft: Marked) -> Outcome:
    """Write this text and reload HAProxy; if it does not run, the caller starts it."""
    outcome.warnings.extend(_write_and_reload(change, draft))
    outcome = outcome._replace(after=draft.text)
    if not change.running:
        return outcome
    outcome.warnings.extend(_finish_reload(change))
    removals, policy = change.removals, change.options.drain_policy
    names = [name for name in removals.leaving if name not in removals.fixed]
    names += [name for name in removals.kept if policy.time is not None]
    try:
        left = servers.remove_servers(change.target.master, names, policy, removals.fixed)
        draining, marked = _write_what_is_left(change, draft, left)
    except (ConfigurationError, RuntimeFailure) as failure:
        outcome.warnings.append(f"the reload is done, and servers are still to be removed, by the next run: {failure}")
        return outcome._replace(draining=tuple(map("/".join, removals.names)))
    _save_last_known_good(change, marked.text)
    return outcome._replace(draining=draining, after=marked.text)


def _write_what_is_left(change: _Change, draft: Marked, left: list[Name]) -> tuple[tuple[str, ...], Marked]:
    """Write the text with those servers that still drain, if others have gone; return their names, and the text."""
    removals = change.removals
    staying = dict.fromkeys((*removals.kept, *left))
    marked = mark(removals.with_lines(name for name in staying if name in removals.names), draft.marker)
    if marked.text != draft.text:
        put_file(change.target.path, marked.text, change.target.group)
    return tuple(map("/".join, staying)), marked


def _finish_unchanged(change: _Change) -> Outcome:
    """Complete earlier changes: remove servers that have drained, keep the last known good text."""
    target, check_mode = change.target, change.options.check_mode
    draining = change.draining
    if change.running and not check_mode:
        with contextlib.suppress(RuntimeFailure, ConfigurationError):
            left = carry_out(
                target.master, cli.serving_worker(target.master), change.steps, change.found, servers.NEVER
            )
            draining = tuple(map("/".join, (*change.removals.kept, *left)))
        if read_text(target.good) != change.before:
            with contextlib.suppress(ConfigurationError):
                write_file(target.good, change.before, target.group)
    reasons = write_records(change.records, check_mode)
    return Outcome(
        "unchanged", reasons, change.before, change.before, [], True, draining=draining, workers=change.workers
    )


def _write_and_run_steps(change: _Change) -> tuple[tuple[str, ...], str]:
    """Write the files, then carry out the steps; return the servers that still drain, and the text of the file.

    Raises `RuntimeFailure` if the worker refuses a step, or does not report the wanted state afterwards.
    """
    target = change.target
    contents = _file_contents(change, change.draft.text)
    before = {path: (read_text(path), group) for path, (_content, group) in contents.items()}
    try:
        for path, (content, group) in contents.items():
            if before[path][0] != content:
                put_file(path, content, group)
    except ConfigurationError:
        for path, (content, group) in before.items():
            if read_text(path) != content:
                put_file(path, content, group)
        raise
    pid = cli.serving_worker(target.master)
    left = carry_out(target.master, pid, change.steps, change.found, change.options.drain_policy)
    draining, marked = _write_what_is_left(change, change.draft, left)
    final = marked.configuration
    rest = make_plan(final, final, change.found, read_worker_state(target.master, change.found))
    missing = [*rest.reload, *(step.what for step in rest.steps if not step.pending_removal)]
    if missing:
        raise RuntimeFailure(f"after the commands the worker still lacks: {'; '.join(missing)}")
    _save_last_known_good(change, marked.text)
    return draining, marked.text


def _enforce_old_worker_limit(change: _Change) -> list[str]:
    """Keep the number of old workers below the limit; return the warnings.

    With a drain time, the sessions of the oldest worker are closed, at the rate that is told. Without one, no session
    may be closed: the reload is refused.
    """
    old = [worker for worker in change.workers if worker.old]
    limit, policy = change.options.max_old_workers, change.options.drain_policy
    if not old or len(old) + 1 < limit * 0.8:
        return []
    oldest = max(old, key=lambda worker: worker.uptime)
    since = f"{oldest.uptime // 3600} h" if oldest.uptime >= 3600 else f"{oldest.uptime} s"
    state = f"{len(old)} old workers still serve, the oldest for {since}, with {oldest.sessions} connections"
    if len(old) < limit:
        return [f"{state}; from {limit} on, a reload is refused or ends the oldest one (haproxy_max_old_workers)"]
    if policy.time is None:
        raise ConfigurationError(
            f"{state}, and haproxy_max_old_workers allows {limit}: allow more, or set the time after which sessions "
            "may be closed (haproxy_drain_time)"
        )
    told = f"{state}: its sessions are closed, {policy.rate:g} a second at most, as haproxy_drain_time allows"
    if change.options.check_mode:
        return [told]
    left = closing.drain(change.target.master, bool, policy.rate, "old worker", pids=[oldest.pid]).left
    return [f"{told}; {left} of them do not end" if left else told]


def _reload_reasons(before: str, loaded: Marker, running: bool, target: Target, others: tuple[str, ...]) -> list[str]:
    """Return why the worker has to load everything again, whatever the differences of the text are."""
    reasons = []
    present = find_marker(before)
    if not before:
        reasons.append(f"{target.path} does not exist yet")
    elif not present:
        reasons.append(f"{target.path} was not written by this role; a copy is kept: {target.by_hand}")
    elif present.text != short_hash(without_marker(before), 8):
        reasons.append(f"{target.path} was changed by hand since the last run; a copy is kept: {target.by_hand}")
    if symlink_differs(target):
        leads = os.path.realpath(target.link) if os.path.lexists(target.link) else "nothing"
        reasons.append(f"{target.link} leads to {leads} instead of {target.binary}")
    if not running or not present or reasons:
        return reasons
    try:
        serving = find_marker(f"{MARKER} {cli.read_environment(target.master, MARKER)}")
    except RuntimeFailure as failure:
        return [f"it is unknown which configuration serves: {failure}"]
    if not serving or serving.load != present.load:
        reasons.append("the file is right, but the serving worker has loaded another configuration")
    elif serving.binary != loaded.binary:
        reasons.append(f"{target.binary} is another binary than the one that serves")
    elif serving.files != loaded.files:
        names = f", one of: {', '.join(others)}" if others else ""
        reasons.append(f"a file that the configuration names has changed, and only a reload can load it{names}")
    return reasons


def _parse_or_empty(text: str) -> Configuration:
    """Parse the configuration on disk; return an empty one if that fails, as the file is replaced anyway."""
    try:
        return parse(text)
    except ConfigurationError:
        return Configuration()


def _file_contents(change: _Change, text: str) -> dict[str, tuple[str, int | None]]:
    """Return path → text and group for all files that change together; a record has no group: only root reads it."""
    target = change.target
    found: dict[str, tuple[str, int | None]] = {path: (content, None) for path, content in change.records}
    found.update({path: (content, target.group) for path, content in (*change.wanted.files, (target.path, text))})
    return found


def _write_and_reload(change: _Change, marked: Marked) -> list[str]:
    """Write the files and reload HAProxy if it runs; put everything back if that fails. Return warnings."""
    warnings: list[str] = []
    target, text, running = change.target, marked.text, change.running
    link_before = os.readlink(target.link) if target.link and os.path.islink(target.link) else ""
    contents = _file_contents(change, text)
    before = {path: (read_text(path), group) for path, (_content, group) in contents.items()}
    before[target.path] = (change.before, target.group)
    present = find_marker(change.before)
    try:
        if running:
            _keep_what_serves(change)
            ordered = acme.ordered_paths(change.before, target.certificates)
            acme_client.keep_renewed(target.master, target.group, ordered)
        if change.before and not (present and present.text == short_hash(without_marker(change.before), 8)):
            write_file(target.by_hand, change.before, target.group)
        for path, (content, group) in contents.items():
            put_file(path, content, group)
        if target.link:
            switch_link(target.binary, target.link)
        if running:
            if not cli.wait_for_tables(target.master):
                warnings.append(
                    f"the serving worker has not got its stick tables within {cli.TABLES_TIMEOUT:g} s (`show peers`): "
                    "polling sessions that only they know may have been lost in this reload"
                )
            _reload_and_wait(marked, target)
    except OutcomeUnknown:
        raise
    except (ConfigurationError, OSError, RuntimeFailure) as error:
        _restore(change, before, link_before)
        problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
        with contextlib.suppress(ConfigurationError):  # a full disk has no room for it
            write_file(target.rejected, text, target.group)
            problems.append(f"nothing has changed: {target.path} serves as before; the refused text: {target.rejected}")
        raise ConfigurationError(problems) from None
    if running:
        _save_last_known_good(change, text)
    return warnings


def _finish_reload(change: _Change) -> list[str]:
    """Do the steps that need the new worker; return a warning if one fails."""
    # Read the files again: certificates that HAProxy's ACME client had renewed were written before the reload.
    master, found = change.target.master, files.find_files(change.wanted)
    loaded = {path: item.pem for path, item in found.certificates.items() if item.chain}
    loaded.update({path: item.pem for path, item in found.ca_files.items() if item.kind == "crl-file"})
    left = tuple(step for step in change.steps if step.kind == "tickets")
    try:
        pid = cli.serving_worker(master)
        for path, pem in loaded.items():
            certificates.remember(master, pid, path, pem)
        carry_out(master, pid, left, found, servers.NEVER)
    except (ConfigurationError, RuntimeFailure) as failure:
        return [f"the reload is done, but a step after it failed: {failure}"]
    return []


def _keep_what_serves(change: _Change) -> None:
    """Keep the text before as the last known good one, if it is what serves, until the new one is known to serve."""
    with contextlib.suppress(ConfigurationError, RuntimeFailure):
        present = find_marker(change.before)
        serving = find_marker(f"{MARKER} {cli.read_environment(change.target.master, MARKER)}")
        intact = present and present.text == short_hash(without_marker(change.before), 8)
        if serving and present and intact and serving.load == present.load:
            write_file(change.target.good, change.before, change.target.group)


def _save_last_known_good(change: _Change, text: str) -> None:
    """Keep the text, which serves, as the last known good one. If the disk is full, the next run keeps it."""
    with contextlib.suppress(ConfigurationError):
        write_file(change.target.good, text, change.target.group)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(change.target.rejected)


def _restore(change: _Change, before: dict[str, tuple[str, int | None]], link_before: str) -> None:
    """Put back the files that serve: the last known good text if the worker runs that one, else the text before.

    Steps that were done before the refusal are undone, as far as the worker allows.
    """
    target = change.target
    with contextlib.suppress(RuntimeFailure):
        serving = find_marker(f"{MARKER} {cli.read_environment(target.master, MARKER)}")
        good, present = find_marker(read_text(target.good)), find_marker(change.before)
        intact = present and present.text == short_hash(without_marker(change.before), 8)
        if serving and good and good.load == serving.load and not (intact and present and present.load == serving.load):
            before = {**before, target.path: (read_text(target.good), target.group)}
    for path, (content, group) in before.items():
        if content != read_text(path):
            put_file(path, content, group)
    if link_before and link_before != os.readlink(target.link):
        switch_link(link_before, target.link)
    with contextlib.suppress(RuntimeFailure, ConfigurationError):
        serving_text = _parse_or_empty(without_marker(read_text(target.path)))
        found = files.find_files(serving_text)
        plan = make_plan(serving_text, serving_text, found, read_worker_state(target.master, found))
        carry_out(target.master, cli.serving_worker(target.master), plan.steps, found, servers.NEVER)


def _reload_and_wait(marked: Marked, target: Target) -> None:
    """Reload, and wait until the serving worker reports this marker. Raises `ConfigurationError` with HAProxy's words.

    Before 2.7 the master does not answer a reload: its counter of failed reloads shows a refusal.
    """
    failed_before = cli.failed_reloads(target.master)
    answer = cli.reload(target.master)
    if answer.taken is False:
        messages = check.parse_messages(answer.log, target.path, marked.configuration)
        alerts = "; ".join(str(message) for message in messages if message.level == "ALERT")
        raise ConfigurationError(f"HAProxy refused the reload: {alerts or answer.log or 'it gave no reason'}")
    limit = time.monotonic() + _RELOAD_TIMEOUT
    problem = f"no worker has loaded it within {_RELOAD_TIMEOUT:g} s of the reload"
    while time.monotonic() < limit:
        try:
            if cli.read_environment(target.master, MARKER) == str(marked.marker):
                return
            if answer.taken is None and cli.failed_reloads(target.master) > failed_before:
                problem = "HAProxy refused the reload, and `journalctl -u haproxy` says why"
                break
        except RuntimeFailure:
            pass  # the socket changes hands
        time.sleep(0.05)
    else:
        # Before 3.1 the master itself loads the configuration, and answers nobody meanwhile.
        if answer.pending or not cli.answers(target.master):
            raise OutcomeUnknown(
                f"{target.master} still loads the new configuration: it is not known yet whether it will serve, and "
                f"what served goes on until then. {target.path} is the new one. Run again when the master answers: "
                "this finds out, and puts the old one back if HAProxy has refused the new one. What takes so long is "
                "often a Lua script, or a name that does not resolve"
            )
    raise ConfigurationError(f"the new configuration is not in service: {problem}")
