# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Explain the text of a configuration: purpose of each line, links to the manual, paths of requests.

The text is read line by line, so that any file is shown unchanged, even a broken one. Only files of this role have
purposes; lines of other files only get their links to the manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..config.model import Directive
from ..config.redact import MASK, find_secrets, mask_comment, mask_positions
from ..config.syntax import SECTIONS
from .annotations import GOALS, NOTES, service_of
from .lines import WORD, Line, Part, mark_line
from .manual import Manual
from .request_paths import RequestPath, trace_paths

# The first line of every file of ours.
_OURS = re.compile(r"#+ *Managed by Ansible \(realtime\.edge\)")

# How the comment above a contributor's lines begins.
_CONTRIBUTOR = "fragment "


@dataclass
class Explanation:
    """Hold everything that a page shows.

    `manual` is the version of the linked manual; `general` has HAProxy's messages that belong to no line.
    """

    manual: str
    ours: bool
    parts: list[Part]
    paths: list[RequestPath]
    general: list[tuple[str, str]]

    @property
    def lines(self) -> Iterator[Line]:
        """Return all lines in order."""
        return (line for part in self.parts for line in part.lines)

    @property
    def problems(self) -> list[tuple[str, str, int]]:
        """Return HAProxy's messages: level, words, number of the line, 0 for none."""
        placed = [(level, text, line.number) for line in self.lines for level, text in line.messages]
        return [*placed, *((level, text, 0) for level, text in self.general)]

    @property
    def goals(self) -> dict[str, tuple[str, str]]:
        """Return purpose → title and text of the purposes that occur, in the order of the page."""
        used = {line.purpose for line in self.lines if line.purpose}
        known = {purpose: GOALS[purpose] for purpose in GOALS if purpose in used}
        return {**known, **{purpose: (purpose.capitalize(), "") for purpose in sorted(used - set(known))}}


def explain(
    text: str,
    version: str = "",
    messages: Iterable[tuple[str, str, int]] = (),
    owners: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain the text of a configuration file for HAProxy `version`.

    `messages` are HAProxy's: level, words, number of the line (0 for none). `owners`: service → the contributor that
    defined it; the comment above native lines of a contributor names it. Secrets are masked. Never fails: a line that
    cannot be parsed is shown unchanged.
    """
    manual = Manual(version)
    hidden: set[str] = set()
    lines = [_mask_line(line, hidden) for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    parts = _split_sections(lines)
    ours = bool(lines) and bool(_OURS.match(lines[0]))
    names = {part.key for part in parts}
    notes: set[str] = set()
    for part in parts:
        served = (owners or {}).get(service_of(part.name)[0], "") if part.kind == "backend" else ""
        _mark_part(part, manual, names)
        if ours:
            _annotate(part, served, notes)
        else:
            _set_owner(part, served)
    general = _attach_messages(parts, messages, hidden)
    return Explanation(manual.version, ours, parts, list(trace_paths(parts)), general)


def _mark_part(part: Part, manual: Manual, names: set[str]) -> None:
    """Mark the lines of a section."""
    named = [line for line in part.lines if line.words[:1] == ["acl"] and len(line.words) > 1]
    acls = {line.words[1]: line.number for line in reversed(named)}
    for line in part.lines:
        line.marks = mark_line(line, part, manual, names, acls)


def _set_owner(part: Part, owner: str) -> None:
    """Set the owner of all lines of a section that are not blank."""
    for line in part.lines:
        if line.text.strip():
            line.owner = owner


def _annotate(part: Part, served: str, notes: set[str]) -> None:
    """Set purpose, owner and note of each line in a section of ours; the comment above a line names its purpose.

    `served`: the contributor of the section's service. `notes`: those of the file so far; each is shown once.
    """
    _set_owner(part, served)
    purpose = ""
    for line in part.lines:
        stripped = line.text.strip()
        if not line.words:
            purpose = stripped.lstrip("# ") if part.kind else ""
        if stripped and purpose.startswith(_CONTRIBUTOR):
            line.owner = purpose[len(_CONTRIBUTOR) :]
        elif stripped:
            line.purpose = purpose
        if line.words and not line.owner:
            line.note = _find_note(line.words, notes)


def _attach_messages(
    parts: list[Part], messages: Iterable[tuple[str, str, int]], hidden: set[str]
) -> list[tuple[str, str]]:
    """Attach HAProxy's messages to their lines, secrets masked; return those that belong to no line."""
    numbered = {line.number: line for part in parts for line in part.lines}
    general = []
    for level, words, number in messages:
        for secret in sorted(hidden, key=len, reverse=True):
            words = words.replace(secret, MASK)
        if number in numbered:
            numbered[number].messages.append((level, words))
        else:
            general.append((level, words))
    return general


def _mask_line(text: str, hidden: set[str]) -> str:
    """Return a line with its secrets masked, also those in its comment; add the directive's to `hidden`."""
    spans = []
    for found in WORD.finditer(text):
        if found["word"]:
            spans.append(found.span("word"))
        else:
            begin = found.end() - len(found["comment"].lstrip("# \t"))
            text = text[:begin] + mask_comment(text[begin:])
    if not spans:
        return text
    words = [text[start:end] for start, end in spans]
    directive = Directive(words[0], tuple(words[1:]))
    masks = sorted(mask_positions(directive), reverse=True)
    if masks:
        hidden.update(find_secrets(directive))
    for position, masked in masks:
        start, end = spans[position]
        text = text[:start] + masked + text[end:]
    return text


def _split_sections(lines: list[str]) -> list[Part]:
    """Split the file into its sections."""
    parts = [Part("", "", "", [])]
    taken: dict[str, int] = {}
    for number, text in enumerate(lines, 1):
        line = Line(number, text, [found["word"] for found in WORD.finditer(text) if found["word"]])
        if line.words and line.words[0] in SECTIONS:
            kind, name = line.words[0], line.words[1] if len(line.words) > 1 else ""
            key = re.sub(r"[^\w.:-]+", "-", f"{kind}-{name}" if name else kind)
            taken[key] = taken.get(key, 0) + 1
            parts.append(Part(kind, name, key if taken[key] == 1 else f"{key}-{taken[key]}", []))
        parts[-1].lines.append(line)
    return parts if parts[0].lines or len(parts) == 1 else parts[1:]


def _find_note(words: list[str], shown: set[str]) -> str:
    """Return the note on a directive, the first time that it applies in the file."""
    text = " ".join(words)
    found = max((start for start in NOTES if f"{text} ".startswith(f"{start} ")), key=len, default="")
    if not found or found in shown:
        return ""
    shown.add(found)
    return NOTES[found]
