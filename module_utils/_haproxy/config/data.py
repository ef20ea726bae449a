# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Convert YAML with HAProxy's own keywords to the model and back.

    kind → name → keyword → value      `frontend: {web: {bind: ":80"}}`

A scalar is one line, `true` the bare keyword, `false` HAProxy's negation (`no ...`), `null` nothing; a list is one
line per item; a mapping is one line per key. A mapping inside those holds the
options of one line (`server: [{name: a, address: 10.0.0.1, port: 80}]`). Values follow HAProxy's quoting rules.

Where the order of different keywords matters, a section is a list of such mappings, of whole lines
(`- option httplog`) and of comments (`- "# access rules"`), which become the purpose of the lines that follow.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import Problems
from .model import Configuration, ConfigurationError, Directive, Section, suggest
from .order import NAMED_SETTINGS, FreeLines, split_negation
from .syntax import SECTIONS, UNNAMED, comment_lines
from .words import BLANKS, one_line, split

# HAProxy evaluates a proxy's rules family by family, whatever the order in the file, and warns if the file's order
# differs ("... will still be processed before ...", warnif_misplaced_* in its sources).
_FAMILIES: dict[tuple[str, str], int] = {
    ("tcp-request", "connection"): 1,
    ("tcp-request", "session"): 2,
    ("tcp-request", "content"): 3,
    ("monitor", "fail"): 4,
    ("http-request", ""): 5,
    ("redirect", ""): 6,
    ("use_backend", ""): 7,
    ("use-server", ""): 8,
    ("tcp-response", "content"): 9,
    ("http-response", ""): 10,
    ("http-after-response", ""): 11,
}
_RANKED = frozenset(keyword for keyword, _first in _FAMILIES)

# The name of these is optional.
_MAY_BE_NAMELESS = frozenset(("crt-store",))

_NUMBER = re.compile(r"-?[1-9][0-9]{0,17}|0").fullmatch

# A word this similar to a section's counts as a typing error, any other as a section of a newer HAProxy.
_LIKENESS = 0.75


def _rank(directive: Directive) -> int:
    if directive.keyword not in _RANKED:
        return 0
    first = directive.arguments[0] if directive.arguments else ""
    return _FAMILIES.get((directive.keyword, first)) or _FAMILIES.get((directive.keyword, ""), 0)


def arrange(section: Section) -> Section:
    """Return the section with its rules in HAProxy's order of evaluation, after all other lines.

    Within a family nothing moves. A conditional block (`.if` to `.endif`) moves as a whole; if one mixes families or
    is incomplete, its position matters and nothing moves.
    """
    if _RANKED.isdisjoint({line.keyword for line in section.directives}) or not is_complete(section):
        return section
    ranked: list[tuple[int, list[Directive]]] = []
    for unit in split_units(section):
        ranks = {_rank(line) for line in unit if line.keyword[0] != "."} or {0}
        if len(ranks) > 1:
            return section
        ranked.append((ranks.pop(), unit))
    ranked.sort(key=lambda unit: unit[0])
    arranged = tuple(line for _rank, unit in ranked for line in unit)
    return Section(section.kind, section.name, arranged, section.yaml_path)


def split_units(section: Section) -> list[list[Directive]]:
    """Return what moves as a whole: each line, and each conditional block (`.if` to `.endif`)."""
    units: list[list[Directive]] = [[]]
    depth = 0
    for line in section.directives:
        units[-1].append(line)
        depth += {".if": 1, ".endif": -1}.get(line.keyword, 0)
        if depth == 0:
            units.append([])
    return [unit for unit in units if unit]


def is_complete(section: Section) -> bool:
    """Return whether each condition (`.if`) that begins in the section also ends there."""
    if {".if", ".endif"}.isdisjoint({line.keyword for line in section.directives}):
        return True
    depth = 0
    for line in section.directives:
        depth += {".if": 1, ".endif": -1}.get(line.keyword, 0)
        if depth < 0:
            return False
    return depth == 0


# What may stand before the first section: a comment, or a condition (configuration manual, 2.4).
_STRAY = re.compile(r"[ \t]*(#|\.[a-z])").match


