# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's own ACME client in the running process: what is due is ordered, and what it has obtained kept on the disk.

HAProxy writes no files while it runs (manual, 12.8), so the process can be ahead of the disk, until a reload loads what
is there. What the process has is kept before anything else is done.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from .. import atomic_file
from ..binary.version import parse_release
from ..runtime import certificates, cli, files
from ..runtime.cli import Worker
from ..services.acme import SINCE, Order, thumbprint
from . import pem
from .pem import Bundle, CertificateError

# Between two looks at what HAProxy's client is doing, in seconds.
_PAUSE = 1.0

# HAProxy tries again after 3, 9, 27, 81 and 243 seconds; nobody waits here for the longer ones.
_PATIENCE = 20


class OrderStatus(NamedTuple):
    """Of a certificate that HAProxy's client sees to: `running`, and when the next renewal is due (empty: unknown)."""

    running: bool
    renewal: str


def read_status(master: str, worker: Worker) -> dict[str, OrderStatus]:
    """Path of a certificate → what HAProxy's client does about it; empty where this HAProxy has none.

    Raises `RuntimeFailure`.
    """
    if parse_release(worker.version) < SINCE:
        return {}
    rows = (line.split("\t") for line in cli.tell(master, worker.pid, "acme status").splitlines())
    return {
        row[0]: OrderStatus(row[2] == "Running", row[5].strip("-"))
        for row in rows
        if len(row) >= 6 and row[0][0] == "/"
    }


def certificates_ahead(master: str, worker: Worker) -> dict[str, Bundle]:
    """Path → what this worker has there, of the certificates that HAProxy's client has renewed since they were loaded.

    Raises `RuntimeFailure`.
    """
    found = {}
    for path in read_status(master, worker):
        disk = files.read_certificate_file(path, "")
        live = certificates.read_certificate(master, worker.pid, path)
        if live and not (disk and disk.is_served(live)):
            new, old = (
                _bundle(certificates.dump_certificate(master, worker.pid, path)),
                _bundle(_certificate_text(path)),
            )
            if (
                new
                and not new.own.stand_in
                and (old is None or old.own.stand_in or new.own.not_before > old.own.not_before)
            ):
                found[path] = new
    return found


def _certificate_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _bundle(text: str) -> Bundle | None:
    """None for what is no certificate with its key. Whatever is wrong with it is told without its words."""
    try:
        return pem.read_bundle(text)
    except ValueError:
        return None


def keep_account(path: Path, pem: str, group: int | None, check_mode: bool = False) -> bool:
    """Bring the account's key to its file, for root and the group alone; returns whether it changed.

    Raises CertificateError for what is no such key, and where it cannot be written.
    """
    try:
        thumbprint(pem)
        if path.exists() and path.read_text(encoding="ascii") == pem and path.stat().st_mode & 0o777 == 0o640:
            return False
        if not check_mode:
            _write_file(path, pem, group)
    except ValueError as error:
        raise CertificateError(f"the key of the ACME account {error}") from None
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from None
    return True


def keep_renewed(
    master: str, group: int | None, given: Sequence[str] = (), check_mode: bool = False
) -> dict[str, Bundle]:
    """Bring to the disk what the serving process is ahead of it, so that the next reload serves it too; returns that.

    The paths that are `given` otherwise are left alone. Nothing is done where no HAProxy runs. Raises `RuntimeFailure`,
    and OSError where a file cannot be written.
    """
    if not cli.answers(master):
        return {}
    worker = cli.workers(master)[0]
    kept = {path: new for path, new in certificates_ahead(master, worker).items() if path not in given}
    if not check_mode:
        for path, bundle in kept.items():
            _write_file(Path(path), bundle.text, group)
            certificates.remember(master, worker.pid, path, bundle.text)
    return kept


def _write_file(path: Path, text: str, group: int | None) -> None:
    atomic_file.write_atomically(str(path), text, 0o640, -1 if group is None else group)


class Fault(NamedTuple):
    """Why a certificate could not be had."""

    order: Order
    error: str


class Obtained(NamedTuple):
    """Names of what was (in check mode, would be) renewed, and what could not be."""

    names: list[str]
    faults: list[Fault]


