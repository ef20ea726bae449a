# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and remove servers of a worker (management guide, 9.3, `show servers state`, `del server`)."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..config.model import suggest
from . import cli, closing
from .cli import TIMEOUT, RuntimeFailure, run_command, tell

# Bits of srv_admin_state (management guide, `show servers state`): by command, inherited, by DNS. The bit 0x04 says
# that the server was `disabled` in the configuration, and stays when it is enabled.
_MAINTENANCE = 0x01 | 0x02 | 0x20
_DRAIN = 0x08 | 0x10

# Bit of srv_check_state: the checks are enabled.
_CHECKED = 0x04


# Kinds of objects in `show stat` (management guide, 9.3), to be added.
STATS_BACKENDS = 2
STATS_SERVERS = 4


Name = tuple[str, str]
"""Backend and server."""


class Server(NamedTuple):
    """The state of a server in the serving worker; its `sessions` (current streams) are those of all workers.

    `address` and `port` are numeric (the address is empty until the worker has resolved a name), `weight` is the
    current one (0 to 256), `maxconn` 0 for no limit, `state` one of ready, drain, maint, `up` the result of its checks.
    `checked`: its health is checked, or would be outside maintenance. `health` is a number that falls with each failed
    check. `number` is its id in the backend.
    """

    address: str
    port: int
    weight: int
    maxconn: int
    state: str
    up: bool
    sessions: int
    checked: bool = True
    health: int = 0
    number: int = 0


def read_stats(master: str, pid: int, kinds: int) -> list[dict[str, str]]:
    """Return the rows of `show stat` for these kinds of objects."""
    return list(csv.DictReader(io.StringIO(tell(master, pid, f"show stat -1 {kinds} -1").lstrip("# "))))


def read_servers(master: str) -> dict[Name, Server]:
    """Return the state by (backend, server) (management guide, `show servers state` and `show stat`)."""
    workers = cli.workers(master)
    pid = workers[0].pid
    stats = {(row["pxname"], row["svname"]): row for row in read_stats(master, pid, STATS_SERVERS)}
    old = _count_sessions(master, [worker.pid for worker in workers[1:]])
    found: dict[Name, Server] = {}
    for row in _parse_table(tell(master, pid, "show servers state")):
        key = row["be_name"], row["srv_name"]
        admin = int(row["srv_admin_state"])
        row_of_stats = stats.get(key, {})
        found[key] = Server(
            address="" if row["srv_addr"] == "-" else row["srv_addr"],
            port=int(row["srv_port"]),
            weight=int(row["srv_uweight"]),
            maxconn=int(row_of_stats.get("slim") or 0),
            state="maint" if admin & _MAINTENANCE else "drain" if admin & _DRAIN else "ready",
            up=row["srv_op_state"] != "0",
            sessions=int(row_of_stats.get("scur") or 0) + old[key],
            checked=bool(int(row["srv_check_state"]) & _CHECKED),
            health=int(row["srv_check_health"]),
            number=int(row["srv_id"]),
        )
    return found


def count_sessions(master: str) -> Counter[Name]:
    """Return the sessions (current streams) of each server in all workers. Raise `RuntimeFailure`."""
    return _count_sessions(master, [worker.pid for worker in cli.workers(master)])


def _count_sessions(master: str, pids: Sequence[int]) -> Counter[Name]:
    found: Counter[Name] = Counter()
    for pid in pids:
        with contextlib.suppress(RuntimeFailure):  # a worker that has just ended has none
            for row in read_stats(master, pid, STATS_SERVERS):
                found[row["pxname"], row["svname"]] += int(row["scur"] or 0)
    return found


def require_server(master: str, name: str) -> None:
    """Raise `RuntimeFailure` if no worker has a server of this name."""
    known = {server for _backend, server in count_sessions(master)}
    if name not in known:
        raise RuntimeFailure(f"server: no backend of this edge has a server '{name}'{suggest(name, known)}")


def find_busy(master: str, names: Collection[Name]) -> set[Name]:
    """Return the servers that have sessions, watched for as long as a polling client may be away between two polls."""
    found: set[Name] = set()
    limit = time.monotonic() + _QUIET
    while len(found) < len(names):
        sessions = count_sessions(master)
        found |= {name for name in names if sessions[name]}
        if time.monotonic() > limit:
            break
        time.sleep(0.1)
    return found


def _parse_table(answer: str) -> Iterator[dict[str, str]]:
    """Yield the rows of an answer whose columns are separated by blanks and named in a comment."""
    names: list[str] = []
    for line in answer.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
        elif len(fields := line.split()) >= len(names) > 0:
            yield dict(zip(names, fields))


