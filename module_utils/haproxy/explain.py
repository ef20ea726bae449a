# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A configuration's text, explained: what each line is for, where the manual describes it, how a request goes through.

It reads the text line by line, as it is, so that a file of somebody else, a broken one too, is shown as it stands. Only
a file of ours has purposes; of any other nothing is claimed but what the manual says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .annotations import GOALS, NOTES, TRANSPORTS, service_of
from .manual import MANUALS
from .model import Directive
from .secrecy import MASK, replacements, secrets
from .syntax import SECTIONS, unquote

_MANUAL_URL = "https://docs.haproxy.org/{}/configuration.html#{}"

# The first line of every file of ours.
_OURS = re.compile(r"#+ *Managed by Ansible \(realtime\.edge\)")

# A word with its quotes and escapes, or a comment; an open quote runs to the end of the line.
_WORD = re.compile(r"""(?P<comment>\#.*)|(?P<word>(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.?|[^\s"'\\#])+)""")
# What the comment above a contributor's lines begins with.
_CONTRIBUTOR = "fragment "

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:us|ms|s|m|h|d|k|g)?$")
_NAME = re.compile(r"['\"]?([A-Za-z_][\w.+-]*)")
_MATCH = re.compile(r"_(?:beg|bin|dir|dom|end|found|int|ip|len|reg|str|sub)$")

_PROXIES = ("defaults", "frontend", "backend", "listen")
_RULES = ("http-request", "http-response", "http-after-response", "tcp-request", "tcp-response")
_FETCHES = ("7.3.2", "7.3.3", "7.3.4", "7.3.5", "7.3.6", "7.3.7")
_CONVERTERS = ("7.3.1",)

# Words behind which a sample expression follows, as the whole next word.
_EXPRESSION_AFTER = re.compile(
    r"(?:set-var\(.*|track-sc\d+|set-(?:src|dst)(?:-port)?|match|on|store-(?:request|response)|capture)$"
)

# What a word refers to → the kinds of section that may have this name.
_REFERENCES: dict[str, tuple[str, ...]] = {
    "use_backend": ("backend", "listen"),
    "default_backend": ("backend", "listen"),
    "table": ("peers", "backend", "frontend", "listen"),
    "resolvers": ("resolvers",),
    "errorfiles": ("http-errors",),
    "from": ("defaults",),
}


class Mark(NamedTuple):
    """Characters `start` to `end` of a line are a `kind` (keyword, option, sample, ...) and lead to `target`."""

    start: int
    end: int
    kind: str
    target: str = ""


@dataclass
class Line:
    """One line of the file: its number from 1, its text, what is in it, its purpose, and what HAProxy says of it.

    `words` are those of the directive, quotes included; `note` is what we say about it; `owner` the contributor that
    asked for it, where others than the services did.
    """

    number: int
    text: str
    words: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    purpose: str = ""
    note: str = ""
    owner: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Part:
    """A section with its lines; the lines before the first section have no `kind`. `key` names it in links."""

    kind: str
    name: str
    key: str
    lines: list[Line]


class Step(NamedTuple):
    """A station on a request's way: `kind` (listen, entrance, condition, backend, servers, answer), what it is called,
    what happens there, and the numbers of its lines."""

    kind: str
    title: str
    details: tuple[str, ...]
    lines: tuple[int, ...]


class Path(NamedTuple):
    """The way of one kind of request: `key` for links, `group` (the service), `label`, the stations."""

    key: str
    group: str
    label: str
    steps: tuple[Step, ...]


@dataclass
class Explanation:
    """Everything a page shows. `manual` is the version of the manual that is linked; `general` has the messages of
    HAProxy that belong to no line."""

    manual: str
    ours: bool
    parts: list[Part]
    paths: list[Path]
    general: list[tuple[str, str]]

    @property
    def lines(self) -> Iterator[Line]:
        """All lines in order."""
        return (line for part in self.parts for line in part.lines)

    @property
    def problems(self) -> list[tuple[str, str, int]]:
        """What HAProxy says: level, words, number of the line, 0 for none."""
        placed = [(level, text, line.number) for line in self.lines for level, text in line.messages]
        return [*placed, *((level, text, 0) for level, text in self.general)]

    @property
    def goals(self) -> dict[str, tuple[str, str]]:
        """Purpose → title and text, of the purposes that occur, in the order in which they are explained."""
        used = {line.purpose for line in self.lines if line.purpose}
        known = {purpose: GOALS[purpose] for purpose in GOALS if purpose in used}
        return {**known, **{purpose: (purpose.capitalize(), "") for purpose in sorted(used - set(known))}}


