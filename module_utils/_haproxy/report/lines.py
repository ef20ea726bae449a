# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mark what is in a line: keywords, options, samples, names, and where they lead."""

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

# Words behind which a sample expression follows, as the whole next word.
_EXPRESSION_AFTER = re.compile(
    r"(?:set-var\(.*|track-sc\d+|set-(?:src|dst)(?:-port)?|match|on|store-(?:request|response)|capture)$"
)

# What a word refers to → the kinds of section that may have this name.
_REFERENCES: dict[str, tuple[str, ...]] = {
    "use_backend": ("backend", "listen"),
    "default_backend": ("backend", "listen"),
    "table": ("peers", "backend", "frontend", "listen"),
    "resolvers": ("resolvers",),
    "errorfiles": ("http-errors",),
    "from": ("defaults",),
}


class Mark(NamedTuple):
    """Characters `start` to `end` of a line are a `kind` (keyword, option, sample, ...) and lead to `target`."""

    start: int
    end: int
    kind: str
    target: str = ""


@dataclass
class Line:
    """One line of the file: its number from 1, its text, what is in it, its purpose, and what HAProxy says of it.

    `words` are those of the directive, quotes included; `note` is what we say about it; `owner` the contributor that
    asked for it, where others than the services did.
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
    """A section with its lines; the lines before the first section have no `kind`. `key` names it in links."""

    kind: str
    name: str
    key: str
    lines: list[Line]


def mark_line(line: Line, part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]) -> list[Mark]:
    """The line's keywords, options, samples and references; none overlaps another, all in order."""
    spans = []
    marks = []
    for found in WORD.finditer(line.text):
        if found["comment"]:
            marks.append(Mark(found.start(), found.end(), "comment"))
        else:
            spans.append((found.start(), found["word"]))
    if spans:
        marks += _mark_directive(spans, part, manual, names, acls)
    ordered: list[Mark] = []
    for mark in sorted(marks):
        if not ordered or mark.start >= ordered[-1].end:
            ordered.append(mark)
    return ordered


def _mark_directive(
    spans: list[tuple[int, str]], part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]
) -> Iterator[Mark]:
    words = [word for _start, word in spans]

    def mark(first: int, count: int, kind: str, target: str = "") -> Mark:
        last = first + count - 1
        return Mark(spans[first][0], spans[last][0] + len(words[last]), kind, target)

    if words[0] in SECTIONS:
        anchor = _section_anchor(words[0], manual)
        yield mark(0, 1, "keyword", manual.url(anchor) if anchor else "")
        if len(words) > 1:
            yield mark(1, 1, "name")
        for number in range(2, len(words)):
            target = _find_reference(words, number, names)
            if target:
                yield mark(number, 1, "name", target)
        return
    first = 1 if words[0] in ("no", "default") and len(words) > 1 else 0
    count, anchor = manual.find(manual.of(part.kind), words[first:])
    if words[0].startswith("."):
        count, anchor = 1, "2.4"
    yield mark(0, first + max(count, 1), "keyword", manual.url(anchor) if count else "")
    at = first + max(count, 1)
    options = {"bind": "5.1", "server": "5.2", "default-server": "5.2", "server-template": "5.2"}.get(words[first], "")
    if words[first : first + 2] == ["stats", "socket"]:
        options = "5.1"
    if options and part.kind != "ring":
        # Behind the address (bind), or name and address (server), come options with their values.
        at += {"bind": 1, "stats": 1, "server": 2, "server-template": 3}.get(words[first], 0)
    elif words[first] in _RULES and at < len(words):
        # Before 3.0 the action was part of the keyword.
        count, anchor = manual.find(("4.4",), words[at:], 1)
        if count:
            yield mark(at, 1, "option", manual.url(anchor))
    condition = next((number for number in range(at, len(words)) if words[number] in ("if", "unless")), len(words))
    for number in range(first + 1, len(words)):
        start, word = spans[number]
        if number < at:
            pass
        elif number == condition:
            yield mark(number, 1, "option", manual.url("7.2"))
        elif options and word in manual.sections.get(options, ()):
            yield mark(number, 1, "option", manual.url(f"{options}-{word}"))
        elif number > condition and word.lstrip("!") in acls:
            yield mark(number, 1, "name", f"#L{acls[word.lstrip('!')]}")
        elif _is_expression(words, number):
            yield from _mark_samples(word, start, 0, manual)
        elif _NUMBER.match(word):
            yield mark(number, 1, "number")
        target = _find_reference(words, number, names)
        if target:
            yield mark(number, 1, "name", target)
        if "%[" in word:
            for found in re.finditer(r"%\[", word):
                yield from _mark_samples(word, start, found.end(), manual)
        elif word[0] in "\"'" and not _is_expression(words, number):
            yield mark(number, 1, "string")


def _section_anchor(kind: str, manual: Manual) -> str:
    """The anchor of what describes a kind of section."""
    if kind in PROXIES:
        return "4"
    if kind == "global":
        return "3"
    place = next(iter(manual.of(kind)), "")
    return f"{place}-{kind}" if kind in manual.sections.get(place, ()) else place


def _find_reference(words: list[str], number: int, names: set[str]) -> str:
    """The link to the section that a word names; empty if it names none."""
    kinds = _REFERENCES.get(words[number - 1], ()) if number else ()
    name = words[number].split("/", 1)[0]
    target = next((f"{kind}-{name}" for kind in kinds if f"{kind}-{name}" in names), "")
    return f"#{target}" if target else ""


def _is_expression(words: list[str], number: int) -> bool:
    """Whether the word is a sample expression: that of an `acl`, of `{ ... }`, or what an action takes."""
    before = words[number - 1]
    if words[0] == "acl":
        return number == 2
    return before in ("{", "!{") or (number > 1 and bool(_EXPRESSION_AFTER.match(before)))


def _mark_samples(word: str, start: int, position: int, manual: Manual) -> Iterator[Mark]:
    """The fetch and the converters of the expression at this position of a word."""
    places: tuple[str, ...] = _FETCHES
    while found := _NAME.match(word, position):
        anchor = manual.sample(found[1], places)
        if anchor:
            yield Mark(start + found.start(1), start + found.end(1), "sample", manual.url(anchor))
        position = _behind(word, found.end())
        if word[position : position + 1] != ",":
            return
        places, position = _CONVERTERS, position + 1


def _behind(word: str, position: int) -> int:
    """The position behind the arguments in parentheses, where some begin here."""
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
