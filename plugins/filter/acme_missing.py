# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `acme_missing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

DOCUMENTATION = r"""
name: acme_missing
short_description: What the controller lacks for ACME
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Returns what has to be installed on the controller before certificates can be obtained by ACME.
options:
  _input:
    description: The settings of ACME, as in the role's variable C(haproxy_acme).
    type: dict
    required: true
"""

EXAMPLES = r"""
missing: "{{ haproxy_acme | realtime.edge.acme_missing }}"
"""

RETURN = r"""
_value:
  description: A text for each thing that is missing, with the command that installs it.
  type: list
  elements: str
"""


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # not even what contains it is there
        return False


def acme_missing(settings: Mapping[str, Any]) -> list[str]:
    """Return what is missing on the controller; both clients need it for the account's key."""
    missing = []
    if not settings.get("directory"):
        missing.append(
            "haproxy_acme.directory: the directory URL of the CA, such as https://acme-v02.api.letsencrypt.org/directory"
        )
    if not _is_there("ansible_collections.community.crypto"):
        missing.append(
            "the collection community.crypto on the controller, which ansible-core alone does not bring: "
            "ansible-galaxy collection install community.crypto"
        )
    if not _is_there("cryptography"):
        missing.append("Python's cryptography on the controller, for the Python of Ansible: pip install cryptography")
    return missing


class FilterModule:
    """Name the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"acme_missing": acme_missing}
