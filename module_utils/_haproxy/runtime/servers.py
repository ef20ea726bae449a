# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and remove servers of a worker (management guide, 9.3, `show servers state`, `del server`)."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .cli import TIMEOUT, RuntimeFailure, run_command, tell

# Bits of srv_admin_state (management guide, `show servers state`): by command, inherited, from the configuration, ...
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20
_DRAIN = 0x08 | 0x10

# Bit of srv_check_state: the checks are enabled.
_CHECKED = 0x04


# Kinds of objects in `show stat` (management guide, 9.3), to be added.
STATS_BACKENDS = 2
STATS_SERVERS = 4


class Server(NamedTuple):
    """The state of a server in the serving worker.

    `address` and `port` are numeric (the address is empty until the worker has resolved a name), `weight` is the
    current one (0 to 256), `maxconn` 0 for no limit, `state` one of ready, drain, maint, `up` the result of its checks,
    `sessions` the number of current streams. `checked`: its health is checked, or would be outside maintenance.
    `health` is a number that falls with each failed check.
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


def read_stats(master: str, pid: int, kinds: int) -> list[dict[str, str]]:
    """Return the rows of `show stat` for these kinds of objects."""
    return list(csv.DictReader(io.StringIO(tell(master, pid, f"show stat -1 {kinds} -1").lstrip("# "))))


def read_servers(master: str, pid: int) -> dict[tuple[str, str], Server]:
    """Return the state by (backend, server) (management guide, `show servers state` and `show stat`)."""
    stats = {(row["pxname"], row["svname"]): row for row in read_stats(master, pid, STATS_SERVERS)}
    found: dict[tuple[str, str], Server] = {}
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
            sessions=int(row_of_stats.get("scur") or 0),
            checked=bool(int(row["srv_check_state"]) & _CHECKED),
            health=int(row["srv_check_health"]),
        )
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

Name = tuple[str, str]
"""Backend and server."""


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

    def tick(self, now: float, found: Mapping[Name, Server]) -> list[Name]:
        """Record the servers found at `now` (seconds); return those that have been idle for long enough."""
        for name in self.waiting:
            if name not in found:
                self.remove(name)
            elif found[name].sessions:
                self._idle_since[name] = 0.0
            else:
                self._idle_since[name] = self._idle_since[name] or now
        return [name for name, since in self._idle_since.items() if since and now - since >= _QUIET]

    def remove(self, name: Name) -> None:
        """Stop waiting for a server that is gone."""
        del self._idle_since[name]


def remove_servers(master: str, pid: int, names: Sequence[Name], drain_time: float | None) -> list[Name]:
    """Drain and delete servers; return those that still have sessions and continue to drain.

    None of them gets new clients from now on. With `drain_time` (seconds), sessions that last longer are shut down;
    without, they last as long as they like, and a later run removes the server. Raise `RuntimeFailure`.
    """
    for backend, server in names:
        run_command(master, pid, f"set server {backend}/{server} state drain")
    draining = Draining(names)
    limit = time.monotonic() + (drain_time or 0)
    while draining.waiting:
        now = time.monotonic()
        for name in draining.tick(now, read_servers(master, pid)):
            if _delete_server(master, pid, *name):
                draining.remove(name)
        if draining.busy and now > limit:
            if drain_time is None:
                return draining.waiting
            for backend, server in draining.busy:
                tell(master, pid, f"shutdown sessions server {backend}/{server}")
            if now > limit + TIMEOUT:
                raise RuntimeFailure(f"{'/'.join(draining.busy[0])} has sessions that do not end")
        if draining.waiting:
            time.sleep(0.1)
    return []


def _delete_server(master: str, pid: int, backend: str, server: str) -> bool:
    """Delete a server without sessions; return False if it got one after all, and let it drain on."""
    name = f"{backend}/{server}"
    run_command(master, pid, f"set server {name} state maint")
    limit = time.monotonic() + 5
    while True:
        answer = tell(master, pid, f"del server {name}")
        if "deleted" in answer:
            return True
        if "still" not in answer:
            run_command(master, pid, f"set server {name} state drain")
            raise RuntimeFailure(f"HAProxy refused `del server {name}`: {' '.join(answer.split())}")
        if time.monotonic() > limit:
            run_command(master, pid, f"set server {name} state drain")
            return False
        time.sleep(0.05)
