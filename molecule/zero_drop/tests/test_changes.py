"""Two thousand live sockets, and an edge that is changed some eighty times: nobody notices, and nothing surprises."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections import Counter
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://edges"]

PROJECT = Path(__file__).parents[3]
# Sockets, host, transport, more: one process each, as one of Node's is busy with so many. Polling makes a connection
# for each request, with a TLS handshake on both sides: fewer of these, which talk less.
CLIENTS = [
    (700, "chat.example.com", "websocket", ["--interval", "6000", "--stream", "100"]),
    (300, "chat.example.com", "polling", ["--interval", "20000"]),
    (700, "kept.example.com", "websocket", ["--interval", "6000", "--cookies"]),
    (300, "kept.example.com", "polling", ["--interval", "20000", "--cookies"]),
]
SOCKETS = sum(share for share, *_ in CLIENTS)


@pytest.fixture
def sockets(crowd):
    """All clients, connected."""
    crowd.come_together(CLIENTS)
    return crowd


@pytest.fixture
def other_binary(edge):
    """Another HAProxy on the edge: the suites' other version, or this one in another place."""
    if edge.variables.get("haproxy_install_method") == "package":
        edge.host.check_output(
            "cd $(mktemp -d) && apt-get update -qq && apt-get download -qq 'haproxy=3.2.*'"
            " && dpkg -x haproxy_*.deb /opt/other"
        )
        return "/opt/other/usr/sbin/haproxy"
    edge.host.check_output("mkdir -p /opt/other && cp $(readlink -f /usr/local/sbin/haproxy) /opt/other/haproxy")
    return "/opt/other/haproxy"


def rooms(edge, tmp_path):
    """Put the collection's rooms and the list of changes on the edge."""
    archive = tmp_path / "rooms.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(
            PROJECT / "module_utils/_haproxy",
            "haproxy",
            filter=lambda item: None if "__pycache__" in item.name else item,
        )
        tar.add(PROJECT / "molecule/zero_drop/change.py", "change.py")
    name = edge.variables["inventory_hostname"]
    edge.host.check_output("mkdir -p /root/rooms")
    with archive.open("rb") as file:
        subprocess.run(["docker", "exec", "-i", name, "tar", "-x", "-C", "/root/rooms"], stdin=file, check=True)


def test_no_change_costs_a_socket(edge, sockets, other_binary, tmp_path):
    rooms(edge, tmp_path)
    done = edge.host.run("python3 /root/rooms/change.py /root/rooms %s", other_binary)
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    observed = sockets.observed()
    (PROJECT / ".cache" / "zero_drop.json").write_text(json.dumps({"changes": changes, "observed": observed}, indent=1))

    assert done.rc == 0, done.stderr
    assert len(changes) >= 50
    surprises = [c for c in changes if c["expected"] not in ("any", c["action"])]
    assert surprises == []
    # What only the reload itself can find out was announced as a reload.
    assert [c for c in changes if c["action"] != c["foreseen"] and c["action"] != "refused"] == []
    assert all(change["reasons"] for change in changes if change["action"] in ("reload", "runtime"))

    assert sum(seen["clients"] for seen in observed) == SOCKETS
    total = Counter()
    for seen in observed:
        total.update({key: seen[key] for key in ("sent", "answered", "out_of_order", "moved", "requests")})
        assert (seen["lost"], seen["refused"]) == ({}, {}), observed
    assert total["sent"] == total["answered"] > SOCKETS
    assert total["requests"] > 100
    assert (total["out_of_order"], total["moved"]) == (0, 0)
