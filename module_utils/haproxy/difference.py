# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change does to the file, section by section, without secrets."""

from __future__ import annotations

from .model import Configuration, ConfigurationError, Section
from .secrecy import mask
from .syntax import INDENT, parse


def compare(before: str, after: str, path: str, ignored: str) -> list[dict[str, str]]:
    """One item for each section that differs, as Ansible shows differences: `before`, `after` and a header for each.

    `ignored` is a word whose directives don't count: the marker changes with everything. A secret that changes is
    shown as one, masked.
    """
    try:
        old = _sections(parse(before), ignored)
    except ConfigurationError as error:
        # Written by nobody who knew HAProxy: neither can it be shown without the secrets in it.
        old = {"": ([f"(cannot be read: {error})"], [""])}
    new = _sections(parse(after), ignored)
    differences = []
    for header in dict.fromkeys((*old, *new)):
        masked_before, raw_before = old.get(header, ([], []))
        masked_after, raw_after = new.get(header, ([], []))
        if raw_before == raw_after:
            continue
        known = set(raw_before)
        known_masked = set(masked_before)
        # What looks the same and is not: the secret itself has changed.
        shown = [
            f"{line}  # another secret"
            if raw not in known and line in known_masked and raw.strip() != line.strip()
            else line
            for line, raw in zip(masked_after, raw_after)
        ]
        title = f"{path}: {header}" if header else path
        differences.append(
            {
                "before_header": title,
                "after_header": title,
                "before": "".join(f"{line}\n" for line in masked_before),
                "after": "".join(f"{line}\n" for line in shown),
            }
        )
    return differences


def masked(text: str, ignored: str = "") -> str:
    """A whole file without its secrets."""
    parts = ("".join(f"{line}\n" for line in lines) for lines, _raw in _sections(parse(text), ignored).values())
    return "\n".join(parts)


def _sections(configuration: Configuration, ignored: str) -> dict[str, tuple[list[str], list[str]]]:
    """Header → its lines, masked and as they are. A header that comes again is numbered."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for section in configuration.sections:
        header = section.header
        number = 1
        while header in found:
            number += 1
            header = f"{section.header} ({number})"
        found[header] = _lines(section, ignored)
    return found


def _lines(section: Section, ignored: str) -> tuple[list[str], list[str]]:
    shown = [section.header] if section.kind else []
    raw = list(shown)
    purpose = ""
    for directive in section.directives:
        if ignored and ignored in directive.arguments:
            continue
        if directive.purpose != purpose:
            purpose = directive.purpose
            comment = f"{INDENT}# {purpose}".rstrip(" #")
            shown.append(comment)
            raw.append(comment)
        shown.append(INDENT + mask(directive))
        raw.append(INDENT + directive.text)
    return shown, raw
