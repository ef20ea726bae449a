# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rate limits of one client and of all, as HAProxy's rules and tables.

A request above a limit is answered (429 with `Retry-After`); a connection above one is refused, as an answer would
cost a TLS handshake. Both are counted: `haproxy_frontend_denied_connections_total` and
`haproxy_frontend_requests_denied_total` in the metrics, each client in the tables (`show table limits:connections`).

Rates count only accepted requests, so the rules that refuse stand before those that count: clients that retry while
they are refused, as Socket.IO's do after an outage, would otherwise keep their address above its limit for ever.
Threads that check at the same moment may each accept one more.

Rates can count over all edges: each edge counts in a table of its own, which its peers have too, and adds up the rates
in the tables of all. A table that several edges count in would have the numbers of the last one that told them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from ..config.model import Directive, Line
from ..config.words import quote
from ..errors import Problems

# Seconds over which a rate is counted; a client above it waits at most as long.
WINDOW = 10

CONNECTIONS = "limits:connections"
REQUESTS = "limits:requests"
"""The tables; a colon is in no service's name."""

# The version that brought `timeout client-hs`: before, `timeout client` limits the handshake.
_HANDSHAKE_TIMEOUT = (3, 0)

# The version that counts what a client of HTTP/2 does wrong. Which frames count differs by version: 3.0 does not count
# requests that the client takes back.
_GLITCHES_SINCE = (3, 0)
_GLITCHES = 500

# A client is an address; of IPv6 the network that one customer gets (RFC 6177).
_CLIENT = "src,ipmask(32,64)"


class Limits(NamedTuple):
    """The keys of `haproxy_limits`. 0 is no limit; rates of an address are in 10 s, those of all in 1 s."""

    connections: int = 4000
    connection_rate: int = 4000
    request_rate: int = 10000
    session_rate: int = 2000
    total_handshake_rate: int = 0
    total_connection_rate: int = 0
    request_timeout: int = 10
    url_length: int = 8192
    server_requests: int = 1000
    server_sockets: int = 10000
    rebalance_rate: int = 0
    shared: bool = False
    exempt: tuple[str, ...] = ()


def validate(limits: Limits, yaml_path: str = "haproxy_limits") -> None:
    """Raise `ConfigurationError` for negative numbers and for wrong addresses and networks."""
    problems = Problems()
    for name, value in limits._asdict().items():
        if isinstance(value, int) and value < 0:
            problems.add(f"{yaml_path}.{name}", f"a number is expected, 0 for no limit, not {value}")
    check_networks(limits.exempt, f"{yaml_path}.exempt", problems)
    if limits.rebalance_rate > 1000:
        problems.add(
            f"{yaml_path}.rebalance_rate",
            f"at most 1000 sockets a second can be closed, not {limits.rebalance_rate}; give a number such as 5",
        )
    if limits.url_length > 15000:
        problems.add(
            f"{yaml_path}.url_length",
            f"a request's head has 15 kB of room, its URL can't have {limits.url_length}",
        )
    problems.raise_if_any()


def check_networks(values: tuple[str, ...], yaml_path: str, problems: Problems) -> None:
    """Add a problem for each value that is neither an address nor a network."""
    for number, value in enumerate(values):
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            problems.add(
                f"{yaml_path}[{number}]", f"an address or a network like 10.0.0.0/8 is expected, not {value!r}"
            )


def global_lines(limits: Limits, version: tuple[int, ...]) -> list[Line]:
    """Return lines of `global`. Clients above the totals wait in the kernel until there is room.

    A connection of HTTP/2 that breaks the protocol again and again is closed.
    """
    lines = []
    if version >= _GLITCHES_SINCE:
        lines.append(("limits", f"tune.h2.fe.glitches-threshold {_GLITCHES}"))
    if limits.total_handshake_rate:
        lines.append(("limits", f"maxsslrate {limits.total_handshake_rate}"))
    if limits.total_connection_rate:
        lines.append(("limits", f"maxconnrate {limits.total_connection_rate}"))
    return lines


def timeouts(limits: Limits, version: tuple[int, ...]) -> list[Line]:
    """Return lines of `defaults`: the time limits of a handshake, of a request's head, and of the queue."""
    lines = [("limits", "timeout queue 30s")]
    if limits.request_timeout:
        lines.append(("limits", f"timeout http-request {limits.request_timeout}s"))
        if version >= _HANDSHAKE_TIMEOUT:
            lines.append(("limits", f"timeout client-hs {limits.request_timeout}s"))
    return lines


class Counters(NamedTuple):
    """Where a client's connections and requests are counted: tables, and the stick counter that tracks its requests.

    The first of the tables is this edge's own, the others are those of edges that count together with it.
    Stick counter 0 is the connection's, so that a request costs no look-up. Where the connection is another's (behind a
    proxy that reports the client by a header, or the TCP front end for Flash), requests have tables of their own.
    """

    connections: tuple[str, ...]
    requests: tuple[str, ...]
    number: int


BY_CONNECTION = Counters((CONNECTIONS,), (CONNECTIONS,), 0)
BY_REQUEST = Counters((CONNECTIONS,), (REQUESTS,), 1)


def over_edges(counters: Counters, edges: tuple[str, ...], section: str) -> Counters:
    """Return where edges that count together do so: tables of this section of peers, one for each edge, ours first."""
    connections, requests = (
        tuple(f"{section}/{tables[0]}.{edge}" for edge in edges) for tables in (counters.connections, counters.requests)
    )
    return Counters(connections, requests, counters.number)


