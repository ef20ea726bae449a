# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keys of TLS session tickets: they outlive a reload, so that clients resume, and no day, so that secrets stay so.

HAProxy's file (`tls-ticket-keys`) has three keys, oldest first. The second encrypts, all three decrypt; the last is
there early, for the next turn. Without a file each worker makes keys of its own, and every reload ends all resumption.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import time
from pathlib import Path
from typing import NamedTuple

from .. import atomic_file
from ..runtime import cli
from ..runtime.cli import RuntimeFailure

KEYS = 3
"""TLS_TICKETS_NO of HAProxy's build."""

_BYTES = 80
"""16 for the name, 32 for HMAC-SHA-256, 32 for AES-256."""


class TicketOutcome(NamedTuple):
    """What was, or in check mode would be, done: empty where nothing is; and what went wrong on the way."""

    action: str
    warnings: list[str]


def provide_keys(path: Path, group: int, rotation: int, master: str, check_mode: bool = False) -> TicketOutcome:
    """Make the keys where there are none, and put a new one in use where the newest is `rotation` seconds old.

    `group` may read the file besides its owner. The worker that serves behind `master` gets the new key at once,
    without a reload. Raises OSError where the file cannot be written.
    """
    keys, age = _read_keys(path)
    if keys and age < rotation and path.stat().st_gid == group:
        return TicketOutcome("", [])
    action = "rotated" if keys else "made"
    if check_mode:
        return TicketOutcome(action, [])
    fresh = _make_key()
    _write_keys(path, [*keys[1:], fresh] if keys else [_make_key(), _make_key(), fresh], group)
    warning = _send_keys(master, path, fresh) if keys else ""
    return TicketOutcome(action, [warning] if warning else [])


def renew_keys(path: Path, master: str) -> None:
    """Replace all keys, in the file and in the worker that serves: no session that was begun before can be resumed.

    Raises OSError where the file cannot be written, `RuntimeFailure` where the worker has to load it.
    """
    keys = path.read_text(encoding="ascii").split()
    fresh = [_make_key(len(base64.b64decode(key))) for key in keys]
    _write_keys(path, fresh, path.stat().st_gid)
    for key in fresh[-KEYS:]:
        if said := _send_keys(master, path, key):
            raise RuntimeFailure(said)


def _make_key(size: int = _BYTES) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii")


def _read_keys(path: Path) -> tuple[list[str], float]:
    """The keys of the file and the age of the newest in seconds; none where the file is missing or damaged."""
    try:
        keys = path.read_text(encoding="ascii").split()
        age = time.time() - path.stat().st_mtime
    except (FileNotFoundError, UnicodeDecodeError):
        return [], 0
    with contextlib.suppress(ValueError):
        if len(keys) == KEYS and all(len(base64.b64decode(key, validate=True)) == _BYTES for key in keys):
            return keys, age
    return [], 0


def _write_keys(path: Path, keys: list[str], group: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_file.write_atomically(str(path), "".join(f"{key}\n" for key in keys), 0o640, group)


def _send_keys(master: str, path: Path, key: str) -> str:
    """Give the serving worker the new key ("set ssl tls-key" in the management guide). Return why not, or ""."""
    if not cli.answers(master):
        return ""
    try:
        worker = cli.serving_worker(master)
        if str(path) not in cli.tell(master, worker, "show tls-keys"):
            return ""  # it does not use them, or not yet
        said = cli.tell(master, worker, f"set ssl tls-key {path} {key}").strip()
    except RuntimeFailure:
        said = "it does not answer"  # its own words repeat the command, and so the key
    if not said or "updated" in said.lower():
        return ""
    return f"the new ticket key is in {path}, but the running HAProxy has it only after its next reload: {said}"
