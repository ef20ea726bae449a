# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a server out of service and back, in all backends that have it, and wait until its sessions have ended."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from ..config.model import Configuration, ConfigurationError, Directive, suggest
from ..runtime import servers
from ..runtime.servers import Server
from ..services import canary

# What is added at the end of a server's line, where the last word counts (configuration manual, 5.2).
_WORDS = {"ready": (), "drain": ("weight", "0"), "maint": ("disabled",)}

# How long a server has to be without sessions: a polling client is away for a moment between two polls, in seconds.
QUIET = 1.0


def server_states() -> list[str]:
    """Return the states that a server can be put in."""
    return list(_WORDS)


def set_server_state(configuration: Configuration, name: str, state: str) -> Configuration:
    """Return the configuration with the server in that state in all backends.

    Raises `ConfigurationError` if no backend has it.
    """
    known: set[str] = set()

    def change_line(directive: Directive) -> Directive:
        if directive.keyword != "server" or len(directive.arguments) < 2:
            return directive
        known.add(directive.arguments[0])
        if directive.arguments[0] != name:
            return directive
        words = directive.arguments
        if directive.purpose == canary.PURPOSE and state == "drain":
            raise ConfigurationError(
                f"name: {name} is a node of a canary, which is named for its sessions whatever its weight: give the "
                "canary share: 0, or take the node out by state: maint"
            )
        for added in (_WORDS["drain"], _WORDS["maint"]):
            if directive.purpose == canary.PURPOSE and added == _WORDS["drain"]:
                continue  # the weight that it always has
            words = words[: -len(added)] if words[-len(added) :] == added else words
        return replace(directive, arguments=(*words, *_WORDS[state]))

    sections = tuple(
        replace(section, directives=tuple(map(change_line, section.directives))) for section in configuration.sections
    )
    if name not in known:
        raise ConfigurationError(f"name: no backend of this edge has a server '{name}'{suggest(name, known)}")
    return replace(configuration, sections=sections)


def require_minimum(servers: dict[tuple[str, str], Server], name: str, minimum: int) -> None:
    """Raise `ConfigurationError` if a backend would be left with fewer servers that answer than `minimum`."""
    problems = []
    for backend in sorted(backend for backend, server in servers if server == name):
        others = [
            server
            for (owner, server), state in servers.items()
            if owner == backend and server != name and state.up and state.state == "ready" and state.weight
        ]
        if len(others) < minimum:
            left = ", ".join(others) or "none"
            problems.append(f"backend {backend} would have {len(others)} servers that answer ({left}), not {minimum}")
    if problems:
        raise ConfigurationError([f"{name} stays in service: {problem}" for problem in problems])


def read_server(master: str, name: str) -> dict[str, Server]:
    """Return the state of the server in each backend of the serving worker. Raises `RuntimeFailure`."""
    return {backend: state for (backend, server), state in servers.read_servers(master).items() if server == name}


def check_interval(configuration: Configuration, name: str) -> float:
    """Return the seconds between two health checks of the server (`inter`, default 2), the longest of all backends."""
    longest = 2.0
    for section in configuration.sections:
        lines = [line.arguments for line in section.directives if line.keyword == "default-server"]
        lines += [
            line.arguments for line in section.directives if line.keyword == "server" and name in line.arguments[:1]
        ]
        for words in lines:
            for word, value in zip(words, words[1:]):
                if word == "inter" and (found := re.fullmatch(r"(\d+)(ms|s|m)?", value)):
                    longest = max(longest, int(found[1]) * {"s": 1.0, "m": 60.0}.get(found[2] or "ms", 0.001))
    return longest


def wait_until_reached(
    master: str, name: str, seconds: float, quiet: float, healthy: bool
) -> tuple[bool, dict[str, int]]:
    """Wait, at most `seconds`, until the server has had no sessions for `quiet` seconds.

    With `healthy`, wait until it was up for so long and no check failed: the state that HAProxy reports right after an
    update may be older. Return whether that was reached, and the server's sessions in each backend, of all workers.
    Raises `RuntimeFailure`.
    """
    limit = time.monotonic() + seconds
    since, before = 0.0, [-1]
    while True:
        now = time.monotonic()
        # Also in backends that only an old worker has.
        found = servers.count_sessions(master)
        sessions = {backend: count for (backend, server), count in found.items() if server == name}
        fine = not any(sessions.values())
        if healthy:
            own = read_server(master, name).values()
            health = [server.health for server in own]
            fine = all(server.up for server in own) and health == before
            before = health
        since = (since or now) if fine else 0.0
        done = fine and now - since >= quiet
        if done or now >= limit:
            return done, sessions
        time.sleep(0.2)
