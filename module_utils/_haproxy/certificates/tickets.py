# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the TLS ticket keys: persisted across reloads so that clients can resume; rotated daily for forward secrecy.

HAProxy's file (`tls-ticket-keys`) has three keys, oldest first. The second encrypts, all three decrypt; the last one
is distributed before it is used. Without a file each worker makes its own keys, and no client can resume after a
reload.

Edges of one service share their keys, so that clients resume at any of them. Each gets the same new keys from the
controller, which decides by the names of the keys (`describe_keys`): no key is ever read from an edge.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import atomic_file
from ..runtime import cli
from ..runtime.cli import RuntimeFailure

KEYS = 3
"""TLS_TICKETS_NO of HAProxy's build."""

_BYTES = 80
"""16 for the name, 32 for HMAC-SHA-256, 32 for AES-256."""


class TicketOutcome(NamedTuple):
    """Report what was (in check mode: would be) done, empty for nothing, and warnings."""

    action: str
    warnings: list[str]


def provide_keys(
    path: Path, group: int, rotation: int, master: str, check_mode: bool = False, shared: Sequence[str] | None = None
) -> TicketOutcome:
    """Make the keys if there are none, and add a new one if the newest is `rotation` seconds old.

    Where edges share them, `shared` are the keys to add, however old the others are: none, one, or all three.
    The owner and `group` can read the file. The worker that serves behind `master` gets the new keys at once, without a
    reload. Raises OSError if the file cannot be written.
    """
    keys, age = _read_keys(path)
    due = age >= rotation if shared is None else bool(shared)
    if keys and not due and path.stat().st_gid == group:
        return TicketOutcome("", [])
    action = "rotated" if keys else "made"
    if check_mode:
        return TicketOutcome(action, [])
    added = [_make_key()] if shared is None else shared
    _write_keys(path, [*(keys or make_keys()), *added][-KEYS:], group)
    warnings = [_send_key(master, path, key) for key in added] if keys else []
    return TicketOutcome(action, list(dict.fromkeys(filter(None, warnings))))


def describe_keys(path: Path | None) -> dict[str, Any]:
    """Return the `names` of the keys, by which nobody can guess them, and the `age` of the newest in seconds.

    Without a path, or without the file, there are none.
    """
    keys, age = _read_keys(path) if path else ([], 0)
    return {"names": [hashlib.sha256(key.encode()).hexdigest()[:16] for key in keys], "age": int(age)}


def is_key(text: str) -> bool:
    """Return whether this is a key as the file has it."""
    with contextlib.suppress(ValueError):
        return len(base64.b64decode(text, validate=True)) == _BYTES
    return False


def renew_keys(path: Path, master: str) -> None:
    """Replace all keys, in the file and in the worker that serves, so that no earlier session can be resumed.

    Raises OSError if the file cannot be written, `RuntimeFailure` if the worker needs a reload to get the keys.
    """
    keys = path.read_text(encoding="ascii").split()
    fresh = [_make_key(len(base64.b64decode(key))) for key in keys]
    _write_keys(path, fresh, path.stat().st_gid)
    for key in fresh[-KEYS:]:
        if problem := _send_key(master, path, key):
            raise RuntimeFailure(problem)


def make_keys() -> list[str]:
    """Return the keys of a new file."""
    return [_make_key() for _number in range(KEYS)]


def _make_key(size: int = _BYTES) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii")


def _read_keys(path: Path) -> tuple[list[str], float]:
    """Return the keys of the file and the age of the newest in seconds; no keys if it is missing or damaged."""
    try:
        keys = path.read_text(encoding="ascii").split()
        age = time.time() - path.stat().st_mtime
    except (FileNotFoundError, UnicodeDecodeError):
        return [], 0
    return (keys, age) if len(keys) == KEYS and all(map(is_key, keys)) else ([], 0)


def _write_keys(path: Path, keys: list[str], group: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_file.write_atomically(str(path), "".join(f"{key}\n" for key in keys), group=group)


def _send_key(master: str, path: Path, key: str) -> str:
    """Give the serving worker the new key (management guide, `set ssl tls-key`). Return why it failed, or ""."""
    if not cli.answers(master):
        return ""
    try:
        worker = cli.serving_worker(master)
        if str(path) not in cli.tell(master, worker, "show tls-keys"):
            return ""  # its configuration does not name the file (yet)
        answer = cli.tell(master, worker, f"set ssl tls-key {path} {key}").strip()
    except RuntimeFailure:
        answer = "it does not answer"  # the failure's text repeats the command, and so the key
    if not answer or "updated" in answer.lower():
        return ""
    return f"the new ticket key is in {path}, but the running HAProxy has it only after its next reload: {answer}"
