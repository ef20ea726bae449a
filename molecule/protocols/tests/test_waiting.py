"""What takes its time by the protocols' own clocks, through the edge and without it: all of it waits at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from resources.engineio import GENERATIONS, WAYS, Client, PollingChannel, ProbeError, SocketChannel, awaited

testinfra_hosts = ["ansible://edges"]

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


ALL = [
    ("4", the_server_pings_and_the_session_stays, PollingChannel),
    ("4", the_server_pings_and_the_session_stays, SocketChannel),
    ("2", a_client_that_falls_silent_is_let_go_by_the_server, PollingChannel),
    ("2", a_client_that_falls_silent_is_let_go_by_the_server, SocketChannel),
    ("4", an_answer_that_takes_50_seconds_arrives, None),
]


@pytest.fixture(scope="module")
def waiting(places):
    """What has begun: (way, number) → its end."""

    def run(way, generation, what, channel):
        with Client(places(generation, way)) as client:
            what(client, channel)

    with ThreadPoolExecutor(len(WAYS) * len(ALL)) as pool:
        yield {(way, number): pool.submit(run, way, *what) for way in WAYS for number, what in enumerate(ALL)}


@pytest.mark.parametrize("number", range(len(ALL)), ids=[what.__name__ for _, what, _ in ALL])
@pytest.mark.parametrize("way", WAYS)
def test_in_its_time(waiting, way, number):
    waiting[way, number].result()
