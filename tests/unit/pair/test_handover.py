"""What a handover changes on a host, and which connections it is about."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import handover
from pair_orders import LEAVE, RECEIVE, SOCKETS


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
    assert handover.find_ended(["10.0.0.10", "fd00::10"], lines) == [
        ("198.51.100.7", 40000, "10.0.0.10", 443),
        ("198.51.100.7", 40001, "10.0.0.10", 443),
        ("2001:db8::7", 40002, "fd00::10", 443),
    ]
    assert handover.find_ended(["10.0.0.11"], lines) == []


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
        "h.find_ended = lambda _: [('198.51.100.7', 40000, '10.0.0.10', 443), ('2001:db8::7', 40002, 'fd00::10', 443)]\n"
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
    for element in ("198.51.100.7 . 40000 . 10.0.0.10 . 443", "2001:db8::7 . 40002 . fd00::10 . 443"):
        assert (element in done.stdout) == (order is RECEIVE)


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


def test_nothing_is_passed_on_to_an_edge_that_is_dead(lasts):
    """Its clients then get a reset."""
    assert lasts(RECEIVE, FOR_EVER, alive=False) <= 10
