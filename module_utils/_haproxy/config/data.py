# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML under HAProxy's own keywords, to the model and back.

    kind → name → keyword → value      `frontend: {web: {bind: ":80"}}`

A scalar is one line, `true` the bare keyword, `false` HAProxy's negation (`no ...`), `null` nothing; a list is one
line each; a mapping is one line a key. A mapping inside those (`server: [{name: a, address: 10.0.0.1, port: 80}]`)
is the options of one line. Values are HAProxy's text: its quoting rules hold.

Where the order of different keywords matters, a section is a list of such mappings, of whole lines
(`- option httplog`) and of comments (`- "# who may come in"`), which become the purpose of what follows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from .model import Configuration, ConfigurationError, Directive, Section, suggest
from .syntax import SECTIONS, UNNAMED, one_line, split

# HAProxy evaluates a proxy's rules family by family, whatever the order in the file, and warns when the file
# says otherwise ("... will still be processed before ...", warnif_misplaced_* in its sources).
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

# A word this much like a section's is taken for a mistake, any other for a section that is newer than we are.
_LIKENESS = 0.75


def _rank(directive: Directive) -> int:
    if directive.keyword not in _RANKED:
        return 0
    first = directive.arguments[0] if directive.arguments else ""
    return _FAMILIES.get((directive.keyword, first)) or _FAMILIES.get((directive.keyword, ""), 0)


def arrange(section: Section) -> Section:
    """The section with its rules in the order in which HAProxy evaluates them; everything else keeps its place before.

    Within a family nothing moves. A conditional block (`.if` to `.endif`) moves as one; where one mixes families, or
    is not complete, the place matters and all stay.
    """
    if _RANKED.isdisjoint({line.keyword for line in section.directives}):
        return section
    units: list[tuple[int, list[Directive]]] = []
    block: list[Directive] = []
    depth = 0
    for line in section.directives:
        block.append(line)
        depth += {".if": 1, ".endif": -1}.get(line.keyword, 0)
        if depth < 0:
            return section
        if depth == 0:
            ranks = {_rank(inner) for inner in block if inner.keyword[0] != "."} or {0}
            if len(ranks) > 1:
                return section
            units.append((ranks.pop(), block))
            block = []
    if depth:
        return section
    units.sort(key=lambda unit: unit[0])
    arranged = tuple(line for _rank, unit in units for line in unit)
    return Section(section.kind, section.name, arranged, section.yaml_path)


def is_complete(section: Section) -> bool:
    """Whether each condition (`.if`) that begins in the section ends there too."""
    if {".if", ".endif"}.isdisjoint({line.keyword for line in section.directives}):
        return True
    depth = 0
    for line in section.directives:
        depth += {".if": 1, ".endif": -1}.get(line.keyword, 0)
        if depth < 0:
            return False
    return depth == 0


def from_data(data: Any, yaml_path: str = "haproxy_sections", purpose: str = "") -> Configuration:
    """The model of a mapping of kinds, or of a list of them, which keeps its order as a file does.

    `purpose` is that of all directives without a comment of their own. Raises `ConfigurationError` with every place
    that cannot be read.
    """
    problems: list[str] = []
    sections: list[Section] = []
    parts = data if isinstance(data, list) else [data]
    for number, part in enumerate(parts):
        place = f"{yaml_path}[{number}]" if isinstance(data, list) else yaml_path
        if part is None:
            continue
        if not isinstance(part, dict):
            problems.append(f"{place}: a mapping of section kinds is expected here, not {_shape(part)}")
            continue
        for kind, content in part.items():
            sections.extend(_kind(kind, content, f"{place}.{kind}", purpose, problems))
    if problems:
        raise ConfigurationError(problems)
    if isinstance(data, dict):
        # A mapping has no order that means anything: a proxy takes the values of the last `defaults` before it.
        sections.sort(key=lambda section: section.kind == "defaults" and not section.name)
        sections.sort(key=lambda section: section.kind != "defaults")
    return Configuration(tuple(sections))


