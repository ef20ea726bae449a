# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare a host with everything that is wanted of it, in one look: most runs of the role find nothing to change.

What would fail later is found here, before anything is installed or written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..certificates import manage as certificates
from ..config import redact
from ..config.data import from_data
from ..config.model import ConfigurationError
from ..config.promises import Promises
from ..deploy import disk
from ..deploy.kernel import compare_kernel, describe_lacks
from ..errors import EdgeError, Problems
from ..fragments import manage as fragments
from ..fragments import store
from ..services.base import check_global
from .requirements import Installation, check_host, find_hints

Result = dict[str, Any]


class Wanted(NamedTuple):
    """The parameters of the two modules, None where a module would refuse them, and what is to be installed.

    `kernel`: whether the kernel's settings are wanted that the connections need.
    """

    certificate: Mapping[str, Any] | None
    configuration: Mapping[str, Any] | None
    installation: Installation
    kernel: bool = False


class Comparison(NamedTuple):
    """What the two modules would return, None where they have something to complain about, all problems, and hints.

    `kernel`: the settings that our file is to have and has not; None where it is as wanted.
    """

    certificates: Result | None
    configuration: Result | None
    problems: list[str]
    hints: list[str]
    kernel: dict[str, str] | None

    def settled(self, wanted: Wanted) -> dict[str, Result | None]:
        """Return the results without those that have something to do."""
        first = None if not self.certificates or self.certificates["changed"] else self.certificates
        second = None if wanted.installation.missing or not first else self.configuration
        # Servers that drain and a last known good text that is missing are something to do, too.
        if second and (second["changed"] or second.get("draining") or not _good_is_kept(wanted.configuration or {})):
            second = None
        return {"certificates": None if wanted.installation.missing else first, "configuration": second}


def compare(wanted: Wanted, show_diff: bool, hide: Callable[[set[str]], None]) -> Comparison:
    """Return what would be done, and all that stands in the way. `hide` keeps secrets out of all that is returned."""
    problems = Problems()
    results = _certificates(wanted, problems, hide), _configuration(wanted, show_diff, problems, hide)
    unchanged = not wanted.installation.missing and all(result and not result["changed"] for result in results)
    host = [] if unchanged else list(check_host(wanted.installation))
    hints = list(find_hints(packaged=not wanted.installation.builds)) if wanted.installation.missing else []
    promises = Promises(**(results[1] or {}).get("promises", {}))
    kernel = compare_kernel(promises, wanted.kernel)
    if kernel.differs or not unchanged:
        hints += describe_lacks(kernel, promises)
    return Comparison(*results, [*host, *problems.texts], hints, kernel.settings if kernel.differs else None)


def _certificates(wanted: Wanted, problems: Problems, hide: Callable[[set[str]], None]) -> Result | None:
    if wanted.certificate is None:
        return None
    try:
        return certificates.manage(wanted.certificate, check_mode=True)
    except EdgeError as error:
        hide(redact.secrets_in_data(wanted.certificate["services"]))
        problems.extend(error.problems)
    return None


def _configuration(
    wanted: Wanted, show_diff: bool, problems: Problems, hide: Callable[[set[str]], None]
) -> Result | None:
    if wanted.configuration is None:
        return None
    try:
        # Also without our base settings, where another service may be meant: here it is the role's.
        check_global([from_data(wanted.configuration["sections"], "haproxy_sections")])
    except EdgeError as error:
        problems.extend(error.problems)
    try:
        request = fragments.Request(wanted.configuration, True, show_diff, hide, _foresee(wanted))
        return fragments.manage(request)
    except EdgeError as error:
        # The same description is wrong for both modules.
        problems.extend(text for text in error.problems if text not in problems.texts)
    return None


def _foresee(wanted: Wanted) -> dict[str, str]:
    """Return the files that the certificates' module would write; none where it would complain."""
    if wanted.certificate is None:
        return {}
    try:
        return certificates.foresee_files(wanted.certificate)
    except EdgeError:
        return {}


def _good_is_kept(parameters: Mapping[str, Any]) -> bool:
    folder = parameters["state_directory"] or store.SETTINGS["state_directory"]
    try:
        return disk.read_text(os.path.join(folder, "last-known-good.cfg")) == disk.read_text(parameters["path"])
    except ConfigurationError:
        return False
