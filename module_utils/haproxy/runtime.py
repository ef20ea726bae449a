# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Runtime API of a worker and the master CLI, over their sockets (management guide, 9.3 and 9.4)."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# A reload of a large configuration takes seconds; nothing else takes long.
_TIMEOUT = 60.0
_SOON = 10.0

# Bits of srv_admin_state (management guide, `show servers state`): by command, inherited, from the configuration, ...
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20
_DRAIN = 0x08 | 0x10

# Of srv_check_state: the checks are enabled.
_CHECKED = 0x04


class RuntimeFailure(Exception):
    """A socket that does not answer, or an answer that is a refusal; the text says which and why."""


class Reload(NamedTuple):
    """The master's answer to `reload`: taken or not (None where this version does not say), and its log."""

    taken: bool | None
    log: str


class Worker(NamedTuple):
    """A process of HAProxy as its master knows it.

    `old`: it only serves the sockets that it had before a reload. `reloads`: how many it has seen. `uptime` in seconds.
    `sessions`: connections of clients, -1 where the worker has not told.
    """

    pid: int
    old: bool
    reloads: int
    uptime: int
    version: str
    sessions: int = -1


class Server(NamedTuple):
    """A server as the serving worker has it.

    `address` and `port` as numbers (a name that the worker has not resolved is an empty address), `weight` as it is now
    (0 to 256), `maxconn` 0 for no limit, `state` one of ready, drain, maint, `up` as its checks say, `sessions` the
    streams that it serves at this moment. `checked`: its health is checked, or would be outside maintenance. `health`
    is a number that falls with each failed check.
    """

    address: str
    port: int
    weight: int
    maxconn: int
    state: str
    up: bool
    sessions: int
    checked: bool = True
    health: int = 0


class Loaded(NamedTuple):
    """What is known of a file that a worker has: the `digest` of the text that it was given at run time, or, where it
    still has what it read by itself, an empty one and when it `started` (seconds since the epoch, rounded down)."""

    digest: str = ""
    started: int = 0

    def is_of(self, text: str, written: float) -> bool:
        """Whether that was this text, which is in its file since `written` (the file's change time)."""
        return self.digest == digest(text) if self.digest else written < self.started


class Certificate(NamedTuple):
    """A certificate as the serving worker has it: SHA-1 of the leaf (lower case), how many follow it as its chain, and
    what is known of the whole: which ones follow, it tells by names only, and a renewed one has the same."""

    fingerprint: str
    chain: int
    loaded: Loaded = Loaded()


class Authority(NamedTuple):
    """Whom the serving worker trusts, or no more: the SHA-1 of each certificate of a `ca-file` (lower case), none for a
    `crl-file`, of which is known only what is known of its text."""

    fingerprints: frozenset[str]
    loaded: Loaded = Loaded()


