# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Engine.IO 3 and 4 and Socket.IO 0.9 as their clients speak them on the wire."""

from __future__ import annotations

import json
import re
import struct
import time
from typing import Protocol
from urllib.parse import quote

from .client import Answer, Client
from .target import ProbeError, shorten

# How often the round trip is measured; the median counts.
EXCHANGES = 3

# Sessions of the affinity test that are open at the same time.
AT_ONCE = 10

# No application has this namespace: the server refuses it by itself, and no event handler runs.
_NAMESPACE = "/realtime-edge-probe"


class EngineIO:
    """What one generation says: Engine.IO, in revision 4 unless told otherwise."""

    name = "Engine.IO 4 (Socket.IO 3 and 4)"
    revision = 4
    # A question that the server answers without the application: here, for a namespace that does not exist.
    question = f"40{_NAMESPACE},"
    answers: tuple[str, ...] = (f"40{_NAMESPACE},", f"44{_NAMESPACE},")
    ping, pong, farewell = "2", "3", "1"

    def polling(self, path: str, sid: str = "") -> str:
        """Where to poll; without a session id, where to begin."""
        return f"{path}?EIO={self.revision}&transport=polling" + (f"&sid={quote(sid, safe='')}" if sid else "")

    def websocket(self, path: str, sid: str = "") -> str:
        """Where a WebSocket goes; with a session id, the one that a session is upgraded to."""
        return self.polling(path, sid).replace("=polling", "=websocket", 1)

    def session(self, packets: list[str]) -> str:
        """The session id in the packets of a handshake."""
        try:
            if packets[0][:1] == "0":
                return str(json.loads(packets[0][1:])["sid"])
        except (IndexError, ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ProbeError(f"this is no handshake of {self.name}: {shorten(''.join(packets))}")

    def pack(self, packet: str) -> str:
        """A packet as the body of a request."""
        return packet

    def unpack(self, body: str) -> list[str]:
        """The packets in the body of an answer."""
        return body.split("\x1e")


class EngineIO3(EngineIO):
    """Engine.IO 3: the client pings, and a payload tells the length of each packet."""

    name = "Engine.IO 3 (Socket.IO 1 and 2)"
    revision = 3
    question, answers = "2", ("3",)

    def pack(self, packet: str) -> str:
        """See there."""
        return f"{len(packet)}:{packet}"

    def unpack(self, body: str) -> list[str]:
        """See there."""
        return _counted(body, re.compile(r"(\d{1,9}):"))


class SocketIO09(EngineIO):
    """Socket.IO 0.9: xhr-polling and websocket, the session id in the path."""

    name = "Socket.IO 0.9"
    # A message to an endpoint that does not exist: what has an id is acknowledged before anybody looks for one.
    question, answers = f"3:1:{_NAMESPACE}:", (f"6::{_NAMESPACE}:1",)
    ping, pong, farewell = "2::", "2::", "0::"

    def polling(self, path: str, sid: str = "") -> str:
        """See there."""
        return f"{path}1/" + (f"xhr-polling/{quote(sid, safe='')}" if sid else "")

    def websocket(self, path: str, sid: str = "") -> str:
        """See there."""
        return f"{path}1/websocket/{quote(sid, safe='')}"

    def session(self, packets: list[str]) -> str:
        """See there."""
        found = re.match(r"([\w-]+):\d*:\d*:[\w,-]+$", "".join(packets), re.ASCII)
        if not found:
            raise ProbeError(f"this is no handshake of {self.name}: {shorten(''.join(packets))}")
        return found[1]

    def unpack(self, body: str) -> list[str]:
        """See there."""
        return _counted(body, re.compile("\ufffd(\\d{1,9})\ufffd")) if body[:1] == "\ufffd" else [body]


GENERATIONS = {"0.9": SocketIO09(), "1": EngineIO3(), "2": EngineIO3(), "3": EngineIO(), "4": EngineIO()}


def _counted(body: str, head: re.Pattern[str]) -> list[str]:
    """Packets, each behind its length in the form of `head`; JavaScript counts in units of UTF-16."""
    data = body.encode("utf-16-le", "surrogatepass")
    units = "".join(map(chr, struct.unpack(f"<{len(data) // 2}H", data)))
    packets, at = [], 0
    while at < len(units):
        found = head.match(units, at)
        end = found.end() + int(found[1]) if found else -1
        if not found or end > len(units):
            raise ProbeError(f"these are no packets: {shorten(body)}")
        packets.append(units[found.end() : end])
        at = end
    return packets


def text(body: bytes) -> str:
    """A payload as text. Engine.IO 3 has a binary form too: 0, digits as bytes, 255, packet (which becomes `5:...`)."""
    text, at = "", 0
    while body[at : at + 1] == b"\0":
        found = re.compile(rb"\0([\0-\x09]{1,9})\xff").match(body, at)
        size = int("".join(map(str, found[1]))) if found else 0
        if not found:
            break
        at = found.end() + size
        packet = body[found.end() : at].decode("utf-8", "replace")
        text += f"{len(packet.encode('utf-16-le')) // 2}:{packet}"
    return text + body[at:].decode("utf-8", "replace")


class Channel(Protocol):
    """An open session, by whatever transport."""

    def send(self, packet: str) -> None:
        """Send one packet."""

    def receive(self) -> list[str]:
        """The next packets; waits for them."""


class PollingChannel:
    """A session over polling."""

    def __init__(self, client: Client, wire: EngineIO) -> None:
        """Open it: the handshake."""
        self.client, self.wire = client, wire
        self.requests = 1
        packets = self._packets(self._asked("GET", wire.polling(client.place.path)))
        self.sid = wire.session(packets)
        if isinstance(wire, SocketIO09):
            self.receive()  # the first poll opens the session: `1::`

    def send(self, packet: str) -> None:
        """Send one packet."""
        self._asked("POST", self._target, self.wire.pack(packet).encode())
        self.requests += 1

    def receive(self) -> list[str]:
        """The next packets; waits for them."""
        self.requests += 1
        return self._packets(self._asked("GET", self._target))

    def close(self) -> None:
        """Say that we leave."""
        self.send(self.wire.farewell)

    @property
    def _target(self) -> str:
        return self.wire.polling(self.client.place.path, self.sid)

    def _asked(self, method: str, target: str, body: bytes = b"") -> Answer:
        answer = self.client.request(method, target, body)
        if answer.status != 200:
            raise ProbeError(answer.said)
        return answer

    def _packets(self, answer: Answer) -> list[str]:
        return self.wire.unpack(text(answer.body))


class SocketChannel:
    """A session over a WebSocket: one of its own, or the one that a polling session is upgraded to."""

    def __init__(self, client: Client, wire: EngineIO, sid: str = "") -> None:
        """Open it."""
        own = not sid
        if own and isinstance(wire, SocketIO09):
            sid, own = wire.session([text(client.request("GET", wire.polling(client.place.path)).body)]), False
        self.websocket = client.websocket(wire.websocket(client.place.path, sid))
        if own:
            wire.session(self.receive())

    def send(self, packet: str) -> None:
        """Send one packet."""
        self.websocket.send(packet)

    def receive(self) -> list[str]:
        """The next packet, in a list; waits for it. Binary data has no packet of ours."""
        message = self.websocket.receive()
        return [message] if isinstance(message, str) else []

    def close(self) -> None:
        """Say that we leave."""
        self.websocket.close()


def exchange(channel: Channel, wire: EngineIO) -> float:
    """Ask the server the question of its generation and wait for its answer: the seconds that it took."""
    began = time.monotonic()
    channel.send(wire.question)
    while True:
        for packet in channel.receive():
            if packet.startswith(wire.answers):
                return time.monotonic() - began
            if packet == wire.farewell:
                raise ProbeError("the server ended the session")
            if packet == wire.ping:
                channel.send(wire.pong)


def exchanges(channel: Channel, wire: EngineIO) -> list[float]:
    return [exchange(channel, wire) for _number in range(EXCHANGES)]
