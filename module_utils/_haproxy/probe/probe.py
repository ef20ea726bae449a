# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports of a Socket.IO service, tried on the wire as a browser would use them.

No event of the application is sent or awaited: what is asked, every server of the generation answers by itself.
Whatever the other side does, a transport is either seen to work or has a sentence that says why not, within its time.

Sources: the Engine.IO protocol, revisions 3 and 4, the Socket.IO protocol, revision 5, the Socket.IO 0.9 specification.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from .client import Client, read_peer_certificate
from .engineio import (
    AT_ONCE,
    EXCHANGES,
    GENERATIONS,
    EngineIO,
    PollingChannel,
    SocketChannel,
    SocketIO09,
    exchanges,
    text,
)
from .target import PeerCertificate, ProbeError, Target, explain_failure, shorten

# In the order in which they are tried and shown.
TRANSPORTS = ("http", "redirect", "polling", "websocket", "upgrade", "affinity")

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
    certificate: PeerCertificate | None


class _Seen(NamedTuple):
    times: list[float]
    node: str | None
    detail: str


def _probe_http(where: Target, _wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        times: list[float] = []
        while len(times) < EXCHANGES:
            began = time.monotonic()
            answer = client.request("GET", where.page)
            times.append(time.monotonic() - began)
            if answer.status >= 500:
                raise ProbeError(answer.said)
        return _Seen(times, client.node, f"{answer.status} {shorten(answer.reason)}".rstrip())


def _probe_redirect(where: Target, _wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        began = time.monotonic()
        answer = client.request("GET", _REDIRECTED, plain=True)
        times = [time.monotonic() - began]
    location = shorten(answer.headers.get("Location", ""))
    if answer.status not in (301, 308):
        raise ProbeError(f"{answer.said} instead of 301")
    # Behind a forwarded port the service knows another port than the one we reach it by.
    ports = sorted({where.port, where.address[1]})
    wanted = [f"https://{where.authority(port, 443)}{_REDIRECTED}" for port in ports]
    if location not in wanted:
        raise ProbeError(f"leads to {location or 'nowhere'} instead of {' or '.join(wanted)}")
    return _Seen(times, None, f"{answer.status} to https, path and query kept")


def _probe_polling(where: Target, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        polling = PollingChannel(client, wire)
        times = exchanges(polling, wire)
        polling.close()
        return _Seen(times, client.node, wire.name)


def _probe_websocket(where: Target, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        channel = SocketChannel(client, wire)
        times = exchanges(channel, wire)
        channel.close()
        return _Seen(times, client.node, wire.name)


def _probe_upgrade(where: Target, wire: EngineIO, _sessions: int) -> _Seen:
    with Client(where) as client:
        channel = SocketChannel(client, wire, PollingChannel(client, wire).sid)
        channel.send("2probe")
        said = channel.receive()
        if said != ["3probe"]:
            raise ProbeError(f"the probe of the upgrade was answered by {shorten(''.join(said))} instead of 3probe")
        channel.send("5")
        times = exchanges(channel, wire)
        channel.close()
        return _Seen(times, client.node, wire.name)


def _probe_affinity(where: Target, wire: EngineIO, sessions: int) -> _Seen:
    def session(_number: int) -> tuple[list[float], str | None, int, str]:
        try:
            with Client(where, browser=False) as client:
                polling = PollingChannel(client, wire)
                times = exchanges(polling, wire)
                polling.close()
                return times, client.node, polling.requests, ""
        except Exception as error:
            return [], None, 0, explain_failure(error, where.timeout)

    with ThreadPoolExecutor(min(sessions, AT_ONCE)) as pool:
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


_ATTEMPTS: dict[str, Callable[[Target, EngineIO, int], _Seen]] = {
    "http": _probe_http,
    "redirect": _probe_redirect,
    "polling": _probe_polling,
    "websocket": _probe_websocket,
    "upgrade": _probe_upgrade,
    "affinity": _probe_affinity,
}


def detect_generation(where: Target) -> EngineIO:
    """The newest generation that the service speaks, found by a handshake over polling.

    Where the server wants no polling, the newest. Raises `ProbeError` where there is no Socket.IO.
    """
    with Client(where) as client:
        answer = client.request("GET", GENERATIONS["4"].polling(where.path))
        for wire in (GENERATIONS["4"], GENERATIONS["2"]) if answer.status == 200 else ():
            try:
                sid = wire.session(wire.unpack(text(answer.body)))
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
            GENERATIONS["0.9"].session([text(old.body)])
            return GENERATIONS["0.9"]
    raise ProbeError(f"there is no Socket.IO at {where.path}: {answer.said}")


def probe(where: Target, transports: Sequence[str] = (), generation: str = "auto", sessions: int = 10) -> Result:
    """Try transports, by default all, but for those that the service's URL or generation cannot have. Never raises.

    Each takes no longer than the place's timeout, affinity that much for ten sessions; finding the generation twice it.
    """
    wire: EngineIO | None = None
    missing = ""
    if generation != "auto":
        wire = GENERATIONS[generation]
    elif set(transports or TRANSPORTS) - {"http", "redirect"}:
        try:
            wire = detect_generation(where)
        except Exception as error:
            missing = explain_failure(error, where.timeout)
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
            rows.append(Row(name, False, None, None, explain_failure(error, where.timeout)))
        else:
            took = round(statistics.median(seen.times) * 1000, 1) if seen.times else None
            rows.append(Row(name, True, took, seen.node, seen.detail))
    return Result(wire.name if wire else "", rows, read_peer_certificate(where) if where.secure else None)


def format_table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines of text, columns aligned."""
    cells = [["TRANSPORT", "WORKS", "ROUND TRIP", "NODE", "DETAIL"]]
    for row in rows:
        took = "-" if row.round_trip_ms is None else f"{row.round_trip_ms:.1f} ms"
        cells.append([row.transport, "yes" if row.works else "no", took, row.node or "-", row.detail])
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[4]]) for line in cells]