# Seconds without sessions before a server is deleted: a polling client has none for a moment between two polls.
_QUIET = 0.5


class Draining:
    """Track draining servers until they have been without sessions for a while. Without I/O: the caller observes."""

    def __init__(self, names: Sequence[Name]) -> None:
        """Wait for these servers; none has been seen idle yet."""
        self._idle_since: dict[Name, float] = dict.fromkeys(names, 0.0)

    @property
    def waiting(self) -> list[Name]:
        """Return the servers that are not removed yet."""
        return list(self._idle_since)

    @property
    def busy(self) -> list[Name]:
        """Return the servers that had sessions at the last tick."""
        return [name for name, since in self._idle_since.items() if not since]

    def tick(self, now: float, sessions: Mapping[Name, int]) -> list[Name]:
        """Record who has sessions at `now` (seconds); return those that have been idle for long enough."""
        for name in self.waiting:
            if sessions.get(name):
                self._idle_since[name] = 0.0
            else:
                self._idle_since[name] = self._idle_since[name] or now
        return [name for name, since in self._idle_since.items() if since and now - since >= _QUIET]

    def remove(self, name: Name) -> None:
        """Stop waiting for a server."""
        del self._idle_since[name]


class DrainPolicy(NamedTuple):
    """Say when sessions may be closed: after `time` seconds (None: never), and how many a second at most."""

    time: float | None = None
    rate: float = 20.0


NEVER = DrainPolicy()


def remove_servers(master: str, names: Sequence[Name], policy: DrainPolicy, fixed: Collection[Name] = ()) -> list[Name]:
    """Drain and delete servers; return those that are still there and continue to drain.

    None of them gets new clients from now on. Sessions that last longer than the policy allows are closed in all
    workers, at its rate; otherwise they last as long as they like, and a later run removes the server. Those in
    `fixed`, which only a reload can delete, are left without sessions. Raise `RuntimeFailure`.
    """
    pid = cli.serving_worker(master)
    for backend, server in names:
        run_command(master, pid, f"set server {backend}/{server} weight 0")
    draining, left = Draining(names), []
    limit = time.monotonic() + (2 * _QUIET if policy.time is None else policy.time)
    last_limit = math.inf
    while draining.waiting:
        now = time.monotonic()
        for name in draining.tick(now, count_sessions(master)):
            if name in fixed:
                left.append(name)
                draining.remove(name)
            elif _delete_server(master, pid, *name):
                draining.remove(name)
        if policy.time is None and (len(draining.busy) == len(draining.waiting) or now > limit):
            return left + draining.waiting
        if policy.time is not None and draining.busy and now > limit:
            _end_sessions(master, draining.busy, policy.rate, now > last_limit)
            last_limit = min(last_limit, time.monotonic() + TIMEOUT)
        if draining.waiting:
            time.sleep(0.1)
    return left


def _end_sessions(master: str, names: Collection[Name], rate: float, last: bool) -> None:
    """Close the sessions of these servers in all workers. Raise `RuntimeFailure` if some do not end."""
    of = ", ".join(sorted({server for _backend, server in names}))
    done = closing.drain(master, lambda session: (session.backend, session.server) in names, rate, of)
    if done.left or last:
        raise RuntimeFailure(f"{', '.join(map('/'.join, names))}: there are sessions that do not end")


def read_backends(master: str, pid: int) -> frozenset[str]:
    """Return the names of the worker's backends."""
    return frozenset(tell(master, pid, "show backend").split("\n")[1:]) - {""}


def remove_backend(master: str, pid: int, name: str) -> None:
    """Delete a backend without servers. One that cannot go, as a request still has it, stays: nothing leads there."""
    tell(master, pid, f"unpublish backend {name}")
    tell(master, pid, f"del backend {name}")


def _delete_server(master: str, pid: int, backend: str, server: str) -> bool:
    """Delete a server without sessions; return False if it got one after all, and let it drain on."""
    name = f"{backend}/{server}"
    run_command(master, pid, f"set server {name} state maint")
    limit = time.monotonic() + 5
    while True:
        answer = tell(master, pid, f"del server {name}")
        # One that somebody else has deleted is gone, too.
        if "deleted" in answer or "No such server" in answer:
            return True
        refused = "still" not in answer
        # In maintenance it would send its clients away.
        if refused or time.monotonic() > limit or count_sessions(master)[backend, server]:
            run_command(master, pid, f"set server {name} state ready")
            if refused:
                raise RuntimeFailure(f"HAProxy refused `del server {name}`: {' '.join(answer.split())}")
            return False
        time.sleep(0.05)
