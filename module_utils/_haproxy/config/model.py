# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration as values: directives in sections. No I/O, no knowledge of any keyword."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import EdgeError


class ConfigurationError(EdgeError):
    """What is wrong with a configuration, or stops it from being applied."""


@dataclass(frozen=True)
class Directive:
    """One line of a section.

    `keyword` and `arguments` are words in HAProxy's own spelling, quotes included, so that nothing is lost between
    the YAML and the file (configuration manual, 2.2 "Quoting and escaping"). `purpose` is the goal it serves, one
    word or a few, shown as comment. `yaml_path` is the place in the YAML that asked for it; it does not take part in
    comparisons.
    """

    keyword: str
    arguments: tuple[str, ...] = ()
    purpose: str = ""
    yaml_path: str = field(default="", compare=False)

    @property
    def text(self) -> str:
        """The line as HAProxy reads it, without indentation."""
        return " ".join((self.keyword, *self.arguments))


@dataclass(frozen=True)
class Section:
    """A section: `kind` (`frontend`), `name` as in the header (`web`, `web from base`, or empty), its lines."""

    kind: str
    name: str = ""
    directives: tuple[Directive, ...] = ()
    yaml_path: str = field(default="", compare=False)

    @property
    def header(self) -> str:
        """The section's first line."""
        return f"{self.kind} {self.name}" if self.name else self.kind

    @property
    def key(self) -> tuple[str, str]:
        """What makes two sections the same one: the kind and the first word of the name."""
        return self.kind, self.name.split(" ", 1)[0]


@dataclass(frozen=True)
class Configuration:
    """All sections, in the order of the file.

    `banner` is a comment at its head, one line. `files` (path, text) are named by the text and belong to it. `comments`
    says whether the text names the purposes.
    """

    sections: tuple[Section, ...] = ()
    banner: str = field(default="", compare=False)
    files: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    comments: bool = field(default=True, compare=False)

    def section(self, kind: str, name: str = "") -> Section | None:
        """The first section of this kind and name, or None."""
        return next((section for section in self.sections if section.key == (kind, name)), None)


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint that ends an error: `; did you mean 'polling'? (known: flashsocket, polling, websocket)`."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"{hint} (known: {', '.join(names) or 'none'})"
