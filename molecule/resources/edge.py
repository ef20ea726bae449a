"""The edge under test, as its users and its operator see it, and clients that stay connected to it."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import http.client
import io
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import termios
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import ansible

PROJECT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"
T = TypeVar("T")

# Passes questions on to HAProxy's sockets, one a line: there is no socat on a host that the role set up.
OPERATOR = """
import json, socket, sys, time
def connect(path):
    # A master of 2.6 executes itself anew at a reload, and its socket is away for a moment.
    end = time.monotonic() + 5
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        try:
            s.connect(path)
            return s
        except (ConnectionRefusedError, FileNotFoundError):
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
for line in sys.stdin:
    path, question = json.loads(line)
    try:
        with connect(path) as s:
            s.sendall(question.encode() + b"\\n")
            s.shutdown(socket.SHUT_WR)
            said = {"answer": s.makefile().read()}
    except OSError as error:
        said = {"error": f"{path}: {error}"}
    print(json.dumps(said), flush=True)
"""


_operators: dict[str, subprocess.Popen[str]] = {}


def operator(container: str) -> subprocess.Popen[str]:
    """Start OPERATOR in a container, once: to start it for every question takes longer than the answer.

    It ends with its container, which may have restarted since.
    """
    if container not in _operators or _operators[container].poll() is not None:
        command = ["docker", "exec", "--interactive", container, "python3", "-c", OPERATOR]
        _operators[container] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return _operators[container]


# Where a host has the modules that tests run there.
MODULES = "/root/modules"


@cache
def ship_modules(container: str) -> None:
    """Put the collection's modules on a host, and what they take from Ansible, once."""
    collections = Path(os.environ.get("ANSIBLE_COLLECTIONS_PATH", PROJECT / ".collections"))
    plugins = "ansible_collections/realtime/edge/plugins"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for folder in ("modules", "module_utils"):
            tar.add((collections / plugins / folder).resolve(), f"{plugins}/{folder}", filter=_without_caches)
        tar.add(Path(ansible.__path__[0]) / "module_utils", "ansible/module_utils", filter=_without_caches)
        tar.addfile(tarfile.TarInfo("ansible/__init__.py"))
    command = f"mkdir -p {MODULES} && tar -x -C {MODULES}"
    subprocess.run(["docker", "exec", "-i", container, "sh", "-c", command], input=archive.getvalue(), check=True)


