"""What the tests of this scenario share: a node, to be asked without the edge, both ways to it, and what takes time."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
import testinfra
from resources.engineio import (
    GENERATIONS,
    WAYS,
    Client,
    PollingChannel,
    ProbeError,
    SocketChannel,
    awaited,
    read_target,
)


@pytest.fixture(scope="module")
def node(edge):
    """Address of a node."""
    name = edge.variables["groups"]["generations"][0]
    host = testinfra.get_host(f"ansible://{name}")
    return host.ansible.get_variables()["haproxy_address"]


@pytest.fixture(scope="module")
def places(edge, node):
    """Where a generation of Socket.IO is, by one of the ways."""

    def place(generation, way):
        name = f"g{generation}.test"
        if way == "directly":
            return read_target(f"http://{name}/", f"{node}:300{generation}", timeout=60)
        context = ssl.create_default_context(cafile=str(edge.ca))
        return read_target(f"https://{name}/", edge.address, timeout=60, context=context)

    return place


@pytest.fixture(scope="module", params=WAYS)
def reach(request, places):
    """Where a generation is, by each of the ways."""
    return lambda generation: places(generation, request.param)


NEW, OLD = GENERATIONS["4"], GENERATIONS["2"]


def the_server_pings_and_the_session_stays(client, channel):
    session = channel(client, NEW)
    session.send("40")
    awaited(session, "40")
    while "2" not in session.receive():  # after 25 s: a poll was held for as long
        pass
    session.send("3")
    session.send('427["ping-node"]')
    assert awaited(session, "437[")


def a_client_that_falls_silent_is_let_go_by_the_server(client, channel):
    # In Engine.IO 3 it is the client that pings: the server waits for that, 45 s in all, and holds a poll for as long.
    with pytest.raises(ProbeError, match=r"closed the WebSocket|the connection ended|Session ID unknown"):
        awaited(channel(client, OLD), "never")


def an_answer_that_takes_50_seconds_arrives(client, _channel):
    assert client.request("GET", "/hold?seconds=50").body == b"held"


# What takes its time by the protocols' own clocks.
WAITS = [
    ("4", the_server_pings_and_the_session_stays, PollingChannel),
    ("4", the_server_pings_and_the_session_stays, SocketChannel),
    ("2", a_client_that_falls_silent_is_let_go_by_the_server, PollingChannel),
    ("2", a_client_that_falls_silent_is_let_go_by_the_server, SocketChannel),
    ("4", an_answer_that_takes_50_seconds_arrives, None),
]


@pytest.fixture(scope="session")
def begun():
    """What waits already, and who waits."""
    with ThreadPoolExecutor(len(WAYS) * len(WAITS)) as pool:
        yield {}, pool


@pytest.fixture(scope="module")
def waiting(begun, places):
    """(way, number) → the end of what waits: it begins when a module first asks for it, and goes on beside tests."""
    ends, pool = begun

    def run(way, generation, what, channel):
        with Client(places(generation, way)) as client:
            what(client, channel)

    if not ends:
        ends.update({(way, number): pool.submit(run, way, *what) for way in WAYS for number, what in enumerate(WAITS)})
    return ends
