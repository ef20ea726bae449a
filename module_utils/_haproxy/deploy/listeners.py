# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the kernel's tables of TCP sockets: which process listens where, and how many clients are connected to it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from ..config.model import ConfigurationError
from .disk import read_text

_ESTABLISHED, _LISTENING = "01", "0A"

# The columns up to the inode (proc(5)): number, local and remote address, state, queues, timers, user, timeout.
_ROW = re.compile(r"(?m)^ *\d+: (\w+):(\w{4}) \w+:\w{4} (\w\w) \S+ \S+ \S+ +\d+ +\d+ (\d+)")


class Socket(NamedTuple):
    """A TCP socket of this host: the local address and port, the state as the kernel spells it, the inode."""

    address: str
    port: int
    state: str
    inode: str

    @property
    def link(self) -> str:
        """Return where the file descriptors of its processes lead to."""
        return f"socket:[{self.inode}]"

    def __str__(self) -> str:
        """Return the local address for people: `*:443` for any."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'*' if self.address in ('0.0.0.0', '::') else host}:{self.port}"  # noqa: S104


def read_sockets() -> list[Socket]:
    """Return all TCP sockets of the host; none if the kernel hides them."""
    return [
        Socket(_address(address), int(port, 16), state, inode)
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for address, port, state, inode in _ROW.findall(read_text(table))
    ]


def _address(text: str) -> str:
    # Words of 32 bits, each in the order of this machine (proc(5)).
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def listening_on(port: int) -> list[Socket]:
    """Return the sockets that listen at this port."""
    return [found for found in read_sockets() if found.port == port and found.state == _LISTENING]


def processes_with(sockets: Iterable[Socket]) -> set[int]:
    """Return the processes that hold any of these sockets; none if they are hidden."""
    links = {one.link for one in sockets}
    return {pid for pid in _pids() if links & _links(pid)}


def process_name(pid: int) -> str:
    """Return the name of a process, `?` if it has ended."""
    with contextlib.suppress(ConfigurationError):
        return read_text(f"/proc/{pid}/comm").strip() or "?"
    return "?"


def process_family(pid: int) -> set[int]:
    """Return a process with all that descend from it."""
    parents = {}
    for other in _pids():
        with contextlib.suppress(ConfigurationError):
            status = re.search(r"(?m)^PPid:\s+(\d+)", read_text(f"/proc/{other}/status"))
            parents[other] = int(status[1]) if status else 0
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


class Service(NamedTuple):
    """What a family of processes serves: its listeners as text, and the number of connected clients."""

    listeners: tuple[str, ...]
    connections: int


def service_of(family: Iterable[int]) -> Service:
    """Return what these processes serve. A connection that they opened themselves, to a server, is no client's.

    In a container even root may not see what a process of another user has open. The listeners that no visible process
    has are then counted as theirs.
    """
    pids = set(family)
    if any(map(is_hidden, pids)):
        visible = set().union(*map(_links, set(_pids()) - pids))
        listeners = [one for one in read_sockets() if one.state == _LISTENING and one.link not in visible]
    else:
        own = set().union(*map(_links, pids))
        listeners = [one for one in read_sockets() if one.state == _LISTENING and one.link in own]
    ports = {one.port for one in listeners}
    clients = [one for one in read_sockets() if one.state == _ESTABLISHED and one.port in ports]
    return Service(tuple(sorted({str(one) for one in listeners})), len(clients))


def is_hidden(pid: int) -> bool:
    """Return whether this process may not see what the other one has open."""
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                os.readlink(entry.path)
    except PermissionError:
        return True
    except OSError:
        return False  # it has ended
    return False


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _links(pid: int) -> set[str]:
    """Return where the file descriptors of a process lead to; nothing if it has ended or is hidden."""
    links = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                links.add(os.readlink(entry.path))
    return links
