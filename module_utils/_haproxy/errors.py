# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors for people: their base class, the error of a configuration, and the collector of all problems of one input."""

from __future__ import annotations

import re
from collections.abc import Iterable

_REPORTED = 50

_SURROGATE = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return the text with each byte that is not UTF-8 as `\xe9`: it can be encoded, so Ansible can show it."""
    return _SURROGATE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    # Python decodes a byte that is not UTF-8 as a lone surrogate from DC80 on (surrogateescape).
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


class EdgeError(Exception):
    """An error that a person has to correct before anything can be done.

    `problems` has a text for each; a text begins with its YAML path, if any (`haproxy_services[0].servers: ...`).
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        """Take one problem or several."""
        self.problems = [printable(text) for text in ([problems] if isinstance(problems, str) else problems)]
        super().__init__("\n".join(self.problems))


class ConfigurationError(EdgeError):
    """A configuration is wrong, or something stops it from being applied."""


class Problems:
    """Collect the problems of one input, so that they are reported at once."""

    def __init__(self) -> None:
        """Start empty."""
        self.texts: list[str] = []

    def __len__(self) -> int:
        """Return the number of problems."""
        return len(self.texts)

    def add(self, yaml_path: str, text: str) -> None:
        """Add a problem of the value at `yaml_path`."""
        self.texts.append(f"{yaml_path}: {text}")

    def extend(self, texts: Iterable[str]) -> None:
        """Add problems whose texts already begin with a YAML path."""
        self.texts.extend(texts)

    def raise_if_any(self, error: type[EdgeError] = ConfigurationError) -> None:
        """Raise `error` with the problems, if there are any: the first, and how many more there are.

        More say mostly the same, as with a typo in a template that made thousands of services.
        """
        if self.texts:
            more = len(self.texts) - _REPORTED
            raise error([*self.texts[:_REPORTED], *([f"... and {more:,} more problems"] if more > 0 else ())])
