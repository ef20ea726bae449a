# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The change itself: checked before, written atomically, verified after, undone when it is refused.

In this form every difference is a reload. The serving worker carries a marker of the configuration that it loaded,
so that a file which was written but never loaded is noticed at the next run.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from . import check, runtime
from .fragments import merge
from .model import Configuration, ConfigurationError, Directive, Section
from .sections import from_data, to_data
from .syntax import INDENT, parse, quote, render, unquote

# The environment variable that tells which configuration a worker has loaded (`show env`).
MARKER = "REALTIME_EDGE_CONFIGURATION"

# The line above it, where the file has comments.
_COMMENT = f"{INDENT}# marker\n"

_BANNER = "Managed by Ansible (realtime.edge). Changes made here are replaced by the next run."

_TAKE_OVER = "where that process is an HAProxy which the role is to take over, allow it: haproxy_allow_restart: true"

# Files that change while HAProxy runs.
_WRITTEN_BY_HAPROXY = frozenset(("log", "pidfile", "server-state-file", "server-state-base"))

_PATH = re.compile(r"/[\w./@+~-]+")

# How long a new worker may take from the master's answer to its first answer, in seconds.
_SETTLE = 30.0


class Target(NamedTuple):
    """Where the configuration goes and who runs it.

    `path`: the file. `binary`: the program that has to run it; `link`: the symlink that the service starts, empty where
    the service starts the binary itself. `master`: the master CLI. `state`: folder of the last known good file.
    `group`: numeric group that may read the files, -1 to leave it.
    """

    path: str
    binary: str
    link: str
    master: str
    state: str
    group: int

    @property
    def good(self) -> str:
        """The last configuration that a worker was seen to serve."""
        return os.path.join(self.state, "last-known-good.cfg")

    @property
    def rejected(self) -> str:
        """The last text that was refused, for people to look at."""
        return self.path + ".rejected"


class Outcome(NamedTuple):
    """What was (or in check mode would be) done: `action` is unchanged, start or reload; `reasons` say why.

    `action` is about HAProxy: it can be unchanged where a record has changed, which then is a reason too. `before` and
    `after` are the texts of the file. `warnings` are HAProxy's. `checked` is false where no binary was there to ask.
    """

    action: str
    reasons: list[str]
    before: str
    after: str
    warnings: list[str]
    checked: bool


def mark(configuration: Configuration, binary: str) -> tuple[Configuration, str]:
    """The configuration with its marker in `global`, and the marker.

    The marker is a hash of all that a worker loads: the rest of the text, the program, the files it refers to.
    """
    digest = hashlib.sha256(f"{binary}\n{render(configuration)}{configuration.files}".encode())
    own = {path for path, _text in configuration.files}
    for path in _files(configuration):
        if path not in own:
            digest.update(path.encode() + _digest(path))
    value = digest.hexdigest()[:16]
    marker = Directive("setenv", (MARKER, value), "marker", "the role's defaults")
    head, rest = Section("global"), configuration.sections
    if rest and rest[0].kind == "global":
        head, rest = rest[0], rest[1:]
    # First: the section may end inside a condition (`.if`).
    marked = Section(head.kind, head.name, (marker, *head.directives), head.origin)
    return replace(configuration, sections=(marked, *rest), banner=_BANNER), value


def _files(configuration: Configuration) -> list[str]:
    """Certificates, maps, error pages, scripts: the files that the text names, and those of a folder after `crt`."""
    found: set[str] = set()
    for section in configuration.sections:
        for line in section.directives:
            if line.keyword in _WRITTEN_BY_HAPROXY:
                continue
            for before, word in zip((line.keyword, *line.arguments), line.arguments):
                if "/" not in word:
                    continue
                plain = unquote(word)
                if before == "crt" and os.path.isdir(plain):
                    found.update(entry.path for entry in os.scandir(plain) if entry.is_file())
                found.update(path for path in _PATH.findall(plain) if os.path.isfile(path))
    return sorted(found)


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return b""  # HAProxy will say it better, when it checks


