# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the master CLI and the Runtime API of a worker (management guide, 9.3 and 9.4)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from .. import host, paths
from ..errors import EdgeError

# Seconds: a reload of a large configuration takes some, no other command does.
TIMEOUT = 60.0
SOON = 10.0

# A worker asks the one before it for its tables for five seconds, then another edge for as long (peers.c,
# PEER_RESYNC_TIMEOUT), and the timer begins anew when a connection breaks.
TABLES_TIMEOUT = 20.0

# In `show peers`: both are set when the tables are there, or nothing more will come (peers-t.h, PEERS_RESYNC_FINISHED).
_TABLES_COMPLETE = 0x3

# No answer is longer (bytes) or takes longer (seconds): `show sess` of 100,000 sessions has some 60 MB.
ANSWER_SIZE = 256 << 20
ANSWER_TIME = 120.0

# Path and process id of the sockets whose listener was found to be the master.
_checked: set[tuple[str, int]] = set()


class RuntimeFailure(EdgeError):
    """A socket does not answer, or HAProxy refuses a command; the text says which and why."""


class NoAnswerInTime(RuntimeFailure):
    """Whoever listens at the socket is still busy."""


class Reload(NamedTuple):
    """The master's answer to `reload`: whether it succeeded (None if this version does not report it), and its log.

    `pending`: there was no answer in time; the master may load the configuration still.
    """

    taken: bool | None
    log: str
    pending: bool = False


class Process(NamedTuple):
    """One line of `show proc`; `kind` is master or worker, `failed` the master's reloads that failed in succession."""

    pid: int
    kind: str
    reloads: int
    failed: int
    uptime: int
    version: str


_PROCESS = re.compile(
    r"^(\d+)\s+(\w+)\s+(\d+)(?: \[failed: (\d+)\])?\s+(\d+)d(\d+)h(\d+)m(\d+)s[ \t]*(\S*)", re.MULTILINE
).findall


class Worker(NamedTuple):
    """A worker process in the master's list.

    `old`: it only serves connections from before a reload. `reloads`: how many it has survived. `uptime` in seconds.
    `sessions`: connections of clients, -1 if unknown.
    """

    pid: int
    old: bool
    reloads: int
    uptime: int
    version: str
    sessions: int = -1


def ask(path: str, command: str, timeout: float = TIMEOUT) -> str:
    """Return the answer to one command line at the socket `path`; `timeout` (seconds) holds for each step.

    Raise `RuntimeFailure` if there is no answer.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            _check_peer(path, connection)
            connection.sendall(command.encode(errors="surrogateescape") + b"\n")
            # Without the half-close the master CLI waits for more input, until our own timeout.
            connection.shutdown(socket.SHUT_WR)
            answer = _read_answer(connection, f"{path} did not end its answer to `{_without_payload(command)}`")
    except socket.timeout:
        raise NoAnswerInTime(f"{path} did not answer `{_without_payload(command)}` within {timeout:g} s") from None
    except OSError as error:
        raise RuntimeFailure(f"{path} does not answer: {error.strerror or error}") from None
    return answer.decode(errors="surrogateescape")


def _read_answer(connection: socket.socket, endless: str) -> bytes:
    """Return all that comes until the other side closes. Raise `RuntimeFailure` for more than there can be."""
    limit = time.monotonic() + ANSWER_TIME
    answer = bytearray()
    while chunk := connection.recv(65536):
        answer += chunk
        if len(answer) > ANSWER_SIZE or time.monotonic() > limit:
            raise RuntimeFailure(f"{endless} within {ANSWER_SIZE >> 20} MB and {ANSWER_TIME:g} s")
    return bytes(answer)


def _check_peer(path: str, connection: socket.socket) -> None:
    """Raise `RuntimeFailure` if it is not the main process of its service that listens, but a worker in its place.

    A process is asked about once: systemd takes some milliseconds.
    """
    pid, _uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if (path, pid) in _checked:
        return
    if not host.is_main_process(pid):
        raise RuntimeFailure(
            f"{path} is not the socket of HAProxy's master: process {pid} listens there, which is not the main process "
            "of its service. Has a worker been taken over? Nothing was asked"
        )
    _checked.add((path, pid))


def _without_payload(command: str) -> str:
    """Return the command without its payload, which may be a key."""
    return " ".join(command.partition("\n")[0].split()[:5])


def answers(path: str) -> bool:
    """Return whether a HAProxy answers at this socket; one that is re-executing itself gets two seconds."""
    limit = time.monotonic() + 2
    while os.path.exists(path):
        try:
            ask(path, "show version", 5)
        except RuntimeFailure:
            if time.monotonic() > limit:
                return False
            time.sleep(0.1)
        else:
            return True
    return False


def processes(master: str) -> list[Process]:
    """Return the processes that the master lists (`show proc`). Raise `RuntimeFailure` if it does not answer."""
    return [
        Process(
            int(pid),
            kind,
            int(reloads),
            int(failed or 0),
            ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds),
            version,
        )
        for pid, kind, reloads, failed, days, hours, minutes, seconds, version in _PROCESS(
            ask(master, "show proc", SOON)
        )
    ]


def workers(master: str, sessions: bool = False) -> list[Worker]:
    """Return all workers, the serving one first; with `sessions` also the number of connections of each.

    After a refused reload HAProxy lists the serving worker among the old ones: it is the one with the fewest reloads.
    Raise `RuntimeFailure` if the master does not answer or has no worker.
    """
    rows = [process for process in processes(master) if process.kind == "worker"]
    if not rows:
        raise RuntimeFailure(f"{master} has no worker")
    rows.sort(key=lambda process: process.reloads)
    found = [
        Worker(process.pid, number > 0, process.reloads, process.uptime, process.version)
        for number, process in enumerate(rows)
    ]
    return [worker._replace(sessions=_count_connections(master, worker.pid)) for worker in found] if sessions else found


def serving_worker(master: str) -> int:
    """Return the process id of the serving worker."""
    return workers(master)[0].pid


def tell(master: str, pid: int, command: str, payload: str = "") -> str:
    """Return one worker's answer to one command of the Runtime API, without blank lines around it.

    The command goes through the master: just after a reload, the old worker may still answer at the worker's socket.
    `payload` are the lines after the command, without blank ones: the first of these would end it.
    """
    if payload:
        lines = [line for line in payload.split("\n") if line.strip("\r")]
        command = "\n".join((f"{command} <<", *lines, ""))
    answer = ask(master, f"@!{pid} {command}", SOON).strip("\n")
    if answer.startswith("Can't find the target PID"):
        raise RuntimeFailure(f"{master} has no worker {pid} any more")
    return answer


def read_environment(master: str, name: str) -> str:
    """Return the value of an environment variable in the serving worker, empty if it is not set."""
    found = re.search(
        rf"^{re.escape(name)}=(.*)$", tell(master, serving_worker(master), f"show env {name}"), re.MULTILINE
    )
    return found.group(1).strip() if found else ""


def _count_connections(master: str, pid: int) -> int:
    try:
        found = re.search(r"^CurrConns: (\d+)", tell(master, pid, "show info"), re.MULTILINE)
    except RuntimeFailure:
        return -1  # it has ended between the two commands
    return int(found.group(1)) if found else -1


def expect_answer(answer: str, command: str, pattern: str) -> None:
    """Raise `RuntimeFailure` with HAProxy's text unless the answer matches the pattern of success."""
    if not re.search(pattern, answer, re.MULTILINE):
        raise RuntimeFailure(f"HAProxy refused `{command}`: {' '.join(answer.split()) or 'without a reason'}")


