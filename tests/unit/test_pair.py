"""Addresses that edges share: what is asked for, who answers for them, and which packets are another edge's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import EdgeError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import (
    addresses,
    handover,
    neighbours,
    orders,
    ready,
)

EDGES = {"edge1": "10.0.0.11", "edge2": "10.0.0.12"}
WEB = {"name": "web", "addresses": ["10.0.0.10/24", "fd00::10/64"], "router_id": 51, "prefer": "edge1"}
RECEIVE = {
    "action": "receive",
    "name": "web",
    "addresses": ["10.0.0.10", "fd00::10"],
    "ports": [80, 443],
    "interface": "eth0",
    "via": {"name": "edge1", "ipv4": "10.0.0.11", "ipv6": "fe80::1", "mac": "02:00:00:00:00:01"},
}
LEAVE = {**RECEIVE, "action": "leave", "own": "10.0.0.11"}


def test_addresses_are_read():
    assert addresses.read_shared([WEB], EDGES) == [addresses.Shared("web", ("10.0.0.10", "fd00::10"))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "no good"}, "keepalived_addresses[0].name: 'no good' is no name"),
        ({"router_id": 256}, "keepalived_addresses[0].router_id: a number from 1 to 255"),
        ({"router_id": None}, "keepalived_addresses[0].router_id: a number from 1 to 255"),
        ({"prefer": "edge3"}, "keepalived_addresses[0].prefer: edge3 is none of the edges edge1, edge2"),
        ({"addresses": ["10.0.0.300/24"]}, "keepalived_addresses[0].addresses[0]: 10.0.0.300/24 is no address"),
        ({"addresses": ["10.0.0.11/24"]}, "keepalived_addresses[0].addresses[0]: 10.0.0.11 is an edge's own address"),
        ({"addresses": ["fd00::10/64"]}, "keepalived_addresses[0].addresses: at least one IPv4 address"),
        ({"addresses": []}, "keepalived_addresses[0].addresses: at least one IPv4 address"),
    ],
)
def test_a_mistake_is_told_by_its_place(change, told):
    with pytest.raises(EdgeError) as error:
        addresses.read_shared([{**WEB, **change}], EDGES)
    assert [problem for problem in error.value.problems if problem.startswith(told)]


def test_two_cannot_be_one():
    with pytest.raises(EdgeError) as error:
        addresses.read_shared([WEB, WEB], EDGES)
    assert [problem.split(": ")[1] for problem in error.value.problems] == [
        "name web is there twice",
        "router_id 51 is there twice",
        "addresses 10.0.0.10 is there twice",
        "addresses fd00::10 is there twice",
    ]


def test_an_address_is_shared_by_two():
    with pytest.raises(EdgeError, match="at least two edges"):
        addresses.read_shared([WEB], {"edge1": "10.0.0.11"})


def test_edges_talk_in_one_family():
    with pytest.raises(EdgeError, match="of one family"):
        addresses.read_shared([WEB], {"edge1": "10.0.0.11", "edge2": "fd00::2"})


def test_a_stranger_is_one_that_answers_for_no_edge(monkeypatch):
    answers = {"10.0.0.10": {"02:aa", "02:bb"}, "10.0.0.12": {"02:bb"}, "fd00::10": {"02:01"}}
    monkeypatch.setattr(neighbours, "ask", lambda *_: answers)
    found = neighbours.find_strangers("eth0", "02:01", ["10.0.0.10", "fd00::10"], ["10.0.0.11", "10.0.0.12"])
    assert found == {"10.0.0.10": {"02:aa"}}


@pytest.fixture
def sockets():
    """Lines of /proc/net/tcp and tcp6, in this machine's byte order."""

    def line(address, port, state):
        packed = b"".join(struct.pack("=I", word) for word in struct.unpack(f"!{len(address) // 4}I", address))
        words = struct.unpack(f"={len(packed) // 4}I", packed)
        swapped = [struct.unpack("=I", struct.pack("!I", word))[0] for word in words]
        return f" 0: {''.join(f'{word:08X}' for word in swapped)}:{port:04X} 00000000:0000 {state} 0:0"

    four, six = socket.inet_aton("10.0.0.10"), socket.inet_pton(socket.AF_INET6, "fd00::10")
    mapped = socket.inet_pton(socket.AF_INET6, "::ffff:10.0.0.10")
    return {
        "established": [line(four, 443, "01"), line(six, 443, "01"), line(mapped, 443, "01")],
        "over": [line(four, 443, "06"), line(four, 443, "07")],
        "other": [line(socket.inet_aton("10.0.0.11"), 443, "01")],
        "any": [
            line(bytes(4), 80, "0A"),
            line(bytes(4), 443, "0A"),
            line(bytes(16), 80, "0A"),
            line(bytes(16), 443, "0A"),
        ],
        "bound": [line(four, 80, "0A"), line(four, 443, "0A")],
    }


