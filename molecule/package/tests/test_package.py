"""The edge runs the distribution's HAProxy, as our service."""

from __future__ import annotations

testinfra_hosts = ["ansible://edges"]

VERSIONS = {"12": "2.6.12", "13": "3.0.11"}


def test_the_service_starts_the_binary_of_the_package(host, edge):
    assert host.package("haproxy").version.startswith(VERSIONS[host.system_info.release.split(".")[0]])
    assert "path=/usr/sbin/haproxy " in host.check_output("systemctl show --property ExecStart haproxy")
    assert not host.file("/opt/haproxy").exists


def test_the_unit_is_ours(host):
    assert host.file("/etc/systemd/system/haproxy.service").exists
