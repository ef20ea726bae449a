# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One configuration from several contributors: lines add up, single values are set once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import data
from .model import Configuration, ConfigurationError, Directive, Section
from .redact import mask
from .syntax import parse, unquote

# Keywords that may stand several times in one section, each line adding to the others.
_ADDING = frozenset(
    (
        "capture cpu-map declare default-server errorfiles filter force-persist h1-case-adjust http-after-response "
        "http-check http-request http-response ignore-persist load log lua-load lua-load-per-thread lua-prepend-path "
        "module monitor pass-header redirect resetenv server-template stick tcp-check tcp-request tcp-response trace "
        "unsetenv use-server use_backend"
    ).split()
)

# Keywords whose first argument says which setting, or which named thing, the line is about.
_KEYED = frozenset(
    (
        "acl bind compression dgram-bind email-alert errorfile errorloc errorloc302 errorloc303 external-check group "
        "hold mailer nameserver namespace on option peer presetenv rate-limit server set-param set-var set-var-fmt "
        "setenv table timeout use-fcgi-app user"
    ).split()
)

# The same of `stats`, which means many things (in `global`, a socket is told by its path).
_STATS_ADDING = frozenset(("admin", "auth", "http-request", "scope"))

_PROXIES = frozenset(("frontend", "backend", "listen"))

# The rank of a section whose place is where it was written.
_LAST = 3

# Kind and name; a `defaults` that comes again has more to it.
Key = tuple[Any, ...]


def identity(directive: Directive, kind: str = "") -> tuple[str, ...] | None:
    """What the line sets (`('timeout', 'client')`, `('maxconn',)`), or None where lines of this keyword add up."""
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
    """One configuration of all: `defaults` yield to contributions, contributions that disagree are an error.

    Sections of the same kind and name become one. Raises `ConfigurationError` naming both places and the keyword.
    """
    problems: list[str] = []
    merged: dict[Key, Section] = {}
    ranks: dict[Key, int] = {}
    for number, contribution in enumerate(contributions):
        own: dict[Key, Section] = {}
        for key, rank, section in _rank_sections(contribution, number):
            # Whoever says something twice has a reason.
            own[key] = _extend(own[key], section.directives, section.name) if key in own else section
            ranks.setdefault(key, rank)
        for key, section in own.items():
            merged[key] = _join(merged[key], section, problems) if key in merged else section
    for section in merged.values():
        if not data.is_complete(section) and [part for part in (defaults, *contributions) if part.sections][1:]:
            problems.append(
                f"{section.yaml_path}: a condition (.if) that begins in one section and ends in another leaves no "
                "place for anything but this configuration: no other fragments, services or defaults"
            )
    if problems:
        raise ConfigurationError(problems)
    for key, rank, section in _rank_sections(defaults, -1):
        stated = merged.get(key)
        merged[key] = _apply_defaults(section, stated) if stated else section
        ranks.setdefault(key, rank)
    ordered = sorted(merged, key=ranks.__getitem__)
    files = tuple(file for part in (*contributions, defaults) for file in part.files)
    return Configuration(tuple(data.arrange(merged[key]) for key in ordered), files=files)


def bind_addresses(configuration: Configuration) -> Iterator[tuple[tuple[str, int], Directive]]:
    """Host and port of each plain TCP bind; sockets, inherited ones and QUIC are not for us to try."""
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
    """The addresses that two sections listen on: HAProxy takes that, and the kernel then deals out the connections."""
    if not all(data.is_complete(section) for section in configuration.sections):
        return []  # one of them may be in the other branch of a condition
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
    """Whether a file that people wrote says the same in other words: other blanks, other comments, another order."""
    try:
        written = merge(Configuration(), data.from_data(data.to_data(parse(text))))
    except ConfigurationError:
        return False
    said, asked = (
        [(section.header, [line.text for line in section.directives]) for section in configuration.sections]
        for configuration in (written, wanted)
    )
    return bool(text) and said == asked


def _rank_sections(configuration: Configuration, number: int) -> Iterator[tuple[Key, int, Section]]:
    """Each section with what makes it the same as another's, and the rank of its place in the file.

    A proxy takes its values from the last `defaults` before it (manual, 4), so that these come first, and the ones
    without a name last. Where some stand between proxies, as in files that people wrote, they stay there.
    """
    kinds = [section.kind for section in configuration.sections]
    first = next((place for place, kind in enumerate(kinds) if kind in _PROXIES), len(kinds))
    nameless = [not section.name for section in configuration.sections if section.kind == "defaults"]
    layered = "defaults" in kinds[first:] or nameless != sorted(nameless)
    complete = all(data.is_complete(section) for section in configuration.sections)
    # One that comes late is not the one that everything else begins with.
    seen = {"": int(("defaults", "") not in [section.key for section in configuration.sections[:first]])}
    for place, section in enumerate(configuration.sections):
        key: Key = section.key
        rank = _LAST
        if section.kind == "defaults":
            rank = 2 if layered or not section.name else 1
            again = seen.get(key[1], 0)
            seen[key[1]] = again + 1
            if again:
                key = (*key, number, again)
            if place > first:
                rank = _LAST
        elif section.kind == "global":
            rank = 0
        yield key, rank if complete else _LAST, section


def _extend(section: Section, directives: tuple[Directive, ...], name: str) -> Section:
    longer = section.name if len(section.name) >= len(name) else name
    return Section(section.kind, longer, section.directives + directives, section.yaml_path)


def _join(known: Section, more: Section, problems: list[str]) -> Section:
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
            problems.append(
                f"{directive.yaml_path}: '{mask(directive)}' contradicts '{mask(other)}' of {other.yaml_path} "
                f"in {known.header}; keep one of them"
            )
    return _extend(known, tuple(added), more.name)


def _apply_defaults(defaults: Section, stated: Section) -> Section:
    taken = {key for directive in stated.directives if (key := identity(directive, stated.kind))}
    kept = tuple(directive for directive in defaults.directives if identity(directive, stated.kind) not in taken)
    return Section(stated.kind, stated.name, kept + stated.directives, stated.yaml_path)