def from_data(data: Any, yaml_path: str = "haproxy_sections", purpose: str = "") -> Configuration:
    """Return the model of a mapping of kinds, or of a list of such mappings, whose order is kept.

    `purpose` is that of all directives without a comment of their own. Raise `ConfigurationError` with every YAML path
    that cannot be read.
    """
    problems = Problems()
    sections: list[Section] = []
    stray: list[Any] = []
    parts = data if isinstance(data, list) else [data]
    for number, part in enumerate(parts):
        path = f"{yaml_path}[{number}]" if isinstance(data, list) else yaml_path
        if part is None:
            continue
        if isinstance(part, str) and isinstance(data, list) and _STRAY(part):
            stray.append(part)
            if sections:
                problems.add(path, "only the first items of this list may be lines; this one belongs into a section")
            continue
        if not isinstance(part, dict):
            problems.add(path, f"a mapping of section kinds is expected here, not {_shape(part)}")
            continue
        for kind, content in part.items():
            sections.extend(_read_kind(kind, content, f"{path}.{kind}", purpose, problems))
    if stray:
        reader = _BodyReader(purpose, problems)
        reader.read_list(stray, yaml_path)
        sections.insert(0, Section("", "", tuple(reader.directives), f"{yaml_path}[0]"))
    problems.raise_if_any()
    if isinstance(data, dict):
        # The order of a mapping has no meaning, but a proxy takes the values of the last `defaults` before it.
        sections.sort(key=lambda section: section.kind == "defaults" and not section.name)
        sections.sort(key=lambda section: section.kind != "defaults")
    return Configuration(tuple(sections))


def to_data(configuration: Configuration) -> list[Any]:
    """Return the model as YAML data: lines before the first section (`.if`), then one mapping per section.

    `from_data` reads it back to lines that mean the same, whatever the order of the keys: a section or a part of it
    is a mapping only where that order is free. Raise `ConfigurationError` for what YAML cannot hold: other lines before
    the first section, text that is not UTF-8.
    """
    result: list[Any] = []
    for section in configuration.sections:
        for text in (section.header, *(line.text for line in section.directives)):
            try:
                split(text)
            except ConfigurationError as error:
                raise ConfigurationError(f"{section.kind}: `{text}` cannot be written in YAML: {error}") from None
        if not section.kind:
            result += _stray_lines(section)
            continue
        body = _body(section)
        if section.kind in UNNAMED or section.kind == "defaults":
            result.append({section.header: body})
        elif section.name or section.kind not in _MAY_BE_NAMELESS:
            result.append({section.kind: {section.name: body}})
        else:
            # A list, as the keys of a mapping would be names.
            result.append({section.kind: body if isinstance(body, list) else [body]})
    return result


def in_canonical_order(configuration: Configuration) -> Configuration:
    """Return the configuration without comments and with the lines whose order is free in one order.

    Raise as `to_data` does.
    """
    bare = [
        replace(s, directives=tuple(replace(line, purpose="") for line in s.directives)) for s in configuration.sections
    ]
    before, data = None, to_data(Configuration(tuple(bare)))
    while data != before:
        # A line that has moved within its mapping may now fit into the one before.
        before, data = data, to_data(from_data(_with_sorted_keys(data)))
    return from_data(_with_sorted_keys(data))


def _with_sorted_keys(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _with_sorted_keys(data[key]) for key in sorted(data)}
    return [_with_sorted_keys(item) for item in data] if isinstance(data, list) else data


def _stray_lines(section: Section) -> list[str]:
    """Return the lines before the first section."""
    for line in section.directives:
        if line.keyword[0] != ".":
            raise ConfigurationError(f"`{line.text}` stands before the first section: move it into one (`global`)")
    return [*_body(section)]


def _body(section: Section) -> dict[str, Any] | list[Any]:
    """Return a mapping if the order of its keys is free, else a list of comments, conditions and such mappings."""
    body: list[Any] = []
    purpose = ""
    commented = any(line.purpose for line in section.directives)
    mappings: list[FreeLines] = []
    for line in section.directives:
        if line.purpose != purpose:
            purpose = line.purpose
            body += _mappings(mappings)
            # A comment of a file may contain control characters.
            comments = comment_lines(purpose)
            body += ["".join(char if one_line(char) else "?" for char in text) or "#" for text in comments]
        if line.keyword[0] == "." or not _place(line, mappings, commented, section.kind):
            body += [*_mappings(mappings), line.text]
    if not body and len(mappings) < 2:
        return _mapping(mappings[0]) if mappings else {}
    return body + _mappings(mappings)


def _place(line: Directive, mappings: list[FreeLines], commented: bool, kind: str) -> bool:
    """Add the line to the first mapping that it may stand in, or to a new one; return whether one can hold it.

    Where there are comments, no line moves away from its neighbour.
    """
    new = FreeLines(kind)
    if not new.accepts(line):
        return False
    place = len(mappings)
    mappings.append(new)
    while place and mappings[place - 1].accepts(line) and not mappings[place].keeps_order(line):
        if commented and (place < len(mappings) - 1 or mappings[place - 1].moves(line)):
            break
        place -= 1
    mappings[place].add(line)
    if not new.lines:
        mappings.pop()
    return True


