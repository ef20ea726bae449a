# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of the running process: what is on disk is what it serves, without a reload.

The files come first, so that the next reload, whoever asks for it, serves the same. What can't be done here is done by
that reload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..runtime import certificates, cli, files
from ..runtime.cli import RuntimeFailure


class SwapOutcome(NamedTuple):
    """What is served now of the paths asked for, which of them changed in the process, and what went wrong."""

    served: set[str]
    changed: list[str]
    warnings: list[str]


def swap_certificates(
    master: str, paths: Sequence[str], removed: Sequence[str], folder: str, check_mode: bool = False
) -> SwapOutcome:
    """Let the serving worker behind `master` serve the certificates at `paths`, and not those that were `removed`.

    Each is asked for first: what it serves already is left alone. `folder` is what a bind names (`crt FOLDER`), for
    those that are new. Where no HAProxy runs, nothing is done, and nothing is wrong.
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
        # Only the first line: what a command carries is not for people.
        reason = str(failure).partition("\n")[0]
        result.warnings.append(f"the running HAProxy has its certificates only after its next reload: {reason}")
    return result


def _swap(master: str, worker: int, path: str, folder: str, check_mode: bool, result: SwapOutcome) -> None:
    found = files.read_certificate_file(path, folder)
    if found is None:  # check mode, before it is made
        return
    live = certificates.read_certificate(master, worker, path)
    if live and found.is_served(live):
        result.served.add(path)
        return
    result.changed.append(path)
    if check_mode:
        return
    if live:
        certificates.replace_certificate(master, worker, path, found.pem)
    else:
        certificates.add_certificate(master, worker, path, found.pem, folder)
    result.served.add(path)
