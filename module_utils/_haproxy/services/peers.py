# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who an edge shares its affinity tables with: the next worker of its own, and the other edges of the same services.

Entries name the node (manual, 5.4 "stick match"; peers protocol 2.1), so that a session which one edge has seen opened
is known to all, whatever the order of their servers.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config.words import quote
from .limits import Line

SECTION = "affinity"
PORT = 8406


class Peers(NamedTuple):
    """The edges of the same services: `members` are name and endpoint of each, `name` is this one's among them.

    `certificate` is the file with the certificate and the key that all of them have, by which they know each other;
    `port` is where this one listens. Without members there is only the next worker, which is reached on loopback.
    """

    name: str = "edge"
    members: tuple[tuple[str, str], ...] = ()
    port: int = PORT
    certificate: str = ""


def table_key(peers: Peers, service: str) -> str:
    """What this edge counts a service by in a table that others hold too; a colon is in no name."""
    return f"{peers.name}:{service}"


def global_lines(peers: Peers) -> Line:
    """The line of `global`: without a peer of this name HAProxy drops the tables silently."""
    return "affinity", f"localpeer {peers.name}"


def section(peers: Peers) -> list[Line]:
    """The lines of the section, before those of its tables.

    What comes in is believed, and could send sessions astray: who has not got the key of the edges is not heard. At a
    reload the old worker hands the tables to the new one on the same address (manual, 3.5 "peers").
    """
    if not peers.members:
        return [("affinity", "bind 127.0.0.1:8405"), ("affinity", f"server {peers.name}")]
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
