#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: take a server of an HAProxy edge out of service, and back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
short_description: Take a server of an HAProxy edge out of service, and back
version_added: 1.0.0
description:
  - For the playbooks that update an application, delegated to each edge before and after a node is touched.
  - The server is taken out of all backends at once, at run time and in the file, so that a reload keeps what was done.
    Sessions stay where they are.
  - The next run of M(realtime.edge.haproxy_config) brings back what the inventory says.
options:
  name:
    description: The server, as it is named in the backends; the role names members of a group as the inventory does.
    type: str
    required: true
  state:
    description:
      - V(drain) gives the server no new clients; its sessions continue. In the file that is C(weight 0).
      - V(maint) gives it no requests and no health checks. Polling sessions move to other servers, which do not
        know them. In the file that is C(disabled).
      - V(ready) takes it back.
    type: str
    choices: [ready, drain, maint]
    default: ready
  wait:
    description:
      - Seconds to wait, at most, until the server has no sessions left (V(drain), V(maint)) or its health checks pass
        (V(ready)). RV(sessions) has what is left; it is no failure.
    type: int
    default: 0
  minimum:
    description: Number of other servers that each of its backends has to keep up; with fewer, nothing is changed.
    type: int
    default: 1
  path:
    description: The configuration file.
    type: path
    default: /etc/haproxy/haproxy.cfg
attributes:
  check_mode:
    description: Nothing is written, and the module does not wait.
    support: full
  diff_mode:
    description: Each section that differs, before and after, without secrets.
    support: full
  idempotent:
    description: A server that is in that state is left alone.
    support: full
seealso:
  - module: realtime.edge.haproxy_config
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: Update the nodes one by one
  hosts: chat_nodes
  serial: 1
  pre_tasks:
    - name: Take the node out
      realtime.edge.haproxy_server:
        name: "{{ inventory_hostname }}"
        state: drain
        wait: 300
      delegate_to: "{{ item }}"
      loop: "{{ groups['edges'] }}"
  roles:
    - my.application
  post_tasks:
    - name: Bring the node back
      realtime.edge.haproxy_server:
        name: "{{ inventory_hostname }}"
        wait: 60
      delegate_to: "{{ item }}"
      loop: "{{ groups['edges'] }}"
"""

RETURN = r"""
action:
  description: V(unchanged), V(runtime), or V(reload) where a backend can't be changed otherwise.
  type: str
  returned: success
commands:
  description: What was changed at run time, with the commands and the sessions that live on it.
  type: list
  elements: dict
  returned: success
sessions:
  description: Backend, and the sessions that the server has there in the end, in the serving worker and in those that a
      reload has left.
  type: dict
  returned: success
  sample: {"chat_polling": 0, "chat_websocket": 12}
reached:
  description: Whether, within O(wait), its sessions had ended, or no health check had failed for longer than one takes.
  type: bool
  returned: success
problems:
  description: What has to be mended.
  type: list
  elements: str
  returned: failure
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.config import diff
from ..module_utils._haproxy.config.model import ConfigurationError
from ..module_utils._haproxy.config.syntax import parse
from ..module_utils._haproxy.deploy import apply, disk, draining, marker, server_state
from ..module_utils._haproxy.fragments.contribute import read_owners_target
from ..module_utils._haproxy.runtime import cli, servers


def change(module: AnsibleModule) -> dict[str, Any]:
    """Put the server in its state; returns the result."""
    name, state, path = module.params["name"], module.params["state"], module.params["path"]
    with disk.exclusive_lock(path):
        target = read_owners_target(path)
        present = draining.without_draining(parse(marker.without_marker(disk.read_text(path))))
        wanted = server_state.set_server_state(present, name, state)
        if state != "ready":
            server_state.require_minimum(servers.read_servers(target.master), name, module.params["minimum"])
        outcome = apply.apply(wanted, target, apply.ApplyOptions(check_mode=module.check_mode))
    result: dict[str, Any] = {
        "changed": bool(outcome.reasons),
        "action": outcome.action,
        "commands": [{"what": s.what, "commands": list(s.commands), "sessions": s.sessions} for s in outcome.steps],
    }
    seconds = 0 if module.check_mode else module.params["wait"]
    quiet = server_state.check_interval(wanted, name) + 1 if state == "ready" else server_state.QUIET
    result["reached"], result["sessions"] = server_state.wait_until_reached(
        target.master, name, seconds, quiet, state == "ready"
    )
    if module._diff:
        result["diff"] = diff.compare(outcome.before, outcome.after, path, marker.MARKER)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["ready", "drain", "maint"], "default": "ready"},
            "wait": {"type": "int", "default": 0},
            "minimum": {"type": "int", "default": 1},
            "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**change(module))
    except ConfigurationError as error:
        module.fail_json(msg="\n".join(error.problems), problems=error.problems)
    except cli.RuntimeFailure as failure:
        module.fail_json(msg=str(failure), problems=[str(failure)])


if __name__ == "__main__":
    main()
