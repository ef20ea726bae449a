# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Order certificates from HAProxy's own ACME client in the running process, and write them to the disk.

HAProxy writes no files while it runs (manual, 12.8), so the process can have newer certificates than the disk, and a
reload would load the old ones. So the new ones are written before anything else is done.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from .. import atomic_file, commands
from ..binary.version import parse_release
from ..runtime import certificates, cli, files
from ..runtime.cli import Worker
from ..services.acme import SINCE, Order, thumbprint
from . import pem
from .pem import Bundle, CertificateError

# Seconds between two questions for the state of HAProxy's client.
_PAUSE = 1.0

# HAProxy retries after 3, 9, 27, 81 and 243 seconds; the longest pause that is waited for.
_LONGEST_RETRY = 20


class OrderStatus(NamedTuple):
    """Hold the state of a certificate that HAProxy's client renews: `running`, next `renewal` (empty if unknown)."""

    running: bool
    renewal: str


def read_status(master: str, worker: Worker) -> dict[str, OrderStatus]:
    """Return path of a certificate → state of its renewal; empty if this HAProxy has no ACME client.

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


def certificates_ahead(master: str, worker: Worker, ordered: Collection[str]) -> dict[str, Bundle]:
    """Return path → bundle of the certificates that HAProxy's client has renewed and that are not on the disk yet.

    Of the paths that the process reports only those in `ordered` count. Raises `RuntimeFailure`.
    """
    found = {}
    for path in (path for path in read_status(master, worker) if path in ordered):
        disk = files.read_certificate_file(path, "")
        live = certificates.read_certificate(master, worker.pid, path)
        if live and not (disk and disk.is_served(live)):
            new = _read_bundle(certificates.dump_certificate(master, worker.pid, path))
            if new and _is_newer(new, _read_bundle(_certificate_text(path))):
                found[path] = new
    return found


def _is_newer(new: Bundle, old: Bundle | None) -> bool:
    """Return whether the certificate of the process is a real one, and newer than that of the disk."""
    if new.own.stand_in:
        return False
    return old is None or old.own.stand_in or new.own.not_before > old.own.not_before


def _certificate_text(path: str) -> str:
    """Return the text of a certificate file, empty if it cannot be read."""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _read_bundle(text: str) -> Bundle | None:
    """Return the bundle, None if the text is not a certificate with its key (which must not show in an error)."""
    try:
        return pem.read_bundle(text)
    except ValueError:
        return None


def keep_account(path: Path, pem: str, group: int | None, check_mode: bool = False) -> bool:
    """Write the account's key to its file, for root and the group only; return whether it changed.

    Raises CertificateError if it is not such a key, or cannot be written.
    """
    try:
        thumbprint(pem)
        if path.exists() and path.read_text(encoding="ascii") == pem and path.stat().st_mode & 0o777 == 0o640:
            return False
        if not check_mode:
            atomic_file.write_atomically(str(path), pem, group=group)
    except ValueError as error:
        raise CertificateError(f"the key of the ACME account {error}") from None
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from None
    return True


def keep_renewed(
    master: str, group: int | None, ordered: Collection[str], check_mode: bool = False
) -> dict[str, Bundle]:
    """Write the certificates that HAProxy's client has renewed, so that the next reload serves them; return these.

    Only paths in `ordered` are written, whatever the process reports: its user must not choose where root writes.
    Nothing is done if no HAProxy runs. Raises `RuntimeFailure`, and OSError if a file cannot be written.
    """
    if not ordered or not cli.answers(master):
        return {}
    worker = cli.workers(master)[0]
    kept = certificates_ahead(master, worker, ordered)
    if not check_mode:
        for path, bundle in kept.items():
            atomic_file.write_atomically(path, bundle.text, group=group)
            certificates.remember(master, worker.pid, path, bundle.text)
    return kept


class Fault(NamedTuple):
    """Say why a certificate could not be obtained."""

    order: Order
    error: str


class Obtained(NamedTuple):
    """Report the names that were (in check mode: would be) renewed, and the failures."""

    names: list[str]
    faults: list[Fault]


class _Orders:
    """Track the orders that HAProxy's client works on, and how each one ends."""

    def __init__(self, master: str, group: int | None, ordered: Collection[str]) -> None:
        """Remember the serving worker, and what its client is doing now."""
        self.master, self.group, self.ordered = master, group, ordered
        self.worker = cli.workers(master)[0]
        self.status = read_status(master, self.worker)
        self.waiting: dict[str, Order] = {}
        self.names: list[str] = []
        self.faults: list[Fault] = []
        self.began = 0.0

    def fail(self, path: str, reason: str) -> None:
        """Give up an order."""
        self.faults.append(Fault(self.waiting.pop(path), reason))

    def add(self, path: str, order: Order) -> None:
        """Add an order that is due; it fails if the running HAProxy does not know the certificate."""
        self.waiting[path] = order
        if path not in self.status:
            self.fail(path, "the running HAProxy does not renew this certificate; run the role first")

    def start(self) -> None:
        """Have HAProxy start each order that does not run already."""
        if any(self.status[path].running for path in self.waiting):
            _abort_stalled_requests(self.master, self.worker.pid)
        self.began = time.time()
        for path in list(self.waiting):
            if not self.status[path].running:
                answer = cli.tell(self.master, self.worker.pid, f"acme renew {path}").split()
                if answer:
                    self.fail(path, f"HAProxy refused to order it: {' '.join(answer)}")

    def wait_until(self, end: float) -> None:
        """Wait until each order has succeeded or failed, at most until `end` (of the monotonic clock)."""
        over = False
        while self.waiting:
            time.sleep(_PAUSE)
            status, kept = (
                read_status(self.master, self.worker),
                keep_renewed(self.master, self.group, self.ordered),
            )
            over = time.monotonic() > end
            for path, order in list(self.waiting.items()):
                if path in kept:
                    self.names.append(order.name)
                    del self.waiting[path]
                elif reason := _why_failed(path, status.get(path), over, self.began):
                    self.fail(path, reason)
        if over:
            _abort_stalled_requests(self.master, self.worker.pid)


