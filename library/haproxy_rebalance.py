#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: close the surplus of a node's sockets, so that their clients come back to emptier nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_rebalance
short_description: Move sockets from full nodes to emptier ones, slowly
version_added: 1.0.0
description:
  - For the time after a node has come, or has come back. Its edges send it new sockets, but old ones stay where they
    are. This module closes the surplus of the fuller nodes, one socket after the other, and their clients come back, to
    the emptier nodes.
  - A node's share of a service's sockets goes by its weight. A node that takes no new sockets is left as it is, and so
    are sessions that poll. Three sockets in a hundred of a share are no surplus.
  - The service C(realtime-edge-agent) counts the sockets of all workers and edges. Without it nothing is closed.
  - A run that was interrupted has nothing to undo; the next one goes on.
options:
  rate:
    description: Sockets a second that all edges close together, at most. It may be less than one.
    type: float
    required: true
  edges:
    description: Number of edges that rebalance at the same time. Each closes its part of the rate.
    type: int
    default: 1
  time:
    description: Seconds after which the module ends, whether or not there is a surplus left.
    type: int
    default: 600
attributes:
  check_mode:
    description: Nothing is closed; RV(nodes) and RV(surplus) say what is too much.
    support: full
  idempotent:
    description: Nothing is closed where each node has its share.
    support: full
seealso:
  - module: realtime.edge.haproxy_server
extends_documentation_fragment:
  - realtime.edge.running.master
  - realtime.edge.running.rounds
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: Give the new node its share, within ten minutes
  hosts: edges
  become: true
  tasks:
    - name: Move sockets
      realtime.edge.haproxy_rebalance:
        rate: 5
        edges: "{{ ansible_play_hosts_all | length }}"
"""

RETURN = r"""
closed:
  description: Sockets that this edge has closed.
  type: int
  returned: success
surplus:
  description: Sockets that are too many on some node in the end, on all edges.
  type: int
  returned: success
time:
  description: The seconds that it may take.
  type: int
  returned: success
reached:
  description: Whether no node has a surplus.
  type: bool
  returned: success
nodes:
  description: Each node has C(service), C(server), C(sockets) (on all edges) and C(share) (what it is to have).
  type: list
  elements: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.paths import AGENT_SOCKET, MASTER_SOCKET
from ..module_utils._haproxy.runtime import rebalance


def move(module: AnsibleModule) -> dict[str, Any]:
    """Close the surplus; return the result."""
    given = module.params
    gap = rebalance.find_gap(given["rate"], given["edges"], given["time"])
    if module.check_mode:
        closed, nodes = 0, rebalance.read_nodes(rebalance.read_counts(AGENT_SOCKET))
    else:
        master, seconds, rounds = given["master_socket"], given["time"], given["rounds"]
        closed, nodes = rebalance.close_surplus(master, AGENT_SOCKET, gap, seconds, rounds)
    surplus = rebalance.count_surplus(nodes)
    return {
        "changed": bool(surplus if module.check_mode else closed),
        "closed": closed,
        "surplus": surplus,
        "reached": not surplus,
        "time": given["time"],
        "nodes": [
            {"service": service, "server": server, "sockets": node.sockets, "share": node.share}
            for (service, server), node in sorted(nodes.items())
        ],
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "rate": {"type": "float", "required": True},
            "edges": {"type": "int", "default": 1},
            "time": {"type": "int", "default": 600},
            "rounds": {"type": "int", "default": 0},
            "master_socket": {"type": "path", "default": MASTER_SOCKET},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**move(module))
    except EdgeError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
