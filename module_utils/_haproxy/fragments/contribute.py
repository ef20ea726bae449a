# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One contributor's part comes, changes or goes: the edge is assembled from all parts and applied, within one turn."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..config.model import Configuration, ConfigurationError
from ..deploy import apply, disk
from ..deploy.apply import Outcome, Policy
from . import store
from .store import OWNER, SETTINGS, Fragment

# All fragments and the settings of the edge → its configuration.
Assemble = Callable[[list[Fragment], dict[str, Any]], Configuration]


class ApplyOptions(NamedTuple):
    """How the change is made: as `apply.apply` describes it."""

    check_mode: bool = False
    restart: bool = False
    warnings_fatal: bool = False
    policy: Policy = Policy()


class Contribution(NamedTuple):
    """All fragments afterwards, and what came of the change; no `outcome` where HAProxy is left alone, then `reasons`
    tell what was recorded."""

    fragments: list[str]
    outcome: Outcome | None
    reasons: list[str]


def contribute(path: str, part: Fragment, absent: bool, assemble: Assemble, manner: ApplyOptions) -> Contribution:
    """Make this part one of the edge whose configuration is at `path`, or take it out (`absent`).

    The fragment is written together with the configuration, or not at all. Raises `ConfigurationError`.
    """
    if part.settings and part.name != OWNER:
        raise ConfigurationError(
            f"{', '.join(part.settings)}: the edge's own, which fragment '{OWNER}' sets and fragment "
            f"'{part.name}' cannot"
        )
    with disk.exclusive_lock(path):
        parts = store.in_order([*store.read_others(path, part.name), *([] if absent else [part])])
        names = [other.name for other in parts]
        record = (store.fragment_path(path, part.name), "" if absent else store.fragment_text(part))
        settings = next((other.settings for other in parts if other.name == OWNER), None)
        if settings is None or (absent and not os.path.exists(record[0])):
            # Nobody owns the edge (yet), or there is nothing to take out: HAProxy is left alone, mistakes are told.
            assemble(parts, SETTINGS)
            return Contribution(names, None, disk.write_records((record,), manner.check_mode))
        told = settings.get("file_descriptors", 0)
        settings = {**SETTINGS, **settings}
        outcome = apply.apply(
            assemble(parts, settings),
            # How many file descriptors there are, only who runs the service tells.
            disk.read_target({**settings, "file_descriptors": told}, path),
            manner.check_mode,
            manner.restart,
            (record,),
            manner.warnings_fatal,
            manner.policy,
        )
    return Contribution(names, outcome, outcome.reasons)
