# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `adopted`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._haproxy.config.data import from_data, to_data
from ..module_utils._haproxy.config.model import Configuration, ConfigurationError, Directive, Section
from ..module_utils._haproxy.paths import RUNTIME_SOCKET
from ..module_utils._haproxy.services.base import OF_THE_UNIT

DOCUMENTATION = r"""
name: adopted
short_description: A configuration from elsewhere, for the service that the role installs
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Takes a configuration that M(realtime.edge.haproxy_config) has gathered or parsed, and returns it for the unit of
    the role, which starts HAProxy without root.
  - Removes from C(global) the lines C(chroot), C(user), C(group), C(uid), C(gid), C(daemon), C(pidfile), C(nbproc),
    C(master-worker) and C(stats socket) with a path.
  - Adds the socket that the role uses, and C(mworker-max-reloads), so that reloads end no sockets.
options:
  _input:
    description: A configuration, as RV(realtime.edge.haproxy_config#module:gathered).
    type: raw
    required: true
"""

EXAMPLES = r"""
haproxy_sections: "{{ found.gathered | realtime.edge.adopted }}"
haproxy_base_settings: false
"""

RETURN = r"""
_value:
  description: The configuration, for the role's variable C(haproxy_sections).
  type: list
  elements: raw
"""

# The unit starts a master with one worker, which stays in the foreground.
_OF_THE_UNIT = OF_THE_UNIT | {"daemon", "master-worker", "nbproc"}

_RUNTIME = Directive.of("", f"stats socket {RUNTIME_SOCKET} mode 660 level admin expose-fd listeners")
_RELOADS = Directive.of("", "mworker-max-reloads 1000")


def _fits(line: Directive) -> bool:
    if (line.keyword, *line.arguments[:1]) == ("stats", "socket"):
        return not "".join(line.arguments[1:2]).startswith(("/", "unix@", '"/', "'/"))
    return line.keyword not in _OF_THE_UNIT


def adopted(data: Any) -> list[Any]:
    """Return the configuration with a `global` for the role's unit. Raise AnsibleFilterError if it cannot be read."""
    try:
        sections = from_data(data, "adopted").sections
        kept = [
            replace(section, directives=tuple(filter(_fits, section.directives)))
            if section.kind == "global"
            else section
            for section in sections
        ]
        place = next((number for number, section in enumerate(kept) if section.kind == "global"), None)
        first = Section("global") if place is None else kept.pop(place)
        limited = any(line.keyword == _RELOADS.keyword for section in sections for line in section.directives)
        first = replace(first, directives=(*first.directives, _RUNTIME, *(() if limited else (_RELOADS,))))
        kept.insert(place or 0, first)
        return to_data(Configuration(tuple(kept)))
    except ConfigurationError as error:
        raise AnsibleFilterError("\n".join(error.problems)) from None


class FilterModule:
    """Name the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"adopted": adopted}
