# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a change: checked before, written atomically, carried out, verified after, undone when it is refused."""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple

from ..binary import check
from ..certificates import acme_client
from ..config.merge import says_the_same
from ..config.model import Configuration, ConfigurationError
from ..config.syntax import parse
from ..runtime import certificates, cli, files, servers
from ..runtime.cli import RuntimeFailure, Worker
from ..runtime.files import Files
from .disk import Target, put_file, read_text, switch_link, symlink_differs, write_file, write_records
from .marker import MARKER, Marked, Marker, binary_identity, find_marker, mark, short_hash, without_marker
from .plan import Step, make_plan, shorten
from .preflight import TAKE_OVER_HINT, impossible_binds, impossible_connections, run_haproxy_check
from .worker import carry_out, dead_socket_reason, read_worker_state, read_workers

# How long a new worker may take from the master's answer to its first answer, in seconds.
_RELOAD_TIMEOUT = 30.0


class Outcome(NamedTuple):
    """What was (or in check mode would be) done: `action` is unchanged, runtime, reload or start; `reasons` say why.

    `action` is about HAProxy: it can be unchanged where a record has changed, which then is a reason too. `before` and
    `after` are the texts of the file. `warnings` are HAProxy's and ours. `checked` is false where no binary was there
    to ask. `steps` are the changes at run time; `connections` those of the serving worker, which a reload leaves with
    it; `draining` the servers that drain until their last session ends.
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


class Policy(NamedTuple):
    """What a change may cost.

    `drain_time`: seconds that sessions have to end by themselves before they are shut down, None for ever. `workers`:
    how many old workers a reload may leave.
    """

    drain_time: float | None = None
    workers: int = 20


def _name_load(draft: Marked, before: str, master: str) -> str:
    """What names a new load: the same for the same, unless that is what serves or stands in the file already."""
    load = short_hash(draft.text, 16)
    known = before
    if master:
        with contextlib.suppress(RuntimeFailure):
            known += cli.read_environment(master, MARKER)
    return short_hash(f"{load}{known}", 16) if load in known else load


class _Change(NamedTuple):
    """A change that is about to be made: from the text `before` to `wanted`, in which place, by which means.

    `found`: the files that it names. `workers`: the serving one first, none where no HAProxy runs. `reasons`: why
    HAProxy has to load everything; where there is none, `steps` do. `draft` is the text that belongs to no load yet,
    `marked` the one that is to be written.
    """

    before: str
    wanted: Configuration
    found: Files
    target: Target
    policy: Policy
    records: tuple[tuple[str, str], ...]
    workers: tuple[Worker, ...]
    reasons: list[str]
    steps: tuple[Step, ...]
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
    def new_steps(self) -> tuple[Step, ...]:
        """The steps that are news; the others end what an earlier change began."""
        return tuple(step for step in self.steps if not step.pending_removal)

    @property
    def draining(self) -> tuple[str, ...]:
        """The servers that earlier changes have left to drain."""
        return tuple("/".join(step.subject) for step in self.steps if step.pending_removal)

    @property
    def is_nothing(self) -> bool:
        """Whether what is wanted is there."""
        return not self.reasons and not self.new_steps and self.marked.text == self.before


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
    before = read_text(target.path)
    workers = read_workers(target, restart)
    if not find_marker(before) and not symlink_differs(target) and says_the_same(before, configuration):
        # People wrote it, and it stays as it is.
        return Outcome("unchanged", write_records(records, check_mode), before, before, [], True)
    deaf = "" if workers else dead_socket_reason(target, restart)
    change = _make_change(before, configuration, target, policy, records, workers, deaf)
    if change.is_nothing:
        return _finish_unchanged(change, check_mode)
    warnings = _run_preflight(change, check_mode, restart, warnings_fatal)
    if change.action == "reload":
        warnings += _enforce_old_worker_limit(change, check_mode)
    outcome = _predict_outcome(change, warnings)
    if check_mode:
        return outcome
    if change.action == "runtime":
        return _apply_at_run_time(change, outcome)
    return _apply_by_reload(change, outcome, change.marked)


def _make_change(
    before: str,
    wanted: Configuration,
    target: Target,
    policy: Policy,
    records: tuple[tuple[str, str], ...],
    workers: tuple[Worker, ...],
    deaf: str,
) -> _Change:
    """What has to be done, and why nothing less will do."""
    found, own = files.find_files(wanted), dict(wanted.files)
    others = tuple(sorted({*found.reload_only, *own}))
    loaded = Marker("", binary_identity(target.binary), files.digest_files(others, own), "")
    draft, present, running = mark(wanted, loaded), find_marker(before), bool(workers)
    reasons = _reload_reasons(before, loaded, running, target, others)
    reasons += [f"{deaf}: it is started anew"] if deaf else []
    reasons += [f"{path} is not as it should be" for path, content in own.items() if read_text(path) != content]
    steps: tuple[Step, ...] = ()
    if running:
        plan = make_plan(
            _parse_or_empty(without_marker(before)), wanted, found, read_worker_state(target.master, found)
        )
        reasons += plan.reload if before else ()
        steps = plan.steps
    # Where nothing runs, all there is to plan is a start.
    elif before and without_marker(before) != without_marker(draft.text):
        reasons.append(f"{target.path} differs from what is wanted")
    # The same load, as long as everything is done at run time; another one from a reload on.
    master = target.master if running else ""
    load = present.load if present and not reasons else _name_load(draft, before, master)
    marked = draft.of_load(load)
    return _Change(before, wanted, found, target, policy, records, workers, reasons, steps, draft, marked)


def _run_preflight(change: _Change, check_mode: bool, restart: bool, warnings_fatal: bool) -> list[str]:
    """HAProxy's warnings; raises `ConfigurationError` for what speaks against the change."""
    target = change.target
    if not _installed(target):
        if check_mode:
            return []
        raise ConfigurationError(f"there is no HAProxy at {target.binary} to check the configuration with")
    warnings = run_haproxy_check(change.marked, target.binary)
    if warnings and warnings_fatal:
        raise ConfigurationError(warnings)
    if excess := impossible_connections(change.wanted, target.descriptors):
        raise ConfigurationError(excess)
    held = _parse_or_empty(change.before if change.running else "")
    impossible = [] if restart and not change.running else impossible_binds(change.wanted, held)
    if impossible:
        raise ConfigurationError(impossible if change.running else [*impossible, TAKE_OVER_HINT])
    return warnings


