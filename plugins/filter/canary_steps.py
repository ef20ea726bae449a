# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `canary_steps`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: canary_steps
short_description: Services with a canary that gets more, step by step
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Returns for each share that a canary is to have the services with that share.
options:
  _input:
    description: The services, as in the role's variable C(haproxy_services).
    type: list
    elements: dict
    required: true
  service:
    description: Name of the service whose canary it is.
    type: str
    required: true
  shares:
    description: Percentages of new sessions, one after the other, as a list or as a text with commas.
    type: raw
    required: true
"""

EXAMPLES = r"""
steps: "{{ haproxy_services | realtime.edge.canary_steps('chat', '5,25,50') }}"
"""

RETURN = r"""
_value:
  description: Each step has C(service), C(share) and C(services).
  type: list
  elements: dict
"""


def canary_steps(services: Any, service: str, shares: Any) -> list[dict[str, Any]]:
    """Return the steps. Raise `AnsibleFilterError` for a service without a canary, and for what is no share."""
    listed = services if isinstance(services, Sequence) and not isinstance(services, str) else []
    known = [str(item.get("name")) for item in listed if isinstance(item, Mapping) and item.get("canary")]
    if service not in known:
        there = ", ".join(known) or "none"
        raise AnsibleFilterError(
            f"canary_service: haproxy_services has no canary of '{service}' (services with one: {there}); "
            "name one, as in -e canary_service=chat"
        )
    return [
        {"service": service, "share": share, "services": [_with_share(item, service, share) for item in listed]}
        for share in _read_shares(shares)
    ]


def _read_shares(shares: Any) -> list[int]:
    items = shares if isinstance(shares, (list, tuple)) else str(shares).split(",")
    texts = [str(item).strip() for item in items]
    wrong = [text for text in texts if not text.isdigit() or int(text) > 100]
    if wrong:
        raise AnsibleFilterError(
            f"canary_steps: {wrong[0]!r} is no percentage from 0 to 100; give the shares one after the other, as in "
            "-e canary_steps=5,25,50,100"
        )
    return [int(text) for text in texts]


def _with_share(item: Any, service: str, share: int) -> Any:
    if not isinstance(item, Mapping) or item.get("name") != service:
        return item
    return {**item, "canary": {**item["canary"], "share": share}}


class FilterModule:
    """The filter plugin."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"canary_steps": canary_steps}
