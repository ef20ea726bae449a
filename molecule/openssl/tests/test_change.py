"""Another TLS library is another build: changed to like any other, under live sockets."""

from __future__ import annotations

import json
import os

import pytest
import yaml

testinfra_hosts = ["ansible://openssl-edge1"]


@pytest.fixture
def inventories(tmp_path):
    """The inventories, with one that wants the system's library: the build of the scenario default, if that has run."""
    other = tmp_path / "inventory.yml"
    wanted = {"haproxy_openssl": {}, "haproxy_build_options": {}}
    other.write_text(yaml.safe_dump({"edges": {"vars": wanted}}))
    return [f"--inventory={one}" for one in (*os.environ["ANSIBLE_INVENTORY"].split(","), other)]


def test_to_the_library_of_the_system_and_back_costs_no_socket(
    edge, hold, play, inventories, offer, running, loaded, version
):
    sockets = [hold(10, "websocket"), hold(10, "polling")]
    here = ("--limit", edge.variables["inventory_hostname"])
    try:
        before = edge.worker()
        done = play({}, *here, *inventories, playbook="upgrade")
        assert done.returncode == 0, done.stdout
        worker = edge.worker()
        assert worker != before
        # Again: it serves already, and that is not what to go back to.
        assert play({}, *here, *inventories, playbook="upgrade").returncode == 0
        assert edge.worker() == worker
        assert running().startswith("OpenSSL 3.0.")
        assert loaded() == {"libssl.so.3", "libcrypto.so.3"}
        # What the library doesn't have is not configured for it.
        assert offer("X25519MLKEM768").startswith("ERR_SSL")
        assert offer("X25519") == "TLSv1.3"
        # The inventory still says what was upgraded to.
        done = play({}, *here, *inventories, playbook="rollback")
        assert done.returncode == 0, done.stdout
        assert running().startswith(f"OpenSSL {version} ")
        assert offer("X25519MLKEM768") == "TLSv1.3"
    finally:
        done = play({}, *here)
    assert "changed=0" in done.stdout, done.stdout
    for held in sockets:
        assert held.ping()["answered"] == 10
        assert not held.of("disconnect")


def test_a_wrong_tarball_is_refused_and_leaves_nothing(host, version):
    there = host.check_output("find /opt/haproxy -type f -o -name '.*' | sort")
    wanted = {
        "version": "3.0.11",
        "checksum": "0" * 64,
        "openssl": {"version": version, "checksum": "1" * 64, "source": ["/etc/hostname"]},
    }
    # An edge has no compiler; this build does not get as far as to run one.
    tools = "/usr/local/bin/make /usr/local/bin/cc"
    host.check_output(f"for tool in {tools}; do ln -s /bin/false $tool; done")
    try:
        result = host.ansible("realtime.edge.haproxy_build", json.dumps(wanted), check=False)
    finally:
        host.check_output(f"rm {tools}")
    assert "haproxy_openssl.checksum says " + "1" * 64 in result.get("msg", ""), result
    assert host.check_output("find /opt/haproxy -type f -o -name '.*' | sort") == there


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"haproxy_openssl": {"version": "3.5.0"}}, "haproxy_openssl.version: 3.5.0 is not among the releases"),
        ({"haproxy_build_options": {"SSL_INC": "/usr"}}, "haproxy_build_options.SSL_INC names one TLS library"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(play, variables, said):
    done = play(variables, "--check", "--limit", "openssl-edge1")
    assert done.returncode != 0
    assert said in done.stdout, done.stdout
