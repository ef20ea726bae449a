"""Clients survive what happens behind the edge and to it."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://edges"]


def states(edge, node):
    return {row["status"] for (proxy, server), row in edge.statistics().items() if server == node}


@pytest.fixture
def dead_node(edge, nodes, wait_until):
    """Kill the application of a node the hard way; afterwards it is back in every backend."""
    name, host = next(iter(nodes.items()))

    def kill():
        host.check_output("systemctl kill --signal KILL chat && systemctl stop chat")
        return name

    yield kill
    host.check_output("systemctl start chat")
    wait_until(f"{name} is back", lambda: states(edge, name) == {"UP"})


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_clients_of_a_dead_node_are_back_on_the_other(edge, hold, dead_node, nodes, wait_until, transport):
    held = hold(20, transport)
    before = held.nodes()
    assert set(before.values()) == set(nodes)
    dead = dead_node()
    orphans = {client for client, node in before.items() if node == dead}

    wait_until("all its clients are back", lambda: orphans <= {event["id"] for event in held.of("reconnect")})
    assert dead not in held.nodes().values()
    assert {event["id"] for event in held.of("disconnect")} == orphans, "a client of the other node was disturbed"
    assert held.ping()["answered"] == 20
    wait_until("the node is known to be down", lambda: all(state.startswith("DOWN") for state in states(edge, dead)))


def test_a_node_that_is_back_is_taken_in_again(edge, hold, dead_node, nodes, wait_until):
    dead = dead_node()
    wait_until("the node is known to be down", lambda: all(state.startswith("DOWN") for state in states(edge, dead)))
    assert dead not in hold(4, "websocket").nodes().values()
    nodes[dead].check_output("systemctl start chat")
    wait_until(f"{dead} is back", lambda: states(edge, dead) == {"UP"})
    assert dead in hold(4, "websocket").nodes().values()


def test_a_reload_loses_no_websocket(edge, hold):
    held = hold(50, "websocket")
    worker = edge.worker()
    assert "Success=1" in edge.ask("reload", "master")
    assert edge.worker() != worker
    assert held.ping()["answered"] == 50
    assert not held.of("disconnect")