def _installed(target: Target) -> bool:
    return os.access(target.binary, os.X_OK)


def _predict_outcome(change: _Change, warnings: list[str]) -> Outcome:
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
    said = shorten(map(str, change.new_steps))
    return outcome._replace(steps=change.new_steps, reasons=said or only, draining=change.draining)


def _apply_at_run_time(change: _Change, outcome: Outcome) -> Outcome:
    """Have the worker do the steps; where it does not, a reload brings the rest."""
    try:
        return outcome._replace(draining=_write_and_run_steps(change))
    except RuntimeFailure as failure:
        why = f"as it could not be done at run time: {failure}"
    try:
        outcome.warnings.extend(_enforce_old_worker_limit(change, check_mode=False))
    except ConfigurationError as refusal:
        said = f"done in part at run time; the rest needs a reload, {why}"
        raise ConfigurationError([said, *refusal.problems]) from None
    # What was done so far is in the file, too: the reload brings all of it.
    marked = change.draft.of_load(short_hash(f"{change.marked.text}{time.time()}", 16))
    reasons = [*outcome.reasons, f"and the rest by a reload, {why}"]
    outcome = outcome._replace(action="reload", reasons=reasons, after=marked.text, draining=())
    return _apply_by_reload(change, outcome, marked)


def _apply_by_reload(change: _Change, outcome: Outcome, marked: Marked) -> Outcome:
    """Have HAProxy load this text, by a reload where it runs; the caller starts it where it does not."""
    _write_and_reload(change, marked, change.running)
    if change.running:
        outcome.warnings.extend(_finish_reload(change))
    return outcome


def _finish_unchanged(change: _Change, check_mode: bool) -> Outcome:
    """Nothing to do but to end what earlier changes began: servers that have drained go, the good text is kept."""
    target = change.target
    draining = [step.subject for step in change.steps]
    if change.running and not check_mode:
        with contextlib.suppress(RuntimeFailure, ConfigurationError):
            names = [(name[0], name[1]) for name in draining]
            draining = list(servers.remove_servers(target.master, cli.serving_worker(target.master), names, None))
        if read_text(target.good) != change.before:
            with contextlib.suppress(ConfigurationError):
                write_file(target.good, change.before, target.group)
    reasons = write_records(change.records, check_mode)
    gone = tuple("/".join(name) for name in draining)
    return Outcome("unchanged", reasons, change.before, change.before, [], True, draining=gone)


def _write_and_run_steps(change: _Change) -> tuple[str, ...]:
    """Write the files, then bring the worker to what they say; returns the servers that still drain.

    Raises `RuntimeFailure` where the worker refuses a step, or says afterwards that it has something else.
    """
    target = change.target
    contents = _file_contents(change, change.marked.text)
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
    draining = carry_out(target.master, pid, change.steps, change.found, change.policy.drain_time)
    rest = make_plan(change.wanted, change.wanted, change.found, read_worker_state(target.master, change.found))
    missing = [*rest.reload, *(step.what for step in rest.steps if not step.pending_removal)]
    if missing:
        raise RuntimeFailure(f"read back after the commands, this is not so: {'; '.join(missing)}")
    _save_last_known_good(change, change.marked.text)
    return draining


