# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base of all errors that a person has to see, and the collector that reports all problems of one input at once."""

from __future__ import annotations

from collections.abc import Iterable


class EdgeError(Exception):
    """What a person has to mend before anything can be done.

    `problems` has one text each; a text begins with the YAML path if it has one (`haproxy_services[0].servers: ...`).
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        """Take one problem or several."""
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Problems:
    """Collect the problems of one input, so that all are reported at once."""

    def __init__(self) -> None:
        """Begin without any."""
        self.texts: list[str] = []

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.texts)

    def add(self, yaml_path: str, text: str) -> None:
        """Add one problem of the value at `yaml_path`."""
        self.texts.append(f"{yaml_path}: {text}")

    def extend(self, texts: Iterable[str]) -> None:
        """Add problems that begin with their YAML path."""
        self.texts.extend(texts)

    def raise_if_any(self, error: type[EdgeError]) -> None:
        """Raise `error` with all problems, if there is one."""
        if self.texts:
            raise error(self.texts)