def test_flows_are_counted_in_both_families(sockets):
    lines = sockets["established"] + sockets["over"] + sockets["other"] + sockets["any"]
    assert handover.count_flows(["10.0.0.10", "fd00::10"], lines) == 3
    assert handover.count_flows(["10.0.0.10"], lines) == 2


def test_the_kernel_is_read_as_it_is():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert handover.count_flows(["127.0.0.1"]) >= 1
    assert handover.count_flows(["127.250.250.250"]) == 0


def test_a_bind_to_the_address_itself_is_told(monkeypatch, sockets):
    """Then the kernel can't tell a listening socket from a connection."""
    monkeypatch.setattr(handover, "check", lambda order: None)
    orders.check_possible(RECEIVE, sockets["any"])
    with pytest.raises(EdgeError) as error:
        orders.check_possible(RECEIVE, sockets["bound"])
    assert len(error.value.problems) == 4
    assert "bind to [::]:443" in error.value.problems[3]


def test_a_kernel_without_it_is_told(monkeypatch, sockets):
    def refuse(order):
        raise RuntimeError("nft: Could not process rule: No such file or directory")

    monkeypatch.setattr(handover, "check", refuse)
    with pytest.raises(EdgeError, match="the kernel can't pass packets on"):
        orders.check_possible(RECEIVE, sockets["any"])


def test_what_leaves_is_answered_for_by_nobody():
    assert "arp daddr ip { 10.0.0.10 } drop" in handover.rules(LEAVE)
    assert "ip6" not in handover.rules(LEAVE)
    assert handover.rules({**LEAVE, "addresses": ["fd00::10"]}) == ""


namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"),
    reason="network namespaces need root, iproute2 and nftables",
)


@namespaces
@pytest.mark.parametrize("order", [RECEIVE, LEAVE], ids=["receive", "leave"])
def test_the_kernel_takes_the_rules_and_gives_them_back(order, tmp_path):
    """In a network of its own."""
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import handover as h\n"
        "order = json.loads(sys.argv[2])\n"
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
    assert ("inet 10.0.0.10/32" in done.stdout) == (order is LEAVE)


class Worker:
    """A socket that answers like HAProxy's worker, or does not."""

    def __init__(self, path):
        self.answer = b"Name: HAProxy\nStopping: 0\n"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            connection.recv(100)
            if self.answer is None:
                self.hung = connection
                continue
            connection.sendall(self.answer)
            connection.close()


def test_only_a_worker_that_answers_and_takes_connections_is_ready(tmp_path):
    path = str(tmp_path / "admin.sock")
    assert not ready.is_ready(path, 0.2), "no socket"
    worker = Worker(path)
    assert ready.is_ready(path, 5)
    worker.answer = b"Name: HAProxy\nStopping: 1\n"
    assert not ready.is_ready(path, 5), "it drains"
    worker.answer = None
    assert not ready.is_ready(path, 0.2), "it hangs"


def test_one_failure_is_enough_and_several_answers_are_needed(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(ready, "write", lambda path, is_ready: told.append((len(asked), is_ready)))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    answers, asked = iter([True, True, False, False, True, True, False, True, True, True]), []

    def ask(path, timeout):
        asked.append(path)
        return next(answers)

    monkeypatch.setattr(ready, "is_ready", ask)
    with pytest.raises(StopIteration):
        ready.watch("socket", "file", 1, 1, 3)
    assert told == [(1, True), (3, False), (10, True)]


def test_the_file_is_replaced_in_place(tmp_path):
    path = tmp_path / "not-ready"
    ready.write(str(path), True)
    inode = path.stat().st_ino
    ready.write(str(path), False)
    assert (path.read_text(), path.stat().st_ino) == ("1\n", inode)
