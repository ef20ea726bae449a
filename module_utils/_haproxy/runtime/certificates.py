# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and replace certificates, CA files and CRLs of a worker (management guide, 9.3, `set ssl cert`)."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from .cli import SOON, RuntimeFailure, ask, expect_answer, tell
from .maps import PAYLOAD_LIMIT


class LoadedText(NamedTuple):
    """What is known of a file that a worker has: the `digest` of the text that it was given at run time, or, where it
    still has what it read by itself, an empty one and when it `started` (seconds since the epoch, rounded down)."""

    digest: str = ""
    started: int = 0

    def matches(self, text: str, written: float) -> bool:
        """Whether that was this text, which is in its file since `written` (the file's change time)."""
        return self.digest == digest(text) if self.digest else written < self.started


class LoadedCertificate(NamedTuple):
    """A certificate as the serving worker has it: SHA-1 of the leaf (lower case), how many follow it as its chain, and
    what is known of the whole: which ones follow, it tells by names only, and a renewed one has the same."""

    fingerprint: str
    chain: int
    loaded: LoadedText = LoadedText()


class LoadedCA(NamedTuple):
    """Whom the serving worker trusts, or no more: the SHA-1 of each certificate of a `ca-file` (lower case), none for a
    `crl-file`, of which is known only what is known of its text."""

    fingerprints: frozenset[str]
    loaded: LoadedText = LoadedText()


def list_certificates(master: str, pid: int) -> list[str]:
    """The paths of the certificates that this worker has loaded. What an interrupted change has left open is ended."""
    answer = tell(master, pid, "show ssl cert")
    for path in re.findall(r"^\*(/.*)$", answer, re.MULTILINE):
        tell(master, pid, f"abort ssl cert {path}")
    return re.findall(r"^/.*$", answer, re.MULTILINE)


def read_certificate(master: str, pid: int, path: str) -> LoadedCertificate | None:
    """What this worker has loaded from that path, None if nothing."""
    answer, loaded = _show_ssl(master, pid, "cert", path)
    found = re.search(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    return LoadedCertificate(found.group(1).lower(), answer.count("\nChain Subject:"), loaded) if found else None


def read_ca(master: str, pid: int, kind: str, path: str) -> LoadedCA | None:
    """What this worker has loaded from that path as `kind`, ca-file or crl-file; None if nothing."""
    answer, loaded = _show_ssl(master, pid, kind, path)
    if not re.search(r"^Status: ", answer, re.MULTILINE):
        return None
    prints = re.findall(r"^SHA1 FingerPrint: ([0-9A-F]+)", answer, re.MULTILINE)
    return LoadedCA(frozenset(map(str.lower, prints)), loaded)


def _show_ssl(master: str, pid: int, kind: str, path: str) -> tuple[str, LoadedText]:
    """The answer to `show ssl KIND PATH`, and what is known of the file's text."""
    answer = tell(master, pid, f"show ssl {kind} {path}; @!{pid} get var {_variable(path)}; @!{pid} show info")
    told = re.search(r"^proc\.\S+: type=str value=<(\w+)>", answer, re.MULTILINE)
    started = re.search(r"^Start_time_sec: (\d+)", answer, re.MULTILINE)
    return answer, LoadedText(told.group(1) if told else "", int(started.group(1)) if started else 0)


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
    ask(master, f"experimental-mode on; @!{pid} set var {_variable(path)} str({digest(text)})", SOON)


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
    list_certificates(master, pid)
    _transaction(master, pid, f"cert {path}", [pem])
    remember(master, pid, path, pem)


def _transaction(master: str, pid: int, what: str, parts: Sequence[str]) -> None:
    """Give HAProxy the parts of a file and commit them, or give it up. Raises `RuntimeFailure`."""
    try:
        for number, part in enumerate(parts):
            sent = f"{'add' if number else 'set'} ssl {what}"
            expect_answer(tell(master, pid, sent, part), sent, r"(?i)^transaction (created|updated)")
        expect_answer(tell(master, pid, f"commit ssl {what}"), f"commit ssl {what}", r"^Success!$")
    except RuntimeFailure:
        with contextlib.suppress(RuntimeFailure):
            tell(master, pid, f"abort ssl {what}")
        raise


def replace_ca(master: str, pid: int, kind: str, path: str, pem: str, shadowed: Sequence[tuple[str, str]]) -> None:
    """Check the certificates of clients (or servers) by `pem` from now on; connections stay. `kind`: ca-file, crl-file.

    `shadowed` are (list, certificate) that go before: a bind's folder has a certificate without the CA that the
    crt-list before it asks clients for. HAProxy takes the first of both, and the change puts the crt-list's behind the
    folder's: nobody would be asked for a certificate any more (seen on 2.6.12, 3.0.11, 3.2.26 and 3.4.7).

    Raises `RuntimeFailure` with HAProxy's words, and then it asks as before. The caller writes the file.
    """
    tell(master, pid, f"abort ssl {kind} {path}")  # what an interrupted run has left
    for crt_list, certificate in shadowed:
        command = f"del ssl crt-list {crt_list} {certificate}"
        expect_answer(tell(master, pid, command), command, r"deleted in crtlist|can't be found|does not exist")
    _transaction(master, pid, f"{kind} {path}", split_pem(pem))
    remember(master, pid, path, pem)


def split_pem(pem: str) -> list[str]:
    """The blocks of a PEM text, in as few payloads as HAProxy takes them."""
    found: list[str] = []
    for block in re.findall(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", pem, re.DOTALL):
        if not found or len(found[-1]) + len(block) > PAYLOAD_LIMIT:
            found.append("")
        found[-1] += f"{block}\n"
    return found


def add_certificate(master: str, pid: int, path: str, pem: str, crt_list: str) -> None:
    """Serve `pem` under a new path, in the crt-list or folder `crt_list` that a bind names. Raises `RuntimeFailure`."""
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
    """Serve this path no longer; `crt_list` is the crt-list or folder that has it. Raises `RuntimeFailure`."""
    command = f"del ssl crt-list {crt_list} {path}"
    expect_answer(tell(master, pid, command), command, r"deleted in crtlist|does not exist")
    expect_answer(tell(master, pid, f"del ssl cert {path}"), f"del ssl cert {path}", r"' deleted!|doesn't exist")
