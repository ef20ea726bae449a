# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Share the affinity tables of an edge with its next worker and with the other edges of the same services.

Entries name the node (manual, 5.4 "stick match"; peers protocol 2.1), so that all edges know a session that one of them
has opened, whatever the order of their servers.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config.model import Line
from ..config.words import quote

SECTION = "affinity"
PORT = 8406
# Where an edge that is alone listens to itself, before HAProxy 3.0.
LOCAL_PORT = 8405
# The first version in which a table survives a reload by a Unix socket.
SOCKET_SINCE = (3, 0)


class Peers(NamedTuple):
    """The edges of the same services: `members` are name and endpoint of each, `name` is this edge's.

    `certificate` is the file with the common certificate and key by which they authenticate each other; this edge
    listens on `port`. Without members there is only the next worker, at a socket, or before HAProxy 3.0 on loopback.
    """

    name: str = "edge"
    members: tuple[tuple[str, str], ...] = ()
    port: int = LOCAL_PORT
    certificate: str = ""


def global_lines(peers: Peers) -> Line:
    """Return the line of `global`: without a peer of this name HAProxy drops the tables silently."""
    return "affinity", f"localpeer {peers.name}"


def section(peers: Peers, socket: str) -> list[Line]:
    """Return the lines of the section, before those of its tables; `socket` is the bind for an edge that is alone.

    Entries from peers are trusted and could misroute sessions, so peers authenticate with the common key. At a reload
    the old worker sends the tables to the new one on the same address (manual, 3.5 "peers").
    """
    if not peers.members:
        # Whoever connects reads the ids of all sessions. The port is open to each user of this host, the socket is not.
        return [("affinity", f"bind {socket or f'127.0.0.1:{peers.port}'}"), ("affinity", f"server {peers.name}")]
    file = quote(peers.certificate)
    secure = f"ssl crt {file} ca-file {file} verify required"
    return [
        ("affinity", f"default-server {secure}"),
        ("affinity", f"bind :{peers.port} {secure}"),
        *(
            ("affinity", f"server {name}" if name == peers.name else f"server {name} {endpoint}")
            for name, endpoint in peers.members
        ),
    ]
