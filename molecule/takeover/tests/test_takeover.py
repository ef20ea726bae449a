"""Debian's HAProxy is there already: what a take-over ends is known before, and after a success the role's serves.

Each run is one for all machines: Debian 12 and 13.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import testinfra

EDGES = ("takeover-edge12", "takeover-edge13")
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


class Ran(NamedTuple):
    """How a playbook ended for one machine, and what it said of it in one line."""

    passed: bool
    changed: bool
    said: str


@pytest.fixture(scope="module")
def edges() -> dict[str, Any]:
    """Name → machine."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in EDGES}


@pytest.fixture
def debian(edges) -> dict[str, Any]:
    """The machines, with Debian's HAProxy as it is after its installation: it runs, and has no listeners."""
    for host in edges.values():
        host.run("systemctl stop haproxy nginx node")
        host.check_output(
            "rm -rf /etc/haproxy /run/haproxy /etc/systemd/system/haproxy.s* /etc/tmpfiles.d/haproxy.conf "
            "&& cp -a /root/haproxy /etc/haproxy && systemctl daemon-reload && systemd-tmpfiles --create haproxy.conf "
            "&& systemctl start haproxy"
        )
    return edges


@pytest.fixture
def site(play) -> Callable[..., dict[str, Ran]]:
    """Run a playbook on all machines: what came of it on each that it reached."""

    def run(*arguments: str, playbook: str = "site", **variables: Any) -> dict[str, Ran]:
        said = play(variables, *arguments, playbook=playbook).stdout
        texts, recap = said.split("PLAY RECAP")
        parts = re.split(rf"\[({'|'.join(EDGES)})\]", texts)
        ran = {}
        for name in EDGES:
            of = " ".join(text for at, text in zip(parts[1::2], parts[2::2]) if at == name)
            counts = re.search(rf"{name} : ok=\d+ changed=(\d+) unreachable=0 failed=(\d+)", recap)
            if counts:
                ran[name] = Ran(counts[2] == "0", counts[1] != "0", of)
        assert ran, said
        return ran

    return run


@pytest.fixture
def ours(edges, site) -> dict[str, Any]:
    """The machines, taken over: the role's HAProxy serves what the inventory says."""
    if not all(serves(host) for host in edges.values()):
        assert all_pass(site())
    return edges


def all_pass(ran: dict[str, Ran]) -> bool:
    assert [name for name, one in ran.items() if one.passed] == list(EDGES), ran
    return True


def all_fail(ran: dict[str, Ran], *texts: str) -> bool:
    """Whether each machine fails and says these texts."""
    for name in EDGES:
        assert not ran[name].passed, ran[name]
        for text in texts:
            assert text in ran[name].said, ran[name].said
    return True


def main_process(host) -> str:
    return host.check_output("systemctl show --value --property MainPID haproxy")


def configure_by_hand(host) -> None:
    host.check_output("printf %%s %s > /etc/haproxy/haproxy.cfg && systemctl restart haproxy", BY_HAND)


def address(host) -> str:
    return host.ansible.get_variables()["haproxy_address"]


def serves(host) -> bool:
    """Whether the service runs the role's own HAProxy, and that listens."""
    command = host.check_output("ps -o args= %s", main_process(host))
    return "-S fd@3,level,admin" in command and host.socket("tcp://0.0.0.0:443").is_listening


def test_one_without_listeners_is_taken_over_after_the_check_said_so(debian, site):
    before = {name: main_process(host) for name, host in debian.items()}
    ran = site("--check")
    assert all_pass(ran)
    for name, host in debian.items():
        said = ran[name].said
        process = f"the service haproxy runs haproxy (process {before[name]}), which this role did not start"
        assert f"{process}: it is replaced" in said
        # In a container, listeners that nobody else shows are counted as its: there is the engine's resolver.
        assert "it has no listeners, and no connection ends" in said or "and no connections of clients end" in said
        assert main_process(host) == before[name]
    ran = site()
    assert all_pass(ran)
    assert not any("A restart of HAProxy is pending" in one.said for one in ran.values())
    assert all(serves(host) for host in debian.values())
    again = site()
    assert all_pass(again)
    assert not any(one.changed for one in again.values())


def test_an_outage_fails_with_the_reason_of_the_check(ours, site):
    """Where nobody listens, and where the path of the check is not the application's."""
    refused = ("chat_http: no server is up: ", "(127.0.0.1:3000): ", "Connection refused")
    for playbook in ("site", "status", "probe"):
        assert all_fail(site(playbook=playbook, haproxy_outage_fatal=True), *refused), playbook
    for host in ours.values():
        host.check_output("systemd-run --collect --unit node python3 -m http.server --directory /run/systemd 3000")
    wrong = {"name": "chat", "servers": ["127.0.0.1:3000"], "health": "/missing"}
    assert all_fail(site(haproxy_outage_fatal=True, haproxy_services=[wrong]), "chat_http: no server is up: ", "404")
    assert all_pass(site(haproxy_outage_fatal=True))
    for host in ours.values():
        host.check_output("systemctl stop node")


