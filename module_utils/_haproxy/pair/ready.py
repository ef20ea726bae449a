# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell keepalived and BIRD whether HAProxy's worker is ready: a program that the role installs, and that always runs.

It asks the worker over its own socket: a worker that is killed, hangs or drains is not ready, whatever the process list
says. keepalived watches the file that this writes (`0` ready, `1` not); its own scripts run once a second at most. BIRD
is told over its control socket, again and again, as it may have begun anew.

Beside that file it writes to how many routers BIRD announces each address, and metrics: keepalived's states, those
announcements and handovers, which HAProxy adds to those of the edge.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import os
import re
import socket
import sys
import threading
import time


def is_ready(path: str, timeout: float) -> bool:
    """Return whether the worker behind this socket answers in time, and takes new connections."""
    limit = time.monotonic() + timeout
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as worker:
            worker.settimeout(timeout)
            worker.connect(path)
            worker.sendall(b"show info\n")
            while True:
                worker.settimeout(max(limit - time.monotonic(), 0.001))
                more = worker.recv(65536)
                if not more:
                    break
                answer += more
    except OSError:
        return False
    return bool(re.search(rb"^Stopping: 0$", answer, re.MULTILINE))


def write(path: str, ready: bool) -> None:
    """Replace the content in place: keepalived watches this file, not its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "w") as file:
        file.write("0\n" if ready else "1\n")


PROTOCOLS = "realtime_edge_*"
"""BIRD's protocols with the addresses that this edge announces."""
ANNOUNCED = "announced"
"""The file that says to how many routers, and since when."""


def ask_bird(path: str, command: str) -> list[str]:
    """Return the lines of BIRD's answer, without their codes; none where no BIRD runs. `0000 ` or an error ends it."""
    answer = b""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as bird:
        bird.settimeout(1)
        bird.connect(path)
        bird.sendall(f"{command}\n".encode())
        while not re.search(rb"^(0000|[89]\d{3}) ", answer, re.MULTILINE):
            more = bird.recv(4096)
            if not more:
                break
            answer += more
    return re.findall(r"^(?:[12]\d{3}[ -]| )(.*)$", answer.decode(errors="replace"), re.MULTILINE)


def tell_bird(path: str, ready: bool) -> None:
    """Have BIRD announce the addresses, or not, where it runs."""
    ask_bird(path, f'{"enable" if ready else "disable"} "{PROTOCOLS}"')


def keep_telling_bird(bird: str, path: str, interval: float) -> None:
    """Tell BIRD for ever what the file says: a BIRD that begins anew knows nothing, and is told before its routers are.

    This goes on while a worker has its time for an answer.
    """
    while True:
        ready = False
        with contextlib.suppress(FileNotFoundError), open(path) as file:
            ready = file.read() == "0\n"
        tell_bird(bird, ready)
        time.sleep(interval)


def read_announced(bird: str) -> dict[str, int]:
    """Return to how many routers BIRD announces each address that it has from the role; none where no BIRD runs."""
    protocols = [line.split()[0] for line in ask_bird(bird, "show protocols") if line.strip()]
    announced = {
        address: 0
        for protocol in protocols
        if fnmatch.fnmatch(protocol, PROTOCOLS)
        for address in _hosts(ask_bird(bird, f"show static {protocol}"))
    }
    for router in protocols:
        if re.fullmatch(r"router\d+", router):
            for address in announced.keys() & _hosts(ask_bird(bird, f"show route export {router}")):
                announced[address] += 1
    return announced


def _hosts(lines: list[str]) -> set[str]:
    """Return the addresses at the beginning of lines of BIRD."""
    return {found[1] for line in lines for found in [re.match(r"([0-9a-f.:]+)/(?:32|128)\s", line)] if found}


def remember_announced(path: str, announced: dict[str, int], now: int) -> None:
    """Keep a line for each address: to how many routers it is announced, and since when. No BIRD announces nothing."""
    before = parse_announced(path)
    after = announced or dict.fromkeys(before, 0)
    lines = []
    for address, routers in sorted(after.items()):
        known, since = before.get(address, (routers, now))
        lines.append(f"{address} {routers} {since if routers == known else now}\n")
    if lines:
        publish(path, "".join(lines))


def parse_announced(path: str) -> dict[str, tuple[int, int]]:
    """Return to how many routers each address is announced, and since when, in seconds since 1970."""
    with contextlib.suppress(FileNotFoundError), open(path) as file:
        return {address: (int(routers), int(since)) for address, routers, since in map(str.split, file)}
    return {}


