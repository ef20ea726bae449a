# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the state of the serving worker for the plan, and carry out the steps of a plan."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from ..binary.version import parse_release
from ..certificates import acme_client, tickets
from ..config.model import ConfigurationError
from ..runtime import cli, maps, servers
from ..runtime.certificates import (
    add_certificate,
    list_certificates,
    read_ca,
    read_certificate,
    remove_certificate,
    replace_ca,
    replace_certificate,
)
from ..runtime.cli import RuntimeFailure, Worker
from ..runtime.files import Files
from ..runtime.servers import DrainPolicy, Name
from ..services import common
from .disk import Target, explain_os_errors, read_text
from .listeners import process_family
from .marker import MARKER, binary_identity, find_marker
from .plan import Observed, Step
from .takeover import find_foreign, is_ours

# How long HAProxy may take until its master answers, in seconds.
_START = 3.0


def read_workers(target: Target, restart: bool) -> tuple[Worker, ...]:
    """Return the workers, the serving one first; none if no HAProxy runs, or one that is to be replaced.

    Raises `ConfigurationError` if the socket is not a master CLI, or its HAProxy runs another file.
    """
    if not cli.answers(target.master):
        return ()
    try:
        workers = cli.workers(target.master, sessions=True)
        ran = cli.read_environment(target.master, "HAPROXY_CFGFILES")
    except RuntimeFailure as failure:
        raise ConfigurationError(f"{failure}: is this the master CLI of HAProxy? Nothing has changed") from None
    if ran and target.path not in ran.split(";"):
        if restart or find_foreign(target):
            return ()
        raise ConfigurationError(
            f"the HAProxy at {target.master} runs {ran}, not {target.path}, and is not the service's: stop it first"
        )
    return tuple(workers)


def dead_socket_reason(target: Target, restart: bool) -> str:
    """Explain that our HAProxy runs but its master socket is gone; empty if not. Raise if it may not be restarted."""
    pid = _find_unreachable(target)
    if not pid:
        return ""
    reason = (
        f"HAProxy runs (process {pid}), and {target.master} does not answer: it still loads, or has lost its socket"
    )
    if not restart:
        raise ConfigurationError(
            f"{reason}. Try again later; if it stays so, only a restart helps, which ends its connections: if that is "
            "acceptable, allow it: haproxy_allow_restart: true"
        )
    return reason


def _find_unreachable(target: Target) -> int:
    """Return the pid of the HAProxy that was started for this file and socket and has lost the socket; 0 for none."""
    limit = time.monotonic() + _START
    while pid := _find_process(target):
        if cli.answers(target.master):
            return 0  # it had just started
        if time.monotonic() > limit:
            return pid
        time.sleep(0.05)
    return 0


def other_binary_reason(target: Target, workers: Sequence[Worker], restart: bool) -> str:
    """Explain that a reload cannot bring the wanted binary; empty if it can. Raise if HAProxy may not be restarted.

    At a reload the master executes the path that it was started by. Only the service's symlink can lead elsewhere.
    """
    with contextlib.suppress(RuntimeFailure):
        serving = find_marker(f"{MARKER} {cli.read_environment(target.master, MARKER)}")
        if not serving or serving.binary == binary_identity(target.binary):
            return ""
    pid = _find_process(target)
    started = read_text(f"/proc/{pid}/cmdline").partition("\0")[0] if pid else ""
    leads_there = started == target.link or os.path.realpath(started) == os.path.realpath(target.binary)
    if leads_there or not os.path.isabs(started):
        return ""
    reason = f"HAProxy (process {pid}) was started as {started}: a reload executes that again, and not {target.binary}"
    count = sum(max(worker.sessions, 0) for worker in workers)
    cost = "its connection ends" if count == 1 else f"its {count} connections end"
    if restart:
        return f"{reason}; it is restarted, and {cost}"
    raise ConfigurationError(
        f"{reason}. Nothing has changed: only a restart brings the other binary, and {cost}. If that is acceptable, "
        "allow it: haproxy_allow_restart: true"
    )


def processes_of(target: Target) -> frozenset[int]:
    """Return the processes of the HAProxy that was started for this file and socket: a restart ends them."""
    pid = _find_process(target)
    return frozenset(process_family(pid)) if pid else frozenset()


def _find_process(target: Target) -> int:
    """Return the pid of the HAProxy that was started for this file and socket; 0 for none."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ConfigurationError):  # the process has just ended
            # A process that has a pid in another namespace, too, belongs to a container.
            elsewhere = re.search(r"(?m)^NSpid:\s+\d+\s+\d+", read_text(f"/proc/{name}/status"))
            if not elsewhere and is_ours(int(name), target):
                return int(name)
    return 0


def read_worker_state(master: str, found: Files) -> Observed:
    """Read the serving worker's state; empty if it does not answer (reading its marker then fails, too)."""
    try:
        worker = cli.workers(master)[0]
        pid = worker.pid
        patterns = {path: maps.read_patterns(master, pid, item.kind, path) for path, item in found.patterns.items()}
        ca_files = {path: read_ca(master, pid, item.kind, path) for path, item in found.ca_files.items()}
        certificates, ahead = {}, frozenset[str]()
        if found.certificates or found.folders:
            loaded = {path: read_certificate(master, pid, path) for path in list_certificates(master, pid)}
            certificates = {path: certificate for path, certificate in loaded.items() if certificate}
            ahead = frozenset(acme_client.certificates_ahead(master, worker, certificates))
        version = parse_release(worker.version)
        return Observed(
            servers.read_servers(master),
            certificates,
            {path: entries for path, entries in patterns.items() if entries is not None},
            ahead,
            version,
            {path: ca_file for path, ca_file in ca_files.items() if ca_file is not None},
            servers.read_backends(master, pid) if version >= common.SINCE else frozenset(),
        )
    except RuntimeFailure:
        return Observed()


def carry_out(master: str, pid: int, steps: tuple[Step, ...], found: Files, policy: DrainPolicy) -> list[Name]:
    """Do these steps, removals last; return the servers that still drain. Raises `RuntimeFailure`."""
    for step in steps:
        _carry_out_step(master, pid, step, found)
    removals = [(step.subject[0], step.subject[1]) for step in steps if step.kind == "server"]
    left = servers.remove_servers(master, removals, policy)
    # The last of a backend's servers took it along, unless one still drains.
    for name in {step.subject[0] for step in steps if step.kind == "backend"} - {backend for backend, _name in left}:
        servers.remove_backend(master, pid, name)
    return left


def _carry_out_step(master: str, pid: int, step: Step, found: Files) -> None:
    """Do one step; a removal is left to the caller, as all removals drain together."""
    if step.kind in ("commands", "drain"):
        for text in step.commands:
            cli.run_command(master, pid, text)
    elif step.kind == "patterns":
        kind, path = step.subject
        maps.replace_patterns(master, pid, kind, path, step.payload.split("\n") if step.payload else ())
    elif step.kind == "certificate":
        what, path, crt_list = step.subject
        if what == "add":
            add_certificate(master, pid, path, step.payload, crt_list)
        elif what == "replace":
            replace_certificate(master, pid, path, step.payload)
        else:
            remove_certificate(master, pid, path, crt_list)
    elif step.kind == "ca":
        ca_file = found.ca_files[step.subject[0]]
        replace_ca(master, pid, ca_file.kind, step.subject[0], ca_file.pem, ca_file.shadowed)
    elif step.kind == "tickets":
        with explain_os_errors(step.subject[0]):
            tickets.renew_keys(Path(step.subject[0]), master)
