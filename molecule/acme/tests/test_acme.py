"""Certificates by ACME: first one and renewal disturb nobody, and a failing authority changes nothing."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://edges"]

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])


@pytest.fixture
def obtain():
    """Run playbooks/acme.yml, with other variables."""

    def run(*variables):
        more = [word for variable in variables for word in ("--extra-vars", variable)]
        command = ["ansible-playbook", "--inventory", "inventory", "../../playbooks/acme.yml", *more]
        return subprocess.run(command, cwd=SCENARIO, capture_output=True, text=True, check=False)

    return run


def certificate(edge):
    return edge._certificate()


def with_options(**options):
    """The scenario's haproxy_acme with other options, as a variable."""
    acme = {
        "directory": "https://10.213.11.30:14000/dir",
        "folder": str(SCENARIO.parent.parent / ".cache/acme"),
        "terms_agreed": True,
        "validate_certs": False,
        **options,
    }

    return json.dumps({"haproxy_acme": acme})


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
    done = obtain()
    assert done.returncode == 0, done.stdout
    assert re.findall(r"changed=(\d+)", done.stdout) == ["0", "0"]
    assert certificate(edge) == before


def test_a_renewal_is_noticed_by_nobody(edge, hold, obtain):
    honest = hold(200, "websocket")
    before, worker = certificate(edge), edge.worker()
    done = obtain(with_options(remaining_days=100000))
    assert done.returncode == 0, done.stdout
    assert certificate(edge) != before
    assert edge.get("/").status == 200
    assert edge.worker() == worker
    assert honest.ping()["answered"] == 200
    assert honest.of("disconnect", "reconnect") == []


def test_a_failing_authority_is_told_and_changes_nothing(edge, obtain):
    before, worker = certificate(edge), edge.worker()
    done = obtain(with_options(remaining_days=100000, directory="https://10.213.11.30:14000/nothing"))
    assert done.returncode != 0
    assert "https://10.213.11.30:14000/nothing" in done.stdout + done.stderr
    assert (certificate(edge), edge.worker()) == (before, worker)


def test_a_name_that_is_not_ours_is_told_and_the_others_are_served(edge, obtain):
    """The authority can't reach the name, so it refuses."""
    before = certificate(edge)
    servers = ["10.213.11.21:3000"]
    gone = {"name": "gone", "hosts": ["gone.test"], "servers": servers, "socketio": False}
    services = json.dumps({"haproxy_services": [gone, {"name": "chat", "hosts": ["chat.test"], "servers": servers}]})
    done = obtain(services)
    assert done.returncode != 0
    assert "gone: " in done.stdout
    assert "gone.test" in done.stdout
    assert certificate(edge) == before


def test_the_account_and_its_keys_stay_on_the_controller(edge):
    assert edge.host.run("grep -rl 'ACME\\|account' /etc/haproxy/certificates").rc == 1
    folder = SCENARIO.parent.parent / ".cache/acme"
    assert folder.stat().st_mode & 0o077 == 0
    for key in folder.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
    assert ssl.PEM_cert_to_DER_cert(
        (folder / "chat.crt").read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
