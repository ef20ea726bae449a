"""What the tests of this scenario share: both edges as one, clients of all kinds at an address, and what moves cost."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
import testinfra
from resources.edge import PROJECT, Held, wait_until

TABLE = PROJECT / ".cache/pair/moves.json"
HOME, OTHER = "pair-edge12", "pair-edge13"
PATIENT = ["--timeout", "60"]  # clients on a machine that does other things too
CLIENTS = [*PATIENT, "--keep-session"]


def pytest_configure(config):
    """Know the mark of what `make pair` does beyond `make test` (molecule.yml)."""
    config.addinivalue_line("markers", "thorough: takes minutes, or a machine that does nothing else")


class Pair:
    """Both edges, their addresses, and who has which."""

    def __init__(self, edge, hosts):
        self.edge, self.hosts = edge, hosts
        self.shared = {item["name"]: item for item in edge.variables["keepalived_addresses"]}
        self.names = sorted(hosts)

    def addresses(self, name):
        return [address.split("/")[0] for address in self.shared[name]["addresses"]]

    def holders(self, name):
        """The edges that have all addresses of this name on their interface."""
        found = []
        for edge, host in self.hosts.items():
            shown = host.check_output("ip -oneline address show dev eth0")
            if all(f" {address}/" in shown for address in self.addresses(name)):
                found.append(edge)
        return found

    def other(self, edge):
        return next(name for name in self.names if name != edge)

    def at_home(self):
        return all(self.holders(name) == [item["prefer"]] for name, item in self.shared.items())

    def info(self, edge):
        """What haproxy_vrrp_info tells on this edge."""
        variables = self.edge.variables
        edges = {name: host.ansible.get_variables()["haproxy_address"] for name, host in self.hosts.items()}
        asked = json.dumps({"addresses": variables["keepalived_addresses"], "edges": edges, "name": edge})
        return self.hosts[edge].ansible("realtime.edge.haproxy_vrrp_info", asked, check=False)

    def metrics(self, edge):
        """The metrics of an edge, in its own words."""
        script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8404/metrics/edge').read().decode())"
        return self.hosts[edge].check_output("python3 -c %s", script).splitlines()

    def at(self, address):
        """The edge that its clients see at this address."""
        seen = copy.copy(self.edge)
        seen.address = f"[{address}]" if ":" in address else address
        return seen

    def tell(self, edge, command):
        """The answer of an edge's Runtime API."""
        there = copy.copy(self.edge)
        there.host = self.hosts[edge]
        return there.ask(command)

    def let(self, edge, name, take):
        """Let an edge take the addresses of this name or not, by keepalived alone: no connection is kept."""
        self.hosts[edge].check_output("echo %s >/run/realtime-edge/leave-%s", "0" if take else "1", name)

    def bring_home(self):
        """Have every address at home, and nothing left of moves. Connections are cut."""
        for edge, host in self.hosts.items():
            host.check_output("systemctl stop 'haproxy-handover@*'; systemctl reset-failed 'haproxy-handover@*'")
            for name, item in self.shared.items():
                self.let(edge, name, item["prefer"] == edge)
        wait_until("every address is at home", self.at_home)
        for edge in self.names:
            for name in self.shared:
                self.let(edge, name, True)
            assert self.traces(edge) == []

    def traces(self, edge):
        """What a move has left on an edge."""
        host = self.hosts[edge]
        left = host.check_output("nft list tables | grep realtime_edge || true").split("\n")
        shared = [f" {address}/" for name in self.shared for address in self.addresses(name)]
        there = host.check_output("ip -oneline address show dev lo scope global").split("\n")
        left += [line for line in there if any(address in line for address in shared)]
        left += host.check_output("systemctl list-units --plain --no-legend 'haproxy-handover@*'").split("\n")
        return [line for line in left if line]


def info(pair, edge):
    """What the worker of an edge tells of itself."""
    return dict(line.split(": ", 1) for line in pair.tell(edge, "show info").splitlines() if ": " in line)


@pytest.fixture(scope="module")
def pair(edge):
    hosts = {name: testinfra.get_host(f"ansible://{name}") for name in edge.variables["groups"]["edges"]}
    return Pair(edge, hosts)


@pytest.fixture
def playbook(play):
    """Run a playbook that has to succeed."""

    def run(name, **variables):
        done = play(variables, playbook=name)
        assert done.returncode == 0, done.stdout
        return done

    return run


@pytest.fixture
def home(pair):
    """Every address is at home, before and after, and nothing is left of moves."""

    def bring():
        if not pair.at_home() or any(pair.traces(name) for name in pair.names):
            pair.bring_home()

    bring()
    yield
    bring()