def _enforce_old_worker_limit(change: _Change, check_mode: bool) -> list[str]:
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
            f"{state}, and haproxy_max_old_workers allows {limit}: allow more, or give the time after which sessions "
            "may be shut down (haproxy_drain_time)"
        )
    if not check_mode:
        cli.end_sessions(change.target.master, oldest.pid, change.policy.drain_time)
    return [f"{state}: its sessions are shut down over {change.policy.drain_time:g} s, as haproxy_drain_time allows"]


def _reload_reasons(before: str, loaded: Marker, running: bool, target: Target, others: tuple[str, ...]) -> list[str]:
    """Why the worker has to load everything anew, whatever the differences of the text are."""
    reasons = []
    present = find_marker(before)
    if not before:
        reasons.append(f"{target.path} does not exist yet")
    elif not present:
        reasons.append(f"{target.path} is not of our making; a copy is kept: {target.by_hand}")
    elif present.text != short_hash(without_marker(before), 8):
        reasons.append(f"{target.path} was changed by hand since the last run; a copy is kept: {target.by_hand}")
    if symlink_differs(target):
        leads = os.path.realpath(target.link) if os.path.lexists(target.link) else "nothing yet"
        reasons.append(f"{target.link} leads to {leads} instead of {target.binary}")
    if not running or not present or reasons:
        return reasons
    try:
        serving = find_marker(f"{MARKER} {cli.read_environment(target.master, MARKER)}")
    except RuntimeFailure as failure:
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


def _parse_or_empty(text: str) -> Configuration:
    """The configuration on disk; one that nobody can read is to be replaced, not complained about."""
    try:
        return parse(text)
    except ConfigurationError:
        return Configuration()


def _file_contents(change: _Change, text: str) -> dict[str, tuple[str, int | None]]:
    """Path → text and the group that may read it, of all that belongs together; a record is for root alone."""
    target = change.target
    found: dict[str, tuple[str, int | None]] = {path: (content, None) for path, content in change.records}
    found.update({path: (content, target.group) for path, content in (*change.wanted.files, (target.path, text))})
    return found


def _write_and_reload(change: _Change, marked: Marked, running: bool) -> None:
    target, text = change.target, marked.text
    link_before = os.readlink(target.link) if target.link and os.path.islink(target.link) else ""
    contents = _file_contents(change, text)
    before = {path: (read_text(path), group) for path, (_content, group) in contents.items()}
    before[target.path] = (change.before, target.group)
    present = find_marker(change.before)
    try:
        if running:
            acme_client.keep_renewed(target.master, target.group)
        if change.before and not (present and present.text == short_hash(without_marker(change.before), 8)):
            write_file(target.by_hand, change.before, target.group)
        for path, (content, group) in contents.items():
            put_file(path, content, group)
        if target.link:
            switch_link(target.binary, target.link)
        if running:
            _reload_and_wait(marked, target)
    except (ConfigurationError, OSError, RuntimeFailure) as error:
        _restore(change, before, link_before)
        problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
        with contextlib.suppress(ConfigurationError):  # a full disk has no room for it
            write_file(target.rejected, text, target.group)
            problems.append(f"nothing has changed: {target.path} serves as before; the refused text: {target.rejected}")
        raise ConfigurationError(problems) from None
    if running:
        _save_last_known_good(change, text)


def _finish_reload(change: _Change) -> list[str]:
    """What only the worker that has loaded the files can be told; returns what it did not take."""
    # Read again: what HAProxy's own ACME client had renewed was kept before the reload.
    master, found = change.target.master, files.find_files(change.wanted)
    given = {path: item.pem for path, item in found.certificates.items() if item.chain}
    given.update({path: item.pem for path, item in found.ca_files.items() if item.kind == "crl-file"})
    left = tuple(step for step in change.steps if step.kind == "tickets")
    try:
        pid = cli.serving_worker(master)
        for path, pem in given.items():
            certificates.remember(master, pid, path, pem)
        carry_out(master, pid, left, found, None)
    except (ConfigurationError, RuntimeFailure) as failure:
        return [f"the reload is done, and this is not: {failure}"]
    return []


def _save_last_known_good(change: _Change, text: str) -> None:
    """It serves: this is the last known good one. Where there is no room for it, the next run keeps it."""
    with contextlib.suppress(ConfigurationError):
        write_file(change.target.good, text, change.target.group)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(change.target.rejected)


def _restore(change: _Change, before: dict[str, tuple[str, int | None]], link_before: str) -> None:
    """Put back what serves: the last known good text where the worker says it runs that one, else the one before.

    Steps at run time that went before the refusal are taken back, as far as the worker does it.
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
        carry_out(target.master, cli.serving_worker(target.master), plan.steps, found, None)


def _reload_and_wait(marked: Marked, target: Target) -> None:
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
    raise ConfigurationError(f"the new configuration does not serve: {problem}")