class Manual:
    """Where the manual of one version describes a keyword; the nearest older one stands in for one we lack."""

    def __init__(self, version: str) -> None:
        """Choose the manual for a version such as `3.0.11`; without one, the newest."""
        known = sorted(MANUALS, key=_number)
        wanted = _number(version)
        self.version = next((name for name in reversed(known) if not wanted or _number(name) <= wanted), known[0])
        self.sections = {section: frozenset(text.split("|")) for section, text in MANUALS[self.version].items()}
        self._own: dict[str, tuple[str, ...]] = {}

    def url(self, anchor: str) -> str:
        """The address of an anchor (`4.2-timeout client`), as haproxy-dconv writes it."""
        return _MANUAL_URL.format(self.version, anchor.replace(" ", "%20"))

    def find(self, sections: Iterable[str], words: list[str], most: int = 4) -> tuple[int, str]:
        """How many of the words are one keyword of these sections, and its anchor; (0, "") when they are none."""
        places = list(sections)
        for count in range(min(most, len(words)), 0, -1):
            keyword = " ".join(word.split("(", 1)[0] for word in words[:count])
            for section in places:
                if keyword in self.sections.get(section, ()):
                    return count, f"{section}-{keyword}"
        return 0, ""

    def of(self, kind: str) -> tuple[str, ...]:
        """The manual's sections that describe the keywords of a section of this kind, the likeliest first."""
        if kind not in self._own:
            self._own[kind] = tuple(self._describing(kind))
        return self._own[kind]

    def _describing(self, kind: str) -> Iterator[str]:
        if kind in _PROXIES:
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
        """The anchor of a sample fetch or converter; empty if it is none. `path_beg` is `path` with a match method."""
        for candidate in dict.fromkeys((name, _MATCH.sub("", name))):
            count, anchor = self.find(places, [candidate], 1)
            if count:
                return anchor
        return ""


def explain(
    text: str,
    version: str = "",
    messages: Iterable[tuple[str, str, int]] = (),
    owners: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain the text of a configuration file for HAProxy `version`.

    `messages` are HAProxy's: level, words, number of the line (0 for none). `owners`: service → the contributor who
    described it; lines that contributors wrote themselves say so in their comment. Secrets are masked. Never fails:
    what can't be read is shown as it is.
    """
    manual = Manual(version)
    hidden: set[str] = set()
    lines = [_without_secrets(line, hidden) for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    parts = _parts(lines)
    ours = bool(lines) and bool(_OURS.match(lines[0]))
    names = {part.key for part in parts}
    notes: set[str] = set()
    for part in parts:
        named = [line for line in part.lines if line.words[:1] == ["acl"] and len(line.words) > 1]
        acls = {line.words[1]: line.number for line in reversed(named)}
        purpose = ""
        served = (owners or {}).get(service_of(part.name)[0], "") if part.kind == "backend" else ""
        for line in part.lines:
            stripped = line.text.strip()
            if ours and not line.words:
                purpose = stripped.lstrip("# ") if part.kind else ""
            if stripped and purpose.startswith(_CONTRIBUTOR):
                line.owner = purpose[len(_CONTRIBUTOR) :]
            elif stripped:
                line.owner, line.purpose = served, purpose
            line.marks = _marks(line, part, manual, names, acls)
            if ours and line.words and not line.owner:
                line.note = _note(line.words, notes)
    numbered = {line.number: line for part in parts for line in part.lines}
    general = []
    for level, words, number in messages:
        for secret in sorted(hidden, key=len, reverse=True):
            words = words.replace(secret, MASK)
        if number in numbered:
            numbered[number].messages.append((level, words))
        else:
            general.append((level, words))
    return Explanation(manual.version, ours, parts, list(_paths(parts)), general)


def _without_secrets(text: str, hidden: set[str]) -> str:
    """A line with its secrets masked; also where a directive is put out of use by `#`. They are added to `hidden`."""
    begin = len(text) - len(text.lstrip(" \t#"))
    spans = [found.span("word") for found in _WORD.finditer(text, begin) if found["word"]]
    if not spans:
        return text
    words = [text[start:end] for start, end in spans]
    directive = Directive(words[0], tuple(words[1:]))
    masks = sorted(replacements(directive), reverse=True)
    if masks:
        hidden.update(secrets(directive))
    for position, masked in masks:
        start, end = spans[position]
        text = text[:start] + masked + text[end:]
    return text


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _parts(lines: list[str]) -> list[Part]:
    """The file's sections."""
    parts = [Part("", "", "", [])]
    taken: dict[str, int] = {}
    for number, text in enumerate(lines, 1):
        line = Line(number, text, [found["word"] for found in _WORD.finditer(text) if found["word"]])
        if line.words and line.words[0] in SECTIONS:
            kind, name = line.words[0], line.words[1] if len(line.words) > 1 else ""
            key = re.sub(r"[^\w.:-]+", "-", f"{kind}-{name}" if name else kind)
            taken[key] = taken.get(key, 0) + 1
            parts.append(Part(kind, name, key if taken[key] == 1 else f"{key}-{taken[key]}", []))
        parts[-1].lines.append(line)
    return parts if parts[0].lines or len(parts) == 1 else parts[1:]


def _note(words: list[str], told: set[str]) -> str:
    """What is worth knowing about a directive, once a file."""
    text = " ".join(words)
    found = max((start for start in NOTES if f"{text} ".startswith(f"{start} ")), key=len, default="")
    if not found or found in told:
        return ""
    told.add(found)
    return NOTES[found]


# What is in a line


def _marks(line: Line, part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]) -> list[Mark]:
    """The line's keywords, options, samples and references; none overlaps another, all in order."""
    spans = []
    marks = []
    for found in _WORD.finditer(line.text):
        if found["comment"]:
            marks.append(Mark(found.start(), found.end(), "comment"))
        else:
            spans.append((found.start(), found["word"]))
    if spans:
        marks += _of_directive(spans, part, manual, names, acls)
    ordered: list[Mark] = []
    for mark in sorted(marks):
        if not ordered or mark.start >= ordered[-1].end:
            ordered.append(mark)
    return ordered


