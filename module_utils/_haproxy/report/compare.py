# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare a host with everything that is wanted of it, in one look: most runs of the role find nothing to change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..certificates import manage as certificates
from ..config.model import ConfigurationError
from ..deploy import disk
from ..errors import EdgeError
from ..fragments import manage as fragments
from ..fragments import store


def compare_certificates(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `haproxy_certificate` would, None where it has something to do or to complain about."""
    try:
        result = certificates.manage(parameters, check_mode=True)
    except EdgeError:
        return None
    return None if result["changed"] else result


def compare_configuration(request: fragments.Request) -> dict[str, Any] | None:
    """Return what `haproxy_config` would, None where it has something to do or to complain about.

    Servers that drain and a last known good text that is missing are something to do, too.
    """
    try:
        result = fragments.manage(request)
        if result["changed"] or result.get("draining") or not _good_is_kept(request.parameters):
            return None
    except EdgeError:
        return None
    return result


def _good_is_kept(parameters: Mapping[str, Any]) -> bool:
    folder = parameters["state_directory"] or store.SETTINGS["state_directory"]
    try:
        return disk.read_text(os.path.join(folder, "last-known-good.cfg")) == disk.read_text(parameters["path"])
    except ConfigurationError:
        return False
