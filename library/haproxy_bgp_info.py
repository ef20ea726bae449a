#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_bgp_info`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_bgp_info
short_description: Which addresses an edge announces by BGP
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Tells to how many routers this edge announces each address of the role C(bird), and since when.
  - The unit C(haproxy-ready) asks BIRD once a second; this module reads what it keeps.
seealso:
  - module: realtime.edge.haproxy_vrrp_info
extends_documentation_fragment:
  - realtime.edge.attributes.info_module
"""

EXAMPLES = r"""
- name: See what the edge announces
  realtime.edge.haproxy_bgp_info:
  register: bird_seen
"""

RETURN = r"""
addresses:
  description: For each address to how many C(routers) it is announced, and C(since) when that is so (ISO 8601).
  returned: success
  type: dict
  sample: {198.51.100.10: {routers: 2, since: "2026-11-27T19:33:16+00:00"}}
table:
  description: The same in words, a line for each address.
  returned: success
  type: list
  elements: str
  sample: ["198.51.100.10: announced to 2 routers; since 2026-11-27T19:33:16+00:00"]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.pair import addresses


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    announced = addresses.report_announced()
    module.exit_json(addresses=announced, table=addresses.format_announced(announced))


if __name__ == "__main__":
    main()