def ask(path: str, command: str, timeout: float = _TIMEOUT) -> str:
    """The answer to one command line at the socket `path`; `timeout` in seconds for the whole exchange's each step.

    Raises `RuntimeFailure` when nobody answers there.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            # Without the half-close the master CLI waits for more, until our own timeout.
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
    except socket.timeout:
        raise RuntimeFailure(f"{path} did not answer `{_public(command)}` within {timeout:g} s") from None
    except OSError as error:
        raise RuntimeFailure(f"{path} does not answer: {error.strerror or error}") from None
    return answer.decode(errors="replace")


def _public(command: str) -> str:
    """The command without what it carries, which may be a key."""
    return " ".join(command.partition("\n")[0].split()[:5])


def answers(path: str) -> bool:
    """Whether a HAProxy listens at this socket; one that is just re-executing itself gets two seconds."""
    limit = time.monotonic() + 2
    while os.path.exists(path):
        try:
            ask(path, "show version", 5)
        except RuntimeFailure:
            if time.monotonic() > limit:
                return False
            time.sleep(0.1)
        else:
            return True
    return False


def workers(master: str, sessions: bool = False) -> list[Worker]:
    """All workers, the one that serves first; with `sessions` each is asked how many connections it has.

    After a refused reload the serving worker is listed among the old ones: it is the one with the fewest reloads.
    Raises `RuntimeFailure` where the master does not answer, or knows of none.
    """
    found = []
    rows = re.findall(
        r"^(\d+)\s+worker\s+(\d+)\s+(\d+)d(\d+)h(\d+)m(\d+)s\s+(\S+)", ask(master, "show proc", _SOON), re.MULTILINE
    )
    for pid, reloads, days, hours, minutes, seconds, version in rows:
        uptime = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        found.append(Worker(int(pid), True, int(reloads), uptime, version))
    if not found:
        raise RuntimeFailure(f"{master} knows of no worker")
    found.sort(key=lambda worker: worker.reloads)
    found[0] = found[0]._replace(old=False)
    return [worker._replace(sessions=_connections(master, worker.pid)) for worker in found] if sessions else found


def serving(master: str) -> int:
    """The process id of the worker that serves."""
    return workers(master)[0].pid


def tell(master: str, pid: int, command: str, payload: str = "") -> str:
    """The answer of one worker to one command of the Runtime API, without blank lines around it.

    Asked through the master: for a moment after a reload, the worker's own socket may still be answered by the old one.
    `payload` are lines that follow the command; blank ones are left out, as the first of them would end it.
    """
    if payload:
        lines = [line for line in payload.splitlines() if line.strip()]
        command = "\n".join((f"{command} <<", *lines, ""))
    answer = ask(master, f"@!{pid} {command}", _SOON).strip("\n")
    if answer.startswith("Can't find the target PID"):
        raise RuntimeFailure(f"{master} has no worker {pid} any more")
    return answer


def environment(master: str, name: str) -> str:
    """The value of an environment variable in the worker that serves; empty where it has none."""
    found = re.search(rf"^{re.escape(name)}=(.*)$", tell(master, serving(master), f"show env {name}"), re.MULTILINE)
    return found.group(1).strip() if found else ""


def _connections(master: str, pid: int) -> int:
    try:
        found = re.search(r"^CurrConns: (\d+)", tell(master, pid, "show info"), re.MULTILINE)
    except RuntimeFailure:
        return -1  # it has ended between the two questions
    return int(found.group(1)) if found else -1


def servers(master: str, pid: int) -> dict[tuple[str, str], Server]:
    """(backend, server) → what this worker has; management guide, `show servers state` and `show stat`."""
    statistics = {
        (row["pxname"], row["svname"]): row
        for row in csv.DictReader(io.StringIO(tell(master, pid, "show stat -1 4 -1").lstrip("# ")))
    }
    found: dict[tuple[str, str], Server] = {}
    for row in _table(tell(master, pid, "show servers state")):
        key = row["be_name"], row["srv_name"]
        admin = int(row["srv_admin_state"])
        figures = statistics.get(key, {})
        found[key] = Server(
            address="" if row["srv_addr"] == "-" else row["srv_addr"],
            port=int(row["srv_port"]),
            weight=int(row["srv_uweight"]),
            maxconn=int(figures.get("slim") or 0),
            state="maint" if admin & _MAINTENANCE else "drain" if admin & _DRAIN else "ready",
            up=row["srv_op_state"] != "0",
            sessions=int(figures.get("scur") or 0),
            checked=bool(int(row["srv_check_state"]) & _CHECKED),
            health=int(row["srv_check_health"]),
        )
    return found


def _table(answer: str) -> Iterator[dict[str, str]]:
    """The rows of an answer whose columns are separated by blanks and named in a comment."""
    names: list[str] = []
    for line in answer.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
        elif len(fields := line.split()) >= len(names) > 0:
            yield dict(zip(names, fields))


def certificates(master: str, pid: int) -> list[str]:
    """The paths of the certificates that this worker has loaded. What an interrupted change has left open is ended."""
    answer = tell(master, pid, "show ssl cert")
    for path in re.findall(r"^\*(/.*)$", answer, re.MULTILINE):
        tell(master, pid, f"abort ssl cert {path}")
    return re.findall(r"^/.*$", answer, re.MULTILINE)


def certificate(master: str, pid: int, path: str) -> Certificate | None:
    """What this worker has loaded from that path, None if nothing."""
    answer, loaded = _shown(master, pid, "cert", path)
    found = re.search(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    return Certificate(found.group(1).lower(), answer.count("\nChain Subject:"), loaded) if found else None


def authority(master: str, pid: int, kind: str, path: str) -> Authority | None:
    """What this worker has loaded from that path as `kind`, ca-file or crl-file; None if nothing."""
    answer, loaded = _shown(master, pid, kind, path)
    if not re.search(r"^Status: ", answer, re.MULTILINE):
        return None
    prints = re.findall(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    return Authority(frozenset(map(str.lower, prints)), loaded)


def _shown(master: str, pid: int, kind: str, path: str) -> tuple[str, Loaded]:
    """The answer to `show ssl KIND PATH`, and what is known of the file's text."""
    answer = tell(master, pid, f"show ssl {kind} {path}; @!{pid} get var {_variable(path)}; @!{pid} show info")
    told = re.search(r"^proc\.\S+: type=str value=<(\w+)>", answer, re.MULTILINE)
    started = re.search(r"^Start_time_sec: (\d+)", answer, re.MULTILINE)
    return answer, Loaded(told.group(1) if told else "", int(started.group(1)) if started else 0)


