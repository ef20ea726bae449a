"""Try polling over HTTP/3 with several sessions, each on a QUIC connection of its own: what try.js cannot, on Node.

The same options and the same answer as try.js, for Engine.IO 4 (Socket.IO 3 and 4); `--heartbeat` also waits for the
server's ping, for which a poll is held for 25 s.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import statistics
import sys
import time
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent

T = TypeVar("T")

TRANSPORT = "polling over HTTP/3"
PATH = "/socket.io/?EIO=4&transport=polling"


class Client(QuicConnectionProtocol):
    """As much of HTTP/3 as polling needs."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Begin HTTP/3 on a QUIC connection."""
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.answers: dict[int, tuple[str, bytes, asyncio.Future[None]]] = {}

    def quic_event_received(self, event: QuicEvent) -> None:
        """Gather answers."""
        if isinstance(event, ConnectionTerminated):
            for _status, _body, done in self.answers.values():
                if not done.done():
                    done.set_exception(ConnectionError(f"the edge ended the connection: {event.reason_phrase}"))
        for part in self.http.handle_event(event):
            self._gather(part)

    def _gather(self, part: H3Event) -> None:
        if not isinstance(part, (HeadersReceived, DataReceived)):
            return
        status, body, done = self.answers[part.stream_id]
        if isinstance(part, HeadersReceived):
            status = dict(part.headers)[b":status"].decode()
        else:
            body += part.data
        self.answers[part.stream_id] = (status, body, done)
        if part.stream_ended:
            done.set_result(None)

    async def request(self, host: str, method: str, path: str, body: bytes = b"") -> str:
        """The body of the answer; raises ConnectionError where its status is not 200."""
        stream = self._quic.get_next_available_stream_id()
        done = self._loop.create_future()
        self.answers[stream] = ("", b"", done)
        head = {":method": method, ":scheme": "https", ":authority": host, ":path": path}
        self.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in head.items()], not body)
        if body:
            self.http.send_data(stream, body, True)
        self.transmit()
        await done
        status, received, _done = self.answers.pop(stream)
        if status != "200":
            raise ConnectionError(f"status {status}: {received[:100].decode(errors='replace')}")
        return received.decode()


class Session:
    """A Socket.IO session over polling."""

    def __init__(self, connection: Client, options: argparse.Namespace) -> None:
        """Open it with `open`."""
        self.connection = connection
        self.options = options
        self.node = ""
        self.path = PATH
        self.numbers = itertools.count()
        self.waiting: dict[str, asyncio.Future[Any]] = {name: self._future() for name in ("hello", "said", "ping")}
        self.incomplete = ""
        self.polling: asyncio.Task[None] | None = None

    def _future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Connect, and wait until the node has said who it is."""
        handshake = await self._request("GET")
        self.path += f"&sid={json.loads(handshake[1:])['sid']}"
        await self._request("POST", "40")
        self.polling = asyncio.create_task(self._poll())
        self.node = (await self.heard("hello"))["node"]

    async def heard(self, event: str) -> Any:
        """Wait for an event, or for `ping`, the server's heartbeat."""
        return await self._unless_lost(self.waiting[event])

    async def ask(self, event: str, value: Any = None) -> Any:
        """Send an event and wait for its acknowledgement."""
        number = str(next(self.numbers))
        self.waiting[number] = self._future()
        if isinstance(value, bytes):
            placeholder = '{"_placeholder":true,"num":0}'
            packets = f'451-{number}["{event}",{placeholder}]\x1eb{base64.b64encode(value).decode()}'
        else:
            packets = f"42{number}{json.dumps([event] if value is None else [event, value])}"
        await self._request("POST", packets)
        return await self._unless_lost(self.waiting[number])

    async def say(self, text: str) -> None:
        """Tell all sessions of the node."""
        await self._request("POST", f"42{json.dumps(['say', text])}")

    async def _request(self, method: str, body: str = "") -> str:
        return await self.connection.request(self.options.host, method, self.path, body.encode())

    async def _unless_lost(self, future: asyncio.Future[T]) -> T:
        await asyncio.wait([future, self.polling], return_when=asyncio.FIRST_COMPLETED)
        if self.polling.done():
            self.polling.result()  # raises
        return future.result()

    async def _poll(self) -> None:
        while True:
            for packet in (await self._request("GET")).split("\x1e"):
                await self._take(packet)

    async def _take(self, packet: str) -> None:
        if packet == "2":
            await self._request("POST", "3")
            self._deliver("ping", None)
        elif packet.startswith("b"):
            self._deliver(self.incomplete, base64.b64decode(packet[1:]))
        elif found := re.match(r"4([2356])(?:\d+-)?(\d*)(\[.*)$", packet, re.DOTALL):
            kind, number, values = found[1], found[2], json.loads(found[3])
            if kind == "2":
                self._deliver(*values)
            elif kind == "3":
                self._deliver(number, values[0])
            else:
                self.incomplete = number  # its value is the next packet
        elif not packet.startswith(("40{", "6")):
            raise ConnectionError(f"the node said {packet[:60]!r}")

    def _deliver(self, name: str, value: Any) -> None:
        if name in self.waiting and not self.waiting[name].done():
            self.waiting[name].set_result(value)


