# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write files atomically, with permissions that are never wider than the final ones; read only what is a file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator

_TEMPORARY = re.compile(r"\..+\.edge-(\d+)\.\w+").fullmatch


def temporary_prefix(path: str) -> str:
    """Return the beginning of the names of this process's temporary files for this path."""
    return f".{os.path.basename(path)}.edge-{os.getpid()}."


def make_temporary(path: str) -> tuple[int, str]:
    """Return descriptor and name of a new file beside `path`."""
    return tempfile.mkstemp(dir=os.path.dirname(path), prefix=temporary_prefix(path))


def sweep(*folders: str) -> None:
    """Remove the temporary files and folders that our killed processes have left in these folders."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                found = _TEMPORARY(entry.name)
                if found and not os.path.exists(f"/proc/{found[1]}"):
                    _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.stat(follow_symlinks=False).st_uid != os.geteuid():
        return  # the system's folder for temporary files is open to all users
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)


@contextlib.contextmanager
def temporary_folder(path: str) -> Iterator[str]:
    """Make a folder beside `path`, or in the system's folder for temporary files where that one does not exist."""
    beside, system = os.path.dirname(path), tempfile.gettempdir()
    sweep(beside, system)
    place = beside if os.path.isdir(beside) else system
    with tempfile.TemporaryDirectory(dir=place, prefix=temporary_prefix(path)) as folder:
        yield folder


def write_atomically(path: str, text: str, mode: int = 0o640, group: int | None = None) -> None:
    """Replace the file by this text; `group` None or -1 leaves the group. Raises OSError, and then nothing changed."""
    descriptor, temporary = make_temporary(path)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), -1, -1 if group is None else group)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_regular_file(path: str, follow: bool = True) -> bytes:
    """Return the content of a file, through symlinks only if told to `follow` them.

    Raise OSError, also for a FIFO or a device, which could block for ever.
    """
    if not follow and os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a symbolic link")
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read()
