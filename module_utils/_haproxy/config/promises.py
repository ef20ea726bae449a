# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read how many connections a configuration lets in, and how many of them one node may get."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from .descriptors import count_servers
from .model import Configuration, Directive, split_name
from .words import unquote


class Promises(NamedTuple):
    """Connections of clients, and those from one address to one port of a node; 0 where nothing says how many."""

    connections: int = 0
    node_connections: int = 0


def stated_maxconn(configurations: Iterable[Configuration]) -> int:
    """Return the first `maxconn` of `global`, 0 if there is none."""
    stated = (
        directive.arguments[0]
        for configuration in configurations
        for section in configuration.sections
        for directive in section.directives
        if section.kind == "global" and directive.keyword == "maxconn" and directive.arguments
    )
    return next((int(number) for number in stated if number.isdigit()), 0)


def read_promises(configuration: Configuration) -> Promises:
    """Return what the limits of a configuration allow: `maxconn` of the process, and of servers.

    A node takes what its servers in all backends take together. Those without a limit share all connections.
    """
    connections = stated_maxconn([configuration])
    defaults: dict[str, int] = {}
    nodes: dict[tuple[str, ...], int] = defaultdict(int)
    for section in configuration.sections:
        name, parent = split_name(section)
        limit = _default_limit(section.directives) or defaults.get(parent, 0)
        if section.kind == "defaults":
            defaults[name] = limit
        servers = [line for line in section.directives if line.keyword in ("server", "server-template")]
        for line in servers if section.kind in ("backend", "listen") else ():
            share = math.ceil(connections / sum(map(count_servers, servers)))
            nodes[_address(line)] += _limit(line) or limit or share
    return Promises(connections, min(connections, max(nodes.values(), default=0)))


def _default_limit(lines: Iterable[Directive]) -> int:
    return max((_limit(line) for line in lines if line.keyword == "default-server"), default=0)


def _limit(line: Directive) -> int:
    """Return the number after the word `maxconn`, 0 without one."""
    after = line.arguments[line.arguments.index("maxconn") + 1 :] if "maxconn" in line.arguments else ()
    return int(after[0]) if after and after[0].isdigit() else 0


def _address(line: Directive) -> tuple[str, ...]:
    """Return where connections to a server go, and from where; the servers of a template have one name."""
    words = line.arguments
    place = 2 if line.keyword == "server-template" else 1
    source = words.index("source") + 1 if "source" in words else len(words)
    return tuple(unquote(word) for word in (*words[place : place + 1], *words[source : source + 1]))
