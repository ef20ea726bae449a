#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_kernel`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_kernel
short_description: Raise what the kernel limits, and take it back
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Keeps settings of the kernel (sysctl) in C(/etc/sysctl.d/60-realtime-edge.conf), and sets them at once. The file
    notes what each was before.
  - M(realtime.edge.haproxy_compare) says which settings an edge needs.
  - A setting is never lowered, but for one that is not given any more. It gets back the value that it had before,
    unless somebody else has changed it.
  - What the kernel refuses is left out of the file, and told in a warning. In a container many settings are
    read-only.
options:
  settings:
    description: Name and value of each setting, as in the file. Without any, the file is removed.
    type: dict
    required: true
attributes:
  check_mode:
    description: Nothing is written; RV(changes) says what would be.
    support: full
  diff_mode:
    description: RV(changes) has the values before and after.
    support: none
  idempotent:
    description: Nothing is done where the file and the kernel have these values.
    support: full
"""

EXAMPLES = r"""
- name: Let more clients wait to be accepted
  realtime.edge.haproxy_kernel:
    settings:
      net.core.somaxconn: 16384

- name: Take it back
  realtime.edge.haproxy_kernel:
    settings: {}
"""

RETURN = r"""
changes:
  description: What has changed, in words.
  type: list
  elements: str
  returned: success
  sample: ["net.core.somaxconn: 4096 becomes 16384", "/etc/sysctl.d/60-realtime-edge.conf: net.core.somaxconn"]
refused:
  description: What the kernel has not taken, and why.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.deploy.kernel import set_kernel
from ..module_utils._haproxy.errors import EdgeError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"settings": {"type": "dict", "required": True}}, supports_check_mode=True)
    wanted = {str(name): " ".join(str(value).split()) for name, value in module.params["settings"].items()}
    try:
        changes, refused = set_kernel(wanted, module.check_mode)
    except (OSError, EdgeError) as error:
        module.fail_json(msg=str(error))
    for text in refused:
        module.warn(f"the kernel does not take {text}. In a container it may be its host's to set")
    module.exit_json(changed=bool(changes), changes=changes, refused=refused)


if __name__ == "__main__":
    main()
