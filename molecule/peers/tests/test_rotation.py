"""The certificate that the edges know each other by is replaced like any other: nobody notices."""

from __future__ import annotations

import subprocess

import pytest
from conftest import heard, unhurt

testinfra_hosts = ["ansible://peers-edge12"]


@pytest.fixture
def another(tmp_path):
    """A new certificate, and its key."""
    files = ["-keyout", tmp_path / "edges.key", "-out", tmp_path / "edges.crt"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=edges"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *kind, *files], check=True, capture_output=True)
    return [(tmp_path / name).read_text() for name in ("edges.crt", "edges.key")]


def test_another_certificate_lets_the_edges_go_on(edge, others, everywhere, play, another, wait_until):
    wait_until("all are heard", lambda: heard(edge.host) == dict.fromkeys(others, True))
    worker = edge.worker()
    chat = next(item for item in edge.variables["haproxy_certificates"] if item["name"] == "chat")
    own = {"name": "edges", "certificate": another[0], "key": another[1]}
    try:
        done = play({"haproxy_certificates": [chat, own]})
        assert done.returncode == 0, done.stdout
        assert edge.worker() == worker
        everywhere.talk(10)
        unhurt(everywhere)
        # What is connected goes on as it is. Who is new shows the new certificate to processes that are not.
        edge.host.check_output("systemctl restart haproxy")
        wait_until("all are heard again", lambda: heard(edge.host) == dict.fromkeys(others, True))
    finally:
        assert play({}).returncode == 0
