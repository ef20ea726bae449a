# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry builds between hosts: pack one into an archive, unpack it where it is missing."""

from __future__ import annotations

import contextlib
import gzip
import json
import tarfile
import tempfile
from pathlib import Path

from ..binary.version import read_ability
from .compile import extract, install_build
from .recipe import BuildError, Recipe


def pack(recipe: Recipe, prefix: Path, archive: Path) -> None:
    """Write the build below `prefix` to `archive`, a tar.gz that is the same, byte for byte, each time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = 0
        return member

    directory = recipe.directory(prefix)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".pack-") as folder:
        temporary = Path(folder) / "archive"
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(temporary.open("wb"))
            zipped = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
            tar = stack.enter_context(tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT))
            for path in (directory, *sorted(directory.rglob("*"))):
                tar.add(path, arcname=str(path.relative_to(prefix)), recursive=False, filter=plain)
        temporary.replace(archive)


def unpack(recipe: Recipe, archive: Path, prefix: Path) -> None:
    """Unpack the build in `archive` into its folder below `prefix`, after its binary has run here.

    Raises BuildError if it is the archive of another build, or cannot be read.
    """
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        extract(archive, Path(folder))
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
