# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the readers of a service's YAML share: the place of a value, and where its problems go."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import Problems

Groups = Mapping[str, Any]
"""Inventory group → its members `{name, address}`."""

# A name must be one word for HAProxy, and free of the characters that mean something in an ACL or a path.
NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")


class At(NamedTuple):
    """The YAML path of a value, and what its reader needs besides."""

    yaml_path: str
    problems: Problems
    groups: Groups

    def key(self, name: Any) -> At:
        """Return the place of a key below."""
        return self._replace(yaml_path=f"{self.yaml_path}.{name}")

    def item(self, number: int) -> At:
        """Return the place of an item below."""
        return self._replace(yaml_path=f"{self.yaml_path}[{number}]")

    def problem(self, text: str) -> None:
        """Add a problem with what is here."""
        self.problems.add(self.yaml_path, text)


Reader = Callable[[Any, At], Any]
