# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render an explanation as one HTML page that fetches nothing and runs nothing of the configuration.

The policy in the page's head allows only this style and this script, by their hashes. All text of the configuration
is escaped. The script only sets the class `on` of lines.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from html import escape

from .explain import Explanation
from .lines import Line, Part
from .page_assets import SCRIPT, STYLE
from .request_paths import RequestPath

# The most lines in one block, which the browser lays out together.
_CHUNK = 100

# From this many lines on, the browser lays out only the blocks near the window.
_LONG = 1500

# The most details of one hop.
_DETAILS = 6

# Purpose → title and text.
Goals = dict[str, tuple[str, str]]

_HOPS = {
    "listen": "Arrives at",
    "tcp": "Sorted by its first bytes in",
    "condition": "If",
    "backend": "Goes to",
    "servers": "To one of",
    "answer": "Is answered",
}

_TARGETS = {"keyword": "k", "option": "o", "sample": "f", "name": "r", "string": "s", "number": "n", "comment": "c"}


def render_page(explanation: Explanation, title: str, about: Iterable[str] = (), refused: bool = False) -> str:
    """Return the page.

    `title` is the host's name, `about` are short facts above it (version, path); `refused`: HAProxy refuses the file.
    """
    return "".join(_page(explanation, title, list(about), refused))


def _page(explanation: Explanation, title: str, about: list[str], refused: bool) -> Iterator[str]:
    yield from _head(explanation, title)
    yield f'<p class="eyebrow">{escape(" · ".join(about))}</p>\n<h1>{escape(title)}</h1>\n'
    purpose = "What each line is for" if explanation.ours else "This file was not written by realtime.edge"
    yield (
        f'<p class="lede">{purpose}. Each keyword links to the manual of HAProxy {explanation.manual}. '
        "Choose a goal, or a kind of request, to highlight its lines.</p>\n"
    )
    yield from _problems(explanation, refused)
    yield '</div>\n<button type="button" id="theme" class="js">Light / dark</button></header>\n<div class="body">\n'
    yield from _rail(explanation)
    yield '<main id="file" tabindex="-1">\n'
    yield (
        '<div class="bar" id="bar" hidden><output aria-live="polite"><span></span><small></small></output>'
        '<button type="button" value="-1">Previous</button><button type="button" value="1">Next</button>'
        '<button type="button" value="all">Show all</button></div>\n<p class="text" id="text" hidden></p>\n'
    )
    yield f'<ol class="way" id="way" hidden></ol>\n{_paths(explanation.paths)}'
    goals = explanation.goals if explanation.ours else None
    shown: set[str] = set()
    for part in explanation.parts:
        yield from _part(part, goals, shown)
    yield "</main>\n</div>\n"
    yield (
        f"<footer>Made by realtime.edge. Links lead to the manual of HAProxy {explanation.manual} at docs.haproxy.org; "
        "the page itself fetches nothing.</footer>\n"
    )
    yield f"<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _head(explanation: Explanation, title: str) -> Iterator[str]:
    """Yield the page up to its heading, with the policy that allows only our style and script."""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(STYLE)}'",
            f"script-src '{_hash(SCRIPT)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    long = ' class="long"' if sum(1 for _line in explanation.lines) > _LONG else ""
    yield (
        f'<!doctype html>\n<html lang="en"{long}>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)} – HAProxy, explained</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#file">To the configuration</a>\n<header class="top"><div>'
    )


def _hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _problems(explanation: Explanation, refused: bool) -> Iterator[str]:
    found = explanation.problems
    if not found and not refused:
        return
    yield '<section class="problems" aria-labelledby="problems"><h2 id="problems">'
    yield "HAProxy refuses this file" if refused else "HAProxy accepts this file with warnings"
    yield "</h2><ul>\n"
    for level, text, number in found:
        place = f'<a href="#L{number}">Line {number}</a>: ' if number else ""
        yield f"<li>{place}{escape(level.lower())}: {escape(text)}</li>\n"
    yield "</ul></section>\n"


def _rail(explanation: Explanation) -> Iterator[str]:
    """Yield the choices and the list of sections."""
    yield '<div class="rail"><div>\n<form name="view" class="js" aria-label="What to highlight">\n'
    yield f"<fieldset><legend>Show</legend>{_choice('all:', 'Everything')}</fieldset>\n"
    goals = explanation.goals
    if goals:
        yield "<fieldset><legend>Goals</legend>\n"
        for goal, (name, text) in goals.items():
            yield _choice(f"goal:{goal}", name, [line for line in explanation.lines if line.purpose == goal], text)
        yield "</fieldset>\n"
    if explanation.paths:
        yield "<fieldset><legend>Request paths</legend>\n"
        for number, path in enumerate(explanation.paths):
            yield (
                f'<label><input type="radio" name="view" value="path:{escape(path.key)}" data-way="{number}">'
                f"<span>{escape(_name(path))}</span></label>\n"
            )
        yield "</fieldset>\n"
    owners = sorted({line.owner for line in explanation.lines if line.owner})
    if owners:
        yield "<fieldset><legend>Contributors</legend>\n"
        for owner in owners:
            yield _choice(f"owner:{owner}", owner, [line for line in explanation.lines if line.owner == owner])
        yield "</fieldset>\n"
    yield '</form>\n<nav class="outline" aria-labelledby="outline"><h2 id="outline">Sections</h2><ul>\n'
    for part in explanation.parts:
        if part.kind:
            yield f'<li><a href="#{escape(part.key)}">{escape(part.kind)} <b>{escape(part.name)}</b></a></li>\n'
    yield "</ul></nav>\n</div></div>\n"


