# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and write the marker of a configuration, which says what the file holds and what a worker has loaded.

A worker keeps the marker of the configuration that it has loaded. A change through the Runtime API keeps the marker of
the file; a change that needs a reload gives the file a new one. So after any interruption the next run sees how far
the change has come.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from typing import NamedTuple

from ..config.model import Configuration, Directive, Section
from ..config.syntax import BANNER, INDENT, render

# The environment variable that names the configuration a worker has loaded (`show env`).
MARKER = "REALTIME_EDGE_CONFIGURATION"

# The line above it, where the file has comments.
_COMMENT = f"{INDENT}# marker\n"


_MARKER = re.compile(rf"(?m){MARKER} (\w{{16}})-(\w{{8}})-(\w{{8}})-(\w{{8}})$")


class Marker(NamedTuple):
    """Identify a text, or the configuration that a worker has loaded.

    `load`: the load it belongs to. `binary`, `files`: the binary, and the files other than certificates and maps, that
    were loaded with it. `text`: a hash of the text itself, which shows whether it was edited by hand.
    """

    load: str
    binary: str
    files: str
    text: str

    def __str__(self) -> str:
        """Return the value in the file and in the worker's environment."""
        return "-".join(self)


def find_marker(text: str) -> Marker | None:
    """Return the marker in a text, None if there is none."""
    found = _MARKER.search(text)
    return Marker(*found.groups()) if found else None


class Marked(NamedTuple):
    """Hold a configuration with a marker in `global`, its text, and the marker, whose `text` is filled in."""

    configuration: Configuration
    text: str
    marker: Marker

    def of_load(self, load: str) -> Marked:
        """Return the same for another load."""
        marker = self.marker._replace(load=load)
        text = self.text.replace(f"{MARKER} {self.marker}", f"{MARKER} {marker}", 1)
        return Marked(_with_marker(self.configuration, marker), text, marker)


def mark(configuration: Configuration, marker: Marker) -> Marked:
    """Return the configuration with this marker. Only this renders it, as that takes most of a large change's time."""
    draft = render(_with_marker(configuration, marker))
    whole = marker._replace(text=short_hash(without_marker(draft), 8))
    return Marked(
        _with_marker(configuration, whole), draft.replace(f"{MARKER} {marker}", f"{MARKER} {whole}", 1), whole
    )


def _with_marker(configuration: Configuration, marker: Marker) -> Configuration:
    line = Directive("setenv", (MARKER, str(marker)), "marker", "the role's defaults")
    head, rest = Section("global"), configuration.sections
    if rest and rest[0].kind == "global":
        head, rest = rest[0], rest[1:]
    elif rest and not rest[0].kind:
        # Conditions before the first section: `global` begins before them.
        head, rest = Section("global", "", rest[0].directives), rest[1:]
    others = tuple(other for other in head.directives if other.arguments[:1] != (MARKER,))
    # First: the section may end inside a condition (`.if`).
    marked = Section(head.kind, head.name, (line, *others), head.yaml_path)
    return replace(configuration, sections=(marked, *rest), banner=BANNER)


def short_hash(text: str, length: int) -> str:
    """Return the first hex digits of the text's SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:length]


def binary_identity(path: str) -> str:
    """Identify a binary by path, size and time, so that a package that was upgraded in place counts as another one."""
    try:
        status = os.stat(path)
    except OSError:
        return short_hash(path, 8)
    return short_hash(f"{path} {status.st_size} {status.st_mtime_ns}", 8)


def without_marker(text: str) -> str:
    """Return the text without the line of the marker and the comment above it."""
    found = text.find(MARKER)
    if found < 0:
        return text
    begin, end = text.rfind("\n", 0, found) + 1, text.find("\n", found) + 1
    before = text[:begin]
    return before[: -len(_COMMENT)] + text[end:] if before.endswith(_COMMENT) else before + text[end:]
