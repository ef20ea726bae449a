# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send a share of a service's new sessions to nodes of another version, and no more once these fail.

The nodes of the canary are servers of the service's own backends, with weight 0: balancing never chooses them, and
whatever keeps a session on its node keeps it there. A rule draws lots for each new session and names the node. No other
service has a rule more.

Share and nodes are in a map, which changes without a reload. HAProxy itself counts how the canary answers, in a table
that edges and workers share, and withdraws it: this needs no other program.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..config.model import Line
from ..config.words import quote
from .peers import SECTION
from .servers import Server

PURPOSE = "canary"
"""The purpose of its lines, by which its servers are told from others."""

MAP = "canary.map"
"""The name of the map of shares and nodes."""

# Seconds over which the answers of a canary are counted.
WINDOW = 30

TABLE = f"{SECTION}/:canary"
"""The table of the canaries of each edge (`EDGE:SERVICE`). gpt0 is the share at which it was withdrawn: a share that an
operator sets anew is another one, or resets it (`reset`)."""

_TABLE_LINE = (
    "table :canary type string len 512 size 100k "
    f"store gpt0,http_req_cnt,http_fail_cnt,http_req_rate({WINDOW}s),http_fail_rate({WINDOW}s)"
)

_DRAWN = "{ var(txn.canary) -m found }"
_FAILED = "{ status ge 500 }"


class Canary(NamedTuple):
    """The nodes of another version, and the percentage of new sessions that they get.

    It is withdrawn when more than `max_errors` percent of at least `min_sessions` new sessions fail within `WINDOW`.
    """

    servers: tuple[Server, ...]
    share: int
    max_errors: int
    min_sessions: int


def tables(canaries: bool) -> list[Line]:
    """Return the line of the section `peers` for the answers of canaries; none without any."""
    return [(PURPOSE, _TABLE_LINE)] if canaries else []


def weight_of(server: Server) -> str:
    """Return the weight of a server among those of the canary, as it is written."""
    return dict(zip(server.options, server.options[1:])).get("weight", "1")


def out_of_balance(server: Server) -> Server:
    """Return the server with the weight at which balancing leaves it alone: it gets what names it, and nothing else."""
    words = list(server.options)
    if "weight" in words:
        del words[words.index("weight") : words.index("weight") + 2]
    return server._replace(options=(*words, "weight", "0"))


def entries(service: str, canary: Canary) -> Iterator[str]:
    """Yield the lines of the map: the share, how many lots there are, and the nodes by their lots and by their names.

    A name of a service has neither a colon nor a slash.
    """
    weights = [int(weight_of(server)) for server in canary.servers]
    common = math.gcd(*weights)
    lots = [server for server, weight in zip(canary.servers, weights) for _lot in range(weight // common)]
    yield f"{service} {canary.share}\n"
    yield f"{service}:lots {len(lots)}\n"
    yield from (f"{service}:{number} {server.name}\n" for number, server in enumerate(lots))
    yield from (f"{service}/{server.name} 1\n" for server in canary.servers)


def rules(service: str, canary: Canary, edges: Sequence[str], path: str, new: str) -> list[str]:
    """Return the backend rules that draw lots for a new session, count how the canary answers, and withdraw it.

    `edges` are the names of this edge, first, and of those that share the tables; `path` is that of the map, `new` the
    condition for a request that opens a session, empty for each. The rules use stick counter 2.
    """
    look_up = f"map_str({quote(path)}"
    track = f"track-sc2 str({edges[0]}:{service}) table {TABLE}"
    failing = f"{{ sc_http_fail_rate(2),mul(100),div(txn.tries) gt {canary.max_errors} }}"
    return [
        *(f"acl canary_withdrawn str({edge}:{service}),table_gpt0({TABLE}),sub(txn.share) 0" for edge in edges),
        f"http-request set-var(txn.share) str({service}),{look_up},0),add(0)" + (f" if {new}" if new else ""),
        "http-request set-var(txn.canary) bool(true) if { var(txn.share) -m found } "
        "{ rand(100),sub(txn.share) lt 0 } !canary_withdrawn",
        f"http-request {track} if {_DRAWN}",
        f"http-request set-var(txn.tries) sc_http_req_rate(2) if {_DRAWN}",
        f"http-request sc-set-gpt0(2) var(txn.share) if {_DRAWN} "
        f"{{ var(txn.tries) -m int ge {canary.min_sessions} }} {failing}",
        f"http-request set-var(txn.lots) str({service}:lots),{look_up},1),add(0) if {_DRAWN}",
        f"http-request set-var(txn.lot) rand,mod(txn.lots) if {_DRAWN}",
        f"http-request set-var(txn.canary) str({service}:),concat(,txn.lot),{look_up}) if {_DRAWN}",
        f"use-server %[var(txn.canary)] if {_DRAWN}",
        # What fails in a session that it has counts like a new one.
        f"http-response set-var(txn.node) srv_name if {_FAILED} !{_DRAWN}",
        f"http-response {track} if {_FAILED} !{_DRAWN} {{ str({service}/),concat(,txn.node),{look_up}) -m found }}",
    ]


def set_cookie(attributes: str) -> list[str]:
    """Return the backend rules that give a visitor of the canary the cookie that keeps him there.

    HAProxy itself sets none where a rule has named the server (`use-server`), unless that server did not answer.
    """
    there = f"{_DRAWN} {{ srv_name,strcmp(txn.canary) eq 0 }}"
    return [
        f'http-after-response add-header Set-Cookie "{attributes}" if {there}',
        f"http-after-response add-header Cache-Control private if {there}",
    ]


def reset(edge: str, service: str) -> str:
    """Return the command of the Runtime API that forgets how a canary has answered, and that it was withdrawn."""
    return f"set table {TABLE} key {edge}:{service} data.gpt0 0 data.http_req_rate 0 data.http_fail_rate 0"


def shares(lines: Iterable[str]) -> dict[str, str]:
    """Return service → share of the lines of a map."""
    pairs = (line.split() for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and not {":", "/"} & set(pair[0])}


def nodes(lines: Iterable[str], service: str) -> list[str]:
    """Return the nodes of a service's canary in the lines of a map."""
    return [line.split()[0].partition("/")[2] for line in lines if line.startswith(f"{service}/")]
