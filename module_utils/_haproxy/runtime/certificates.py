# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and replace certificates, CA files and CRLs of a worker (management guide, 9.3, `set ssl cert`)."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from .cli import SOON, RuntimeFailure, ask, expect_answer, tell
from .maps import PAYLOAD_LIMIT


class LoadedText(NamedTuple):
    """Which text of a file a worker has loaded: the `digest` of a text sent by the Runtime API; if it still has the
    text read at its start, an empty digest and when it `started` (seconds since the epoch, rounded down; by the clock
    of now, if that was set back since)."""

    digest: str = ""
    started: int = 0

    def matches(self, text: str, written: float) -> bool:
        """Return whether the worker has this text, which is in its file since `written` (the file's change time)."""
        return self.digest == digest(text) if self.digest else written < self.started


class LoadedCertificate(NamedTuple):
    """A certificate that a worker has loaded: SHA-1 of the leaf (lower case), the length of its chain, and which text.

    HAProxy reports a chain by subject names only, which a renewed intermediate shares: the text tells them apart. If it
    is not `used`, no bind has it: an addition was interrupted, and there may not even be a fingerprint.
    """

    fingerprint: str
    chain: int
    loaded: LoadedText = LoadedText()
    used: bool = True


class LoadedCA(NamedTuple):
    """A CA file or CRL that a worker has loaded: the SHA-1 of each certificate of a `ca-file` (lower case), none for a
    `crl-file`, of which only the text is known."""

    fingerprints: frozenset[str]
    loaded: LoadedText = LoadedText()


def show_certificates(master: str, pid: int) -> tuple[list[str], list[str]]:
    """Return the paths of the certificates that this worker has loaded, and those of changes that are still open."""
    answer = tell(master, pid, "show ssl cert")
    return re.findall(r"^/.*$", answer, re.MULTILINE), re.findall(r"^\*(/.*)$", answer, re.MULTILINE)


def list_certificates(master: str, pid: int) -> list[str]:
    """Return the paths that this worker has loaded; abort changes that an interrupted run has left open."""
    loaded, still_open = show_certificates(master, pid)
    for path in still_open:
        tell(master, pid, f"abort ssl cert {path}")
    return loaded


def show_certificate(master: str, pid: int, path: str) -> dict[str, str]:
    """Return the fields of `show ssl cert PATH` by name."""
    return dict(re.findall(r"^([^:\n]+): (.*)$", tell(master, pid, f"show ssl cert {path}"), re.MULTILINE))