def _of_directive(
    spans: list[tuple[int, str]], part: Part, manual: Manual, names: set[str], acls: Mapping[str, int]
) -> Iterator[Mark]:
    words = [word for _start, word in spans]

    def mark(first: int, count: int, kind: str, target: str = "") -> Mark:
        last = first + count - 1
        return Mark(spans[first][0], spans[last][0] + len(words[last]), kind, target)

    if words[0] in SECTIONS:
        anchor = _of_section(words[0], manual)
        yield mark(0, 1, "keyword", manual.url(anchor) if anchor else "")
        if len(words) > 1:
            yield mark(1, 1, "name")
        for number in range(2, len(words)):
            target = _reference(words, number, names)
            if target:
                yield mark(number, 1, "name", target)
        return
    first = 1 if words[0] in ("no", "default") and len(words) > 1 else 0
    count, anchor = manual.find(manual.of(part.kind), words[first:])
    if words[0].startswith("."):
        count, anchor = 1, "2.4"
    yield mark(0, first + max(count, 1), "keyword", manual.url(anchor) if count else "")
    at = first + max(count, 1)
    options = {"bind": "5.1", "server": "5.2", "default-server": "5.2", "server-template": "5.2"}.get(words[first], "")
    if words[first : first + 2] == ["stats", "socket"]:
        options = "5.1"
    if options and part.kind != "ring":
        # Behind the address (bind), or name and address (server), come options with their values.
        at += {"bind": 1, "stats": 1, "server": 2, "server-template": 3}.get(words[first], 0)
    elif words[first] in _RULES and at < len(words):
        # Before 3.0 the action was part of the keyword.
        count, anchor = manual.find(("4.4",), words[at:], 1)
        if count:
            yield mark(at, 1, "option", manual.url(anchor))
    condition = next((number for number in range(at, len(words)) if words[number] in ("if", "unless")), len(words))
    for number in range(first + 1, len(words)):
        start, word = spans[number]
        if number < at:
            pass
        elif number == condition:
            yield mark(number, 1, "option", manual.url("7.2"))
        elif options and word in manual.sections.get(options, ()):
            yield mark(number, 1, "option", manual.url(f"{options}-{word}"))
        elif number > condition and word.lstrip("!") in acls:
            yield mark(number, 1, "name", f"#L{acls[word.lstrip('!')]}")
        elif _expression(words, number):
            yield from _samples(word, start, 0, manual)
        elif _NUMBER.match(word):
            yield mark(number, 1, "number")
        target = _reference(words, number, names)
        if target:
            yield mark(number, 1, "name", target)
        if "%[" in word:
            for found in re.finditer(r"%\[", word):
                yield from _samples(word, start, found.end(), manual)
        elif word[0] in "\"'" and not _expression(words, number):
            yield mark(number, 1, "string")


