# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and remove servers of a worker (management guide, 9.3, `show servers state`, `del server`)."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .cli import TIMEOUT, RuntimeFailure, run_command, tell

# Bits of srv_admin_state (management guide, `show servers state`): by command, inherited, from the configuration, ...
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20
_DRAIN = 0x08 | 0x10

# Of srv_check_state: the checks are enabled.
_CHECKED = 0x04


class Server(NamedTuple):
    """A server as the serving worker has it.

    `address` and `port` as numbers (a name that the worker has not resolved is an empty address), `weight` as it is now
    (0 to 256), `maxconn` 0 for no limit, `state` one of ready, drain, maint, `up` as its checks say, `sessions` the
    streams that it serves at this moment. `checked`: its health is checked, or would be outside maintenance. `health`
    is a number that falls with each failed check.
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


def read_servers(master: str, pid: int) -> dict[tuple[str, str], Server]:
    """(backend, server) → what this worker has; management guide, `show servers state` and `show stat`."""
    statistics = {
        (row["pxname"], row["svname"]): row
        for row in csv.DictReader(io.StringIO(tell(master, pid, "show stat -1 4 -1").lstrip("# ")))
    }
    found: dict[tuple[str, str], Server] = {}
    for row in _parse_table(tell(master, pid, "show servers state")):
        key = row["be_name"], row["srv_name"]
        admin = int(row["srv_admin_state"])
        figures = statistics.get(key, {})
        found[key] = Server(
            address="" if row["srv_addr"] == "-" else row["srv_addr"],
            port=int(row["srv_port"]),
            weight=int(row["srv_uweight"]),
            maxconn=int(figures.get("slim") or 0),
            state="maint" if admin & _MAINTENANCE else "drain" if admin & _DRAIN else "ready",
            up=row["srv_op_state"] != "0",
            sessions=int(figures.get("scur") or 0),
            checked=bool(int(row["srv_check_state"]) & _CHECKED),
            health=int(row["srv_check_health"]),
        )
    return found


def _parse_table(answer: str) -> Iterator[dict[str, str]]:
    """The rows of an answer whose columns are separated by blanks and named in a comment."""
    names: list[str] = []
    for line in answer.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
        elif len(fields := line.split()) >= len(names) > 0:
            yield dict(zip(names, fields))


# How long a server must be without sessions: a polling client is away for a moment between two polls, in seconds.
_QUIET = 0.5


def remove_servers(
    master: str, pid: int, names: Sequence[tuple[str, str]], drain_time: float | None
) -> list[tuple[str, str]]:
    """Take servers (backend, server) out; returns those that still serve sessions and drain until they are done.

    All get no new clients from now on. With `drain_time` (seconds) sessions that last longer are shut down; without,
    they last as long as they like, and another run removes the server. Raises `RuntimeFailure`.
    """
    for backend, server in names:
        run_command(master, pid, f"set server {backend}/{server} state drain")
    waiting = dict.fromkeys(names, 0.0)
    limit = time.monotonic() + (drain_time or 0)
    while waiting:
        now, found = time.monotonic(), read_servers(master, pid)
        for name, since in list(waiting.items()):
            there = found.get(name)
            if there is None:
                del waiting[name]
            elif there.sessions:
                waiting[name] = 0.0
            elif not since:
                waiting[name] = now
            elif now - since >= _QUIET and _delete_server(master, pid, *name):
                del waiting[name]
        busy = [name for name, since in waiting.items() if not since]
        if busy and now > limit:
            if drain_time is None:
                return list(waiting)
            for backend, server in busy:
                tell(master, pid, f"shutdown sessions server {backend}/{server}")
            if now > limit + TIMEOUT:
                raise RuntimeFailure(f"{'/'.join(busy[0])} has sessions that do not end")
        if waiting:
            time.sleep(0.1)
    return []


def _delete_server(master: str, pid: int, backend: str, server: str) -> bool:
    """Delete a server without sessions; False where one came after all, and then it drains on."""
    place = f"{backend}/{server}"
    run_command(master, pid, f"set server {place} state maint")
    limit = time.monotonic() + 5
    while True:
        answer = tell(master, pid, f"del server {place}")
        if "deleted" in answer:
            return True
        if "still has connections" not in answer and "still" not in answer:
            run_command(master, pid, f"set server {place} state drain")
            raise RuntimeFailure(f"HAProxy refused `del server {place}`: {' '.join(answer.split())}")
        if time.monotonic() > limit:
            run_command(master, pid, f"set server {place} state drain")
            return False
        time.sleep(0.05)
