# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client's side of Engine.IO 3 and 4 and of Socket.IO 0.9."""

from __future__ import annotations

import json
import re
import struct
import time
from typing import Protocol
from urllib.parse import quote

from .client import Answer, Client
from .target import ProbeError, shorten

# The number of round trips to measure; the result is their median.
EXCHANGES = 3

# The number of sessions of the affinity test that are open at the same time.
AT_ONCE = 10

# No application has this namespace: the server refuses it, and no event handler runs.
_NAMESPACE = "/realtime-edge-probe"


class EngineIO:
    """The protocol of one generation: by default Engine.IO, revision 4."""

    name = "Engine.IO 4 (Socket.IO 3 and 4)"
    revision = 4
    # A packet that the server answers without the application: here for a namespace that does not exist.
    question = f"40{_NAMESPACE},"
    answers: tuple[str, ...] = (f"40{_NAMESPACE},", f"44{_NAMESPACE},")
    ping, pong, farewell = "2", "3", "1"

    def polling(self, path: str, sid: str = "") -> str:
        """Return the URL to poll; without a session id, that of a handshake."""
        return f"{path}?EIO={self.revision}&transport=polling" + (f"&sid={quote(sid, safe='')}" if sid else "")

    def websocket(self, path: str, sid: str = "") -> str:
        """Return the URL of a WebSocket; with a session id, that of the upgrade of a session."""
        return self.polling(path, sid).replace("=polling", "=websocket", 1)

    def session(self, packets: list[str]) -> str:
        """Return the session id in the packets of a handshake."""
        try:
            if packets[0][:1] == "0":
                return str(json.loads(packets[0][1:])["sid"])
        except (IndexError, ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ProbeError(f"this is no handshake of {self.name}: {shorten(''.join(packets))}")

    def pack(self, packet: str) -> str:
        """Return a packet as the body of a request."""
        return packet

    def unpack(self, body: str) -> list[str]:
        """Return the packets in the body of an answer."""
        return body.split("\x1e")


class EngineIO3(EngineIO):
    """Engine.IO 3: the client pings, and each packet of a payload follows its length."""

    name = "Engine.IO 3 (Socket.IO 1 and 2)"
    revision = 3
    question, answers = "2", ("3",)

    def pack(self, packet: str) -> str:
        """Return a packet after its length."""
        return f"{len(packet)}:{packet}"

    def unpack(self, body: str) -> list[str]:
        """Return the packets, each after its length."""
        return _counted(body, re.compile(r"(\d{1,9}):"))


class SocketIO09(EngineIO):
    """Socket.IO 0.9: xhr-polling and websocket, the session id in the path."""

    name = "Socket.IO 0.9"
    # A message to an endpoint that does not exist: the server acknowledges its id before it looks for the endpoint.
    question, answers = f"3:1:{_NAMESPACE}:", (f"6::{_NAMESPACE}:1",)
    ping, pong, farewell = "2::", "2::", "0::"

    def polling(self, path: str, sid: str = "") -> str:
        """Return the URL to poll; without a session id, that of a handshake."""
        return f"{path}1/" + (f"xhr-polling/{quote(sid, safe='')}" if sid else "")

    def websocket(self, path: str, sid: str = "") -> str:
        """Return the URL of a WebSocket."""
        return f"{path}1/websocket/{quote(sid, safe='')}"

    def session(self, packets: list[str]) -> str:
        """Return the session id of a handshake."""
        found = re.match(r"([\w-]+):\d*:\d*:[\w,-]+$", "".join(packets), re.ASCII)
        if not found:
            raise ProbeError(f"this is no handshake of {self.name}: {shorten(''.join(packets))}")
        return found[1]

    def unpack(self, body: str) -> list[str]:
        """Return the packets; several stand each after its length."""
        return _counted(body, re.compile("\ufffd(\\d{1,9})\ufffd")) if body[:1] == "\ufffd" else [body]


GENERATIONS = {"0.9": SocketIO09(), "1": EngineIO3(), "2": EngineIO3(), "3": EngineIO(), "4": EngineIO()}


def _counted(body: str, head: re.Pattern[str]) -> list[str]:
    """Return packets that stand after their length in the form of `head`; JavaScript counts in units of UTF-16."""
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
    """Return a payload as text; Engine.IO 3's binary form (0, digits as bytes, 255, packet) becomes `5:...`."""
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
    """An open session, by any transport."""

    def send(self, packet: str) -> None:
        """Send one packet."""

    def receive(self) -> list[str]:
        """Wait for the next packets and return them."""


class PollingChannel:
    """A session over polling."""

    def __init__(self, client: Client, protocol: EngineIO) -> None:
        """Open the session by a handshake."""
        self.client, self.protocol = client, protocol
        self.requests = 1
        packets = self._packets(self._ask("GET", protocol.polling(client.target.path)))
        self.sid = protocol.session(packets)
        if isinstance(protocol, SocketIO09):
            self.receive()  # the first poll opens the session: `1::`

    def send(self, packet: str) -> None:
        """Send one packet."""
        self._ask("POST", self._target, self.protocol.pack(packet).encode())
        self.requests += 1

    def receive(self) -> list[str]:
        """Wait for the next packets and return them."""
        self.requests += 1
        return self._packets(self._ask("GET", self._target))

    def close(self) -> None:
        """Close the session."""
        self.send(self.protocol.farewell)

    @property
    def _target(self) -> str:
        return self.protocol.polling(self.client.target.path, self.sid)

    def _ask(self, method: str, target: str, body: bytes = b"") -> Answer:
        answer = self.client.request(method, target, body)
        if answer.status != 200:
            raise ProbeError(answer.summary)
        return answer

    def _packets(self, answer: Answer) -> list[str]:
        return self.protocol.unpack(text(answer.body))


class SocketChannel:
    """A session over a WebSocket: one of its own, or the one that a polling session is upgraded to."""

    def __init__(self, client: Client, protocol: EngineIO, sid: str = "") -> None:
        """Open the session."""
        own = not sid
        if own and isinstance(protocol, SocketIO09):
            sid, own = protocol.session([text(client.request("GET", protocol.polling(client.target.path)).body)]), False
        self.websocket = client.websocket(protocol.websocket(client.target.path, sid))
        if own:
            protocol.session(self.receive())

    def send(self, packet: str) -> None:
        """Send one packet."""
        self.websocket.send(packet)

    def receive(self) -> list[str]:
        """Wait for the next packet and return it in a list, which is empty for binary data."""
        message = self.websocket.receive()
        return [message] if isinstance(message, str) else []

    def close(self) -> None:
        """Close the session."""
        self.websocket.close()


def exchange(channel: Channel, protocol: EngineIO) -> float:
    """Send the generation's question, wait for its answer, and return the seconds that it took."""
    began = time.monotonic()
    channel.send(protocol.question)
    while True:
        for packet in channel.receive():
            if packet.startswith(protocol.answers):
                return time.monotonic() - began
            if packet == protocol.farewell:
                raise ProbeError("the server ended the session")
            if packet == protocol.ping:
                channel.send(protocol.pong)


def exchanges(channel: Channel, protocol: EngineIO) -> list[float]:
    """Return the seconds of several exchanges."""
    return [exchange(channel, protocol) for _number in range(EXCHANGES)]
