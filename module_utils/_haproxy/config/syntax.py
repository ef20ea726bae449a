# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render and parse HAProxy's text (configuration manual, 2.1 and 2.2). A directive is always one line."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Configuration, ConfigurationError, Directive, Section
from .words import describe_fault, is_plain, split_until_fault

INDENT = "    "

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
        indent = INDENT if section.kind else ""
        purpose = ""
        for directive in section.directives:
            if directive.purpose != purpose and configuration.comments:
                purpose = directive.purpose
                yield f"{indent}# {purpose}".rstrip(" #"), None, None
            yield indent + directive.text, section, directive


def render(configuration: Configuration) -> str:
    """Return the file's text; a comment above the directives of one purpose names it."""
    return "".join(f"{line}\n" for line, _section, _directive in numbered_lines(configuration))


def parse(text: str) -> Configuration:
    """Return the text as values; `parse(render(c)) == c`.

    A comment line above directives becomes their purpose, a blank line ends it. A section of an unknown kind is
    recognised by its layout: it follows a blank line, is not indented, and its lines are. Raise `ConfigurationError`
    with the number of the line.
    """
    sections: list[Section] = []
    kind, name = "", ""
    directives: list[Directive] = []
    purpose = ""
    gap = True
    # A carriage return ends a line too (parse_line in HAProxy's tools.c).
    physical = [line.partition("\r")[0] for line in text.split("\n")]
    for number, line in enumerate(physical, 1):
        stripped = line.strip(" \t\v\f")
        if not stripped or stripped[0] == "#":
            purpose = stripped.lstrip("#").strip()
            gap = gap or not stripped
            continue
        if is_plain(stripped):
            words = stripped.split()
        else:
            words, rest = split_until_fault(stripped)
            if rest == "\\":
                words.append(rest)
            elif rest and rest[0] != "#":
                raise ConfigurationError(f"line {number}: {describe_fault(rest)}")
        first = words[0]
        if first in SECTIONS or (gap and line[0] == first[0] != "." and _indented(physical, number)):
            if kind or directives:
                sections.append(Section(kind, name, tuple(directives)))
            kind, name, directives, purpose = first, " ".join(words[1:]), [], ""
        else:
            directives.append(Directive(first, tuple(words[1:]), purpose))
        gap = False
    if kind or directives:
        sections.append(Section(kind, name, tuple(directives)))
    return Configuration(tuple(sections))


def _indented(physical: list[str], number: int) -> bool:
    """Return whether the next line with a directive, from index `number` on, is indented."""
    for line in physical[number:]:
        stripped = line.strip()
        if stripped and stripped[0] != "#":
            return line[0] in " \t" and stripped.split()[0] not in SECTIONS
        if not stripped:
            return False
    return False
