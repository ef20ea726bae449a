# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the files that a worker loads with its configuration, by how the Runtime API can replace them."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from ..atomic_file import read_regular_file
from ..config.model import Configuration
from ..config.words import entry_lines, unquote
from .certificates import LoadedCA, LoadedCertificate
from .maps import PAYLOAD_LIMIT

# Files that HAProxy writes while it runs.
_WRITTEN_BY_HAPROXY = frozenset(("log", "pidfile", "server-state-file", "server-state-base"))

_PATH = re.compile(r"/[\w./@+~-]+")

# Converters that use a map file, and rules that change the loaded entries of a file while HAProxy runs.
_MAP = re.compile(r"\bmap(?:_\w+)?\((/[^,)\s]+)")
_CHANGED_BY_RULES = re.compile(r"\b(?:set-map|del-map|add-acl|del-acl)\((/[^)\s]+)\)")

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)

# Options of `bind` and `server` that name a CA file or a CRL, and the PEM label of its blocks.
_CA = {"ca-file": "CERTIFICATE", "crl-file": "X509 CRL"}
_IN_BRACKETS = re.compile(r"\b(ca-file|crl-file)\s+(/[^\s\]]+)")


_Content = TypeVar("_Content")


class CertificateFile(NamedTuple):
    """A file with a certificate: SHA-1 of the leaf, the length of its chain, the text, the folder or crt-list by which
    a bind names it (empty if it names the file itself), and when the file was written (seconds since the epoch)."""

    fingerprint: str
    chain: int
    pem: str
    crt_list: str
    written: float = 0.0

    def is_served(self, there: LoadedCertificate) -> bool:
        """Return whether a worker has loaded this; without a chain, the fingerprint identifies it."""
        if (there.fingerprint, there.chain) != (self.fingerprint, self.chain):
            return False
        return not self.chain or there.loaded.matches(self.pem, self.written)


class CAFile(NamedTuple):
    """A CA file or a CRL (`kind`: ca-file, crl-file): SHA-1 of its certificates, the text, when it was written, and the
    (folder, certificate) entries that would take precedence over a crt-list's once the file is replaced."""

    kind: str
    fingerprints: frozenset[str]
    pem: str
    written: float = 0.0
    shadowed: tuple[tuple[str, str], ...] = ()

    def is_served(self, there: LoadedCA) -> bool:
        """Return whether a worker has loaded this."""
        if self.kind == "ca-file":
            return there.fingerprints == self.fingerprints
        return there.loaded.matches(self.pem, self.written)

    def takes_away(self, there: LoadedCA) -> bool:
        """Return whether this revokes trust that the worker still grants."""
        return self.kind == "crl-file" or not there.fingerprints <= self.fingerprints


class PatternFile(NamedTuple):
    """A file of a map or an ACL: `kind` is map or acl, `entries` its lines as HAProxy reads them."""

    kind: str
    entries: tuple[str, ...]


class Files(NamedTuple):
    """Path → content of certificates, maps and ACLs, CA files and CRLs; `folders` are those that binds load
    certificates from, `tickets` the files with the keys of session tickets. In `default_folders` the first certificate
    is the one that clients get who ask for a name that none has.

    `reload_only` are the paths that only a reload can load again.
    """

    certificates: dict[str, CertificateFile]
    patterns: dict[str, PatternFile]
    folders: tuple[str, ...]
    reload_only: tuple[str, ...]
    ca_files: dict[str, CAFile] = {}  # noqa: RUF012 # never written to
    tickets: tuple[str, ...] = ()
    default_folders: tuple[str, ...] = ()


class _Reference(NamedTuple):
    """A file that a line names. `kind`: crt, folder, ca-file, crl-file, map, acl, tickets, changing, or other.

    `listed_by` is the crt-list or folder with the certificate.
    """

    kind: str
    path: str
    listed_by: str = ""


def find_files(configuration: Configuration) -> Files:
    """Return the files that the text names, and those in its folders and crt-lists; each is read once.

    Of maps and ACLs that belong to the configuration, the contents are those they are to have.
    """
    lines = list(_lines_with_paths(configuration))
    references = [reference for words in lines for reference in _find_references(words)]
    return _load_files(references, [words for words in lines if words[0] == "bind"], dict(configuration.files))


