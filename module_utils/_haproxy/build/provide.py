# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Provide a build on this host: use it if present, else unpack it from an archive, else build it from source."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..binary.version import read_ability
from .archive import pack, unpack
from .compile import build, disk_full, tell_step
from .recipe import BuildError, Recipe


@contextlib.contextmanager
def exclusive_lock(prefix: Path) -> Iterator[None]:
    """Hold the lock for `prefix` (which is created); remove the work folders that a killed run has left there."""
    prefix.mkdir(parents=True, exist_ok=True)
    with (prefix / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in prefix.glob(".work-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            yield
        finally:
            tell_step(prefix, "")


def is_built(recipe: Recipe, prefix: Path) -> bool:
    """Return whether the build is present, complete, and runs on this host."""
    directory = recipe.directory(prefix)
    return (directory / "build.json").is_file() and read_ability(str(recipe.binary(prefix))).version == recipe.version


def expect_seconds(recipe: Recipe, prefix: Path, archive: Path | None = None) -> int:
    """Return how long `provide_build` would compile on this host, about; 0 if it has nothing to compile."""
    if is_built(recipe, prefix) or (archive is not None and archive.is_file()):
        return 0
    return sum(source.project.work for source in recipe.sources) // len(os.sched_getaffinity(0))


def provide_build(
    recipe: Recipe,
    places: Sequence[str],
    prefix: Path,
    archive: Path | None = None,
    openssl_places: Sequence[str] = (),
    archive_checksum: str = "",
) -> tuple[bool, str]:
    """Provide the build below `prefix`: use it if present, else unpack `archive`, else build it from source.

    `archive` is written if it does not exist yet; with an `archive_checksum` (SHA-256) no other one is unpacked. Return
    whether something changed, and the place that served the sources ("" if the build was present). Raises BuildError;
    then nothing of this run is left behind.
    """
    if is_built(recipe, prefix) and (archive is None or archive.is_file()):
        return False, ""
    place = ""
    try:
        with exclusive_lock(prefix):
            if not is_built(recipe, prefix):
                if archive is not None and archive.is_file():
                    place = str(archive)
                    unpack(recipe, archive, prefix, archive_checksum)
                else:
                    place = build(recipe, places, prefix, openssl_places)
            if archive is not None and not archive.is_file():
                pack(recipe, prefix, archive)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(recipe, prefix) from error
        raise BuildError(f"{error.filename or prefix}: {error.strerror or error}") from error
    return True, place
