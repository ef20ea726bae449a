# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Close the surplus of a node's sockets, so that their clients come back, to the nodes that have fewer.

The service beside HAProxy counts the sockets of all workers and edges, and sends new ones to the emptier nodes. Each
edge closes its own part of a surplus, one socket after the other. What a client has by polling is left: a request that
is cut may be a message that is lost.
"""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

from . import cli
from .closing import ClosingError, Progress, Session, check_rate, close_each, find_round, one_at_a_time, read_sessions

# Seconds until all edges have counted what was closed: each counts once a second and tells the others, and what is read
# here may be a second old.
_SETTLED = 3.0

_SAMPLE = re.compile(r"^realtime_edge_node_(sockets|share|surplus)\{(.*)\} (\d+)$", re.MULTILINE)
_MOVING = re.compile(r'^realtime_edge_rebalance_running\{service="([^"]*)"\} 1$', re.MULTILINE)
_SILENT = re.compile(r'^realtime_edge_peer_silent\{peer="([^"]*)"\} 1$', re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


Name = tuple[str, str]
"""Service and node."""


class Node(NamedTuple):
    """Hold the sockets of a node on all edges, those of this edge among them, how many it is to have, and the surplus.

    What is a surplus the service beside HAProxy decides: a few more than its share are none.
    """

    sockets: int
    own: int
    share: int = 0
    surplus: int = -1


class Moving(NamedTuple):
    """Hold the services whose sockets this edge closes by itself, and the edges that it waits for.

    Nothing is known of the sockets of these, although their HAProxy is connected.
    """

    services: tuple[str, ...]
    silent: tuple[str, ...]


def find_gap(rate: float, edges: int, seconds: int) -> float:
    """Return the seconds between two sockets that one of several edges closes.

    Raise `ClosingError` if the rate is none, or closes nothing within these seconds.
    """
    check_rate(rate)
    if edges < 1:
        raise ClosingError(f"edges: {edges} edges close nothing; give how many rebalance at the same time")
    if seconds * rate < 2 * edges:
        raise ClosingError(
            f"time: each of {edges} edges closes one socket in {edges / rate:g} seconds, and {seconds} are not enough "
            "for two of them; give more time, or a higher rate"
        )
    return edges / rate


def read_counts(agent: str) -> str:
    """Return what the service beside HAProxy tells. Raise `ClosingError` if it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(cli.SOON)
            connection.connect(agent)
            return connection.makefile(encoding="utf-8", errors="replace").read()
    except OSError as error:
        raise ClosingError(
            "the service realtime-edge-agent, which counts the sockets, does not answer "
            f"({error.strerror or error}): see `journalctl -u realtime-edge-agent`; without it nothing is closed"
        ) from None


def read_nodes(metrics: str) -> dict[Name, Node]:
    """Return the nodes that take new sockets. Raise `ClosingError` if none is counted, or not on all edges."""
    if silent := read_moving(metrics).silent:
        raise ClosingError(
            f"nothing is known of the sockets of {', '.join(silent)}: HAProxy is connected, and the service "
            "realtime-edge-agent there tells nothing (see its journal); without it nothing is closed"
        )
    nodes: dict[Name, Node] = {}
    for kind, text, number in _SAMPLE.findall(metrics):
        labels = dict(_LABEL.findall(text))
        name = labels["service"], labels["server"]
        node = nodes.get(name, Node(0, 0))
        if kind != "sockets":
            nodes[name] = node._replace(**{kind: int(number)})
        else:
            own = 0 if labels["worker"] == "elsewhere" else int(number)
            nodes[name] = node._replace(sockets=node.sockets + int(number), own=node.own + own)
    found = {name: node for name, node in nodes.items() if node.surplus >= 0}
    if not found:
        raise ClosingError(
            "the service realtime-edge-agent counts no node that takes sockets: no node is up, no service has sockets, "
            "or the edge was configured by an older version (run the role); nothing is closed"
        )
    return found


def read_moving(metrics: str) -> Moving:
    """Return what this edge does by itself (`haproxy_limits.rebalance_rate`)."""
    return Moving(tuple(_MOVING.findall(metrics)), tuple(_SILENT.findall(metrics)))


def count_surplus(nodes: dict[Name, Node]) -> int:
    """Return the sockets too many of all nodes."""
    return sum(node.surplus for node in nodes.values())


def choose(sessions: list[Session], nodes: dict[Name, Node]) -> Iterator[Session]:
    """Yield this edge's part of each node's surplus."""
    part = {name: math.ceil(node.surplus * node.own / max(1, node.sockets)) for name, node in nodes.items()}
    for session in sessions:
        name = session.service, session.server
        if part.get(name, 0) > 0:
            part[name] -= 1
            yield session


def close_surplus(master: str, agent: str, gap: float, seconds: float, rounds: int = 0) -> tuple[int, dict[Name, Node]]:
    """Close the surplus until there is none; return how many were closed, and the nodes then.

    It ends after so many seconds at most, and after so many rounds (0: any number); each begins with a new count.
    Two sockets follow each other after `gap` seconds and a random part of it more, so that clients do not come in step.
    """
    with one_at_a_time():
        return _close_surplus(master, agent, gap, seconds, rounds)


def _close_surplus(master: str, agent: str, gap: float, seconds: float, rounds: int) -> tuple[int, dict[Name, Node]]:
    limit = time.monotonic() + seconds
    closed = done = 0
    progress = Progress("surplus")
    while True:
        nodes = read_nodes(read_counts(agent))
        surplus = count_surplus(nodes)
        left = limit - time.monotonic()
        if left <= 0 or (done and done == rounds) or not surplus:
            progress.tell(closed, surplus, last=True)
            return closed, nodes
        done += 1
        round_ends = time.monotonic() + min(left, find_round(gap))
        chosen = list(choose(read_sessions(master), nodes))
        tried = 0
        for _session, was_there in close_each(master, chosen, gap, round_ends):
            tried += 1
            closed += was_there
            progress.tell(closed, surplus - tried)
        if 2 * tried >= len(chosen):
            # Near the end a count that still has sockets that were closed would have too many closed.
            time.sleep(max(0.0, min(_SETTLED, limit - time.monotonic())))
