# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Close sessions one after the other, never faster than told, so that their clients do not come back all at once."""

from __future__ import annotations

import contextlib
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from .. import atomic_file, paths
from ..errors import EdgeError
from . import cli

# Sessions in a second; whoever wants more can as well restart the nodes.
MOST = 1000.0

# Seconds of a round, after which what is left is counted anew, and shown.
_ROUND = 5.0

# What draining may take, in parts of what it takes at this rate, and seconds for sessions that end slowly.
_SLACK = 1.25
_PATIENCE = 30.0

# Seconds until another run has ended its round, or is taken for one that goes on.
_OTHERS = 30.0

# Seconds for which nobody must have come back until what had polls is taken for empty: a client of it has no session
# here between two polls.
_BETWEEN_POLLS = 3.0
_LOOK_AGAIN = 0.2

# The transports whose sessions are sockets.
_TRANSPORTS = ("websocket", "flashsocket")

_SESSION = re.compile(r"^(0x[0-9a-f]+): proto=(?!unix)\S+ src=(\S+) .*?be=(?!<)(\S+) srv=(?!<)(\S+) ", re.MULTILINE)
_DETAILS = re.compile(r" source=(\S+)$.*?^\s+backend=(\S+) .*?^\s+server=(\S+) ", re.MULTILINE | re.DOTALL)


class ClosingError(EdgeError):
    """Nothing can be closed, or should be."""


class Session(NamedTuple):
    """Name a session of a worker: of the client with this address and port, on a server."""

    pid: int
    pointer: str
    source: str
    backend: str
    server: str

    @property
    def service(self) -> str:
        """Return the service whose socket this is; empty for a request."""
        service, _separator, transport = self.backend.rpartition("_")
        return service if transport in _TRANSPORTS else ""


class Drained(NamedTuple):
    """Count the sessions that were closed, and those that are left."""

    closed: int
    left: int


_PROGRESS = """\
# HELP realtime_edge_closing_left Sessions that were left when the last closing of sessions was heard of.
# TYPE realtime_edge_closing_left gauge
realtime_edge_closing_left{{of="{of}"}} {left}
# HELP realtime_edge_closing_told_seconds When it was heard of, in seconds since 1970.
# TYPE realtime_edge_closing_told_seconds gauge
realtime_edge_closing_told_seconds{{of="{of}"}} {now}
# HELP realtime_edge_closed_sessions_total Sessions that were closed to move their clients or to empty something.
# TYPE realtime_edge_closed_sessions_total counter
realtime_edge_closed_sessions_total {closed}
"""


class Told(NamedTuple):
    """Hold what the last closing of sessions has told: of what, how many were left, and when (seconds since 1970)."""

    of: str
    left: int
    when: int
    closed: int


def read_progress() -> Told | None:
    """Return how far the last closing of sessions is; None if there was none since the boot."""
    with contextlib.suppress(OSError), open(paths.PROGRESS, encoding="utf-8") as file:
        values = re.findall(r'^realtime_edge\w+(?:\{of="(.*)"\})? (\d+)$', file.read(), re.MULTILINE)
        if len(values) == len(Told._fields) - 1:
            (of, left), (_of, when), (_none, closed) = values
            return Told(of, int(left), int(when), int(closed))
    return None


class Progress:
    """Tell once a second how far a closing of sessions is; the service beside HAProxy passes it on."""

    def __init__(self, of: str) -> None:
        """Begin to close sessions of this."""
        self.of = of
        self._before = before.closed if (before := read_progress()) else 0
        self._told = 0.0

    def tell(self, closed: int, left: int, last: bool = False) -> None:
        """Tell how many were closed, and how many are left. Without a place for it nobody hears of it."""
        now = time.time()
        if not last and now - self._told < 1:
            return
        self._told = now
        text = _PROGRESS.format(of=self.of, left=left, now=int(now), closed=self._before + closed)
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(paths.PROGRESS), exist_ok=True)
            atomic_file.write_atomically(paths.PROGRESS, text, 0o644)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let others of this host end first: together they would be faster than told. Such as a run that was interrupted.

    Raise `ClosingError` if another goes on for long.
    """
    try:
        os.makedirs(os.path.dirname(paths.PROGRESS), exist_ok=True)
        lock = open(f"{paths.PROGRESS}.lock", "wb")  # noqa: SIM115 # it is closed below
    except OSError:
        yield
        return
    with lock:
        os.fchmod(lock.fileno(), 0o644)  # the service beside HAProxy looks at it too
        limit = time.monotonic() + _OTHERS
        while not cli.try_lock(lock):
            if time.monotonic() > limit:
                of = told.of if (told := read_progress()) else "a surplus"
                raise ClosingError(
                    f"another run closes sessions here ({of}); nothing is closed: wait until it has ended"
                )
            time.sleep(0.1)
        yield


def find_fault(rate: float) -> str:
    """Return why so many sessions can't be closed in a second; empty if they can."""
    if 0 < rate <= MOST:
        return ""
    why = "closes no socket" if rate == 0 else f"is not between 0 and {MOST:g}"
    return f"{rate:g} {why}; give the sockets a second that may be closed, such as 5"