def digest(text: str) -> str:
    """What stands for the text of a file."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _variable(path: str) -> str:
    return f"proc.realtime_edge.{digest(path)}"


def remember(master: str, pid: int, path: str, text: str) -> None:
    """Let this worker keep which text it has of that file, in a variable of its own, for as long as it lives.

    `set var` counts as experimental on the command line, up to 3.4; where it is refused, the file is given once more by
    another run.
    """
    ask(master, f"experimental-mode on; @!{pid} set var {_variable(path)} str({digest(text)})", _SOON)


def dump_certificate(master: str, pid: int, path: str) -> str:
    """Key, certificate and chain as this worker has them, in PEM (from 3.2 on). Raises `RuntimeFailure`."""
    answer = tell(master, pid, f"dump ssl cert {path}")
    if "PRIVATE KEY-----" not in answer:
        raise RuntimeFailure(f"HAProxy refused `dump ssl cert {path}`")
    return answer


def replace_certificate(master: str, pid: int, path: str, pem: str) -> None:
    """Serve `pem` (certificate, chain, key) under a path that this worker has loaded; connections stay.

    Raises `RuntimeFailure` with HAProxy's words, and then it serves what it has served. The caller writes the file.
    """
    certificates(master, pid)
    _transaction(master, pid, f"cert {path}", [pem])
    remember(master, pid, path, pem)


def _transaction(master: str, pid: int, what: str, parts: Sequence[str]) -> None:
    """Give HAProxy the parts of a file and commit them, or give it up. Raises `RuntimeFailure`."""
    try:
        for number, part in enumerate(parts):
            sent = f"{'add' if number else 'set'} ssl {what}"
            _expect(tell(master, pid, sent, part), sent, r"(?i)^transaction (created|updated)")
        _expect(tell(master, pid, f"commit ssl {what}"), f"commit ssl {what}", r"^Success!$")
    except RuntimeFailure:
        with contextlib.suppress(RuntimeFailure):
            tell(master, pid, f"abort ssl {what}")
        raise


def replace_authority(
    master: str, pid: int, kind: str, path: str, pem: str, shadowed: Sequence[tuple[str, str]]
) -> None:
    """Check the certificates of clients (or servers) by `pem` from now on; connections stay. `kind`: ca-file, crl-file.

    `shadowed` are (list, certificate) that go before: a bind's folder has a certificate without the authority that the
    crt-list before it asks clients for. HAProxy takes the first of both, and the change puts the crt-list's behind the
    folder's: nobody would be asked for a certificate any more (seen on 2.6.12, 3.0.11, 3.2.26 and 3.4.7).

    Raises `RuntimeFailure` with HAProxy's words, and then it asks as before. The caller writes the file.
    """
    tell(master, pid, f"abort ssl {kind} {path}")  # what an interrupted run has left
    for listed, certificate in shadowed:
        command = f"del ssl crt-list {listed} {certificate}"
        _expect(tell(master, pid, command), command, r"deleted in crtlist|can't be found|does not exist")
    _transaction(master, pid, f"{kind} {path}", pieces(pem))
    remember(master, pid, path, pem)


def pieces(pem: str) -> list[str]:
    """The blocks of a PEM text, in as few payloads as HAProxy takes them."""
    found: list[str] = []
    for block in re.findall(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", pem, re.DOTALL):
        if not found or len(found[-1]) + len(block) > PIECE:
            found.append("")
        found[-1] += f"{block}\n"
    return found


def add_certificate(master: str, pid: int, path: str, pem: str, listed: str) -> None:
    """Serve `pem` under a new path, in the crt-list or folder `listed` that a bind names. Raises `RuntimeFailure`."""
    _expect(tell(master, pid, f"new ssl cert {path}"), f"new ssl cert {path}", r"^New empty|already exists")
    try:
        replace_certificate(master, pid, path, pem)
        command = f"add ssl crt-list {listed} {path}"
        _expect(tell(master, pid, command), command, r"^Success!$")
    except RuntimeFailure:
        with contextlib.suppress(RuntimeFailure):
            tell(master, pid, f"del ssl cert {path}")
        raise


def remove_certificate(master: str, pid: int, path: str, listed: str) -> None:
    """Serve this path no longer; `listed` is the crt-list or folder that has it. Raises `RuntimeFailure`."""
    command = f"del ssl crt-list {listed} {path}"
    _expect(tell(master, pid, command), command, r"deleted in crtlist|does not exist")
    _expect(tell(master, pid, f"del ssl cert {path}"), f"del ssl cert {path}", r"' deleted!|doesn't exist")


def _expect(answer: str, command: str, pattern: str) -> None:
    """An answer that is not what success looks like is a refusal, in HAProxy's words."""
    if not re.search(pattern, answer, re.MULTILINE):
        raise RuntimeFailure(f"HAProxy refused `{command}`: {' '.join(answer.split()) or 'without a word'}")


