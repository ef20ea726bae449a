# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch an edge from beside HAProxy: a program that the role installs, and that runs all the time.

HAProxy's worker speaks with the internet, so it must not reach the master (doc/internals/threat-model.txt of HAProxy).
This program may ask the master, and nothing else: it reads what HAProxy's exporter lacks, and gives it to whoever
connects to its socket, as HAProxy does for /metrics/edge. If it ends, HAProxy goes on, and /metrics/edge answers 503.

HAProxy counts in each process alone: after a reload the new worker knows nothing of the sockets that the old one keeps,
nor one edge of another's. Once a second this program counts the sockets of each node in all workers and on all edges,
and tells the serving worker, by the weights and limits of its servers, where new ones may go.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import fcntl
import math
import os
import random
import re
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

# Seconds for an answer of the master, and for whoever reads the metrics.
TIMEOUT = 5.0

# The metrics are read anew after this many seconds: whoever scrapes more often gets the same.
AGE = 1.0

# Bytes of the commands in one connection: their answers are read when all are sent, and the master waits for that too.
_LINE = 8000

# Of the addresses that edges share, as far as the role keepalived is there.
SHARED = "/run/realtime-edge/metrics"

# How far a module is that closes sessions.
CLOSING = "/run/realtime-edge/closing"

# The sockets of all edges, among the tables that they share.
TABLE = "affinity/:sockets"

# The canaries of all edges, among the same tables: gpt0 is the share at which an edge has withdrawn one.
CANARIES = "affinity/:canary"

# Seconds between two counts, and after which the other edges are told again what has not changed.
_INTERVAL = 1.0
_REMIND = 3.0

# So many new sockets may come before the next count, at least, where there are few: nodes that differ by a few take
# turns.
_ROOM = 20

# What is left, a second later, of sockets that are not there any more.
_FORGET = 0.995

# HAProxy's highest weight (manual, 5.2).
_MOST_WEIGHT = 256

# Seconds for which a node has less than half of its share before others give sockets away: one that only restarts gets
# its clients back anyway.
_PATIENCE = 30.0

# Seconds of a round, in which sockets of one count are closed, and after which all edges have counted anew.
_ROUND = 5.0
_SETTLED = 3.0

# The ends of the names of the backends that have sockets, and the columns of `show stat` that count.
_TRANSPORTS = frozenset(("websocket", "polling", "flashsocket"))
_COLUMNS = ("pxname", "svname", "scur", "slim", "status", "uweight", "algo")

_PROCESS = re.compile(r"^(\d+)\s+(master|worker)\s+(\d+)(?: \[failed: (\d+)\])?", re.MULTILINE)


# The client, backend and server of a session, among others and alone.
_SESSION = re.compile(r"^(0x[0-9a-f]+): proto=\S+ src=(\S+) .*?be=(\S+) srv=(\S+) ", re.MULTILINE)
_DETAILS = re.compile(r" source=(\S+)$.*?^\s+backend=(\S+) .*?^\s+server=(\S+) ", re.MULTILINE | re.DOTALL)


class NoAnswer(Exception):
    """The master does not answer."""


class Workers(NamedTuple):
    """Hold the processes that serve: the one of new clients (0: there is none) and the old ones."""

    serving: int
    old: tuple[int, ...]
    failed_reloads: int


class Master:
    """The master CLI (management guide, 9.4)."""

    def __init__(self, path: str) -> None:
        """Remember the socket; it is opened for each question."""
        self.path = path

    def ask(self, command: str) -> str:
        """Return the answer to a command line. Raise `NoAnswer` if there is none."""
        answer = bytearray()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(self.path)
                connection.sendall(f"{command}\n".encode(errors="surrogateescape"))
                # Otherwise the master would wait for more.
                connection.shutdown(socket.SHUT_WR)
                while chunk := connection.recv(65536):
                    answer += chunk
        except OSError as error:
            raise NoAnswer(f"{self.path} does not answer: {error.strerror or error}") from None
        return answer.decode(errors="surrogateescape")

    def tell(self, pid: int, *commands: str) -> str:
        """Return one worker's answers to commands of the Runtime API, one after the other; empty if it has ended."""
        lines: list[str] = []
        for command in (f"@!{pid} {command}" for command in commands):
            if lines and len(lines[-1]) + len(command) < _LINE:
                lines[-1] += f"; {command}"
            else:
                lines.append(command)
        answers = [self.ask(line) for line in lines]
        return "".join(answer for answer in answers if not answer.startswith("Can't find the target PID"))

    def workers(self) -> Workers:
        """Return the workers. After a refused reload the serving one is listed as old: it has the fewest reloads."""
        rows = _PROCESS.findall(self.ask("show proc"))
        pids = [int(pid) for reloads, pid in sorted((int(row[2]), row[0]) for row in rows if row[1] == "worker")]
        failed = sum(int(row[3] or 0) for row in rows if row[1] == "master")
        return Workers(pids[0] if pids else 0, tuple(pids[1:]), failed)


