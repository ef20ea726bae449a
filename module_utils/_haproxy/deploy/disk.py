# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access the files of a change: their paths, the lock, atomic writes, the symlink of the binary."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import atomic_file, paths
from ..config.model import ConfigurationError


class Target(NamedTuple):
    """Name the file of a configuration and the HAProxy that runs it.

    `path`: the file. `binary`: the HAProxy that has to run it; `link`: the symlink that the service starts, empty where
    the service starts the binary itself. `master`: the master CLI. `state`: folder of the last known good file.
    `group`: numeric group that may read the files, -1 to leave it. `descriptors`: how many file descriptors the service
    may have, 0 if unknown. `certificates`: their folder.
    """

    path: str
    binary: str
    link: str
    master: str
    state: str
    group: int
    descriptors: int = 0
    certificates: str = paths.CERTIFICATES

    @property
    def good(self) -> str:
        """Return the path of the last configuration that a worker was seen to serve."""
        return os.path.join(self.state, "last-known-good.cfg")

    @property
    def by_hand(self) -> str:
        """Return the path of the copy that is kept of a file that was edited by hand, before it is replaced."""
        return self.path + ".by-hand"

    @property
    def rejected(self) -> str:
        """Return the path of the last refused text, kept for people to look at."""
        return self.path + ".rejected"


def read_target(settings: dict[str, Any], path: str) -> Target:
    """Return the target that the settings of the edge's owner name."""
    try:
        group = grp.getgrnam(settings["group"]).gr_gid
    except (KeyError, ValueError):
        group = -1  # it does not exist yet
    return Target(
        path=path,
        binary=settings["binary"],
        link=settings["link"],
        master=settings["master_socket"],
        state=settings["state_directory"],
        group=group,
        descriptors=settings["file_descriptors"],
        certificates=settings["certificates"],
    )


def write_records(records: tuple[tuple[str, str], ...], check_mode: bool) -> list[str]:
    """Write the records that differ, without touching HAProxy; return the reasons."""
    reasons = []
    for path, content in records:
        if _sorted_data(read_text(path)) != _sorted_data(content):
            reasons.append(f"{path} is {'recorded' if content else 'removed'}; it changes nothing for HAProxy")
            if not check_mode:
                put_file(path, content, None)
    return reasons


def _sorted_data(text: str) -> str:
    """Return the data with sorted keys: where HAProxy sees no difference, their order makes none."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def symlink_differs(target: Target) -> bool:
    """Return whether the service's symlink leads to another binary than the wanted one."""
    return bool(target.link) and os.path.realpath(target.link) != os.path.realpath(target.binary)


@contextlib.contextmanager
def exclusive_lock(path: str) -> Iterator[None]:
    """Hold the lock for changes of this file on this host; wait until no other run holds it.

    A caller takes it before it reads the fragments, so that no other run changes them meanwhile.
    """
    folder = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
    name = os.path.join(folder, f"realtime-edge-{hashlib.sha256(path.encode()).hexdigest()[:12]}.lock")
    with explain_os_errors(name):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sweep_leftovers(path: str, settings: dict[str, Any]) -> None:
    """Remove the temporary files that killed runs have left beside the files of this configuration."""
    folder = os.path.dirname(path)
    link = [os.path.dirname(settings["link"])] if settings["link"] else []
    atomic_file.sweep(folder, os.path.join(folder, "fragments.d"), settings["state_directory"], *link)


@contextlib.contextmanager
def explain_os_errors(what: str) -> Iterator[None]:
    """Convert an OSError of a write (a full or read-only disk) into a ConfigurationError."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be written: {error.strerror or error}; nothing has changed") from None


def read_text(path: str) -> str:
    """Return the file's text, empty if there is no file. Raise `ConfigurationError` if it cannot be read."""
    try:
        # No other line ends than HAProxy's: a carriage return stays.
        return atomic_file.read_regular_file(path).decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def put_file(path: str, text: str, group: int | None) -> None:
    """Write the file, or remove it if the text is empty."""
    if text:
        write_file(path, text, group)
    else:
        with explain_os_errors(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def write_file(path: str, text: str, group: int | None) -> None:
    """Write the file for root and the group; without a group for root alone, and create its folder.

    Raises `ConfigurationError`, and then nothing has changed.
    """
    if os.path.islink(path):
        raise ConfigurationError(f"{path} is a symbolic link, which would be replaced; remove it or name its target")
    with explain_os_errors(path):
        if group is None:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        atomic_file.write_atomically(path, text, 0o600 if group is None else 0o640, group)


def switch_link(destination: str, link: str) -> None:
    """Let the symlink lead to `destination`, atomically. The name of the temporary one cannot be foreseen.

    A binary in its place (`make install` puts one there) is kept beside it.
    """
    prefix = atomic_file.temporary_prefix(link)
    temporary = os.path.join(os.path.dirname(link), f"{prefix}{secrets.token_hex(8)}")
    with explain_os_errors(link):
        if not os.path.islink(link):
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                os.link(link, f"{link}.by-hand")
        os.symlink(destination, temporary)
        try:
            os.replace(temporary, link)
        except OSError:
            os.unlink(temporary)
            raise
