# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Runtime API of a worker and the master CLI, over their sockets (management guide, 9.3 and 9.4)."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import NamedTuple

# A reload of a large configuration takes seconds; nothing else takes long.
_TIMEOUT = 60.0


class RuntimeFailure(Exception):
    """A socket that does not answer, or an answer that is a refusal; the text says which and why."""


class Reload(NamedTuple):
    """The master's answer to `reload`: taken or not (None where this version does not say), and its log."""

    taken: bool | None
    log: str


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
        raise RuntimeFailure(f"{path} did not answer `{command}` within {timeout:g} s") from None
    except OSError as error:
        raise RuntimeFailure(f"{path} does not answer: {error.strerror or error}") from None
    return answer.decode(errors="replace")


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


def environment(master: str, name: str) -> str:
    """The value of an environment variable in the worker that serves; empty where it has none.

    Asked through the master: for a moment after a reload, the worker's own socket may still be answered by the old one.
    After a refused reload the serving worker may be listed among the old ones: it is the one with the fewest reloads.
    """
    rows = re.findall(r"^(\d+)\s+worker\s+(\d+)", ask(master, "show proc", 10), re.MULTILINE)
    if not rows:
        raise RuntimeFailure(f"{master} knows of no worker")
    worker, _reloads = min(rows, key=lambda row: int(row[1]))
    found = re.search(rf"^{re.escape(name)}=(.*)$", ask(master, f"@!{worker} show env {name}", 10), re.MULTILINE)
    return found.group(1).strip() if found else ""


def failed_reloads(master: str) -> int:
    """How many reloads were refused since the last one that was taken, from the master's `show proc`."""
    found = re.search(r"\[failed: (\d+)\]", ask(master, "show proc", 10))
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
