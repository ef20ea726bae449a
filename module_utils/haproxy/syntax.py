# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's text: words, quotes, comments, continuation (configuration manual, 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Configuration, ConfigurationError, Directive, Section

INDENT = "    "

# Words that begin a section, all versions (configuration manual, chapters 3, 4 and 12).
SECTIONS = frozenset(
    (
        "acme backend cache crt-store defaults dynamic-update fcgi-app frontend global healthcheck http-errors listen "
        "log-forward log-profile mailers peers program resolvers ring traces userlist"
    ).split()
)

# Sections without a name of their own.
UNNAMED = frozenset(("dynamic-update", "global", "traces"))

_SPECIAL = frozenset("\"'\\#")
_NEEDS_QUOTES = frozenset(" \t\"'\\#$")


def split(text: str, comments: bool = False) -> list[str]:
    """The words of one line, each as it is spelled, quotes and escapes included.

    With `comments`, an unquoted `#` ends the line; without, it is an error, because HAProxy would drop silently
    what follows. Raises `ConfigurationError` (text without place) for control characters and open quotes.
    """
    if not text.isprintable() and any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in text):
        raise ConfigurationError("a line break or another control character stands inside the value")
    if _SPECIAL.isdisjoint(text):
        return text.split()
    words: list[str] = []
    word = ""
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and quote != "'":
            if position + 1 == len(text):
                raise ConfigurationError("the value ends with a backslash, which has nothing to escape")
            word += text[position : position + 2]
            position += 2
            continue
        if quote:
            quote = "" if char == quote else quote
            word += char
        elif char in "\"'":
            quote = char
            word += char
        elif char == "#":
            if comments:
                break
            raise ConfigurationError("an unquoted '#' begins a comment in HAProxy: write \\# or quote the word")
        elif char in " \t":
            if word:
                words.append(word)
                word = ""
        else:
            word += char
        position += 1
    if quote:
        raise ConfigurationError(f"the quote {quote} is never closed")
    return [*words, word] if word else words


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
    if _SPECIAL.isdisjoint(word):
        return word
    plain = ""
    open_quote = ""
    position = 0
    while position < len(word):
        char = word[position]
        if char == "\\" and open_quote != "'" and position + 1 < len(word):
            position += 1
            plain += word[position]
        elif open_quote and char == open_quote:
            open_quote = ""
        elif not open_quote and char in "\"'":
            open_quote = char
        else:
            plain += char
        position += 1
    return plain


def lines(configuration: Configuration) -> Iterator[tuple[str, Section | None, Directive | None]]:
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
            if directive.purpose != purpose:
                purpose = directive.purpose
                yield f"{indent}# {purpose}".rstrip(" #"), None, None
            yield indent + directive.text, section, directive


def render(configuration: Configuration) -> str:
    """The file's text; directives of one purpose stand under a comment that names it."""
    return "".join(f"{line}\n" for line, _section, _directive in lines(configuration))


def parse(text: str) -> Configuration:
    """The text as values; `parse(render(c)) == c`.

    A comment line above directives becomes their purpose, a blank line ends it. Raises `ConfigurationError` with
    the number of the line.
    """
    sections: list[Section] = []
    kind, name = "", ""
    directives: list[Directive] = []
    purpose = ""

    def close() -> None:
        if kind or directives:
            sections.append(Section(kind, name, tuple(directives)))

    physical = iter(enumerate(text.split("\n"), 1))
    for number, line in physical:
        while line.endswith("\\") and not line.endswith("\\\\"):
            line = line[:-1] + " " + next(physical, (0, ""))[1].lstrip()
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            purpose = stripped.lstrip("#").strip()
            continue
        try:
            words = split(stripped, comments=True)
        except ConfigurationError as error:
            raise ConfigurationError(f"line {number}: {error}") from None
        if words[0] in SECTIONS:
            close()
            kind, name, directives, purpose = words[0], " ".join(words[1:]), [], ""
        else:
            directives.append(Directive(words[0], tuple(words[1:]), purpose))
    close()
    return Configuration(tuple(sections))