def _mappings(mappings: list[FreeLines]) -> list[dict[str, Any]]:
    """Take the mappings."""
    found = [_mapping(free) for free in mappings]
    mappings.clear()
    return found


def _mapping(free: FreeLines) -> dict[str, Any]:
    """Return the mapping of these lines: keyword → value, or → setting → value."""
    result: dict[str, Any] = {}
    for keyword, lines in free.lines.items():
        values: list[Any] = []
        for line in lines:
            _keyword, arguments, negated = split_negation(line)
            named = arguments[:1] if keyword in NAMED_SETTINGS else ()
            value = not negated and _value(arguments[len(named) :])
            if named:
                result.setdefault(keyword, {})[named[0]] = value
            values.append(value)
        if keyword not in NAMED_SETTINGS:
            result[keyword] = values[0] if len(values) == 1 else values
    return result


def _value(words: tuple[str, ...]) -> str | int:
    """Return the value of words: true for none, a number where YAML has it in the same spelling."""
    text = " ".join(words)
    return int(text) if _NUMBER(text) else text or True


def _read_kind(kind: Any, content: Any, yaml_path: str, purpose: str, problems: Problems) -> Iterator[Section]:
    """Yield the sections of one kind."""
    try:
        words = split(kind) if isinstance(kind, str) else []
    except ConfigurationError as error:
        problems.add(yaml_path, str(error))
        return
    if not words:
        problems.add(yaml_path, f"the name of a section is expected here, not {_shape(kind)}")
        return
    if words[0] not in SECTIONS and difflib.get_close_matches(words[0], SECTIONS, n=1, cutoff=_LIKENESS):
        problems.add(yaml_path, f"'{kind}' is no section of HAProxy{suggest(words[0], SECTIONS)}")
        return
    if content is None:
        return
    if len(words) > 1 or not _has_names(words[0], content):
        if isinstance(content, (dict, list)):
            yield _read_section(words[0], " ".join(words[1:]), content, yaml_path, purpose, problems)
        else:
            problems.add(yaml_path, f"the keywords of {kind} are expected here, not {_shape(content)}")
        return
    if words[0] in _MAY_BE_NAMELESS and isinstance(content, list):
        yield _read_section(words[0], "", content, yaml_path, purpose, problems)
        return
    if not isinstance(content, dict):
        problems.add(yaml_path, f"a mapping of names is expected here, not {_shape(content)}")
        return
    for name, body in content.items():
        path = f"{yaml_path}.{name}"
        if body is not None and not isinstance(body, (dict, list)):
            problems.add(path, f"the keywords of {words[0]} '{name}' are expected here, not {_shape(body)}")
            continue
        yield _read_section(words[0], str(name), body or {}, path, purpose, problems)


def _has_names(kind: str, content: Any) -> bool:
    """Return whether sections of this kind have names; an unknown kind has if its content looks like sections."""
    if kind in SECTIONS:
        return kind not in UNNAMED and kind != "defaults"
    return isinstance(content, dict) and all(isinstance(body, (dict, list, type(None))) for body in content.values())


def _read_section(
    kind: str, name: str, body: dict[Any, Any] | list[Any], yaml_path: str, purpose: str, problems: Problems
) -> Section:
    try:
        kind, name = split(kind)[0], " ".join(split(name))
    except ConfigurationError as error:
        problems.add(yaml_path, str(error))
    reader = _BodyReader(purpose, problems)
    if isinstance(body, dict):
        reader.read_mapping(body, yaml_path)
    else:
        reader.read_list(body, yaml_path)
    return arrange(Section(kind, name, tuple(reader.directives), yaml_path))


