# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write once what backends of services have in common: in a `defaults` of its own, which they are `from`.

HAProxy 3.4 and newer can make a backend at run time, with the lines of such a `defaults` and with servers, and nothing
else (management guide, `add backend`). So a further service of a known kind needs no reload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace

from ..config.model import Configuration, Directive, Section

SINCE = (3, 4)
"""The first version that makes backends at run time."""

SERVICE = """be_name,'regsub("_[a-z]+$",":")'"""
"""The sample of a service's name and a colon, in its backends."""

# No section of other people's has a colon.
BASE = "services:base"

# What no `defaults` may have (configuration manual, 4.1), and what only a reload gives to a backend.
# The cookie of a service has its name.
_OWN = frozenset(
    (
        "acl cookie description filter force-persist guid id ignore-persist server-template stick stick-table "
        "use-fcgi-app use-server"
    ).split()
)


def share_lines(configuration: Configuration, names: Collection[str]) -> Configuration:
    """Return the configuration with the lines of the backends of these names in sections `defaults`, one of a kind.

    A backend whose lines cannot stand there keeps them. The nameless `defaults` gets a name, as all of these need it,
    and a nameless one behind them is for all other sections.
    """
    nameless = [section for section in configuration.sections if section.kind == "defaults" and not section.name]
    kinds: dict[str, Section] = {}
    sections = []
    for section in configuration.sections:
        if len(nameless) == 1 and section.kind == "backend" and section.name in names and _can_be_shared(section):
            section = _from_kind(section, kinds)
        sections.append(section)
    if not kinds:
        return configuration
    place = sections.index(nameless[0])
    base = replace(nameless[0], name=BASE)
    sections[place : place + 1] = [base, *kinds.values(), Section("defaults", f"from {BASE}")]
    return replace(configuration, sections=tuple(sections))


def _can_be_shared(section: Section) -> bool:
    """Return whether all lines but the servers can stand in a `defaults`, and mean the same there."""
    keywords = [line.keyword for line in section.directives]
    first = keywords.index("server") if "server" in keywords else len(keywords)
    return (
        not _OWN.intersection(keywords)
        and not any(keyword[0] == "." for keyword in keywords)
        and "default-server" not in keywords[first:]
    )


def _from_kind(section: Section, kinds: dict[str, Section]) -> Section:
    """Return the backend with its servers only, and add the section of its other lines to `kinds`."""
    shared = [line for line in section.directives if line.keyword != "server"]
    servers = tuple(line for line in section.directives if line.keyword == "server")
    name = f"{section.name.rpartition('_')[2]}:{_digest(shared)}"
    kinds.setdefault(name, Section("defaults", f"{name} from {BASE}", tuple(shared), section.yaml_path))
    return replace(section, name=f"{section.name} from {name}", directives=servers)


def _digest(lines: Iterable[Directive]) -> str:
    return hashlib.sha256("\n".join(line.text for line in lines).encode()).hexdigest()[:16]
