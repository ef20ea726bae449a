# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a worker loads with its configuration, each by what can be done to it at run time."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from typing import NamedTuple

from .model import Configuration
from .syntax import unquote

# Files that change while HAProxy runs.
_WRITTEN_BY_HAPROXY = frozenset(("log", "pidfile", "server-state-file", "server-state-base"))

_PATH = re.compile(r"/[\w./@+~-]+")

# Converters that look something up in a file, and the rules that change such a file's content while HAProxy runs.
_MAP = re.compile(r"\bmap(?:_\w+)?\((/[^,)\s]+)")
_CHANGED_BY_RULES = re.compile(r"\b(?:set-map|del-map|add-acl|del-acl)\((/[^)\s]+)\)")

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Certificate(NamedTuple):
    """A file with a certificate: SHA-1 of the leaf, how many others follow, the text, and the folder or crt-list that
    a bind names it by (empty where it names the file itself)."""

    fingerprint: str
    chain: int
    pem: str
    listed: str


class Patterns(NamedTuple):
    """A file of a map or an ACL: `kind` is map or acl, `entries` its lines as HAProxy understands them."""

    kind: str
    entries: tuple[str, ...]


class Files(NamedTuple):
    """Path → content, for certificates, and for maps and ACLs; `folders` are those that binds take certificates from.

    `others` are the paths of what only a reload can load anew.
    """

    certificates: dict[str, Certificate]
    patterns: dict[str, Patterns]
    folders: tuple[str, ...]
    others: tuple[str, ...]


def files(configuration: Configuration) -> Files:
    """The files that the text names, and those of the folders and crt-lists that it names; each is read once."""
    listed: dict[str, str] = {}
    patterns: dict[str, str] = {}
    folders: dict[str, None] = {}
    changing: set[str] = set()
    named: set[str] = set()
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
            for before, word in zip(words, words[1:]):
                # The keys of tickets rotate in the running process as in the file.
                if "/" not in word or before == "tls-ticket-keys":
                    continue
                if before == "crt" and os.path.isdir(word):
                    folders[word] = None
                elif before == "crt":
                    listed[word] = ""
                elif before == "crt-list":
                    listed.update((path, word) for path in _listed(word))
                elif before == "-f" and "-M" not in words:
                    patterns.setdefault(word, "acl")
                named.update(path for path in _PATH.findall(word) if os.path.isfile(path))
    for folder in folders:
        listed.update((path, folder) for path in _folder(folder) if path not in listed)
    certificates = {path: found for path, place in listed.items() if (found := _certificate(path, place)) is not None}
    loaded = {path: _patterns(path, kind) for path, kind in patterns.items() if path not in changing}
    readable = {path: found for path, found in loaded.items() if found is not None}
    others = (named | set(listed)) - set(certificates) - set(readable)
    return Files(certificates, readable, tuple(folders), tuple(sorted(others)))


def digest(paths: tuple[str, ...], contents: dict[str, str]) -> str:
    """A hash of these files: of their contents as they are to be, or else as they are."""
    total = hashlib.sha256()
    for path in paths:
        content = contents[path].encode(errors="surrogateescape") if path in contents else _read(path)
        total.update(path.encode() + hashlib.sha256(content).digest())
    return total.hexdigest()[:8]


def _folder(folder: str) -> list[str]:
    # HAProxy passes over hidden files, and takes those of other kinds together with the certificate they belong to.
    other = (".key", ".issuer", ".ocsp", ".sctl", ".dh")
    found = (entry for entry in os.scandir(folder) if entry.is_file())
    return sorted(e.path for e in found if not e.name.startswith(".") and not e.name.endswith(other))


def _listed(path: str) -> list[str]:
    lines = _read(path).decode(errors="replace").splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def _certificate(path: str, listed: str) -> Certificate | None:
    pem = _read(path).decode(errors="replace")
    blocks = _CERTIFICATE.findall(pem)
    # A key in a file of its own cannot come along at run time.
    if not blocks or "PRIVATE KEY-----" not in pem:
        return None
    try:
        leaf = hashlib.sha1(ssl.PEM_cert_to_DER_cert(blocks[0])).hexdigest()  # noqa: S324 # HAProxy names them so
    except ValueError:
        return None
    return Certificate(leaf, len(blocks) - 1, pem, listed)


def _patterns(path: str, kind: str) -> Patterns | None:
    if not os.path.isfile(path):
        return None
    lines = (line.strip() for line in _read(path).decode(errors="surrogateescape").splitlines())
    return Patterns(kind, tuple(entry(line, kind) for line in lines if line and not line.startswith("#")))


def entry(line: str, kind: str) -> str:
    """A line of a map (key, blanks, value) or of an ACL in its one spelling."""
    return " ".join(line.split(None, 1)) if kind == "map" else line


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # HAProxy will say it better, when it checks