class _BodyReader:
    """Read the directives of one section's body and collect its problems."""

    def __init__(self, purpose: str, problems: Problems) -> None:
        self.directives: list[Directive] = []
        self._default_purpose = self._purpose = purpose
        self._problems = problems

    def read_list(self, body: list[Any], yaml_path: str) -> None:
        """Read a list of mappings, lines and comments; a comment is the purpose of what follows."""
        comments: list[str] = []
        for number, item in enumerate(body):
            path = f"{yaml_path}[{number}]"
            if isinstance(item, dict):
                self.read_mapping(item, path)
            elif not isinstance(item, str):
                self._problems.add(path, f"a line or a mapping of keywords is expected here, not {_shape(item)}")
            elif not item.lstrip(BLANKS).startswith("#"):
                self._read_lines([], item, path)
            elif not one_line(item):
                self._problems.add(path, "a line break or another control character stands inside the comment")
            else:
                above = comments if number and _is_comment(body[number - 1]) else []
                comments = [*above, item.lstrip(BLANKS).lstrip("#").strip()]
                self._purpose = "\n".join(comments).strip("\n") or self._default_purpose

    def read_mapping(self, body: dict[Any, Any], yaml_path: str) -> None:
        """Read a mapping of keywords."""
        for keyword, value in body.items():
            self._read_keyword([], keyword, value, f"{yaml_path}.{keyword}", 0)

    def _read_keyword(self, prefix: list[str], keyword: Any, value: Any, yaml_path: str, depth: int) -> None:
        if not isinstance(keyword, str):
            self._problems.add(yaml_path, f"YAML read this key as {_shape(keyword)}; put it in quotes")
            return
        try:
            words = prefix + split(keyword)
        except ConfigurationError as error:
            self._problems.add(yaml_path, str(error))
            return
        if words and words[0] in SECTIONS:
            self._problems.add(yaml_path, f"'{words[0]}' begins a section and cannot stand inside one")
            return
        self._read_lines(words, value, yaml_path, depth)

    def _read_lines(self, prefix: list[str], value: Any, yaml_path: str, depth: int = 0) -> None:
        """Read the lines that begin with these words; `depth` counts the mappings and lists around the value."""
        if isinstance(value, list) and depth < 2:
            for number, item in enumerate(value):
                self._read_lines(prefix, item, f"{yaml_path}[{number}]", 2)
        elif isinstance(value, dict) and depth == 0:
            for key, item in value.items():
                self._read_keyword(prefix, key, item, f"{yaml_path}.{key}", 1)
        elif value is not None:
            self._read_line(prefix, value, yaml_path)

    def _read_line(self, prefix: list[str], value: Any, yaml_path: str) -> None:
        words = prefix
        try:
            if value is False:
                words = ["no", *prefix]
            elif isinstance(value, dict):
                words = prefix + _options(value, yaml_path)
            elif value is not True:
                words = prefix + _words(value, yaml_path)
        except ConfigurationError as error:
            self._problems.extend(
                problem if problem.startswith(yaml_path) else f"{yaml_path}: {problem}" for problem in error.problems
            )
            return
        if words and not prefix and words[0] in SECTIONS:
            self._problems.add(yaml_path, f"'{words[0]}' begins a section and cannot stand inside one")
        elif words:
            self.directives.append(Directive(words[0], tuple(words[1:]), self._purpose, yaml_path))


def _options(options: dict[Any, Any], yaml_path: str) -> list[str]:
    """Return the words of one line's options: `name`, then `address` with `port`, then each key with its value."""
    words: list[str] = []
    rest = dict(options)
    if "name" in rest:
        words += _words(rest.pop("name"), f"{yaml_path}.name")
    if "address" in rest:
        address = "".join(_words(rest.pop("address"), f"{yaml_path}.address"))
        if not address:
            raise ConfigurationError(f"{yaml_path}.address: an address is expected here")
        words.append(endpoint(address, _port(rest.pop("port", None), f"{yaml_path}.port")))
    for key, value in rest.items():
        path = f"{yaml_path}.{key}"
        if not isinstance(key, str):
            raise ConfigurationError(f"{path}: YAML read this key as {_shape(key)}; put it in quotes")
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                words += split(key)
            elif item is False:
                words += split(f"no-{key}")
            elif item is not None:
                words += split(key) + _words(item, path)
    return words


def _port(value: Any, yaml_path: str) -> str:
    return "" if value is None else "".join(_words(value, yaml_path))


def endpoint(address: str, port: Any) -> str:
    """Return `address:port` as HAProxy writes it, an IPv6 address in brackets."""
    if port is None or port == "":
        return address
    bare = address.count(":") > 1 and not address.startswith("[")
    return f"[{address}]:{port}" if bare else f"{address}:{port}"


def _words(value: Any, yaml_path: str) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigurationError(f"{yaml_path}: one value is expected here, not {_shape(value)}")
    try:
        return split(str(value).strip("\n"))
    except ConfigurationError as error:
        raise ConfigurationError(f"{yaml_path}: {error}") from None


def _is_comment(item: Any) -> bool:
    return isinstance(item, str) and item.lstrip(BLANKS).startswith("#")


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    return "nothing" if value is None else f"'{value}'"
