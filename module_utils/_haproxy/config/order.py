# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Know where the order of the lines of a section matters to HAProxy, so that the others can be a YAML mapping.

HAProxy reads a section from its first line to its last, and some lines change what it makes of the later ones
(`default-server`), or replace what the earlier ones set (`log-format`). Where that is not known, the order counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from .keywords import is_keyword
from .model import Directive

# Keywords whose first argument names a setting: a mapping of these is what people combine.
NAMED_SETTINGS = frozenset(("option", "timeout"))

# Only these options are values of one setting, where the last line wins.
_OPTION_GROUPS = (
    ("log", frozenset(("httplog", "httpslog", "tcplog"))),
    ("connection", frozenset(("http-keep-alive", "http-server-close", "http-tunnel", "httpclose", "forceclose"))),
    ("destination", frozenset(("dispatch", "http_proxy", "transparent"))),
)

_PROXIES = frozenset(("backend", "defaults", "frontend", "listen"))

# Section → groups of keywords: within a group, the order of lines matters.
_GROUPS: dict[str, tuple[frozenset[str], ...]] = {
    "proxy": tuple(
        frozenset(words.split())
        for words in (
            "error-log-format log-format log-format-sd option:log",
            "default-server server server-template",
            "external-check http-check option:check tcp-check",
            "errorfile errorfiles errorloc errorloc302 errorloc303 http-error",
            "disabled enabled",
            "capture declare",
            "dispatch option:destination transparent",
            "option:connection",
        )
    ),
    "global": tuple(
        frozenset(words.split())
        for words in (
            "cpu-map cpu-policy cpu-set nbproc nbthread numa-cpu-mapping thread-group thread-groups thread-hard-limit",
            "gid group stats uid unix-bind user",
            "maxconn maxsslconn ulimit-n",
            "set-var set-var-fmt",
        )
    ),
    "crt-store": (frozenset(("crt-base", "key-base", "load")),),
    "peers": (frozenset(("bind", "default-bind", "default-server", "peer", "server", "table")),),
    "ring": (frozenset(("backing-file", "format", "maxlen", "size")), frozenset(("default-server", "server"))),
    **dict.fromkeys(
        "acme cache fcgi-app http-errors log-forward log-profile mailers program resolvers traces userlist".split(), ()
    ),
}

# Keywords of `global` that change how HAProxy reads the lines after them, or the scripts that it runs there.
_READ_FIRST = (
    "default-path expose- insecure- lua- module presetenv quick-exit resetenv set-dumpable setenv ssl- unsetenv wait"
).split()

# Lines with conditions that `arrange` leaves where they are.
_CONDITIONAL = frozenset(("force-persist", "ignore-persist", "pass-header", "set-param", "stats", "stick"))


def split_negation(line: Directive) -> tuple[str, tuple[str, ...], bool]:
    """Return keyword, arguments, and whether the line negates them: `no option x`, `no log`."""
    rest = line.arguments
    if line.keyword == "no" and (len(rest) == 1 or (len(rest) == 2 and rest[0] == "option")):
        return rest[0], rest[1:], True
    return line.keyword, rest, False


class FreeLines:
    """Lines of one section of this kind whose order does not matter, except among those of one keyword."""

    def __init__(self, kind: str) -> None:
        """Start empty."""
        self.lines: dict[str, list[Directive]] = {}
        self._kind = kind
        self._groups: dict[str, str] = {}
        self._settings: set[tuple[str, str]] = set()
        self._negated: set[str] = set()
        self._last = ""

    def accepts(self, line: Directive) -> bool:
        """Return whether a mapping can hold the line with those that are there."""
        keyword, arguments, negated = split_negation(line)
        if keyword in NAMED_SETTINGS and (not arguments or (keyword, arguments[0]) in self._settings):
            return False
        if keyword not in NAMED_SETTINGS and (negated or keyword in self._negated) and keyword in self.lines:
            return False
        owner, groups = self._owner_and_groups(keyword, arguments)
        if "*" in groups and self.lines.keys() - {keyword}:
            return False
        return all(self._groups.get(group, owner) == owner for group in ("*", *groups))

    def add(self, line: Directive) -> None:
        """Add a line that is accepted."""
        keyword, arguments, negated = split_negation(line)
        owner, groups = self._owner_and_groups(keyword, arguments)
        self._groups.update((group, owner) for group in groups)
        if keyword in NAMED_SETTINGS:
            self._settings.add((keyword, arguments[0]))
        if negated:
            self._negated.add(keyword)
        self.lines.setdefault(keyword, []).append(line)
        self._last = keyword

    def keeps_order(self, line: Directive) -> bool:
        """Return whether there are lines whose order with this one is kept, as they have the same keyword."""
        keyword = split_negation(line)[0]
        return keyword in self.lines and keyword not in NAMED_SETTINGS

    def moves(self, line: Directive) -> bool:
        """Return whether the line would stand before lines that precede it now."""
        keyword = split_negation(line)[0]
        return keyword in self.lines and keyword != self._last

    def _owner_and_groups(self, keyword: str, arguments: tuple[str, ...]) -> tuple[str, list[str]]:
        # The lines of one keyword keep their order, but not the settings of a mapping.
        owner = f"{keyword} {arguments[0]}" if keyword in NAMED_SETTINGS else keyword
        return owner, list(self._groups_of(keyword, arguments))

    def _groups_of(self, keyword: str, arguments: tuple[str, ...]) -> Iterator[str]:
        """Yield the groups of a line; `*` is the one of lines that matter to all others."""
        kind = "proxy" if self._kind in _PROXIES else self._kind
        if kind not in _GROUPS or not is_keyword(keyword) or keyword[0] == "." or keyword in ("default", "no"):
            yield "*"
            return
        if kind == "global" and keyword.startswith(tuple(_READ_FIRST)):
            yield "*"
        if kind == "proxy" and keyword == "mode" and arguments not in (("http",), ("tcp",)):
            yield "*"
        names = {keyword, *(f"{keyword}:{name}" for name in _option_groups(keyword, arguments))}
        yield from (str(number) for number, group in enumerate(_GROUPS[kind]) if names & group)
        # Conditions name ACLs that stand before them; `arrange` puts the rules of requests behind all others.
        if keyword == "acl" or (keyword in _CONDITIONAL and {"if", "unless"} & {*arguments}):
            yield "acl"
        # `observe layer7` asks for `mode http` before it.
        if keyword == "mode" or "observe" in arguments:
            yield "mode"


def _option_groups(keyword: str, arguments: tuple[str, ...]) -> Iterator[str]:
    if keyword == "option" and arguments:
        if arguments[0].endswith(("chk", "check")):
            yield "check"
        yield from (name for name, options in _OPTION_GROUPS if arguments[0] in options)
