"""Sockets may be idle for longer than clients and servers otherwise may; what is half closed does not stay.

Where something has to be waited for, a second edge is asked, whose clocks run faster.
"""

from __future__ import annotations

import json
import re
import socket

import pytest
from resources.engineio import GENERATIONS, Client, make_context, read_target

testinfra_hosts = ["ansible://edges"]

MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000}


def faster(text):
    """Everybody has two seconds, for all but connecting and tunnels."""
    return re.sub(r"(timeout (?!tunnel|connect)\S+) \S+", r"\1 2s", text)


@pytest.fixture
def echo(second_edge):
    """A second edge with a change, asked for the server that echoes; and its users."""

    def start(change):
        edge = second_edge(change)
        edge.name = "echo.test"
        context = make_context(ca_path=str(edge.ca))
        place = read_target("https://echo.test/", f"{edge.address}:{edge.port}", timeout=60, context=context)
        return edge, lambda: Client(place)

    return start


def test_an_idle_socket_outlives_every_other_timeout(echo):
    edge, client = echo(faster)
    with client() as one:
        websocket = one.websocket("/")
        for _ in range(3):
            with edge.connect() as idle:
                idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: echo.test\r\n\r\n")
                idle.settimeout(30)
                while idle.recv(4096):  # until the edge has had enough of it
                    pass
        websocket.send("still here")
        assert websocket.receive() == "still here"


def upgraded(edge, name, path):
    """A WebSocket whose user has said nothing yet."""
    edge.name = name
    connection = edge.connect()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
    return connection


def sockets(edge, backend):
    return int(edge.statistics()[backend, "BACKEND"]["scur"])


@pytest.mark.parametrize(
    ("name", "path", "backend", "tunnel"),
    [
        ("g2.test", "/socket.io/?EIO=3&transport=websocket", "g2_websocket", "1h"),
        ("g4.test", "/socket.io/?EIO=4&transport=websocket", "g4_websocket", "1h"),
        ("echo.test", "/", "echo_http", "1h"),
        # A server that takes no notice: HAProxy has told it, and waits as long as for any other socket.
        ("echo.test", "/deaf", "echo_http", "3s"),
    ],
)
def test_a_socket_whose_user_has_left_is_reaped(second_edge, wait_until, name, path, backend, tunnel):
    edge = second_edge(lambda text: faster(text).replace("timeout tunnel 1h", f"timeout tunnel {tunnel}"))
    with upgraded(edge, name, path) as connection:
        wait_until("the socket is open", lambda: sockets(edge, backend) == 1)
        connection.shutdown(socket.SHUT_WR)  # and no word of WebSocket's
        wait_until("the edge has let go of it", lambda: sockets(edge, backend) == 0)


def test_a_socket_whose_server_has_left_is_reaped(second_edge, wait_until):
    edge = second_edge(faster)
    with upgraded(edge, "echo.test", "/leaving"):
        wait_until("the edge has let go of it", lambda: sockets(edge, "echo_http") == 0)


def test_an_answer_that_takes_longer_than_a_server_may_is_cut(echo):
    # So that the next test tells something.
    _edge, client = echo(faster)
    with client() as one:
        assert one.request("GET", "/hold?seconds=1").status == 200
        assert one.request("GET", "/hold?seconds=10").status == 504


def test_the_deployed_timeouts_let_polls_and_heartbeats_in(edge, places):
    text = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    timeouts = {
        name: int(number) * MILLISECONDS[unit]
        for name, number, unit in re.findall(r"^\s*timeout (\S+) (\d+)([smh])", text, re.MULTILINE)
    }
    for generation in ("2", "4"):
        wire_form = GENERATIONS[generation]
        with Client(places(generation, "directly")) as client:
            body = client.request("GET", f"{wire_form.polling('/socket.io/')}&b64=1").body.decode()
        opened = json.loads(wire_form.unpack(body)[0][1:])
        # A server holds a poll, and says nothing on a WebSocket, until it thinks that the client is gone.
        held = opened["pingInterval"] + opened["pingTimeout"]
        assert held < min(timeouts["client"], timeouts["server"], timeouts["tunnel"])
    assert timeouts["tunnel"] > 10 * timeouts["client"]
    assert max(timeouts["client-fin"], timeouts["server-fin"]) < timeouts["client"]
