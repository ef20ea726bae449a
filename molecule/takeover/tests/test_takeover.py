"""Debian's HAProxy is there already: what a take-over ends is known before, and after a success the role's serves."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

testinfra_hosts = ["ansible://edges"]

BY_HAND = """
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-request 1h
frontend by-hand
    bind :443
    bind :8080
    http-request return status 200
"""
OTHER = """
[Service]
ExecStart=
ExecStart=/usr/sbin/haproxy -Ws -f /etc/haproxy/other.cfg -p /run/haproxy/haproxy.pid
"""
LISTEN = "import socket, time; listener = socket.create_server(('', 443)); time.sleep(1000)"


@pytest.fixture
def debian(host) -> Iterator[None]:
    """Debian's HAProxy, as it is after its installation: it runs, and has no listeners."""
    host.run("systemctl stop haproxy nginx")
    host.check_output(
        "rm -rf /etc/haproxy /run/haproxy /etc/systemd/system/haproxy.service* && cp -a /root/haproxy /etc/haproxy "
        "&& systemctl daemon-reload && systemd-tmpfiles --create haproxy.conf && systemctl start haproxy"
    )


@pytest.fixture
def site(host, play) -> Callable[..., tuple[int, str]]:
    """Run a playbook on this host: how it ended, and what it said."""
    name = host.ansible.get_variables()["inventory_hostname"]

    def run(*arguments: str, playbook: str = "site", **variables: Any) -> tuple[int, str]:
        done = play(variables, "--limit", name, *arguments, playbook=playbook)
        return done.returncode, done.stdout

    return run


def main_process(host) -> str:
    return host.check_output("systemctl show --value --property MainPID haproxy")


def serves(host) -> bool:
    """Whether the service runs the role's own HAProxy, and that listens."""
    command = host.check_output("ps -o args= %s", main_process(host))
    return "-S /run/haproxy/master.sock" in command and host.socket("tcp://0.0.0.0:443").is_listening


def test_one_without_listeners_is_taken_over_after_the_check_said_so(host, debian, site):
    before = main_process(host)
    status, said = site("--check")
    assert status == 0, said
    assert f"the service haproxy runs haproxy (process {before}), which this role did not start: it is replaced" in said
    # In a container, listeners that nobody else shows are counted as its: there is the engine's resolver.
    assert "it has no listeners, and no connection ends" in said or "and no connections of clients end" in said
    assert main_process(host) == before
    status, said = site()
    assert status == 0, said
    assert "A restart of HAProxy is pending" not in said
    assert serves(host)
    assert "changed=0" in site()[1]


def test_one_that_is_stopped_is_started_as_ours(host, debian, site):
    host.check_output("systemctl stop haproxy && test -S /run/haproxy/admin.sock")
    status, said = site("--check")
    assert status == 0, said
    status, said = site()
    assert status == 0, said
    assert serves(host)


def test_live_connections_end_only_if_that_is_allowed(host, debian, site):
    host.check_output("printf %%s %s > /etc/haproxy/haproxy.cfg && systemctl restart haproxy", BY_HAND)
    before, address = main_process(host), host.ansible.get_variables()["haproxy_address"]
    held = [socket.create_connection((address, 443)) for _ in range(3)]
    for arguments in ([], ["--check"]):
        status, said = site(*arguments)
        assert status == 2, said
        assert f"haproxy (process {before}), which this role did not start" in said
        assert "its listeners *:443, *:8080 and 3 connections of clients end" in said
        assert "haproxy_allow_restart: true" in said
    assert host.file("/etc/haproxy/haproxy.cfg").content_string == BY_HAND
    assert not host.file("/etc/haproxy/certificates").exists
    for connection in held:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    status, said = site("--check", haproxy_allow_restart=True)
    assert status == 0, said
    assert "its listeners *:443, *:8080 and 3 connections of clients end" in said
    status, said = site(haproxy_allow_restart=True)
    assert status == 0, said
    assert serves(host)
    assert not host.socket("tcp://0.0.0.0:8080").is_listening
    for connection in held:
        connection.close()


def test_no_success_while_another_configuration_serves(host, debian, site):
    host.check_output(
        "cd /etc/systemd/system && mkdir haproxy.service.d && printf %%s %s > haproxy.service.d/other.conf "
        "&& printf %%s %s > /etc/haproxy/other.cfg",
        OTHER,
        BY_HAND,
    )
    for _ in range(2):
        status, said = site()
        assert status == 2, said
        assert "The edge does not serve the configuration that was just applied" in said
        assert "which this role did not start" in said


def test_a_check_finds_the_process_that_holds_a_port(host, debian, site, wait_until):
    host.check_output("cp $(readlink -f /usr/bin/python3) /usr/local/bin/nginx")
    host.check_output("systemd-run --collect --unit nginx /usr/local/bin/nginx -c %s", LISTEN)
    pid = host.check_output("systemctl show --value --property MainPID nginx")
    wait_until("the port is taken", lambda: host.socket("tcp://0.0.0.0:443").is_listening)
    for arguments in (["--check"], []):
        status, said = site(*arguments)
        assert status == 2, said
        assert f"another process already listens on port 443 (any address): nginx (process {pid})" in said
    assert not host.file("/etc/haproxy/certificates").exists


def test_an_edge_leaves_back_to_the_file_that_was_there_before(host, debian, site):
    host.check_output("printf %%s %s > /etc/haproxy/haproxy.cfg && systemctl restart haproxy", BY_HAND)
    status, said = site()
    assert status == 0, said
    with socket.create_connection((host.ansible.get_variables()["haproxy_address"], 443)):
        status, said = site(playbook="uninstall", uninstall_to="distribution")
        assert status == 2, said
        assert "connections, which would end. If that is acceptable, allow it: haproxy_allow_restart: true" in said
    assert serves(host)
    status, said = site(playbook="uninstall", uninstall_to="distribution", haproxy_allow_restart=True)
    assert status == 0, said
    assert host.file("/etc/haproxy/haproxy.cfg").content_string == BY_HAND
    assert "-S /run/haproxy/master.sock" not in host.check_output("ps -o args= %s", main_process(host))
    assert host.socket("tcp://0.0.0.0:8080").is_listening
    kept = host.check_output("ls -d /var/backups/realtime-edge-*")
    assert host.file(f"{kept}/certificates/chat.pem").exists
    assert host.file(kept).mode == 0o700
    status, said = site(playbook="uninstall")
    assert status == 2
    assert "the service of this host is not the role's" in said
    host.check_output("rm -r %s", kept)