QUEUE = "net.core.somaxconn"
KERNEL = "/etc/sysctl.d/60-realtime-edge.conf"


@pytest.fixture
def short_queues(edges) -> Iterator[None]:
    """Machines whose queues are short; the kernel's settings of the second are read-only, as usual in a container."""

    def set_all(value: str) -> None:
        for host in edges.values():
            write = f"echo {value} > /run/other/sys/net/core/somaxconn"
            host.check_output(f"mkdir -p /run/other && mount -t proc proc /run/other && {write} && umount /run/other")

    edges[EDGES[0]].check_output("mount -o remount,rw /proc/sys")
    set_all("128")
    yield
    set_all("4096")
    for host in edges.values():
        host.check_output("rm -f %s", KERNEL)


def queues(edges) -> list[int]:
    return [int(host.file("/proc/sys/net/core/somaxconn").content_string) for host in edges.values()]


@pytest.mark.usefixtures("short_queues")
def test_what_the_kernel_lacks_is_set_where_asked(ours, site, play):
    for arguments in (["--check"], []):
        ran = site(*arguments, haproxy_kernel=True)
        assert all_pass(ran)
        assert [one.changed for one in ran.values()] == [True, False]
    first, second = queues(ours)
    assert first > 2000
    assert second == 128
    one, other = ours.values()
    assert f"# 128\n{QUEUE} = {first}\n" in one.file(KERNEL).content_string
    assert not other.file(KERNEL).exists
    assert not any(one.changed for one in site(haproxy_kernel=True).values())

    # The limit of connections is the reason; what is read-only is told with it.
    more = {"haproxy_kernel": True, "haproxy_sections": {"global": {"maxconn": 5000}}}
    assert f"read-only here (in a container it is its host's): {QUEUE} = 1500" in play(more).stdout
    assert queues(ours) == [first, 128], "nothing is lowered"


@pytest.mark.usefixtures("short_queues")
def test_one_that_is_stopped_is_started_as_ours_and_what_the_kernel_lacks_is_told(debian, site, play):
    for host in debian.values():
        host.check_output("systemctl stop haproxy && test -S /run/haproxy/admin.sock")
    assert all_pass(site("--check"))
    told = play({})
    assert told.returncode == 0, told.stdout
    for text in (f"{QUEUE} for 2", "and it is 128", "haproxy_kernel: true"):
        assert text in told.stdout, told.stdout
    assert all(serves(host) for host in debian.values())
    assert queues(debian) == [128, 128]


def assert_the_way_back(edges, site) -> None:
    """An edge leaves, when that is allowed, back to the file that was there before it."""
    leave = {"playbook": "uninstall", "uninstall_to": "distribution"}
    with socket.create_connection((address(edges[EDGES[0]]), 443)):
        ran = site(**leave)  # one after the other, until one fails
        assert not ran[EDGES[0]].passed
        assert (
            "connections, which would end. If that is acceptable, allow it: haproxy_allow_restart: true"
            in ran[EDGES[0]].said
        )
    assert all(serves(host) for host in edges.values())
    assert all_pass(site(**leave, haproxy_allow_restart=True))
    for host in edges.values():
        assert host.file("/etc/haproxy/haproxy.cfg").content_string == BY_HAND
        assert "-S fd@3,level,admin" not in host.check_output("ps -o args= %s", main_process(host))
        assert host.socket("tcp://0.0.0.0:8080").is_listening
        kept = host.check_output("ls -d /var/backups/realtime-edge-*")
        assert host.file(f"{kept}/certificates/chat.pem").exists
        assert host.file(kept).mode == 0o700
        host.check_output("rm -r %s", kept)
    assert queues(edges) == [128, 128]
    assert not edges[EDGES[0]].file(KERNEL).exists
    ran = site(playbook="uninstall")
    assert not ran[EDGES[0]].passed
    assert "the service of this host is not the role's" in ran[EDGES[0]].said


