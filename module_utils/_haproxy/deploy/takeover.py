# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the HAProxy that the service runs and this role did not start, and say what taking it over ends."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from ..config.model import ConfigurationError
from ..host import SERVICE, listens_for, main_process
from .disk import Target, read_text
from .listeners import process_family, process_name, service_of


class Foreign(NamedTuple):
    """An HAProxy that only a restart of the service replaces: its main process and all others, and what it serves."""

    pid: int
    name: str
    family: frozenset[int]
    listeners: tuple[str, ...]
    connections: int

    @property
    def is_idle(self) -> bool:
        """Return whether nobody notices when it ends."""
        return not self.listeners or not self.connections

    @property
    def cost(self) -> str:
        """Return what ends with it, for people."""
        if not self.listeners:
            return "it has no listeners, and no connection ends"
        listeners = f"its {'listener' if len(self.listeners) == 1 else 'listeners'} {', '.join(self.listeners)}"
        connections = f"{self.connections or 'no'} {'connection' if self.connections == 1 else 'connections'}"
        return f"{listeners} and {connections} of clients end"

    def __str__(self) -> str:
        """Return which process it is."""
        return f"the service {SERVICE} runs {self.name} (process {self.pid}), which this role did not start"


def find_foreign(target: Target) -> Foreign | None:
    """Return the main process of the service if it was not started for this file and master CLI."""
    pid = main_process(SERVICE)
    if not pid or is_ours(pid, target):
        return None
    family = process_family(pid)
    return Foreign(pid, process_name(pid), frozenset(family), *service_of(family))


def is_ours(pid: int, target: Target) -> bool:
    """Return whether this process is an HAProxy that was started for this file and master CLI."""
    with contextlib.suppress(ConfigurationError):  # it has just ended
        words = read_text(f"/proc/{pid}/cmdline").split("\0")
        sockets = [word.partition(",")[0] for word in words]
        # Our unit gets the socket of the master from systemd, by its number.
        handed_over = any(socket.startswith("fd@") for socket in sockets) and target.master in listens_for(SERVICE)
        return target.path in words and (target.master in sockets or handed_over)
    return False


def check_take_over(foreign: Foreign, restart: bool) -> str:
    """Return the reason for the restart that replaces it. Raise `ConfigurationError` if it may not be restarted."""
    if foreign.is_idle or restart:
        return f"{foreign}: it is replaced; {foreign.cost}"
    raise ConfigurationError(
        f"{foreign}. Nothing has changed: if it is replaced, {foreign.cost}. If that is acceptable, allow it: "
        "haproxy_allow_restart: true"
    )
