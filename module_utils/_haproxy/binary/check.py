# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the installed binary says of a configuration, each message at the line of YAML it came from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from ..config.model import Configuration, ConfigurationError, Directive, Section
from ..config.redact import MASK, all_secrets, mask
from ..config.syntax import numbered_lines
from ..config.words import unquote
from . import keywords

_LEVEL = re.compile(r"^\[(ALERT|WARNING|NOTICE|DIAG)\]\s*\(\d+\) : (.*)$")
_POSITION = re.compile(r"(?:(?:config : )?parsing )?\[(?P<file>[^\]]+):(?P<line>\d+)\](?:\s*:)?\s*")
_SERVER = re.compile(r"'server (?P<backend>[^/']+)/(?P<server>[^']+)'")
_PROXY = re.compile(r"(?i)\b(?:proxy|frontend|backend|listen) '(?P<name>[^']+)'")

# Lines that only sum up the ones before.
_SUMMARIES = (
    "Fatal errors found in configuration",
    "Error(s) found in configuration file",
    "haproxy version is",
    "path to executable is",
    "Some protocols failed to start their listeners",
    "Failed to initialize server(s) addr",
)

# What HAProxy quotes: a name or a path that it looked for.
_NAMED = re.compile(r"'([^']+)'|<([^>]+)>|(?<= )(/[^\s'>]+?)(?=[.:]?(?:\s|$))")

# `haproxy -c` of 50,000 servers takes half a second; a name that does not resolve takes the resolver's time.
_TIMEOUT = 120


class Message(NamedTuple):
    """One message: `level` (ALERT, WARNING, ...), HAProxy's words, the place in the YAML and the line, where known."""

    level: str
    text: str
    yaml_path: str
    line: str
    directive: Directive | None = None

    def __str__(self) -> str:
        """For people: place, words, the user's own line."""
        place = f"{self.yaml_path}: " if self.yaml_path else ""
        line = f" (in the line `{self.line}`)" if self.line else ""
        return f"{place}{self.text}{line}"


def check(binary: str, path: str, configuration: Configuration) -> list[Message]:
    """The warnings of `binary -c` for the file at `path`, which is `configuration` rendered, and our own.

    Raises `ConfigurationError` with every alert when the file is refused, and also when it is valid but listens
    nowhere (exit status 2): a reload to such a file succeeds and takes the service away.
    """
    process = _run_check(binary, path)
    messages = [
        message._replace(text=keywords.explain_message(message.text, message.directive, binary))
        for message in parse_messages(process.stderr + process.stdout, path, configuration)
    ]
    if process.returncode == 0:
        return [message for message in messages if message.level == "WARNING"] + _warn_of_milliseconds(configuration)
    alerts = [str(message) for message in messages if message.level == "ALERT"]
    if process.returncode == 2 and not alerts:
        alerts = ["the configuration is valid, but no frontend listens anywhere: HAProxy would serve nothing"]
    if process.returncode < 0:
        alerts.append(f"{binary} -c was ended by signal {-process.returncode}")
    raise ConfigurationError(
        alerts or [(process.stderr or process.stdout).strip() or "haproxy -c failed without a word"]
    )


def _warn_of_milliseconds(configuration: Configuration) -> list[Message]:
    """Timeouts that HAProxy takes for milliseconds (manual, 2.5) where few people mean them: `timeout client 60`."""
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
    """The exit status of `binary -c` for any file, and its messages: level, words, number of the line, 0 for none."""
    process = _run_check(binary, path)
    found = []
    for level, text in _split_messages(process.stderr + process.stdout):
        position = _POSITION.search(text)
        here = bool(position and position.group("file") == path)
        words = text[: position.start()] + text[position.end() :] if position and here else text
        found.append((level, words.strip(), int(position.group("line")) if position and here else 0))
    return process.returncode, found