def failed_reloads(master: str) -> int:
    """How many reloads were refused since the last one that was taken, from the master's `show proc`."""
    found = re.search(r"\[failed: (\d+)\]", ask(master, "show proc", _SOON))
    return int(found.group(1)) if found else 0


def reload(master: str) -> Reload:
    """Ask the master CLI for a reload, and read what it says.

    From 2.7 on the answer is `Success=1` or `Success=0` with the start-up log. Before, the connection ends without a
    word, and the caller has to look.
    """
    try:
        answer = ask(master, "reload")
    except RuntimeFailure:
        # 2.6 re-executes itself under the connection, which may end it hard.
        return Reload(None, "")
    found = re.search(r"^Success=([01])", answer, re.MULTILINE)
    log = re.sub(r"^(Success=\d|--)\s*$", "", answer, flags=re.MULTILINE).strip()
    return Reload(found.group(1) == "1" if found else None, log)


# --- Changes at run time -----------------------------------------------------------------------------------

# How success looks, by the beginning of the command; nothing is said otherwise.
_SUCCESS = (
    (re.compile(r"add server "), r"^New server registered"),
    (re.compile(r"set server \S+ addr "), r"changed from|no need to change"),
)

# How much fits into one line or payload, with room for the command (tune.bufsize is 16384).
PIECE = 14000

# How long a server must be without sessions: a polling client is away for a moment between two polls, in seconds.
_QUIET = 0.5


def command(master: str, pid: int, text: str) -> None:
    """Have one worker carry out one command. Raises `RuntimeFailure` with HAProxy's words where it refuses."""
    pattern = next((success for begin, success in _SUCCESS if begin.match(text)), r"\A\Z")
    _expect(tell(master, pid, text), text, pattern)


def patterns(master: str, pid: int, kind: str, path: str) -> tuple[str, ...] | None:
    """The entries of a map or an ACL (`kind`) that were loaded from a file, None where this worker has none of it."""
    answer = tell(master, pid, f"show {kind} {path}")
    if answer.startswith(("Unknown", "Missing")):
        return None
    return tuple(line.split(" ", 1)[1].strip() for line in answer.splitlines() if line.startswith("0x") and " " in line)


