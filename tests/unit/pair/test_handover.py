"""What a handover changes on a host, and which connections it is about."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import handover
from live import wait_for
from pair_orders import LEAVE, LOSE, RECEIVE, SOCKETS


def test_flows_are_counted_in_both_families():
    lines = SOCKETS["established"] + SOCKETS["over"] + SOCKETS["other"] + SOCKETS["any"]
    assert handover.count_flows(["10.0.0.10", "fd00::10"], lines) == 3
    assert handover.count_flows(["10.0.0.10"], lines) == 2


def test_the_kernel_is_read_as_it_is():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert handover.count_flows(["127.0.0.1"]) >= 1
    assert handover.count_flows(["127.250.250.250"]) == 0


def test_what_has_just_ended_is_read_in_both_families():
    lines = SOCKETS["established"] + SOCKETS["ended"] + SOCKETS["ended"]
    assert handover.find_flows(["10.0.0.10", "fd00::10"], handover.TIME_WAIT, lines) == [
        ("198.51.100.7", 40000, "10.0.0.10", 443),
        ("198.51.100.7", 40001, "10.0.0.10", 443),
        ("2001:db8::7", 40002, "fd00::10", 443),
    ]
    assert handover.find_flows(["10.0.0.11"], handover.TIME_WAIT, lines) == []


def test_what_leaves_is_answered_for_by_nobody():
    assert "arp daddr ip { 10.0.0.10 } drop" in handover.rules(LEAVE)
    assert "arp" not in handover.rules({**LEAVE, "addresses": ["fd00::10"]})


namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"),
    reason="network namespaces need root, iproute2 and nftables",
)


@namespaces
@pytest.mark.parametrize("order", [RECEIVE, LEAVE, LOSE], ids=["receive", "leave", "lose"])
def test_the_kernel_takes_the_rules_and_gives_them_back(order, tmp_path):
    """In a network of its own."""
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import handover as h\n"
        "order = json.loads(sys.argv[2])\n"
        "h.find_flows = lambda *_: [('198.51.100.7', 40000, '10.0.0.10', 443), ('2001:db8::7', 40002, 'fd00::10', 443)]\n"
        "h.check(order); h.apply(order); h.apply(order)\n"
        "print(h._run('nft', 'list', 'ruleset'), h._run('ip', 'address', 'show', 'dev', 'lo'))\n"
        "order['action'] == 'receive' and print('passed', h.passed_on(order))\n"
        "h.undo(order); h.undo(order)\n"
        "assert not h._run('nft', 'list', 'ruleset'), 'rules stay'\n"
        "assert '10.0.0.10' not in h._run('ip', 'address', 'show', 'dev', 'lo'), 'addresses stay'\n"
    )
    command = 'ip link set lo up; ip link add eth0 type veth peer name eth1; ip link set eth0 up; exec "$@"'
    folder = os.path.dirname(handover.__file__)
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", command, "sh", "python3", "-c", script, folder, json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("passed 0" in done.stdout) == (order is RECEIVE)
    assert ("inet 10.0.0.10/32" in done.stdout) == (order is not RECEIVE)
    for element in ("198.51.100.7 . 40000 . 10.0.0.10 . 443", "2001:db8::7 . 40002 . fd00::10 . 443"):
        assert (element in done.stdout) == (order is not LOSE)


IDLE, LIMIT, FOR_EVER = 900, 3600, 1e9


class Clock:
    """A time that passes only while somebody waits."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        assert self.now < 2 * LIMIT, "it never ends"


@pytest.fixture
def lasts(monkeypatch, tmp_path):
    """How many seconds an order is kept: `busy` says for how many something is passed on, or goes on."""
    clock = Clock()

    def watch(order, busy, alive=True):
        monkeypatch.setattr(handover, "passed_on", lambda _order: min(clock.now, busy))
        monkeypatch.setattr(handover, "count_flows", lambda _addresses: int(clock.now < busy))
        monkeypatch.setattr(handover, "_reachable", lambda *_target: alive)
        handover.watch({"idle": IDLE, "limit": LIMIT, **order})
        return clock.now

    monkeypatch.setattr(handover, "time", clock)
    monkeypatch.setattr(handover, "FOLDER", str(tmp_path))
    return watch


@pytest.mark.parametrize(
    ("order", "busy", "least"),
    [
        (RECEIVE, 100, 100 + IDLE),
        ({**RECEIVE, "idle": 20}, 100, 120),
        (RECEIVE, FOR_EVER, LIMIT),
        ({**RECEIVE, "limit": 60}, FOR_EVER, 60),
        (LEAVE, 100, 100),
        ({**LEAVE, "limit": 60}, FOR_EVER, 60),
    ],
)
def test_a_handover_ends_when_nobody_needs_it_and_when_its_time_is_over(lasts, order, busy, least):
    assert least <= lasts(order, busy) <= least + 10


@pytest.mark.parametrize(("busy", "told"), [(1, 0), (FOR_EVER, 1)])
def test_connections_that_cannot_be_reset_are_told_once(lasts, monkeypatch, capsys, busy, told):
    def run(*command):
        if command[0] == "ss":
            raise RuntimeError("RTNETLINK answers: Operation not supported")
        return ""

    monkeypatch.setattr(handover, "_run", run)
    assert lasts({**LOSE, "limit": 60}, busy) <= 61
    assert capsys.readouterr().err.count("were not reset") == told


