#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_canary`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_canary
short_description: Watch the canary of a service
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Tells which share of a service's new sessions its canary gets, what became of them, and whether HAProxy has
    withdrawn it.
options:
  service:
    description: Name of the service.
    type: str
    required: true
  watch:
    description: Seconds to watch it. The module ends sooner when the canary is withdrawn.
    type: int
    default: 0
seealso:
  - module: realtime.edge.haproxy_status
extends_documentation_fragment:
  - realtime.edge.running.master
  - realtime.edge.attributes.info_module
"""

EXAMPLES = r"""
- name: Watch the canary of chat for five minutes
  realtime.edge.haproxy_canary:
    service: chat
    watch: 300
  register: canary
  failed_when: canary.withdrawn_by | length > 0
"""

RETURN = r"""
share:
  description: Percentage of new sessions that the configuration gives the canary.
  type: int
  returned: success
withdrawn_by:
  description: Edges that have withdrawn it at this share. If there is one, no edge sends it new sessions.
  type: list
  elements: str
  returned: success
sessions:
  description: New sessions of the canary, on all edges, since HAProxy was started.
  type: int
  returned: success
errors:
  description: Those of them that failed, and answers of 500 or above in others.
  type: int
  returned: success
servers:
  description: Names of its servers.
  type: list
  elements: str
  returned: success
text:
  description: The same for people, in a line of text.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.paths import MASTER_SOCKET
from ..module_utils._haproxy.report import canaries


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "required": True},
            "watch": {"type": "int", "default": 0},
            "master_socket": {"type": "path", "default": MASTER_SOCKET},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        state = canaries.watch(given["master_socket"], given["service"], 0 if module.check_mode else given["watch"])
    except EdgeError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **state._asdict(), text=canaries.describe(state))


if __name__ == "__main__":
    main()