def _run_check(binary: str, path: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [binary, "-c", "-f", path], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
    except OSError as error:
        raise ConfigurationError(f"{binary} cannot be run to check the configuration: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{binary} -c did not end within {_TIMEOUT} s; does a name not resolve?") from None


def parse_messages(output: str, path: str, configuration: Configuration) -> list[Message]:
    """The messages in HAProxy's output about the file at `path`, which is `configuration` rendered."""
    said = _split_messages(output)
    if not said:
        return []
    file = _File(path, configuration, list(numbered_lines(configuration)), all_secrets(configuration))
    return [file.message(level, text) for level, text in said]


def _split_messages(output: str) -> list[tuple[str, str]]:
    """Level and words of each message, those left out that only sum up the ones before."""
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
    """What HAProxy has read: the path, the configuration, its lines, its secrets."""

    path: str
    configuration: Configuration
    lines: list[tuple[str, Section | None, Directive | None]]
    secrets: set[str]

    def message(self, level: str, text: str) -> Message:
        """HAProxy's words with their place."""
        section: Section | None = None
        directive: Directive | None = None
        found = _POSITION.search(text)
        if found:
            section, directive = self.line(found["file"], found["line"])
            text = text[: found.start()] + text[found.end() :]
        text = re.sub(r"^config ?: ", "", text.strip()).replace(f" in file '{self.path}'", "")
        # A second place in the text: `(at FILE:9)`, `already defined at line 11`.
        text = re.sub(rf"(?:\bline |{re.escape(self.path)}:)(\d+)", self.other, text)
        server = _SERVER.search(text)
        proxy = _PROXY.search(text)
        if section is None and (server or proxy):
            section = self.proxy(server["backend"] if server else proxy["name"] if proxy else "")
        if directive is None and server and section:
            directive = _find_server(section, server["server"])
        if directive is None:
            within = [section] if section else self.configuration.sections
            section, directive = _find_user(text, within) or (section, None)
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        text = "".join(char if char.isprintable() else "?" for char in text)
        yaml_path = (directive.yaml_path if directive else "") or (section.yaml_path if section else "")
        return Message(level, text, yaml_path, mask(directive) if directive else "", directive)

    def line(self, path: str, number: str) -> tuple[Section | None, Directive | None]:
        """What stands at this place."""
        if path != self.path or int(number) > len(self.lines):
            return None, None
        return self.lines[int(number) - 1][1:]

    def other(self, place: re.Match[str]) -> str:
        """Another place that a message speaks of."""
        section, directive = self.line(self.path, place[1])
        return (directive.yaml_path if directive else "") or (section.yaml_path if section else "") or place[0]

    def proxy(self, name: str) -> Section | None:
        """The proxy of this name."""
        found = (self.configuration.section(kind, name) for kind in ("frontend", "backend", "listen"))
        return next((section for section in found if section), None)


def _find_user(text: str, within: Iterable[Section]) -> tuple[Section, Directive] | None:
    """The line that uses the name or file that a message without a position is about."""
    quoted = {next(filter(None, groups)) for groups in _NAMED.findall(text)}
    words = {part for word in re.findall(r"[a-z][a-z_-]+", text) for part in (word, *word.split("-"))}
    files = {name for name in quoted if name.startswith("/")}
    best: tuple[int, Section, Directive] | None = None
    for section in within:
        for line in section.directives:
            if line.keyword == "server" and not files and "server" not in words:
                continue  # tens of thousands, of which none is meant
            hits = sum(_mentions(line, name) for name in quoted if name != section.key[1])
            score = 4 * hits + 2 * (line.keyword in words) + (bool(line.arguments) and line.arguments[0] in words)
            if hits and (best is None or score > best[0]):
                best = score, section, line
    return best[1:] if best else None


def _mentions(line: Directive, name: str) -> bool:
    if name not in line.text:
        return False
    return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", unquote(word)) for word in line.arguments)


def _find_server(section: Section, name: str) -> Directive | None:
    return next(
        (line for line in section.directives if line.keyword == "server" and line.arguments[:1] == (name,)), None
    )