class Crowd:
    """Clients of all kinds at the addresses of one name: kind → (clients, how many)."""

    def __init__(self, pair, name):
        self.held = {}
        for address in pair.addresses(name):
            at, family = pair.at(address), "IPv6" if ":" in address else "IPv4"
            self.held[f"WebSocket, {family}"] = (at.hold(40, "websocket", *CLIENTS), 40)
            if family == "IPv4":
                self.held["polling"] = (at.hold(20, "polling", *CLIENTS), 20)
            self.held[f"HTTP/2, {family}"] = (self._http2(at, 10), 10)

    @staticmethod
    def _http2(at, count):
        """The same as `Edge.hold` for HTTP/2."""
        command = at.command("http2.js", "--clients", str(count), *PATIENT)
        held = Held(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        wait_until(f"{count} connections are open", lambda: len(held.of("connect")) == count, 120)
        return held

    def release(self):
        """Let go of HTTP/2 connections: a reload ends them by GOAWAY, without an error, and clients open others."""
        for kind in [kind for kind in self.held if kind.startswith("HTTP/2")]:
            held, count = self.held.pop(kind)
            assert [event["cause"] for event in held.of("disconnect", "failed")] == ["GOAWAY 0"] * count
            held.stop()

    def lost(self):
        """How many clients have lost a connection or a request, by kind."""
        return {
            kind: len({event["id"] for event in held.of("disconnect", "failed")})
            for kind, (held, _) in self.held.items()
        }

    def requests(self):
        """Every client asks three times: how many of these requests were not answered, in words."""
        return f"{sum(self.ask().values())} of {3 * sum(count for _, count in self.held.values())}"

    def ask(self, times=3):
        """Every client asks: how many requests were not answered, by kind."""
        failed = dict.fromkeys(self.held, 0)
        for _ in range(times):
            for kind, (held, _) in self.held.items():
                failed[kind] += held.ping()["failed"]
        return failed

    def unhurt(self):
        unanswered = self.ask()
        lost = [(kind, event) for kind, (held, _) in self.held.items() for event in held.of("disconnect", "failed")]
        assert (unanswered, lost) == (dict.fromkeys(self.held, 0), [])

    def resumed(self):
        """How many WebSockets are back with a resumed TLS session, and how many are."""
        back = [
            event
            for kind, (held, _) in self.held.items()
            for event in held.of("reconnect")
            if kind.startswith("WebSocket")
        ]
        return sum(event["resumed"] for event in back), len(back)

    def stop(self):
        for held, _ in self.held.values():
            held.stop()


@pytest.fixture
def crowd(pair):
    """Gather clients of all kinds at the addresses of a name, until the test ends."""
    crowds = []

    def gather(name="web"):
        crowds.append(Crowd(pair, name))
        return crowds[-1]

    yield gather
    for one in crowds:
        one.stop()


class Away:
    """How long nobody could have come: one TLS handshake after the other until stopped, resumed ones where possible."""

    def __init__(self, address):
        self.address, self.longest, self.stopped = address, 0.0, False
        self.thread = threading.Thread(target=self._try, daemon=True)
        self.thread.start()

    def _try(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # a ticket is part of the handshake
        session, last = None, time.monotonic()
        while not self.stopped:
            # A worker that hangs still gets connections from its kernel: what counts is its answer.
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.address, 443), 0.3) as plain,
                context.wrap_socket(plain, server_hostname="chat", session=session) as client,
            ):
                session, now = client.session, time.monotonic()
                self.longest, last = max(self.longest, now - last), now
            time.sleep(0.02)

    def stop(self):
        self.stopped = True
        self.thread.join()
        return round(self.longest, 2)


@pytest.fixture
def away():
    """Watch an address."""
    watching = []

    def watch(address):
        watching.append(Away(address))
        return watching[-1]

    yield watch
    for one in watching:
        one.stop()


class Resumable:
    """Clients that have been at an address, and may resume their TLS sessions at another edge."""

    def __init__(self, pair, address, version=ssl.TLSVersion.TLSv1_3, count=50):
        self.name, self.count = pair.edge.name, count
        self.context = ssl.create_default_context(cafile=str(pair.edge.ca))
        self.context.minimum_version = self.context.maximum_version = version
        self.sessions = [self._connect(address)[0] for _ in range(count)]

    def _connect(self, address, session=None):
        with (
            socket.create_connection((address, 443), 10) as plain,
            self.context.wrap_socket(plain, server_hostname=self.name, session=session) as client,
        ):
            # In TLS 1.3 tickets come after the handshake, before the answer.
            client.sendall(f"GET / HTTP/1.1\r\nHost: {self.name}\r\nConnection: close\r\n\r\n".encode())
            while client.recv(65536):
                pass
            return client.session, client.session_reused

    def resumed(self, address):
        """How many of them resume at this address."""
        return sum(self._connect(address, session)[1] for session in self.sessions)


@pytest.fixture
def keep():
    """Keep what an action has cost, for the tables in docs/pair.md (make pair)."""

    def write(action, **found):
        table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
        table[action] = found
        TABLE.write_text(json.dumps(table, indent=1))

    return write


@pytest.fixture
def record(keep):
    """Keep what an action has cost a crowd."""

    def count(action, crowd, **more):
        clients = sum(count for _, count in crowd.held.values())
        keep(action, clients=clients, lost=sum(crowd.lost().values()), **more)

    return count
