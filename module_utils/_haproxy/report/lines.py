# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mark the parts of a line (keywords, options, samples, names) and their links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..config.syntax import SECTIONS
from .manual import PROXIES, Manual

# A word with its quotes and escapes, or a comment; an open quote runs to the end of the line.
WORD = re.compile(r"""(?P<comment>\#.*)|(?P<word>(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.?|[^\s"'\\#])+)""")

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:us|ms|s|m|h|d|k|g)?$")
_NAME = re.compile(r"['\"]?([A-Za-z_][\w.+-]*)")

_RULES = ("http-request", "http-response", "http-after-response", "tcp-request", "tcp-response")
_FETCHES = ("7.3.2", "7.3.3", "7.3.4", "7.3.5", "7.3.6", "7.3.7")
_CONVERTERS = ("7.3.1",)

# Words after which the whole next word is a sample expression.
_EXPRESSION_AFTER = re.compile(
    r"(?:set-var\(.*|track-sc\d+|set-(?:src|dst)(?:-port)?|match|on|store-(?:request|response)|capture)$"
)

# Word → the kinds of section that the next word may name.
_REFERENCES: dict[str, tuple[str, ...]] = {
    "use_backend": ("backend", "listen"),
    "default_backend": ("backend", "listen"),
    "table": ("peers", "backend", "frontend", "listen"),
    "resolvers": ("resolvers",),
    "errorfiles": ("http-errors",),
    "from": ("defaults",),
}


class Mark(NamedTuple):
    """Mark characters `start` to `end` of a line as a `kind` (keyword, option, sample, ...) with a link to `target`."""

    start: int
    end: int
    kind: str
    target: str = ""


@dataclass
class Line:
    """Hold one line of the file: number from 1, text, marks, purpose, and HAProxy's messages.

    `words` are those of the directive, quotes included; `note` explains it; `owner` is the contributor that wrote it,
    empty for a line that comes from a service of the edge's owner.
    """

    number: int
    text: str
    words: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    purpose: str = ""
    note: str = ""
    owner: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Part:
    """Hold a section with its lines; the lines before the first section have no `kind`. `key` names it in links."""

    kind: str
    name: str
    key: str
    lines: list[Line]


def mark_line(line: Line, part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]) -> list[Mark]:
    """Return the line's marks in order; none overlaps another."""
    spans = []
    marks = []
    for found in WORD.finditer(line.text):
        if found["comment"]:
            marks.append(Mark(found.start(), found.end(), "comment"))
        else:
            spans.append((found.start(), found["word"]))
    if spans:
        marks += _DirectiveMarker(spans, part, manual, names, acls).mark()
    ordered: list[Mark] = []
    for mark in sorted(marks):
        if not ordered or mark.start >= ordered[-1].end:
            ordered.append(mark)
    return ordered


