# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch an edge from beside HAProxy: a program that the role installs, and that runs all the time.

HAProxy's worker speaks with the internet, so it must not reach the master (doc/internals/threat-model.txt of HAProxy).
This program may ask the master, and nothing else: it reads what HAProxy's exporter lacks, and gives it to whoever
connects to its socket, as HAProxy does for /metrics/edge. If it ends, HAProxy goes on, and /metrics/edge answers 503.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Seconds for an answer of the master, and for whoever reads the metrics.
TIMEOUT = 5.0

# The metrics are read anew after this many seconds: whoever scrapes more often gets the same.
AGE = 1.0

# Commands in one connection; the master takes a line of up to 16 kB.
_BATCH = 50

# Of the addresses that edges share, as far as the role keepalived is there.
SHARED = "/run/realtime-edge/metrics"

_PROCESS = re.compile(r"^(\d+)\s+(master|worker)\s+(\d+)(?: \[failed: (\d+)\])?", re.MULTILINE)


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
        answer = self.ask("; ".join(f"@!{pid} {command}" for command in commands))
        return "" if answer.startswith("Can't find the target PID") else answer

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


def read_metrics(master: Master, shared: str = SHARED) -> str:
    """Return what HAProxy's exporter lacks. If the master does not answer, the metrics say so."""
    text = Text()
    try:
        workers = master.workers()
        if not workers.serving:
            raise NoAnswer(f"{master.path} has no worker")
        for part in (_add_workers, _add_old_sessions, _add_certificates, _add_misses, _add_peers):
            part(text, master, workers)
        up = 1
    except NoAnswer:
        up = 0
    text.add("realtime_edge_master_up", "gauge", "Whether HAProxy's master answers beside the worker.", [({}, up)])
    with contextlib.suppress(OSError), open(shared, encoding="utf-8") as file:
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
    ends: dict[str, float] = {}
    for first in range(0, len(paths), _BATCH):
        commands = [f"show ssl cert {_escape(path)}" for path in paths[first : first + _BATCH]]
        answer = master.tell(workers.serving, *commands)
        for path, date in re.findall(r"^Filename: (.+)\n(?:(?!Filename: ).*\n)*?notAfter: (.+)$", answer, re.MULTILINE):
            with contextlib.suppress(ValueError):
                ends[path] = calendar.timegm(time.strptime(date, "%b %d %H:%M:%S %Y GMT"))
    name = "realtime_edge_certificate_not_after_seconds"
    samples = [({"certificate": path.rpartition("/")[2]}, end) for path, end in ends.items()]
    text.add(name, "gauge", "When it ends, in seconds since 1970.", samples)


def _escape(word: str) -> str:
    """Return the word as one argument of a command."""
    return re.sub(r"([\\;\t #\"'<])", r"\\\1", word)


def _add_misses(text: Text, master: Master, workers: Workers) -> None:
    found = re.search(r"^HAPROXY_LOCALPEER=(.*)$", master.tell(workers.serving, "show env"), re.MULTILINE)
    own = found[1].strip() if found else ""
    tables = master.tell(workers.serving, "show table")
    names = re.findall(r"^# table: (affinity/:misses\S*), .*used:[1-9]", tables, re.MULTILINE)
    answer = master.tell(workers.serving, *(f"show table {name}" for name in names)) if names else ""
    samples = [
        ({"service": service}, int(count))
        for edge, service, count in re.findall(r"key=([^:\s]+):(\S+) .*http_req_cnt=(\d+)", answer)
        if edge == own
    ]
    name = "realtime_edge_affinity_misses_total"
    text.add(name, "counter", "Requests of sessions that no node was known for.", samples)


def _add_peers(text: Text, master: Master, workers: Workers) -> None:
    answer = master.tell(workers.serving, "show peers affinity")
    found = re.findall(r"id=([^\s(]+)\(remote.*?last_status=(\S+)", answer)
    samples = [({"peer": peer}, int(state == "ESTA")) for peer, state in found]
    text.add("realtime_edge_peer_up", "gauge", "Whether the affinity tables are exchanged with this edge.", samples)


class Metrics:
    """The metrics, read when somebody asks."""

    def __init__(self, master: Master) -> None:
        """Begin without any."""
        self.master = master
        self.lock = threading.Lock()
        self.text, self.read = "", -AGE

    def current(self) -> str:
        """Return the metrics, not older than `AGE`."""
        with self.lock:
            if time.monotonic() - self.read >= AGE:
                self.text = read_metrics(self.master)
                self.read = time.monotonic()
            return self.text


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
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
    server: Server

    def handle(self) -> None:
        """Read nothing: there is one answer."""
        with contextlib.suppress(OSError):  # nobody reads it any more
            self.wfile.write(self.server.metrics.current().encode(errors="surrogateescape"))


def main() -> None:
    """Read the command line, and serve for ever."""
    parser = argparse.ArgumentParser(description="Watch an edge from beside HAProxy")
    parser.add_argument("--master", default="/run/haproxy/master.sock", help="the master CLI")
    parser.add_argument("--listen", default="/run/realtime-edge-agent/metrics.sock", help="where HAProxy asks")
    given = parser.parse_args()
    Server(given.listen, Metrics(Master(given.master))).serve_forever()


if __name__ == "__main__":
    main()
