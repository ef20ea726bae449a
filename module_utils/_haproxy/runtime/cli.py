# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the master CLI and the Runtime API of a worker (management guide, 9.3 and 9.4)."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from typing import NamedTuple

from ..errors import EdgeError

# A reload of a large configuration takes seconds; nothing else takes long.
TIMEOUT = 60.0
SOON = 10.0


class RuntimeFailure(EdgeError):
    """A socket that does not answer, or an answer that is a refusal; the text says which and why."""


class Reload(NamedTuple):
    """The master's answer to `reload`: taken or not (None where this version does not say), and its log."""

    taken: bool | None
    log: str


class Worker(NamedTuple):
    """A process of HAProxy as its master knows it.

    `old`: it only serves the sockets that it had before a reload. `reloads`: how many it has seen. `uptime` in seconds.
    `sessions`: connections of clients, -1 where the worker has not told.
    """

    pid: int
    old: bool
    reloads: int
    uptime: int
    version: str
    sessions: int = -1


def ask(path: str, command: str, timeout: float = TIMEOUT) -> str:
    """The answer to one command line at the socket `path`; `timeout` in seconds for the whole exchange's each step.

    Raises `RuntimeFailure` when nobody answers there.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            # Without the half-close the master CLI waits for more, until our own timeout.
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
    except socket.timeout:
        raise RuntimeFailure(f"{path} did not answer `{_public(command)}` within {timeout:g} s") from None
    except OSError as error:
        raise RuntimeFailure(f"{path} does not answer: {error.strerror or error}") from None
    return answer.decode(errors="replace")


def _public(command: str) -> str:
    """The command without what it carries, which may be a key."""
    return " ".join(command.partition("\n")[0].split()[:5])


def answers(path: str) -> bool:
    """Whether a HAProxy listens at this socket; one that is just re-executing itself gets two seconds."""
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


def workers(master: str, sessions: bool = False) -> list[Worker]:
    """All workers, the one that serves first; with `sessions` each is asked how many connections it has.

    After a refused reload the serving worker is listed among the old ones: it is the one with the fewest reloads.
    Raises `RuntimeFailure` where the master does not answer, or knows of none.
    """
    found = []
    rows = re.findall(
        r"^(\d+)\s+worker\s+(\d+)\s+(\d+)d(\d+)h(\d+)m(\d+)s\s+(\S+)", ask(master, "show proc", SOON), re.MULTILINE
    )
    for pid, reloads, days, hours, minutes, seconds, version in rows:
        uptime = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        found.append(Worker(int(pid), True, int(reloads), uptime, version))
    if not found:
        raise RuntimeFailure(f"{master} knows of no worker")
    found.sort(key=lambda worker: worker.reloads)
    found[0] = found[0]._replace(old=False)
    return [worker._replace(sessions=_count_connections(master, worker.pid)) for worker in found] if sessions else found


def serving_worker(master: str) -> int:
    """The process id of the worker that serves."""
    return workers(master)[0].pid


def tell(master: str, pid: int, command: str, payload: str = "") -> str:
    """The answer of one worker to one command of the Runtime API, without blank lines around it.

    Asked through the master: for a moment after a reload, the worker's own socket may still be answered by the old one.
    `payload` are lines that follow the command; blank ones are left out, as the first of them would end it.
    """
    if payload:
        lines = [line for line in payload.splitlines() if line.strip()]
        command = "\n".join((f"{command} <<", *lines, ""))
    answer = ask(master, f"@!{pid} {command}", SOON).strip("\n")
    if answer.startswith("Can't find the target PID"):
        raise RuntimeFailure(f"{master} has no worker {pid} any more")
    return answer


def read_environment(master: str, name: str) -> str:
    """The value of an environment variable in the worker that serves; empty where it has none."""
    found = re.search(
        rf"^{re.escape(name)}=(.*)$", tell(master, serving_worker(master), f"show env {name}"), re.MULTILINE
    )
    return found.group(1).strip() if found else ""


def _count_connections(master: str, pid: int) -> int:
    try:
        found = re.search(r"^CurrConns: (\d+)", tell(master, pid, "show info"), re.MULTILINE)
    except RuntimeFailure:
        return -1  # it has ended between the two questions
    return int(found.group(1)) if found else -1


def expect_answer(answer: str, command: str, pattern: str) -> None:
    """An answer that is not what success looks like is a refusal, in HAProxy's words."""
    if not re.search(pattern, answer, re.MULTILINE):
        raise RuntimeFailure(f"HAProxy refused `{command}`: {' '.join(answer.split()) or 'without a word'}")


def failed_reloads(master: str) -> int:
    """How many reloads were refused since the last one that was taken, from the master's `show proc`."""
    found = re.search(r"\[failed: (\d+)\]", ask(master, "show proc", SOON))
    return int(found.group(1)) if found else 0


def reload(master: str) -> Reload:
    """Ask the master CLI for a reload, and read what it says.

    From 2.7 on the answer is `Success=1` or `Success=0` with the start-up log. Before, the connection ends without a
    word, and the caller has to look.
    """
    try:
        answer = ask(master, "reload")
    except RuntimeFailure:
        # 2.6 re-executes itself under the connection, which may end it hard.
        return Reload(None, "")
    found = re.search(r"^Success=([01])", answer, re.MULTILINE)
    log = re.sub(r"^(Success=\d|--)\s*$", "", answer, flags=re.MULTILINE).strip()
    return Reload(found.group(1) == "1" if found else None, log)


# How success looks, by the beginning of the command; nothing is said otherwise.
_SUCCESS = (
    (re.compile(r"add server "), r"^New server registered"),
    (re.compile(r"set server \S+ addr "), r"changed from|no need to change"),
)


def run_command(master: str, pid: int, text: str) -> None:
    """Have one worker carry out one command. Raises `RuntimeFailure` with HAProxy's words where it refuses."""
    pattern = next((success for begin, success in _SUCCESS if begin.match(text)), r"\A\Z")
    expect_answer(tell(master, pid, text), text, pattern)


def end_sessions(master: str, pid: int, seconds: float) -> int:
    """Shut down a worker's sessions one after the other, spread over this time; returns how many there were."""
    found = re.findall(r"^(0x[0-9a-f]+): proto=(?!unix)", tell(master, pid, "show sess"), re.MULTILINE)
    for session in found:
        with contextlib.suppress(RuntimeFailure):  # the worker ends with its last one
            tell(master, pid, f"shutdown session {session}")
        time.sleep(seconds / len(found))
    return len(found)
