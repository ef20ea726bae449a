#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_vrrp_info`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_vrrp_info
short_description: Who holds the addresses that edges share
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Tells which of the shared addresses this edge holds, since when, and which flows are handed over.
  - With O(preflight) it first makes sure that the addresses can be shared - no other host answers for them, and
    keepalived has no configuration but the role's.
options:
  addresses:
    description: The shared addresses, as the role's C(keepalived_addresses).
    type: list
    elements: dict
    required: true
  edges:
    description: The edges that share them, name to own IP address.
    type: dict
    required: true
  name:
    description: The name of this edge in O(edges).
    type: str
    required: true
  preflight:
    description: Whether the module fails where the addresses can't be shared, with all reasons at once.
    type: bool
    default: false
  probe:
    description: Whether O(preflight) asks the network who answers for the addresses, which takes about a second.
    type: bool
    default: true
seealso:
  - module: realtime.edge.haproxy_handover
extends_documentation_fragment:
  - realtime.edge.attributes.info_module
"""

EXAMPLES = r"""
- name: See who holds the address
  realtime.edge.haproxy_vrrp_info:
    addresses: "{{ keepalived_addresses }}"
    edges: {edge1: 203.0.113.11, edge2: 203.0.113.12}
    name: "{{ inventory_hostname }}"
  register: keepalived_state
"""

RETURN = r"""
interface:
  description: The interface that has this edge's own address.
  returned: success
  type: str
  sample: eth0
installed:
  description: Whether keepalived is installed.
  returned: success
  type: bool
active:
  description: Whether keepalived runs.
  returned: success
  type: bool
addresses:
  description: >-
    For each name its C(addresses), whether they are C(held) here, VRRP's C(state) and C(since) when, whether this edge
    has C(left) them, and in C(handover) the C(flows) that go on here and the packets C(passed_on), C(via) which edge.
  returned: success
  type: dict
  sample: {web: {addresses: [203.0.113.10], held: true, state: MASTER, since: "", left: false, handover: {}}}
ticket_keys:
  description: Names of the keys of this edge's TLS session tickets. Edges that share keys have the same.
  returned: success
  type: list
  elements: str
table:
  description: The same in words, a line for each name.
  returned: success
  type: list
  elements: str
problems:
  description: What has to be mended.
  returned: failure
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.certificates import tickets
from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.pair import addresses
from ..module_utils._haproxy.paths import TICKET_KEYS


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "dict", "required": True},
            "edges": {"type": "dict", "required": True},
            "name": {"type": "str", "required": True},
            "preflight": {"type": "bool", "default": False},
            "probe": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        shared = addresses.read_shared(given["addresses"], given["edges"])
        interface = addresses.find_interface(given["edges"].get(given["name"], given["name"]))
        if given["preflight"]:
            addresses.preflight(shared, given["edges"], interface, given["probe"])
        reported = addresses.report(shared, interface)
        keys = tickets.describe_keys(Path(TICKET_KEYS))["names"]
        module.exit_json(**reported, ticket_keys=keys, table=addresses.format_table(reported))
    except EdgeError as error:
        module.fail_json(msg=str(error), problems=error.problems)


if __name__ == "__main__":
    main()
