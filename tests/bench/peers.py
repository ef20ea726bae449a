"""What edges tell each other of new sessions: bytes and processor time, between two, three and five of them.

The edges have the generated configuration and one thread each, on addresses of the loopback. One gets all new sessions
(polling handshakes, of one client that asks steadily or of some that ask all the time); the others hear of them by the
peers protocol, over TLS. A round ends when all of them know all sessions. Medians of the rounds go into docs/scale.md, with
what follows for more edges.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from traffic import HANDSHAKE, HOST, NODE, PORTS, answer, connect, cpu, head

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/scale.md"
EDGES = (1, 2, 3, 5)
MORE_EDGES = (2, 3, 5, 10, 20)
SESSIONS = 1000
ROUNDS = 3
# Kind of load → (clients, seconds between two sessions of one).
LOADS = {"100 a second": (1, 0.01), "as fast as 4 clients can": (4, 0.0)}
A_SECOND = 500


class Found(NamedTuple):
    """Of one new session: microseconds of the edge that has it and of each other, bytes that go to each other."""

    here: float
    there: float
    sent: float


def binary() -> str:
    """The newest HAProxy that runs on this machine (tools/binaries)."""
    subprocess.run([ROOT / "tools/binaries"], check=True, stdout=subprocess.DEVNULL)
    found = sorted(ROOT.glob(".cache/binaries/[3-9].*/haproxy"))
    return str(found[-1]) if found else sys.exit("There is no HAProxy 3.0 or newer here: run `make demo` first")


def configuration(folder: Path, number: int, count: int) -> str:
    """What the collection writes for the edge of this number of so many; writes its files."""
    sys.path.insert(0, str(ROOT / "module_utils"))
    from _haproxy.config.syntax import render
    from _haproxy.fragments import assemble, store
    from _haproxy.services.edge import Edge
    from _haproxy.services.peers import Peers

    own = folder / str(number)
    own.mkdir()
    members = tuple((f"edge{peer}", f"127.0.0.{peer}:{PORTS['peers']}") for peer in range(1, count + 1))
    peers = (
        Peers(f"edge{number}", members, PORTS["peers"], f"{folder}/certificates/bench.pem") if count > 1 else Peers()
    )
    edge = Edge(
        http=(f"127.0.0.{number}:{PORTS['generated'] + 5}",),
        https=(f"127.0.0.{number}:{PORTS['generated']}",),
        quic=(),
        policy=(),
        stats_bind="",
        certificates=f"{folder}/certificates",
        lua=f"{own}/edge.lua",
        runtime_socket=f"{own}/admin.sock",
        version=(3, 0),
        descriptors=20_000,
        lists=str(own),
        ticket_keys=f"{folder}/tickets.keys",
        peers=peers,
    )
    service = {
        "name": "chat",
        "hosts": [HOST.format(0)],
        "certificate": "bench",
        "servers": [{"name": f"n{node}", "address": "127.0.0.1", "port": PORTS["node"]} for node in (1, 2)],
    }
    owner = store.Fragment(store.OWNER, [service], {"global": {"nbthread": 1}})
    written = assemble.assemble(edge, [owner])
    for path, text in written.files:
        Path(path).write_text(text)
    # A check each two seconds is nobody's session, and all edges of this machine would listen on all its addresses.
    text = render(written).replace("default-server check inter", "default-server inter")
    return text.replace(f"bind :{PORTS['peers']} ", f"bind 127.0.0.{number}:{PORTS['peers']} ")


@contextlib.contextmanager
def running(program: str, text: str, path: Path) -> Iterator[int]:
    """A HAProxy with this text; its process id."""
    path.write_text(text)
    process = subprocess.Popen([program, "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def ask(path: Path, command: str) -> str:
    """The answer of a Runtime API; nothing where none answers yet."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as api:
        api.connect(str(path))
        api.sendall(command.encode() + b"\n")
        return api.makefile().read()
    return ""


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited a minute until {what}")
        time.sleep(0.05)


def known(folder: Path, number: int) -> int:
    """How many sessions an edge knows."""
    found = re.search(r"used:(\d+)", ask(folder / str(number) / "admin.sock", "show table affinity/chat"))
    return int(found[1]) if found else -1


