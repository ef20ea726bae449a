# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sections and directives from lines of text, each with its purpose and its YAML path."""

from __future__ import annotations

from ..config.model import Directive, Section
from ..config.words import split


def section_of(kind: str, name: str, body: list[tuple[str, str]], yaml_path: str = "the role's defaults") -> Section:
    return Section(kind, name, tuple(directive_of(purpose, text, yaml_path) for purpose, text in body), yaml_path)


def directive_of(purpose: str, text: str, yaml_path: str = "") -> Directive:
    keyword, *arguments = split(text)
    return Directive(keyword, tuple(arguments), purpose, yaml_path)