def read_certificate(master: str, pid: int, path: str) -> LoadedCertificate | None:
    """Return the certificate that this worker has loaded from the path, None if there is none."""
    answer, loaded = _show_ssl(master, pid, "cert", path)
    found = re.search(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    status = re.search(r"^Status: (Empty|Unused)", answer, re.MULTILINE)
    # Up to 3.0 a certificate counts as unused after a change of the CA that it asks clients for.
    used = status is None or (status[1] == "Unused" and _is_listed(master, pid, path))
    if not found:
        return None if used else LoadedCertificate("", 0, loaded, used)
    return LoadedCertificate(found.group(1).lower(), answer.count("\nChain Subject:"), loaded, used)


def _is_listed(master: str, pid: int, path: str) -> bool:
    """Return whether a crt-list, or a folder that a bind names, has this certificate."""
    lists = re.findall(r"^/.*$", tell(master, pid, "show ssl crt-list"), re.MULTILINE)
    entry = re.compile(rf"^{re.escape(path)}(\s|$)", re.MULTILINE)
    return any(entry.search(tell(master, pid, f"show ssl crt-list {name}")) for name in lists)


def read_ca(master: str, pid: int, kind: str, path: str) -> LoadedCA | None:
    """Return the CA file or CRL (`kind`: ca-file, crl-file) that this worker has loaded from the path, None if none."""
    answer, loaded = _show_ssl(master, pid, kind, path)
    if not re.search(r"^Status: ", answer, re.MULTILINE):
        return None
    prints = re.findall(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    return LoadedCA(frozenset(map(str.lower, prints)), loaded)


def _show_ssl(master: str, pid: int, kind: str, path: str) -> tuple[str, LoadedText]:
    """Return the answer to `show ssl KIND PATH`, and which text of the file the worker has."""
    answer = tell(master, pid, f"show ssl {kind} {path}; @!{pid} get var {_variable(path)}; @!{pid} show info")
    kept = re.search(r"^proc\.\S+: type=str value=<(\w+)>", answer, re.MULTILINE)
    return answer, LoadedText(kept.group(1) if kept else "", _read_start(answer))


def _read_start(answer: str) -> int:
    """Return when the worker started, from `show info`."""
    start, uptime = (
        int(found[1]) if (found := re.search(rf"^{name}: (\d+)", answer, re.MULTILINE)) else None
        for name in ("Start_time_sec", "Uptime_sec")
    )
    if start is None or uptime is None:
        return start or 0
    # Uptime does not follow the clock. It is rounded down, so this is at most a second too early.
    by_clock_of_now = int(time.time() - uptime) - 1
    return by_clock_of_now if by_clock_of_now < start - 1 else start


def digest(text: str) -> str:
    """Return a short hash of the text of a file."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _variable(path: str) -> str:
    return f"proc.realtime_edge.{digest(path)}"


def remember(master: str, pid: int, path: str, text: str) -> None:
    """Store which text of the file this worker has, in one of its process variables.

    `set var` is experimental on the CLI up to 3.4; if HAProxy refuses it, the next run sends the file again.
    """
    ask(master, f"experimental-mode on; @!{pid} set var {_variable(path)} str({digest(text)})", SOON)


def dump_certificate(master: str, pid: int, path: str) -> str:
    """Return key, certificate and chain that this worker has loaded, in PEM (3.2 and later). Raise `RuntimeFailure`."""
    answer = tell(master, pid, f"dump ssl cert {path}")
    if "PRIVATE KEY-----" not in answer:
        raise RuntimeFailure(f"HAProxy refused `dump ssl cert {path}`")
    return answer


def replace_certificate(master: str, pid: int, path: str, pem: str) -> None:
    """Serve `pem` (certificate, chain, key) under a path that this worker has loaded; connections stay.

    Raise `RuntimeFailure` with HAProxy's text; it then serves the old certificate. The caller writes the file.
    """
    list_certificates(master, pid)  # aborts what is still open
    _run_transaction(master, pid, f"cert {path}", [pem])
    remember(master, pid, path, pem)


def _run_transaction(master: str, pid: int, what: str, parts: Sequence[str]) -> None:
    """Send the parts of a file and commit them, or abort. Raise `RuntimeFailure`."""
    try:
        for number, part in enumerate(parts):
            command = f"{'add' if number else 'set'} ssl {what}"
            expect_answer(tell(master, pid, command, part), command, r"(?i)^transaction (created|updated)")
        expect_answer(tell(master, pid, f"commit ssl {what}"), f"commit ssl {what}", r"^Success!$")
    except RuntimeFailure:
        with contextlib.suppress(RuntimeFailure):
            tell(master, pid, f"abort ssl {what}")
        raise


def replace_ca(master: str, pid: int, kind: str, path: str, pem: str, shadowed: Sequence[tuple[str, str]]) -> None:
    """Check the certificates of clients (or servers) by `pem` from now on; connections stay. `kind`: ca-file, crl-file.

    `shadowed` are (list, certificate) to remove first: entries of a bind's folder, without a CA, for certificates that
    its crt-list has with one. HAProxy uses the first of both, and replacing the CA file moves the crt-list's entry
    behind the folder's: it would no longer ask clients for certificates (seen on 2.6.12, 3.0.11, 3.2.26 and 3.4.7).

    Raise `RuntimeFailure` with HAProxy's text; the old file then still applies. The caller writes the file.
    """
    tell(master, pid, f"abort ssl {kind} {path}")  # an interrupted run may have left one open
    for crt_list, certificate in shadowed:
        command = f"del ssl crt-list {crt_list} {certificate}"
        expect_answer(tell(master, pid, command), command, r"deleted in crtlist|can't be found|does not exist")
    _run_transaction(master, pid, f"{kind} {path}", split_pem(pem))
    remember(master, pid, path, pem)


def split_pem(pem: str) -> list[str]:
    """Return the blocks of a PEM text in as few payloads as HAProxy accepts."""
    found: list[str] = []
    for block in re.findall(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", pem, re.DOTALL):
        if not found or len(found[-1]) + len(block) > PAYLOAD_LIMIT:
            found.append("")
        found[-1] += f"{block}\n"
    return found


def add_certificate(master: str, pid: int, path: str, pem: str, crt_list: str) -> None:
    """Serve `pem` under a new path, in the crt-list or folder `crt_list` that a bind names. Raise `RuntimeFailure`."""
    expect_answer(tell(master, pid, f"new ssl cert {path}"), f"new ssl cert {path}", r"^New empty|already exists")
    try:
        replace_certificate(master, pid, path, pem)
        command = f"add ssl crt-list {crt_list} {path}"
        expect_answer(tell(master, pid, command), command, r"^Success!$")
    except RuntimeFailure:
        with contextlib.suppress(RuntimeFailure):
            tell(master, pid, f"del ssl cert {path}")
        raise


def remove_certificate(master: str, pid: int, path: str, crt_list: str) -> None:
    """Stop serving this path; `crt_list` is the crt-list or folder that has it. Raise `RuntimeFailure`."""
    command = f"del ssl crt-list {crt_list} {path}"
    # An addition that was interrupted has left an empty certificate, or one that is in no list.
    expect_answer(tell(master, pid, command), command, r"deleted in crtlist|does not exist|can't be found|is empty")
    expect_answer(tell(master, pid, f"del ssl cert {path}"), f"del ssl cert {path}", r"' deleted!|doesn't exist")