class Text:
    """Prometheus' text format (version 0.0.4)."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lines: list[str] = []

    def add(self, name: str, kind: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> None:
        """Add a metric: its labels and values."""
        self.lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            pairs = ",".join(f"{key}={_quote(value)}" for key, value in labels.items())
            self.lines.append(f"{name}{{{pairs}}} {value:g}" if value % 1 else f"{name}{{{pairs}}} {int(value)}")

    def __str__(self) -> str:
        """Return the text."""
        return "".join(f"{line}\n" for line in self.lines).replace("{} ", " ")


def _quote(value: str) -> str:
    """Return a label's value: a name of a file, backend or service."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def read_metrics(master: Master, shared: str = SHARED, closing: str = CLOSING) -> str:
    """Return what HAProxy's exporter lacks. If the master does not answer, the metrics say so."""
    text = Text()
    try:
        workers = master.workers()
        if not workers.serving:
            raise NoAnswer(f"{master.path} has no worker")
        for part in (_add_workers, _add_old_sessions, _add_certificates, _add_misses, _add_canaries, _add_peers):
            part(text, master, workers)
        up = 1
    except NoAnswer:
        up = 0
    text.add("realtime_edge_master_up", "gauge", "Whether HAProxy's master answers beside the worker.", [({}, up)])
    for path in (shared, closing):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            text.lines += file.read().rstrip("\n").split("\n")
    return str(text)


def _add_workers(text: Text, _master: Master, workers: Workers) -> None:
    samples = [({"state": "serving"}, 1), ({"state": "old"}, len(workers.old))]
    text.add("realtime_edge_workers", "gauge", "Processes that serve: new clients, or their last connections.", samples)
    help_text = "Reloads refused since the last one that was taken."
    text.add("realtime_edge_failed_reloads", "gauge", help_text, [({}, workers.failed_reloads)])


def _add_old_sessions(text: Text, master: Master, workers: Workers) -> None:
    sessions = dict.fromkeys((proxy for proxy, _count in _backends(master, workers.serving)), 0)
    for pid in workers.old:
        for proxy, count in _backends(master, pid):
            if proxy in sessions:
                sessions[proxy] += count
    samples = [({"proxy": proxy}, count) for proxy, count in sessions.items()]
    text.add("realtime_edge_old_sessions", "gauge", "Live sessions of a backend on old workers.", samples)


def _backends(master: Master, pid: int) -> Iterator[tuple[str, int]]:
    """Yield each backend of a worker with its live sessions."""
    answer = master.tell(pid, "show stat -1 2 -1")
    for proxy, sessions in re.findall(r"^([^,\n]+),BACKEND,[^,]*,[^,]*,(\d+),", answer, re.MULTILINE):
        yield proxy, int(sessions)


def _add_certificates(text: Text, master: Master, workers: Workers) -> None:
    paths = re.findall(r"^(/.+)$", master.tell(workers.serving, "show ssl cert"), re.MULTILINE)
    answer = master.tell(workers.serving, *(f"show ssl cert {_escape(path)}" for path in paths))
    ends: dict[str, float] = {}
    for path, date in re.findall(r"^Filename: (.+)\n(?:(?!Filename: ).*\n)*?notAfter: (.+)$", answer, re.MULTILINE):
        with contextlib.suppress(ValueError):
            ends[path] = calendar.timegm(time.strptime(date, "%b %d %H:%M:%S %Y GMT"))
    name = "realtime_edge_certificate_not_after_seconds"
    samples = [({"certificate": path.rpartition("/")[2]}, end) for path, end in ends.items()]
    text.add(name, "gauge", "When it ends, in seconds since 1970.", samples)


def _escape(word: str) -> str:
    """Return the word as one argument of a command."""
    return re.sub(r"([\\;\t #\"'<])", r"\\\1", word)


def _name_of_edge(master: Master, pid: int) -> str:
    found = re.search(r"^HAPROXY_LOCALPEER=(.*)$", master.tell(pid, "show env"), re.MULTILINE)
    return found[1].strip() if found else ""


def _add_misses(text: Text, master: Master, workers: Workers) -> None:
    own = _name_of_edge(master, workers.serving)
    tables = master.tell(workers.serving, "show table")
    names = re.findall(r"^# table: (affinity/:misses\S*), .*used:[1-9]", tables, re.MULTILINE)
    answer = master.tell(workers.serving, *(f"show table {name}" for name in names))
    samples = [
        ({"service": service}, int(count))
        for edge, service, count in re.findall(r"key=([^:\s]+):(\S+) .*http_req_cnt=(\d+)", answer)
        if edge == own
    ]
    name = "realtime_edge_affinity_misses_total"
    text.add(name, "counter", "Requests of sessions that no node was known for.", samples)


