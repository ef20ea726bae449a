# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep servers that were removed in the file, with weight 0, until their last session has ended.

A worker that a reload starts knows only the servers in the file: without the line, the requests of a polling session
would go to other nodes, which refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..config.model import Configuration, Directive, split_name
from ..config.syntax import DRAINING
from ..runtime.servers import Name, Server
from .proxies import Proxy, parse_server, read_proxies, server_names

# What comes last on a server's line counts (configuration manual, 5.2).
_NO_NEW_CLIENTS = ("weight", "0")


def find_removed(present: Configuration, wanted: Configuration, observed: Mapping[Name, Server]) -> list[Name]:
    """Return the servers of the file that serves which are not wanted, and which the worker still has.

    A backend that is removed as a whole takes its servers along: no request finds its way to it any more. If nothing
    could be `observed`, the worker may have all of them.
    """
    after = server_names(wanted)
    return [
        (key[1], name)
        for key, names in server_names(present).items()
        for name in names
        if key in after and name not in after[key] and (not observed or (key[1], name) in observed)
    ]


def keep_servers(present: Configuration, wanted: Configuration, names: Iterable[Name]) -> Configuration:
    """Return the wanted configuration with these servers of `present` in it, at the end of their backends."""
    kept: dict[str, list[str]] = {}
    for backend, server in names:
        kept.setdefault(backend, []).append(server)
    if not kept:
        return wanted
    before, after = read_proxies(present), read_proxies(wanted)
    sections = []
    for section in wanted.sections:
        key = section.kind, split_name(section)[0]
        if key in after:
            lines = [_draining_line(name, before[key], after[key]) for name in kept.pop(key[1], ())]
            section = replace(section, directives=(*section.directives, *lines))
        sections.append(section)
    return replace(wanted, sections=tuple(sections))


def without_draining(configuration: Configuration) -> Configuration:
    """Return the configuration without the lines of servers that drain."""
    return replace(
        configuration,
        sections=tuple(
            replace(section, directives=tuple(line for line in section.directives if line.purpose != DRAINING))
            for section in configuration.sections
        ),
    )


def _draining_line(name: str, before: Proxy, after: Proxy) -> Directive:
    """Return the server's line with its options, whatever the new `default-server` says, and weight 0."""
    line = before.written[name]
    words = line.arguments[2:-2] if line.arguments[-2:] == _NO_NEW_CLIENTS else line.arguments[2:]
    name_and_address = line.arguments[:2]
    same = replace(line, arguments=(*name_and_address, *words, *_NO_NEW_CLIENTS), purpose=DRAINING)
    known = before.servers.get(name)
    told = parse_server(same, after.general)
    if known is None or (told and (told.options, told.maxconn) == (known.options, known.maxconn)):
        return same
    off = [f"no-{word}" for word in dict.fromkeys(after.general) if word in ("backup", "check", "check-ssl", "ssl")]
    off += [f"no-{word}" for word in dict.fromkeys(after.general) if word.startswith("send-proxy")]
    limit = ("maxconn", str(known.maxconn))
    return replace(same, arguments=(*name_and_address, *off, *before.inherited[name], *words, *limit, *_NO_NEW_CLIENTS))