def obtain(
    orders: Sequence[Order],
    folder: Path,
    remaining_days: int,
    master: str,
    group: int | None,
    wait: float,
    check_mode: bool = False,
) -> Obtained:
    """Have HAProxy's client renew what is due, and keep it on the disk; `wait` in seconds, for all of them together.

    Due is what is a stand-in, is not for all hosts, or is valid for fewer than `remaining_days`. HAProxy itself renews
    when a twelfth of a certificate's life is left, and does not know a stand-in. Raises `RuntimeFailure` and OSError.
    """
    if check_mode and not cli.answers(master):
        return Obtained([order.name for order in orders], [])  # the edge is to be set up first
    keep_renewed(master, group, check_mode=check_mode)
    worker = cli.workers(master)[0]
    known = read_status(master, worker)
    faults: list[Fault] = []
    waiting: dict[str, Order] = {}
    for order in orders:
        path = str(folder / f"{order.name}.pem")
        if not _due(_bundle(_certificate_text(path)), order, remaining_days):
            continue
        if path in known:
            waiting[path] = order
        else:
            faults.append(Fault(order, "the HAProxy that runs does not see to this certificate; run the role first"))
    if check_mode:
        return Obtained([order.name for order in waiting.values()], faults)
    if any(known[path].running for path in waiting):
        _abort_stalled_requests(master, worker.pid)
    began, end = time.time(), time.monotonic() + wait
    for path, order in list(waiting.items()):
        said = "" if known[path].running else cli.tell(master, worker.pid, f"acme renew {path}").strip()
        if said:
            faults.append(Fault(order, f"HAProxy refused to order it: {' '.join(said.split())}"))
            del waiting[path]
    names, over = [], False
    while waiting:
        time.sleep(_PAUSE)
        now, kept, over = read_status(master, worker), keep_renewed(master, group), time.monotonic() > end
        for path, order in list(waiting.items()):
            if path in kept:
                names.append(order.name)
                del waiting[path]
                continue
            words, pause = _last_journal_message(path, began)
            if path not in now or not now[path].running:
                faults.append(Fault(order, words or "HAProxy gave up without a word"))
            elif over or pause > _PATIENCE:
                faults.append(Fault(order, f"{words or 'it does not answer'} (HAProxy still tries)"))
            else:
                continue
            del waiting[path]
    if over:
        _abort_stalled_requests(master, worker.pid)
    return Obtained(names, faults)


def _abort_stalled_requests(master: str, pid: int) -> None:
    """End what HAProxy's client has asked for and waits for without an answer, so that it tries again.

    It sets itself no time: for an authority that accepts a connection and says nothing it would wait until a reload.
    """
    for session in re.findall(r"^(0x[0-9a-f]+): proto=\?", cli.tell(master, pid, "show sess older 30s"), re.MULTILINE):
        if "frontend=<ACME>" in cli.tell(master, pid, f"show sess {session}"):
            cli.tell(master, pid, f"shutdown session {session}")


def _due(bundle: Bundle | None, order: Order, remaining_days: int) -> bool:
    if bundle is None or bundle.own.stand_in or not all(bundle.own.covers(host) for host in order.hosts):
        return True
    return bundle.own.not_after < datetime.now(timezone.utc) + timedelta(days=remaining_days)


def _last_journal_message(path: str, since: float) -> tuple[str, int]:
    """What HAProxy's journal has said last about a certificate, and in how many seconds it retries.

    Empty and 0 where it has said nothing.
    """
    command = ["journalctl", "--unit=haproxy", f"--since=@{int(since)}", "--output=cat", "--no-pager"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "", 0
    found = re.findall(rf"acme: {re.escape(path)}: (.*)", said.stdout)
    told = [line for line in found if not line.startswith("Starting update")]
    if not told:
        return "", 0
    pause = re.search(r"retrying in (\d+)s", told[-1])
    words = re.sub(r"[,.]? *(Aborting|retrying in).*$", "", told[-1]).strip()
    if "HTTP status code 503" in words or "HTTP status code 0" in words:
        words += "; HAProxy says so, too, where nobody answers"
    if "Content-Length" in words:
        words += "; HAProxy 3.2 sends its requests in chunks, which newer ones do not"
    return words, int(pause[1]) if pause else 0
