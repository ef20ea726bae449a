# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the rules of contributors that set a client's address (`set-src`): limits and headers go by what they set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..config.data import is_complete, split_units
from ..config.model import Configuration, Directive, Section

# Frontend and family → rules, in their order.
AddressRules = Mapping[tuple[str, str], tuple[Directive, ...]]

CONNECTION = "tcp-request connection"
SESSION = "tcp-request session"
CONTENT = "tcp-request content"
REQUEST = "http-request"

# The families whose rules come before what counts clients, by frontend.
_FAMILIES = {
    "http": (CONNECTION, SESSION),
    "https": (CONNECTION, SESSION, CONTENT, REQUEST),
    "flash": (CONNECTION, SESSION),
}


def take_address_rules(
    contributions: Iterable[Configuration], frontends: frozenset[str]
) -> tuple[list[Configuration], AddressRules]:
    """Take the rules that set a client's address out of these frontends, with those of the same family before them.

    Earlier rules may refuse a request, or set a variable that the address is read from, so they stay before it.
    """
    taken: dict[tuple[str, str], tuple[Directive, ...]] = {}
    left = []
    for contribution in contributions:
        sections = tuple(
            _take_from(section, taken) if section.kind == "frontend" and section.name in frontends else section
            for section in contribution.sections
        )
        left.append(replace(contribution, sections=sections))
    return left, taken


def _take_from(section: Section, taken: dict[tuple[str, str], tuple[Directive, ...]]) -> Section:
    """Return the section without the rules that are added to `taken`."""
    units = split_units(section) if is_complete(section) else []
    chosen: set[int] = set()
    for family in _FAMILIES[section.name]:
        own = [number for number, unit in enumerate(units) if {*map(_family, unit)} - {""} == {family}]
        last = max((number for number in own if any(map(_sets_address, units[number]))), default=-1)
        found = [number for number in own if number <= last]
        if found:
            lines = tuple(line for number in found for line in units[number])
            taken[section.name, family] = (*taken.get((section.name, family), ()), *lines)
            chosen.update(found)
    if not chosen:
        return section
    return replace(section, directives=tuple(line for n, unit in enumerate(units) if n not in chosen for line in unit))


def _family(line: Directive) -> str:
    if line.keyword[0] == ".":
        return ""
    return " ".join((line.keyword, *line.arguments[:1])) if line.keyword == "tcp-request" else line.keyword


def _sets_address(line: Directive) -> bool:
    return "set-src" in line.arguments[: 2 if line.keyword == "tcp-request" else 1]
