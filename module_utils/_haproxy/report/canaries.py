# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell how canaries do: the share that each has, how many of its sessions failed, and who has withdrawn it."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from ..errors import EdgeError
from ..runtime.cli import serving_worker, tell
from ..runtime.maps import read_patterns
from ..services import canary

# Seconds between two looks.
_INTERVAL = 0.5

_MAP = re.compile(rf"\((/\S*/{re.escape(canary.MAP)})\)")
_ROW = re.compile(r"key=([^:\s]+):(\S+) .*gpt0=(\d+) http_req_cnt=(\d+) .*http_fail_cnt=(\d+)")


class CanaryError(EdgeError):
    """There is nothing to watch."""


class State(NamedTuple):
    """Hold what is known of a service's canary.

    `share` is what the configuration gives it, `withdrawn_by` are the edges that have withdrawn it, `sessions` and
    `errors` those of all edges since HAProxy was started, `servers` the names of its nodes.
    """

    service: str
    share: int
    withdrawn_by: tuple[str, ...]
    sessions: int
    errors: int
    servers: tuple[str, ...]


def read_canaries(master: str, pid: int) -> list[State]:
    """Return the canaries that a worker knows. Raise `RuntimeFailure` if it does not answer."""
    found = _MAP.search(tell(master, pid, "show map"))
    if not found:
        return []
    lines = read_patterns(master, pid, "map", found[1]) or ()
    rows = _ROW.findall(tell(master, pid, f"show table {canary.TABLE}"))
    states = []
    for service, share in canary.shares(lines).items():
        own = [row for row in rows if row[1] == service]
        withdrawn = tuple(sorted(row[0] for row in own if row[2] == share != "0"))
        sessions, errors = (sum(int(row[place]) for row in own) for place in (3, 4))
        servers = tuple(canary.nodes(lines, service))
        states.append(State(service, int(share), withdrawn, sessions, errors, servers))
    return states


def watch(master: str, service: str, seconds: int) -> State:
    """Return the state of a service's canary after these seconds, or as soon as it is withdrawn.

    Raise `CanaryError` if the service has none.
    """
    end = time.monotonic() + seconds
    while True:
        known = {state.service: state for state in read_canaries(master, serving_worker(master))}
        if service not in known:
            there = ", ".join(known) or "none"
            raise CanaryError(f"service: this edge has no canary of '{service}' (services with one: {there})")
        if known[service].withdrawn_by or time.monotonic() >= end:
            return known[service]
        time.sleep(_INTERVAL)


def describe(state: State) -> str:
    """Return the state as a line for people."""
    counts = f"{state.sessions} so far, {state.errors} errors"
    if state.withdrawn_by:
        by = ", ".join(state.withdrawn_by)
        return f"the canary of {state.service} is WITHDRAWN at {state.share} % of new sessions, by {by} ({counts})"
    return f"the canary of {state.service} gets {state.share} % of new sessions ({counts})"
