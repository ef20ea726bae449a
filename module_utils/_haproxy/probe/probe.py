# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Try the transports of a Socket.IO service as a browser would use them.

The probe sends and awaits no event of the application, only packets that every server of the generation answers.
Whatever the server does, each transport either works or has an error text, within its time limit.

Sources: the Engine.IO protocol, revisions 3 and 4, the Socket.IO protocol, revision 5, the Socket.IO 0.9 specification.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

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

# In the order of the probe and of the table.
TRANSPORTS = ("http", "redirect", "polling", "websocket", "upgrade", "affinity")

_REDIRECTED = "/some/path?with=query&and=more"


class Row(NamedTuple):
    """One line of the table; `detail` is the result, or the reason why the transport does not work."""

    transport: str
    works: bool
    round_trip_ms: float | None
    node: str | None
    detail: str


class Result(NamedTuple):
    """The result of a probe: the protocol (empty if unknown), the rows, the certificate (None without TLS)."""

    protocol: str
    rows: list[Row]
    certificate: PeerCertificate | None


class _Seen(NamedTuple):
    times: list[float]
    node: str | None
    detail: str


def _probe_http(target: Target, _protocol: EngineIO, _sessions: int) -> _Seen:
    with Client(target) as client:
        times: list[float] = []
        while len(times) < EXCHANGES:
            began = time.monotonic()
            answer = client.request("GET", target.page)
            times.append(time.monotonic() - began)
            if answer.status >= 500:
                raise ProbeError(answer.summary)
        return _Seen(times, client.node, f"{answer.status} {shorten(answer.reason)}".rstrip())


def _probe_redirect(target: Target, _protocol: EngineIO, _sessions: int) -> _Seen:
    with Client(target) as client:
        began = time.monotonic()
        answer = client.request("GET", _REDIRECTED, plain=True)
        times = [time.monotonic() - began]
    location = shorten(answer.headers.get("Location", ""))
    if answer.status not in (301, 308):
        raise ProbeError(f"{answer.summary} instead of 301")
    # Behind a forwarded port, the service has another port than the one the probe connects to.
    ports = sorted({target.port, target.address[1]})
    wanted = [f"https://{target.authority(port, 443)}{_REDIRECTED}" for port in ports]
    if location not in wanted:
        raise ProbeError(f"leads to {location or 'nowhere'} instead of {' or '.join(wanted)}")
    return _Seen(times, None, f"{answer.status} to https, path and query kept")


def _probe_polling(target: Target, protocol: EngineIO, _sessions: int) -> _Seen:
    with Client(target) as client:
        polling = PollingChannel(client, protocol)
        times = exchanges(polling, protocol)
        polling.close()
        return _Seen(times, client.node, protocol.name)


def _probe_websocket(target: Target, protocol: EngineIO, _sessions: int) -> _Seen:
    with Client(target) as client:
        channel = SocketChannel(client, protocol)
        times = exchanges(channel, protocol)
        channel.close()
        return _Seen(times, client.node, protocol.name)


def _probe_upgrade(target: Target, protocol: EngineIO, _sessions: int) -> _Seen:
    with Client(target) as client:
        channel = SocketChannel(client, protocol, PollingChannel(client, protocol).sid)
        channel.send("2probe")
        packets = channel.receive()
        if packets != ["3probe"]:
            raise ProbeError(f"the probe of the upgrade was answered by {shorten(''.join(packets))} instead of 3probe")
        channel.send("5")
        times = exchanges(channel, protocol)
        channel.close()
        return _Seen(times, client.node, protocol.name)


def _probe_affinity(target: Target, protocol: EngineIO, sessions: int) -> _Seen:
    def session(_number: int) -> tuple[list[float], str | None, int, str]:
        try:
            with Client(target, browser=False) as client:
                polling = PollingChannel(client, protocol)
                times = exchanges(polling, protocol)
                polling.close()
                return times, client.node, polling.requests, ""
        except Exception as error:
            return [], None, 0, explain_failure(error, target.timeout)

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