class _DirectiveMarker:
    """Mark the words of one directive; `spans` are its words with their positions."""

    def __init__(
        self, spans: list[tuple[int, str]], part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]
    ) -> None:
        self.spans, self.part, self.manual, self.names, self.acls = spans, part, manual, names, acls
        self.words = [word for _start, word in spans]

    def mark(self) -> list[Mark]:
        """Return all marks; they may overlap."""
        if self.words[0] in SECTIONS:
            return self._mark_header()
        first = 1 if self.words[0] in ("no", "default") and len(self.words) > 1 else 0
        marks, after = self._mark_keyword(first)
        options = self._options_section(first)
        if options:
            # Options with their values follow the address (bind), or name and address (server).
            after += {"bind": 1, "stats": 1, "server": 2, "server-template": 3}.get(self.words[first], 0)
        elif self.words[first] in _RULES and after < len(self.words):
            # Before 3.0 the action was part of the keyword.
            count, anchor = self.manual.find(("4.4",), self.words[after:], 1)
            marks += [self._mark(after, 1, "option", self.manual.url(anchor))] if count else []
        conditions = (number for number in range(after, len(self.words)) if self.words[number] in ("if", "unless"))
        condition = next(conditions, len(self.words))
        for number in range(first + 1, len(self.words)):
            marks += self._mark_value(number)
            if number >= after:
                marks += self._mark_word(number, options, condition)
        return marks

    def _mark(self, first: int, count: int, kind: str, target: str = "") -> Mark:
        last = first + count - 1
        return Mark(self.spans[first][0], self.spans[last][0] + len(self.words[last]), kind, target)

    def _mark_header(self) -> list[Mark]:
        """Mark the line that begins a section: its kind, its name, the sections that it refers to."""
        anchor = _section_anchor(self.words[0], self.manual)
        marks = [self._mark(0, 1, "keyword", self.manual.url(anchor) if anchor else "")]
        marks += [self._mark(1, 1, "name")] if len(self.words) > 1 else []
        for number in range(2, len(self.words)):
            target = _find_reference(self.words, number, self.names)
            marks += [self._mark(number, 1, "name", target)] if target else []
        return marks

    def _mark_keyword(self, first: int) -> tuple[list[Mark], int]:
        """Mark the keyword, which begins at word `first` (after `no`), and return the number of the word after it."""
        count, anchor = self.manual.find(self.manual.of(self.part.kind), self.words[first:])
        if self.words[0].startswith("."):
            count, anchor = 1, "2.4"
        after = first + max(count, 1)
        return [self._mark(0, after, "keyword", self.manual.url(anchor) if count else "")], after

    def _options_section(self, first: int) -> str:
        """Return the manual's section with the options of a bind or server line; empty for other lines."""
        if self.part.kind == "ring":
            return ""
        if self.words[first : first + 2] == ["stats", "socket"]:
            return "5.1"
        sections = {"bind": "5.1", "server": "5.2", "default-server": "5.2", "server-template": "5.2"}
        return sections.get(self.words[first], "")

    def _mark_word(self, number: int, options: str, condition: int) -> list[Mark]:
        """Mark a word after the keyword as condition, option, ACL, sample expression or number."""
        start, word = self.spans[number]
        if number == condition:
            return [self._mark(number, 1, "option", self.manual.url("7.2"))]
        if options and word in self.manual.sections.get(options, ()):
            return [self._mark(number, 1, "option", self.manual.url(f"{options}-{word}"))]
        if number > condition and word.lstrip("!") in self.acls:
            return [self._mark(number, 1, "name", f"#L{self.acls[word.lstrip('!')]}")]
        if _is_expression(self.words, number):
            return list(_mark_samples(word, start, 0, self.manual))
        return [self._mark(number, 1, "number")] if _NUMBER.match(word) else []

    def _mark_value(self, number: int) -> list[Mark]:
        """Mark a word as the name of a section, as a string, or the samples within it."""
        start, word = self.spans[number]
        target = _find_reference(self.words, number, self.names)
        marks = [self._mark(number, 1, "name", target)] if target else []
        if "%[" in word:
            for found in re.finditer(r"%\[", word):
                marks += _mark_samples(word, start, found.end(), self.manual)
        elif word[0] in "\"'" and not _is_expression(self.words, number):
            marks.append(self._mark(number, 1, "string"))
        return marks


def _section_anchor(kind: str, manual: Manual) -> str:
    """Return the manual's anchor for a kind of section."""
    if kind in PROXIES:
        return "4"
    if kind == "global":
        return "3"
    place = next(iter(manual.of(kind)), "")
    return f"{place}-{kind}" if kind in manual.sections.get(place, ()) else place


def _find_reference(words: list[str], number: int, names: set[str]) -> str:
    """Return the link to the section that a word names; empty if it names none."""
    kinds = _REFERENCES.get(words[number - 1], ()) if number else ()
    name = words[number].split("/", 1)[0]
    target = next((f"{kind}-{name}" for kind in kinds if f"{kind}-{name}" in names), "")
    return f"#{target}" if target else ""


def _is_expression(words: list[str], number: int) -> bool:
    """Return whether the word is a sample expression: of an `acl`, of `{ ... }`, or the argument of an action."""
    before = words[number - 1]
    if words[0] == "acl":
        return number == 2
    return before in ("{", "!{") or (number > 1 and bool(_EXPRESSION_AFTER.match(before)))


def _mark_samples(word: str, start: int, position: int, manual: Manual) -> Iterator[Mark]:
    """Yield the fetch and the converters of the expression at this position of a word."""
    places: tuple[str, ...] = _FETCHES
    while found := _NAME.match(word, position):
        anchor = manual.sample(found[1], places)
        if anchor:
            yield Mark(start + found.start(1), start + found.end(1), "sample", manual.url(anchor))
        position = _skip_arguments(word, found.end())
        if word[position : position + 1] != ",":
            return
        places, position = _CONVERTERS, position + 1


def _skip_arguments(word: str, position: int) -> int:
    """Return the position after the arguments in parentheses, if some begin here."""
    depth = 0
    quote = ""
    while position < len(word):
        char = word[position]
        if quote:
            quote = "" if char == quote else quote
        elif depth and char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        if not depth and not quote and char != ")":
            return position
        position += 1
    return position
