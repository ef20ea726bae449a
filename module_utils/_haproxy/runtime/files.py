# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a worker loads with its configuration, each by what can be done to it at run time."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Iterable
from typing import NamedTuple

from ..config.model import Configuration
from ..config.words import unquote
from .certificates import LoadedCA, LoadedCertificate

# Files that change while HAProxy runs.
_WRITTEN_BY_HAPROXY = frozenset(("log", "pidfile", "server-state-file", "server-state-base"))

_PATH = re.compile(r"/[\w./@+~-]+")

# Converters that look something up in a file, and the rules that change such a file's content while HAProxy runs.
_MAP = re.compile(r"\bmap(?:_\w+)?\((/[^,)\s]+)")
_CHANGED_BY_RULES = re.compile(r"\b(?:set-map|del-map|add-acl|del-acl)\((/[^)\s]+)\)")

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)

# Options of `bind` and of `server` whose file says whom to trust, and whom no more; by the kind of PEM in it.
_CA = {"ca-file": "CERTIFICATE", "crl-file": "X509 CRL"}
_IN_BRACKETS = re.compile(r"\b(ca-file|crl-file)\s+(/[^\s\]]+)")


class CertificateFile(NamedTuple):
    """A file with a certificate: SHA-1 of the leaf, how many others follow, the text, the folder or crt-list that a
    bind names it by (empty where it names the file itself), and when the file was written (seconds since the epoch)."""

    fingerprint: str
    chain: int
    pem: str
    crt_list: str
    written: float = 0.0

    def is_served(self, there: LoadedCertificate) -> bool:
        """Whether this is what a worker has; a certificate without a chain is told by its fingerprint alone."""
        if (there.fingerprint, there.chain) != (self.fingerprint, self.chain):
            return False
        return not self.chain or there.loaded.matches(self.pem, self.written)


class CAFile(NamedTuple):
    """A file that says whom to trust (`kind` ca-file) or whom no more (crl-file): SHA-1 of the certificates in it, the
    text, when it was written, and the (folder, certificate) that hide the lines of a crt-list where it changes."""

    kind: str
    fingerprints: frozenset[str]
    pem: str
    written: float = 0.0
    shadowed: tuple[tuple[str, str], ...] = ()

    def is_served(self, there: LoadedCA) -> bool:
        """Whether this is what a worker has."""
        if self.kind == "ca-file":
            return there.fingerprints == self.fingerprints
        return there.loaded.matches(self.pem, self.written)

    def takes_away(self, there: LoadedCA) -> bool:
        """Whether somebody whom that worker trusts is not trusted any more."""
        return self.kind == "crl-file" or not there.fingerprints <= self.fingerprints


class PatternFile(NamedTuple):
    """A file of a map or an ACL: `kind` is map or acl, `entries` its lines as HAProxy understands them."""

    kind: str
    entries: tuple[str, ...]


class Files(NamedTuple):
    """Path → content, for certificates, maps and ACLs, and authorities; `folders` are those that binds take
    certificates from, `tickets` the files with the keys of session tickets.

    `reload_only` are the paths of what only a reload can load anew.
    """

    certificates: dict[str, CertificateFile]
    patterns: dict[str, PatternFile]
    folders: tuple[str, ...]
    reload_only: tuple[str, ...]
    ca_files: dict[str, CAFile] = {}  # noqa: RUF012 # never written to
    tickets: tuple[str, ...] = ()


def find_files(configuration: Configuration) -> Files:
    """The files that the text names, and those of the folders and crt-lists that it names; each is read once."""
    crt_listed: dict[str, str] = {}
    patterns: dict[str, str] = {}
    folders: dict[str, None] = {}
    changing: set[str] = set()
    named: set[str] = set()
    ca_files: dict[str, str] = {}
    tickets: dict[str, None] = {}
    binds: list[list[str]] = []
    for section in configuration.sections:
        for line in section.directives:
            if line.keyword in _WRITTEN_BY_HAPROXY:
                continue
            words = [line.keyword, *(unquote(word) for word in line.arguments)]
            text = " ".join(words)
            if "/" not in text:
                continue
            patterns.update((path, "map") for path in _MAP.findall(text))
            changing.update(_CHANGED_BY_RULES.findall(text))
            if line.keyword == "bind":
                binds.append(words)
            for before, word in zip(words, words[1:]):
                if "/" not in word:
                    continue
                # The keys of tickets rotate in the running process as in the file.
                if before == "tls-ticket-keys":
                    tickets[word] = None
                    continue
                if before == "crt" and os.path.isdir(word):
                    folders[word] = None
                elif before == "crt":
                    crt_listed[word] = ""
                elif before == "crt-list":
                    crt_listed.update((path, word) for path, _options in _list_crt_list(word))
                    ca_files.update(pair for _path, options in _list_crt_list(word) for pair in options)
                elif before in _CA:
                    ca_files[word] = before
                elif before == "-f" and "-M" not in words:
                    patterns.setdefault(word, "acl")
                named.update(path for path in _PATH.findall(word) if os.path.isfile(path))
    for folder in folders:
        crt_listed.update((path, folder) for path in _list_folder(folder) if path not in crt_listed)
    certificates = {
        path: found for path, place in crt_listed.items() if (found := read_certificate_file(path, place)) is not None
    }
    loaded = {path: _pattern_entries(path, kind) for path, kind in patterns.items() if path not in changing}
    readable = {path: found for path, found in loaded.items() if found is not None}
    trusted = {path: said for path, kind in ca_files.items() if (said := _ca_file(path, kind, binds)) is not None}
    others = (named | set(crt_listed)) - {*certificates, *readable}
    others |= {path for path in ca_files if os.path.isfile(path)}
    others -= set(trusted)
    return Files(certificates, readable, tuple(folders), tuple(sorted(others)), trusted, tuple(tickets))


