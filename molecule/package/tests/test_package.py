"""The edge runs the distribution's HAProxy, as our service."""

from __future__ import annotations

testinfra_hosts = ["ansible://edges"]

VERSIONS = {
    "package-edge12": "2.6.",
    "package-edge-python39": "2.6.",
    "package-edge13": "3.0.",
    "package-edge-sid": "3.2.",
    "package-edge-experimental": "3.4.",
}


def test_the_service_starts_the_binary_of_the_package(host, edge):
    assert host.package("haproxy").version.startswith(VERSIONS[edge.variables["inventory_hostname"]])
    assert host.file("/usr/local/sbin/haproxy").linked_to == "/usr/sbin/haproxy"
    # By a symlink, so that a reload can bring a build (test_build.py).
    assert "path=/usr/local/sbin/haproxy " in host.check_output("systemctl show --property ExecStart haproxy")
    assert not host.file("/opt/haproxy").exists


def test_the_unit_is_ours(host):
    assert host.file("/etc/systemd/system/haproxy.service").exists
