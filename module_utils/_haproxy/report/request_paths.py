# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trace the paths of requests through a configuration, from bind to server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..config.words import unquote
from .annotations import TRANSPORTS, service_of
from .lines import Line, Part


class Hop(NamedTuple):
    """Describe one hop of a request's path.

    `kind` is listen, tcp (a TCP front end), condition, backend, servers or answer; `details` say what happens there;
    `lines` are numbers.
    """

    kind: str
    title: str
    details: tuple[str, ...]
    lines: tuple[int, ...]


class RequestPath(NamedTuple):
    """Hold the path of one kind of request: `key` for links, `group` (the service), `label`, the hops."""

    key: str
    group: str
    label: str
    hops: tuple[Hop, ...]


class _Proxy:
    """Index the lines of a section by keyword, with those of the `defaults` that it names."""

    def __init__(self, part: Part, named: Mapping[str, Part]) -> None:
        self.part = part
        self.name = part.name
        self.lines: dict[str, list[Line]] = {}
        header = part.lines[0].words
        parent = named.get(header[3]) if header[2:3] == ["from"] and len(header) == 4 else None
        for line in (*(parent.lines if parent else ()), *part.lines):
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
        """Return the rule that answers every request here, if there is one."""
        for line in self.get("http-request", "redirect"):
            text = " ".join(line.words)
            if re.match(r"(http-request )?(redirect|return) ", text) and not re.search(r" (if|unless) ", text):
                return line
        return next(iter(self.get("stats")), None)


def trace_paths(parts: list[Part]) -> Iterator[RequestPath]:
    """Yield the paths from a bind to a server, in the order of the frontends and of their rules."""
    named = {part.name: part for part in parts if part.kind == "defaults"}
    proxies = [_Proxy(part, named) for part in parts if part.kind in ("frontend", "backend", "listen")]
    fronts = [proxy for proxy in proxies if proxy.part.kind in ("frontend", "listen")]
    backs = {proxy.name: proxy for proxy in proxies if proxy.part.kind in ("backend", "listen")}
    tcp_front_ends = _tcp_front_ends(fronts, backs)
    seen: set[str] = set()
    for front in fronts:
        hops = (*tcp_front_ends.get(front.name, ()), _listen_hop(front))
        for name, line in _routes_to(backs, front):
            back = backs[name]
            # A route to the bind of another frontend is the beginning of that frontend's paths.
            if _leads_to_frontend(back, fronts):
                continue
            group, transport = service_of(name)
            group, label = (group, TRANSPORTS[transport]) if transport else (front.name, name)
            key = name if name not in seen else f"{front.name}/{name}"
            seen.add(key)
            yield RequestPath(key, group, label, (*hops, _condition_hop(front, line), *_backend_hops(back)))
        if front.part.kind == "listen" and front.get("server"):
            yield RequestPath(front.name, front.name, front.name, (*hops, *_backend_hops(front)))
        elif front.answer and not front.routes:
            label = _answer_label(front.answer)
            hop = Hop("answer", label.lower(), (" ".join(front.answer.words),), (front.answer.number,))
            yield RequestPath(front.name, front.name, label, (*hops, hop))


def _routes_to(backs: Mapping[str, _Proxy], front: _Proxy) -> Iterator[tuple[str, Line]]:
    """Yield each backend that the frontend sends requests to, with the first rule that does."""
    seen: set[str] = set()
    for pattern, line in front.routes:
        for name in _fitting(pattern, backs):
            if name not in seen:
                seen.add(name)
                yield name, line


def _fitting(pattern: str, backs: Mapping[str, _Proxy]) -> list[str]:
    """Return the backends that a rule may choose: `flash:%[so_name]` names every one that fits."""
    if "%[" not in pattern:
        return [pattern] if pattern in backs else []
    fits = re.compile(re.sub(r"%\\\[.*?\\\]", "[^:]+", re.escape(pattern)) + "$")
    return [name for name in backs if fits.match(name)]


def _answer_label(line: Line) -> str:
    """Return the kind of answer that a rule gives."""
    if "redirect" in line.words[:2]:
        return "Redirect"
    return "Statistics" if line.words[0] == "stats" else "Answer"