def to_data(configuration: Configuration) -> list[dict[str, Any]]:
    """The model as YAML data, one mapping a section; `from_data` reads it back to the same model, arranged.

    Raises `ConfigurationError` for what has no place in YAML: lines before the first section, what is not UTF-8.
    """
    result: list[dict[str, Any]] = []
    for section in configuration.sections:
        if not section.kind:
            raise ConfigurationError(
                f"`{section.directives[0].text}` stands before the first section: move it into one (`global`)"
            )
        for text in (section.header, *(line.text for line in section.directives)):
            try:
                split(text)
            except ConfigurationError as error:
                shown = text.encode(errors="replace").decode()
                raise ConfigurationError(f"{section.kind}: `{shown}` cannot be said in YAML: {error}") from None
        nameless = section.kind in UNNAMED or section.kind == "defaults"
        body = _body(section)
        result.append({section.header: body} if nameless else {section.kind: {section.name: body}})
    return result


def _body(section: Section) -> dict[str, Any] | list[Any]:
    """A mapping where it says the same as the lines do, else a list in their order."""
    grouped: dict[str, list[Directive]] = {}
    for directive in section.directives:
        grouped.setdefault(directive.keyword, []).append(directive)
    regrouped = Section(section.kind, section.name, tuple(line for lines in grouped.values() for line in lines))
    if arrange(regrouped) == arrange(section) and not any(line.purpose for line in section.directives):
        return {keyword: _values(lines) for keyword, lines in grouped.items()}
    body: list[Any] = []
    purpose = ""
    run: dict[str, Any] = {}
    for (said, keyword), lines in groupby(section.directives, lambda line: (line.purpose, line.keyword)):
        if said != purpose:
            purpose, run = said, {}
            # A comment may hold anything.
            body.append("".join(char if one_line(char) else "?" for char in f"# {said}".rstrip()))
        if not run or keyword in run:
            run = {}
            body.append(run)
        run[keyword] = _values(list(lines))
    return body


def _values(lines: list[Directive]) -> Any:
    values = [" ".join(line.arguments) or True for line in lines]
    return values[0] if len(values) == 1 else values


def _kind(kind: Any, content: Any, yaml_path: str, purpose: str, problems: list[str]) -> Iterator[Section]:
    words = kind.split() if isinstance(kind, str) else []
    if not words:
        problems.append(f"{yaml_path}: the name of a section is expected here, not {_shape(kind)}")
        return
    if words[0] not in SECTIONS and difflib.get_close_matches(words[0], SECTIONS, n=1, cutoff=_LIKENESS):
        problems.append(f"{yaml_path}: '{kind}' is no section of HAProxy{suggest(words[0], SECTIONS)}")
        return
    if content is None:
        return
    # A kind that we do not know has names if what it holds looks like sections.
    named = words[0] in SECTIONS or (
        isinstance(content, dict) and all(isinstance(body, (dict, list, type(None))) for body in content.values())
    )
    if not named or len(words) > 1 or words[0] in UNNAMED or words[0] == "defaults":
        if isinstance(content, (dict, list)):
            yield _section(words[0], " ".join(words[1:]), content, yaml_path, purpose, problems)
        else:
            problems.append(f"{yaml_path}: the keywords of {kind} are expected here, not {_shape(content)}")
        return
    if not isinstance(content, dict):
        problems.append(f"{yaml_path}: a mapping of names is expected here, not {_shape(content)}")
        return
    for name, body in content.items():
        place = f"{yaml_path}.{name}"
        if body is not None and not isinstance(body, (dict, list)):
            problems.append(f"{place}: the keywords of {words[0]} '{name}' are expected here, not {_shape(body)}")
            continue
        yield _section(words[0], str(name), body or {}, place, purpose, problems)


def _section(
    kind: str, name: str, body: dict[Any, Any] | list[Any], yaml_path: str, purpose: str, problems: list[str]
) -> Section:
    directives: list[Directive] = []
    try:
        kind, name = split(kind)[0], " ".join(split(name))
    except ConfigurationError as error:
        problems.append(f"{yaml_path}: {error}")
    if isinstance(body, dict):
        _mapping(body, yaml_path, purpose, directives, problems)
        return arrange(Section(kind, name, tuple(directives), yaml_path))
    said = purpose
    for number, item in enumerate(body):
        place = f"{yaml_path}[{number}]"
        if isinstance(item, dict):
            _mapping(item, place, said, directives, problems)
        elif not isinstance(item, str):
            problems.append(f"{place}: a line or a mapping of keywords is expected here, not {_shape(item)}")
        elif not item.lstrip().startswith("#"):
            _lines([], item, place, said, directives, problems)
        elif one_line(item):
            said = item.strip().lstrip("#").strip() or purpose
        else:
            problems.append(f"{place}: a line break or another control character stands inside the comment")
    return arrange(Section(kind, name, tuple(directives), yaml_path))