def test_nothing_is_passed_on_to_an_edge_that_is_dead(lasts):
    """Its clients then get a reset."""
    assert lasts(RECEIVE, FOR_EVER, alive=False) <= 10


# A host of a network: it runs each line that it is given, and answers with the value of its last expression.
HOST = """
import ast, json, socket, sys
sys.path.insert(0, sys.argv[1])
import handover
names = globals()
for line in sys.stdin:
    *before, last = ast.parse(json.loads(line)).body
    exec(compile(ast.Module(before, []), "before", "exec"), names)
    print(json.dumps(eval(compile(ast.Expression(last.value), "last", "eval"), names)), flush=True)
"""


class Host:
    """A host with a network of its own."""

    def __init__(self):
        command = ["unshare", "--net", "python3", "-c", HOST, os.path.dirname(handover.__file__)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run("ip link set lo up")

    def __call__(self, code):
        """The value of the last expression."""
        self.process.stdin.write(f"{json.dumps(code)}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run(self, *commands):
        """Run commands."""
        for command in commands:
            self(f"handover._run(*{command.split()!r})")


@pytest.fixture
def link():
    """A link with a client and two edges, which listen; the first of them has the address 10.0.0.10."""
    client, *edges = hosts = [Host() for _ in range(3)]
    client.run("ip link add br0 type bridge", "ip link set br0 up")
    client.run("ip address add 10.0.0.1/24 dev br0", "ip address add fd00::1/64 dev br0 nodad")
    for number, edge in enumerate(edges, 1):
        client.run(
            f"ip link add port{number} type veth peer name eth0 netns {edge.process.pid}",
            f"ip link set port{number} master br0 up",
        )
        edge.run("ip link set eth0 up")
        edge.run(f"ip address add 10.0.0.1{number}/24 dev eth0", f"ip address add fd00::1{number}/64 dev eth0 nodad")
        edge("listener = socket.create_server(('', 443), family=socket.AF_INET6, dualstack_ipv6=True); 0")
        edge("listener.settimeout(20)")
    edges[0].run("ip address add 10.0.0.10/24 dev eth0", "ip address add fd00::10/64 dev eth0 nodad")
    yield client, *edges
    for host in hosts:
        host.process.communicate()


def connect(name, address):
    return f"{name} = socket.create_connection(('{address}', 443), 20); 0"


@namespaces
@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
def test_the_clients_of_an_edge_that_loses_its_address_are_reset(link, address):
    """One whose connection is accepted, and one that still waits for that. The edge's other connections stay."""
    client, edge, _other = link
    client(connect("client", f"{address}0"))
    edge("accepted = listener.accept()[0]; 0")
    client(connect("own", f"{address}1"))
    edge("own = listener.accept()[0]; 0")
    client(connect("waiting", f"{address}0"))
    edge.run("ip address del 10.0.0.10/24 dev eth0", "ip address del fd00::10/64 dev eth0")
    edge(f"order = {LOSE}; handover.apply(order); handover.watch(order); handover.undo(order)")
    for name in ("client", "waiting"):
        assert client(f"{name}.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)") == errno.ECONNRESET
    edge("own.sendall(b'own'); 0")
    assert client("own.recv(3).decode()") == "own"
    assert edge("handover._run('nft', 'list', 'ruleset')") == ""


@namespaces
def test_an_edge_that_has_its_address_again_resets_nobody(link):
    client, edge, _other = link
    client(connect("client", "10.0.0.10"))
    edge(f"order = {LOSE}; handover.apply(order); handover.watch(order); handover.undo(order)")
    assert client("client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)") == 0


OFFERS_LOST = """
table netdev lost {{
    chain {port} {{ type filter hook ingress device {port} priority 0; tcp flags & (syn | ack) == syn | ack drop; }}
}}
"""
# Of each connection that is offered and not taken: how often it was offered again.
OFFERS = "[line.split()[6] for line in handover.read_sockets() if line.split()[3] == handover.SYN_RECEIVED]"


@namespaces
def test_a_client_whose_offer_was_lost_before_a_move_is_served_after_it(link):
    """It asks again, and the new holder offers a connection; the old one would, too, and the client might take that."""
    client, old, new = link
    for port in ("port1", "port2"):
        client(f"handover._run('nft', '--file', '-', text={OFFERS_LOST.format(port=port)!r})")
    client("client = socket.socket(); client.setblocking(False); client.connect_ex(('10.0.0.10', 443))")
    wait_for(lambda: old(OFFERS))
    mac = {
        edge: edge("json.loads(handover._run('ip', '-json', 'link', 'show', 'eth0'))[0]['address']")
        for edge in (old, new)
    }
    via = {"name": "edge1", "ipv4": "10.0.0.11", "ipv6": "fe80::1", "mac": mac[old]}
    new(f"handover.apply({ {**RECEIVE, 'via': via} })")
    old(f"handover.apply({LEAVE})")
    old.run("ip address del 10.0.0.10/24 dev eth0")
    new.run("ip address add 10.0.0.10/24 dev eth0")
    client.run(f"ip neigh replace 10.0.0.10 lladdr {mac[new]} dev br0")
    wait_for(lambda: new(OFFERS))
    before = old(OFFERS)
    client.run("nft delete chain netdev lost port1")
    wait_for(lambda: not before or old(OFFERS) != before)  # the old one would offer another
    client.run("nft delete chain netdev lost port2")
    new("accepted = listener.accept()[0]; accepted.sendall(b'new'); 0")
    client("client.settimeout(20)")
    assert client("client.recv(3).decode()") == "new"
