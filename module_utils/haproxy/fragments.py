# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One configuration from several contributors: lines add up, single values are set once."""

from __future__ import annotations

from typing import Any

from . import sections, services
from .model import Configuration, ConfigurationError, Directive, Section

# Keywords that may stand several times in one section, each line adding to the others.
_ADDING = frozenset(
    (
        "acl bind capture cpu-map default-server email-alert filter group http-after-response http-check http-request "
        "http-response log lua-load lua-load-per-thread lua-prepend-path mailer monitor nameserver peer presetenv "
        "redirect resetenv server server-template set-var set-var-fmt setenv stats stick table tcp-check tcp-request "
        "tcp-response trace unsetenv use-fcgi-app use-server use_backend user"
    ).split()
)

# Keywords whose first argument says which setting the line is about.
_KEYED = frozenset(("compression", "errorfile", "errorloc", "errorloc302", "errorloc303", "option", "timeout", "load"))

# Sections that HAProxy reads once, or of which one without a name is meant.
_FIRST = ("global", "defaults")


def identity(directive: Directive) -> tuple[str, ...] | None:
    """What the line sets (`('timeout', 'client')`, `('maxconn',)`), or None where lines add up."""
    words = (directive.keyword, *directive.arguments)
    if words[0] == "no":
        words = words[1:] or words
    if words[0] in _ADDING or words[0].startswith("."):
        return None
    return words[:2] if words[0] in _KEYED else words[:1]


def assemble(edge: services.Edge, described: Any, native: Any) -> Configuration:
    """The configuration of an edge: its services (`haproxy_services`), native sections (`haproxy_sections`), defaults.

    Raises `ConfigurationError` with the faults of both.
    """
    problems: list[str] = []
    contributions: list[Configuration] = []
    try:
        contributions.append(services.sections(services.read(described, edge.groups), edge))
    except ConfigurationError as error:
        problems += error.problems
    try:
        contributions.append(sections.from_data(native))
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return merge(services.base(edge), *contributions)


def merge(defaults: Configuration, *contributions: Configuration) -> Configuration:
    """One configuration of all: `defaults` yield to contributions, contributions that disagree are an error.

    Sections of the same kind and name become one. Raises `ConfigurationError` naming both places and the keyword.
    """
    problems: list[str] = []
    merged: dict[tuple[str, str], Section] = {}
    for contribution in contributions:
        for section in contribution.sections:
            known = merged.get(section.key)
            merged[section.key] = _join(known, section, problems) if known else section
    if problems:
        raise ConfigurationError(problems)
    for section in defaults.sections:
        stated = merged.get(section.key)
        merged[section.key] = _underlay(section, stated) if stated else section
    # Values in force must be read before the sections that inherit them (manual, 4 "defaults").
    ordered = sorted(merged.values(), key=lambda section: _FIRST.index(section.kind) if section.kind in _FIRST else 2)
    files = tuple(file for contribution in contributions for file in contribution.files)
    return Configuration(tuple(sections.arrange(section) for section in ordered), files=files)


def _join(known: Section, more: Section, problems: list[str]) -> Section:
    settings = {key: directive for directive in known.directives if (key := identity(directive))}
    added: list[Directive] = []
    for directive in more.directives:
        key = identity(directive)
        other = settings.get(key) if key else None
        if other is None:
            added.append(directive)
        elif other.text != directive.text:
            problems.append(
                f"{directive.origin}: '{directive.text}' contradicts '{other.text}' of {other.origin} "
                f"in {known.header}; keep one of them"
            )
    name = known.name if len(known.name) >= len(more.name) else more.name
    return Section(known.kind, name, known.directives + tuple(added), known.origin)


def _underlay(defaults: Section, stated: Section) -> Section:
    taken = {key for directive in stated.directives if (key := identity(directive))}
    kept = tuple(directive for directive in defaults.directives if identity(directive) not in taken)
    return Section(stated.kind, stated.name, kept + stated.directives, stated.origin)