def check_rate(rate: float) -> None:
    """Raise `ClosingError` if nobody can close so many sessions in a second."""
    if fault := find_fault(rate):
        raise ClosingError(f"rate: {fault}")


def find_round(gap: float) -> float:
    """Return the seconds of a round, with so many between two sessions: at least one is closed."""
    return max(_ROUND, 2 * gap)


def find_time(sessions: int, rate: float) -> float:
    """Return the seconds after which draining so many sessions ends, whether or not some are left."""
    return sessions / rate * _SLACK + _PATIENCE


def read_sessions(master: str, pids: Sequence[int] = ()) -> list[Session]:
    """Return the sessions on servers, of these workers or all, in a random order; those of old workers first.

    These workers then end sooner. Raise `RuntimeFailure` if one does not answer.
    """
    found: list[Session] = []
    for pid in pids or [worker.pid for worker in reversed(cli.workers(master))]:
        try:
            answer = cli.tell(master, pid, "show sess")
        except cli.RuntimeFailure:
            if pid in {worker.pid for worker in cli.workers(master)}:
                raise
            continue  # it has ended with its last session
        sessions = [Session(pid, *names) for names in _SESSION.findall(answer)]
        random.shuffle(sessions)
        found += sessions
    return found


def close(master: str, session: Session) -> bool:
    """Close a session; return whether it was there. HAProxy gives the name of one that has ended to another."""
    try:
        found = _DETAILS.search(cli.tell(master, session.pid, f"show sess {session.pointer}"))
        if not found or found.groups() != (session.source, session.backend, session.server):
            return False
        return not cli.tell(master, session.pid, f"shutdown session {session.pointer}")
    except cli.RuntimeFailure:
        return False  # an old worker ends with its last session


def close_each(master: str, sessions: Iterable[Session], gap: float, until: float) -> Iterator[tuple[Session, bool]]:
    """Close one session after the other, until a time of the monotonic clock; yield each, and whether it was there.

    Two follow each other after `gap` seconds and a random part of it more, so that clients do not come in step.
    """
    for session in sessions:
        pause = gap * random.uniform(1, 1.2)  # noqa: S311 # nobody gains by foreseeing it
        if time.monotonic() + pause > until:
            return
        time.sleep(pause)
        yield session, close(master, session)


def drain(
    master: str,
    belongs: Callable[[Session], bool],
    rate: float,
    of: str,
    seconds: float | None = None,
    pids: Sequence[int] = (),
) -> Drained:
    """Close the sessions that belong to what is to be empty, until none is left, or for so many seconds.

    `of` is its name. By default it takes as long as `find_time` says. Sockets come first: a request may end by itself
    meanwhile. A client whose poll is closed opens another session, elsewhere. Raise `RuntimeFailure` if HAProxy does
    not answer, and `ClosingError` for a rate that is none.
    """
    check_rate(rate)
    with one_at_a_time():
        return _drain(master, belongs, rate, Progress(of), seconds, pids)


def _drain(
    master: str,
    belongs: Callable[[Session], bool],
    rate: float,
    progress: Progress,
    seconds: float | None,
    pids: Sequence[int],
) -> Drained:
    closed: set[Session] = set()
    until = None if seconds is None else time.monotonic() + seconds
    polled = -_BETWEEN_POLLS
    while True:
        sessions = sorted(filter(belongs, read_sessions(master, pids)), key=lambda session: not session.service)
        if until is None:
            until = time.monotonic() + find_time(len(sessions), rate)
        now = time.monotonic()
        if now + 1 / rate > until or not (sessions or now < polled + _BETWEEN_POLLS):
            progress.tell(len(closed), len(sessions), last=True)
            return Drained(len(closed), len(sessions))
        if not sessions:
            time.sleep(_LOOK_AGAIN)
        for number, (session, was_there) in enumerate(close_each(master, sessions, 1 / rate, until), 1):
            if was_there:  # one that is closed may be listed for a moment
                closed.add(session)
                polled = time.monotonic() if session.backend.endswith("_polling") else polled
            progress.tell(len(closed), len(sessions) - number)
