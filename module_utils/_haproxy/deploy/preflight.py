# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a configuration before anything is written: `haproxy -c`, ports that are in use, too many connections."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import sys
import tempfile

from ..binary import check
from ..config.merge import bind_addresses
from ..config.model import Configuration
from ..config.words import quote
from .disk import explain_os_errors, read_text, write_file
from .marker import Marked

TAKE_OVER_HINT = "if that process is an HAProxy which the role is to take over, allow it: haproxy_allow_restart: true"


def run_haproxy_check(marked: Marked, binary: str) -> list[str]:
    """Return HAProxy's warnings about the text. Raise `ConfigurationError` if HAProxy refuses it."""
    wanted, text, _marker = marked
    with explain_os_errors("a temporary file"), tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        for number, (path, content) in enumerate(wanted.files):
            candidate = os.path.join(folder, str(number))
            write_file(candidate, content, -1)
            text = text.replace(quote(path), candidate)
        candidate = os.path.join(folder, "haproxy.cfg")
        write_file(candidate, text, -1)
        return [str(warning) for warning in check.check(binary, candidate, wanted)]


def impossible_connections(wanted: Configuration, descriptors: int) -> list[str]:
    """Return a problem for each `maxconn` above what the process can have: `haproxy -c` accepts it, a start fails.

    A connection takes two descriptors, one to each side (manual, `maxconn` and `ulimit-n`).
    """
    head = wanted.section("global")
    return [
        f"{line.yaml_path}: {line.arguments[0]} connections need twice as many file descriptors, and the service may "
        f"have {descriptors} on this host"
        for line in (head.directives if head and descriptors else ())
        if line.keyword == "maxconn" and "".join(line.arguments).isdigit() and 2 * int(line.arguments[0]) > descriptors
    ]


def impossible_binds(wanted: Configuration, serving: Configuration) -> list[str]:
    """Return a problem for each TCP address of `wanted` that cannot be bound; skip those that `serving` has already.

    `haproxy -c` binds nothing, and a reload that fails for a port stops the listeners for seconds first. A port on
    which only we listen (on `:443`, which becomes `[::]:443`) is no problem: the new worker takes it over.
    """
    held = {address for address, _line in bind_addresses(serving)}
    problems = []
    for (host, port), line in bind_addresses(wanted):
        if (host, port) in held:
            continue
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                ours = {_kernel_address(own) for own, held_port in held if held_port == port}
                if error.errno == errno.EADDRINUSE and not _listening_addresses(port) <= ours:
                    where = host or "any address"
                    problems.append(f"{line.yaml_path}: another process already listens on port {port} ({where})")
                elif error.errno == errno.EADDRNOTAVAIL:
                    problems.append(f"{line.yaml_path}: this host has no address {host}")
    return problems


def _kernel_address(host: str) -> str:
    """Return a host as the kernel's tables spell it: `0.0.0.0` for any."""
    try:
        return str(ipaddress.ip_address(host or "0.0.0.0"))  # noqa: S104
    except ValueError:
        return host


def _listening_addresses(port: int) -> set[str]:
    """Return the addresses that are listened on at this TCP port; a text that matches none if the kernel hides them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for address, number in re.findall(r"(?m)^ *\d+: (\w+):(\w{4}) \w+:\w{4} 0A ", read_text(table)):
            if int(number, 16) == port:
                # Words of 32 bits, each in the order of this machine (proc(5)).
                words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
                found.add(str(ipaddress.ip_address(b"".join(words))))
    return found or {"unknown"}
