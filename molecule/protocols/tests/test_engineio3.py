"""What the Engine.IO 3 protocol asks of a server (Socket.IO 2), on the wire, through the edge and without it."""

from __future__ import annotations

import base64
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from resources.engineio import GENERATIONS, PATH, Client, EngineIO3, PollingChannel, ProbeError, SocketChannel, awaited

testinfra_hosts = ["ansible://edges"]

# The tests of test_waiting.py wait for a minute: from here on, beside the others.
pytestmark = pytest.mark.usefixtures("waiting")

ENGINE = GENERATIONS["2"]


class Base64(EngineIO3):
    """Of a client that cannot read bytes."""

    def polling(self, path, sid=""):
        """See there."""
        return f"{super().polling(path, sid)}&b64=1"


@pytest.fixture(scope="module")
def place(reach):
    return reach("2")


@pytest.fixture
def client(place):
    with Client(place) as client:
        yield client


@pytest.fixture
def polling(client):
    return PollingChannel(client, ENGINE)


@pytest.fixture
def websocket(client):
    return SocketChannel(client, ENGINE)


@pytest.fixture(params=[PollingChannel, SocketChannel], ids=["polling", "websocket"])
def channel(request, client):
    """An open session, by each transport."""
    return request.param(client, ENGINE)


# Handshake


def test_handshake(client):
    answer = client.request("GET", Base64().polling(PATH))
    assert answer.headers["Content-Type"].startswith("text/plain")
    opened, joined = ENGINE.unpack(answer.body.decode())
    assert joined == "40"  # the node connects a client by itself
    opened = json.loads(opened[1:])
    assert opened["upgrades"] == ["websocket"]


@pytest.mark.parametrize(
    ("method", "query", "code", "message"),
    [
        ("GET", "EIO=3", 0, "Transport unknown"),
        ("GET", "EIO=3&transport=abc", 0, "Transport unknown"),
        ("GET", "EIO=3&transport=polling&sid=abc", 1, "Session ID unknown"),
        ("POST", "EIO=3&transport=polling&sid=abc", 1, "Session ID unknown"),
        ("POST", "EIO=3&transport=polling", 2, "Bad handshake method"),
    ],
)
def test_a_handshake_that_is_refused_by_the_server(client, method, query, code, message):
    answer = client.request(method, f"{PATH}?{query}", b"3:4hi" if method == "POST" else b"")
    assert (answer.status, json.loads(answer.body)) == (400, {"code": code, "message": message})


@pytest.mark.parametrize("query", ["EIO=3&transport=abc", "EIO=3&transport=websocket&sid=abc"])
def test_a_websocket_that_is_refused_by_the_server(client, query):
    with pytest.raises(ProbeError, match="400"):
        client.websocket(f"{PATH}?{query}")


# Heartbeat: here the client asks


def test_a_ping_is_answered(channel):
    channel.send("2")
    assert awaited(channel, "3") == "3"


# Packets


def test_several_packets_in_one_request(client, polling):
    awaited(polling, "42")  # hello
    packets = "".join(ENGINE.pack(packet) for packet in ['420["ping-node"]', '421["ping-node"]', "2"])
    assert client.request("POST", ENGINE.polling(PATH, polling.sid), packets.encode()).body == b"ok"
    received = []
    while len(received) < 3:
        received += polling.receive()
    assert sorted(packet[:3] for packet in received) == ["3", "430", "431"]


def test_lengths_are_counted_in_characters(polling):
    text = "“quotes”, 雪 and 🙂"
    packet = f'423["echo","{text}"]'
    utf16 = len(packet.encode("utf-16-le")) // 2
    polling.client.request("POST", ENGINE.polling(PATH, polling.sid), f"{utf16}:{packet}".encode())
    received = json.loads(awaited(polling, "433")[3:])[0]
    assert received.encode("utf-16", "surrogatepass").decode("utf-16") == text


@pytest.mark.parametrize("payload", ["abc", "3:4", "-1:", "99999:4hi"])
def test_an_invalid_payload_ends_a_polling_session(client, polling, payload):
    client.request("POST", ENGINE.polling(PATH, polling.sid), payload.encode())
    with pytest.raises(ProbeError, match="400"):
        awaited(polling, "never")


def test_an_invalid_packet_ends_a_websocket(websocket):
    websocket.send("abc")
    with pytest.raises(ProbeError, match=r"closed the WebSocket|the connection ended"):
        awaited(websocket, "never")


def test_a_second_poll_at_once_is_refused(place, polling):
    awaited(polling, "42")
    target = ENGINE.polling(PATH, polling.sid)
    with Client(place) as one, Client(place) as other, ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.request, "GET", target) for client in (one, other)]
        assert {answer.result().status for answer in answers} - {200}


# Close


def test_a_session_that_is_closed_is_gone(polling):
    with contextlib.suppress(ProbeError):
        polling.close()
    with pytest.raises(ProbeError, match="Session ID unknown"):
        awaited(polling, "never")


def test_the_close_of_a_websocket_is_answered(websocket):
    websocket.close()
    with pytest.raises(ProbeError, match=r"closed the WebSocket: 1000"):
        awaited(websocket, "never")


# Upgrade


def test_upgrade_while_a_poll_is_held(place, polling):
    awaited(polling, "42")
    with Client(place) as client, ThreadPoolExecutor(1) as pool:
        held = pool.submit(polling.receive)
        socket = SocketChannel(client, ENGINE, polling.sid)
        socket.send("2probe")
        assert socket.receive() == ["3probe"]
        assert held.result() == ["6"]  # let go, so that nothing is lost on the way
        socket.send("5")
        socket.send('428["ping-node"]')
        assert json.loads(awaited(socket, "438")[3:])[0]["transport"] == "websocket"


# Socket.IO


def test_namespaces(channel):
    awaited(channel, "42")
    channel.send("40/unknown,")
    assert json.loads(awaited(channel, "44/unknown,")[len("44/unknown,") :]) == "Invalid namespace"
    channel.send('429["echo","still here"]')
    assert awaited(channel, "439") == '439["still here"]'


DATA = bytes(range(256)) * 4


def test_a_binary_event_over_websocket(websocket):
    websocket.send('451-3["echo",{"_placeholder":true,"num":0}]')
    websocket.websocket.send(b"\4" + DATA)
    assert awaited(websocket, "461-3") == '461-3[{"_placeholder":true,"num":0}]'
    assert websocket.websocket.receive() == b"\4" + DATA


def test_a_binary_event_over_polling_in_base64(client):
    polling = PollingChannel(client, Base64())
    encoded = f"b4{base64.b64encode(DATA).decode()}"
    packets = ['451-3["echo",{"_placeholder":true,"num":0}]', encoded]
    client.request("POST", Base64().polling(PATH, polling.sid), "".join(map(ENGINE.pack, packets)).encode())
    received = []
    while encoded not in received:
        received += polling.receive()
    assert '461-3[{"_placeholder":true,"num":0}]' in received