def _add_canaries(text: Text, master: Master, workers: Workers) -> None:
    """Add the share of new sessions that each canary gets now, and what became of those that this edge sent there."""
    path = re.search(r"\((/\S*/canary\.map)\)", master.tell(workers.serving, "show map"))
    if not path:
        return
    lines = master.tell(workers.serving, f"show map {path[1]}")
    shares = dict(re.findall(r"^0x\w+ ([^\s:/]+) (\d+)$", lines, re.MULTILINE))
    own = _name_of_edge(master, workers.serving)
    rows = re.findall(
        r"key=([^:\s]+):(\S+) .*gpt0=(\d+) http_req_cnt=(\d+) .*http_fail_cnt=(\d+)",
        master.tell(workers.serving, f"show table {CANARIES}"),
    )
    withdrawn = {row[1] for row in rows if row[2] == shares.get(row[1]) != "0"}
    samples = [({"service": name}, 0 if name in withdrawn else int(share)) for name, share in shares.items()]
    text.add("realtime_edge_canary_share", "gauge", "Percentage of new sessions that the canary gets now.", samples)
    samples = [({"service": name}, int(name in withdrawn)) for name in shares]
    text.add("realtime_edge_canary_withdrawn", "gauge", "Whether too many of its sessions have failed.", samples)
    for place, what, help_text in (
        (3, "sessions", "New sessions that this edge sent to the canary."),
        (4, "errors", "Answers of the canary of 500 or above to new sessions, and in others."),
    ):
        samples = [({"service": row[1]}, int(row[place])) for row in rows if row[0] == own and row[1] in shares]
        text.add(f"realtime_edge_canary_{what}_total", "counter", help_text, samples)


def _add_peers(text: Text, master: Master, workers: Workers) -> None:
    peers = read_peers(master.tell(workers.serving, "show peers affinity"))
    samples = [({"peer": peer}, int(connected)) for peer, connected in peers.items()]
    text.add("realtime_edge_peer_up", "gauge", "Whether the affinity tables are exchanged with this edge.", samples)


def read_peers(answer: str) -> dict[str, bool]:
    """Read `show peers`: the other edges, and whether their HAProxy is connected to this one's."""
    found = re.findall(r"id=([^\s(]+)\(remote.*?last_status=(\S+)", answer)
    return {peer: state == "ESTA" for peer, state in found}


Name = tuple[str, str]
"""Backend and server."""


class Policy(NamedTuple):
    """Hold what the configuration says: `most` sockets a node for each transport (0: any number).

    `alone` are backends that are none of this program's business. `edge` is this edge's name among others, `peers` are
    those, each with whether it is connected. `rate` sockets a second may all edges close together to make nodes equally
    full (0: none).
    """

    most: int
    alone: frozenset[str]
    edge: str
    peers: Mapping[str, bool]
    rate: int = 0

    @property
    def shares(self) -> bool:
        """Return whether there is a table of what the edges tell."""
        return bool(self.peers or self.rate)


class Server(NamedTuple):
    """Hold the state of a server in the serving worker."""

    sockets: int
    limit: int
    weight: int
    up: bool
    by_connections: bool


class Count(NamedTuple):
    """Hold the sockets of a node in one backend: in this edge's serving worker, its old ones, and the other edges."""

    serving: int
    old: int
    elsewhere: int

    @property
    def total(self) -> int:
        """Return all of them."""
        return sum(self)


class Told(NamedTuple):
    """Hold what an edge tells of a node in one backend: its sockets, and how many it may have until it tells more."""

    sockets: int
    claim: int


def service_of(backend: str) -> str:
    """Return the service whose sockets a backend has; empty for any other backend."""
    service, _separator, transport = backend.rpartition("_")
    return service if transport in _TRANSPORTS else ""


def read_policy(answer: str) -> Policy | None:
    """Read `show env` and `show peers`; None if this HAProxy's configuration does not ask for it."""
    values = dict(re.findall(r"^(REALTIME_EDGE_\w+|HAPROXY_LOCALPEER)=(.*)$", answer, re.MULTILINE))
    words = values.get("REALTIME_EDGE_SOCKETS", "").split()
    if not words or not words[0].isdigit():
        return None
    rate = values.get("REALTIME_EDGE_REBALANCE", "").strip()
    return Policy(
        int(words[0]),
        frozenset(words[1:]),
        values.get("HAPROXY_LOCALPEER", "").strip(),
        read_peers(answer),
        int(rate) if rate.isdigit() else 0,
    )


