# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add, change or remove a contributor's fragment: assemble the edge from all fragments and apply it, under one lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..config.model import Configuration, ConfigurationError
from ..deploy import apply, disk
from ..deploy.apply import ApplyOptions, Outcome
from . import store
from .arguments import check_settings
from .store import OWNER, SETTINGS, Fragment

# All fragments and the settings of the edge → its configuration.
Assemble = Callable[[list[Fragment], dict[str, Any]], Configuration]


class Contribution(NamedTuple):
    """Report the names of all fragments afterwards, and the outcome of the change.

    There is no `outcome` if HAProxy was not touched; `reasons` then say what was recorded.
    """

    fragments: list[str]
    outcome: Outcome | None
    reasons: list[str]


def contribute(path: str, part: Fragment, absent: bool, assemble: Assemble, options: ApplyOptions) -> Contribution:
    """Add this fragment to the edge whose configuration is at `path`, or remove it (`absent`).

    The fragment is written together with the configuration, or not at all. Raises `ConfigurationError`.
    """
    if part.settings and part.name != OWNER:
        raise ConfigurationError(
            f"{', '.join(part.settings)}: only fragment '{OWNER}' may set options of the edge itself, not fragment "
            f"'{part.name}'"
        )
    with disk.exclusive_lock(path):
        if not options.check_mode:
            disk.sweep_leftovers(path, {**SETTINGS, **part.settings})
        others = _read_checked(path, part.name)
        parts = store.in_order([*others, *([] if absent else [part])])
        names = [other.name for other in parts]
        record = (store.fragment_path(path, part.name), "" if absent else store.fragment_text(part))
        settings = next((other.settings for other in parts if other.name == OWNER), None)
        if settings is None or (absent and not os.path.exists(record[0])):
            # The edge has no owner (yet), or there is nothing to remove: report errors, but leave HAProxy alone.
            assemble(parts, SETTINGS)
            return Contribution(names, None, disk.write_records((record,), options.check_mode))
        # Without a limit set by the owner, the number of file descriptors is unknown: the default is no check.
        descriptors = settings.get("file_descriptors", 0)
        settings = {**SETTINGS, **settings}
        target = disk.read_target({**settings, "file_descriptors": descriptors}, path)
        outcome = apply.apply(assemble(parts, settings), target, options, (record,))
    return Contribution(names, outcome, outcome.reasons)


def read_owners_target(path: str) -> disk.Target:
    """Return the target that the owner of this edge has recorded, the default one without an owner.

    The caller holds the lock. Raises `ConfigurationError` for a fragment that this version cannot read.
    """
    owner = next((part.settings for part in _read_checked(path, "") if part.name == OWNER), {})
    return disk.read_target({**SETTINGS, **owner}, path)


def _read_checked(path: str, name: str) -> list[Fragment]:
    """Return all fragments but this one. Raises `ConfigurationError` for any that this version cannot read."""
    others = store.read_others(path, name)
    for other in others:
        check_settings(other.settings, store.fragment_path(path, other.name))
    return others