def _of_section(kind: str, manual: Manual) -> str:
    """The anchor of what describes a kind of section."""
    if kind in _PROXIES:
        return "4"
    if kind == "global":
        return "3"
    place = next(iter(manual.of(kind)), "")
    return f"{place}-{kind}" if kind in manual.sections.get(place, ()) else place


def _reference(words: list[str], number: int, names: set[str]) -> str:
    """The link to the section that a word names; empty if it names none."""
    kinds = _REFERENCES.get(words[number - 1], ()) if number else ()
    name = words[number].split("/", 1)[0]
    target = next((f"{kind}-{name}" for kind in kinds if f"{kind}-{name}" in names), "")
    return f"#{target}" if target else ""


def _expression(words: list[str], number: int) -> bool:
    """Whether the word is a sample expression: that of an `acl`, of `{ ... }`, or what an action takes."""
    before = words[number - 1]
    if words[0] == "acl":
        return number == 2
    return before in ("{", "!{") or (number > 1 and bool(_EXPRESSION_AFTER.match(before)))


def _samples(word: str, start: int, position: int, manual: Manual) -> Iterator[Mark]:
    """The fetch and the converters of the expression at this position of a word."""
    places: tuple[str, ...] = _FETCHES
    while found := _NAME.match(word, position):
        anchor = manual.sample(found[1], places)
        if anchor:
            yield Mark(start + found.start(1), start + found.end(1), "sample", manual.url(anchor))
        position = _behind(word, found.end())
        if word[position : position + 1] != ",":
            return
        places, position = _CONVERTERS, position + 1


def _behind(word: str, position: int) -> int:
    """The position behind the arguments in parentheses, where some begin here."""
    depth = 0
    quote = ""
    while position < len(word):
        char = word[position]
        if quote:
            quote = "" if char == quote else quote
        elif depth and char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        if not depth and not quote and char != ")":
            return position
        position += 1
    return position


# How a request goes through


class _Proxy:
    """What the ways need of a section: lines by keyword."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.name = part.name
        self.lines: dict[str, list[Line]] = {}
        for line in part.lines:
            if line.words:
                self.lines.setdefault(line.words[0], []).append(line)

    def get(self, *keywords: str) -> list[Line]:
        return [line for keyword in keywords for line in self.lines.get(keyword, ())]

    @property
    def head(self) -> int:
        return self.part.lines[0].number

    @property
    def routes(self) -> list[tuple[str, Line]]:
        found = self.get("use_backend", "default_backend")
        return [(line.words[1], line) for line in found if len(line.words) > 1]

    @property
    def answer(self) -> Line | None:
        """The rule that answers every request here, if there is one."""
        for line in self.get("http-request", "redirect"):
            text = " ".join(line.words)
            if re.match(r"(http-request )?(redirect|return) ", text) and not re.search(r" (if|unless) ", text):
                return line
        return next(iter(self.get("stats")), None)


def _paths(parts: list[Part]) -> Iterator[Path]:
    """The ways from a bind to a server, in the order of the frontends and of their rules."""
    proxies = [_Proxy(part) for part in parts if part.kind in ("frontend", "backend", "listen")]
    fronts = [proxy for proxy in proxies if proxy.part.kind in ("frontend", "listen")]
    backs = {proxy.name: proxy for proxy in proxies if proxy.part.kind in ("backend", "listen")}
    entrances = _entrances(fronts, backs)
    seen: set[str] = set()
    for front in fronts:
        before = entrances.get(front.name, ())
        # A way that only leads to another frontend is part of that one's ways.
        routes = [(name, line) for name, line in front.routes if not (name in backs and _leads_on(backs[name], fronts))]
        for name, line in routes:
            back = backs.get(name)
            if back is None:
                continue
            group, transport = service_of(name)
            group, label = (group, TRANSPORTS[transport]) if transport else (front.name, name)
            key = name if name not in seen else f"{front.name}/{name}"
            seen.add(key)
            steps = (*before, _listening(front), _deciding(front, line), *_arriving(back))
            yield Path(key, group, label, steps)
        if front.part.kind == "listen" and front.get("server"):
            yield Path(front.name, front.name, front.name, (*before, _listening(front), *_arriving(front)))
        elif front.answer and not front.routes:
            line = front.answer
            what = (
                "Redirect" if "redirect" in line.words[:2] else ("Statistics" if line.words[0] == "stats" else "Answer")
            )
            step = Step("answer", what.lower(), (" ".join(line.words),), (line.number,))
            yield Path(front.name, front.name, what, (*before, _listening(front), step))


def _address(word: str) -> str:
    return unquote(word)


def _targets(back: _Proxy) -> set[str]:
    """Sockets of this machine that a backend's servers are, which may be binds of another frontend."""
    addresses = (_address(line.words[2]) for line in back.get("server") if len(line.words) > 2)
    return {address for address in addresses if address.startswith(("unix@", "abns@", "/"))}