def keep_reading_bird(bird: str, path: str) -> None:
    """Keep for ever what BIRD announces."""
    while True:
        remember_announced(path, read_announced(bird), int(time.time()))
        time.sleep(1)


_STATES = (
    ("held", "Whether this edge holds the shared address."),
    ("since_seconds", "Since when its state is what it is, in seconds since 1970."),
)
_ANNOUNCED = (
    ("announced", "To how many routers this edge announces the address by BGP."),
    ("announced_since_seconds", "Since when it announces it to so many, in seconds since 1970."),
)
_COUNTS = (
    ("leave", "realtime_edge_handover_flows", "gauge", "Connections of an address that has moved, which go on here."),
    (
        "receive",
        "realtime_edge_handover_packets_total",
        "counter",
        "Packets passed on to the edge that had it.",
    ),
)


KEEPALIVED = "/etc/keepalived/keepalived.conf"


def _read_names(path: str) -> list[str]:
    """Return the names of the addresses that keepalived shares. One that it shared before has left its state."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return re.findall(r"^vrrp_instance (\w+)", file.read(), re.MULTILINE)
    return []


def describe(folder: str, keepalived: str = KEEPALIVED) -> str:
    """Return the metrics that this folder makes: states of VRRP, counts of handovers, announcements by BGP."""
    lines = []
    names = _read_names(keepalived)
    states = [item for item in _read_all(folder, "vrrp-") if item[0] in names and len(item[1]) == 2]
    for suffix, text in _STATES:
        name = f"realtime_edge_address_{suffix}"
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"] if states else []
        for address, (state, since) in states:
            value = since if suffix == "since_seconds" else int(state == "MASTER")
            lines.append(f'{name}{{address="{address}"}} {value}')
    for action, name, kind, text in _COUNTS:
        counts = _read_all(os.path.join(folder, "handover"), f"count-{action}-")
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"] if counts else []
        lines += [f'{name}{{address="{address}"}} {words[0]}' for address, words in counts if words]
    announced = parse_announced(os.path.join(folder, ANNOUNCED))
    for index, (suffix, text) in enumerate(_ANNOUNCED):
        name = f"realtime_edge_address_{suffix}"
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"] if announced else []
        lines += [f'{name}{{address="{address}"}} {values[index]}' for address, values in announced.items()]
    return "".join(f"{line}\n" for line in lines)


def _read_all(folder: str, prefix: str) -> list[tuple[str, list[str]]]:
    """Return the words in each file of this prefix, by the rest of its name."""
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.startswith(prefix) and not name.endswith(".new"):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name)) as file:
                found.append((name[len(prefix) :], file.read().split()))
    return found


def publish(path: str, text: str) -> None:
    """Replace the metrics as a whole: HAProxy reads them at any moment."""
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.chmod(f"{path}.new", 0o644)
    os.replace(f"{path}.new", path)


def watch(worker: str, path: str, interval: float, timeout: float, rise: int) -> None:
    """Ask for ever. One failure is enough to be not ready; `rise` answers in a row are needed to be ready again."""
    answers, told, published = rise, None, ""
    folder = os.path.dirname(path)
    while True:
        answers = answers + 1 if is_ready(worker, timeout) else 0
        ready = answers >= rise
        if ready != told and (ready or not answers):
            write(path, ready)
            sys.stdout.write(f"HAProxy's worker is {'ready' if ready else 'not ready'}\n")
            sys.stdout.flush()
            told = ready
        text = describe(folder)
        if text != published:
            publish(os.path.join(folder, "metrics"), text)
            published = text
        time.sleep(interval)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Tell keepalived and BIRD whether HAProxy's worker is ready")
    parser.add_argument("--socket", default="/run/haproxy/admin.sock")
    parser.add_argument("--file", default="/run/realtime-edge/not-ready")
    parser.add_argument("--bird", default="/run/bird/bird.ctl")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two questions")
    parser.add_argument("--timeout", type=float, default=0.8, help="seconds for an answer")
    parser.add_argument("--rise", type=int, default=5, help="answers in a row after a failure")
    given = parser.parse_args()
    telling = (given.bird, given.file, given.interval)
    threading.Thread(target=keep_telling_bird, args=telling, daemon=True).start()
    reading = (given.bird, os.path.join(os.path.dirname(given.file), ANNOUNCED))
    threading.Thread(target=keep_reading_bird, args=reading, daemon=True).start()
    watch(given.socket, given.file, given.interval, given.timeout, given.rise)


if __name__ == "__main__":
    main()
