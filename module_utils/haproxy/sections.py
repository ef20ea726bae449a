# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML under HAProxy's own keywords, to the model and back.

    kind → name → keyword → value      `frontend: {web: {bind: ":80"}}`

A scalar is one line, `true` the bare keyword, `false` HAProxy's negation (`no ...`), `null` nothing; a list is one
line each; a mapping is one line a key. A mapping inside those (`server: [{name: a, address: 10.0.0.1, port: 80}]`)
is the options of one line. Values are HAProxy's text: its quoting rules hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .model import Configuration, ConfigurationError, Directive, Section, meant
from .syntax import SECTIONS, UNNAMED, split

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


def _rank(directive: Directive) -> int:
    first = directive.arguments[0] if directive.arguments else ""
    return _FAMILIES.get((directive.keyword, first)) or _FAMILIES.get((directive.keyword, ""), 0)


def arrange(section: Section) -> Section:
    """The section with its rules in the order in which HAProxy evaluates them; everything else keeps its place before.

    Within a family nothing moves. A section with conditional blocks (`.if`) is left alone: there the place matters.
    """
    if any(directive.keyword.startswith(".") for directive in section.directives):
        return section
    return Section(section.kind, section.name, tuple(sorted(section.directives, key=_rank)), section.origin)


def from_data(data: Any, origin: str = "haproxy_sections") -> Configuration:
    """The model of a mapping (or of a list of mappings, where the same kind is needed twice).

    Raises `ConfigurationError` with every place that cannot be read.
    """
    problems: list[str] = []
    sections: list[Section] = []
    parts = data if isinstance(data, list) else [data]
    for number, part in enumerate(parts):
        place = f"{origin}[{number}]" if isinstance(data, list) else origin
        if part is None:
            continue
        if not isinstance(part, dict):
            problems.append(f"{place}: a mapping of section kinds is expected here, not {_shape(part)}")
            continue
        for kind, content in part.items():
            sections.extend(_kind(kind, content, f"{place}.{kind}", problems))
    if problems:
        raise ConfigurationError(problems)
    return Configuration(tuple(sections))


def to_data(configuration: Configuration) -> list[dict[str, Any]]:
    """The model as YAML data, one mapping a section; `from_data` reads it back to the same model, without purposes."""
    result: list[dict[str, Any]] = []
    for section in configuration.sections:
        body: dict[str, Any] = {}
        for directive in section.directives:
            body.setdefault(directive.keyword, []).append(" ".join(directive.arguments) or True)
        body = {keyword: values[0] if len(values) == 1 else values for keyword, values in body.items()}
        named = section.name and section.kind != "defaults"
        result.append({section.kind: {section.name: body}} if named else {section.header: body})
    return result


def _kind(kind: Any, content: Any, origin: str, problems: list[str]) -> Iterator[Section]:
    words = kind.split() if isinstance(kind, str) else []
    if not words or words[0] not in SECTIONS:
        problems.append(f"{origin}: '{kind}' is no section of HAProxy{meant(str(kind), SECTIONS)}")
        return
    if content is None:
        return
    if not isinstance(content, dict):
        problems.append(f"{origin}: a mapping is expected here, not {_shape(content)}")
        return
    if len(words) > 1 or words[0] in UNNAMED or words[0] == "defaults":
        yield _section(words[0], " ".join(words[1:]), content, origin, problems)
        return
    for name, body in content.items():
        place = f"{origin}.{name}"
        if body is not None and not isinstance(body, dict):
            problems.append(f"{place}: the keywords of {words[0]} '{name}' are expected here, not {_shape(body)}")
            continue
        yield _section(words[0], str(name), body or {}, place, problems)


def _section(kind: str, name: str, body: dict[Any, Any], origin: str, problems: list[str]) -> Section:
    directives: list[Directive] = []
    try:
        name = " ".join(split(name))
    except ConfigurationError as error:
        problems.append(f"{origin}: {error}")
    for keyword, value in body.items():
        place = f"{origin}.{keyword}"
        if not isinstance(keyword, str):
            problems.append(f"{place}: YAML read this key as {_shape(keyword)}; put it in quotes")
            continue
        directives.extend(_lines(keyword, value, place, problems))
    return arrange(Section(kind, name, tuple(directives), origin))


def _lines(prefix: str, value: Any, origin: str, problems: list[str], depth: int = 0) -> Iterator[Directive]:
    """The lines of one keyword; `depth` counts the mappings and lists around it."""
    if value is None:
        return
    if isinstance(value, list) and depth < 2:
        for number, item in enumerate(value):
            yield from _lines(prefix, item, f"{origin}[{number}]", problems, 2)
        return
    if isinstance(value, dict) and depth == 0:
        for key, item in value.items():
            place = f"{origin}.{key}"
            if isinstance(key, str):
                yield from _lines(f"{prefix} {key}", item, place, problems, 1)
            else:
                problems.append(f"{place}: YAML read this key as {_shape(key)}; put it in quotes")
        return
    try:
        words = split(prefix)
        if value is False:
            words.insert(0, "no")
        elif isinstance(value, dict):
            words += _options(value, origin)
        elif value is not True:
            words += _words(value, origin)
    except ConfigurationError as error:
        problems.extend(problem if problem.startswith(origin) else f"{origin}: {problem}" for problem in error.problems)
        return
    if words:
        yield Directive(words[0], tuple(words[1:]), origin=origin)


def _options(options: dict[Any, Any], origin: str) -> list[str]:
    """One line's options: `name`, then `address` with `port`, then each key with its value."""
    words: list[str] = []
    rest = dict(options)
    if "name" in rest:
        words += _words(rest.pop("name"), f"{origin}.name")
    if "address" in rest:
        address = "".join(_words(rest.pop("address"), f"{origin}.address"))
        words.append(endpoint(address, rest.pop("port", None)))
    for key, value in rest.items():
        place = f"{origin}.{key}"
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


def endpoint(address: str, port: Any) -> str:
    """`address:port` as HAProxy writes it; an IPv6 address is put in brackets."""
    if port is None or port == "":
        return address
    bare = address.count(":") > 1 and not address.startswith("[")
    return f"[{address}]:{port}" if bare else f"{address}:{port}"


def _words(value: Any, origin: str) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigurationError(f"{origin}: one value is expected here, not {_shape(value)}")
    try:
        return split(str(value).strip())
    except ConfigurationError as error:
        raise ConfigurationError(f"{origin}: {error}") from None


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    return "nothing" if value is None else f"'{value}'"