def digest_files(paths: tuple[str, ...], contents: dict[str, str]) -> str:
    """A hash of these files: of their contents as they are to be, or else as they are."""
    total = hashlib.sha256()
    for path in paths:
        content = contents[path].encode(errors="surrogateescape") if path in contents else _read_text(path)
        total.update(path.encode() + hashlib.sha256(content).digest())
    return total.hexdigest()[:8]


def _list_folder(folder: str) -> list[str]:
    # HAProxy passes over hidden files, and takes those of other kinds together with the certificate they belong to.
    other = (".key", ".issuer", ".ocsp", ".sctl", ".dh")
    found = (entry for entry in os.scandir(folder) if entry.is_file())
    return sorted(e.path for e in found if not e.name.startswith(".") and not e.name.endswith(other))


def _list_crt_list(path: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The certificates of a crt-list, each with the ca_files (path, kind) that it asks for (manual, 3.12)."""
    lines = _read_text(path).decode(errors="replace").splitlines()
    named = [line for line in lines if line.strip() and not line.startswith("#")]
    return [(line.split()[0], [(file, kind) for kind, file in _IN_BRACKETS.findall(line)]) for line in named]


def read_certificate_file(path: str, crt_list: str) -> CertificateFile | None:
    """The certificate in a file that a folder or crt-list names, None for one that can't be given at run time."""
    pem = _read_text(path).decode(errors="replace")
    prints = _fingerprints(pem)
    # A key in a file of its own cannot come along at run time.
    if not prints or "PRIVATE KEY-----" not in pem:
        return None
    return CertificateFile(prints[0], len(prints) - 1, pem, crt_list, os.stat(path).st_ctime)


def _ca_file(path: str, kind: str, binds: Iterable[list[str]]) -> CAFile | None:
    """What the file says, None where only a reload can load it."""
    text = _read_text(path).decode(errors="replace")
    # Edges show each other the certificate by which they know each other: its file has a key, too.
    blocks = [block for block in _BLOCK.finditer(text) if not block[1].endswith("PRIVATE KEY")]
    pem = "".join(f"{block[0]}\n" for block in blocks)
    prints = _fingerprints(pem)
    if {block[1] for block in blocks} != {_CA[kind]} or (kind == "ca-file" and not prints):
        return None
    shadowed: dict[tuple[str, str], None] = {}
    for words in binds:
        lists = {word for before, word in zip(words, words[1:]) if before == "crt-list"}
        asking = [name for file in lists for name, options in _list_crt_list(file) if (path, kind) in options]
        for before, word in zip(words, words[1:]):
            if before == "crt" and asking:
                shadowed.update(((word, name), None) for name in asking if os.path.dirname(name) == word.rstrip("/"))
    folders = {folder for folder, _name in shadowed}
    elsewhere = any(folders & set(words) and "crt-list" not in words for words in binds)
    # The folder serves another bind, too, which would lose the certificate.
    if elsewhere:
        return None
    return CAFile(kind, frozenset(prints), pem, os.stat(path).st_ctime, tuple(shadowed))


def _fingerprints(pem: str) -> list[str]:
    """SHA-1 of each certificate, which is how HAProxy names them; none where one is damaged."""
    blocks = [block[0] for block in _BLOCK.finditer(pem) if block[1] == "CERTIFICATE"]
    try:
        return [hashlib.sha1(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]  # noqa: S324
    except ValueError:
        return []


def _pattern_entries(path: str, kind: str) -> PatternFile | None:
    if not os.path.isfile(path):
        return None
    lines = (line.strip() for line in _read_text(path).decode(errors="surrogateescape").splitlines())
    return PatternFile(kind, tuple(parse_entry(line, kind) for line in lines if line and not line.startswith("#")))


def parse_entry(line: str, kind: str) -> str:
    """A line of a map (key, blanks, value) or of an ACL in its one spelling."""
    return " ".join(line.split(None, 1)) if kind == "map" else line


def _read_text(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # HAProxy will say it better, when it checks
