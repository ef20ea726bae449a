"""Sessions of a real HAProxy are moved while something fails: no other one is lost, and another run goes on."""

import contextlib
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.agent import agent
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, closing, rebalance
from live import LiveEdge, every_version, free_port, wait_for

CLIENTS = 24
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket"
# The example of RFC 6455, 1.3.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
REQUEST = f"GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"


class SocketNode(socketserver.ThreadingTCPServer):
    """A node that opens a WebSocket to whoever asks, says its name in the answer, and keeps it."""

    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

    def __init__(self, name):
        super().__init__(("127.0.0.1", 0), _Opened)
        self.name = name
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass


class _Opened(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        accept = f"Sec-WebSocket-Accept: {ACCEPT}\r\nX-Node: {self.server.name}"
        self.wfile.write(f"HTTP/1.1 101 Here\r\n{UPGRADE}\r\n{accept}\r\n\r\n".encode())
        self.rfile.read(1)


class Client(threading.Thread):
    """A client that comes back when it loses its WebSocket; `nodes` are those that it has had."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.nodes, self.ended, self.connection = port, [], threading.Event(), None
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 20) as connection:
                self.connection = connection
                connection.settimeout(None)
                connection.sendall(REQUEST.encode())
                file = connection.makefile("rb")
                head = dict(line.lower().split(b": ") for line in iter(file.readline, b"\r\n") if b": " in line)
                if b"x-node" in head:
                    self.nodes.append(head[b"x-node"].strip().decode())
                    file.read(1)

    def stop(self):
        self.ended.set()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class Running:
    """An edge with WebSockets, the service beside it, and clients that are all on n1: n2 has come since."""

    def __init__(self, version, folder):
        self.edge, self.port, self.folder = LiveEdge(version, folder), free_port(), folder
        self.nodes = {name: SocketNode(name) for name in ("n1", "n2")}
        self.agent, self.clients = None, []

    def start(self):
        apply.apply(self.configuration(n1="n1"), self.edge.target)
        self.edge.start()
        self.begin()
        self.clients = [Client(self.port) for _ in range(CLIENTS)]
        wait_for(lambda: self.places() == {"n1": CLIENTS})

    def configuration(self, **names):
        """Name → the node behind it."""
        servers = [f"{name} {self.nodes[node].address}" for name, node in names.items()]
        return data.from_data(
            {
                "global": {"setenv": "REALTIME_EDGE_SOCKETS 0", "stats": "timeout 60s"},
                "defaults": {
                    "mode": "http",
                    "timeout": {"client": "1h", "server": "1h", "connect": "5s", "tunnel": "1h"},
                },
                "frontend": {"web": {"bind": f"127.0.0.1:{self.port}", "default_backend": "chat_websocket"}},
                "backend": {"chat_websocket": {"balance": "leastconn", "server": servers}},
            }
        )

    def begin(self):
        program = [sys.executable, "-I", "-S", agent.__file__]
        listen = f"{self.folder}/metrics.sock"
        self.agent = subprocess.Popen([*program, "--master", self.edge.target.master, "--listen", listen])
        wait_for(lambda: "node_sockets" in self.metrics())

    def metrics(self):
        with contextlib.suppress(closing.ClosingError):
            return rebalance.read_counts(f"{self.folder}/metrics.sock")
        return ""

    def add_second(self):
        apply.apply(self.configuration(n1="n1", n2="n2"), self.edge.target)
        wait_for(lambda: self.counted("n2") == (0, CLIENTS // 2))

    def counted(self, name):
        """The sockets of a node and its share, as the service beside HAProxy tells."""
        with contextlib.suppress(closing.ClosingError):
            node = rebalance.read_nodes(self.metrics()).get(("chat", name))
            return node and (node.sockets, node.share)

    def places(self):
        """Node → clients there."""
        now = [client.nodes[-1] for client in self.clients if client.nodes]
        return {name: now.count(name) for name in set(now)}

    def lost(self):
        return sum(len(client.nodes) - 1 for client in self.clients)

    def move(self, rounds):
        closed, _nodes = rebalance.close_surplus(
            self.edge.target.master, f"{self.folder}/metrics.sock", 0.1, 60, rounds
        )
        return closed

    def stop(self):
        for client in self.clients:
            client.stop()
        if self.agent:
            self.agent.kill()
            self.agent.wait()
        self.edge.stop()
        for node in self.nodes.values():
            node.shutdown()
            node.server_close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    running = []
    monkeypatch.setattr(closing.paths, "PROGRESS", str(tmp_path / "closing"))

    def begin(version):
        running.append(Running(version, tmp_path))
        running[-1].start()
        return running[-1]

    yield begin
    for one in running:
        one.stop()


@contextlib.contextmanager
def hung(pid, monkeypatch):
    """Let a process hang, and wait for it no longer than a second."""
    os.kill(pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(cli, "SOON", 1.0)
            yield
    finally:
        os.kill(pid, signal.SIGCONT)


@every_version
def test_the_service_hangs_in_the_middle_of_a_rebalance(version, run, monkeypatch):
    one = run(version)
    one.add_second()
    monkeypatch.setattr(closing, "_ROUND", 0.5)
    closed = one.move(1)
    assert 1 <= closed <= 6
    with hung(one.agent.pid, monkeypatch):
        with pytest.raises(closing.ClosingError, match=r"realtime-edge-agent, .* does not answer \(timed out\)"):
            one.move(0)
        assert one.lost() <= closed
        # What does not need the counts goes on.
        done = closing.drain(one.edge.target.master, lambda session: session.server == "n2", 50, "n2", seconds=0.1)
        assert done.closed
    monkeypatch.undo()
    monkeypatch.setattr(closing.paths, "PROGRESS", str(one.folder / "closing"))
    one.move(0)
    wait_for(lambda: abs(one.places()["n1"] - one.places()["n2"]) <= 4)
    assert one.lost() <= closed + done.closed + CLIENTS


@every_version
def test_the_service_is_killed_in_the_middle_of_a_rebalance(version, run, monkeypatch):
    one = run(version)
    one.add_second()
    monkeypatch.setattr(closing, "_ROUND", 0.5)
    closed = one.move(1)
    one.agent.kill()
    one.agent.wait()
    with pytest.raises(closing.ClosingError, match=r"realtime-edge-agent, .* does not answer \(Connection refused\)"):
        one.move(0)
    assert one.lost() <= closed
    # HAProxy serves on, with the weights that it was told last.
    one.clients.append(Client(one.port))
    wait_for(lambda: one.places().get("n2", 0) > closed)
    one.begin()
    one.move(0)
    wait_for(lambda: abs(one.places()["n1"] - one.places()["n2"]) <= 4)


@every_version
def test_haproxy_hangs_in_the_middle_of_a_drain(version, run, monkeypatch):
    one = run(version)
    one.add_second()
    one.edge.ask("set server chat_websocket/n1 state drain")
    master = one.edge.target.master

    def drain(seconds):
        return closing.drain(master, lambda session: session.server == "n1", 20, "n1", seconds=seconds)

    first = drain(0.3)
    assert 1 <= first.closed <= 6
    with hung(cli.serving_worker(master), monkeypatch), pytest.raises(cli.RuntimeFailure, match="did not answer"):
        drain(60)
    assert one.lost() <= first.closed
    second = drain(60)
    assert (first.closed + second.closed, second.left) == (CLIENTS, 0)
    wait_for(lambda: one.places() == {"n2": CLIENTS})
    assert one.lost() == CLIENTS


@every_version
def test_a_node_is_renamed_while_it_has_sockets(version, run):
    one = run(version)
    done = apply.apply(one.configuration(new="n1"), one.edge.target)
    assert done.action == "runtime", done.reasons
    assert one.lost() == 0
    one.clients.append(Client(one.port))
    wait_for(lambda: one.places() == {"n1": CLIENTS + 1})
    wait_for(lambda: one.counted("new") == (1, 1))
    # Nobody moves: the old name takes none, and the new one has its share.
    assert one.move(0) == 0
    assert one.lost() == 0