def read_servers(answer: str) -> dict[Name, Server]:
    """Read the servers of the transports in `show stat`, of backends whose weights say where new sockets go."""
    rows = _rows(answer)
    methods = {row["pxname"]: row["algo"] for row in rows if row["svname"] == "BACKEND"}
    return {
        (row["pxname"], row["svname"]): Server(
            int(row["scur"] or 0),
            int(row["slim"] or 0),
            int(row["uweight"] or 0),
            row["status"].startswith(("UP", "no check")),
            methods[row["pxname"]] == "leastconn",
        )
        for row in rows
        if row["svname"] != "BACKEND" and methods.get(row["pxname"]) in ("leastconn", "roundrobin")
    }


def _rows(answer: str) -> list[dict[str, str]]:
    """Return the rows of `show stat` that are of the transports, with the columns that count here."""
    lines = answer.split("\n")
    names = lines[0].lstrip("# ").split(",")
    wanted = [(names.index(name), name) for name in _COLUMNS if name in names]
    rows = []
    for line in lines[1:]:
        backend, comma, _rest = line.partition(",")
        if comma and service_of(backend):
            fields = line.split(",")
            rows.append({name: fields[place] for place, name in wanted})
    return rows


def read_others(answer: str, edge: str) -> dict[str, dict[Name, Told]]:
    """Read the table of sockets: what each other edge has told of itself."""
    found: dict[str, dict[Name, Told]] = {}
    entries = re.findall(r"key=([^:\s]+):([^/\s]+)/(\S+) .*gpt0=(\d+) gpc0=(\d+)", answer)
    for other, backend, server, count, claim in entries:
        if other != edge:
            found.setdefault(other, {})[backend, server] = Told(int(count), int(claim))
    return found


def read_moving(answer: str) -> set[str]:
    """Read the table of sockets: the services whose sockets an edge closes by itself, as it has told."""
    return set(re.findall(r"key=[^:\s]+:([^/\s]+)/ .*gpt0=1 ", answer))


def find_weights(
    servers: dict[Name, Server], counts: dict[Name, Count], bases: dict[Name, int], room: int
) -> dict[Name, int]:
    """Return the weight of each server that takes new sockets, so that all nodes of a service become equally full.

    With `room` more sockets each node would have its share of all, by its weight in the configuration (`bases`). What
    it lacks to that is its weight where servers take turns. With `leastconn` HAProxy counts the sockets of the worker
    by itself: there the weight is what the worker is to have of them in the end.
    """
    takes: dict[str, dict[str, Server]] = {}
    for (backend, node), server in servers.items():
        if server.up and server.weight:
            takes.setdefault(backend, {})[node] = server
    full: dict[Name, int] = {}
    for (backend, node), count in counts.items():
        place = service_of(backend), node
        full[place] = full.get(place, 0) + count.total
    weights: dict[Name, int] = {}
    for backend, taking in takes.items():
        service = service_of(backend)
        shares = {node: max(1, bases.get((backend, node), 1)) for node in taking}
        of_all = (sum(full.get((service, node), 0) for node in taking) + room) / sum(shares.values())
        lacks = {
            node: of_all * shares[node]
            - full.get((service, node), 0)
            + (server.sockets if server.by_connections else 0)
            for node, server in taking.items()
        }
        most = max(lacks.values())
        for node, lack in lacks.items():
            weights[backend, node] = max(1, round(lack * _MOST_WEIGHT / most)) if most > 0 else shares[node]
    return weights


def find_shares(
    servers: dict[Name, Server], counts: dict[Name, Count], bases: dict[Name, int], lately: dict[str, float]
) -> dict[Name, int]:
    """Return by service and node how many sockets each node that takes new ones is to have, of those that all have.

    `lately` is what they had a moment ago, by service: it is brought up to date. Clients that have lost their socket
    come back soon, and still count; otherwise a node that gives away sockets would seem to have too many for longer.
    """
    weights: dict[str, dict[str, int]] = {}
    for name, server in servers.items():
        if server.up and server.weight:
            own = weights.setdefault(service_of(name[0]), {})
            own[name[1]] = max(own.get(name[1], 1), bases.get(name, 1))
    sums = dict.fromkeys(weights, 0)
    for (backend, node), count in counts.items():
        if node in weights.get(service_of(backend), ()):
            sums[service_of(backend)] += count.total
    lately.update({service: max(number, lately.get(service, 0) * _FORGET) for service, number in sums.items()})
    return {
        (service, node): round(lately[service] * weight / sum(nodes.values()))
        for service, nodes in weights.items()
        for node, weight in nodes.items()
    }


class Node(NamedTuple):
    """Hold the sockets of a node of a service on all edges, those of this edge among them, and those too many."""

    sockets: int
    own: int
    share: int
    surplus: int


