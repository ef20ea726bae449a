# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Represent a configuration as values: directives in sections. No I/O, no knowledge of any keyword."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ..errors import ConfigurationError
from .words import split, unquote

# ConfigurationError is here too because everything that builds a configuration raises it.
__all__ = ["Configuration", "ConfigurationError", "Directive", "Line", "Section", "split_name", "suggest"]

Line = tuple[str, str]
"""A purpose and a line of text, before it has a YAML path."""

# Services have most of their lines in common.
_split = lru_cache(maxsize=4096)(split)


@dataclass(frozen=True)
class Directive:
    """One line of a section.

    `keyword` and `arguments` are words in HAProxy's own spelling, quotes included, so that nothing is lost between
    the YAML and the file (configuration manual, 2.2 "Quoting and escaping"). `purpose` is the goal it serves, one
    word or a few, shown as comment. `yaml_path` is the location in the YAML that asked for it; comparisons ignore it.
    """

    keyword: str
    arguments: tuple[str, ...] = ()
    purpose: str = ""
    yaml_path: str = field(default="", compare=False)

    @classmethod
    def of(cls, purpose: str, text: str, yaml_path: str = "") -> Directive:
        """Return the directive of a line of text. Raise `ConfigurationError` if the text is not one line."""
        keyword, *arguments = _split(text)
        return cls(keyword, tuple(arguments), purpose, yaml_path)

    @cached_property
    def text(self) -> str:
        """Return the line as HAProxy reads it, without indentation."""
        return " ".join((self.keyword, *self.arguments))


@dataclass(frozen=True)
class Section:
    """A section: `kind` (`frontend`), `name` as in the header (`web`, `web from base`, or empty), its lines."""

    kind: str
    name: str = ""
    directives: tuple[Directive, ...] = ()
    yaml_path: str = field(default="", compare=False)

    @classmethod
    def of(cls, kind: str, name: str, lines: Iterable[Line], yaml_path: str) -> Section:
        """Return the section of these lines, all from one location in the YAML."""
        return cls(kind, name, tuple(Directive.of(purpose, text, yaml_path) for purpose, text in lines), yaml_path)

    @property
    def header(self) -> str:
        """Return the section's first line."""
        return f"{self.kind} {self.name}" if self.name else self.kind

    @property
    def key(self) -> tuple[str, str]:
        """Return the identity of the section: its kind and the first word of its name."""
        return self.kind, self.name.split(" ", 1)[0]


@dataclass(frozen=True)
class Configuration:
    """All sections, in the order of the file.

    `banner` is a comment at its head, one line. `files` (path, text) are named by the text and belong to it. `comments`
    says whether the text shows the purposes.
    """

    sections: tuple[Section, ...] = ()
    banner: str = field(default="", compare=False)
    files: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    comments: bool = field(default=True, compare=False)

    def section(self, kind: str, name: str = "") -> Section | None:
        """Return the first section of this kind and name, or None."""
        return next((section for section in self.sections if section.key == (kind, name)), None)


def split_name(section: Section) -> tuple[str, str]:
    """Return the section's own name and that of the `defaults` it is from; each may be empty."""
    words = [unquote(word) for word in section.name.split()]
    if section.kind == "defaults" and words[:1] == ["from"] and len(words) == 2:
        return "", words[1]
    return (words or [""])[0], words[2] if words[1:2] == ["from"] and len(words) > 2 else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint to end an error with: `; did you mean 'polling'? (known: flashsocket, polling, websocket)`."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"{hint} (known: {', '.join(names) or 'none'})"
