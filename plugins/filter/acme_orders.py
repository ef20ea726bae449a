# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter `acme_orders`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._haproxy.services.definition import certificate_orders

DOCUMENTATION = r"""
name: acme_orders
short_description: Certificates that ACME has to obtain for services
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Returns what services with hosts need and a list of certificates does not have.
  - Leaves out a service whose definition is not sound; M(realtime.edge.haproxy_config) reports it.
options:
  _input:
    description: Services as in O(realtime.edge.haproxy_config#module:services).
    type: list
    elements: raw
    required: true
  certificates:
    description: Certificates as in O(realtime.edge.haproxy_certificate#module:certificates).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
orders: "{{ haproxy_services | realtime.edge.acme_orders(haproxy_certificates) }}"
"""

RETURN = r"""
_value:
  description: A mapping for each certificate, with C(name) and C(hosts).
  type: list
  elements: dict
"""


class FilterModule:
    """Name the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"acme_orders": certificate_orders}