def find_nodes(counts: dict[Name, Count], shares: dict[Name, int]) -> dict[Name, Node]:
    """Return by service and node those that take new sockets.

    A service has no surplus if moving all of it would give no node more than three in a hundred of a share: the last
    ones would be moved for ever, because new clients come and go meanwhile.
    """
    nodes = {name: Node(0, 0, share, 0) for name, share in shares.items()}
    for (backend, server), count in counts.items():
        name = service_of(backend), server
        if name in nodes:
            total, own = nodes[name].sockets + count.total, nodes[name].own + count.serving + count.old
            nodes[name] = Node(total, own, nodes[name].share, max(0, total - nodes[name].share))
    services: dict[str, list[Node]] = {}
    for (service, _server), node in nodes.items():
        services.setdefault(service, []).append(node)
    few = {
        service
        for service, own in services.items()
        if sum(node.surplus for node in own) <= max(len(own), 0.03 * sum(node.share for node in own) / len(own))
    }
    return {name: node._replace(surplus=0) if name[0] in few else node for name, node in nodes.items()}


def find_limit(count: Count, claimed: int, policy: Policy, others: Collection[str]) -> int:
    """Return how many sockets the serving worker may have on a node, of those that the node may have.

    Each edge takes its share of what is free, and nothing that the others have claimed: they may have it by now.
    HAProxy takes a limit of 0 for none.
    """
    edges = 1 + len(others)
    free = max(0, policy.most - count.total)
    share = free // edges + (sum(other < policy.edge for other in others) < free % edges)
    share = min(share, policy.most - claimed - count.serving - count.old)
    return max(1, min(policy.most, count.serving + max(0, share)))