def sent(pid: int) -> dict[str, int]:
    """Connection of this process with a peer → bytes sent there."""
    port = PORTS["peers"]
    command = ["ss", "-tinpHO", f"sport = :{port} or dport = :{port}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listed.splitlines():
        if f"pid={pid}," in line and line.startswith("ESTAB"):
            number = re.search(r" bytes_sent:(\d+)", line)
            found[" ".join(line.split()[3:5])] = int(number[1]) if number else 0
    return found


def settled(pids: dict[int, int]) -> bool:
    """Whether each edge has one connection with each other, and keeps it: at first, two that meet try both."""
    before = [sent(pid).keys() for pid in pids.values()]
    time.sleep(2)
    return before == [sent(pid).keys() for pid in pids.values()] and all(len(one) == len(pids) - 1 for one in before)


def open_sessions(count: int, pause: float) -> None:
    """Open so many sessions on one connection."""
    with connect(PORTS["generated"]) as connection:
        due = time.monotonic()
        for _ in range(count):
            connection.sendall(head(HOST.format(0), HANDSHAKE))
            assert b" 200 " in answer(connection)
            due += pause
            time.sleep(max(due - time.monotonic(), 0) if pause else 0)


def measure(program: str, folder: Path, count: int, load: tuple[int, float]) -> Found | None:
    """One round between so many edges; None where it does not count."""
    clients, pause = load
    with contextlib.ExitStack() as stack:
        pids = {
            number: stack.enter_context(
                running(program, configuration(folder, number, count), folder / str(number) / "haproxy.cfg")
            )
            for number in range(1, count + 1)
        }
        wait("the first edge serves", lambda: known(folder, 1) == 0)
        open_sessions(1, 0)
        wait("all edges know the first session", lambda: all(known(folder, number) == 1 for number in pids))
        wait("the edges are connected", lambda: settled(pids))
        before = {number: (cpu(pid), sent(pid)) for number, pid in pids.items()}
        threads = [threading.Thread(target=open_sessions, args=(SESSIONS // clients, pause)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait("all know all", lambda: all(known(folder, number) == SESSIONS + 1 for number in pids))
        used = {number: (cpu(pid) - before[number][0]) / SESSIONS for number, pid in pids.items()}
        others = [used[number] for number in pids if number > 1]
        after = sent(pids[1])
        if after.keys() != before[1][1].keys():
            print("the edges have connected anew, and what they sent is not known: once more", flush=True)
            return None
        away = [(after[name] - before[1][1][name]) / SESSIONS for name in after]
    return Found(used[1], statistics.mean(others) if others else 0.0, statistics.mean(away) if away else 0.0)


def once(program: str, count: int, load: tuple[int, float]) -> Found | None:
    """One round in a folder of its own, with a node."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepare(folder)
        with running(program, NODE, folder / "node.cfg"):
            return measure(program, folder, count, load)


def rounds(program: str) -> dict[str, dict[int, Found]]:
    """Load → edges → medians."""
    found: dict[str, dict[int, list[Found]]] = {name: {count: [] for count in EDGES} for name in LOADS}
    for _ in range(ROUNDS):
        for name, load in LOADS.items():
            for count in EDGES:
                while not (one := once(program, count, load)):
                    pass
                found[name][count].append(one)
    return {
        name: {count: Found(*map(statistics.median, zip(*seen))) for count, seen in by_count.items()}
        for name, by_count in found.items()
    }


def prepare(folder: Path) -> None:
    """The certificate of service and peers, and ticket keys."""
    (folder / "certificates").mkdir()
    make = "openssl req -x509 -nodes -days 2 -subj /CN=bench -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout -"
    pem = subprocess.run(make.split(), check=True, capture_output=True).stdout
    (folder / "certificates" / "bench.pem").write_bytes(pem)
    keys = [base64.b64encode(os.urandom(80)) + b"\n" for _ in range(3)]
    (folder / "tickets.keys").write_bytes(b"".join(keys))


def table(found: dict[str, dict[int, Found]]) -> list[str]:
    """What was measured, a line for each load and number of edges."""
    lines = [
        "| new sessions at one edge | edges | CPU there, a session | CPU at each other | bytes to each other |",
        "|---|---|---|---|---|",
    ]
    for name, by_count in found.items():
        for count, one in by_count.items():
            rest = f"{one.there:.0f} µs | {one.sent:.0f}" if count > 1 else "|"
            lines.append(f"| {name} | {count} | {one.here:.0f} µs | {rest} |")
    return lines


def further(found: dict[str, dict[int, Found]]) -> list[str]:
    """What follows for more edges, each with so many new sessions a second, by the figures of the busier load."""
    busy = list(found.values())[-1]
    most = busy[EDGES[-1]]
    telling = max((most.here - busy[1].here) / (EDGES[-1] - 1), 0.0)
    lines = [
        f"| edges, each with {A_SECOND} new sessions a second | entries that each receives a second | traffic of each, both ways "
        "| CPU of each for it |",
        "|---|---|---|---|",
    ]
    for count in MORE_EDGES:
        entries = A_SECOND * (count - 1)
        traffic = 2 * entries * most.sent * 8 / 1e6
        lines.append(
            f"| {count} | {entries:,} | {traffic:.1f} Mbit/s | {entries * (telling + most.there) / 1e4:.1f} % of a processor |"
        )
    return lines


def main() -> None:
    """Measure, print both tables and write them."""
    found = rounds(binary())
    text = PAGE.read_text()
    for mark, lines in (("peers", table(found)), ("peers of more edges", further(found))):
        print("\n".join(lines), "\n")
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
