# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the commands of a host, each with a time limit and without input of its own."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Finished(NamedTuple):
    """How a command ended: its exit status (below 0: minus the signal that ended it), and what it printed."""

    status: int
    stdout: str
    stderr: str


def run(
    *command: str,
    limit: float,
    text: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    merge: bool = False,
) -> Finished:
    """Run a command in `folder` with `text` as its input, and return how it ended.

    With `merge`, stdout also has what it printed to stderr, in order. Raises OSError if it does not start, and
    TimeoutError, which is one, if it does not end within `limit` seconds.
    """
    try:
        # Rooms have no AnsibleModule, and its run_command has no time limit.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            command, input=text, cwd=folder, env=environment, timeout=limit, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merge else subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(errno.ETIMEDOUT, f"it did not end within {limit:g} s", command[0]) from error
    return Finished(done.returncode, done.stdout, done.stderr or "")


def read_output(*command: str, limit: float = 10) -> str:
    """Return what a command prints; empty if it is missing, fails or hangs."""
    try:
        done = run(*command, limit=limit)
    except OSError:
        return ""
    return done.stdout if done.status == 0 else ""
