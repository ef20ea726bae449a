# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Count the file descriptors that a configuration holds from the start on, whoever connects.

HAProxy refuses to start or to reload where connections and these together exceed its limit; `haproxy -c` does not count
them. Measured on 2.6 and 3.0: one for each checked server and each listener, 20 and three for each thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .model import Configuration, Directive, split_name
from .words import unquote


class Held(NamedTuple):
    """The descriptors of health checks and of listeners."""

    checks: int = 0
    listeners: int = 0


def process_descriptors(threads: int) -> int:
    """Return the descriptors of the process itself."""
    return 20 + 3 * threads


def held_descriptors(configurations: Iterable[Configuration]) -> Held:
    """Return what the sections of these configurations hold together."""
    sections = [section for configuration in configurations for section in configuration.sections]
    # One section may be written in parts, its `default-server` in one and its servers in another.
    general: dict[tuple[str, str], set[str]] = {}
    for section in sections:
        name, parent = split_name(section)
        found = general.setdefault((section.kind, name), set())
        found.update(word for line in section.directives if line.keyword == "default-server" for word in line.arguments)
        found.update(general.get(("defaults", parent), ()) if parent else ())
    checks = listeners = 0
    for section in sections:
        name, parent = split_name(section)
        common = () if parent else general.get(("defaults", ""), ())
        defaults = general[section.kind, name].union(common)
        for line in section.directives:
            if line.keyword == "bind" or (line.keyword, line.arguments[:1]) == ("stats", ("socket",)):
                listeners += _addresses(line)
            elif section.kind != "peers" and line.keyword in ("server", "server-template"):
                checks += _checks(line, defaults)
    return Held(checks, listeners)


def _addresses(line: Directive) -> int:
    """Return how many listeners a `bind` makes: one an address, and one a port of a range."""
    total = 0
    for address in unquote(line.arguments[0] if line.arguments else "").split(","):
        ports = re.search(r":(\d+)-(\d+)$", address)
        total += max(1, int(ports[2]) - int(ports[1]) + 1) if ports else 1
    return total


def _checks(line: Directive, defaults: set[str]) -> int:
    """Return how many checks a server makes, or the servers of a template together."""
    words = set(line.arguments)
    each = int("check" in words or ("check" in defaults and "no-check" not in words))
    each += int("agent-check" in words or ("agent-check" in defaults and "no-agent-check" not in words))
    return each * count_servers(line)


def count_servers(line: Directive) -> int:
    """Return how many servers a `server` or a `server-template` makes."""
    number = (
        re.fullmatch(r"(?:\d+-)?(\d+)", line.arguments[1])
        if line.keyword == "server-template" and line.arguments[1:]
        else None
    )
    return int(number[1]) if number else 1
