"""What the tests of this scenario share: the other edges, and clients that go to all of them."""

from __future__ import annotations

import copy
import re

import pytest
import testinfra


@pytest.fixture(scope="module")
def others(edge):
    """The other edges: name → host."""
    names = set(edge.variables["groups"]["edges"]) - {edge.variables["inventory_hostname"]}
    return {name: testinfra.get_host(f"ansible://{name}") for name in names}


@pytest.fixture
def settled(edge, others, wait_until):
    """Wait until the edges know each other for ten seconds: two that call each other at once begin once more."""
    young = re.compile(r"\(remote.*last_(status=(?!ESTA)|hdshk=(\ds|<NEVER>)\s)")
    for host in (edge.host, *others.values()):
        one = copy.copy(edge)
        one.host = host
        wait_until("they have settled", lambda one=one: not young.search(one.ask("show peers affinity")), 60)


@pytest.fixture
def anywhere(others, settled):
    """Arguments of a client that takes another edge for each request."""
    addresses = (host.ansible.get_variables()["haproxy_address"] for host in others.values())
    return [word for address in addresses for word in ("--also", address)]


@pytest.fixture
def everywhere(edge, anywhere, wait_until):
    """Sixty polling clients, each of whose requests goes to another edge than the one before."""
    # A busy machine may take longer than ten seconds for an answer, which is no loss.
    held = edge.hold(60, "polling", "--timeout", "60", *anywhere)
    yield held
    held.stop()


def heard(host):
    """The other edges as haproxy_status tells of them: name → whether this one exchanges its tables with it."""
    live = host.ansible("realtime.edge.haproxy_status", check=False)
    return {peer["name"]: peer["up"] for peer in live.get("peers", ())}


def unhurt(held):
    """All sixty are answered, and none of them has noticed anything."""
    assert held.of("disconnect", "reconnect") == []
    assert held.ping()["answered"] == 60
    assert not [ping for ping in held.of("ping") if ping["failed"]]