def _lines_with_paths(configuration: Configuration) -> Iterator[list[str]]:
    """Yield the unquoted words of each line that may name a file to load."""
    lines = {line.text: line for section in configuration.sections for line in section.directives}
    for text, line in lines.items():
        # A slash may be written as \x2f.
        if ("/" in text or "\\" in text) and line.keyword not in _WRITTEN_BY_HAPROXY:
            words = [line.keyword, *(unquote(word) for word in line.arguments)]
            if any("/" in word for word in words):
                yield words


def _find_references(words: list[str]) -> Iterator[_Reference]:
    """Yield the files that a line names."""
    text = " ".join(words)
    yield from (_Reference("map", path) for path in _MAP.findall(text))
    yield from (_Reference("changing", path) for path in _CHANGED_BY_RULES.findall(text))
    for option, word in zip(words, words[1:]):
        if "/" not in word:
            continue
        # The keys of tickets rotate in the running process and in the file alike.
        if option == "tls-ticket-keys":
            yield _Reference("tickets", word)
            continue
        if option == "crt":
            yield _Reference("folder" if os.path.isdir(word) else "crt", word)
        elif option == "crt-list":
            for path, options in _list_crt_list(word):
                yield _Reference("crt", path, word)
                yield from (_Reference(kind, file) for file, kind in options)
        elif option in _CA:
            yield _Reference(option, word)
        elif option == "-f" and "-M" not in words:
            yield _Reference("acl", word)
        yield from (_Reference("other", path) for path in _PATH.findall(word) if os.path.isfile(path))


def _load_files(references: list[_Reference], binds: list[list[str]], contents: dict[str, str]) -> Files:
    """Read the files; one that the Runtime API cannot replace is among `reload_only`."""

    def paths(*kinds: str) -> dict[str, str]:
        return {reference.path: reference.kind for reference in references if reference.kind in kinds}

    folders = paths("folder")
    listed_by = {reference.path: reference.listed_by for reference in references if reference.kind == "crt"}
    for folder in folders:
        listed_by.update((path, folder) for path in _list_folder(folder) if path not in listed_by)
    pattern_kinds: dict[str, str] = {}
    changing = paths("changing")
    for reference in references:
        if reference.kind in ("map", "acl") and reference.path not in changing:
            # A file of both kinds is a map.
            pattern_kinds[reference.path] = "map" if pattern_kinds.get(reference.path) == "map" else reference.kind
    ca_kinds = paths(*_CA)
    certificates = _without_none({path: read_certificate_file(path, by) for path, by in listed_by.items()})
    patterns = _without_none({path: _read_pattern_file(path, kind, contents) for path, kind in pattern_kinds.items()})
    ca_files = _without_none({path: _read_ca_file(path, kind, binds) for path, kind in ca_kinds.items()})
    named = {*paths("other"), *listed_by} - {*certificates, *patterns}
    named |= {path for path in ca_kinds if os.path.isfile(path)}
    reload_only = tuple(sorted(named - {*ca_files}))
    default_folders = tuple(folder for folder in folders if any(_default_source(words) == folder for words in binds))
    return Files(
        certificates, patterns, tuple(folders), reload_only, ca_files, tuple(paths("tickets")), default_folders
    )


def _default_source(words: list[str]) -> str:
    """Return the file or folder with the default certificate of a bind, empty if it has none."""
    options = (word for option, word in zip(words, words[1:]) if option in ("crt", "crt-list", "default-crt"))
    return "" if "strict-sni" in words else next(options, "")


def _without_none(found: dict[str, _Content | None]) -> dict[str, _Content]:
    return {path: content for path, content in found.items() if content is not None}


def digest_files(paths: tuple[str, ...], contents: dict[str, str]) -> str:
    """Return a hash of these files: of their new contents if given, else of the ones on disk."""
    total = hashlib.sha256()
    for path in paths:
        content = contents[path].encode(errors="surrogateescape") if path in contents else _read_text(path)
        total.update(path.encode() + hashlib.sha256(content).digest())
    return total.hexdigest()[:8]


def _list_folder(folder: str) -> list[str]:
    # HAProxy skips hidden files, and loads those of other kinds together with their certificate.
    other = (".key", ".issuer", ".ocsp", ".sctl", ".dh")
    found = (entry for entry in os.scandir(folder) if entry.is_file())
    return sorted(e.path for e in found if not e.name.startswith(".") and not e.name.endswith(other))


