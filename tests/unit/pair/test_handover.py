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
