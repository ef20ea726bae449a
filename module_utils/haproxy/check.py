# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the installed binary says of a configuration, each message at the line of YAML it came from."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

from .model import Configuration, ConfigurationError, Directive, Section
from .syntax import lines

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
)

# `haproxy -c` of 50,000 servers takes half a second; a name that does not resolve takes the resolver's time.
_TIMEOUT = 120


class Message(NamedTuple):
    """One message: `level` (ALERT, WARNING, ...), HAProxy's words, the place in the YAML and the line, where known."""

    level: str
    text: str
    origin: str
    line: str

    def __str__(self) -> str:
        """For people: place, words, line."""
        place = f"{self.origin}: " if self.origin else ""
        line = f" (in the line `{self.line}`)" if self.line else ""
        return f"{place}{self.text}{line}"


def binary_version(binary: str) -> str:
    """The version a HAProxy binary says it has, such as `3.0.11` or `3.5-dev4`; empty if it can't be run or is none."""
    try:
        said = subprocess.run([binary, "-v"], capture_output=True, text=True, errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.match(r"HA-?Proxy version (\d+\.\d+(?:[.]\d+|-dev\d+)?)", said.stdout)
    return found[1] if found and said.returncode == 0 else ""


def version(binary: str, stated: str = "") -> tuple[int, ...]:
    """Major and minor version to write for: the binary's, else the stated one, else that of a version to come."""
    found = re.match(r"(\d+)\.(\d+)", binary_version(binary) or stated)
    return tuple(int(number) for number in found.groups()) if found else (99, 0)


def check(binary: str, path: str, configuration: Configuration) -> list[Message]:
    """The warnings of `binary -c` for the file at `path`, which is `configuration` rendered.

    Raises `ConfigurationError` with every alert when the file is refused, and also when it is valid but listens
    nowhere (exit status 2): a reload to such a file succeeds and takes the service away.
    """
    process = _run(binary, path)
    messages = read(process.stderr + process.stdout, path, configuration)
    if process.returncode == 0:
        return [message for message in messages if message.level == "WARNING"]
    alerts = [str(message) for message in messages if message.level == "ALERT"]
    if process.returncode == 2 and not alerts:
        alerts = ["the configuration is valid, but no frontend listens anywhere: HAProxy would serve nothing"]
    if process.returncode < 0:
        alerts.append(f"{binary} -c was ended by signal {-process.returncode}")
    raise ConfigurationError(
        alerts or [(process.stderr or process.stdout).strip() or "haproxy -c failed without a word"]
    )


def remarks(binary: str, path: str) -> tuple[int, list[tuple[str, str, int]]]:
    """The exit status of `binary -c` for any file, and its messages: level, words, number of the line, 0 for none."""
    process = _run(binary, path)
    found = []
    for level, text in _said(process.stderr + process.stdout):
        position = _POSITION.search(text)
        here = bool(position and position.group("file") == path)
        words = text[: position.start()] + text[position.end() :] if position and here else text
        found.append((level, words.strip(), int(position.group("line")) if position and here else 0))
    return process.returncode, found


def _run(binary: str, path: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [binary, "-c", "-f", path], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
    except OSError as error:
        raise ConfigurationError(f"{binary} cannot be run to check the configuration: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{binary} -c did not end within {_TIMEOUT} s; does a name not resolve?") from None


def read(output: str, path: str, configuration: Configuration) -> list[Message]:
    """The messages in HAProxy's output about the file at `path`, which is `configuration` rendered."""
    rendered = list(lines(configuration))
    return [_place(level, text, path, configuration, rendered) for level, text in _said(output)]


def _said(output: str) -> list[tuple[str, str]]:
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


Line = tuple[str, "Section | None", "Directive | None"]


def _place(level: str, text: str, path: str, configuration: Configuration, rendered: list[Line]) -> Message:
    section: Section | None = None
    directive: Directive | None = None
    found = _POSITION.search(text)
    if found:
        number = int(found.group("line")) - 1
        if found.group("file") == path and number < len(rendered):
            _text, section, directive = rendered[number]
        text = text[: found.start()] + text[found.end() :]
    server = _SERVER.search(text)
    if directive is None and server:
        section = section or _proxy(configuration, server.group("backend"))
        directive = _server(section, server.group("server")) if section else None
    proxy = _PROXY.search(text)
    if section is None and proxy:
        section = _proxy(configuration, proxy.group("name"))
    text = re.sub(r"^config : ", "", text.strip()).replace(f" in file '{path}'", "")
    origin = (directive.origin if directive else "") or (section.origin if section else "")
    return Message(level, text, origin, directive.text if directive else (section.header if section else ""))


def _proxy(configuration: Configuration, name: str) -> Section | None:
    kinds = ("frontend", "backend", "listen")
    return next((section for kind in kinds if (section := configuration.section(kind, name))), None)


def _server(section: Section, name: str) -> Directive | None:
    return next(
        (line for line in section.directives if line.keyword == "server" and line.arguments[:1] == (name,)), None
    )