def tables(limits: Limits, counters: Counters) -> list[tuple[str, str]]:
    """Return name and properties of each table. Tables are bounded: the oldest entries make room."""
    stored: dict[str, list[str]] = {}
    if limits.connections or limits.connection_rate:
        stored.update((table, ["conn_cur", f"conn_rate({WINDOW}s)"]) for table in counters.connections)
    if limits.request_rate or limits.session_rate:
        for table in counters.requests:
            stored.setdefault(table, []).extend(("gpc(2)", f"gpc_rate(2,{WINDOW}s)"))
    return [(name, f"type ipv6 size 100k expire 1m store {','.join(what)}") for name, what in stored.items()]


def connections(limits: Limits, counters: Counters, layer: str, lists: tuple[str, ...]) -> list[Line]:
    """Return frontend rules for connections; clients in the files `lists` are not limited here.

    On `layer` "connection" a refusal is cheapest. On "session" TLS and the PROXY protocol are done, so that the
    client's address is known even behind another proxy. HAProxy keeps to itself how many connections there are now.
    """
    lines = []
    own, *others = counters.connections
    if limits.connections:
        lines.append(f"reject if {{ {_CLIENT},table_conn_cur({own}) ge {limits.connections} }}")
    if limits.connection_rate:
        sum_up, rate = _sum_up("sess.rate", f"{_CLIENT},table_conn_rate({own})", "table_conn_rate(", others)
        lines += [*sum_up, f"reject if {{ {rate} ge {limits.connection_rate} }}"]
    if lines or (counters.connections == counters.requests and (limits.request_rate or limits.session_rate)):
        lines.append(f"track-sc0 {_CLIENT} table {own}{_unless_in(lists)}")
    return [("limits", f"tcp-request {layer} {line}") for line in lines]


def requests(limits: Limits, counters: Counters, lists: tuple[str, ...], headers: str) -> list[Line]:
    """Return frontend rules for requests: the size of the URL, and the rate; `headers` are those of the answer."""
    lines = []
    if limits.url_length:
        answer = 'deny deny_status 414 content-type text/plain string "This URL is too long."'
        lines.append(f"http-request {answer} if {{ url,length gt {limits.url_length} }}")
    if counters.connections != counters.requests and (limits.request_rate or limits.session_rate):
        lines.append(f"http-request track-sc1 {_CLIENT} table {counters.requests[0]}{_unless_in(lists)}")
    if limits.request_rate:
        lines += _count(0, ("requests", headers), limits.request_rate, counters, "")
    return [("limits", line) for line in lines]


def wait_for_body(limits: Limits, exception: str = "") -> list[Line]:
    """Return the frontend rule for a body that does not arrive; `exception` is the condition of those that may not.

    A node gets a request once its body has arrived, or the first 16 kB of it.
    """
    if not limits.request_timeout:
        return []
    unless = f" unless {exception}" if exception else ""
    return [("limits", f"http-request wait-for-body time {limits.request_timeout}s{unless}")]


def sessions(limits: Limits, counters: Counters, opens: str, headers: str) -> list[Directive]:
    """Return backend rules for one service: each request under the condition `opens` opens a Socket.IO session.

    `headers` are those of the answer.
    """
    if not limits.session_rate:
        return []
    lines = _count(1, ("new sessions", headers), limits.session_rate, counters, opens)
    return [Directive.of("limits", line, "haproxy_limits") for line in lines]


def _unless_in(lists: tuple[str, ...]) -> str:
    files = " ".join(f"-f {quote(path)}" for path in lists)
    return f" if !{{ src {files} }}" if files else ""


def _sum_up(variable: str, own: str, look_up: str, others: Sequence[str]) -> tuple[list[str], str]:
    """Return the actions that add what a converter finds in the tables of other edges to `own`, and the sum."""
    if not others:
        return [], own
    actions = [f"set-var({variable}) {_CLIENT},{look_up}{table}),add({variable})" for table in others]
    return [f"set-var({variable}) {own}", *actions], f"var({variable}) -m int"


def _count(place: int, answer: tuple[str, str], most: int, counters: Counters, condition: str) -> list[str]:
    """Return the rules that refuse what exceeds a rate, and count the rest in this place of the client's counters.

    `answer`: what there is too much of, and the headers of the answer that says so.

    A client that is not tracked, as it is exempt, has no rate.
    """
    what, headers = answer
    own, only = f"sc_gpc_rate({place},{counters.number})", f" if {condition}" if condition else ""
    sum_up, rate = _sum_up("txn.rate", own, f"table_gpc_rate({place},", counters.requests[1:])
    return [
        *(f"http-request {action}{only}" for action in sum_up),
        f'http-request deny deny_status 429 content-type text/plain string "Too many {what} from this address." '
        f"hdr Retry-After {WINDOW} {headers} if {f'{condition} ' if condition else ''}{{ {rate} ge {most} }}",
        f"http-request sc-inc-gpc({place},{counters.number}){only}",
    ]


def servers(limits: Limits, sockets: bool) -> list[Line]:
    """Return backend lines: how many requests a server gets at once; others queue (`timeout queue`), then get 503."""
    most = limits.server_sockets if sockets else limits.server_requests
    return [("limits", f"default-server maxconn {most}")] if most else []
