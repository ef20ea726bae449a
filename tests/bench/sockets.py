"""What a connection costs an edge that is idle: memory of HAProxy and of the kernel, and what many of them need of a host.

The configuration is the generated one, for a service with two nodes, which are one process here; so are the clients
(sockets.js). All are on this machine, over loopback, and each HAProxy that tests/unit/live.py finds is measured: also those of
REALTIME_EDGE_HAPROXY, paths separated by colons. Memory is the worker's anonymous one (Pss_Anon in
/proc/PID/smaps_rollup), grown since its first connections: how many processes share binary and libraries, which PSS counts,
changes with what else runs. That of the kernel is the sizes of its objects in /proc/slabinfo,
which only root can read. Other load of the machine does not change either. The tables go into docs/scale.md.
"""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / ".collections"), str(ROOT / "tests/unit"), str(ROOT / "module_utils")]

import traffic  # noqa: E402 # beside this file
from _haproxy.binary.version import describe_binary, parse_library, tls_library  # noqa: E402
from _haproxy.config.promises import Promises  # noqa: E402
from _haproxy.deploy import kernel  # noqa: E402
from _haproxy.host import MOST_FILE_DESCRIPTORS  # noqa: E402
from _haproxy.runtime import cli  # noqa: E402
from _haproxy.services.limits import Limits  # noqa: E402
from _haproxy.services.tls import Settings  # noqa: E402
from live import BINARIES, LiveEdge  # noqa: E402

PAGE = ROOT / "docs/scale.md"
BRANCHES = sorted(BINARIES, key=lambda version: tuple(map(int, version.split("."))))
# Beside those of traffic.py, below the ports that the kernel gives to connections.
EDGE, NODE = 14460, 14461
FIRST = 20  # connections that are there before memory is looked at: they fill caches
OLD_WORKERS = (1, 50, 1_000)

# A kind of sockets.js, at which numbers, and its words.
KINDS = (
    ("websocket", (1_000, 3_000, 9_000), "WebSocket"),
    ("h2", (1_000, 3_000), "WebSocket over HTTP/2"),
    ("held", (3_000,), "polling session, its poll held by the node"),
    ("between", (3_000,), "polling session between polls, its connection kept"),
    ("session", (9_000,), "polling session between polls, without a connection"),
    ("stuck", (300,), "WebSocket whose client does not read"),
)

# Settings that one might think of; of each the lines of `global`, or the settings of the edge.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "the role's": {},
    "`haproxy_tls: {post_quantum: false}`": {"tls": Settings(post_quantum=False)},
    "`tune.h2.zero-copy-fwd-send off`": {"lines": {"tune.h2.zero-copy-fwd-send": "off"}},
    "`tune.h2.fe.max-concurrent-streams 10`": {"lines": {"tune.h2.fe.max-concurrent-streams": 10}},
    "`tune.http.logurilen 256`": {"lines": {"tune.http.logurilen": 256}},
    "`tune.ssl.cachesize 1`": {"lines": {"tune.ssl.cachesize": 1}},
    "`tune.memory.hot-size 65536`": {"lines": {"tune.memory.hot-size": 65536}},
    "`no-memory-trimming`": {"lines": {"no-memory-trimming": True}},
    "`nbthread 1`": {"lines": {"nbthread": 1}},
}

# Sockets on all edges together.
MANY = (10_000, 100_000, 1_000_000)