class Balance:
    """Count the sockets of all nodes, and tell the serving worker where new ones may go."""

    def __init__(self, master: Master, lock: str) -> None:
        """Begin without a count. Whoever changes servers holds the file `lock` meanwhile."""
        self.master = master
        self.lock = lock
        self.pid = 0
        self.bases: dict[Name, int] = {}
        self.given: dict[Name, int] = {}
        self.limits: dict[Name, int] = {}
        self.told: dict[str, tuple[Told, float]] = {}
        self.arrivals = 0.0
        self.sum = -1
        self.policy: Policy | None = None
        self.counts: dict[Name, Count] = {}
        self.others: dict[str, dict[Name, Told]] = {}
        self.nodes: dict[Name, Node] = {}
        self.lately: dict[str, float] = {}
        self.counted = 0.0
        self.moving: set[str] = set()
        self.told_moving: set[str] = set()
        self.silent: list[str] = []
        self.moved = 0

    def run_once(self) -> None:
        """Count, and tell HAProxy and the other edges. Raise `NoAnswer`."""
        workers = self.master.workers()
        if not workers.serving:
            raise NoAnswer(f"{self.master.path} has no worker")
        pid = workers.serving
        self.policy = read_policy(self.master.tell(pid, "show env", "show peers affinity"))
        if not self.policy:
            self.counts, self.others, self.nodes = {}, {}, {}
            return
        with self._undisturbed():
            self._balance(pid, workers.old, self.policy)

    def release(self) -> None:
        """Give each server the weight and the limit of the configuration: HAProxy goes on alone. Raise `NoAnswer`."""
        if not self.policy:
            return
        with self._undisturbed():
            servers = read_servers(self.master.tell(self.pid, "show stat -1 6 -1"))
            own = {name: server for name, server in servers.items() if server.weight == self.given.get(name)}
            self.master.tell(self.pid, *(f"set server {_place(name)} weight {self.bases.get(name, 1)}" for name in own))
            if self.policy.most:
                limits = (f"set maxconn server {_place(name)} {self.policy.most}" for name in self.counts)
                self.master.tell(self.pid, *limits)

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Let nobody change a server between what is read and what is set: one that is put out of service stays so."""
        with open(self.lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _balance(self, pid: int, old_workers: tuple[int, ...], policy: Policy) -> None:
        every = read_servers(self.master.tell(pid, "show stat -1 6 -1"))
        servers = {name: server for name, server in every.items() if name[0] not in policy.alone}
        self._listen(self.master.tell(pid, f"show table {TABLE}") if policy.shares else "", policy)
        self.counts = self._count(servers, old_workers)
        if pid != self.pid:
            self.pid, self.bases, self.given, self.limits, self.told = pid, {}, {}, {}, {}
        self._learn_bases(servers)
        self.nodes = find_nodes(self.counts, find_shares(servers, self.counts, self.bases, self.lately))
        self.counted = time.monotonic()
        self._estimate_arrivals()
        # Whoever has lost a socket on a node that had too many is to come to another one.
        spread = 0 if any(node.surplus for node in self.nodes.values()) else self.sum // 20
        room = max(_ROOM - self.sum // 20, round(2 * self.arrivals), spread)
        # What others may have by now comes first: a claim is told before it is taken, and given back after it is.
        limits = self._find_limits(policy)
        changes = chain(self._tell_others(policy, limits), self._weigh(servers, room), self._limit(servers, limits))
        self.master.tell(pid, *changes)
        self.limits = limits

    def _listen(self, table: str, policy: Policy) -> None:
        """Read what edges have told, this one too: a service that is started anew goes on with what it was at."""
        self.others = read_others(table, policy.edge)
        self.silent = sorted(peer for peer, connected in policy.peers.items() if connected and peer not in self.others)
        self.told_moving = read_moving(table)

    def _count(self, servers: dict[Name, Server], old_workers: tuple[int, ...]) -> dict[Name, Count]:
        old: dict[Name, int] = {}
        for worker in old_workers:
            for row in _rows(self.master.tell(worker, "show stat -1 4 -1")):
                name = row["pxname"], row["svname"]
                old[name] = old.get(name, 0) + int(row["scur"] or 0)
        elsewhere = self._sum_others(lambda told: told.sockets)
        return {
            name: Count(server.sockets, old.get(name, 0), elsewhere.get(name, 0)) for name, server in servers.items()
        }

    def _sum_others(self, value: Callable[[Told], int]) -> dict[Name, int]:
        sums: dict[Name, int] = {}
        for edge in self.others.values():
            for name, told in edge.items():
                sums[name] = sums.get(name, 0) + value(told)
        return sums

    def _learn_bases(self, servers: dict[Name, Server]) -> None:
        """Remember the weight that each server has by itself: of the configuration, or given since by somebody else."""
        for name, server in servers.items():
            if server.weight not in (0, self.given.get(name, server.weight)):
                self.bases[name] = server.weight
                del self.given[name]
            elif server.weight and self.bases.get(name) == 0:
                self.bases[name] = server.weight  # the file had it out of service
        if any(name not in self.bases for name in servers):
            state = self.master.tell(self.pid, "show servers state")
            for row in re.findall(r"^\d+ (\S+) \d+ (\S+) \S+ \d+ \d+ \d+ (\d+) ", state, re.MULTILINE):
                if (row[0], row[1]) in servers and (row[0], row[1]) not in self.bases:
                    self.bases[row[0], row[1]] = int(row[2])

    def _estimate_arrivals(self) -> None:
        """Remember how many sockets come in a second, and forget it slowly: they come in waves."""
        total = sum(count.total for count in self.counts.values())
        self.arrivals = max(total - self.sum, self.arrivals * 0.8) if self.sum >= 0 else 0.0
        self.sum = total

    def _weigh(self, servers: dict[Name, Server], room: int) -> Iterator[str]:
        for name, weight in find_weights(servers, self.counts, self.bases, room).items():
            # Of a small difference nobody notices anything.
            if name not in self.given or abs(weight - servers[name].weight) > servers[name].weight // 32:
                self.given[name] = weight
                if weight != servers[name].weight:
                    yield f"set server {_place(name)} weight {weight}"

    def _find_limits(self, policy: Policy) -> dict[Name, int]:
        if not policy.most:
            return {}
        claimed = self._sum_others(max)
        return {
            name: find_limit(count, claimed.get(name, 0), policy, self.others) for name, count in self.counts.items()
        }

    def _limit(self, servers: dict[Name, Server], limits: dict[Name, int]) -> Iterator[str]:
        for name, limit in limits.items():
            if limit != servers[name].limit:
                yield f"set maxconn server {_place(name)} {limit}"

    def _tell_others(self, policy: Policy, limits: dict[Name, int]) -> Iterator[str]:
        """Yield what the other edges are to know: what has changed, and the rest before they forget it."""
        told: dict[str, Told] = {}
        for name, count in self.counts.items() if policy.peers else ():
            may = max(count.serving, limits.get(name, 0), self.limits.get(name, 0))
            told[_place(name)] = Told(count.serving + count.old, count.old + may)
        # No place of a server has such a name. What has ended is told, too: others go on as long as one does.
        told.update({service: Told(0, 0) for service in self.told if service.endswith("/")})
        told.update({f"{service}/": Told(1, 0) for service in self.moving})
        now = time.monotonic()
        for place, own in told.items():
            before, when = self.told.get(place, (None, now))
            if own != before or now - when >= _REMIND:
                self.told[place] = own, now
                yield f"set table {TABLE} key {policy.edge}:{place} data.gpt0 {own.sockets} data.gpc0 {own.claim}"


class Session(NamedTuple):
    """Name a socket of a worker: of the client with this address and port, on a server."""

    pid: int
    pointer: str
    source: str
    backend: str
    server: str


class Rebalance:
    """Close the surplus of nodes, where the configuration has a rate for it, when one has come or has come back.

    It begins when a node has had less than half of its share for a while, or another edge has begun, and ends when no
    node of the service has a surplus on all edges together. Each edge closes its own part, of all and of the rate.
    """

    def __init__(self, master: Master, balance: Balance, closing: str = CLOSING) -> None:
        """Begin with no node that lacks sockets."""
        self.master, self.balance, self.closing = master, balance, closing
        self.lacking: dict[str, float] = {}

    def run_once(self) -> None:
        """Close sockets for a round if it is time for that. Raise `NoAnswer`."""
        balance, policy, now = self.balance, self.balance.policy, time.monotonic()
        if not policy or not policy.rate:
            balance.moving = set()
        # Counts that nobody brings up to date would have the same sockets closed again and again, and those without the
        # sockets of an edge the wrong ones: what has begun waits for them.
        elif now - balance.counted < _SETTLED and not balance.silent:
            due = self._find_due(balance.nodes, now)
            # Without what another edge has, nodes may only seem to be equally full.
            balance.moving = due if balance.others.keys() >= policy.peers.keys() else due | balance.moving
            moving = {name: node for name, node in balance.nodes.items() if name[0] in balance.moving}
            if moving:
                with self._alone() as alone:
                    if alone:
                        self._close_surplus(policy, moving)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Tell whether no module closes sessions: both together would be faster than told. A module waits meanwhile."""
        try:
            lock = open(f"{self.closing}.lock", "rb")  # noqa: SIM115 # it is closed below
        except OSError:
            yield True  # none has closed any since the boot
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _find_due(self, nodes: dict[Name, Node], now: float) -> set[str]:
        surplus = {service for (service, _server), node in nodes.items() if node.surplus}
        lack = {service for (service, _server), node in nodes.items() if 2 * node.sockets < node.share} & surplus
        self.lacking = {service: self.lacking.get(service, now) for service in lack}
        late = {service for service, since in self.lacking.items() if now - since >= _PATIENCE}
        return late | (self.balance.moving | self.balance.told_moving) & surplus

    def _close_surplus(self, policy: Policy, nodes: dict[Name, Node]) -> None:
        """Close this edge's part for a round, one socket after the other."""
        part = {name: math.ceil(node.surplus * node.own / max(1, node.sockets)) for name, node in nodes.items()}
        chosen = []
        for session in self._sockets(policy):
            name = service_of(session.backend), session.server
            if part.get(name, 0) > 0:
                part[name] -= 1
                chosen.append(session)
        # An edge that is not heard of may close its part all the same.
        gap = (1 + len(policy.peers)) / policy.rate
        ends = time.monotonic() + max(_ROUND, 2 * gap)
        tried = 0
        for session in chosen:
            # Of different lengths, so that clients do not come in step.
            pause = gap * random.uniform(1, 1.2)  # noqa: S311 # nobody gains by foreseeing it
            if time.monotonic() + pause > ends:
                break
            time.sleep(pause)
            tried += 1
            self.balance.moved += self._close(session)
        if 2 * tried >= len(chosen):
            # Near the end a count that still has sockets that were closed would have too many closed.
            time.sleep(_SETTLED)

    def _sockets(self, policy: Policy) -> Iterator[Session]:
        """Yield the sockets of all workers in a random order, those of old ones first: these then end sooner.

        What a client has by polling is left: a request that is cut may be a message that is lost.
        """
        workers = self.master.workers()
        for pid in (*reversed(workers.old), workers.serving):
            answer = self.master.tell(pid, "show sess")
            found = [Session(pid, *words) for words in _SESSION.findall(answer)]
            random.shuffle(found)
            for session in found:
                if session.backend not in policy.alone and not session.backend.endswith("_polling"):
                    yield session

    def _close(self, session: Session) -> bool:
        """Close a socket; return whether it was there. HAProxy gives the name of one that has ended to another."""
        found = _DETAILS.search(self.master.tell(session.pid, f"show sess {session.pointer}"))
        if not found or found.groups() != (session.source, session.backend, session.server):
            return False
        self.master.tell(session.pid, f"shutdown session {session.pointer}")
        return True


