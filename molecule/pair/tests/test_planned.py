"""A planned move cuts no connection; the same move without the second chance cuts them all."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import socket
import subprocess

import pytest
from conftest import CLIENTS, HOME, OTHER, info

testinfra_hosts = ["ansible://pair-edge12"]


def test_every_address_is_at_home_and_nowhere_else(pair, home):
    assert {name: pair.holders(name) for name in pair.shared} == {"web": [HOME], "second": [OTHER]}


def test_the_check_is_restarted_without_a_move(pair, home, wait_until):
    """As the role does when it has a new version of it."""
    for host in pair.hosts.values():
        keepalived = host.check_output("systemctl show --property=MainPID keepalived")
        host.check_output("systemctl restart haproxy-ready")
        wait_until("it has asked", lambda host=host: host.file("/run/realtime-edge/not-ready").content_string == "0\n")
        assert host.check_output("systemctl show --property=MainPID keepalived") == keepalived
    assert pair.at_home()


def test_what_a_holder_hears_is_no_state(pair, home, wait_until):
    """As after a time with two holders."""
    host, folder = pair.hosts[HOME], "/run/realtime-edge"
    for line in ('"web" MASTER_RX_LOWER_PRI', '"read" MASTER'):
        host.check_output("echo %s >%s/fifo", f"INSTANCE {line} 200", folder)
    wait_until("both are read", lambda: host.file(f"{folder}/vrrp-read").exists)
    host.check_output("rm %s/vrrp-read", folder)
    assert pair.info(HOME)["addresses"]["web"]["state"] == "MASTER"


def ask(connection, *headers):
    """The status of an answer."""
    lines = ["GET / HTTP/1.1", "Host: chat", *headers]
    connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    return connection.recv(65536).split()[1].decode()


@pytest.fixture
def known_elsewhere(pair, home, wait_until):
    """A connection at HOME, from a port where the other edge remembers one that it has just ended."""
    address = pair.addresses("web")[0]
    pair.let(HOME, "web", False)
    wait_until("the other edge has it", lambda: pair.holders("web") == [OTHER])
    with socket.create_connection((address, 80), 20) as ended:
        port = ended.getsockname()[1]
        ask(ended, "Connection: close")
        assert ended.recv(65536) == b""
    wait_until(
        "the other edge remembers it",
        lambda: re.search(rf"[.:\]]{port}\b", pair.hosts[OTHER].check_output("ss -tnH state time-wait sport = 80")),
    )
    pair.bring_home()
    with socket.socket() as client:
        client.settimeout(20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", port))
        client.connect((address, 80))
        yield client


def test_leave_and_return_lose_nobody(pair, home, known_elsewhere, crowd, playbook, record, away):
    here, watched = crowd(), away(pair.addresses("web")[0])
    assert ask(known_elsewhere) == "301"
    playbook("leave", leave_edge=HOME)
    assert pair.holders("web") == [OTHER]
    assert pair.holders("second") == [OTHER]
    assert ask(known_elsewhere) == "301"
    here.unhurt()
    record("leave", here, away=watched.stop(), requests=here.requests())
    # Who comes now comes to the new holder, and the old one answers for those that it had.
    there = crowd()
    seen = {name: pair.info(name)["addresses"]["web"] for name in pair.names}
    assert seen[HOME]["left"]
    assert not seen[HOME]["held"]
    assert seen[HOME]["handover"]["flows"] >= 100
    assert seen[OTHER]["handover"]["via"] == HOME
    assert seen[OTHER]["handover"]["passed_on"] > 0
    assert re.search("flows go on here", pair.info(HOME)["table"][0])
    assert 'realtime_edge_address_held{address="web"} 0' in pair.metrics(HOME)
    assert 'realtime_edge_address_held{address="web"} 1' in pair.metrics(OTHER)
    assert any(line.startswith('realtime_edge_handover_flows{address="web"}') for line in pair.metrics(HOME))
    # And back, while both have connections.
    watched = away(pair.addresses("web")[0])
    playbook("return", return_edge=HOME)
    assert pair.at_home()
    here.unhurt()
    there.unhurt()
    record("return", there, away=watched.stop(), requests=there.requests())


LOSS = """
table netdev loss {
    counter lost { }
    chain in { type filter hook ingress device eth0 priority 0; numgen random mod 100 0 counter name lost drop; }
    chain out { type filter hook egress device eth0 priority 0; numgen random mod 100 0 counter name lost drop; }
}
"""


@pytest.fixture
def lossy(pair, home):
    """Each edge loses one packet in a hundred, in each direction. More kernels have nftables than have netem."""
    for host in pair.hosts.values():
        host.check_output("printf %%s %s | nft --file -", LOSS)
    yield
    lost = [host.check_output("nft reset counter netdev loss lost") for host in pair.hosts.values()]
    for host in pair.hosts.values():
        host.check_output("nft delete table netdev loss")
    assert not any("packets 0 " in counter for counter in lost)


@pytest.mark.thorough
@pytest.mark.parametrize(("leaving", "name"), [(HOME, "web"), (OTHER, "second")])
def test_leave_and_return_lose_nobody_where_packets_are_lost(pair, lossy, crowd, playbook, record, away, leaving, name):
    here = crowd(name)
    for action, holder in (("leave", pair.other(leaving)), ("return", leaving)):
        watched = away(pair.addresses(name)[0])
        playbook(action, **{f"{action}_edge": leaving})
        assert pair.holders(name) == [holder]
        here.unhurt()
        record(f"{action} of {leaving}, 1 % of packets lost", here, away=watched.stop(), requests=here.requests())


def test_without_the_second_chance_all_are_lost(pair, home, crowd, record, wait_until):
    """What keepalived alone does: the address moves."""
    here = crowd()
    kept = {kind: count for kind, (_, count) in here.held.items() if kind != "polling"}
    try:
        pair.let(HOME, "web", False)
        wait_until("the other edge has it", lambda: pair.holders("web") == [OTHER])
        for held, _ in here.held.values():
            held.talk(1)
        # A poll that is not held at that moment is a connection of its own.
        wait_until("all have noticed", lambda: all(here.lost()[kind] >= count for kind, count in kept.items()), 90)
        record("a move by keepalived alone", here)
    finally:
        pair.let(HOME, "web", True)


def stopped_at(pair, condition, wait_until, **variables):
    """Kill leave.yml, and all that it has started, as soon as the condition is true."""
    extra = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    process = subprocess.Popen(
        ["ansible-playbook", "playbooks/leave.yml", "-e", f"leave_edge={HOME}", *extra],
        cwd=os.environ["MOLECULE_PROJECT_DIRECTORY"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until("it is in the middle", condition, 120)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.thorough
@pytest.mark.parametrize("moment", ["before the address moves", "after it"])
def test_a_playbook_that_is_killed_leaves_nothing_behind(pair, home, crowd, moment, wait_until):
    here = crowd()
    before = moment == "before the address moves"

    def halfway():
        if before:
            return "haproxy-handover@receive-web" in " ".join(pair.traces(OTHER))
        return pair.holders("web") == [OTHER]

    stopped_at(pair, halfway, wait_until, keepalived_handover_idle=20)
    here.unhurt()
    here.stop()
    for name in pair.names:
        wait_until(f"{name} is as it was", lambda name=name: pair.traces(name) == [], 120)


@pytest.mark.thorough
def test_an_edge_does_not_leave_where_no_other_could_take_its_addresses(pair, home, play, wait_until):
    other = pair.hosts[OTHER]
    other.check_output("systemctl stop keepalived")
    wait_until("all are at the first", lambda: pair.holders("second") == [HOME])
    done = play({"leave_edge": HOME}, playbook="leave")
    other.check_output("systemctl start keepalived")
    assert done.returncode != 0
    assert "No other edge could take its addresses" in done.stdout
    assert "Nothing has changed" in done.stdout
    assert pair.holders("web") == [HOME]
    assert pair.traces(HOME) == []


@pytest.mark.thorough
def test_an_edge_does_not_leave_in_a_run_without_the_others(pair, home, play):
    done = play({"leave_edge": HOME}, "--limit", HOME, playbook="leave")
    assert done.returncode != 0
    assert (
        f"All edges of the addresses have to be there (no --limit); missing: {OTHER}. Nothing has changed"
        in done.stdout
    )
    assert pair.at_home()
    assert pair.traces(HOME) == []


@pytest.mark.thorough
def test_an_edge_does_not_leave_where_another_is_dead(pair, home, play):
    subprocess.run(["docker", "pause", OTHER], check=True)
    try:
        done = play({"leave_edge": HOME}, playbook="leave")
        assert done.returncode != 0
        assert f"fatal: [{OTHER}]" in done.stdout
        assert not re.search("changed=[1-9]", done.stdout)
        assert pair.info(HOME)["addresses"]["web"]["held"]
        assert pair.traces(HOME) == []
    finally:
        subprocess.run(["docker", "unpause", OTHER], check=True)


@pytest.mark.thorough
def test_an_address_that_two_edges_hold_does_not_move(pair, home, play):
    for address in pair.shared["web"]["addresses"]:
        pair.hosts[OTHER].check_output("ip address add %s dev eth0", address)
    try:
        done = play({"leave_edge": HOME}, playbook="leave")
        assert done.returncode != 0
        assert f"web is held by {HOME} and {OTHER} at once" in done.stdout
        assert pair.traces(HOME) == []
        assert HOME in pair.holders("web")
    finally:
        for address in pair.shared["web"]["addresses"]:
            pair.hosts[OTHER].check_output("ip address del %s dev eth0", address)


@pytest.mark.thorough
def test_a_host_without_nftables_is_told(pair, home, play):
    pair.hosts[OTHER].check_output("mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        done = play({"leave_edge": HOME}, playbook="leave")
        assert done.returncode != 0
        assert "nftables is missing" in done.stdout
        assert pair.at_home()
        assert pair.traces(HOME) == []
    finally:
        pair.hosts[OTHER].check_output("mv /usr/sbin/nft.away /usr/sbin/nft")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["", "pair-edge99"])
def test_an_edge_that_is_none_is_told(home, play, name):
    done = play({"leave_edge": name}, playbook="leave")
    assert done.returncode != 0
    assert f"The edge that is to leave is one of {HOME}, {OTHER}; '{name}' is not" in done.stdout


def lasted(events):
    """Seconds from the first of these events to the last."""
    times = [event["at"] for event in events]
    return (max(times) - min(times)) / 1000


@pytest.mark.thorough
def test_a_leave_with_a_rate_closes_no_more_a_second_and_all_come_back(pair, home, playbook, wait_until):
    sockets, rate = 40, 5
    held = pair.at(pair.addresses("web")[0]).hold(sockets, "websocket", *CLIENTS)
    try:
        said = playbook("leave", leave_edge=HOME, leave_rate=rate).stdout
        assert f"{sockets} sessions of {HOME} were closed, 0 connections are left" in said
        wait_until("all are back", lambda: len(held.of("reconnect")) == sockets, 60)
        assert len(held.of("disconnect")) == sockets
        # A client may hear late of its end, so some pauses are shorter than those of the edge.
        assert lasted(held.of("disconnect")) >= 0.8 * (sockets - 1) / rate
        assert held.ping()["answered"] == sockets
        assert pair.holders("web") == [OTHER]
        for name in pair.names:
            wait_until(f"nothing goes on at {name}", lambda name=name: pair.traces(name) == [])
    finally:
        held.stop()
    playbook("return", return_edge=HOME)


@pytest.mark.thorough
def test_a_rolling_reboot_loses_only_whose_time_is_over(pair, home, crowd, playbook, record, wait_until):
    here = crowd()
    tasks = os.environ["MOLECULE_SCENARIO_DIRECTORY"] + "/files/restart.yml"
    boot = {name: host.check_output("stat --format=%Y /proc/1") for name, host in pair.hosts.items()}
    rate = 20
    playbook("reboot", reboot_tasks=tasks, reboot_wait=2, reboot_rate=rate)
    assert pair.at_home()
    for name, host in pair.hosts.items():
        assert host.check_output("stat --format=%Y /proc/1") != boot[name]
    wait_until("all are back", lambda: here.held["WebSocket, IPv4"][0].ping()["answered"] == 40, 60)
    assert here.held["polling"][0].ping()["answered"] == 20
    record(f"rolling reboot, what is left after 2 s closed, {rate} a second", here)
    # Both edges have closed them; the first of them at this rate.
    closed = here.held["WebSocket, IPv4"][0].of("disconnect")
    firsts = [next(event for event in closed if event["id"] == number) for number in range(40)]
    assert lasted(firsts) >= 0.8 * 39 / rate


@pytest.mark.thorough
def test_an_upgrade_of_both_loses_nobody(pair, home, crowd, play, record, away):
    """Debian's package reloads HAProxy; then the role runs, as after every upgrade of the package."""
    crowds = {name: crowd(name) for name in pair.shared}
    watched = {name: away(pair.addresses(name)[0]) for name in crowds}
    for edge, host in pair.hosts.items():
        before = info(pair, edge)["Pid"]
        host.check_output("DEBIAN_FRONTEND=noninteractive apt-get install --reinstall --yes haproxy")
        assert info(pair, edge)["Pid"] != before
    done = play({})
    assert done.returncode == 0, done.stdout
    assert pair.at_home()
    for name, here in crowds.items():
        here.release()
        here.unhurt()
        record(f"upgrade of HAProxy, {name}", here, away=watched[name].stop(), requests=here.requests())


