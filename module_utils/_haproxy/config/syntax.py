# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's text: words, quotes, comments (configuration manual, 2.1 and 2.2). A directive is one line, always."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from .model import Configuration, ConfigurationError, Directive, Section

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

_NEEDS_QUOTES = frozenset(" \t\"'\\#$")

# Neither quotes, escapes, comments nor anything that Python takes for a blank and HAProxy does not.
_PLAIN = re.compile(r"[ !$-&(-\[\]-~]*").fullmatch
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]").search
_BLANKS = re.compile(r"[ \t\v\f]*")
_WORD = re.compile(r"""(?:[^ \t\v\f"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""", re.DOTALL)

# What a backslash makes of the next character outside single quotes; before another one it stays what it is.
_ESCAPES = {" ": " ", "\\": "\\", "t": "\t", "n": "\n", "r": "\r", "#": "#", "'": "'", '"': '"'}


def split(text: str) -> list[str]:
    """The words of a value, each as it is spelled, quotes and escapes included.

    Raises `ConfigurationError` (text without place) for what would not stay one line or lose a part: control
    characters, an unquoted `#`, which begins a comment, open quotes.
    """
    if _PLAIN(text):
        return text.split()
    if not one_line(text):
        raise ConfigurationError("a line break or another control character stands inside the value")
    words, rest = _split(text)
    if rest.startswith("#"):
        raise ConfigurationError("an unquoted '#' begins a comment in HAProxy: write \\# or quote the word")
    if rest:
        raise ConfigurationError(_describe_fault(rest))
    return words


def one_line(text: str) -> bool:
    """Whether the text can stand in a line: no control characters but tabs, nothing that UTF-8 cannot say."""
    return not _CONTROL(text)


def _split(text: str) -> tuple[list[str], str]:
    """The words, and what can't be one: a comment, an open quote, a last backslash."""
    words: list[str] = []
    position = 0
    while True:
        blank = _BLANKS.match(text, position)
        position = blank.end() if blank else position
        found = _WORD.match(text, position)
        if not found:
            return words, text[position:]
        words.append(found[0])
        position = found.end()
        if position < len(text) and text[position] in "\"'\\":
            return words, text[position:]


def _describe_fault(rest: str) -> str:
    if rest[0] == "\\":
        return "the value ends with a backslash, which has nothing to escape"
    return f"the quote {rest[0]} is never closed"


def quote(value: str) -> str:
    """A value as one word that means exactly this text, whatever it holds."""
    if not value:
        return '""'
    if _NEEDS_QUOTES.isdisjoint(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def unquote(word: str) -> str:
    """What HAProxy makes of a word: quotes and escapes taken off (environment variables stay as they are)."""
    if "\\" not in word and '"' not in word and "'" not in word:
        return word
    plain = []
    quoted = ""
    position = 0
    while position < len(word):
        char = word[position]
        position += 1
        if char == "\\" and quoted != "'":
            after = word[position : position + 1]
            digits = word[position + 1 : position + 3]
            if after == "x" and len(digits) == 2 and all(digit in string.hexdigits for digit in digits):
                char = chr(int(digits, 16))
                position += 3
            elif after in _ESCAPES or (after == "$" and quoted):
                char = _ESCAPES.get(after, after)
                position += 1
        elif char == quoted:
            quoted = ""
            continue
        elif char in "\"'" and not quoted:
            quoted = char
            continue
        plain.append(char)
    return "".join(plain)


def numbered_lines(configuration: Configuration) -> Iterator[tuple[str, Section | None, Directive | None]]:
    """Each line of the file with the section and directive it came from (None for comments and blank lines)."""
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
    """The file's text; directives of one purpose stand under a comment that names it."""
    return "".join(f"{line}\n" for line, _section, _directive in numbered_lines(configuration))


def parse(text: str) -> Configuration:
    """The text as values; `parse(render(c)) == c`.

    A comment line above directives becomes their purpose, a blank line ends it. A section of a kind that is not known
    here is told by its looks: not indented, after a blank line, and its lines are indented. Raises
    `ConfigurationError` with the number of the line.
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
        if _PLAIN(stripped):
            words = stripped.split()
        else:
            words, rest = _split(stripped)
            if rest == "\\":
                words.append(rest)
            elif rest and rest[0] != "#":
                raise ConfigurationError(f"line {number}: {_describe_fault(rest)}")
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
    """Whether the next line that says something, from index `number` on, is indented."""
    for line in physical[number:]:
        stripped = line.strip()
        if stripped and stripped[0] != "#":
            return line[0] in " \t" and stripped.split()[0] not in SECTIONS
        if not stripped:
            return False
    return False
