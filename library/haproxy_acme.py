#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_acme`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_acme
short_description: Have HAProxy's own ACME client renew what is due, and keep it
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - HAProxy 3.2 and newer have an ACME client, which is experimental by HAProxy's own word.
    M(realtime.edge.haproxy_config) configures it (O(realtime.edge.haproxy_config#module:acme)).
  - HAProxy renews a certificate when a twelfth of its life is left. This module has it done earlier, and where HAProxy
    sees no need, for a stand-in and for a certificate without all hosts; and it brings to the disk what HAProxy has
    obtained, which otherwise would be gone with the next reload.
  - No connection is lost, and HAProxy is not reloaded.
options:
  orders:
    description: The certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the file in O(directory), without C(.pem).
        type: str
        required: true
      hosts:
        description: Host names it is for.
        type: list
        elements: str
        required: true
  remaining_days:
    description: A certificate is renewed when it is valid for fewer days than these.
    type: int
    default: 30
  wait:
    description: Seconds that HAProxy's client has for all certificates together.
    type: int
    default: 60
  directory:
    description: Folder of the certificate files.
    type: path
    default: /etc/haproxy/certificates
  group:
    description: The group that may read the files besides root, which owns them.
    type: str
    default: haproxy
  master_socket:
    description: The master CLI of the HAProxy that serves.
    type: path
    default: /run/haproxy/master.sock
attributes:
  check_mode:
    description: Returns what is due, and does not ask the CA.
    support: full
  diff_mode:
    description: There is none.
    support: none
"""

EXAMPLES = r"""
- name: Have HAProxy renew what is due
  realtime.edge.haproxy_acme:
    orders:
      - name: chat
        hosts: [chat.example.com]
"""

RETURN = r"""
renewed:
  description: Names of the certificates that were renewed.
  type: list
  elements: str
  returned: success
  sample: [chat]
faults:
  description: Those that could not be had, with C(name), C(hosts), and C(error), the reason. The module does not fail.
  type: list
  elements: dict
  returned: success
  sample: []
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.certificates import acme_client
from ..module_utils._haproxy.certificates.install import group_id
from ..module_utils._haproxy.certificates.pem import CertificateError
from ..module_utils._haproxy.runtime.cli import RuntimeFailure
from ..module_utils._haproxy.services.acme import Order


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "orders": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "hosts": {"type": "list", "elements": "str", "required": True},
                },
            },
            "remaining_days": {"type": "int", "default": 30},
            "wait": {"type": "int", "default": 60},
            "directory": {"type": "path", "default": "/etc/haproxy/certificates"},
            "group": {"type": "str", "default": "haproxy"},
            "master_socket": {"type": "path", "default": "/run/haproxy/master.sock"},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    try:
        obtained = acme_client.obtain(
            [Order(order["name"], tuple(order["hosts"])) for order in parameters["orders"]],
            Path(parameters["directory"]),
            parameters["remaining_days"],
            parameters["master_socket"],
            group_id(parameters["group"], module.check_mode),
            parameters["wait"],
            module.check_mode,
        )
    except (CertificateError, RuntimeFailure) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename2 or error.filename}: {error.strerror}")
    module.exit_json(
        changed=bool(obtained.names),
        renewed=obtained.names,
        faults=[{**fault.order._asdict(), "error": fault.error} for fault in obtained.faults],
    )


if __name__ == "__main__":
    main()
