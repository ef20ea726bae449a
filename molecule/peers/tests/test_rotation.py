"""The certificate that the edges know each other by is replaced like any other."""

from __future__ import annotations

import subprocess

import pytest
import testinfra

testinfra_hosts = ["ansible://peers-edge12"]


@pytest.fixture
def another(tmp_path):
    """A new certificate, and its key."""
    files = ["-keyout", tmp_path / "edges.key", "-out", tmp_path / "edges.crt"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=edges"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "300", *kind, *files], check=True, capture_output=True)
    return [(tmp_path / name).read_text() for name in ("edges.crt", "edges.key")]


def test_another_certificate_lets_the_edges_go_on(edge, play, another, request, wait_until):
    inventory = request.config.getoption("--ansible-inventory")
    names = edge.variables["groups"]["edges"]
    hosts = [testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory) for name in names]

    def heard():
        live = (host.ansible("realtime.edge.haproxy_info", "live=true", check=False)["live"] for host in hosts)
        return [peer["up"] for facts in live for peer in facts["peers"]]

    wait_until("all are heard", lambda: heard() == [True] * 6)
    chat = next(item for item in edge.variables["haproxy_certificates"] if item["name"] == "chat")
    own = {"name": "edges", "certificate": another[0], "key": another[1]}
    try:
        done = play({"haproxy_certificates": [chat, own]})
        assert done.returncode == 0, done.stdout
        # What is connected goes on as it is. Who is new shows the new certificate to processes that are not.
        edge.host.check_output("systemctl restart haproxy")
        wait_until("all are heard again", lambda: heard() == [True] * 6)
    finally:
        play({})
