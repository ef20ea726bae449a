# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and write the fragments on the host: one file for each contributor's part, named after it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import paths
from ..atomic_file import read_regular_file
from ..config.model import ConfigurationError

# The fragment of the edge's owner; only it holds the edge's settings.
OWNER = "edge"

# The default settings of an edge.
SETTINGS: dict[str, Any] = {
    "binds": {"http": [":80"], "https": [":443"], "quic": [], "policy": [":843", ":10843"]},
    "stats_bind": "127.0.0.1:8404",
    "base_settings": True,
    "comments": True,
    "tls": {},
    "acme_thumbprint": "",
    "acme": {},
    "limits": {},
    "trusted_proxies": {},
    "peers": {},
    "ticket_keys": paths.TICKET_KEYS,
    "certificates": paths.CERTIFICATES,
    "binary": paths.PACKAGE_BINARY,
    "link": "",
    "version": "",
    "master_socket": paths.MASTER_SOCKET,
    "runtime_socket": paths.RUNTIME_SOCKET,
    "state_directory": "/var/lib/haproxy",
    "group": "haproxy",
    "file_descriptors": 20000,
}

# The version of the files' format. It grows when an older collection could misread a file.
FORMAT = 1

# No configuration is nested more deeply, and Python's own limit is not far above.
DEPTH = 50

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Fragment(NamedTuple):
    """Hold one contributor's part: `services` and `sections` as in the YAML, `groups` that the services name.

    `settings` are the edge's own (binds, binary, sockets, ...), empty in all but the owner's fragment.
    """

    name: str
    services: Any
    sections: Any
    groups: Any = {}  # noqa: RUF012 # never written to
    settings: dict[str, Any] = {}  # noqa: RUF012


def fragments_folder(path: str) -> str:
    """Return the folder of the fragments of the configuration at `path`."""
    return os.path.join(os.path.dirname(path), "fragments.d")


def fragment_path(path: str, name: str) -> str:
    """Return the file of one fragment. Raise `ConfigurationError` for an invalid name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"fragment: expected a name of at most 63 letters, digits, '_', '-' and '.', not {name!r}"
        )
    return os.path.join(fragments_folder(path), f"{name}.json")


def fragment_text(fragment: Fragment) -> str:
    """Return the file's text. Raise `ConfigurationError` for values that no file can hold, such as circular ones."""
    content = {key: value for key, value in fragment._asdict().items() if key != "name"}
    try:
        return json.dumps({"format": FORMAT, **content}) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"fragment {fragment.name}: not plain YAML data: {error}") from None


def is_too_deep(value: Any) -> bool:
    """Return whether lists and mappings are nested more deeply than `DEPTH`; a circular value is."""
    level = [value]
    for _depth in range(DEPTH):
        nested = {id(item): item for item in level if isinstance(item, (dict, list))}
        level = [inner for item in nested.values() for inner in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return False
    return True


def read_others(path: str, name: str) -> list[Fragment]:
    """Return all fragments of the host except the one of this name.

    Raises `ConfigurationError` for a damaged file: the part of its owner would silently be lost otherwise.
    """
    try:
        names = [entry[:-5] for entry in os.listdir(fragments_folder(path)) if entry.endswith(".json")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"{fragments_folder(path)} cannot be read: {error.strerror}") from None
    return [_read_fragment(path, other) for other in names if other != name and _NAME.fullmatch(other)]


def in_order(fragments: Iterable[Fragment]) -> list[Fragment]:
    """Return the fragments in the order in which they are merged: the owner's first, then by name."""
    return sorted(fragments, key=lambda fragment: (fragment.name != OWNER, fragment.name))


def _read_fragment(path: str, name: str) -> Fragment:
    file = fragment_path(path, name)
    hint = f"let its owner contribute it again, or remove it (fragment: {name}, state: absent)"
    try:
        content = json.loads(read_regular_file(file, follow=False))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file} is damaged ({error}); nothing has changed: {hint}") from None
    reason = _reason_to_refuse(content)
    if reason:
        raise ConfigurationError(f"{file} {reason}; nothing has changed: {hint}")
    return Fragment(name, content["services"], content.get("sections"), content["groups"], content["settings"])


def _reason_to_refuse(content: Any) -> str:
    """Return why this is no fragment that can be read here, empty if it is one."""
    expected = {"services": list, "groups": dict, "settings": dict}
    # The first files had no format.
    written = content.get("format", FORMAT) if isinstance(content, dict) else 0
    written = written if isinstance(written, int) else 0
    if written > FORMAT:
        return f"is of a newer realtime.edge (format {written}, and this one reads up to {FORMAT}): update it here, too"
    if written < 1 or any(not isinstance(content.get(key), kind) for key, kind in expected.items()):
        return "is damaged (not a fragment)"
    unknown = sorted({*content} - {"format", *Fragment._fields})
    if unknown:
        return f"is of another version of realtime.edge: unknown here: {', '.join(unknown)}"
    return "is damaged (nested too deeply)" if is_too_deep(content) else ""
