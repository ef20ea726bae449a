#!/usr/bin/env python3
"""What a change costs: the time until a new server takes traffic, the sockets that are lost, a plan, old workers.

Side by side in one run, on an edge of its own (change.yml): a change at run time, one by reload, and the plain way of
other roles (write the file, restart or reload the service).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / ".collections"))

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import plan  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import files  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.servers import Server  # noqa: E402

INVENTORY = Path(__file__).with_suffix(".yml")
RESOURCES = PROJECT / "molecule" / "resources"
SITE = PROJECT / "playbooks" / "site.yml"
EDGE, ADDRESS, HOST = "bench-edge1", "10.213.14.10", "chat.example.com"
NODES = [f"10.213.14.2{number}:3000" for number in (1, 2, 3)]
SOCKETS = 200
RUNS = 3

RELOAD = """
import socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect("/run/haproxy/master.sock")
    s.sendall(b"reload\\n")
    s.shutdown(socket.SHUT_WR)
    print(s.makefile().read())
"""

PLAIN = """
- hosts: edges
  gather_facts: false
  handlers:
    - name: Tell HAProxy
      ansible.builtin.systemd_service: {{name: haproxy, state: {state}}}
  tasks:
    - name: Write the file
      ansible.builtin.copy:
        src: {source}
        dest: /etc/haproxy/haproxy.cfg
        group: haproxy
        mode: "0640"
      notify: Tell HAProxy
"""


def docker(*command: str) -> str:
    """What a command on the edge prints."""
    return subprocess.run(["docker", "exec", EDGE, *command], capture_output=True, text=True, check=True).stdout


def play(playbook: Path, variables: dict[str, Any] | None = None) -> None:
    """Run a playbook on the machines of change.yml."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")}
    command = ["ansible-playbook", "-i", str(INVENTORY), str(playbook), "-e", json.dumps(variables or {})]
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def variables(nodes: list[str], **more: Any) -> dict[str, Any]:
    """The service with these nodes."""
    service = {"name": "chat", "hosts": [HOST], "servers": nodes, "socketio": {}}
    return {"haproxy_services": [service], "haproxy_verify_transports": False, **more}