def _mapping(
    body: dict[Any, Any], yaml_path: str, purpose: str, directives: list[Directive], problems: list[str]
) -> None:
    for keyword, value in body.items():
        _keyword([], keyword, value, f"{yaml_path}.{keyword}", purpose, directives, problems, 0)


def _keyword(
    prefix: list[str],
    keyword: Any,
    value: Any,
    yaml_path: str,
    purpose: str,
    directives: list[Directive],
    problems: list[str],
    depth: int,
) -> None:
    """Add the lines of one keyword."""
    if not isinstance(keyword, str):
        problems.append(f"{yaml_path}: YAML read this key as {_shape(keyword)}; put it in quotes")
        return
    try:
        words = prefix + split(keyword)
    except ConfigurationError as error:
        problems.append(f"{yaml_path}: {error}")
        return
    if words and words[0] in SECTIONS:
        problems.append(f"{yaml_path}: '{words[0]}' begins a section and cannot stand inside one")
        return
    _lines(words, value, yaml_path, purpose, directives, problems, depth)


def _lines(
    prefix: list[str],
    value: Any,
    yaml_path: str,
    purpose: str,
    directives: list[Directive],
    problems: list[str],
    depth: int = 0,
) -> None:
    """Add the lines that begin with these words; `depth` counts the mappings and lists around the value."""
    if isinstance(value, list) and depth < 2:
        for number, item in enumerate(value):
            _lines(prefix, item, f"{yaml_path}[{number}]", purpose, directives, problems, 2)
        return
    if isinstance(value, dict) and depth == 0:
        for key, item in value.items():
            _keyword(prefix, key, item, f"{yaml_path}.{key}", purpose, directives, problems, 1)
        return
    words = prefix
    if value is None:
        return
    try:
        if value is False:
            words = ["no", *prefix]
        elif isinstance(value, dict):
            words = prefix + _options(value, yaml_path)
        elif value is not True:
            words = prefix + _words(value, yaml_path)
    except ConfigurationError as error:
        problems.extend(
            problem if problem.startswith(yaml_path) else f"{yaml_path}: {problem}" for problem in error.problems
        )
        return
    if not words:
        return
    if not prefix and words[0] in SECTIONS:
        problems.append(f"{yaml_path}: '{words[0]}' begins a section and cannot stand inside one")
    else:
        directives.append(Directive(words[0], tuple(words[1:]), purpose, yaml_path))


def _options(options: dict[Any, Any], yaml_path: str) -> list[str]:
    """One line's options: `name`, then `address` with `port`, then each key with its value."""
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
        place = f"{yaml_path}.{key}"
        if not isinstance(key, str):
            raise ConfigurationError(f"{place}: YAML read this key as {_shape(key)}; put it in quotes")
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                words += split(key)
            elif item is False:
                words += split(f"no-{key}")
            elif item is not None:
                words += split(key) + _words(item, place)
    return words


def _port(value: Any, yaml_path: str) -> str:
    return "" if value is None else "".join(_words(value, yaml_path))


def endpoint(address: str, port: Any) -> str:
    """`address:port` as HAProxy writes it; an IPv6 address is put in brackets."""
    if port is None or port == "":
        return address
    bare = address.count(":") > 1 and not address.startswith("[")
    return f"[{address}]:{port}" if bare else f"{address}:{port}"


def _words(value: Any, yaml_path: str) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigurationError(f"{yaml_path}: one value is expected here, not {_shape(value)}")
    try:
        return split(str(value).strip())
    except ConfigurationError as error:
        raise ConfigurationError(f"{yaml_path}: {error}") from None


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    return "nothing" if value is None else f"'{value}'"
