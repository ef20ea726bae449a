# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry builds between hosts: pack one into an archive, unpack it where it is missing."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from ..atomic_file import temporary_folder
from ..binary.version import read_ability
from .compile import explain_archive_errors, extract_member, install_build
from .recipe import BuildError, Recipe

# A build has some 30 MB in some hundred files; with the TLS library and its debug symbols, several times as much.
_MOST_BYTES = 1 << 30
_MOST_MEMBERS = 20_000


def pack(recipe: Recipe, prefix: Path, archive: Path) -> None:
    """Write the build below `prefix` to `archive`, a tar.gz that is the same, byte for byte, each time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = 0
        return member

    directory = recipe.directory(prefix)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(str(archive)) as folder:
        temporary = Path(folder) / "archive"
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(temporary.open("wb"))
            zipped = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
            tar = stack.enter_context(tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT))
            for path in (directory, *sorted(directory.rglob("*"))):
                tar.add(path, arcname=str(path.relative_to(prefix)), recursive=False, filter=plain)
        temporary.replace(archive)


class _Bounded:
    """Read from a stream at most `left` bytes, so that a small archive cannot fill disk or memory."""

    def __init__(self, stream: gzip.GzipFile, left: int) -> None:
        """Take the stream and its bound."""
        self.stream, self.left = stream, left

    def read(self, size: int) -> bytes:
        """Return the next bytes. Raises BuildError beyond the bound."""
        data = self.stream.read(min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise BuildError("the archive of a build is refused: unpacked, it is larger than any build")
        return data


def _file_checksum(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file, and go back to its beginning."""
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def _extract_build(archive: Path, folder: Path, checksum: str) -> None:
    """Unpack an archive that root is about to run: the file that was checked is the one that is read."""
    with archive.open("rb") as file, explain_archive_errors(archive):
        if checksum and (found := _file_checksum(file)) != checksum:
            raise BuildError(f"archive_checksum: {archive} has {found}, not {checksum}; nothing was unpacked")
        stream = cast(BinaryIO, _Bounded(gzip.GzipFile(fileobj=file), _MOST_BYTES))
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for number, member in enumerate(tar):
                if not (member.isfile() or member.isdir()):
                    raise BuildError(f"{archive} is refused: {member.name} is a link or a device, which no build has")
                if number >= _MOST_MEMBERS:
                    raise BuildError(f"{archive} is refused: it has more files than any build")
                extract_member(tar, member, folder, archive)


def unpack(recipe: Recipe, archive: Path, prefix: Path, checksum: str = "") -> None:
    """Unpack the build in `archive` into its folder below `prefix`, after its binary has run here.

    With a `checksum` (SHA-256) any other file is refused before anything of it is read as an archive. Raises BuildError
    if it is the archive of another build, or cannot be read.
    """
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        _extract_build(archive, Path(folder), checksum)
        stage = Path(folder) / recipe.name
        try:
            facts = json.loads((stage / "build.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            facts = {}
        if facts.get("fingerprint") != recipe.fingerprint:
            inside = ", ".join(path.name for path in Path(folder).iterdir())
            raise BuildError(
                f"{archive} holds {inside or 'nothing'}, but this host ({recipe.described()}) needs {recipe.name}"
            )
        found = read_ability(str(stage / "sbin" / "haproxy"))
        if found.version != recipe.version:
            raise BuildError(f"The binary in {archive} does not run on this host: {found.reason}")
        install_build(recipe, stage, prefix)
