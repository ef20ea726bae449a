#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: close the sessions of a server or of an edge, so that their clients come back elsewhere."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_drain
short_description: Close the sessions of a server or of an edge, slowly
version_added: 1.0.0
description:
  - For what gets no new sessions any more, and whose old ones do not end in time. That is a server in state V(drain)
    (M(realtime.edge.haproxy_server)), or an edge whose addresses have moved. This module closes one session after the
    other, and their clients come back elsewhere, not all at once.
  - Sockets come first, in a random order, those of workers that a reload has left before others. Requests come last,
    since they may end by themselves. A client whose poll is closed opens another session, as one whose socket is.
  - It ends when no session is left, or a quarter and half a minute later than closing all takes at this rate.
  - A run that was interrupted has nothing to undo; the next one goes on.
options:
  server:
    description: The server, as it is named in the backends. Without it, all sessions of this edge are closed.
    type: str
  rate:
    description: Sessions a second that this edge closes, at most. It may be less than one.
    type: float
    required: true
attributes:
  check_mode:
    description: Nothing is closed; RV(left) says how many sessions there are.
    support: full
  idempotent:
    description: Nothing is closed where there is no session.
    support: full
seealso:
  - module: realtime.edge.haproxy_server
  - module: realtime.edge.haproxy_rebalance
extends_documentation_fragment:
  - realtime.edge.running.master
  - realtime.edge.running.rounds
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: Give the sessions five minutes, then close what is left
  hosts: chat_nodes
  serial: 1
  tasks:
    - name: Give the node no new sessions
      realtime.edge.haproxy_server:
        name: "{{ inventory_hostname }}"
        state: drain
        wait: 300
      delegate_to: edge1

    - name: Close those that are left
      realtime.edge.haproxy_drain:
        server: "{{ inventory_hostname }}"
        rate: 20
      delegate_to: edge1
"""

RETURN = r"""
closed:
  description: Sessions that were closed.
  type: int
  returned: success
left:
  description: Sessions that are left in the end.
  type: int
  returned: success
reached:
  description: Whether none is left.
  type: bool
  returned: success
time:
  description: The seconds that closing what was there in the beginning may take.
  type: float
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.paths import MASTER_SOCKET
from ..module_utils._haproxy.runtime import closing, servers


def close(module: AnsibleModule) -> dict[str, Any]:
    """Close the sessions; return the result."""
    server, rate, master = (module.params[name] for name in ("server", "rate", "master_socket"))
    closing.check_rate(rate)
    if server is not None:
        servers.require_server(master, server)

    def belongs(session: closing.Session) -> bool:
        return server in (None, session.server)

    if module.check_mode:
        done = closing.Drained(0, sum(map(belongs, closing.read_sessions(master))))
    else:
        seconds = module.params["rounds"] * closing.find_round(1 / rate) or None
        done = closing.drain(master, belongs, rate, server or "edge", seconds)
    return {
        "changed": bool(done.left if module.check_mode else done.closed),
        **done._asdict(),
        "reached": not done.left,
        "time": closing.find_time(sum(done), rate),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str"},
            "rate": {"type": "float", "required": True},
            "rounds": {"type": "int", "default": 0},
            "master_socket": {"type": "path", "default": MASTER_SOCKET},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**close(module))
    except EdgeError as error:
        module.fail_json(msg=str(error), problems=error.problems)


if __name__ == "__main__":
    main()
