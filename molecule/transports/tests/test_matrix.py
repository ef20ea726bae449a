"""Every transport of every Socket.IO generation goes through the edge: for the official client, or as on the wire."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://edges"]

POLLING, WEBSOCKET, UPGRADE = {"polling"}, {"websocket"}, {"polling", "websocket"}
MODERN = {"jsonp": POLLING, "websocket": WEBSOCKET, "upgrade": UPGRADE, "permessage-deflate": WEBSOCKET}
EARLY = {"polling": POLLING, "polling, base64": POLLING, **MODERN}
LATE = {
    "polling": POLLING,
    **MODERN,
    "websocket over HTTP/2": WEBSOCKET,
    "polling over HTTP/2": POLLING,
    "polling over HTTP/3": POLLING,
}

# Generation → transport → the backends that serve it. In 0.9 each session begins with a handshake by polling.
CELLS = {
    "0.9": {
        "websocket": UPGRADE,
        "flashsocket": {"polling", "flashsocket"},
        "htmlfile": POLLING,
        "xhr-polling": POLLING,
        "jsonp-polling": POLLING,
    },
    "1": EARLY,
    "2": EARLY,
    "3": LATE,
    "4": {**LATE, "polling, cookie": POLLING, "upgrade, cookie": UPGRADE, "webtransport first": WEBSOCKET},
}


@pytest.fixture(scope="module")
def matrix():
    """Gather the rows of the table, and leave them for tools/matrix."""
    rows = []
    yield rows
    folder = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".cache"
    (folder / "matrix.json").write_text(json.dumps(rows, indent=1) + "\n")


@pytest.mark.parametrize(
    ("generation", "transport"),
    [(generation, transport) for generation, transports in CELLS.items() for transport in transports],
)
def test_goes_through(edge, attempt, matrix, generation, transport):
    result = attempt(edge, generation, transport)
    matrix.append(result)
    wanted = sorted(f"{result['service']}_{name}" for name in CELLS[generation][transport])
    if result["works"] and result["backends"] != wanted:
        result.update(works=False, error=f"served by {result['backends']} instead of {wanted}")
    assert result["works"], result["error"]
    assert set(result["nodes"]) == set(edge.variables["groups"]["generations"]), "only one node was asked"


def test_what_cannot_work_over_http3_is_not_offered(attempt, edge):
    # Browsers then open WebSockets by TCP, and clients that try WebTransport first fall back ("webtransport first").
    settings = attempt(edge, "4", "polling over HTTP/3", "--quick")["settings"]
    extended_connect, datagrams = "8", "51"  # RFC 9220 5, RFC 9297 2.1.1
    offered = {number for number, value in settings.items() if value}
    assert not offered & {extended_connect, datagrams}, "HAProxy has it now: take it into the table"