def _choice(value: str, name: str, lines: Iterable[Line] = (), text: str = "") -> str:
    """Return one choice. Its comments are highlighted, too, but not counted."""
    count = sum(1 for line in lines if line.words)
    data = f' data-title="{escape(name)}" data-text="{escape(text)}" data-count="{_counted(count)}"'
    data += "" if count else " checked"
    shown = f'<span aria-hidden="true">{count}</span>' if count else ""
    return (
        f'<label><input type="radio" name="view" value="{escape(value)}"{data}><span>{escape(name)}</span>'
        f"{shown}</label>\n"
    )


def _counted(count: int) -> str:
    return f"{count} line{'s' * (count != 1)}"


def _name(path: RequestPath) -> str:
    """Return the name of a request path: service and kind."""
    return path.label if path.label.lower() == path.group.lower() else f"{path.group}: {path.label}"


def _shown(details: tuple[str, ...]) -> list[str]:
    """Return the first details of a hop, and how many more there are."""
    more = len(details) - _DETAILS
    return [*details[:_DETAILS], *([f"and {more} more"] if more > 0 else [])]


def _paths(paths: list[RequestPath]) -> str:
    """Return the paths as data; the script draws the chosen one, as a long file has a thousand of them.

    The browser does not run a block of data, and an escaped `<` cannot end it.
    """
    content = [
        {
            "title": f"Request path – {_name(path)}",
            "count": _counted(sum(len(hop.lines) for hop in path.hops)),
            "steps": [[_HOPS[hop.kind], hop.title, _shown(hop.details), hop.lines] for hop in path.hops],
        }
        for path in paths
    ]
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="ways">{data}</script>\n'


def _part(part: Part, goals: Goals | None, shown: set[str]) -> Iterator[str]:
    lines = part.lines
    attributes = ' aria-label="Head of the file"'
    if part.kind:
        attributes = f' id="{escape(part.key)}" aria-labelledby="L{lines[0].number}"'
    yield f'<section class="part"{attributes}>\n'
    if part.kind:
        yield f"{_line(lines[0], 'h2')}\n"
        lines = lines[1:]
    for block in _blocks(lines):
        yield from _block(block, goals, shown)
    yield "</section>\n"


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Yield blocks of lines with one purpose and one contributor, not too long."""
    block: list[Line] = []
    for line in lines:
        if block and ((line.purpose, line.owner) != (block[0].purpose, block[0].owner) or len(block) >= _CHUNK):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _block(block: list[Line], goals: Goals | None, shown: set[str]) -> Iterator[str]:
    goal = block[0].purpose
    note = "".join(_note(block, goal, goals, shown)) if goals is not None else ""
    classes = "block" + (" noted" if note else "") + (" bare" if goals is None else "")
    classes += " chunk" if len(block) >= _CHUNK else ""
    data = f' data-goal="{escape(goal)}"' if goal else ""
    yield f'<div class="{classes}"{data}><pre>{"".join(_line(line) for line in block)}</pre>{note}</div>\n'


def _note(block: list[Line], goal: str, goals: Goals, shown: set[str]) -> Iterator[str]:
    """Yield the notes beside a block: its goal, explained at its first block, and notes on single lines."""
    notes = [line for line in block if line.note]
    owner = block[0].owner
    if not goal and not notes and not owner:
        return
    yield '<div class="note">'
    if goal:
        name, text = goals[goal]
        first = goal not in shown
        shown.add(goal)
        yield f"<h3>{escape(name)}</h3>" if first else f'<h3><a href="#goal={escape(goal)}">{escape(name)}</a></h3>'
        if first and text:
            yield f"<p>{escape(text)}</p>"
    for line in notes:
        yield f"<p><code>{escape(' '.join(line.words[:2]))[:60]}</code> {escape(line.note)}</p>"
    if owner:
        yield f'<p><span class="own">from {escape(owner)}</span></p>'
    yield "</div>"


def _line(line: Line, tag: str = "span") -> str:
    pieces = []
    at = 0
    for mark in line.marks:
        pieces.append(escape(line.text[at : mark.start]))
        text, name = escape(line.text[mark.start : mark.end]), _TARGETS[mark.kind]
        if mark.target:
            pieces.append(f'<a class="{name}" href="{escape(mark.target)}">{text}</a>')
        else:
            pieces.append(f'<span class="{name}">{text}</span>')
        at = mark.end
    pieces.append(escape(line.text[at:]))
    pieces += [f'<span class="msg">{escape(level.lower())}: {escape(text)}</span>' for level, text in line.messages]
    owner = f' data-owner="{escape(line.owner)}"' if line.owner else ""
    bad = " bad" if line.messages else ""
    return f'<{tag} class="line{bad}" id="L{line.number}" data-n="{line.number}"{owner}>{"".join(pieces)}</{tag}>'
