"""Certificates by ACME: first one and renewal disturb nobody, and a failing authority changes nothing."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path

import pytest

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


def test_a_certificate_that_is_valid_for_long_is_left_alone(edge, obtain):
    before = certificate(edge)
    done = obtain(f"--limit={edge.variables['inventory_hostname']}")
    assert done.returncode == 0, done.stdout
    assert re.findall(r"changed=(\d+)", done.stdout) == ["0"]
    assert certificate(edge) == before


def test_a_renewal_is_noticed_by_nobody(edge, hold, obtain, with_options):
    honest = hold(200, "websocket")
    before, worker = certificate(edge), edge.worker()
    clients = "acme-edge34" if edge.variables.get("acme_client") else "acme-edge12:acme-edge13"
    done = obtain(with_options(remaining_days=100000), f"--limit={clients}")
    assert done.returncode == 0, done.stdout
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
