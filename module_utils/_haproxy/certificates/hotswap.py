# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the certificates on the disk into the running process, without a reload.

The files are written first, so that the next reload serves the same. It also does what fails here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..runtime import certificates, cli, files
from ..runtime.cli import RuntimeFailure


class SwapOutcome(NamedTuple):
    """Report which of the paths are served now, which changed in the process, and warnings."""

    served: set[str]
    changed: list[str]
    warnings: list[str]


def swap_certificates(
    master: str, paths: Sequence[str], removed: Sequence[str], folder: str, check_mode: bool = False
) -> SwapOutcome:
    """Let the serving worker behind `master` serve the certificates at `paths`, and no longer those in `removed`.

    Certificates that it serves already are left alone. New ones go into `folder`, which a bind names (`crt FOLDER`).
    If no HAProxy runs, nothing is done, without a warning.
    """
    result = SwapOutcome(set(), [], [])
    if not cli.answers(master):
        return result
    try:
        worker = cli.serving_worker(master)
        for path in paths:
            _swap(master, worker, path, folder, check_mode, result)
        for path in removed:
            if certificates.read_certificate(master, worker, path):
                result.changed.append(path)
                if not check_mode:
                    certificates.remove_certificate(master, worker, path, folder)
    except RuntimeFailure as failure:
        # Only the first line: the others may repeat the payload.
        reason = str(failure).partition("\n")[0]
        result.warnings.append(f"the running HAProxy has its certificates only after its next reload: {reason}")
    return result


def _swap(master: str, worker: int, path: str, folder: str, check_mode: bool, result: SwapOutcome) -> None:
    """Replace or add one certificate unless the worker serves it already; note it in `result`."""
    found = files.read_certificate_file(path, folder)
    if found is None:  # in check mode, before the file is made
        return
    live = certificates.read_certificate(master, worker, path)
    if live and live.used and found.is_served(live):
        result.served.add(path)
        return
    result.changed.append(path)
    if check_mode:
        return
    if live and live.used:
        certificates.replace_certificate(master, worker, path, found.pem)
    else:
        certificates.add_certificate(master, worker, path, found.pem, folder)
    result.served.add(path)
