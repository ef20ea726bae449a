# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare two texts of the configuration section by section, secrets masked."""

from __future__ import annotations

import re

from ..errors import printable
from .model import Configuration, ConfigurationError, Directive, Section
from .redact import mask, mask_comment
from .syntax import INDENT, comment_lines, parse

# Cut a rendered text before each section: the lines of a section are indented.
_BLOCKS = re.compile(r"(?m)^(?=[^\s#])").split


def compare(before: str, after: str, path: str, ignored: str) -> list[dict[str, str]]:
    """Return one item for each section that differs, in Ansible's format: `before`, `after` and a header for each.

    Directives of `global` with the word `ignored` are left out: the marker differs in every change. A changed secret
    is shown as changed, masked.
    """
    if before == after:
        return []
    if ignored in before:
        before, after = _differing_sections(before, after)
    try:
        old = _sections(parse(before), ignored)
    except ConfigurationError as error:
        # Unparseable, so its secrets cannot be masked: show only the error.
        old = {"": Section("", "", (Directive(f"({error})"),))}
    new = _sections(parse(after, rendered=True), ignored)
    differences = []
    for header in dict.fromkeys((*old, *new)):
        if old.get(header) == new.get(header):
            continue
        masked_before, raw_before = _lines(old.get(header))
        masked_after, raw_after = _lines(new.get(header))
        known, known_masked = set(raw_before), set(masked_before)
        # Lines that look alike once masked differ in the secret itself.
        shown = [
            f"{line}  # another secret" if line != raw and raw not in known and line in known_masked else line
            for line, raw in zip(masked_after, raw_after)
        ]
        title = f"{path}: {header}" if header else path
        differences.append(
            {
                "before_header": title,
                "after_header": title,
                "before": printable("".join(f"{line}\n" for line in masked_before)),
                "after": printable("".join(f"{line}\n" for line in shown)),
            }
        )
    return differences


def _differing_sections(before: str, after: str) -> tuple[str, str]:
    """Return the sections of two rendered texts that differ; only these need to be parsed."""
    old, new = (_BLOCKS(text) for text in (before, after))
    same = set(old) & set(new)
    # The first block says whether the text is ours.
    left, right = (
        "".join([*blocks[:1], *(block for block in blocks[1:] if block not in same)]) for blocks in (old, new)
    )
    return left, right


def mask_text(text: str, ignored: str = "") -> str:
    """Return a whole file with its secrets masked."""
    parts = (_lines(section)[0] for section in _sections(parse(text, rendered=True), ignored).values())
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in parts)


def _sections(configuration: Configuration, ignored: str) -> dict[str, Section]:
    """Return the sections by header, without ignored directives. A repeated header gets a number."""
    found: dict[str, Section] = {}
    for section in configuration.sections:
        header = section.header
        number = 1
        while header in found:
            number += 1
            header = f"{section.header} ({number})"
        if ignored and section.kind == "global":
            lines = tuple(line for line in section.directives if ignored not in line.arguments)
            section = Section(section.kind, section.name, lines)
        found[header] = section
    return found


def _lines(section: Section | None) -> tuple[list[str], list[str]]:
    """Return the section's lines, masked and as they are."""
    if section is None:
        return [], []
    shown = [section.header] if section.kind else []
    raw = list(shown)
    purpose = ""
    for directive in section.directives:
        if directive.purpose != purpose:
            purpose = directive.purpose
            raw += [line and INDENT + line for line in comment_lines(purpose)]
            masked = "\n".join(map(mask_comment, purpose.split("\n")))
            shown += [line and INDENT + line for line in comment_lines(masked)]
        shown.append(INDENT + mask(directive))
        raw.append(INDENT + directive.text)
    return shown, raw