def failed_reloads(master: str) -> int:
    """Return how many reloads have failed since the last one that succeeded (`show proc`)."""
    return next((process.failed for process in processes(master) if process.kind == "master"), 0)


def reload(master: str) -> Reload:
    """Reload by the master CLI and return its answer.

    From 2.7 on the answer is `Success=1` or `Success=0` with the start-up log. Before, the connection ends without
    an answer, and the caller has to check the workers.
    """
    try:
        answer = ask(master, "reload", TIMEOUT)
    except NoAnswerInTime:
        return Reload(None, "", pending=True)
    except RuntimeFailure:
        # 2.6 re-executes itself during the connection, which may reset it.
        return Reload(None, "")
    found = re.search(r"^Success=([01])", answer, re.MULTILINE)
    log = re.sub(r"^(Success=\d|--)\s*$", "", answer, flags=re.MULTILINE).strip()
    return Reload(found.group(1) == "1" if found else None, log)


def wait_for_tables(master: str) -> bool:
    """Wait until the serving worker has the stick tables of the one before it; return whether it has got them in time.

    A worker that is replaced earlier hands over nothing, and the requests that it still has do not find their sessions.
    """
    limit = time.monotonic() + TABLES_TIMEOUT
    while time.monotonic() < limit:
        states = re.findall(r" flags=0x([0-9a-f]+) resync_timeout=", tell(master, serving_worker(master), "show peers"))
        if all(int(state, 16) & _TABLES_COMPLETE == _TABLES_COMPLETE for state in states):
            return True
        time.sleep(0.05)
    return False


# The answer on success, by the beginning of the command; empty for all others.
_SUCCESS = (
    (re.compile(r"add server "), r"^New server registered"),
    (re.compile(r"add backend "), r"^New backend registered"),
    (re.compile(r"publish backend "), r"^Backend published"),
    (re.compile(r"set server \S+ addr "), r"changed from|no need to change"),
)


def escape(word: str) -> str:
    """Return the word as one argument of a command."""
    # A last word that begins with `<<` begins a payload, even after an escaped blank.
    return re.sub(r"([\\;\t #\"'<])", r"\\\1", word)


def run_command(master: str, pid: int, text: str) -> None:
    """Run one command on one worker. Raise `RuntimeFailure` with HAProxy's text if it refuses."""
    pattern = next((success for begin, success in _SUCCESS if begin.match(text)), r"\A\Z")
    with _agent_waits():
        answer = tell(master, pid, text)
    expect_answer(answer, text, pattern)


@contextlib.contextmanager
def _agent_waits() -> Iterator[None]:
    """Let the service beside HAProxy, if there is one, not set a weight that it has read before ours was set."""
    try:
        lock = open(paths.AGENT_LOCK, "rb")  # noqa: SIM115 # it is closed below
    except OSError:
        yield
        return
    with lock:
        limit = time.monotonic() + SOON
        # One that hangs is not waited for.
        while not try_lock(lock) and time.monotonic() < limit:
            time.sleep(0.01)
        yield


def try_lock(file: BinaryIO) -> bool:
    """Lock the file for as long as it is open; return False if somebody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