def detect_generation(target: Target) -> EngineIO:
    """Return the newest generation that the service supports, found by a handshake over polling.

    If the server has no polling, it is the newest of all. Raise `ProbeError` if there is no Socket.IO.
    """
    with Client(target) as client:
        answer = client.request("GET", GENERATIONS["4"].polling(target.path))
        for protocol in (GENERATIONS["4"], GENERATIONS["2"]) if answer.status == 200 else ():
            try:
                sid = protocol.session(protocol.unpack(text(answer.body)))
            except ProbeError:
                continue
            client.request("POST", protocol.polling(target.path, sid), protocol.pack(protocol.farewell).encode())
            return protocol
        if answer.status == 429 or answer.status >= 500:
            raise ProbeError(answer.summary)
        if answer.status == 400 and "Transport unknown" in answer.summary:
            return GENERATIONS["4"]
    with Client(target) as client:
        old = client.request("GET", GENERATIONS["0.9"].polling(target.path))
        with contextlib.suppress(ProbeError):
            GENERATIONS["0.9"].session([text(old.body)])
            return GENERATIONS["0.9"]
    raise ProbeError(f"there is no Socket.IO at {target.path}: {answer.summary}")


def probe(target: Target, transports: Sequence[str] = (), generation: str = "auto", sessions: int = 10) -> Result:
    """Try transports, by default all that the service's URL and generation can have. Never raise.

    Each takes at most the target's timeout, affinity as much for every ten sessions, finding the generation twice that.
    """
    protocol: EngineIO | None = None
    missing = ""
    if generation != "auto":
        protocol = GENERATIONS[generation]
    elif set(transports or TRANSPORTS) - {"http", "redirect"}:
        try:
            protocol = detect_generation(target)
        except Exception as error:
            missing = explain_failure(error, target.timeout)
    cannot = {"redirect": not target.secure, "upgrade": isinstance(protocol, SocketIO09)}
    rows = []
    for name in TRANSPORTS:
        if name not in (transports or TRANSPORTS) or cannot.get(name):
            continue
        if missing and name not in ("http", "redirect"):
            rows.append(Row(name, False, None, None, missing))
            continue
        try:
            seen = _ATTEMPTS[name](target, protocol or GENERATIONS["4"], sessions)
        except Exception as error:
            rows.append(Row(name, False, None, None, explain_failure(error, target.timeout)))
        else:
            took = round(statistics.median(seen.times) * 1000, 1) if seen.times else None
            rows.append(Row(name, True, took, seen.node, seen.detail))
    return Result(protocol.name if protocol else "", rows, read_peer_certificate(target) if target.secure else None)


def format_table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines of text with aligned columns."""
    cells = [["TRANSPORT", "WORKS", "ROUND TRIP", "NODE", "DETAIL"]]
    for row in rows:
        took = "-" if row.round_trip_ms is None else f"{row.round_trip_ms:.1f} ms"
        cells.append([row.transport, "yes" if row.works else "no", took, row.node or "-", row.detail])
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[4]]) for line in cells]


def describe_result(found: Result, url: str) -> dict[str, Any]:
    """Return what `socketio_probe` returns; `msg`, which names what is broken and why, only where something is."""
    broken: dict[str, list[str]] = {}
    for row in found.rows:
        if not row.works:
            broken.setdefault(row.detail, []).append(row.transport)
    problems = "; ".join(f"{', '.join(transports)}: {detail}" for detail, transports in broken.items())
    served = ""
    if found.certificate:
        subject, sha256 = found.certificate.subject, found.certificate.sha256
        served = f"; the certificate it serves: {subject or 'not valid now'}, SHA-256 {sha256[:16]}"
    return {
        "works": not broken,
        "protocol": found.protocol,
        "transports": [row._asdict() for row in found.rows],
        "table": format_table(found.rows),
        "certificate": found.certificate._asdict() if found.certificate else None,
        **({"msg": f"{url} does not work by {problems}{served}"} if broken else {}),
    }
