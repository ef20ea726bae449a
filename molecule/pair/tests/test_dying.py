"""An edge that dies: its address is elsewhere, its clients come back, and there never are two holders at the end."""

from __future__ import annotations

import subprocess

import pytest
from conftest import HOME, OTHER

testinfra_hosts = ["ansible://pair-edge12"]


def docker(*words):
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def kill(pair):
    pair.hosts[HOME].check_output("systemctl kill --signal=KILL haproxy")


def hang(pair):
    pair.hosts[HOME].check_output("kill -STOP %s", pair.edge.worker())


def continue_(pair):
    pair.hosts[HOME].check_output("pkill -CONT haproxy")


def drain(pair):
    pair.hosts[HOME].check_output("systemctl kill --kill-who=main --signal=USR1 haproxy")


def plug_in(pair):
    """With the link, the kernel has lost the route and the edge's own IPv6 address, without which it answers nobody."""
    network = "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}}{{end}}"
    up = "ip link set eth0 up && ip route replace default via 10.213.40.1 && ip address replace %s dev eth0 nodad"
    pair.hosts[HOME].check_output(up, docker("inspect", "--format", network, HOME))


DEATHS = {
    "kill -9 of HAProxy": (kill, lambda pair: None),
    "a worker that hangs": (hang, continue_),
    "HAProxy drains": (drain, lambda pair: pair.hosts[HOME].check_output("systemctl restart haproxy")),
    "the machine stops": (lambda pair: docker("pause", HOME), lambda pair: docker("unpause", HOME)),
    "the link is cut": (
        lambda pair: pair.hosts[HOME].check_output("ip link set eth0 down"),
        plug_in,
    ),
}


# Such an edge thinks that it is alone, and of two holders the one with the lower priority gives way. No other edge that
# comes back takes its address back.
CUT_OFF = ["the machine stops", "the link is cut"]
SOCKETS = ["WebSocket, IPv4", "WebSocket, IPv6"]
OFTEN = ["kill -9 of HAProxy", "a worker that hangs"]


def agreed(pair):
    """Whether one edge has the address, and both say so."""
    states = {name: pair.info(name)["addresses"]["web"]["state"] for name in pair.names}
    held = [states[name] for name in pair.holders("web")]
    return held == ["MASTER"] and sorted(states.values()) == ["BACKUP", "MASTER"]


@pytest.mark.parametrize(
    "death", [pytest.param(death, marks=() if death in OFTEN else pytest.mark.thorough) for death in DEATHS]
)
def test_its_address_is_elsewhere_and_its_clients_come_back(pair, home, crowd, record, away, death, wait_until):
    address = pair.addresses("web")[0]
    here, watched = crowd(), away(address)
    die, recover = DEATHS[death]
    die(pair)
    try:
        wait_until(
            "the other edge has it",
            lambda: f" {address}/" in pair.hosts[OTHER].check_output("ip -oneline address show dev eth0"),
        )
        if death not in CUT_OFF:  # nobody has to ask, or to wait for a timeout
            wait_until("all have noticed", lambda: all(here.lost()[kind] == 40 for kind in SOCKETS), 60)
            assert "ping timeout" not in {
                event["reason"] for kind in SOCKETS for event in here.held[kind][0].of("disconnect")
            }
        for kind in (*SOCKETS, "polling"):
            held, count = here.held[kind]
            wait_until(f"{kind}: all are back", lambda held=held, count=count: held.ping()["answered"] == count, 90)
        resumed, back = here.resumed()
        record(death, here, away=watched.stop(), resumed=f"{resumed} of {back}")
        assert resumed >= 0.9 * back >= 0.9 * 80
    finally:
        recover(pair)
    wait_until("one of them has it, and the other could", lambda: agreed(pair))
    assert death in CUT_OFF or pair.holders("web") == [OTHER]
