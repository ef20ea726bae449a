# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file is written whole or not at all, and is never open to more eyes than at its end."""

from __future__ import annotations

import os
import tempfile


def write_atomically(path: str, text: str, mode: int, group: int) -> None:
    """Put this text in the place of what is there; `group` -1 leaves the group. Raises OSError, and nothing changed."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="." + os.path.basename(path))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), -1, group)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