def apply(
    configuration: Configuration,
    target: Target,
    check_mode: bool = False,
    restart: bool = False,
    records: tuple[tuple[str, str], ...] = (),
    warnings_fatal: bool = False,
) -> Outcome:
    """Make this configuration the one that serves, or change nothing. For callers that have their `turn`.

    With `restart` a HAProxy that is not ours may hold the ports: it will be restarted afterwards, by the caller.
    `records` (path, text; an empty text removes the file) say where the configuration came from: they change together
    with it or not at all, and are for root alone. With `warnings_fatal` a warning of HAProxy's refuses the text.

    Raises `ConfigurationError` when the text is refused (by `haproxy -c`, by a port that another process holds, or by
    the new worker): the file on disk is then the one that serves, and the refused text lies beside it.
    """
    marked, marker = mark(configuration, target.binary)
    text = render(marked)
    before = existing(target.path)
    running = runtime.answers(target.master)
    reasons = _reasons(text, marker, before, running, target) if not _adopted(before, configuration) else []
    reasons += [f"{path} is not as it should be" for path, content in marked.files if existing(path) != content]
    if not reasons:
        return Outcome("unchanged", record(records, check_mode), before, text, [], True)
    warnings: list[str] = []
    installed = os.access(target.binary, os.X_OK)
    if installed:
        warnings = _examine(marked, text, target.binary)
        if warnings and warnings_fatal:
            raise ConfigurationError(warnings)
        impossible = [] if restart and not running else impossible_binds(marked, _parsed(before if running else ""))
        if impossible:
            raise ConfigurationError(impossible if running else [*impossible, _TAKE_OVER])
    elif not check_mode:
        raise ConfigurationError(f"there is no HAProxy at {target.binary} to check the configuration with")
    if not check_mode:
        _change(marked, marker, running, target, records)
    return Outcome("reload" if running else "start", reasons, before, text, warnings, installed)


def record(records: tuple[tuple[str, str], ...], check_mode: bool) -> list[str]:
    """Write the records that differ, without touching HAProxy; returns the reasons."""
    reasons = []
    for path, content in records:
        if existing(path) != content:
            reasons.append(f"{path} is {'recorded' if content else 'removed'}; it changes nothing for HAProxy")
            if not check_mode:
                _put(path, content, None)
    return reasons


def _reasons(text: str, marker: str, before: str, running: bool, target: Target) -> list[str]:
    reasons = []
    if not before:
        reasons.append(f"{target.path} does not exist yet")
    elif before != text and unmarked(before) != unmarked(text):
        reasons.append(f"{target.path} differs from what is wanted")
    elif before != text:
        reasons.append("a file that the configuration names, such as a certificate, or HAProxy itself has changed")
    if target.link and os.path.realpath(target.link) != os.path.realpath(target.binary):
        leads = os.path.realpath(target.link) if os.path.lexists(target.link) else "nothing yet"
        reasons.append(f"{target.link} leads to {leads} instead of {target.binary}")
    if running and not reasons:
        try:
            serving = runtime.environment(target.master, MARKER)
        except runtime.RuntimeFailure as failure:
            reasons.append(f"which configuration serves cannot be told: {failure}")
        else:
            if serving != marker:
                reasons.append("the file is right, but the serving worker has loaded another configuration")
    return reasons


def _adopted(before: str, wanted: Configuration) -> bool:
    """Whether a file that people wrote, which has no marker, says the same in other words: it is left as it is."""
    if not before or MARKER in before:
        return False
    try:
        written = merge(Configuration(), from_data(to_data(parse(before))))
    except ConfigurationError:
        return False
    said, asked = (
        [(section.header, [line.text for line in section.directives]) for section in configuration.sections]
        for configuration in (written, wanted)
    )
    return said == asked


def _parsed(text: str) -> Configuration:
    """The configuration on disk; one that nobody can read is to be replaced, not complained about."""
    try:
        return parse(text)
    except ConfigurationError:
        return Configuration()


def unmarked(text: str) -> str:
    """The text as its contributors want it: without the line of the marker and the comment above it."""
    found = text.find(MARKER)
    if found < 0:
        return text
    begin, end = text.rfind("\n", 0, found) + 1, text.find("\n", found) + 1
    before = text[:begin]
    return before[: -len(_COMMENT)] + text[end:] if before.endswith(_COMMENT) else before + text[end:]


def _examine(wanted: Configuration, text: str, binary: str) -> list[str]:
    """HAProxy's warnings about the text; whatever speaks against it raises `ConfigurationError`."""
    with _storage("a temporary file"), tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        for number, (path, content) in enumerate(wanted.files):
            candidate = os.path.join(folder, str(number))
            _write(candidate, content, -1)
            text = text.replace(quote(path), candidate)
        candidate = os.path.join(folder, "haproxy.cfg")
        _write(candidate, text, -1)
        return [str(warning) for warning in check.check(binary, candidate, wanted)]


def impossible_binds(wanted: Configuration, serving: Configuration) -> list[str]:
    """The TCP addresses of `wanted` that cannot be had; those that `serving` has already are left out.

    `haproxy -c` binds nothing, and a reload that fails for a port stops the listeners for seconds first.
    """
    held = {address for address, _origin in _addresses(serving)}
    problems = []
    for (host, port), origin in _addresses(wanted):
        if (host, port) in held:
            continue
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    where = host or "any address"
                    problems.append(f"{origin}: another process already listens on port {port} ({where})")
                elif error.errno == errno.EADDRNOTAVAIL:
                    problems.append(f"{origin}: this host has no address {host}")
    return problems