def obtain(
    orders: Sequence[Order],
    folder: Path,
    remaining_days: int,
    master: str,
    group: int | None,
    wait: float,
    check_mode: bool = False,
) -> Obtained:
    """Have HAProxy's client renew the certificates that are due, and write them; `wait` in seconds, for all together.

    Due is a self-signed placeholder, a certificate that lacks a host, or one that is valid for fewer than
    `remaining_days`. HAProxy by default renews when a twelfth of a certificate's life is left, and does not know a
    placeholder. Raises `RuntimeFailure` and OSError.
    """
    if check_mode and not cli.answers(master):
        return Obtained([order.name for order in orders], [])  # the edge is to be set up first
    paths = {str(folder / f"{order.name}.pem"): order for order in orders}
    keep_renewed(master, group, paths, check_mode)
    state = _Orders(master, group, paths)
    for path, order in paths.items():
        if _is_due(_read_bundle(_certificate_text(path)), order, remaining_days):
            state.add(path, order)
    if check_mode:
        return Obtained([order.name for order in state.waiting.values()], state.faults)
    end = time.monotonic() + wait
    state.start()
    state.wait_until(end)
    return Obtained(state.names, state.faults)


def _why_failed(path: str, status: OrderStatus | None, over: bool, began: float) -> str:
    """Return why an order has failed; empty while it may still succeed. `over`: the time for all orders has passed."""
    message, pause = _last_journal_message(path, began)
    if status is None or not status.running:
        return message or "HAProxy gave up without a message"
    if over or pause > _LONGEST_RETRY:
        return f"{message or 'it does not answer'} (HAProxy still tries)"
    return ""


def _abort_stalled_requests(master: str, pid: int) -> None:
    """End the requests of HAProxy's client that get no answer, so that it tries again.

    It has no timeout: for a CA that accepts a connection and does not answer it would wait until a reload.
    """
    for session in re.findall(r"^(0x[0-9a-f]+): proto=\?", cli.tell(master, pid, "show sess older 30s"), re.MULTILINE):
        if "frontend=<ACME>" in cli.tell(master, pid, f"show sess {session}"):
            cli.tell(master, pid, f"shutdown session {session}")


def _is_due(bundle: Bundle | None, order: Order, remaining_days: int) -> bool:
    """Return whether the certificate on the disk has to be renewed."""
    if bundle is None or bundle.own.stand_in or not all(bundle.own.covers(host) for host in order.hosts):
        return True
    return bundle.own.not_after < datetime.now(timezone.utc) + timedelta(days=remaining_days)


def _last_journal_message(path: str, since: float) -> tuple[str, int]:
    """Return HAProxy's last message about a certificate in the journal, and after how many seconds it retries.

    Empty and 0 if there is no message.
    """
    command = ["journalctl", "--unit=haproxy", f"--since=@{int(since)}", "--output=cat", "--no-pager"]
    found = re.findall(rf"acme: {re.escape(path)}: (.*)", commands.read_output(*command, limit=20))
    messages = [line for line in found if not line.startswith("Starting update")]
    if not messages:
        return "", 0
    pause = re.search(r"retrying in (\d+)s", messages[-1])
    message = re.sub(r"[,.]? *(Aborting|retrying in).*$", "", messages[-1]).strip()
    if "HTTP status code 503" in message or "HTTP status code 0" in message:
        message += "; HAProxy also reports this if the CA does not answer"
    if "Content-Length" in message:
        message += "; HAProxy 3.2 sends its requests in chunks, later versions do not"
    return message, int(pause[1]) if pause else 0