def _binds(front: _Proxy) -> set[str]:
    return {_address(line.words[1]) for line in front.get("bind") if len(line.words) > 1}


def _leads_on(back: _Proxy, fronts: list[_Proxy]) -> bool:
    targets = _targets(back)
    return bool(targets) and any(targets & _binds(front) for front in fronts)


def _entrances(fronts: list[_Proxy], backs: Mapping[str, _Proxy]) -> dict[str, tuple[Step, ...]]:
    """Frontend → what stands before it, where it listens on a socket that another frontend hands connections to."""
    result: dict[str, tuple[Step, ...]] = {}
    joined = {
        address: front for front in fronts for address in _binds(front) if address.startswith(("unix@", "abns@", "/"))
    }
    if not joined:
        return result
    for before in fronts:
        for pattern, line in before.routes:
            # `flash:%[so_name]` names every backend that fits.
            fits = re.compile(re.sub(r"%\\\[.*?\\\]", "[^/]+", re.escape(pattern)) + "$")
            for back in (backs[name] for name in backs if fits.match(name)):
                for address in _targets(back):
                    front = joined.get(address)
                    if front and front is not before:
                        listening = _listening(before)
                        lines = (
                            *listening.lines,
                            line.number,
                            back.head,
                            *(item.number for item in back.get("server")),
                        )
                        step = Step(
                            "entrance", f"frontend {before.name}", (*listening.details, line.text.strip()), lines
                        )
                        result.setdefault(front.name, (step,))
    return result


def _listening(front: _Proxy) -> Step:
    binds = front.get("bind")
    details = []
    for line in binds:
        words = line.words
        told = [_address(words[1])] if len(words) > 1 else []
        told += ["TLS"] if "ssl" in words else []
        told += [words[words.index("alpn") + 1].replace(",", ", ")] if "alpn" in words[:-1] else []
        details.append(" · ".join(told))
    return Step(
        "listen", f"{front.part.kind} {front.name}", tuple(details), (front.head, *(line.number for line in binds))
    )


def _deciding(front: _Proxy, line: Line) -> Step:
    """The rule, and the ACLs that it names."""
    words = line.words[2:]
    names = {word.lstrip("!") for word in words}
    acls = [acl for acl in front.get("acl") if len(acl.words) > 2 and acl.words[1] in names]
    details = [f"{acl.words[1]}: {' '.join(acl.words[2:])}" for acl in acls]
    return Step(
        "condition",
        " ".join(words[1:] if words[:1] == ["if"] else words) or "nothing before fits",
        tuple(details),
        (line.number, *(acl.number for acl in acls)),
    )


def _arriving(back: _Proxy) -> Iterator[Step]:
    rules = back.get("balance", "stick", "cookie", "hash-type")
    details = []
    for line in rules:
        text = " ".join(line.words[:3]) if line.words[0] == "stick" else " ".join(line.words)
        details.append(text if len(text) < 50 else f"{text[:45]} …")
    yield Step(
        "backend",
        f"{back.part.kind} {back.name}",
        tuple(dict.fromkeys(details)),
        (back.head, *(line.number for line in rules)),
    )
    servers = back.get("server", "server-template")
    named = tuple(" ".join(_address(word) for word in line.words[1:3]) for line in servers)
    yield Step(
        "servers", f"{len(servers)} server{'' if len(servers) == 1 else 's'}", named, tuple(s.number for s in servers)
    )
