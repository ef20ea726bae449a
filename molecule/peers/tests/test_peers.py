"""A session that one edge has seen opened goes on at every other one, whatever happens to the first."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess

import pytest
from conftest import heard, unhurt

testinfra_hosts = ["ansible://edges"]

POLL = "/socket.io/?EIO=4&transport=polling"


def test_a_session_is_at_home_at_every_edge(edge, nodes, anywhere):
    result = edge.client("affinity.js", "--clients", "60", *anywhere)
    assert (result["connected"], result["failed"], result["moved"]) == (60, 0, 0), str(result)
    assert set(result["per_node"]) == set(nodes)


def test_reloads_lose_none_of_them(edge, everywhere):
    for _ in range(4):
        everywhere.talk(10)
        edge.reload()
        everywhere.talk(10)
    unhurt(everywhere)


def test_an_edge_that_leaves_takes_no_session_with_it(edge, everywhere, others, wait_until):
    """Its listeners are closed, and what it has begun, it ends (management guide, 4: SIGUSR1)."""
    edge.host.check_output("systemctl kill --kill-who=main --signal=USR1 haproxy")
    wait_until("it takes nobody", lambda: edge.host.run("timeout 1 bash -c '</dev/tcp/127.0.0.1/443'").rc)
    for _ in range(10):
        everywhere.talk(5)
    unhurt(everywhere)
    edge.host.check_output("systemctl restart haproxy")
    wait_until("it has the tables of the others", lambda: heard(edge.host) == dict.fromkeys(others, True))
    unhurt(everywhere)


def test_an_edge_that_was_killed_learns_from_the_others(edge, others, wait_until):
    session = json.loads(edge.get(POLL).text[1:])["sid"]
    assert session in edge.ask("show table affinity/chat")
    before = edge.worker()
    edge.host.check_output("systemctl kill --signal=KILL haproxy")
    wait_until("it has the tables of the others", lambda: heard(edge.host) == dict.fromkeys(others, True))
    assert edge.worker() != before
    wait_until("it knows the session", lambda: session in edge.ask("show table affinity/chat"))


def metrics(edge, name):
    """Lines of a metric of this edge."""
    script = (
        "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8404/metrics/edge').read().decode())"
    )
    text = edge.host.check_output("python3 -c %s", script)
    return sorted(line for line in text.splitlines() if line.startswith(f"{name}{{"))


def test_an_edge_that_dies_takes_only_what_it_held(edge, everywhere, others, wait_until):
    """Who was waiting for an answer from it comes back elsewhere; for the others, their next request goes elsewhere."""
    name = edge.variables["inventory_hostname"]
    edge.host.check_output("systemctl stop haproxy")
    wait_until("all are answered", lambda: everywhere.ping()["answered"] == 60)
    cut = {event["id"] for event in everywhere.of("disconnect")}
    assert cut == {event["id"] for event in everywhere.of("reconnect")}
    assert 0 < len(cut) < 60, len(cut)  # a half
    for host in others.values():
        wait_until("it is missed", lambda host=host: heard(host)[name] is False)
    edge.host.check_output("systemctl start haproxy")
    wait_until("all are there", lambda: heard(edge.host) == dict.fromkeys(others, True))
    up = sorted(f'realtime_edge_peer_up{{peer="{name}"}} 1' for name in others)
    wait_until("the metrics say so", lambda: metrics(edge, "realtime_edge_peer_up") == up)


def test_each_edge_counts_its_own_misses(edge, wait_until):
    def misses():
        return [int(line.split()[-1]) for line in metrics(edge, "realtime_edge_affinity_misses_total")]

    unknown = f"nobodys-{edge.worker()}"
    before = misses()
    edge.get(f"{POLL}&sid={unknown}")
    (count,) = wait_until("it counts", lambda: [number for number in misses() if [number] != before])
    edge.get(f"{POLL}&sid={unknown}")
    wait_until("it is one more", lambda: misses() == [count + 1])


@pytest.mark.parametrize("certificate", ["none", "of their own"])
def test_strangers_are_not_heard(edge, tmp_path, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate != "none":
        files = ["-keyout", tmp_path / "key", "-out", tmp_path / "crt"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=edges"]
        subprocess.run(["openssl", "req", "-x509", "-nodes", *kind, *files], check=True, capture_output=True)
        context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    name = edge.variables["inventory_hostname"]
    hello = f"HAProxyS 2.1\n{name}\nstranger 1 1\n".encode()

    def say_hello():
        with socket.create_connection((edge.address, 8406), 10) as plain, context.wrap_socket(plain) as connection:
            connection.sendall(hello)
            connection.recv(100)

    with pytest.raises(ssl.SSLError, match="alert"):
        say_hello()
