# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Merge the configurations of several contributors: lines add up, single values are set once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ..errors import Problems
from . import data
from .model import Configuration, ConfigurationError, Directive, Section
from .redact import mask
from .syntax import parse
from .words import unquote

# Keywords that may stand several times in one section, each line adding to the others.
_ADDING = frozenset(
    (
        "capture cpu-map declare default-server errorfiles filter force-persist h1-case-adjust http-after-response "
        "http-check http-request http-response ignore-persist load log lua-load lua-load-per-thread lua-prepend-path "
        "module monitor pass-header redirect resetenv server-template stick tcp-check tcp-request tcp-response trace "
        "unsetenv use-server use_backend"
    ).split()
)

# Keywords whose first argument names the setting or the object of the line.
_KEYED = frozenset(
    (
        "acl bind compression dgram-bind email-alert errorfile errorloc errorloc302 errorloc303 external-check group "
        "hold mailer nameserver namespace on option peer presetenv rate-limit server set-param set-var set-var-fmt "
        "setenv table timeout use-fcgi-app user"
    ).split()
)

# Keywords of `stats` that add up (in `global`, the path identifies a socket).
_STATS_ADDING = frozenset(("admin", "auth", "http-request", "scope"))

_PROXIES = frozenset(("frontend", "backend", "listen"))

# The rank of a section that stays where it was written.
_LAST = 3

# Kind and name; a repeated `defaults` gets its number too.
Key = tuple[Any, ...]


def identity(directive: Directive, kind: str = "") -> tuple[str, ...] | None:
    """Return the setting of the line (`('timeout', 'client')`, `('maxconn',)`), None if lines of its keyword add up."""
    words = (directive.keyword, *directive.arguments)
    if words[0] == "no":
        words = words[1:] or words
    keyword = words[0]
    if keyword in _ADDING or keyword[0] == ".":
        return None
    if keyword == "stats" and len(words) > 1:
        return None if words[1] in _STATS_ADDING else words[: 3 if words[1] == "socket" else 2]
    if keyword == "http-error":
        return words[:3]
    return words[:2] if keyword in _KEYED and kind + keyword not in ("globaluser", "globalgroup") else words[:1]


def merge(defaults: Configuration, *contributions: Configuration) -> Configuration:
    """Merge all into one configuration: contributions override `defaults`, conflicting contributions are an error.

    Sections of the same kind and name become one. Raise `ConfigurationError` that names both YAML paths.
    """
    problems = Problems()
    merged: dict[Key, Section] = {}
    ranks: dict[Key, int] = {}
    for number, contribution in enumerate(contributions):
        own: dict[Key, Section] = {}
        for key, rank, section in _rank_sections(contribution, number):
            # Repetition within one contribution is intended.
            own[key] = _extend(own[key], section.directives, section.name) if key in own else section
            ranks.setdefault(key, rank)
        for key, section in own.items():
            merged[key] = _join(merged[key], section, problems) if key in merged else section
    for section in merged.values():
        if not data.is_complete(section) and [part for part in (defaults, *contributions) if part.sections][1:]:
            problems.add(
                section.yaml_path,
                "a condition (.if) that begins in one section and ends in another cannot be merged with other "
                "fragments, services or defaults",
            )
    problems.raise_if_any()
    for key, rank, section in _rank_sections(defaults, -1):
        explicit = merged.get(key)
        merged[key] = _apply_defaults(section, explicit) if explicit else section
        ranks.setdefault(key, rank)
    ordered = sorted(merged, key=ranks.__getitem__)
    files = tuple(file for part in (*contributions, defaults) for file in part.files)
    return Configuration(tuple(data.arrange(merged[key]) for key in ordered), files=files)


def bind_addresses(configuration: Configuration) -> Iterator[tuple[tuple[str, int], Directive]]:
    """Yield host and port of each plain TCP bind, not those of Unix sockets, inherited descriptors and QUIC."""
    for section in configuration.sections:
        for line in section.directives:
            if line.keyword != "bind" or not line.arguments or "transparent" in line.arguments:
                continue
            for address in unquote(line.arguments[0]).split(","):
                host, _colon, port = re.sub(r"^(tcp[46]?|ipv[46])@", "", address).rpartition(":")
                if "@" in host or not port.isdigit() or not int(port):
                    continue
                host = host.strip("[]")
                yield ("" if host == "*" else host, int(port)), line


def find_shared_addresses(configuration: Configuration) -> list[str]:
    """Return a problem for each address of two sections: HAProxy accepts it, and the kernel splits the connections."""
    if not all(data.is_complete(section) for section in configuration.sections):
        return []  # the two may be in different branches of a condition
    problems = []
    seen: dict[tuple[str, int], tuple[Section, str]] = {}
    for section in configuration.sections:
        for address, line in bind_addresses(Configuration((section,))):
            if {"interface", "namespace"} & set(line.arguments):
                continue
            other, yaml_path = seen.setdefault(address, (section, line.yaml_path))
            if other is not section:
                problems.append(
                    f"{line.yaml_path}: '{mask(line)}' is where {other.header} of {yaml_path} listens already, and "
                    f"each would get some of the connections; choose another address, or add to {other.header}"
                )
    return problems


def says_the_same(text: str, wanted: Configuration) -> bool:
    """Return whether a hand-written text equals `wanted` except for blanks, comments and order."""
    if not text:
        return False
    try:
        written = data.in_canonical_order(merge(Configuration(), data.from_data(data.to_data(parse(text)))))
        wanted = data.in_canonical_order(wanted)
    except ConfigurationError:
        return False
    return _text_lines(written) == _text_lines(wanted)