@pytest.mark.thorough
def test_addresses_of_others_are_told_before_anything_changes(pair, nodes, play):
    """Those of a node: IPv4 is asked for by ARP, IPv6 by neighbour discovery."""
    shown = nodes["pair-app1"].check_output("cat /proc/net/if_inet6")
    six = next(
        ipaddress.IPv6Address(int(line.split()[0], 16)) for line in shown.splitlines() if line.startswith("fd40")
    )
    before = {name: host.check_output("sha1sum /etc/keepalived/keepalived.conf") for name, host in pair.hosts.items()}
    taken = {**pair.shared["second"], "addresses": ["10.213.40.21/24", f"{six}/64"]}
    done = play({"keepalived_addresses": [pair.shared["web"], taken]}, "--tags", "keepalived")
    assert done.returncode != 0
    for address in ("10.213.40.21", six):
        assert f"{address} is in use" in done.stdout
    assert "answers for it, which is none of the edges" in done.stdout
    assert before == {
        name: host.check_output("sha1sum /etc/keepalived/keepalived.conf") for name, host in pair.hosts.items()
    }


@pytest.mark.thorough
def test_a_keepalived_of_somebody_else_is_told(pair, home, play):
    host = pair.hosts[OTHER]
    path = "/etc/keepalived/keepalived.conf"
    host.check_output("mv %s /root/ours && echo '# mine' >%s", path, path)
    try:
        done = play({}, "--tags", "keepalived")
        assert done.returncode != 0
        assert "somebody else has configured keepalived on this host" in done.stdout
        assert host.file(path).content_string == "# mine\n"
    finally:
        host.check_output("mv /root/ours %s", path)


@pytest.mark.thorough
def test_status_and_the_explained_page_name_the_addresses(pair, home, play, tmp_path):
    done = play({}, playbook="status")
    assert done.returncode == 0, done.stdout
    assert re.search(r"web: 10\.213\.40\.100, fd40:213::100; held here; since \d{4}", done.stdout)
    assert play({"explain_folder": str(tmp_path)}, playbook="explain").returncode == 0
    assert (
        f"{HOME}, which shares 10.213.40.100, fd40:213::100, 10.213.40.101" in (tmp_path / f"{HOME}.html").read_text()
    )