def connect() -> ssl.SSLSocket:
    """A TLS connection to the edge."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((ADDRESS, 443), 10), server_hostname=HOST)


def node() -> str:
    """Which node answers a request on a new connection."""
    with connect() as connection:
        connection.sendall(f"GET /whoami HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    found = re.search(rb"(?i)^x-node: (\S+)", answer, re.MULTILINE)
    return found[1].decode() if found else ""


class Sockets:
    """Open Socket.IO connections that answer the server's pings, and those that were lost."""

    def __init__(self) -> None:
        self.lost = 0
        self.open: set[ssl.SSLSocket] = set()
        self._poll = select.epoll()
        self._by_number: dict[int, ssl.SSLSocket] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def add(self, count: int) -> None:
        """Open more of them."""
        for _ in range(count):
            connection = connect()
            key = secrets.token_hex(8)
            connection.sendall(
                f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}{key[:6]}==\r\n\r\n".encode()
            )
            if b" 101 " not in connection.recv(4096):
                raise SystemExit("the edge does not take WebSockets")
            connection.sendall(frame(b"40"))  # Socket.IO's "connect"
            connection.setblocking(False)
            self.open.add(connection)
            self._by_number[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def _answer(self) -> None:
        while not self._over.is_set():
            for number, _event in self._poll.poll(0.2):
                connection = self._by_number[number]
                try:
                    while data := connection.recv(4096):
                        if data.endswith(b"\x81\x012"):  # Engine.IO's ping
                            connection.sendall(frame(b"3"))
                    alive = False
                except (ssl.SSLWantReadError, BlockingIOError):
                    alive = True
                except OSError:
                    alive = False
                if not alive:
                    self.lost += 1
                    self.open.discard(connection)
                    self._poll.unregister(number)
                    connection.close()

    def close(self) -> None:
        """Close them all."""
        self._over.set()
        self._thread.join()
        for connection in self.open:
            connection.close()
        self._poll.close()


def frame(text: bytes) -> bytes:
    """A WebSocket frame of a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@contextlib.contextmanager
def waiting_for(name: str) -> Iterator[list[float]]:
    """Asks ten times a second who answers; the list gets the seconds until the node of that name did."""
    found: list[float] = []
    began, over = time.monotonic(), threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            with contextlib.suppress(OSError):
                if node() == name:
                    found.append(time.monotonic() - began)
                    return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
        limit = time.monotonic() + 30
        while thread.is_alive() and time.monotonic() < limit:
            time.sleep(0.05)
    finally:
        over.set()
        thread.join()


def measure(change: Any) -> tuple[float, int]:
    """Seconds until the third node answers, and the sockets that the change cost."""
    with contextlib.closing(Sockets()) as sockets:
        sockets.add(SOCKETS)
        with waiting_for("bench-app3") as found:
            change()
        time.sleep(1)  # until the last close has arrived
        return (found or [float("nan")])[0], sockets.lost


def ways(folder: Path) -> dict[str, Any]:
    """Name → a change that adds the third node."""
    source = folder / "haproxy.cfg"
    text = docker("cat", "/etc/haproxy/haproxy.cfg")
    lines = [
        f"{line}\n{line.replace('10.213.14.22_3000', 'third').replace('10.213.14.22', '10.213.14.23')}"
        if "server 10.213.14.22_3000" in line
        else line
        for line in text.splitlines()
    ]
    source.write_text("\n".join(lines) + "\n")
    plain = {}
    for state in ("reloaded", "restarted"):
        plain[state] = folder / f"{state}.yml"
        plain[state].write_text(PLAIN.format(state=state, source=source))
    timeout = {"haproxy_sections": {"backend": {"chat_http": {"timeout": {"queue": "29s"}}}}}
    return {
        "realtime.edge, at run time": lambda: play(SITE, variables(NODES)),
        "realtime.edge, by reload": lambda: play(SITE, variables(NODES, **timeout)),
        "plain: copy, reload": lambda: play(plain["reloaded"], {}),
        "plain: copy, restart": lambda: play(plain["restarted"], {}),
    }


def changes() -> None:
    """The table of the ways."""
    rows: dict[str, list[tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number in range(RUNS):
            play(SITE, variables(NODES[:2]))
            found = ways(Path(name))
            for way, change in found.items():
                if number or way != next(iter(found)):
                    play(SITE, variables(NODES[:2]))
                rows.setdefault(way, []).append(measure(change))
    first = sorted(seconds for seconds, _lost in next(iter(rows.values())))[RUNS // 2]
    print(f"{'a server is added':28} {'takes traffic after':>20} {'ratio':>6} {f'lost of {SOCKETS}':>12}")
    for way, results in rows.items():
        median = sorted(seconds for seconds, _lost in results)[RUNS // 2]
        most = max(count for _seconds, count in results)
        print(f"{way:28} {median:18.1f} s {median / first:6.2f} {most:12}")


def planning(count: int = 10_000) -> None:
    """The time of a plan in which every hundredth of the servers changes."""

    def configuration(weight: int) -> Any:
        lines = [
            f"n{number} 10.{number >> 16}.{number >> 8 & 255}.{number & 255}:80 check"
            + (f" weight {weight}" if number % 100 == 0 else "")
            for number in range(count)
        ]
        return from_data({"backend": {"many": {"balance": "roundrobin", "server": lines}}})

    before, after = configuration(1), configuration(2)
    servers = {
        ("many", f"n{number}"): Server(
            f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 80, 1, 0, "ready", True, 0
        )
        for number in range(count)
    }
    began = time.monotonic()
    found = plan.make_plan(before, after, files.find_files(after), plan.Observed(servers))
    seconds = time.monotonic() - began
    print(
        f"\nplan of {count} servers: {seconds * 1000:.0f} ms, {len(found.steps)} steps, {len(found.reload)} reasons to reload"
    )


def old_workers(reloads: int = 20, share: int = 100) -> None:
    """The memory of the workers that are left after reloads with sockets on each."""
    play(SITE, variables(NODES))
    with contextlib.closing(Sockets()) as sockets:
        for _ in range(reloads):
            sockets.add(share)
            if "Success=1" not in docker("python3", "-c", RELOAD):
                raise SystemExit("a reload failed")
        time.sleep(1)
        memory = docker("sh", "-c", "for p in $(pgrep -x haproxy); do grep -H ^Pss: /proc/$p/smaps_rollup; done")
        figures = [int(line.split()[1]) / 1024 for line in memory.splitlines()]
        print(
            f"\n{len(figures) - 2} old workers with {len(sockets.open)} sockets after {reloads} reloads"
            f" ({sockets.lost} lost): {sum(figures):.0f} MB in all, {sum(figures) / len(figures):.1f} MB each,"
            " the serving one and the master included"
        )


def main() -> None:
    """Measure everything."""
    subprocess.run([PROJECT / "tools" / "release"], check=True, stdout=subprocess.DEVNULL)
    try:
        play(RESOURCES / "create.yml")
        changes()
        planning()
        old_workers()
    finally:
        play(RESOURCES / "destroy.yml")


main()