def in_order_of(present: Configuration, wanted: Configuration) -> Configuration:
    """Return `wanted` with the lines that `present` has too in its order, wherever that means the same.

    The keys of a mapping may come in any order: Ansible sorts them, for one, where it writes data. HAProxy need not
    load the same again for that.
    """
    there: dict[tuple[str, str], list[Section]] = {}
    for section in present.sections:
        there.setdefault(section.key, []).append(section)
    taken: Counter[tuple[str, str]] = Counter()
    sections = []
    for section in wanted.sections:
        number = taken[section.key]
        taken[section.key] += 1
        found = there.get(section.key, ())[number : number + 1]
        sections.append(_in_order_of(found[0], section) if found else section)
    return replace(wanted, sections=tuple(sections))


def _in_order_of(present: Section, wanted: Section) -> Section:
    """Return the section with its lines in another's order if that means the same; new lines stay behind others."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(present.directives):
        places.setdefault(line.text, []).append(number)
    ranks, shared = [], []
    for line in wanted.directives:
        if places.get(line.text):
            shared.append(places[line.text].pop(0))
        ranks.append(shared[-1] if shared else -1)
    if shared == sorted(shared):
        return wanted
    order = sorted(range(len(ranks)), key=lambda number: ranks[number])
    candidate = replace(wanted, directives=tuple(wanted.directives[number] for number in order))
    return candidate if _means_the_same(candidate, wanted) else wanted


def _means_the_same(some: Section, other: Section) -> bool:
    try:
        one, two = (_text_lines(data.in_canonical_order(Configuration((section,)))) for section in (some, other))
    except ConfigurationError:
        return False
    return one == two


def _text_lines(configuration: Configuration) -> list[tuple[str, list[str]]]:
    return [(section.header, [line.text for line in section.directives]) for section in configuration.sections]


class _Ranked(NamedTuple):
    """A section with its identity in the merge and the rank of its place in the file."""

    key: Key
    rank: int
    section: Section


def _rank_sections(configuration: Configuration, number: int) -> Iterator[_Ranked]:
    """Yield each section of contribution `number` with its identity and the rank of its place.

    A proxy takes its values from the last `defaults` before it (manual, 4), so `defaults` go before the proxies, the
    nameless ones last. Where some stand between proxies, as in hand-written files, they stay there.
    """
    complete = all(data.is_complete(section) for section in configuration.sections)
    rank_defaults = _DefaultsRanker(configuration, number)
    for place, section in enumerate(configuration.sections):
        key: Key = section.key
        rank = {"": -1, "global": 0}.get(section.kind, _LAST)
        if section.kind == "defaults":
            key, rank = rank_defaults(place, section)
        yield _Ranked(key, rank if complete else _LAST, section)


class _DefaultsRanker:
    """Give each `defaults` of one configuration its identity and its rank."""

    def __init__(self, configuration: Configuration, number: int) -> None:
        kinds = [section.kind for section in configuration.sections]
        self._number = number
        self._first_proxy = next((place for place, kind in enumerate(kinds) if kind in _PROXIES), len(kinds))
        nameless = [not section.name for section in configuration.sections if section.kind == "defaults"]
        self._layered = "defaults" in kinds[self._first_proxy :] or nameless != sorted(nameless)
        # A nameless `defaults` after the first proxy is not the one that applies to the whole file.
        leading = [section.key for section in configuration.sections[: self._first_proxy]]
        self._seen = {"": int(("defaults", "") not in leading)}

    def __call__(self, place: int, section: Section) -> tuple[Key, int]:
        key: Key = section.key
        repeated = self._seen.get(key[1], 0)
        self._seen[key[1]] = repeated + 1
        if repeated:
            key = (*key, self._number, repeated)
        if place > self._first_proxy:
            return key, _LAST
        return key, 2 if self._layered or not section.name else 1


def _extend(section: Section, directives: tuple[Directive, ...], name: str) -> Section:
    """Return the section with more lines; the longer name also says which `defaults` it is from."""
    longer = section.name if len(section.name) >= len(name) else name
    return Section(section.kind, longer, section.directives + directives, section.yaml_path)


def _join(known: Section, more: Section, problems: Problems) -> Section:
    """Add the lines of `more` that `known` does not have; a different value of the same setting is a problem."""
    settings: dict[tuple[str, ...], Directive] = {}
    for directive in known.directives:
        if key := identity(directive, known.kind):
            settings[key] = directive
    added: list[Directive] = []
    for directive in more.directives:
        key = identity(directive, known.kind)
        other = settings.get(key) if key else None
        if other is None:
            added.append(directive)
        elif other.text != directive.text:
            problems.add(
                directive.yaml_path,
                f"'{mask(directive)}' contradicts '{mask(other)}' of {other.yaml_path} in {known.header}; "
                "keep one of them",
            )
    return _extend(known, tuple(added), more.name)


def _apply_defaults(defaults: Section, explicit: Section) -> Section:
    """Put the default lines that `explicit` does not override before its own."""
    taken = {key for directive in explicit.directives if (key := identity(directive, explicit.kind))}
    kept = tuple(directive for directive in defaults.directives if identity(directive, explicit.kind) not in taken)
    return Section(explicit.kind, explicit.name, kept + explicit.directives, explicit.yaml_path)