async def stays(session: Session) -> list[float]:
    """Ask the node who it is, some times: the seconds of each. The session has to stay on it."""
    times = []
    while len(times) < 5:
        began = time.monotonic()
        here = await session.ask("ping-node")
        times.append(time.monotonic() - began)
        if here != {"node": session.node, "transport": "polling"}:
            raise ConnectionError(f"moved from {session.node} to {here}")
    return times


async def attempt(options: argparse.Namespace, sessions: list[Session]) -> dict[str, Any]:
    """What these sessions are for: see exchange() in try.js."""
    await asyncio.gather(*(session.open() for session in sessions))
    times = await asyncio.gather(*(stays(session) for session in sessions))
    first = sessions[0]
    text = f"said by {os.getpid()}"
    await first.say(text)
    for session in sessions:
        if session.node == first.node and (heard := await session.heard("said"))["text"] != text:
            raise ConnectionError(f"a broadcast came back as {heard}")
    payloads = [bytes([0, 1, 2, 4, 127, 128, 254, 255]), *([] if options.quick else ["megabyte" * 125_000])]
    for payload in payloads:
        if await first.ask("echo", payload) != payload:
            raise ConnectionError(f"{len(payload)} characters came back changed")
    if options.heartbeat:
        await asyncio.gather(*(session.heard("ping") for session in sessions))
        await asyncio.gather(*(stays(session) for session in sessions))
    median = statistics.median(itertools.chain(*times)) * 1000
    return {
        "nodes": sorted({session.node for session in sessions}),
        "round_trip_ms": round(median, 1),
        # What the edge offers on a connection: browsers go by it (RFC 9220: 8 is the extended CONNECT of WebSockets).
        "settings": first.connection.http.received_settings,
    }


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Open the connections and try."""
    place = urlsplit(options.url)
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=options.host)
    configuration.load_verify_locations(cafile=options.ca)
    async with asyncio.timeout(options.timeout), contextlib.AsyncExitStack() as stack:
        sessions = []
        for _number in range(options.sessions):
            opening = connect(place.hostname, place.port or 443, configuration=configuration, create_protocol=Client)
            sessions.append(Session(await stack.enter_async_context(opening), options))
        return await attempt(options, sessions)


def main() -> int:
    """Try, tell, and end as try.js does."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "host", "ca"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--generation", choices=["3", "4"], default="4")
    parser.add_argument("--transport", choices=[TRANSPORT], default=TRANSPORT)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for all of it")
    parser.add_argument("--quick", action="store_true", help="no message of a megabyte")
    parser.add_argument("--heartbeat", action="store_true", help="wait for the server's ping too")
    parser.add_argument("--json", action="store_true", help="the answer is JSON anyway")
    result = {"works": True, "error": None, "client": "on the wire", "nodes": [], "round_trip_ms": None}
    try:
        result |= asyncio.run(run(parser.parse_args()))
    except (OSError, TimeoutError, ValueError, KeyError) as error:
        result |= {"works": False, "error": str(error) or type(error).__name__}
    print(json.dumps(result))
    return 0 if result["works"] else 1


sys.exit(main())
