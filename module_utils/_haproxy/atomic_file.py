# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write files atomically; their permissions are never wider than the final ones."""

from __future__ import annotations

import os
import tempfile


def write_atomically(path: str, text: str, mode: int = 0o640, group: int | None = None) -> None:
    """Replace the file by this text; `group` None or -1 leaves the group. Raises OSError, and then nothing changed."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="." + os.path.basename(path))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), -1, -1 if group is None else group)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