def _list_crt_list(path: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the certificates of a crt-list, each with its CA files and CRLs (path, kind) (manual, 3.12)."""
    lines = entry_lines(_read_text(path).decode(errors="surrogateescape"))
    named = [line for line in lines if line.split() and not line.startswith("#")]
    return [(line.split()[0], [(file, kind) for kind, file in _IN_BRACKETS.findall(line)]) for line in named]


def read_certificate_file(path: str, crt_list: str) -> CertificateFile | None:
    """Return the certificate of a file, None if the Runtime API cannot replace it."""
    pem = _read_text(path).decode(errors="surrogateescape")
    prints = _fingerprints(pem)
    # The Runtime API cannot replace a key in a separate file.
    if not prints or "PRIVATE KEY-----" not in pem:
        return None
    return CertificateFile(prints[0], len(prints) - 1, pem, crt_list, os.stat(path).st_ctime)


def _read_ca_file(path: str, kind: str, binds: Iterable[list[str]]) -> CAFile | None:
    """Return the CA file or CRL, None if only a reload can load it."""
    text = _read_text(path).decode(errors="surrogateescape")
    # The peers' CA file is their common certificate, whose file contains a key too.
    blocks = [block for block in _BLOCK.finditer(text) if not block[1].endswith("PRIVATE KEY")]
    pem = "".join(f"{block[0]}\n" for block in blocks)
    prints = _fingerprints(pem)
    if {block[1] for block in blocks} != {_CA[kind]} or (kind == "ca-file" and not prints):
        return None
    shadowed = _shadowed_by_folder(path, kind, binds)
    folders = {folder for folder, _name in shadowed}
    # A folder that serves another bind too must keep its certificates.
    if any(folders & set(words) and "crt-list" not in words for words in binds):
        return None
    return CAFile(kind, frozenset(prints), pem, os.stat(path).st_ctime, shadowed)


def _shadowed_by_folder(path: str, kind: str, binds: Iterable[list[str]]) -> tuple[tuple[str, str], ...]:
    """Return the (folder, certificate) of binds whose crt-list has the certificate with this CA file or CRL."""
    shadowed: dict[tuple[str, str], None] = {}
    for words in binds:
        options = list(zip(words, words[1:]))
        lists = {word for option, word in options if option == "crt-list"}
        asking = [name for file in lists for name, files in _list_crt_list(file) if (path, kind) in files]
        for option, word in options:
            if option == "crt":
                shadowed.update(((word, name), None) for name in asking if os.path.dirname(name) == word.rstrip("/"))
    return tuple(shadowed)


def _fingerprints(pem: str) -> list[str]:
    """Return the SHA-1 of each certificate, as HAProxy reports it; none if one is damaged."""
    blocks = [block[0] for block in _BLOCK.finditer(pem) if block[1] == "CERTIFICATE"]
    try:
        return [hashlib.sha1(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]  # noqa: S324
    except ValueError:
        return []


def _read_pattern_file(path: str, kind: str, contents: dict[str, str]) -> PatternFile | None:
    if path not in contents and not os.path.isfile(path):
        return None
    content = contents[path].encode(errors="surrogateescape") if path in contents else _read_text(path)
    # HAProxy parts longer lines, where its buffer ends.
    if max(map(len, content.split(b"\n"))) > PAYLOAD_LIMIT:
        return None
    lines = (line for line in entry_lines(content.decode(errors="surrogateescape")) if not line.startswith("#"))
    entries = (_parse_entry(line.lstrip(" \t"), kind) for line in lines)
    return PatternFile(kind, tuple(entry for entry in entries if entry))


def _parse_entry(line: str, kind: str) -> str:
    """Return a line of a map (key, blanks, value) or of an ACL as the worker lists it.

    Only a map's entry loses its last blanks; without a value it ends with one (pat_ref_read_from_file in HAProxy).
    """
    if kind != "map" or not line:
        return line
    key, *value = re.split(r"[ \t]+", line, maxsplit=1)
    return " ".join((key, "".join(value).rstrip(" \t")))


def _read_text(path: str) -> bytes:
    try:
        return read_regular_file(path)
    except OSError:
        return b""  # the check of the configuration reports it better
