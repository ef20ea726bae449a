# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let the service beside HAProxy balance sockets: it alone knows those of old workers and of the other edges.

It sets the weights and the limits of servers in the process. What the file says of them is where it begins.
"""

from __future__ import annotations

from ..config.model import Configuration, Line, Section
from ..config.words import unquote
from .definition import Service
from .edge import ROLE, Edge
from .socketio import TRANSPORTS

# What the service beside HAProxy reads from the process: the limit of a node's sockets for each transport (0: none),
# and the backends with such a name that it leaves alone.
ENVIRONMENT = "REALTIME_EDGE_SOCKETS"

# How many sockets a second it may close, on all edges together, so that others get them; without it none.
_RATE = "REALTIME_EDGE_REBALANCE"

# The sockets of each node, as each edge tells the others: those that it has (gpt0), and those that it may have until it
# tells more (gpc0); and the services whose sockets it closes by itself. What a silent edge has told is forgotten. Keys
# are EDGE:BACKEND/SERVER, where two of the names may be those of hosts (253 characters), and EDGE:SERVICE/; a table
# takes memory for the entries that it has.
_TABLE = "table :sockets type string len 640 size 1m expire 10s store gpt0,gpc0"

_METHODS = ("leastconn", "roundrobin")


def global_section(services: list[Service], configuration: Configuration, edge: Edge) -> Configuration:
    """Return the line of `global` that asks the service beside HAProxy to balance sockets; nothing without sockets.

    It leaves alone the backends of others, and those whose servers have limits of their own.
    """
    own = {f"{service.name}_{transport}" for service in services for transport in service.socket_transports}
    if not own or not edge.agent_socket:
        return Configuration()
    most = edge.limits.server_sockets
    alone = [
        section.name
        for section in configuration.sections
        if section.kind in ("backend", "listen")
        and _has_sockets(section.name)
        and (section.name not in own or _other_limits(section, most))
    ]
    words = " ".join([str(most), *alone])
    lines = [("balance", f'setenv {ENVIRONMENT} "{words}"' if alone else f"setenv {ENVIRONMENT} {words}")]
    if rate := edge.limits.rebalance_rate:
        lines.append(("balance", f"setenv {_RATE} {rate}"))
    return Configuration((Section.of("global", "", lines, ROLE),))


def _has_sockets(backend: str) -> bool:
    return backend.rpartition("_")[2] in TRANSPORTS


def _other_limits(section: Section, most: int) -> bool:
    """Return whether a server of the section has another limit than all have."""
    return any(
        number != str(most)
        for line in section.directives
        if line.keyword in ("server", "server-template", "default-server")
        for word, number in zip(line.arguments, line.arguments[1:])
        if word == "maxconn"
    )


def tables(edge: Edge) -> list[Line]:
    """Return the line of the section `peers` by which edges tell each other their sockets.

    An edge alone needs it to remember what it was at.
    """
    return [("balance", _TABLE)] if edge.agent_socket and (edge.peers.members or edge.limits.rebalance_rate) else []


def live_limit(configuration: Configuration) -> tuple[int, frozenset[str]] | None:
    """Return the limit of a node's sockets, and the backends that are left alone; None if nobody balances sockets."""
    for section in configuration.sections:
        for line in section.directives if section.kind == "global" else ():
            if line.keyword == "setenv" and line.arguments[:1] == (ENVIRONMENT,) and len(line.arguments) == 2:
                most, *alone = unquote(line.arguments[1]).split()
                return int(most), frozenset(alone)
    return None


def is_balanced(backend: str, method: str) -> bool:
    """Return whether the weights of a backend's servers say where new sockets go."""
    return _has_sockets(backend) and method in _METHODS