def _place(name: Name) -> str:
    return f"{name[0]}/{name[1]}"


def add_sockets(text: Text, balance: Balance) -> None:
    """Add the sockets of each node, by service: those of this edge's workers, and what other edges tell."""
    samples: dict[tuple[str, str, str, str], int] = {}
    own = balance.policy.edge if balance.policy else ""
    for (backend, server), count in balance.counts.items():
        for worker, number in (("serving", count.serving), ("old", count.old)):
            key = service_of(backend), server, own, worker
            samples[key] = samples.get(key, 0) + number
    for edge, counts in balance.others.items():
        for (backend, server), told in counts.items():
            key = service_of(backend), server, edge, "elsewhere"
            samples[key] = samples.get(key, 0) + told.sockets
    labels = ("service", "server", "edge", "worker")
    help_text = "Sockets and polls of a node, in all workers of this edge and on the others."
    name = "realtime_edge_node_sockets"
    text.add(name, "gauge", help_text, [(dict(zip(labels, key)), number) for key, number in samples.items()])
    help_text = "Sockets and polls that a node is to have, of those of all nodes that take new ones."
    nodes = [(dict(zip(labels, key)), node) for key, node in balance.nodes.items()]
    text.add("realtime_edge_node_share", "gauge", help_text, [(of, node.share) for of, node in nodes])
    if balance.policy and balance.policy.rate:
        services = sorted({service for service, _server in balance.nodes})
        running = [({"service": service}, int(service in balance.moving)) for service in services]
        help_text = "Whether this edge closes its part of a surplus by itself."
        text.add("realtime_edge_rebalance_running", "gauge", help_text, running)
        help_text = "Sockets that this edge has closed by itself, as others have fewer."
        text.add("realtime_edge_rebalanced_sockets_total", "counter", help_text, [({}, balance.moved)])
    help_text = "Sockets and polls of a node beyond what it is to have, unless they are few."
    text.add("realtime_edge_node_surplus", "gauge", help_text, [(of, node.surplus) for of, node in nodes])
    peers = balance.policy.peers if balance.policy else ()
    silent = [({"peer": peer}, int(peer in balance.silent)) for peer in peers]
    help_text = "Whether nothing is known of the sockets of this edge, although its HAProxy is connected."
    text.add("realtime_edge_peer_silent", "gauge", help_text, silent)


