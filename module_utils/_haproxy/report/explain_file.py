# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Explain the configuration file of a host as a page: the file, the binary's messages and the contributors together."""

from __future__ import annotations

import os
import platform
import stat
from typing import Any, NamedTuple

from ..atomic_file import read_regular_file, write_atomically
from ..binary import check
from ..binary.version import binary_version
from ..config.model import ConfigurationError
from ..errors import EdgeError
from ..fragments import store
from . import explain, page

BINARIES = ("/usr/local/sbin/haproxy", "/usr/sbin/haproxy")


class Explained(NamedTuple):
    """The page, and what `haproxy_explain` returns besides."""

    html: str
    result: dict[str, Any]


def explain_file(path: str, binary: str | None, version: str, title: str | None) -> Explained:
    """Explain the file at `path`; `binary`, `version` and `title` as documented in `haproxy_explain`.

    Raises EdgeError where the file cannot be read or the binary cannot be run.
    """
    binary = binary or next((name for name in BINARIES if os.access(name, os.X_OK)), "")
    try:
        text = read_regular_file(path).decode("utf-8", "replace")
        status, messages = check.check_any_file(binary, path) if binary else (0, [])
    except OSError as error:
        raise EdgeError(f"path: {path} cannot be read: {error.strerror}") from None
    except ConfigurationError as error:
        raise EdgeError(f"binary: {error}") from None
    installed = binary_version(binary) if binary else ""
    explanation = explain.explain(text, version or installed, messages, _contributors(path))
    about = [f"HAProxy {installed}" if installed else "no HAProxy here", path]
    html = page.render_page(explanation, title or platform.node(), about, status == 1)
    return Explained(
        html,
        {
            "manual": explanation.manual,
            "lines": len(list(explanation.lines)),
            "goals": list(explanation.goals),
            "paths": [way.key for way in explanation.paths],
            "problems": [
                f"line {number}: {words}" if number else words for _level, words, number in explanation.problems
            ],
            "refused": status == 1,
        },
    )


def _contributors(path: str) -> dict[str, str]:
    """Return service → contributor, without the owner's; none where their files cannot be read."""
    try:
        fragments = store.read_others(path, store.OWNER)
    except ConfigurationError:
        return {}
    return {
        str(service.get("name")): fragment.name
        for fragment in fragments
        for service in fragment.services
        if isinstance(service, dict)
    }


def write_page(dest: str, html: str, check_mode: bool) -> bool:
    """Write the page where it differs from what is there, unless in check mode; return whether it does.

    Raises EdgeError where it cannot be written.
    """
    mode = 0o644
    try:
        if read_regular_file(dest) == html.encode():
            return False
        mode = stat.S_IMODE(os.stat(dest).st_mode)
    except OSError:
        pass  # there is none yet, or something else
    if not check_mode:
        try:
            write_atomically(os.path.realpath(dest), html, mode)
        except OSError as error:
            raise EdgeError(f"dest: {dest} cannot be written: {error.strerror}") from None
    return True
