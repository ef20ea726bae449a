"""Another certificate and another HAProxy, by the playbooks for it, under live sockets."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import ssl
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
sys.path.insert(0, str(PROJECT / ".collections"))

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.archive import pack  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.recipe import Recipe  # noqa: E402

testinfra_hosts = ["ansible://edges"]


def certificate(edge):
    """What a new connection is shown."""
    with edge.connect() as connection:
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).strip()


def test_a_certificate_is_rotated_at_run_time(edge, hold, play, key_pairs):
    held, worker = hold(10, "websocket"), edge.worker()
    (new, key), _ = key_pairs
    before, shown = edge.host.file("/etc/haproxy/certificates/chat.pem").content_string, certificate(edge)
    variables = {"haproxy_certificates": [{"name": "chat", "certificate": new, "key": key}]}
    try:
        done = play(variables, playbook="rotate_certificate")
        assert done.returncode == 0, done.stdout
        assert "at run time: /etc/haproxy/certificates/chat.pem" in done.stdout, done.stdout
        edge.ca.write_text(new)
        assert certificate(edge) == new
        done = play(variables, playbook="rotate_certificate")
        assert "nothing to do" in done.stdout, done.stdout
    finally:
        done = play({"haproxy_certificates": [{"name": "chat", "pem": before}]}, playbook="rotate_certificate")
        edge.ca.write_text(shown)
    assert done.returncode == 0, done.stdout
    assert certificate(edge) == shown
    assert edge.worker() == worker
    assert held.ping()["answered"] == 10
    assert not held.of("disconnect")


def serving(edge):
    """What the worker says that it is: a version and the commit it was made from."""
    return re.search(r"(?m)^Version: (.*)", edge.ask("show info"))[1]


@pytest.fixture
def other_build(edge, tmp_path):
    """Its version, and inventories that want it: the build that serves, by another name and as of another recipe."""
    version = serving(edge)
    release, commit = version.split("-")
    directory = Path(edge.host.check_output("readlink -f /usr/local/sbin/haproxy")).parents[1]
    facts = json.loads(edge.host.file(f"{directory}/build.json").content_string)
    known = {field.name for field in dataclasses.fields(Recipe)}
    recipe = Recipe(**{name: value for name, value in facts.items() if name in known})
    other = dataclasses.replace(recipe, options={**recipe.options, "IGNOREGIT": "1"})
    with tarfile.open(PROJECT / ".cache/archives" / recipe.archive) as archive:
        archive.extractall(tmp_path, filter="data")
    recipe.directory(tmp_path).rename(other.directory(tmp_path))
    name = f"{release}-{'x' * len(commit)}"
    binary = other.binary(tmp_path)
    binary.write_bytes(binary.read_bytes().replace(version.encode(), name.encode()))
    facts.update(options=other.options, fingerprint=other.fingerprint)
    (other.directory(tmp_path) / "build.json").write_text(json.dumps(facts))
    pack(other, tmp_path, tmp_path / other.archive)
    wanted = {"haproxy_build_options": {"IGNOREGIT": "1"}, "haproxy_build_cache": str(tmp_path)}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"edges": {"vars": wanted}}))
    return name, [f"--inventory={one}" for one in (*os.environ["ANSIBLE_INVENTORY"].split(","), inventory)]


def test_an_upgrade_and_the_way_back_cost_no_socket(edge, hold, play, other_build):
    sockets = [hold(10, "websocket"), hold(10, "polling")]
    before, (after, inventories) = serving(edge), other_build
    assert after != before
    try:
        worker = edge.worker()
        done = play({}, *inventories, playbook="upgrade")
        assert done.returncode == 0, done.stdout
        assert serving(edge) == after
        assert edge.worker() != worker
        # Again: it serves already, and that is not what to go back to.
        worker = edge.worker()
        assert play({}, *inventories, playbook="upgrade").returncode == 0
        assert edge.worker() == worker
        # The inventory still says what was upgraded to.
        done = play({}, *inventories, playbook="rollback")
        assert done.returncode == 0, done.stdout
        assert serving(edge) == before
    finally:
        done = play({})
    assert "changed=0" in done.stdout
    for held in sockets:
        assert held.ping()["answered"] == 10
        assert not held.of("disconnect")


def test_the_oldest_worker_is_emptied_gently_where_that_is_allowed(edge, hold, play, wait_until):
    def change(port, **limits):
        frontend = {"additional": {"bind": f"127.0.0.1:{port}", "http-request": "deny"}}
        return play({"haproxy_sections": {"frontend": frontend}, "haproxy_max_old_workers": 1, **limits})

    wait_until(
        "only the worker is left that serves", lambda: edge.ask("show proc", "master").split().count("worker") == 1, 60
    )
    held = hold(10, "websocket")
    try:
        assert change(7001).returncode == 0
        worker = edge.worker()
        done = change(7002)
        assert done.returncode != 0
        assert "1 old workers still serve" in done.stdout
        assert edge.worker() == worker
        assert not held.of("disconnect")

        done = change(7002, haproxy_drain_time=20, haproxy_drain_rate=1)
        assert done.returncode == 0, done.stdout
        assert edge.worker() != worker
    finally:
        assert play({}).returncode == 0
    wait_until("all are back", lambda: len(held.of("reconnect")) == 10)
    # One was back before the last had to go.
    events = [event["event"] for event in held.of("disconnect", "reconnect")]
    assert "disconnect" in events[events.index("reconnect") :], events
    assert held.ping()["answered"] == 10
