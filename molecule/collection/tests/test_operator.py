"""The playbooks that ship, run by name from somebody's own folder: wrong input touches nothing, files are found."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://edges"]
PROJECT = Path(__file__).parents[3]
INSTALLED = PROJECT / ".cache/collection/installed"


@pytest.fixture
def play(tmp_path):
    """Run one of the playbooks by its full name in `tmp_path`: how it ended, and what it said in one line."""

    def run(name, *arguments):
        done = subprocess.run(
            ["ansible-playbook", f"realtime.edge.{name}", *arguments],
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(INSTALLED),
                "PWD": str(tmp_path),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


def test_a_certificate_is_found_from_the_folder_one_is_in(play, tmp_path):
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=other"
    subprocess.run(["openssl", *make.split(), "-keyout", "my.key", "-out", "my.crt"], cwd=tmp_path, check=True)
    named = '{"haproxy_certificates": [{"name": "other", "certificate": "my.crt", "key": "./my.key"}]}'
    status, said = play("rotate_certificate", "-e", named)
    assert status == 0, said
    assert "at run time: /etc/haproxy/certificates/other.pem" in said
    status, said = play("rotate_certificate", "-e", named.replace("my.crt", "our.crt"))
    assert status == 2
    assert "haproxy_certificates[0].certificate is neither PEM text nor a PEM file" in said
    assert play("rotate_certificate", "-e", '{"haproxy_certificates": [{"name": "other", "state": "absent"}]}')[0] == 0


def test_a_service_that_cannot_be_tried_is_told_beside_the_others(play):
    servers = {"group": "chat_nodes", "port": 3000}
    staff = {"name": "staff", "hosts": ["staff.example.com"], "client_ca": "staff", "servers": servers}
    described = [staff, {"name": "chat", "servers": servers}]
    status, said = play("probe", "-e", json.dumps({"haproxy_services": described}))
    assert status == 0, said
    assert "Not probed: clients need a certificate" in said
    assert "redirect yes" in said


@pytest.mark.parametrize("update", [[], ["-e", "rolling_update_tasks=missing.yml"]])
def test_no_node_is_taken_out_without_an_update(play, edge, update):
    before = edge.host.check_output("sha256sum /etc/haproxy/haproxy.cfg")
    status, said = play("rolling_update", "-e", "rolling_update_nodes=chat_nodes", *update)
    assert status == 2
    assert "rolling_update_tasks: name the file with the tasks of the update" in said
    assert edge.host.check_output("sha256sum /etc/haproxy/haproxy.cfg") == before


def test_no_node_is_taken_out_where_no_group_is_named(play):
    for update in ([], ["-e", "rolling_update_nodes=nobody"]):
        status, said = play("rolling_update", *update)
        assert status == 2
        assert "rolling_update_nodes: name the group of the nodes" in said


def test_a_version_is_not_chosen_where_the_package_manager_does(play):
    status, said = play("upgrade", "-e", "haproxy_version=3.0.11")
    assert status == 2
    assert "haproxy_install_method is package here" in said
    status, said = play("rollback")
    assert status == 2
    assert "this edge has no record of what served before" in said


def test_a_haproxy_whose_sockets_are_gone_is_told_and_mended_when_allowed(play, edge):
    edge.host.check_output("rm -rf /run/haproxy")
    status, said = play("status")
    assert status == 2
    assert "/run/haproxy/master.sock does not answer" in said
    status, said = play("site")
    assert status == 2
    assert "only a restart helps, which ends its connections" in said
    status, said = play("site", "-e", "haproxy_allow_restart=true")
    assert status == 0, said
    assert play("status")[0] == 0
