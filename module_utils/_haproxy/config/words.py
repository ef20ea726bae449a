# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Split a line of HAProxy into words, quote and unquote them (configuration manual, 2.2)."""

from __future__ import annotations

import re
import string

from ..errors import ConfigurationError

_NEEDS_QUOTES = frozenset(" \t\"'\\#$")

# No quotes, escapes or comments, and no character that only Python treats as a blank: such text splits at blanks.
is_plain = re.compile(r"[ !$-&(-\[\]-~]*").fullmatch
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]").search

# HAProxy's blanks (isspace of C). A carriage return is one of them after another blank; after a word it ends the line
# (parse_line in HAProxy's tools.c).
BLANKS = " \t\v\f\r"
_BLANKS = re.compile(r"[ \t\v\f\r]*")
_WORD = re.compile(r"""(?:[^ \t\v\f\r"'\\#]|\\[^\r]|"(?:[^"\\\r]|\\[^\r])*"|'[^'\r]*')+""", re.DOTALL)

_LINE_END = re.compile("[\r\x00]")

# A backslash turns the next character into this outside single quotes; before any other one it stays a backslash.
_ESCAPES = {" ": " ", "\\": "\\", "t": "\t", "n": "\n", "r": "\r", "#": "#", "'": "'", '"': '"'}


def split(text: str) -> list[str]:
    """Return the words of a value as they are spelled, quotes and escapes included.

    Raise `ConfigurationError` (its text has no YAML path) if the value would become two lines or lose a part: for
    control characters, an unquoted `#`, which begins a comment, and open quotes.
    """
    if is_plain(text):
        return text.split()
    if not one_line(text):
        raise ConfigurationError("a line break or another control character stands inside the value")
    words, rest = split_until_fault(text)
    if rest.startswith("#"):
        raise ConfigurationError("an unquoted '#' begins a comment in HAProxy: write \\# or quote the word")
    if rest:
        raise ConfigurationError(describe_fault(rest))
    return words


def entry_lines(text: str) -> list[str]:
    """Return the lines of a file with an entry in each (map, ACL, crt-list), as HAProxy's `fgets` and C strings do.

    Only a line feed ends a line, and a carriage return or NUL hides the rest of it.
    """
    return [_LINE_END.split(line, maxsplit=1)[0] for line in text.split("\n")]


def one_line(text: str) -> bool:
    """Return whether the text fits in one line: no control characters except tabs, only what UTF-8 can encode."""
    return not _CONTROL(text)


def split_until_fault(text: str) -> tuple[list[str], str]:
    """Return the words, and the rest that is no word: a comment, an open quote, a last backslash."""
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
        after = text[position : position + 1]
        if after == "\r":
            return words, ""
        if after and after in "\"'\\":
            return words, text[position:]


def describe_fault(rest: str) -> str:
    """Return why this rest of a line is no word."""
    if rest[0] == "\\":
        return "the value ends with a backslash, which has nothing to escape"
    return f"the quote {rest[0]} is never closed"


def quote(value: str) -> str:
    """Return the value as one word that HAProxy reads as exactly this text."""
    if not value:
        return '""'
    if _NEEDS_QUOTES.isdisjoint(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def unquote(word: str) -> str:
    """Return the word as HAProxy reads it, without quotes and escapes (environment variables stay as they are)."""
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