def replace_patterns(master: str, pid: int, kind: str, path: str, entries: Sequence[str]) -> None:
    """Give a map or an ACL these entries, all at once: lookups see the old ones until the last is there.

    Raises `RuntimeFailure`; then the old ones stay.
    """
    prepare = f"prepare {kind} {path}"
    found = re.search(r"^New version created: (\d+)", tell(master, pid, prepare), re.MULTILINE)
    if not found:
        raise RuntimeFailure(f"HAProxy refused `{prepare}`")
    version = f"@{found.group(1)} {path}"
    piece: list[str] = []
    for number, entry in enumerate(entries):
        # Only maps take a payload; an ACL's entries are commands.
        piece.append(entry if kind == "map" else f"add acl {version} {_escape(entry)}")
        if number + 1 == len(entries) or sum(map(len, piece)) + len(entries[number + 1]) > PIECE / 2:
            if kind == "map":
                _expect(tell(master, pid, f"add map {version}", "\n".join(piece)), f"add map {version}", r"\A\Z")
            else:
                _expect(tell(master, pid, f"; @!{pid} ".join(piece)), piece[0], r"\A\s*\Z")
            piece = []
    command(master, pid, f"commit {kind} {version}")


def _escape(word: str) -> str:
    return re.sub(r"([\\;\s#\"'])", r"\\\1", word)


def remove_servers(
    master: str, pid: int, names: Sequence[tuple[str, str]], drain_time: float | None
) -> list[tuple[str, str]]:
    """Take servers (backend, server) out; returns those that still serve sessions and drain until they are done.

    All get no new clients from now on. With `drain_time` (seconds) sessions that last longer are shut down; without,
    they last as long as they like, and another run removes the server. Raises `RuntimeFailure`.
    """
    for backend, server in names:
        command(master, pid, f"set server {backend}/{server} state drain")
    waiting = dict.fromkeys(names, 0.0)
    limit = time.monotonic() + (drain_time or 0)
    while waiting:
        now, found = time.monotonic(), servers(master, pid)
        for name, since in list(waiting.items()):
            there = found.get(name)
            if there is None:
                del waiting[name]
            elif there.sessions:
                waiting[name] = 0.0
            elif not since:
                waiting[name] = now
            elif now - since >= _QUIET and _delete(master, pid, *name):
                del waiting[name]
        busy = [name for name, since in waiting.items() if not since]
        if busy and now > limit:
            if drain_time is None:
                return list(waiting)
            for backend, server in busy:
                tell(master, pid, f"shutdown sessions server {backend}/{server}")
            if now > limit + _TIMEOUT:
                raise RuntimeFailure(f"{'/'.join(busy[0])} has sessions that do not end")
        if waiting:
            time.sleep(0.1)
    return []


def _delete(master: str, pid: int, backend: str, server: str) -> bool:
    """Delete a server without sessions; False where one came after all, and then it drains on."""
    place = f"{backend}/{server}"
    command(master, pid, f"set server {place} state maint")
    limit = time.monotonic() + 5
    while True:
        answer = tell(master, pid, f"del server {place}")
        if "deleted" in answer:
            return True
        if "still has connections" not in answer and "still" not in answer:
            command(master, pid, f"set server {place} state drain")
            raise RuntimeFailure(f"HAProxy refused `del server {place}`: {' '.join(answer.split())}")
        if time.monotonic() > limit:
            command(master, pid, f"set server {place} state drain")
            return False
        time.sleep(0.05)


def end_sessions(master: str, pid: int, seconds: float) -> int:
    """Shut down a worker's sessions one after the other, spread over this time; returns how many there were."""
    found = re.findall(r"^(0x[0-9a-f]+): proto=(?!unix)", tell(master, pid, "show sess"), re.MULTILINE)
    for session in found:
        with contextlib.suppress(RuntimeFailure):  # the worker ends with its last one
            tell(master, pid, f"shutdown session {session}")
        time.sleep(seconds / len(found))
    return len(found)