# What the kernel has for one TCP socket of a process that polls it.
OBJECTS = ("TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "ep_head")


class Clients:
    """The node and the clients of one measurement, one process."""

    def __init__(self) -> None:
        command = ["node", Path(__file__).with_suffix(".js"), NODE, EDGE, traffic.HOST.format(0)]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._wait()

    def open(self, kind: str, number: int) -> None:
        self.process.stdin.write(f"{kind} {number}\n")
        self.process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        if self.process.stdout.readline() != "open\n":
            raise SystemExit("the clients have ended")

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


class Edge(LiveEdge):
    """A HAProxy of a version with the generated configuration, and its clients."""

    def __init__(self, version: str, folder: str, lines: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        super().__init__(version, folder)
        traffic.keys(self.folder)
        text = traffic.generated(
            self.folder,
            1,
            EDGE,
            NODE,
            lines,
            version=tuple(map(int, version.split(".")[:2])),
            library=tls_library(self.target.binary),
            master_socket=self.target.master,
            limits=Limits(connections=10**6, connection_rate=10**6, session_rate=10**6, server_requests=10**6),
            **settings,
        )
        Path(self.target.path).write_text(text)

    @property
    def worker(self) -> int:
        return cli.serving_worker(self.target.master)


@contextlib.contextmanager
def running(version: str, lines: Mapping[str, Any] | None = None, **settings: Any) -> Iterator[tuple[Edge, Clients]]:
    """An edge and its clients, until they are not needed any more."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        edge = Edge(version, folder, lines or {}, settings)
        stack.callback(edge.stop)
        edge.start()
        clients = Clients()
        stack.callback(clients.stop)
        yield edge, clients


def memory_of(pid: int) -> int:
    """kB of anonymous memory of a process, of what it shares its part."""
    return int(re.search(r"(?m)^Pss_Anon:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1])


def settled(pid: int) -> int:
    """The same, once it does not change any more."""
    before, now = 0, memory_of(pid)
    while abs(now - before) > 0.005 * now:
        time.sleep(0.5)
        before, now = now, memory_of(pid)
    return now


def each(version: str, kind: str, sizes: tuple[int, ...], **settings: Any) -> tuple[int, list[float]]:
    """kB of a worker without connections, and for each connection of this kind, at each of these numbers."""
    with running(version, **settings) as (edge, clients):
        idle, found, there = settled(edge.worker), [], FIRST
        clients.open(kind, FIRST)
        begin = settled(edge.worker)
        for size in sizes:
            clients.open(kind, size - there)
            there = size
            found.append((settled(edge.worker) - begin) / (size - FIRST))
    return idle, found


def old_worker(version: str, sockets: int) -> int:
    """kB of a worker that a reload has replaced, and that keeps so many WebSockets."""
    with running(version) as (edge, clients):
        clients.open("websocket", sockets)
        worker = edge.worker
        edge.reload()
        return settled(worker)


def library(version: str) -> str:
    """The TLS library of a version, without its date."""
    return " ".join(parse_library(describe_binary(BINARIES[version])).split()[:2])


def memory() -> list[str]:
    """The first table: a line for each kind and number, a column for each version."""
    rows: dict[str, list[str]] = {"TLS library": [library(version) for version in BRANCHES]}
    for version in BRANCHES:
        for kind, sizes, words in KINDS:
            idle, found = each(version, kind, sizes)
            for size, kilobytes in zip(sizes, found):
                rows.setdefault(f"{words}, of {size:,}", []).append(f"{kilobytes:.{1 if kilobytes < 1 else 0}f} kB")
        rows.setdefault("worker without connections", []).append(f"{idle / 1000:.0f} MB")
        for sockets in OLD_WORKERS:
            words = f"old worker that keeps {sockets:,} WebSocket{'s' * (sockets > 1)}"
            rows.setdefault(words, []).append(f"{old_worker(version, sockets) / 1000:.0f} MB")
    rows["the kernel's memory for the two sockets of a connection"] = [f"{kernel_memory():.0f} kB"] * len(BRANCHES)
    return table([["memory for each", *BRANCHES], *([name, *row] for name, row in rows.items())])


def settings() -> list[str]:
    """The second table: what settings change, with the newest version."""
    version = BRANCHES[-1]
    lines = [
        f"| with {version} | WebSocket | WebSocket over HTTP/2 | worker without connections |",
        "|---|---|---|---|",
    ]
    for words, own in SETTINGS.items():
        (idle, [first]), (_idle, [second]) = (each(version, kind, (1_000,), **own) for kind in ("websocket", "h2"))
        lines.append(f"| {words} | {first:.1f} kB | {second:.1f} kB | {idle / 1000:.1f} MB |")
    return lines


def kernel_memory() -> float:
    """kB of the kernel's for the two TCP sockets of a connection that has nothing to send."""
    try:
        slabs = Path("/proc/slabinfo").read_text()
    except PermissionError:
        raise SystemExit("only root can read /proc/slabinfo") from None
    sizes = {line.split()[0]: int(line.split()[3]) for line in slabs.splitlines()[2:]}
    return 2 * sum(sizes.get(name, 0) for name in OBJECTS) / 1000


def needs() -> list[str]:
    """The third table: what an edge needs for so many, by what the role takes for the memory of one."""
    first, last = kernel.SOURCE_PORTS
    columns = []
    for sockets in MANY:
        edges = math.ceil((2 * sockets + 200) / MOST_FILE_DESCRIPTORS)
        share = sockets // edges
        wanted = kernel.list_needs(Promises(share))
        columns.append(
            {
                "sockets": f"{sockets:,}",
                f"edges, since a process opens {MOST_FILE_DESCRIPTORS:,} files": str(edges),
                "**on each of them**": f"{share:,}",
                "memory for sockets": f"{share * kernel.CONNECTION_MEMORY / 1e6:.1f} GB",
                "files that the service opens": f"{2 * share + 200:,}",
                "nodes, for the usual 28,232 source ports": str(math.ceil(share / 28_232)),
                f"nodes, for {last - first + 1:,} source ports (`net.ipv4.ip_local_port_range = {first} {last}`)": str(
                    math.ceil(share / (last - first + 1))
                ),
                f"nodes of all edges, by `haproxy_limits.server_sockets: {Limits().server_sockets}`": str(
                    math.ceil(sockets / Limits().server_sockets)
                ),
                **{f"`{name}`": f"{value:,}" for name, value in wanted.items() if value},
            }
        )
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return table(rows)


def table(rows: list[list[str]]) -> list[str]:
    """The lines of a table, whose first row is its head."""
    head, *others = rows
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *others)]


def main() -> None:
    """Measure, and write the tables."""
    if not BINARIES:
        raise SystemExit("there is no HAProxy: tools/binaries finds some, and REALTIME_EDGE_HAPROXY names others")
    for name, lines in (("needs", needs), ("settings", settings), ("memory", memory)):
        traffic.write(PAGE, {name: lines()})


if __name__ == "__main__":
    main()