def _without_caches(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in item.name else item


def run_module(host: Any, name: str, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module of the collection on a host: its result, whether it fails or not.

    Ansible itself would take ten times as long for that. The controller's part of the module is left out.
    """
    container = host.backend.host
    ship_modules(container)
    python = host.ansible.get_variables().get("ansible_python_interpreter", "python3")
    command = [python, "-m", f"ansible_collections.realtime.edge.plugins.modules.{name}"]
    done = subprocess.run(
        ["docker", "exec", "-i", "--env", f"PYTHONPATH={MODULES}", container, *command],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check}}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def wait_until(what: str, condition: Callable[[], T], seconds: float = 30) -> T:
    """Return the condition's first true value; fail with what was waited for when the time is over."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s until {what}"
        time.sleep(0.1)
    return value


class Held:
    """Clients that clients/hold.js keeps connected: the events that befell them, in order."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.asked = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        self.events.extend(json.loads(line) for line in self.process.stdout)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Events of these kinds."""
        return [event for event in list(self.events) if event["event"] in kinds]

    def nodes(self) -> dict[int, str]:
        """Client → the node that it reached last."""
        return {event["id"]: event["node"] for event in self.of("connect", "reconnect")}

    def ping(self) -> dict[str, Any]:
        """Ask every client's node for an answer: {"answered": N, "failed": N, "per_node": {...}}."""
        self.talk(1)
        return wait_until("all were answered or given up", lambda: self.of("ping")[self.asked - 1 :], 90)[0]

    def talk(self, times: int) -> None:
        """Ask every client's node several times, without waiting for the answers."""
        self.asked += times
        self.process.stdin.write("ping\n" * times)
        self.process.stdin.flush()

    def stop(self) -> None:
        """Close all clients."""
        self.process.communicate(timeout=30)


class Crowd:
    """Processes of clients/numbered.js, each with many sockets that talk while the edge changes."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.processes: list[subprocess.Popen[str]] = []

    def come(self, clients: int, host: str, transport: str, *more: str) -> None:
        """Start this many, and wait until all are connected."""
        self.come_together([(clients, host, transport, more)])

    def come_together(self, groups: Iterable[tuple[int, str, str, Iterable[str]]]) -> None:
        """Start a process for each group, and wait until all are connected."""
        begun = []
        for clients, host, transport, more in groups:
            options = ["--insecure", "--clients", str(clients), "--transport", transport, "--timeout", "60", *more]
            command = self.edge.command("numbered.js", *options)
            command[command.index("--host") + 1] = host
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            begun.append(subprocess.Popen(command, text=True, **pipes))
        self.processes += begun
        for process in begun:
            assert json.loads(process.stdout.readline()).get("ready")

    def observed(self) -> list[dict[str, Any]]:
        """End them, and say what each process has observed."""
        said = [process.communicate(timeout=120)[0] for process in self.processes]
        return [json.loads(output.splitlines()[-1]) for output in said]


class Edge:
    """An edge under test."""

    def __init__(self, host: Any, ca: Path) -> None:
        self.host = host
        self.variables: dict[str, Any] = host.ansible.get_variables()
        self.address: str = self.variables["haproxy_address"]
        service = self.variables["haproxy_services"][0]
        # A service for every host has a certificate for its own name.
        self.name: str = service.get("hosts", [service["name"]])[0]
        self.port = 443
        self.sockets = "/run/haproxy"
        self.ca = ca
        # A self-signed stand-in is taken as its own authority: its name and dates still count.
        authorities = self.variables.get("scenario_authorities")
        ca.write_text(
            (PROJECT / authorities).read_text() if authorities else ssl.DER_cert_to_PEM_cert(self._certificate())
        )

    # As its users see it

    def _connect(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection((self.address, self.port), 10), server_hostname=self.name)

    def _certificate(self) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with self._connect(context) as connection:
            return connection.getpeercert(binary_form=True)

    def connect(self) -> ssl.SSLSocket:
        """A connection of a client that trusts the edge."""
        return self._connect(ssl.create_default_context(cafile=str(self.ca)))

    def get(self, path: str, secure: bool = True, **headers: str) -> http.client.HTTPResponse:
        """GET a path: the response, its body in attribute `text`."""
        connection = http.client.HTTPConnection(self.name)
        connection.sock = self.connect() if secure else socket.create_connection((self.address, 80), 10)
        try:
            connection.request("GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def command(self, script: str, *arguments: str) -> list[str]:
        """How to run a script of clients/ at this edge."""
        url = f"https://{self.address}:{self.port}"
        interpreter = "node" if script.endswith(".js") else sys.executable
        return [interpreter, str(CLIENTS / script), "--url", url, "--host", self.name, "--ca", str(self.ca), *arguments]

    def answer(self, connection: socket.socket, *parts: bytes) -> bytes:
        """What comes back until the edge closes; each part is sent when the edge has looked at what came before."""
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        # A reset is a close: what has not been read is thrown away with it.
        with connection, contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            for number, part in enumerate(parts):
                if number:
                    wait_until("the edge has read what came before", lambda: self._has_read(connection))
                connection.sendall(part)
            while more := connection.recv(65536):
                received += more
        return received

    def _has_read(self, connection: socket.socket) -> bool:
        """Whether all that was sent has arrived, and is in no queue of the edge's kernel any more."""
        if struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
            return False
        address, port = connection.getsockname()
        state = self.host.check_output("ss --no-header --tcp --numeric dst = %s and dport = %s", address, str(port))
        return bool(state) and state.split()[1] == "0"

    def client(self, script: str, *arguments: str) -> dict[str, Any]:
        """What a script of clients/ answers with --json, whatever its exit status."""
        command = self.command(script, "--json", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def hold(self, clients: int, transport: str, *more: str) -> Held:
        """Connect this many clients and wait until every one has its node."""
        command = self.command("hold.js", "--clients", str(clients), "--transport", transport, *more)
        held = Held(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        wait_until(f"{clients} clients are connected", lambda: len(held.nodes()) == clients, 120)
        return held

    # As its operator sees it

    def ask(self, command: str, socket_name: str = "admin") -> str:
        """Ask the worker's Runtime API, or with "master" the master's."""
        process = operator(self.host.backend.host)
        process.stdin.write(json.dumps([f"{self.sockets}/{socket_name}.sock", command]) + "\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())
        assert "answer" in said, said["error"]
        return said["answer"].rstrip("\n")

    def module(self, name: str, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module of the collection on the edge: its result."""
        return run_module(self.host, name, check, **options)

    def reload(self) -> None:
        """Reload as the role does: when the worker has the tables of the one before, and until a new one serves."""

        def complete() -> bool:
            flags = re.findall(r" flags=0x([0-9a-f]+) resync_timeout=", self.ask("show peers"))
            return all(int(flag, 16) & 3 == 3 for flag in flags)

        wait_until("the worker has its tables", complete)
        worker = self.worker()
        self.ask("reload", "master")
        wait_until("a new worker serves", lambda: self.worker() != worker)

    def statistics(self) -> dict[tuple[str, str], dict[str, str]]:
        """(proxy, server) → the fields of `show stat`."""
        rows = csv.DictReader(io.StringIO(self.ask("show stat").lstrip("# ")))
        return {(row["pxname"], row["svname"]): row for row in rows if row["svname"]}

    def served(self) -> dict[str, int]:
        """Backend → how many sessions it has served so far."""
        return {proxy: int(row["stot"]) for (proxy, server), row in self.statistics().items() if server == "BACKEND"}

    def worker(self) -> str:
        """Process id of the worker that serves."""
        return dict(line.split(": ", 1) for line in self.ask("show info").splitlines() if ": " in line)["Pid"]