@pytest.mark.usefixtures("short_queues")
def test_live_connections_end_only_if_that_is_allowed_coming_and_leaving(debian, site, wait_until):
    held = {}
    for name, host in debian.items():
        configure_by_hand(host)
        held[name] = [socket.create_connection((address(host), 443)) for _ in range(3)]
    cost = "its listeners *:443, *:8080 and 3 connections of clients end"
    before = {name: main_process(host) for name, host in debian.items()}
    for arguments in ([], ["--check"]):
        ran = site(*arguments)
        assert all_fail(ran, cost, "haproxy_allow_restart: true")
        for name, process in before.items():
            assert f"haproxy (process {process}), which this role did not start" in ran[name].said
    for host in debian.values():
        assert host.file("/etc/haproxy/haproxy.cfg").content_string == BY_HAND
        assert not host.file("/etc/haproxy/certificates").exists
    for connection in [one for some in held.values() for one in some]:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    ran = site("--check", haproxy_allow_restart=True)
    assert all_pass(ran)
    assert all(cost in one.said for one in ran.values())

    # The second has no connections any more: nothing has to be allowed there.
    for connection in held[EDGES[1]]:
        connection.close()
    left = "ss --no-header --tcp --numeric sport = :443"
    wait_until("it has none", lambda: not debian[EDGES[1]].check_output(left))
    allowed = f"{{{{ inventory_hostname == '{EDGES[0]}' }}}}"
    ran = site(haproxy_allow_restart=allowed, haproxy_kernel=True)
    assert all_pass(ran)
    assert cost in ran[EDGES[0]].said
    assert "its listeners *:443, *:8080 and no connections of clients end" in ran[EDGES[1]].said
    for host in debian.values():
        assert serves(host)
        assert not host.socket("tcp://0.0.0.0:8080").is_listening
    for connection in held[EDGES[0]]:
        connection.close()
    assert queues(debian)[0] > 2000
    assert_the_way_back(debian, site)


def test_no_success_while_another_configuration_serves(debian, site):
    for host in debian.values():
        host.check_output(
            "cd /etc/systemd/system && mkdir haproxy.service.d && printf %%s %s > haproxy.service.d/other.conf "
            "&& printf %%s %s > /etc/haproxy/other.cfg",
            OTHER,
            BY_HAND,
        )
    for _ in range(2):
        assert all_fail(
            site(),
            "The edge does not serve the configuration that was just applied",
            "which this role did not start",
        )


@pytest.fixture
def taken(debian, wait_until) -> Iterator[dict[str, str]]:
    """Port 443 of each machine, held by a process of this name: its number."""
    for host in debian.values():
        host.check_output("cp $(readlink -f /usr/bin/python3) /usr/local/bin/nginx")
        host.check_output("systemd-run --collect --unit nginx /usr/local/bin/nginx -c %s", LISTEN)
    for host in debian.values():
        wait_until("the port is taken", lambda host=host: host.socket("tcp://0.0.0.0:443").is_listening)
    yield {name: host.check_output("systemctl show --value --property MainPID nginx") for name, host in debian.items()}
    for host in debian.values():
        host.check_output("systemctl stop nginx")


def test_a_check_finds_the_process_that_holds_a_port(debian, taken, site):
    for arguments in (["--check"], []):
        ran = site(*arguments)
        assert all_fail(ran, "another process already listens on port 443 (any address): nginx (process ")
        assert all(f"nginx (process {process})" in ran[name].said for name, process in taken.items())
    assert not any(host.file("/etc/haproxy/certificates").exists for host in debian.values())


DISTRIBUTIONS = {
    "ubuntu 22.04": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\n',
    "rocky 9.4": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
    "debian 11": 'ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\n',
    "alpine 3.20": "ID=alpine\nVERSION_ID=3.20.3\n",
}


@pytest.fixture
def pretend(debian) -> Iterator[Callable[..., None]]:
    """Let each machine say that it has one of DISTRIBUTIONS, until the test ends."""

    def start(*names: str) -> None:
        for host, name in zip(debian.values(), names):
            host.check_output("rm /etc/os-release && printf %%s %s > /etc/os-release", DISTRIBUTIONS[name])

    yield start
    for host in debian.values():
        host.check_output("ln -sf ../usr/lib/os-release /etc/os-release")


def test_a_check_for_another_distribution_ends_and_says_how_long_a_build_takes(debian, pretend, site):
    """As far as a Debian can be one: nothing of it is installed."""
    pretend("ubuntu 22.04", "rocky 9.4")
    ran = site("--check", haproxy_install_method="source")
    assert all_pass(ran)
    assert all("has to be compiled: about" in one.said for one in ran.values())
    assert not any(host.file("/opt/haproxy").exists for host in debian.values())


def test_a_distribution_that_is_not_supported_is_refused_by_name(debian, pretend, site):
    pretend("alpine 3.20", "debian 11")
    ran = site()
    assert all_fail(ran)
    old, other = (ran[name].said for name in reversed(EDGES))
    assert "this host: alpine is not supported; these are, and newer ones: debian 12, ubuntu 22.04" in other
    assert "this host: debian 11 is not supported; 12 and newer ones are" in old
    assert not any(host.file("/etc/haproxy/certificates").exists for host in debian.values())
