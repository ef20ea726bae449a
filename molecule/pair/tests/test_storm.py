"""Many sockets at once: when an edge dies, all of them are back at the other."""

from __future__ import annotations

import os
import time

import pytest
from conftest import HOME, OTHER

testinfra_hosts = ["ansible://pair-edge12"]

SOCKETS = int(os.environ.get("PAIR_SOCKETS", "300"))
AT_ONCE = 300  # sockets of one process


@pytest.fixture
def many(pair):
    """So many sockets, of clients with Socket.IO's own times: 1 s before the first try, up to 5 s, 20 s for each."""
    at = pair.at(pair.addresses("web")[0])
    options = ["--delay", "1", "--retry", "5", "--timeout", "20"]
    held = [at.hold(min(AT_ONCE, SOCKETS - there), "websocket", *options) for there in range(0, SOCKETS, AT_ONCE)]
    yield held
    for one in held:
        one.stop()


def info(pair, edge):
    return dict(line.split(": ", 1) for line in pair.tell(edge, "show info").splitlines() if ": " in line)


@pytest.mark.thorough
def test_all_are_back(pair, home, many, keep, away, wait_until):
    pair.tell(OTHER, "clear counters all")
    watched = away(pair.addresses("web")[0])
    pair.hosts[HOME].check_output("systemctl kill --signal=KILL haproxy")
    began = time.monotonic()

    def back():
        return sum(len({event["id"] for event in held.of("reconnect")}) for held in many)

    wait_until("half of them are back", lambda: back() >= SOCKETS / 2, 300)
    half = time.monotonic() - began
    wait_until("all are back", lambda: back() == SOCKETS, 300)
    whole = time.monotonic() - began
    found = info(pair, OTHER)
    keep(
        "storm",
        sockets=SOCKETS,
        away=watched.stop(),
        half=round(half, 1),
        all=round(whole, 1),
        handshakes=int(found["MaxSslRate"]),
        full=int(found["SslFrontendMaxKeyRate"]),
    )
    assert pair.holders("web") == [OTHER]
