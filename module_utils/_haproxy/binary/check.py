# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a configuration with the installed binary and give each message the YAML path it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .. import commands
from ..config.model import Configuration, ConfigurationError, Directive, Section
from ..config.redact import MASK, all_secrets, mask
from ..config.syntax import numbered_lines
from ..config.words import unquote
from . import keywords

_LEVEL = re.compile(r"^\[(ALERT|WARNING|NOTICE|DIAG)\]\s*\(\d+\) : (.*)$")
_POSITION = re.compile(r"(?:(?:config : )?parsing )?\[(?P<file>[^\]]+):(?P<line>\d+)\](?:\s*:)?\s*")
_SERVER = re.compile(r"'server (?P<backend>[^/']+)/(?P<server>[^']+)'")
_PROXY = re.compile(r"(?i)\b(?:proxy|frontend|backend|listen) '(?P<name>[^']+)'")

# Messages that only sum up the preceding ones.
_SUMMARIES = (
    "Fatal errors found in configuration",
    "Error(s) found in configuration file",
    "haproxy version is",
    "path to executable is",
    "Some protocols failed to start their listeners",
    "Failed to initialize server(s) addr",
)

# Text that HAProxy quotes: a name or a path that it looked for.
_NAMED = re.compile(r"'([^']+)'|<([^>]+)>|(?<= )(/[^\s'>]+?)(?=[.:]?(?:\s|$))")

# `haproxy -c` of 50,000 servers takes half a second; a name that does not resolve takes as long as the resolver.
_TIMEOUT = 120


class Message(NamedTuple):
    """One message: `level` (ALERT, WARNING, ...), HAProxy's text, and, if known, the YAML path and the line."""

    level: str
    text: str
    yaml_path: str
    line: str
    directive: Directive | None = None

    def __str__(self) -> str:
        """Return the message for people: YAML path, text, the user's own line."""
        path = f"{self.yaml_path}: " if self.yaml_path else ""
        line = f" (in the line `{self.line}`)" if self.line else ""
        return f"{path}{self.text}{line}"


def check(binary: str, path: str, configuration: Configuration) -> list[Message]:
    """Return the warnings of `binary -c` for the file at `path`, which is `configuration` rendered, and our own.

    Raise `ConfigurationError` with every alert if HAProxy refuses the file, and also if it is valid but listens
    nowhere (exit status 2): a reload to such a file succeeds and stops the service.
    """
    process = _run_check(binary, path)
    messages = [
        message._replace(text=keywords.explain_message(message.text, message.directive, binary))
        for message in parse_messages(process.stderr + process.stdout, path, configuration)
    ]
    if process.status == 0:
        return [message for message in messages if message.level == "WARNING"] + _warn_of_milliseconds(configuration)
    alerts = [str(message) for message in messages if message.level == "ALERT"]
    if process.status == 2 and not alerts:
        alerts = ["the configuration is valid, but no frontend listens anywhere: HAProxy would serve nothing"]
    if process.status < 0:
        alerts.append(f"{binary} -c was ended by signal {-process.status}")
    raise ConfigurationError(
        alerts or [(process.stderr or process.stdout).strip() or "haproxy -c failed without a message"]
    )


def _warn_of_milliseconds(configuration: Configuration) -> list[Message]:
    """Warn of timeouts in milliseconds (manual, 2.5) that probably mean seconds: `timeout client 60`."""
    return [
        Message(
            "WARNING",
            f"{line.arguments[1]} without a unit is in milliseconds; write {line.arguments[1]}s for seconds, or "
            f"{line.arguments[1]}ms",
            line.yaml_path,
            line.text,
        )
        for section in configuration.sections
        for line in section.directives
        if line.keyword == "timeout" and re.fullmatch(r"[1-9]\d{0,2}", "".join(line.arguments[1:]))
    ]


def check_any_file(binary: str, path: str) -> tuple[int, list[tuple[str, str, int]]]:
    """Return the exit status of `binary -c` for any file, and its messages: level, text, number of the line or 0."""
    process = _run_check(binary, path)
    found = []
    for level, text in _split_messages(process.stderr + process.stdout):
        position = _POSITION.search(text)
        if position and position["file"] == path:
            text = text[: position.start()] + text[position.end() :]
            found.append((level, text.strip(), int(position["line"])))
        else:
            found.append((level, text.strip(), 0))
    return process.status, found


def _run_check(binary: str, path: str) -> commands.Finished:
    try:
        return commands.run(binary, "-c", "-f", path, limit=_TIMEOUT)
    except TimeoutError:
        raise ConfigurationError(f"{binary} -c did not end within {_TIMEOUT} s; does a name not resolve?") from None
    except OSError as error:
        raise ConfigurationError(f"{binary} cannot be run to check the configuration: {error.strerror}") from None


