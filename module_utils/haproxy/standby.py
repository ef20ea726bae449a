# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a server out of service and back, in all backends that have it: what the file says, and who is still there."""

from __future__ import annotations

import time
from dataclasses import replace

from . import runtime
from .model import Configuration, ConfigurationError, Directive, meant

# What is added at the end of a server's line, where the last word counts (configuration manual, 5.2).
_WORDS = {"ready": (), "drain": ("weight", "0"), "maint": ("disabled",)}

# How long a server has to be without sessions: a polling client is away for a moment between two polls, in seconds.
_QUIET = 1.0


def states() -> list[str]:
    """The states a server can be put in."""
    return list(_WORDS)


def put(configuration: Configuration, name: str, state: str) -> Configuration:
    """The configuration with the server in that state in all backends; `ConfigurationError` where none has it."""
    known: set[str] = set()

    def line(directive: Directive) -> Directive:
        if directive.keyword != "server" or len(directive.arguments) < 2:
            return directive
        known.add(directive.arguments[0])
        if directive.arguments[0] != name:
            return directive
        words = directive.arguments
        for added in (_WORDS["drain"], _WORDS["maint"]):
            words = words[: -len(added)] if words[-len(added) :] == added else words
        return replace(directive, arguments=(*words, *_WORDS[state]))

    sections = tuple(
        replace(section, directives=tuple(map(line, section.directives))) for section in configuration.sections
    )
    if name not in known:
        raise ConfigurationError(f"name: no backend of this edge has a server '{name}'{meant(name, known)}")
    return replace(configuration, sections=sections)


def enough(servers: dict[tuple[str, str], runtime.Server], name: str, minimum: int) -> None:
    """Raises `ConfigurationError` where a backend would be left with fewer servers that answer than `minimum`."""
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


def there(master: str, name: str) -> dict[str, runtime.Server]:
    """Backend → what the serving worker says of the server there. Raises `RuntimeFailure`."""
    found = runtime.servers(master, runtime.serving(master))
    return {backend: state for (backend, server), state in found.items() if server == name}


def wait(master: str, name: str, seconds: float, healthy: bool) -> dict[str, runtime.Server]:
    """Wait, at most so long, until the server has no sessions (or, `healthy`, until its checks pass everywhere).

    Returns what the worker says in the end. Raises `RuntimeFailure`.
    """
    limit = time.monotonic() + seconds
    since = 0.0
    while True:
        now = time.monotonic()
        own = there(master, name)
        if (
            all(server.up for server in own.values())
            if healthy
            else not any(server.sessions for server in own.values())
        ):
            since = since or now
            if healthy or now - since >= _QUIET:
                break
        else:
            since = 0.0
        if now >= limit:
            break
        time.sleep(0.2)
    return own