def _addresses(configuration: Configuration) -> Iterator[tuple[tuple[str, int], str]]:
    """Host and port of each plain TCP bind; sockets, inherited ones and QUIC are not for us to try."""
    for section in configuration.sections:
        for line in section.directives:
            if line.keyword != "bind" or not line.arguments or "transparent" in line.arguments:
                continue
            for address in unquote(line.arguments[0]).split(","):
                host, _colon, port = re.sub(r"^(tcp[46]?|ipv[46])@", "", address).rpartition(":")
                if "@" in host or not port.isdigit():
                    continue
                host = host.strip("[]")
                yield ("" if host == "*" else host, int(port)), line.origin


def _change(
    wanted: Configuration, marker: str, running: bool, target: Target, records: tuple[tuple[str, str], ...]
) -> None:
    text = render(wanted)
    link_before = os.readlink(target.link) if target.link and os.path.islink(target.link) else ""
    # Path → text and the group that may read it; a record is for root alone.
    files: dict[str, tuple[str, int | None]] = {path: (content, None) for path, content in records}
    files.update({path: (content, target.group) for path, content in (*wanted.files, (target.path, text))})
    before = {path: (existing(path), group) for path, (_content, group) in files.items()}
    try:
        for path, (content, group) in files.items():
            _put(path, content, group)
        if target.link:
            _link(target.binary, target.link)
        if running:
            _reload(wanted, marker, target)
    except (ConfigurationError, OSError) as error:
        _restore(target, before, link_before)
        problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
        with contextlib.suppress(ConfigurationError):  # a full disk has no room for it
            _write(target.rejected, text, target.group)
            problems.append(f"nothing has changed: {target.path} serves as before; the refused text: {target.rejected}")
        raise ConfigurationError(problems) from None
    if running:
        _write(target.good, text, target.group)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target.rejected)


def _restore(target: Target, before: dict[str, tuple[str, int | None]], link_before: str) -> None:
    """Put back what serves: the last known good text where the worker says it runs that one, else the one before."""
    good = existing(target.good)
    with contextlib.suppress(runtime.RuntimeFailure):
        serving = runtime.environment(target.master, MARKER)
        if serving and f" {serving}\n" in good:
            before = {**before, target.path: (good, target.group)}
    for path, (content, group) in before.items():
        if content != existing(path):
            _put(path, content, group)
    if link_before and link_before != os.readlink(target.link):
        _link(link_before, target.link)


def _reload(wanted: Configuration, marker: str, target: Target) -> None:
    failed_before = runtime.failed_reloads(target.master)
    answer = runtime.reload(target.master)
    if answer.taken is False:
        alerts = [message for message in check.read(answer.log, target.path, wanted) if message.level == "ALERT"]
        said = "; ".join(str(message) for message in alerts) or answer.log or "it gave no reason"
        raise ConfigurationError(f"HAProxy refused the reload: {said}")
    limit = time.monotonic() + _SETTLE
    problem = f"no worker has loaded it within {_SETTLE:g} s of the reload"
    while time.monotonic() < limit:
        try:
            if runtime.environment(target.master, MARKER) == marker:
                return
            if answer.taken is None and runtime.failed_reloads(target.master) > failed_before:
                problem = "HAProxy refused the reload, and `journalctl -u haproxy` says why"
                break
        except runtime.RuntimeFailure:
            pass  # the socket changes hands
        time.sleep(0.05)
    raise ConfigurationError(f"the new configuration does not serve: {problem}")


@contextlib.contextmanager
def turn(path: str) -> Iterator[None]:
    """One change of this file at a time on this host, from reading what contributors asked for on; others wait."""
    folder = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
    name = os.path.join(folder, f"realtime-edge-{hashlib.sha256(path.encode()).hexdigest()[:12]}.lock")
    with _storage(name):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage(what: str) -> Iterator[None]:
    """Turns a full or read-only disk into words."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be written: {error.strerror or error}; nothing has changed") from None


def existing(path: str) -> str:
    """The file's text, empty where there is none; raises `ConfigurationError` where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _put(path: str, text: str, group: int | None) -> None:
    """Write the file, or remove it where it is to be empty."""
    if text:
        _write(path, text, group)
    else:
        with _storage(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _write(path: str, text: str, group: int | None) -> None:
    """The whole text or nothing; readable by root and the group (None: nobody but root, the folder is made)."""
    with _storage(path):
        if group is None:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="." + os.path.basename(path))
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o600 if group is None else 0o640)
                os.fchown(file.fileno(), -1, -1 if group is None else group)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _link(destination: str, link: str) -> None:
    temporary = f"{link}.{os.getpid()}"
    with _storage(link):
        os.symlink(destination, temporary)
        os.replace(temporary, link)
