"""Certificates by ACME: first one and renewal disturb nobody, and a failing authority changes nothing."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path

import pytest
import testinfra
from resources.edge import Edge

testinfra_hosts = ["ansible://edges"]

FOLDER = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]).parent.parent / ".cache/acme"


def certificate(edge):
    return edge._certificate()


def test_the_authority_vouches_for_the_edge(edge):
    # Checked against Pebble's root: a stand-in would not pass.
    assert edge.get("/").status == 200
    shown = edge.host.check_output("openssl x509 -in /etc/haproxy/certificates/chat.pem -noout -issuer")
    assert "Pebble" in shown


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("A" * 43, True),
        ("short", False),
        ("A" * 43 + "/more", False),
        ("A" * 42 + "%0a", False),
        ("../" + "A" * 43, False),
    ],
)
def test_a_challenge_is_answered_and_nothing_else(edge, path, answered):
    response = edge.get(f"/.well-known/acme-challenge/{path}", secure=False)
    assert (response.status == 200) is answered
    if answered:
        assert re.fullmatch(rf"{path}\.[A-Za-z0-9_-]{{43}}", response.text)
    else:
        assert response.status in (301, 400)


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    """Every edge by its name: the playbook is for all of them at once."""
    found = [
        Edge(host, tmp_path_factory.mktemp("edge") / "ca.pem") for host in testinfra.get_hosts(["ansible://edges"])
    ]
    return {edge.variables["inventory_hostname"]: edge for edge in found}


@pytest.fixture(scope="module")
def unneeded(edges, obtain):
    """A run while no certificate ends soon: what it said, and what each edge showed before and after it."""
    before = {name: certificate(edge) for name, edge in edges.items()}
    done = obtain()
    assert done.returncode == 0, done.stdout
    return done.stdout, before, {name: certificate(edge) for name, edge in edges.items()}


def test_a_certificate_that_is_valid_for_long_is_left_alone(edge, unneeded):
    said, before, after = unneeded
    name = edge.variables["inventory_hostname"]
    assert re.findall(rf"{name} .*changed=(\d+)", said) == ["0"]
    assert after[name] == before[name]


@pytest.fixture(scope="module")
def renewal(edges, obtain_all, with_options):
    """A renewal on all edges: each edge's clients, and its certificate and its worker of before."""
    before = {name: (edge.hold(200, "websocket"), certificate(edge), edge.worker()) for name, edge in edges.items()}
    for done in obtain_all(with_options(remaining_days=100000)).values():
        assert done.returncode == 0, done.stdout
    yield before
    for honest, _certificate, _worker in before.values():
        honest.stop()


def test_a_renewal_is_noticed_by_nobody(edge, renewal):
    honest, before, worker = renewal[edge.variables["inventory_hostname"]]
    assert certificate(edge) != before
    assert edge.get("/").status == 200
    assert edge.worker() == worker
    assert honest.ping()["answered"] == 200
    assert honest.of("disconnect", "reconnect") == []


def test_the_account_and_its_keys_stay_on_the_controller(edge):
    assert edge.host.run("grep -rl 'ACME\\|account' /etc/haproxy/certificates").rc == 1
    assert FOLDER.stat().st_mode & 0o077 == 0
    for key in FOLDER.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
    assert ssl.PEM_cert_to_DER_cert(
        (FOLDER / "chat.crt").read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
