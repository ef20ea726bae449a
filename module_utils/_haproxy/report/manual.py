# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find where the configuration manual of a version describes a keyword."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..binary.version import parse_release
from ..config.syntax import SECTIONS
from .manual_data import MANUALS

_MANUAL_URL = "https://docs.haproxy.org/{}/configuration.html#{}"

_MATCH = re.compile(r"_(?:beg|bin|dir|dom|end|found|int|ip|len|reg|str|sub)$")

PROXIES = ("defaults", "frontend", "backend", "listen")


class Manual:
    """Find keywords in the manual of one version; for a version without a table, in the nearest older one."""

    def __init__(self, version: str) -> None:
        """Choose the manual for a version such as `3.0.11`; without one, the newest."""
        known = sorted(MANUALS, key=parse_release)
        wanted = parse_release(version)
        self.version = next((name for name in reversed(known) if not wanted or parse_release(name) <= wanted), known[0])
        self.sections = {section: frozenset(text.split("|")) for section, text in MANUALS[self.version].items()}
        self._own: dict[str, tuple[str, ...]] = {}

    def url(self, anchor: str) -> str:
        """Return the URL of an anchor (`4.2-timeout client`), as haproxy-dconv writes it."""
        return _MANUAL_URL.format(self.version, anchor.replace(" ", "%20"))

    def find(self, sections: Iterable[str], words: list[str], most: int = 4) -> tuple[int, str]:
        """Return how many of the words are one keyword of these sections, and its anchor; (0, "") for no keyword."""
        places = list(sections)
        for count in range(min(most, len(words)), 0, -1):
            keyword = " ".join(word.split("(", 1)[0] for word in words[:count])
            for section in places:
                if keyword in self.sections.get(section, ()):
                    return count, f"{section}-{keyword}"
        return 0, ""

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the manual's sections that describe the keywords of a section of this kind, the likeliest first."""
        if kind not in self._own:
            self._own[kind] = tuple(self._describing(kind))
        return self._own[kind]

    def _describing(self, kind: str) -> Iterator[str]:
        if kind in PROXIES:
            yield from ("4.2", "10.1.2", "11.1")
            yield from (section for section in self.sections if section.startswith("9."))
        elif kind in ("global", ""):
            owned = [name for name in self.sections if any(other in self.sections[name] for other in SECTIONS)]
            yield from (name for name in self.sections if name.startswith("3.") and name not in owned)
        else:
            own = [name for name in self.sections if kind in self.sections[name] and name[0] not in "478"]
            yield from own
            yield from (name for name in self.sections if any(name.startswith(f"{parent}.") for parent in own))
            if kind == "crt-store":  # 3.0 has no entry of that name
                yield from ("3.12", "3.12.1")

    def sample(self, name: str, places: tuple[str, ...]) -> str:
        """Return the anchor of a sample fetch or converter, empty if it is none; `path_beg` is `path` and a match."""
        for candidate in dict.fromkeys((name, _MATCH.sub("", name))):
            count, anchor = self.find(places, [candidate], 1)
            if count:
                return anchor
        return ""
