"""What the Engine.IO 4 and Socket.IO 5 protocols ask of a server, on the wire, through the edge and without it."""

from __future__ import annotations

import base64
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from resources.engineio import GENERATIONS, PATH, Client, PollingChannel, ProbeError, SocketChannel, awaited

testinfra_hosts = ["ansible://edges"]

ENGINE = GENERATIONS["4"]


@pytest.fixture(scope="module")
def place(reach):
    return reach("4")


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


def joined(channel, namespace=""):
    channel.send(f"40{namespace}")
    return json.loads(awaited(channel, f"40{namespace}{{")[len(f"40{namespace}") :])


# Handshake


def test_handshake(client):
    answer = client.request("GET", ENGINE.polling(PATH))
    assert answer.headers["Content-Type"].startswith("text/plain")
    opened = json.loads(answer.body[1:])
    assert opened["upgrades"] == ["websocket"]


@pytest.mark.parametrize(
    ("method", "query", "message"),
    [
        ("GET", "transport=polling", "Unsupported protocol version"),
        ("GET", "EIO=abc&transport=polling", "Unsupported protocol version"),
        ("GET", "EIO=4", "Transport unknown"),
        ("GET", "EIO=4&transport=abc", "Transport unknown"),
        ("POST", "EIO=4&transport=polling", "Bad handshake method"),
        ("GET", "EIO=4&transport=polling&sid=abc", "Session ID unknown"),
        ("POST", "EIO=4&transport=polling&sid=abc", "Session ID unknown"),
    ],
)
def test_a_handshake_that_is_refused_by_the_server(client, method, query, message):
    answer = client.request(method, f"{PATH}?{query}", b"4hi" if method == "POST" else b"")
    assert answer.summary == f"400 {message}"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("EIO=4&transport=abc", "400"),
        ("EIO=4&transport=websocket&sid=abc", "400"),
    ],
)
def test_a_websocket_that_is_refused_by_the_server(client, query, message):
    with pytest.raises(ProbeError, match=message):
        client.websocket(f"{PATH}?{query}")


# Packets


def test_several_packets_in_one_request_and_in_one_answer(polling):
    joined(polling)
    polling.send('420["ping-node"]\x1e421["ping-node"]')
    acknowledged = [packet[:3] for packet in polling.receive() if packet.startswith("43")]
    assert acknowledged == ["430", "431"]


def test_an_invalid_packet_ends_a_polling_session(polling):
    with contextlib.suppress(ProbeError):
        polling.send("abc")
    with pytest.raises(ProbeError, match="400 Session ID unknown"):
        awaited(polling, "never")


def test_an_invalid_packet_ends_a_websocket(websocket):
    websocket.send("abc")
    with pytest.raises(ProbeError, match="closed the WebSocket"):
        awaited(websocket, "never")


def test_a_second_poll_at_once_is_refused(place, polling):
    target = ENGINE.polling(PATH, polling.sid)
    with Client(place) as one, Client(place) as other, ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.request, "GET", target) for client in (one, other)]
        assert 400 in [answer.result().status for answer in answers]


# Close


def test_a_session_that_is_closed_is_gone(polling):
    polling.close()
    with pytest.raises(ProbeError, match="400 Session ID unknown"):
        polling.receive()


def test_the_close_of_a_websocket_is_answered(websocket):
    websocket.close()
    with pytest.raises(ProbeError, match="closed the WebSocket: 1000"):
        awaited(websocket, "never")


# Upgrade


def test_upgrade_while_a_poll_is_held(place, polling):
    joined(polling)
    polling.send('427["ping-node"]')
    awaited(polling, "437")  # nothing else is on its way to the client
    with Client(place) as client, ThreadPoolExecutor(1) as pool:
        held = pool.submit(polling.receive)
        socket = SocketChannel(client, ENGINE, polling.sid)
        socket.send("2probe")
        assert socket.receive() == ["3probe"]
        assert held.result() == ["6"]  # let go, so that nothing is lost on the way
        socket.send("5")
        socket.send('428["ping-node"]')
        assert json.loads(awaited(socket, "438")[3:])[0]["transport"] == "websocket"


def test_an_upgrade_without_its_probe_is_closed(place, polling):
    with Client(place) as client:
        socket = SocketChannel(client, ENGINE, polling.sid)
        socket.send("abc")
        with pytest.raises(ProbeError, match="closed the WebSocket"):
            awaited(socket, "never")


# Socket.IO


def test_namespaces(channel):
    main = joined(channel)
    assert main["sid"]
    channel.send("40/unknown,")
    assert json.loads(awaited(channel, "44/unknown,")[len("44/unknown,") :]) == {"message": "Invalid namespace"}
    channel.send('429["echo","still here"]')
    assert awaited(channel, "439") == '439["still here"]'


@pytest.mark.parametrize("packet", ['42["echo"', "4abc", "42{}", '42abc["echo"]'])
def test_a_message_that_is_no_packet_ends_the_session(websocket, packet):
    joined(websocket)
    websocket.send(packet)
    with pytest.raises(ProbeError, match="closed the WebSocket"):
        awaited(websocket, "never")


DATA = bytes(range(256)) * 4


def test_a_binary_event_over_websocket(websocket):
    joined(websocket)
    websocket.send('451-3["echo",{"_placeholder":true,"num":0}]')
    websocket.websocket.send(DATA)
    assert awaited(websocket, "461-3") == '461-3[{"_placeholder":true,"num":0}]'
    assert websocket.websocket.receive() == DATA


def test_a_binary_event_over_polling_is_in_base64(polling):
    encoded = base64.b64encode(DATA).decode()
    joined(polling)
    polling.send(f'451-3["echo",{{"_placeholder":true,"num":0}}]\x1eb{encoded}')
    packets = []
    while f"b{encoded}" not in packets:
        packets += polling.receive()
    assert '461-3[{"_placeholder":true,"num":0}]' in packets


# WebSocket


def test_fragments_and_pings_pass(websocket):
    joined(websocket)
    socket = websocket.websocket
    socket.send('425["echo","one ', final=False)
    socket.send(b"are you there", 9)
    socket.send("two ", 0, final=False)
    socket.send('three"]', 0)
    assert awaited(websocket, "435") == '435["one two three"]'


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 900000])
def test_messages_of_every_form_of_length(websocket, size):
    joined(websocket)
    head, tail = '426["echo","', '"]'
    text = "x" * (size - len(head + tail))
    websocket.send(head + text + tail)
    assert awaited(websocket, "436") == f'436["{text}"]'