class Metrics:
    """The metrics, read when somebody asks."""

    def __init__(self, master: Master, balance: Balance) -> None:
        """Begin without any."""
        self.master, self.balance = master, balance
        self.lock = threading.Lock()
        self.text, self.read = "", -AGE

    def current(self) -> str:
        """Return the metrics, not older than `AGE`."""
        with self.lock:
            if time.monotonic() - self.read >= AGE:
                text = Text()
                add_sockets(text, self.balance)
                self.text = read_metrics(self.master) + str(text)
                self.read = time.monotonic()
            return self.text


class Listener(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Give the metrics to whoever connects: HAProxy's statistics are open to all users of this host as well."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, metrics: Metrics) -> None:
        """Listen, also where a socket of an earlier process is left."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        super().__init__(path, Answer)
        os.chmod(path, 0o666)  # noqa: S103 # the folder is this service's alone
        self.metrics = metrics


class Answer(socketserver.StreamRequestHandler):
    """Write the metrics, and close."""

    timeout = TIMEOUT
    server: Listener

    def handle(self) -> None:
        """Read nothing: there is one answer."""
        with contextlib.suppress(OSError):  # nobody reads it any more
            self.wfile.write(self.server.metrics.current().encode(errors="surrogateescape"))


def balance_for_ever(balance: Balance) -> None:
    """Count once a second. Without an answer of the master HAProxy starts, or ends: it is asked again."""
    while True:
        begun = time.monotonic()
        with contextlib.suppress(NoAnswer):
            balance.run_once()
        _report_alive()
        time.sleep(max(0.05, begun + _INTERVAL - time.monotonic()))


def rebalance_for_ever(rebalance: Rebalance) -> None:
    """Close what is too much. Without an answer of the master there is nothing to close: it is asked again."""
    while True:
        with contextlib.suppress(NoAnswer):
            rebalance.run_once()
        time.sleep(_INTERVAL)


def _report_alive() -> None:
    """Tell systemd, which otherwise starts this program anew: a limit that nobody corrects keeps clients out."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(path)
            connection.send(b"WATCHDOG=1")


def _end(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def main() -> None:
    """Read the command line, and serve for ever."""
    parser = argparse.ArgumentParser(description="Watch an edge from beside HAProxy")
    parser.add_argument("--master", default="/run/haproxy/master.sock", help="the master CLI")
    parser.add_argument("--listen", default="/run/realtime-edge-agent/metrics.sock", help="where HAProxy asks")
    given = parser.parse_args()
    balance = Balance(Master(given.master), os.path.join(os.path.dirname(given.listen), "lock"))
    listener = Listener(given.listen, Metrics(Master(given.master), balance))
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    rebalance = Rebalance(Master(given.master), balance)
    threading.Thread(target=rebalance_for_ever, args=[rebalance], daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    try:
        balance_for_ever(balance)
    finally:
        with contextlib.suppress(NoAnswer):
            balance.release()


if __name__ == "__main__":
    main()
