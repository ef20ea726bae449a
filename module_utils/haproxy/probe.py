# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports of a Socket.IO service, tried on the wire as a browser would use them.

No event of the application is sent or awaited: what is asked, every server of the generation answers by itself.
Whatever the other side does, a transport is either seen to work or has a sentence that says why not, within its time.

Sources: the Engine.IO protocol, revisions 3 and 4, the Socket.IO protocol, revision 5, the Socket.IO 0.9 specification.
"""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol
from urllib.parse import quote

from .wire import Answer, Certificate, Client, Place, ProbeError, certificate, reason, shown

# In the order in which they are tried and shown.
TRANSPORTS = ("http", "redirect", "polling", "websocket", "upgrade", "affinity")

# How often the round trip is measured; the median counts.
_EXCHANGES = 3

# Sessions of the affinity test that are open at the same time.
_AT_ONCE = 10

# No application has this namespace: the server refuses it by itself, and no event handler runs.
_NAMESPACE = "/realtime-edge-probe"

_REDIRECTED = "/some/path?with=query&and=more"


class Row(NamedTuple):
    """One line of the table; `detail` tells what was seen, or why it does not work."""

    transport: str
    works: bool
    round_trip_ms: float | None
    node: str | None
    detail: str


class Result(NamedTuple):
    """What was found: the protocol (empty where none was), the rows, the certificate (None without TLS)."""

    protocol: str
    rows: list[Row]
    certificate: Certificate | None


# The generations


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
        raise ProbeError(f"this is no handshake of {self.name}: {shown(''.join(packets))}")

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
            raise ProbeError(f"this is no handshake of {self.name}: {shown(''.join(packets))}")
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
            raise ProbeError(f"these are no packets: {shown(body)}")
        packets.append(units[found.end() : end])
        at = end
    return packets


def _text(body: bytes) -> str:
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


class Polling:
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
        return self.wire.unpack(_text(answer.body))


class Socket:
    """A session over a WebSocket: one of its own, or the one that a polling session is upgraded to."""

    def __init__(self, client: Client, wire: EngineIO, sid: str = "") -> None:
        """Open it."""
        own = not sid
        if own and isinstance(wire, SocketIO09):
            sid, own = wire.session([_text(client.request("GET", wire.polling(client.place.path)).body)]), False
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


def _exchanges(channel: Channel, wire: EngineIO) -> list[float]:
    return [exchange(channel, wire) for _number in range(_EXCHANGES)]


# What is tried


class _Seen(NamedTuple):
    times: list[float]
    node: str | None
    detail: str


def _http(where: Place, _wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        times: list[float] = []
        while len(times) < _EXCHANGES:
            began = time.monotonic()
            answer = client.request("GET", where.page)
            times.append(time.monotonic() - began)
            if answer.status >= 500:
                raise ProbeError(answer.said)
        return _Seen(times, client.node, f"{answer.status} {shown(answer.reason)}".rstrip())


def _redirect(where: Place, _wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        began = time.monotonic()
        answer = client.request("GET", _REDIRECTED, plain=True)
        times = [time.monotonic() - began]
    location = shown(answer.headers.get("Location", ""))
    if answer.status not in (301, 308):
        raise ProbeError(f"{answer.said} instead of 301")
    # Behind a forwarded port the service knows another port than the one we reach it by.
    ports = sorted({where.port, where.address[1]})
    wanted = [f"https://{where.authority(port, 443)}{_REDIRECTED}" for port in ports]
    if location not in wanted:
        raise ProbeError(f"leads to {location or 'nowhere'} instead of {' or '.join(wanted)}")
    return _Seen(times, None, f"{answer.status} to https, path and query kept")


def _polling(where: Place, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        polling = Polling(client, wire)
        times = _exchanges(polling, wire)
        polling.close()
        return _Seen(times, client.node, wire.name)


def _websocket(where: Place, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        channel = Socket(client, wire)
        times = _exchanges(channel, wire)
        channel.close()
        return _Seen(times, client.node, wire.name)


def _upgrade(where: Place, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        channel = Socket(client, wire, Polling(client, wire).sid)
        channel.send("2probe")
        said = channel.receive()
        if said != ["3probe"]:
            raise ProbeError(f"the probe of the upgrade was answered by {shown(''.join(said))} instead of 3probe")
        channel.send("5")
        times = _exchanges(channel, wire)
        channel.close()
        return _Seen(times, client.node, wire.name)


def _affinity(where: Place, wire: EngineIO, sessions: int) -> _Seen:
    def session(_number: int) -> tuple[list[float], str | None, int, str]:
        try:
            with Client(where, browser=False) as client:
                polling = Polling(client, wire)
                times = _exchanges(polling, wire)
                polling.close()
                return times, client.node, polling.requests, ""
        except Exception as error:
            return [], None, 0, reason(error, where.timeout)

    with ThreadPoolExecutor(min(sessions, _AT_ONCE)) as pool:
        found = list(pool.map(session, range(sessions)))
    problems = [problem for _times, _node, _requests, problem in found if problem]
    if problems:
        raise ProbeError(
            f"{len(problems)} of {sessions} sessions without cookies were lost, the first by: {problems[0]}"
        )
    nodes = sorted({node for _times, node, _requests, _problem in found if node})
    requests = sum(requests for _times, _node, requests, _problem in found)
    detail = f"none of {requests} requests refused"
    return _Seen([], None, detail + (f"; nodes: {', '.join(nodes)}" if nodes else ""))


_ATTEMPTS: dict[str, Callable[[Place, EngineIO, int], _Seen]] = {
    "http": _http,
    "redirect": _redirect,
    "polling": _polling,
    "websocket": _websocket,
    "upgrade": _upgrade,
    "affinity": _affinity,
}


def detect(where: Place) -> EngineIO:
    """The newest generation that the service speaks, found by a handshake over polling.

    Where the server wants no polling, the newest. Raises `ProbeError` where there is no Socket.IO.
    """
    with Client(where) as client:
        answer = client.request("GET", GENERATIONS["4"].polling(where.path))
        for wire in (GENERATIONS["4"], GENERATIONS["2"]) if answer.status == 200 else ():
            try:
                sid = wire.session(wire.unpack(_text(answer.body)))
            except ProbeError:
                continue
            client.request("POST", wire.polling(where.path, sid), wire.pack(wire.farewell).encode())
            return wire
        if answer.status == 429 or answer.status >= 500:
            raise ProbeError(answer.said)
        if answer.status == 400 and "Transport unknown" in answer.said:
            return GENERATIONS["4"]
    with Client(where) as client:
        old = client.request("GET", GENERATIONS["0.9"].polling(where.path))
        with contextlib.suppress(ProbeError):
            GENERATIONS["0.9"].session([_text(old.body)])
            return GENERATIONS["0.9"]
    raise ProbeError(f"there is no Socket.IO at {where.path}: {answer.said}")


def probe(where: Place, transports: Sequence[str] = (), generation: str = "auto", sessions: int = 10) -> Result:
    """Try transports, by default all, but for those that the service's URL or generation cannot have. Never raises.

    Each takes no longer than the place's timeout, affinity that much for ten sessions; finding the generation twice it.
    """
    wire: EngineIO | None = None
    missing = ""
    if generation != "auto":
        wire = GENERATIONS[generation]
    elif set(transports or TRANSPORTS) - {"http", "redirect"}:
        try:
            wire = detect(where)
        except Exception as error:
            missing = reason(error, where.timeout)
    cannot = {"redirect": not where.secure, "upgrade": isinstance(wire, SocketIO09)}
    rows = []
    for name in TRANSPORTS:
        if name not in (transports or TRANSPORTS) or cannot.get(name):
            continue
        if missing and name not in ("http", "redirect"):
            rows.append(Row(name, False, None, None, missing))
            continue
        try:
            seen = _ATTEMPTS[name](where, wire or GENERATIONS["4"], sessions)
        except Exception as error:
            rows.append(Row(name, False, None, None, reason(error, where.timeout)))
        else:
            took = round(statistics.median(seen.times) * 1000, 1) if seen.times else None
            rows.append(Row(name, True, took, seen.node, seen.detail))
    return Result(wire.name if wire else "", rows, certificate(where) if where.secure else None)


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines of text, columns aligned."""
    cells = [["TRANSPORT", "WORKS", "ROUND TRIP", "NODE", "DETAIL"]]
    for row in rows:
        took = "-" if row.round_trip_ms is None else f"{row.round_trip_ms:.1f} ms"
        cells.append([row.transport, "yes" if row.works else "no", took, row.node or "-", row.detail])
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[4]]) for line in cells]
