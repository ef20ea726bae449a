"""Rough clients are answered or let go, and nobody else notices."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest

testinfra_hosts = ["ansible://edges"]

GARBAGE = {
    "zeros": b"\0" * 64,
    "ones": b"\xff" * 4096,
    "half a TLS record": b"\x16\x03\x01\xff\xff" + b"\xaa" * 4096,
    "a hello that is none": b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03" + b"\xaa" * 26,
    "the HTTP/2 preface, and no more sense": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    "a long line": b"GET /" + b"x" * 100_000,
    "a request without end": b"GET / HTTP/1.1\r\nHost: g4.test\r\n",
    "headers without end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
}

# Asks a port that only this machine can reach.
FROM_INSIDE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) as s:
    try:
        s.sendall(bytes.fromhex(sys.argv[2]))
        while s.recv(65536): pass
    except (ConnectionResetError, BrokenPipeError): pass
print("let go")
"""


@pytest.fixture(autouse=True)
def nobody_notices(edge, hold):
    """Honest users, and the worker that serves them, are the same afterwards."""
    edge.name = "g4.test"
    users = hold(4, "polling"), hold(4, "websocket")
    worker = edge.worker()
    yield
    for held in users:
        assert held.ping()["answered"] == 4
        assert not held.of("disconnect", "reconnect")
    assert edge.worker() == worker
    assert edge.get("/healthz").text == "ok"


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_answered_or_let_go(edge, answer, garbage):
    for port in (80, 443):
        assert b" 200 " not in answer(socket.create_connection((edge.address, port), 10), garbage)
    assert b" 200 " not in answer(edge.connect(), garbage)


def test_garbage_on_the_port_of_the_statistics_is_let_go(edge):
    assert edge.host.check_output("python3 -c %s 8404 %s", FROM_INSIDE, GARBAGE["ones"].hex()) == "let go"


def test_garbage_on_the_port_of_http3_is_ignored(edge):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rough:
        for size in (1, 20, 21, 1200, 9000):
            for first in (b"\0", b"\x40", b"\xc0\0\0\0\1", b"\xff" * 5):
                rough.sendto((first + b"\xaa" * size)[:size], (edge.address, 443))
    assert edge.client("generations/http3.py", "--quick")["works"]


VERSION = "Sec-WebSocket-Version: 13"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

ROUGH = {
    "no key": ("EIO=4&transport=websocket", VERSION),
    "another version": ("EIO=4&transport=websocket", KEY, "Sec-WebSocket-Version: 7"),
    "unknown session": ("EIO=4&transport=websocket&sid=made-up", KEY, VERSION),
    "unknown transport": ("EIO=4&transport=carrier-pigeon",),
    "unknown transport, before 3": ("EIO=3&transport=carrier-pigeon",),
    "unknown protocol": ("EIO=99&transport=polling",),
    "id of 10 kB": (f"EIO=4&transport=polling&sid={'x' * 10_000}",),
    "id of 10 kB, before 3": (f"EIO=3&transport=polling&sid={'x' * 10_000}",),
    "id of 40 kB": (f"EIO=4&transport=polling&sid={'x' * 40_000}",),
    "id of odd bytes": ("EIO=4&transport=polling&sid=%00%ff%27%22%3b",),
}


@pytest.mark.parametrize("rough", ROUGH.values(), ids=ROUGH)
def test_a_rough_request_is_refused(edge, rough):
    query, *headers = rough
    host = "g2.test" if "EIO=3" in query else "g4.test"
    if headers:
        headers += ["Connection: Upgrade", "Upgrade: websocket"]
    lines = [f"GET /socket.io/?{query} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    with edge.connect() as connection:
        connection.settimeout(30)
        received = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):  # not even read to its end
            connection.sendall("\r\n".join(lines).encode())
            received = connection.recv(4096)
        assert received[:10] in (b"HTTP/1.1 4", b"")


def table(edge, service):
    """How many session ids the edge remembers, and may remember."""
    head = edge.ask(f"show table affinity/{service}").splitlines()[0]
    found = dict(word.strip().split(":") for word in head.split(",")[1:])
    return int(found["used"]), int(found["size"])


def test_made_up_session_ids_are_not_remembered(edge):
    used, size = table(edge, "g4")
    # More than fit into the table.
    answers = edge.client("flood.js", "--requests", str(size + 1000), "--connections", "20")
    assert answers == {"400": size + 1000}
    assert table(edge, "g4")[0] <= used
