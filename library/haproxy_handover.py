#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_handover`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_handover
short_description: Move a shared address to another edge without cutting a connection
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - One edge's part of a planned move. C(playbooks/leave.yml), C(return.yml) and C(reboot.yml) put the parts together.
  - On the new holder, packets that belong to no connection of its own are passed on to the edge that had the address.
    That one keeps the address on C(lo) and answers its clients directly. New connections are the new holder's.
  - It changes only one table of nftables and an address on C(lo). The unit C(haproxy-handover@) keeps them, and
    removes them when they are no longer needed, also after a playbook that was interrupted.
options:
  name:
    description: The name of the addresses that move together.
    type: str
    required: true
  state:
    description:
      - V(possible) changes nothing, and fails where this host could not keep the connections. It returns RV(reach).
      - V(receive) passes packets of unknown connections on to O(via), from now on.
      - V(leave) gives the addresses away, and keeps the connections that are there.
      - V(away) keeps this edge from taking the addresses; V(leave) does so too.
      - V(stay) lets this edge take the addresses again when it is its turn.
      - V(receive_ended) and V(leave_ended) take V(receive) and V(leave) back at once.
        Connections that need them are cut.
      - V(drained) waits until no connection to the addresses is left.
    type: str
    choices: [possible, receive, leave, away, stay, receive_ended, leave_ended, drained]
    required: true
  addresses:
    description: The addresses, as in C(keepalived_addresses).
    type: list
    elements: str
    required: true
  own:
    description: This edge's own IP address.
    type: str
    required: true
  ports:
    description: TCP ports whose connections are kept.
    type: list
    elements: int
    default: [80, 443]
  via:
    description: The edge that had the addresses, RV(reach) of this module there.
    type: dict
    default: {}
  only_via:
    description: For V(receive_ended), only where packets are passed on to the edge of this name.
    type: str
  idle:
    description: Seconds without any packet to pass on, after which V(receive) ends.
    type: int
    default: 900
  limit:
    description: Seconds after which V(receive) and V(leave) end in any case.
    type: int
    default: 86400
  wait:
    description: Seconds that V(drained) waits, at most.
    type: int
    default: 300
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: partial
    details: In check mode only what V(possible) examines is looked at.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: none
seealso:
  - module: realtime.edge.haproxy_drain
  - module: realtime.edge.haproxy_vrrp_info
"""

EXAMPLES = r"""
- name: Give the address away and keep its connections
  realtime.edge.haproxy_handover:
    name: web
    state: leave
    addresses: [203.0.113.10/24]
    own: 203.0.113.11
"""

RETURN = r"""
reach:
  description: How other edges reach this one.
  returned: O(state=possible)
  type: dict
  sample: {name: edge1, ipv4: 203.0.113.11, ipv6: "fe80::1", mac: "02:42:0a:d5:28:0b"}
flows:
  description: How many connections to the addresses this edge has in the end.
  returned: success
  type: int
problems:
  description: What has to be mended.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.pair import orders


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["possible", "receive", "leave", "away", "stay", "receive_ended", "leave_ended", "drained"],
                "required": True,
            },
            "addresses": {"type": "list", "elements": "str", "required": True},
            "own": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "int", "default": [80, 443]},
            "via": {"type": "dict", "default": {}},
            "only_via": {"type": "str"},
            "idle": {"type": "int", "default": 900},
            "limit": {"type": "int", "default": 86400},
            "wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**orders.move(module.params, module.check_mode))
    except EdgeError as error:
        module.fail_json(msg=str(error), problems=error.problems)


if __name__ == "__main__":
    main()
