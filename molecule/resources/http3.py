"""HTTP/3 that says what no library would let it say, and asks as often as it likes."""

from __future__ import annotations

import asyncio
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StopSendingReceived, StreamReset

Fields = list[tuple[str, str]]


class Client(QuicConnectionProtocol):
    """A connection: each stream's answer is its status, `reset`, or `closed` with the connection."""

    def __init__(self, *arguments: object, **more: object) -> None:
        """Begin HTTP/3 on a QUIC connection."""
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.answers: dict[int, asyncio.Future[str]] = {}

    def _tell(self, stream: int, answer: str) -> None:
        if not self.answers[stream].done():
            self.answers[stream].set_result(answer)

    def quic_event_received(self, event: QuicEvent) -> None:
        """Note what becomes of each stream."""
        if isinstance(event, ConnectionTerminated):
            for stream in self.answers:
                self._tell(stream, "closed")
        elif isinstance(event, (StreamReset, StopSendingReceived)) and event.stream_id in self.answers:
            self._tell(event.stream_id, "reset")
        for part in self.http.handle_event(event):
            if isinstance(part, HeadersReceived):
                self._tell(part.stream_id, dict(part.headers)[b":status"].decode())

    async def ask(self, host: str, path: str, fields: Fields) -> str:
        """GET a path with further fields."""
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = self._loop.create_future()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path), *fields]
        encoded = [(name.encode("latin1"), value.encode("latin1")) for name, value in head]
        self.http.send_headers(stream, encoded, True)
        self.transmit()
        return await asyncio.wait_for(self.answers[stream], 30)


def answers(
    address: str, host: str, path: str = "/", fields: Fields | None = None, times: int = 1, name: str = ""
) -> list[str]:
    """What comes back for each of many requests on one connection, `closed` where there is none."""

    async def run() -> list[str]:
        configuration = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=name or host, verify_mode=ssl.CERT_NONE)
        try:
            async with connect(address, 443, configuration=configuration, create_protocol=Client) as client:
                return [await client.ask(host, path, fields or []) for _ in range(times)]
        except (ConnectionError, asyncio.TimeoutError):
            return ["closed"] * times

    return asyncio.run(run())
