# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trace how requests go through a configuration, from bind to server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..config.words import unquote
from .annotations import TRANSPORTS, service_of
from .lines import Line, Part


class Hop(NamedTuple):
    """A station on a request's way: `kind` (listen, entrance, condition, backend, servers, answer), what it is called,
    what happens there, and the numbers of its lines."""

    kind: str
    title: str
    details: tuple[str, ...]
    lines: tuple[int, ...]


class RequestPath(NamedTuple):
    """The way of one kind of request: `key` for links, `group` (the service), `label`, the stations."""

    key: str
    group: str
    label: str
    steps: tuple[Hop, ...]


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


def trace_paths(parts: list[Part]) -> Iterator[RequestPath]:
    """The ways from a bind to a server, in the order of the frontends and of their rules."""
    proxies = [_Proxy(part) for part in parts if part.kind in ("frontend", "backend", "listen")]
    fronts = [proxy for proxy in proxies if proxy.part.kind in ("frontend", "listen")]
    backs = {proxy.name: proxy for proxy in proxies if proxy.part.kind in ("backend", "listen")}
    entrances = _tcp_front_ends(fronts, backs)
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
            yield RequestPath(key, group, label, steps)
        if front.part.kind == "listen" and front.get("server"):
            yield RequestPath(front.name, front.name, front.name, (*before, _listening(front), *_arriving(front)))
        elif front.answer and not front.routes:
            line = front.answer
            what = (
                "Redirect" if "redirect" in line.words[:2] else ("Statistics" if line.words[0] == "stats" else "Answer")
            )
            step = Hop("answer", what.lower(), (" ".join(line.words),), (line.number,))
            yield RequestPath(front.name, front.name, what, (*before, _listening(front), step))


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


def _tcp_front_ends(fronts: list[_Proxy], backs: Mapping[str, _Proxy]) -> dict[str, tuple[Hop, ...]]:
    """Frontend → what stands before it, where it listens on a socket that another frontend hands connections to."""
    result: dict[str, tuple[Hop, ...]] = {}
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
                        step = Hop(
                            "entrance", f"frontend {before.name}", (*listening.details, line.text.strip()), lines
                        )
                        result.setdefault(front.name, (step,))
    return result


def _listening(front: _Proxy) -> Hop:
    binds = front.get("bind")
    details = []
    for line in binds:
        words = line.words
        told = [_address(words[1])] if len(words) > 1 else []
        told += ["TLS"] if "ssl" in words else []
        told += [words[words.index("alpn") + 1].replace(",", ", ")] if "alpn" in words[:-1] else []
        details.append(" · ".join(told))
    return Hop(
        "listen", f"{front.part.kind} {front.name}", tuple(details), (front.head, *(line.number for line in binds))
    )


def _deciding(front: _Proxy, line: Line) -> Hop:
    """The rule, and the ACLs that it names."""
    words = line.words[2:]
    names = {word.lstrip("!") for word in words}
    acls = [acl for acl in front.get("acl") if len(acl.words) > 2 and acl.words[1] in names]
    details = [f"{acl.words[1]}: {' '.join(acl.words[2:])}" for acl in acls]
    return Hop(
        "condition",
        " ".join(words[1:] if words[:1] == ["if"] else words) or "nothing before fits",
        tuple(details),
        (line.number, *(acl.number for acl in acls)),
    )


def _arriving(back: _Proxy) -> Iterator[Hop]:
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
    named = tuple(" ".join(_address(word) for word in line.words[1:3]) for line in servers)
    yield Hop(
        "servers", f"{len(servers)} server{'' if len(servers) == 1 else 's'}", named, tuple(s.number for s in servers)
    )