def parse_messages(output: str, path: str, configuration: Configuration) -> list[Message]:
    """Return the messages in HAProxy's output about the file at `path`, which is `configuration` rendered."""
    messages = _split_messages(output)
    if not messages:
        return []
    file = _File(path, configuration, list(numbered_lines(configuration)), all_secrets(configuration))
    return [file.message(level, text) for level, text in messages]


def _split_messages(output: str) -> list[tuple[str, str]]:
    """Return level and text of each message, without those that only sum up others."""
    gathered: list[tuple[str, str]] = []
    for raw in output.splitlines():
        found = _LEVEL.match(raw)
        if found:
            gathered.append((found.group(1), found.group(2).strip()))
        elif raw.strip() and gathered and raw.startswith((" ", "|")):
            level, text = gathered[-1]
            gathered[-1] = level, f"{text} {raw.strip(' |')}"
    return [(level, text) for level, text in gathered if not any(summary in text for summary in _SUMMARIES)]


class _File(NamedTuple):
    """The file that HAProxy has read: its path, the configuration, its lines, its secrets."""

    path: str
    configuration: Configuration
    lines: list[tuple[str, Section | None, Directive | None]]
    secrets: set[str]

    def message(self, level: str, text: str) -> Message:
        """Return HAProxy's message with the YAML path it is about."""
        position = _POSITION.search(text)
        section: Section | None = None
        directive: Directive | None = None
        if position:
            section, directive = self._line(position["file"], position["line"])
            text = text[: position.start()] + text[position.end() :]
        text = re.sub(r"^config ?: ", "", text.strip()).replace(f" in file '{self.path}'", "")
        # A second line in the text: `(at FILE:9)`, `already defined at line 11`.
        text = re.sub(rf"(?:\bline |{re.escape(self.path)}:)(\d+)", self._replace_line_number, text)
        section, directive = self._locate(text, section, directive)
        yaml_path = (directive.yaml_path if directive else "") or (section.yaml_path if section else "")
        return Message(level, self._clean(text), yaml_path, mask(directive) if directive else "", directive)

    def _locate(
        self, text: str, section: Section | None, directive: Directive | None
    ) -> tuple[Section | None, Directive | None]:
        """Return the section and the directive by the names in the text, as far as the position does not give them."""
        server, proxy = _SERVER.search(text), _PROXY.search(text)
        if section is None and (server or proxy):
            section = self._proxy(server["backend"] if server else proxy["name"] if proxy else "")
        if directive is None and server and section:
            directive = _find_server(section, server["server"])
        if directive is None:
            within = [section] if section else self.configuration.sections
            section, directive = _find_user(text, within) or (section, None)
        return section, directive

    def _clean(self, text: str) -> str:
        """Return the text without secrets and control characters."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return "".join(char if char.isprintable() else "?" for char in text)

    def _line(self, path: str, number: str) -> tuple[Section | None, Directive | None]:
        """Return the section and the directive at a line of a file."""
        if path != self.path or int(number) > len(self.lines):
            return None, None
        return self.lines[int(number) - 1][1:]

    def _replace_line_number(self, found: re.Match[str]) -> str:
        """Return the YAML path of a line number that a message mentions, the text unchanged if it has none."""
        section, directive = self._line(self.path, found[1])
        return (directive.yaml_path if directive else "") or (section.yaml_path if section else "") or found[0]

    def _proxy(self, name: str) -> Section | None:
        """Return the proxy of this name."""
        found = (self.configuration.section(kind, name) for kind in ("frontend", "backend", "listen"))
        return next((section for section in found if section), None)


def _find_user(text: str, within: Iterable[Section]) -> tuple[Section, Directive] | None:
    """Return the line with the name or file that a message without a position is about."""
    quoted = {next(filter(None, groups)) for groups in _NAMED.findall(text)}
    words = {part for word in re.findall(r"[a-z][a-z_-]+", text) for part in (word, *word.split("-"))}
    files = {name for name in quoted if name.startswith("/")}
    best: tuple[int, Section, Directive] | None = None
    for section in within:
        for line in section.directives:
            if line.keyword == "server" and not files and "server" not in words:
                continue  # there may be tens of thousands, and the message is about none of them
            hits = sum(_mentions(line, name) for name in quoted if name != section.key[1])
            score = 4 * hits + 2 * (line.keyword in words) + (bool(line.arguments) and line.arguments[0] in words)
            if hits and (best is None or score > best[0]):
                best = score, section, line
    return best[1:] if best else None


def _mentions(line: Directive, name: str) -> bool:
    """Return whether a word of the line contains the name as a whole."""
    if name not in line.text:
        return False
    return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", unquote(word)) for word in line.arguments)


def _find_server(section: Section, name: str) -> Directive | None:
    return next(
        (line for line in section.directives if line.keyword == "server" and line.arguments[:1] == (name,)), None
    )