def _is_local(address: str) -> bool:
    """Return whether an address is a socket of this machine, which can join a backend to a frontend."""
    return address.startswith(("unix@", "abns@", "/"))


def _local_servers(back: _Proxy) -> set[str]:
    """Return the local sockets among a backend's servers, which may be binds of another frontend."""
    addresses = (unquote(line.words[2]) for line in back.get("server") if len(line.words) > 2)
    return {address for address in addresses if _is_local(address)}


def _binds(front: _Proxy) -> set[str]:
    """Return the addresses that a frontend listens on."""
    return {unquote(line.words[1]) for line in front.get("bind") if len(line.words) > 1}


def _leads_to_frontend(back: _Proxy, fronts: list[_Proxy]) -> bool:
    """Return whether a backend only hands connections to another frontend."""
    targets = _local_servers(back)
    return bool(targets) and any(targets & _binds(front) for front in fronts)


def _tcp_front_ends(fronts: list[_Proxy], backs: Mapping[str, _Proxy]) -> dict[str, tuple[Hop, ...]]:
    """Return frontend → the hop before it, for each that gets its connections from another frontend."""
    result: dict[str, tuple[Hop, ...]] = {}
    joined = {address: front for front in fronts for address in _binds(front) if _is_local(address)}
    if not joined:
        return result
    for before in fronts:
        for pattern, line in before.routes:
            for back in (backs[name] for name in _fitting(pattern, backs)):
                for address in _local_servers(back):
                    front = joined.get(address)
                    if front and front is not before:
                        result.setdefault(front.name, (_tcp_hop(before, line, back),))
    return result


def _tcp_hop(front: _Proxy, line: Line, back: _Proxy) -> Hop:
    """Return the hop of a TCP front end whose rule `line` hands connections to `back`."""
    listen = _listen_hop(front)
    lines = (*listen.lines, line.number, back.head, *(item.number for item in back.get("server")))
    return Hop("tcp", listen.title, (*listen.details, line.text.strip()), lines)


def _listen_hop(front: _Proxy) -> Hop:
    """Return the hop of a frontend's binds."""
    binds = front.get("bind")
    details = []
    for line in binds:
        words = line.words
        facts = [unquote(words[1])] if len(words) > 1 else []
        facts += ["TLS"] if "ssl" in words else []
        facts += [words[words.index("alpn") + 1].replace(",", ", ")] if "alpn" in words[:-1] else []
        details.append(" · ".join(facts))
    return Hop(
        "listen", f"{front.part.kind} {front.name}", tuple(details), (front.head, *(line.number for line in binds))
    )


def _condition_hop(front: _Proxy, line: Line) -> Hop:
    """Return the hop of a rule, with the ACLs that it names."""
    words = line.words[2:]
    names = {word.lstrip("!") for word in words}
    acls = [acl for acl in front.get("acl") if len(acl.words) > 2 and acl.words[1] in names]
    # A variable that the rule looks at was set by other rules.
    variables = re.findall(r"\bvar\(([\w.]+)\)", " ".join(line.words))
    acls += [
        rule for rule in front.get("http-request") if any(f"set-var({name})" in rule.words[1] for name in variables)
    ]
    details = [f"{acl.words[1]}: {' '.join(acl.words[2:])}" for acl in acls]
    return Hop(
        "condition",
        " ".join(words[1:] if words[:1] == ["if"] else words) or "no earlier rule matches",
        tuple(details),
        (line.number, *(acl.number for acl in acls)),
    )


def _backend_hops(back: _Proxy) -> Iterator[Hop]:
    """Yield the hops of a backend and of its servers."""
    rules = back.get("balance", "stick", "cookie", "hash-type")
    details = []
    for line in rules:
        text = " ".join(line.words[:3]) if line.words[0] == "stick" else " ".join(line.words)
        details.append(text if len(text) < 50 else f"{text[:45]} …")
    yield Hop(
        "backend",
        f"{back.part.kind} {back.name}",
        tuple(dict.fromkeys(details)),
        (back.head, *(line.number for line in rules)),
    )
    servers = back.get("server", "server-template")
    named = tuple(" ".join(unquote(word) for word in line.words[1:3]) for line in servers)
    yield Hop(
        "servers", f"{len(servers)} server{'' if len(servers) == 1 else 's'}", named, tuple(s.number for s in servers)
    )
