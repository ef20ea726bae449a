"""Polling over HTTP/3, for clients that were told of it over TCP."""

from __future__ import annotations

import asyncio
import json

import pytest
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

testinfra_hosts = ["ansible://flash-edge1"]


class Client(QuicConnectionProtocol):
    """As much of HTTP/3 as polling needs."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.answers = {}

    def quic_event_received(self, event):
        for part in self.http.handle_event(event):
            status, body, done = self.answers[part.stream_id]
            if isinstance(part, HeadersReceived):
                status = dict(part.headers)[b":status"].decode()
            elif isinstance(part, DataReceived):
                body += part.data
            self.answers[part.stream_id] = (status, body, done)
            if part.stream_ended:
                done.set_result(None)

    async def request(self, host, method, path, body=b""):
        """Status and body of the answer."""
        stream = self._quic.get_next_available_stream_id()
        done = self._loop.create_future()
        self.answers[stream] = ("", b"", done)
        head = {":method": method, ":scheme": "https", ":authority": host, ":path": path}
        self.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in head.items()], not body)
        if body:
            self.http.send_data(stream, body, True)
        self.transmit()
        await asyncio.wait_for(done, 40)
        status, received, _done = self.answers[stream]
        return status, received.decode()


@pytest.fixture
def client(edge):
    """A connection by QUIC, which trusts the edge's certificate."""
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=edge.name)
    configuration.load_verify_locations(cafile=str(edge.ca))
    return lambda: connect(edge.address, 443, configuration=configuration, create_protocol=Client)


def test_tcp_clients_are_told(edge):
    assert edge.get("/healthz").headers["Alt-Svc"] == 'h3=":443"; ma=86400'


def test_polling_over_http3(edge, client):
    path = "/socket.io/?EIO=4&transport=polling"

    async def converse():
        async with client() as connection:

            async def poll(method="GET", body=b""):
                status, answer = await connection.request(edge.name, method, f"{path}&sid={session}", body)
                assert status == "200", answer
                return answer

            status, handshake = await connection.request(edge.name, "GET", path)
            assert status == "200", handshake
            session = json.loads(handshake[1:])["sid"]
            assert await poll("POST", b"40") == "ok"
            said = ""
            while '["hello"' not in said:
                said += await poll()
            # Two nodes: without affinity one of these would not be known there.
            for number in range(4):
                assert await poll("POST", b'42%d["ping-node"]' % number) == "ok"
                while f"43{number}[" not in said:
                    said += await poll()
            # Held until the server has something to say: its heartbeat, after 25 s.
            while "2" not in said.split("\x1e"):
                said = await poll()

    before = edge.served()
    asyncio.run(converse())
    after = edge.served()
    assert {name for name in after if after[name] > before[name]} == {"chat_polling"}
