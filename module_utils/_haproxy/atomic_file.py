# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write files atomically, with permissions that are never wider than the final ones; read only what is a file."""

from __future__ import annotations

import errno
import os
import stat
import tempfile


def write_atomically(path: str, text: str, mode: int = 0o640, group: int | None = None) -> None:
    """Replace the file by this text; `group` None or -1 leaves the group. Raises OSError, and then nothing changed."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="." + os.path.basename(path))
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


def read_regular_file(path: str, flags: int = 0) -> bytes:
    """Return the content of a file. Raise OSError, also for a FIFO or a device, which could block for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read()
