# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The marker of a configuration, by which file and worker tell what they have.

The serving worker carries a marker of what it has loaded. The file has the same one as long as everything since was
done at run time, and another one from the moment on in which a reload is wanted: whatever interrupts a change, the
next run sees how far it has come.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from typing import NamedTuple

from ..config.model import Configuration, Directive, Section
from ..config.syntax import INDENT, render

# The environment variable that tells which configuration a worker has loaded (`show env`).
MARKER = "REALTIME_EDGE_CONFIGURATION"

# The line above it, where the file has comments.
_COMMENT = f"{INDENT}# marker\n"

_BANNER = "Managed by Ansible (realtime.edge). Changes made here are replaced by the next run."

_MARKER = re.compile(rf"(?m){MARKER} (\w{{16}})-(\w{{8}})-(\w{{8}})-(\w{{8}})$")


class Marker(NamedTuple):
    """What is known of a text, or of what a worker has loaded.

    `load`: the load it belongs to. `program`, `files`: what was loaded with it, beside certificates and maps. `text`:
    a hash of the text itself, which tells whether somebody else has changed it.
    """

    load: str
    program: str
    files: str
    text: str

    def __str__(self) -> str:
        """The value in the file and in the worker's environment."""
        return "-".join(self)


def find_marker(text: str) -> Marker | None:
    """The marker in a text."""
    found = _MARKER.search(text)
    return Marker(*found.groups()) if found else None


class Marked(NamedTuple):
    """A configuration with a marker in `global`, the same as text, and the marker, whose `text` is filled in."""

    configuration: Configuration
    text: str
    marker: Marker

    def of_load(self, load: str) -> Marked:
        """The same for another load."""
        marker = self.marker._replace(load=load)
        text = self.text.replace(f"{MARKER} {self.marker}", f"{MARKER} {marker}", 1)
        return Marked(_with_marker(self.configuration, marker), text, marker)


def mark(configuration: Configuration, marker: Marker) -> Marked:
    """The configuration with this marker. Nothing else renders it: that takes most of the time of a large one."""
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
    others = tuple(other for other in head.directives if other.arguments[:1] != (MARKER,))
    # First: the section may end inside a condition (`.if`).
    marked = Section(head.kind, head.name, (line, *others), head.yaml_path)
    return replace(configuration, sections=(marked, *rest), banner=_BANNER)


def short_hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:length]


def binary_identity(path: str) -> str:
    """A package that was upgraded in place is another program, too."""
    try:
        status = os.stat(path)
    except OSError:
        return short_hash(path, 8)
    return short_hash(f"{path} {status.st_size} {status.st_mtime_ns}", 8)


def without_marker(text: str) -> str:
    """The text as its contributors want it: without the line of the marker and the comment above it."""
    found = text.find(MARKER)
    if found < 0:
        return text
    begin, end = text.rfind("\n", 0, found) + 1, text.find("\n", found) + 1
    before = text[:begin]
    return before[: -len(_COMMENT)] + text[end:] if before.endswith(_COMMENT) else before + text[end:]
