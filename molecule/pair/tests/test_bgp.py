"""A router knows the common address by the edges whose HAProxy serves, and by no others."""

from __future__ import annotations

import re

import pytest
import testinfra
from conftest import HOME, OTHER, PATIENT

testinfra_hosts = ["ansible://pair-edge12"]

ADDRESSES = ["198.51.100.40", "2001:db8:40::1"]
GET = """
import ssl, urllib.request
context = ssl._create_unverified_context()
request = urllib.request.Request("https://198.51.100.40/", headers={"Host": "chat"})
print(urllib.request.urlopen(request, timeout=10, context=context).status)
"""


@pytest.fixture(scope="module")
def router():
    return testinfra.get_host("ansible://pair-router")


@pytest.fixture
def announced(pair, router, wait_until):
    """The edges by which the router reaches an address."""
    names = dict(zip(["edge1", "edge2"], [HOME, OTHER]))  # as files/router.conf.j2 calls them

    def by(address):
        return {
            names[name] for name in re.findall(r"\[(edge\d) ", router.check_output("birdc show route for %s", address))
        }

    wait_until("both announce it", lambda: all(by(address) == {HOME, OTHER} for address in ADDRESSES), 60)
    yield by
    wait_until("both announce it again", lambda: all(by(address) == {HOME, OTHER} for address in ADDRESSES), 60)


def told(pair, edge):
    """To how many routers an edge says that it announces each address."""
    seen = pair.hosts[edge].ansible("realtime.edge.haproxy_bgp_info", check=False)
    return {address: item["routers"] for address, item in seen["addresses"].items()}


FAULTS = {
    "a worker that hangs": ("kill -STOP {worker}", "kill -CONT {worker}"),
    "HAProxy stops": ("systemctl stop haproxy", "systemctl start haproxy"),
    "HAProxy drains": ("systemctl kill --kill-who=main --signal=USR1 haproxy", "systemctl restart haproxy"),
}
OFTEN = ["a worker that hangs"]


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=() if fault in OFTEN else pytest.mark.thorough) for fault in FAULTS]
)
def test_an_edge_that_does_not_serve_announces_nothing(pair, router, announced, hold, fault, wait_until):
    hold(5, "websocket", *PATIENT)  # at HOME: a worker that drains ends with its last connection
    break_, mend = (command.format(worker=pair.edge.worker()) for command in FAULTS[fault])
    pair.hosts[HOME].check_output(break_)
    try:
        for address in ADDRESSES:
            wait_until("only the other announces it", lambda address=address: announced(address) == {OTHER})
        assert router.check_output("python3 -c %s", GET) == "200"
        wait_until("the edge says it", lambda: told(pair, HOME) == dict.fromkeys(ADDRESSES, 0))
        assert told(pair, OTHER) == dict.fromkeys(ADDRESSES, 1)
        for address in ADDRESSES:
            assert f'realtime_edge_address_announced{{address="{address}"}} 1' in pair.metrics(OTHER)
    finally:
        pair.hosts[HOME].check_output(mend)


@pytest.mark.thorough
def test_a_bird_that_begins_anew_announces_nothing_where_haproxy_does_not_serve(pair, announced, wait_until):
    host = pair.hosts[HOME]
    worker = pair.edge.worker()
    host.check_output("kill -STOP %s", worker)
    try:
        wait_until("only the other announces it", lambda: announced(ADDRESSES[0]) == {OTHER})
        host.check_output("systemctl restart bird")
        wait_until(
            "it talks to the router", lambda: "Established" in host.check_output("birdc show protocols router1"), 60
        )
        assert announced(ADDRESSES[0]) == {OTHER}
    finally:
        host.check_output("kill -CONT %s", worker)


@pytest.mark.thorough
def test_the_password_is_shown_nowhere(pair, play):
    host = pair.hosts[HOME]
    host.check_output("echo '# changed' >>/etc/bird/bird.conf")
    done = play({}, "--diff", "-vvv", "--tags", "bird")
    assert done.returncode == 0, done.stdout
    assert "made-up" not in done.stdout
    assert host.file("/etc/bird/bird.conf").mode == 0o640


def test_a_bird_of_somebody_else_is_told(pair, play):
    host, path = pair.hosts[HOME], "/etc/bird/bird.conf"
    host.check_output("cp -p %s /root/ours && echo '# mine' >%s", path, path)
    try:
        done = play({}, "--tags", "bird")
        assert done.returncode != 0
        assert "somebody else has configured BIRD on this host" in done.stdout
        assert host.file(path).content_string == "# mine\n"
    finally:
        host.check_output("cp -p /root/ours %s", path)
