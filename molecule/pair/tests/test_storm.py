"""Many sockets at once: when an edge dies, all are back at the other, most of them with a resumed TLS session."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import HOME, OTHER, info

testinfra_hosts = ["ansible://pair-edge12"]

SOCKETS = int(os.environ.get("PAIR_SOCKETS", "300"))
FEWER = min(SOCKETS, 1000)
AT_ONCE = 300  # sockets of one process
LIMIT = 100  # TLS handshakes a second

# How many sockets, what their clients do, and the edge's limit of handshakes.
STORMS = {
    "sessions kept, as a browser does": (SOCKETS, ["--keep-session"], 0),
    "sessions as Node keeps them": (FEWER, [], 0),
    f"{LIMIT} handshakes a second at most": (FEWER, ["--keep-session"], LIMIT),
}


@pytest.fixture
def gather(pair):
    """So many sockets, of clients with Socket.IO's own times: 1 s before the first try, up to 5 s, 20 s for each."""
    held = []

    def hold(sockets, *more):
        at = pair.at(pair.addresses("web")[0])
        options = ["--delay", "1", "--retry", "5", "--timeout", "20", *more]
        for there in range(0, sockets, AT_ONCE):
            held.append(at.hold(min(AT_ONCE, sockets - there), "websocket", *options))
            # Clients that all share two processors would end together, most of them after their time was over.
            os.setpriority(os.PRIO_PROCESS, held[-1].process.pid, 19 * there // sockets)
        return held

    yield hold
    for one in held:
        one.stop()


@pytest.fixture
def limit(pair):
    """Limit the handshakes of the edge that takes over, as `haproxy_limits.total_handshake_rate` does (0: no limit)."""
    yield lambda rate: pair.tell(OTHER, f"set rate-limit ssl-sessions global {rate}")
    pair.tell(OTHER, "set rate-limit ssl-sessions global 0")


def seconds(stat):
    """Processor time in the fields of /proc/PID/stat."""
    fields = stat.rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def used(pair, nodes, held):
    """Seconds of processor time so far: of clients, nodes, the edge that takes over, and all that there has been."""
    edge = pair.hosts[OTHER].check_output("cat /proc/%s/stat", info(pair, OTHER)["Pid"])
    apps = [node.check_output("cat /proc/[0-9]*/stat | grep '(MainThread)'") for node in nodes.values()]  # Node's name
    clients = [Path(f"/proc/{one.process.pid}/stat").read_text() for one in held]
    machine = [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in Path("/proc/stat").read_text().split()[1:9]]
    times = {"clients": clients, "nodes": apps, "edge": [edge]}
    return {**{who: sum(map(seconds, stats)) for who, stats in times.items()}, "machine": sum(machine)}


@pytest.mark.thorough
@pytest.mark.parametrize("storm", STORMS)
def test_all_are_back(pair, home, nodes, gather, limit, keep, away, storm, wait_until):
    sockets, options, rate = STORMS[storm]
    held = gather(sockets, *options)
    pair.tell(OTHER, "clear counters all")
    limit(rate)
    watched, before, began = away(pair.addresses("web")[0]), used(pair, nodes, held), time.monotonic()
    pair.hosts[HOME].check_output("systemctl kill --signal=KILL haproxy")

    def back():
        return [event for one in held for event in one.of("reconnect")]

    times = {}
    for share, least in (("first", 1), ("half", sockets / 2), ("all", sockets)):
        wait_until(f"{share} of them back", lambda least=least: len(back()) >= least, 300)
        times[share] = round(time.monotonic() - began, 1)
        if share == "first":
            times["away"] = watched.stop()
    after, found, resumed = used(pair, nodes, held), info(pair, OTHER), sum(event["resumed"] for event in back())
    counts = {"handshakes": int(found["MaxSslRate"]), "full": int(found["SslFrontendMaxKeyRate"]), "resumed": resumed}
    spent = {who: round(after[who] - before[who], 1) for who in after}
    keep(f"storm: {storm}", sockets=sockets, **times, **counts, spent=spent)
    assert pair.holders("web") == [OTHER]
    assert len(back()) == sockets
    assert not [event for one in held for event in one.of("disconnect") if event["reason"] == "ping timeout"]
    if "--keep-session" in options:
        assert resumed >= 0.9 * sockets
        assert counts["full"] <= 0.1 * counts["handshakes"]  # the edge has seen the same
    if rate:
        assert counts["handshakes"] <= 1.1 * rate
