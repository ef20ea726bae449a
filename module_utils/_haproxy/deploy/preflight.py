# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a configuration before anything is written: `haproxy -c`, ports that are in use, too many connections."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
from collections.abc import Mapping

from ..atomic_file import temporary_folder
from ..binary import check
from ..config.descriptors import held_descriptors, process_descriptors
from ..config.merge import bind_addresses
from ..config.model import Configuration, ConfigurationError
from ..config.words import quote
from .disk import Target, explain_os_errors, write_file
from .listeners import is_hidden, listening_on, process_name, processes_with
from .marker import Marked


def run_haproxy_check(marked: Marked, target: Target, foreseen: Mapping[str, str] | None = None) -> list[str]:
    """Return HAProxy's warnings about the text. Raise `ConfigurationError` if HAProxy refuses it.

    The files of the text are not written yet, and neither are `foreseen` ones (path → text; empty: removed) that it
    names: HAProxy reads all of them from a scratch folder below the state folder, which only root can read.
    """
    wanted, text, _marker = marked
    with explain_os_errors("a temporary file"), temporary_folder(os.path.join(target.state, "check")) as folder:
        scratch = _Scratch(folder)
        scratch.add_folders(foreseen or {})
        scratch.add_files({**(foreseen or {}), **dict(wanted.files)})
        candidate = os.path.join(folder, "haproxy.cfg")
        write_file(candidate, scratch.redirect(text), -1)
        try:
            return [scratch.restore(str(warning)) for warning in check.check(target.binary, candidate, wanted)]
        except ConfigurationError as error:
            raise ConfigurationError(map(scratch.restore, error.problems)) from None


class _Scratch:
    """A folder with files as they will be, and the paths in a text that lead there instead."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.places: dict[str, str] = {}

    def add_folders(self, foreseen: Mapping[str, str]) -> None:
        """Copy each folder of foreseen PEM files: HAProxy loads whole folders. What stays is linked."""
        for original in {os.path.dirname(path) for path in foreseen if path.endswith(".pem")}:
            place = self._place(original)
            os.mkdir(place, 0o700)
            for entry in os.scandir(original) if os.path.isdir(original) else ():
                if entry.path not in foreseen:
                    os.symlink(entry.path, os.path.join(place, entry.name))

    def add_files(self, contents: Mapping[str, str]) -> None:
        """Write the files; the paths in them, those of a crt-list, lead to the scratch folder as well."""
        for path, content in contents.items():
            inside = self.places.get(os.path.dirname(path))
            place = os.path.join(inside, os.path.basename(path)) if inside else self._place(path)
            if content:
                write_file(place, content if path.endswith(".pem") else self.redirect(content), -1)

    def _place(self, original: str) -> str:
        return self.places.setdefault(original, os.path.join(self.folder, str(len(self.places))))

    def redirect(self, text: str) -> str:
        """Return the text with its paths leading to the scratch folder."""
        for original, place in self.places.items():
            text = re.sub(rf"{re.escape(quote(original))}(?![\w.@+-])", place, text)
        return text

    def restore(self, message: str) -> str:
        """Return a message with the paths that people know."""
        for original, place in self.places.items():
            message = original.join(re.split(rf"{re.escape(place)}(?!\d)", message))
        return message


def impossible_connections(wanted: Configuration, descriptors: int) -> list[str]:
    """Return a problem if the process needs more descriptors than it can have: `haproxy -c` accepts it, a start fails.

    A connection takes two descriptors, one to each side (manual, `maxconn` and `ulimit-n`).
    """
    head = wanted.section("global")
    stated = {line.keyword: line for line in (head.directives if head and descriptors else ())}
    limit = stated.get("maxconn")
    if limit is None or not "".join(limit.arguments).isdigit():
        return []
    connections, held = int(limit.arguments[0]), held_descriptors([wanted])
    threads = "".join(stated["nbthread"].arguments) if "nbthread" in stated else ""
    own = process_descriptors(int(threads) if threads.isdigit() else len(os.sched_getaffinity(0)))
    total = 2 * connections + sum(held) + own
    if total <= descriptors:
        return []
    return [
        f"{limit.yaml_path}: {total} file descriptors are needed (2 for each of {connections} connections, "
        f"{held.checks} for checked servers, {held.listeners} for listeners, {own} for the process), and the service "
        f"may have {descriptors} on this host; allow more, or fewer connections (haproxy_sections.global.maxconn)"
    ]


def impossible_binds(wanted: Configuration, serving: Configuration, ending: frozenset[int] = frozenset()) -> list[str]:
    """Return a problem for each TCP address of `wanted` that cannot be bound; skip those that `serving` has already.

    `ending` are the processes that a restart ends: their ports become free.

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
                if error.errno == errno.EADDRINUSE and (who := _others_on(port, ours, ending)):
                    where = host or "any address"
                    problems.append(f"{line.yaml_path}: another process already listens on port {port} ({where}){who}")
                elif error.errno == errno.EADDRNOTAVAIL:
                    problems.append(f"{line.yaml_path}: this host has no address {host}")
    return problems


def lost_tables(wanted: Configuration, serving: Configuration) -> list[str]:
    """Return a warning for each section of peers that listens elsewhere than in the serving worker.

    At a reload the old worker sends its tables to the address that it knows.
    """
    before, after = _peers_binds(serving), _peers_binds(wanted)
    return [
        f"peers {name}: the next worker listens at {after[name]}, and the serving one knows {before[name]}, so its "
        "tables are lost. Sockets stay; sessions that poll may come to another node, and then begin anew"
        for name in before
        if name in after and before[name] != after[name]
    ]


def _peers_binds(configuration: Configuration) -> dict[str, str]:
    return {
        section.name: line.arguments[0]
        for section in configuration.sections
        if section.kind == "peers"
        for line in section.directives
        if line.keyword == "bind" and line.arguments
    }


def _kernel_address(host: str) -> str:
    """Return a host as the kernel's tables spell it: `0.0.0.0` for any."""
    try:
        return str(ipaddress.ip_address(host or "0.0.0.0"))  # noqa: S104
    except ValueError:
        return host


def _others_on(port: int, ours: set[str], ending: frozenset[int]) -> str:
    """Return which processes hold a port besides us and those that end; empty if there are none."""
    sockets = listening_on(port)
    others = [found for found in sockets if found.address not in ours]
    pids = processes_with(others)
    free = pids <= ending if pids else any(map(is_hidden, ending))
    if (sockets and not others) or free:
        return ""
    names = ", ".join(f"{process_name(pid)} (process {pid})" for pid in sorted(pids - ending))
    return f": {names or 'the kernel hides which'}"
