"""Attacks from one address, with 200 honest sockets beside them that notice nothing."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time

import pytest

# The three take minutes: `make audit` attacks all, and for as long as it takes to measure what honest clients notice.
AUDIT = "AUDIT" in os.environ
testinfra_hosts = ["ansible://edges" if AUDIT else "ansible://security-edge13"]

HONEST = 200
ROUNDS = 15 if AUDIT else 3
SECONDS = 10 if AUDIT else 4

# The scenario's `haproxy_limits.request_timeout`.
PATIENCE = 5


# Processors of the attacker: where honest clients are measured, it must not be the attacker's own load that counts.
ATTACKER = "0.25" if AUDIT else "1"


@pytest.fixture(scope="module")
def attack(edge):
    """Start attacks side by side; the result of each, and how much the honest clients' p99 grew meanwhile."""
    honest = edge.hold(HONEST, "websocket")
    subprocess.run(["docker", "update", "--cpus", ATTACKER, "security-stranger"], capture_output=True, check=True)

    def rounds(more):
        """What p99 was in each of some rounds; in each, all are asked at once."""
        times = []
        while len(times) < ROUNDS or more():
            answer = honest.ping()
            assert (answer["answered"], answer["failed"]) == (HONEST, 0)
            times.append(answer["p99_ms"])
            time.sleep(0.1)
        return times

    rounds(lambda: False)  # these warm everything up

    def start(**attacks):
        quiet = rounds(lambda: False)
        command = ["docker", "exec", "security-stranger", "python3", "/srv/attack.py", edge.address]
        running = {
            name: subprocess.Popen(
                [*command, name, str(number), str(SECONDS)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name, number in attacks.items()
        }
        attacked = rounds(lambda: any(process.poll() is None for process in running.values()))
        quiet += rounds(lambda: False)  # what else the machine does may have changed meanwhile
        assert honest.of("disconnect", "reconnect") == []
        ratio = statistics.median(attacked) / statistics.median(quiet)
        return {name: json.loads(process.communicate()[0]) for name, process in running.items()}, {
            "honest": HONEST,
            "p99": round(ratio, 2),
        }

    yield start
    honest.stop()


def test_who_is_slow_is_not_waited_for(edge, attack, row):
    found, honest = attack(slow_headers=300, slow_bodies=300, slow_handshakes=300)
    for what in ("slow_headers", "slow_bodies"):
        # On a busy machine a connection may miss the time for its own handshake; with TLS 1.3 its client learns late.
        assert found[what]["answers"]["408"] > 200, found
        assert set(found[what]["answers"]) <= {"408", "closed"}, found
        assert found[what]["ended"] > PATIENCE - 1, found
        seconds = found[what]["ended"]
        row(what.replace("_", " ").capitalize(), f"408 after {seconds:.0f} s", "`request_timeout`, here 5", **honest)
    handshakes = found["slow_handshakes"]
    if edge.version >= (3, 0):
        assert handshakes["ended"], found
        outcome = f"closed after {handshakes['ended']:.0f} s"
    else:
        # Before `timeout client-hs` there is only that of clients, 60 s; what one address may hold is limited.
        outcome = "held for 60 s"
    row("Slow TLS handshakes", outcome, "`request_timeout` from 3.0 on, before `timeout client`", **honest)


def test_a_flood_of_sessions_is_told_to_come_later(edge, attack, row):
    found, honest = attack(sessions=5000)
    answers = found["sessions"]["answers"]
    # A rate over ten seconds lets a little more through when the flood takes longer than those.
    assert answers["429 retry-after"] > 1000, answers
    assert set(answers) == {"200", "429 retry-after"}
    row(
        "5,000 new Socket.IO sessions from one address",
        f"{answers['200']:,} opened, the others 429 with Retry-After",
        "`session_rate` 2000 in 10 s",
        **honest,
    )
    assert int(next(r["dreq"] for (p, k), r in edge.statistics().items() if (p, k) == ("https", "FRONTEND"))) > 1000


def test_one_address_gets_its_share_of_connections(edge, attack, row):
    found, honest = attack(idle_connections=6000)
    idle = found["idle_connections"]
    assert idle["held"] < 4010, idle  # threads that look at the same moment may let in one more each
    assert idle["refused"] > 1000, idle
    ended = f"after {idle['ended']:.0f} s" if idle["ended"] else "by `timeout client`, 60 s"
    row(
        "6,000 idle connections from one address",
        f"{idle['held']:,} held, closed {ended}, the others refused",
        "`connections` 4000, `connection_rate` 4000 in 10 s",
        **honest,
    )
    assert int(next(r["dcon"] for (p, k), r in edge.statistics().items() if (p, k) == ("https", "FRONTEND"))) > 900


HTTP2 = {
    "rapid_reset": "Rapid reset: requests that are taken back at once",
    "made_you_reset": "MadeYouReset: requests that the edge has to take back",
    "continuation_flood": "A head without end, in CONTINUATION frames",
    "settings_flood": "SETTINGS frames, each to be acknowledged",
    "hpack_bomb": "HPACK bomb: 16 kB that mean 47 MB",
}


@pytest.mark.parametrize("name", HTTP2)
def test_an_attack_by_http2_costs_nobody_else_anything(edge, attack, row, name):
    memory = int(edge.ask("show info").partition("PoolUsed_MB: ")[2].split()[0])
    found, honest = attack(**{name: 20})
    closed = found[name]["answers"]["closed"]
    # It is more than any head may be: that ends the connection. The others are only to be endured.
    assert closed or name != "continuation_flood", found
    assert int(edge.ask("show info").partition("PoolUsed_MB: ")[2].split()[0]) - memory < 100
    row(
        HTTP2[name],
        f"{found[name]['held']:,} connections, {closed:,} of them closed by the edge"
        if closed
        else "served and endured",
        "buffers of a fixed size, `tune.h2.fe.glitches-threshold` from 3.0 on",
        **honest,
    )
