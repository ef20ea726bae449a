# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render and parse HAProxy's text (configuration manual, 2.1 and 2.2). A directive is always one line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .keywords import is_keyword
from .model import Configuration, ConfigurationError, Directive, Section
from .words import BLANKS, describe_fault, is_plain, split_until_fault

BANNER = "Managed by Ansible (realtime.edge). Changes made here are replaced by the next run."

INDENT = "    "

# The purpose of the line of a server that was removed and still has sessions. It is always shown: the line is nobody's.
DRAINING = "draining"

# Words that begin a section, all versions (configuration manual, chapters 3, 4 and 12).
SECTIONS = frozenset(
    (
        "acme backend cache crt-store defaults dynamic-update fcgi-app frontend global healthcheck http-errors listen "
        "log-forward log-profile mailers namespace_list peers program resolvers ring traces userlist"
    ).split()
)

# Sections without a name of their own.
UNNAMED = frozenset(("dynamic-update", "global", "namespace_list", "traces"))


def numbered_lines(configuration: Configuration) -> Iterator[tuple[str, Section | None, Directive | None]]:
    """Yield each line of the file with its section and directive (None for comments and blank lines)."""
    if configuration.banner:
        yield f"# {configuration.banner}", None, None
    for number, section in enumerate(configuration.sections):
        if number or configuration.banner:
            yield "", None, None
        if section.kind:
            yield section.header, section, None
        purpose = ""
        for directive in section.directives:
            # Before the first section, only conditions may stand.
            indent = INDENT if section.kind or directive.keyword[0] != "." else ""
            if directive.purpose != purpose and (configuration.comments or directive.purpose == DRAINING):
                purpose = directive.purpose
                yield from ((line and indent + line, None, None) for line in comment_lines(purpose))
            yield indent + directive.text, section, directive


def comment_lines(purpose: str) -> list[str]:
    """Return the comment that names a purpose; a blank line ends the one before."""
    return [f"# {line}".rstrip(" ") for line in purpose.split("\n")] if purpose else [""]


def render(configuration: Configuration) -> str:
    """Return the file's text; a comment above the directives of one purpose names it."""
    return "".join(f"{line}\n" for line, _section, _directive in numbered_lines(configuration))


class Text(NamedTuple):
    """A text as values, and the numbers of the lines whose comments no directive has."""

    configuration: Configuration
    lost_comments: tuple[int, ...]


def parse(text: str, rendered: bool | None = None) -> Configuration:
    """Return the text as values; `parse(render(c), True) == c`. See `read`."""
    return read(text, rendered).configuration


def read(text: str, rendered: bool | None = None) -> Text:
    """Return the text as values, with the comments that are lost.

    Comment lines above directives become their purpose, and a blank line ends it; a comment at the end of a line is
    that line's own. `rendered` says whether `render` made the text (by default, if it begins with our banner): any word
    that is not indented then begins a section. In other texts a word can be unindented only if it is known: raise
    `ConfigurationError` with the number of the line for other words, and for what no HAProxy can read.
    """
    ours = text.startswith(f"# {BANNER}\n")
    reader = _Reader(ours if rendered is None else rendered)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read_line(number, line)
    reader.end_section()
    reader.drop_comments()
    lost = tuple(number for number in reader.lost if not ours or number > 1)
    return Text(Configuration(tuple(reader.sections)), lost)


class _Reader:
    """Read the lines of a configuration one after the other."""

    def __init__(self, rendered: bool) -> None:
        self.sections: list[Section] = []
        self.lost: list[int] = []
        self._rendered = rendered
        self._kind, self._name = "", ""
        self._directives: list[Directive] = []
        self._purpose = ""
        self._comments: dict[int, str] = {}

    def read_line(self, number: int, line: str) -> None:
        """Read one line, of this number in the file."""
        stripped = line.lstrip(BLANKS)
        if "\0" in stripped:
            raise ConfigurationError(f"line {number}: it contains a NUL character")
        if not stripped:
            self.drop_comments()
            self._purpose = ""
        elif stripped[0] == "#":
            self._comments[number] = stripped.partition("\r")[0].lstrip("#").strip()
        else:
            words, comment, fault = _split_line(stripped)
            if fault:
                raise ConfigurationError(f"line {number}: {fault}")
            if self._begins_section(words[0], number, indented=line[0] in BLANKS):
                self.drop_comments()
                self.end_section()
                self._kind, self._name, self._purpose = words[0], " ".join(words[1:]), ""
                self.lost += [number] if comment else []
                return
            if self._comments:
                self._purpose = "\n".join(self._comments.values()).strip("\n")
                self._comments = {}
            purpose = "\n".join(filter(None, (self._purpose, comment)))
            self._directives.append(Directive(words[0], words[1:], purpose))

    def end_section(self) -> None:
        """Add the section that has been read."""
        if self._kind or self._directives:
            self.sections.append(Section(self._kind, self._name, tuple(self._directives)))
        self._directives = []

    def drop_comments(self) -> None:
        """Forget the comments that no directive follows at once."""
        self.lost += [number for number, comment in self._comments.items() if comment]
        self._comments = {}

    def _begins_section(self, word: str, number: int, indented: bool) -> bool:
        if word in SECTIONS:
            return True
        if indented or is_keyword(word):
            return False
        if not self._rendered:
            raise ConfigurationError(
                f"line {number}: '{word}' is no section or keyword that is known here: indent the line if it is a "
                "keyword of the section above"
            )
        return True


@lru_cache(maxsize=4096)  # services have most of their lines in common
def _split_line(stripped: str) -> tuple[tuple[str, ...], str, str]:
    """Return the words of a line, its comment, and what no HAProxy can read in it."""
    if is_plain(stripped):
        return tuple(stripped.split()), "", ""
    words, rest = split_until_fault(stripped)
    if rest[:1] == "\\" and rest[1:2] in ("", "\r"):
        # HAProxy has no continuation of lines: it is a character like any other.
        if words and stripped[: len(stripped) - len(rest)].endswith(words[-1]):
            words[-1] += "\\"
        else:
            words.append("\\")
        return tuple(words), "", ""
    if rest and rest[0] != "#":
        return (), "", describe_fault(rest)
    return tuple(words), rest.partition("\r")[0].lstrip("#").strip(), ""
