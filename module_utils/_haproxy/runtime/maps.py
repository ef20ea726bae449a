# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and replace the entries of maps and ACLs of a worker (management guide, 9.3, `prepare map`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .cli import RuntimeFailure, escape, expect_answer, run_command, tell

# Bytes that fit into one line or payload, with room for the command (tune.bufsize is 16384).
PAYLOAD_LIMIT = 14000


def read_patterns(master: str, pid: int, kind: str, path: str) -> tuple[str, ...] | None:
    """Return the entries of a map or an ACL (`kind`) loaded from a file, None if this worker has not loaded it."""
    answer = tell(master, pid, f"show {kind} {path}")
    if answer.startswith(("Unknown", "Missing")):
        return None
    return tuple(line.partition(" ")[2] for line in answer.split("\n") if line.startswith("0x") and " " in line)


def replace_patterns(master: str, pid: int, kind: str, path: str, entries: Sequence[str]) -> None:
    """Replace all entries of a map or an ACL at once: lookups see the old ones until the last new one is added.

    Raise `RuntimeFailure`; the old entries then stay.
    """
    prepare = f"prepare {kind} {path}"
    found = re.search(r"^New version created: (\d+)", tell(master, pid, prepare), re.MULTILINE)
    if not found:
        raise RuntimeFailure(f"HAProxy refused `{prepare}`")
    version = f"@{found.group(1)} {path}"
    piece: list[str] = []
    size = 0
    for number, entry in enumerate(entries):
        # Only maps accept a payload; each entry of an ACL is a command.
        piece.append(entry if kind == "map" else f"add acl {version} {escape(entry)}")
        size += _size(piece[-1])
        if number + 1 == len(entries) or size + _size(entries[number + 1]) > PAYLOAD_LIMIT / 2:
            if kind == "map":
                expect_answer(tell(master, pid, f"add map {version}", "\n".join(piece)), f"add map {version}", r"\A\Z")
            else:
                expect_answer(tell(master, pid, f"; @!{pid} ".join(piece)), piece[0], r"\A\s*\Z")
            piece, size = [], 0
    run_command(master, pid, f"commit {kind} {version}")


def _size(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
