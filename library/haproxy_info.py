#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_info`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_info
short_description: What a host has of HAProxy
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Returns which HAProxy a host has, whether its service runs, and what the host can give it. What the running HAProxy
    does, M(realtime.edge.haproxy_status) returns.
  - With O(build), the fingerprint of the build on this host and the path of its binary are returned too.
  - Works on a host that has nothing of HAProxy yet, and needs no gathered facts.
extends_documentation_fragment:
  - realtime.edge.build
  - realtime.edge.attributes.info_module
"""

EXAMPLES = r"""
- name: See what the host has
  realtime.edge.haproxy_info:
    binary: /usr/sbin/haproxy
  register: haproxy_state

- name: See whether a build is there
  realtime.edge.haproxy_info:
    build:
      version: 3.0.11
      checksum: a133e2d550c5fd9a849b5c7ab17bb945bcdad209ca140d41f45ebf31943ae783
  register: haproxy_state
"""

RETURN = r"""
distribution:
  description: The distribution, as C(/etc/os-release) names it.
  returned: always
  type: dict
  sample: {id: debian, version: "12", codename: bookworm}
architecture:
  description: The machine's architecture.
  returned: always
  type: str
  sample: x86_64
tls:
  description: The TLS library of the system; which one HAProxy runs on is in RV(tls_library).
  returned: always
  type: dict
  sample: {library: openssl, version: 3.0.17}
user:
  description: Whether the users of the services exist, C(haproxy) and C(realtime-edge).
  returned: always
  type: bool
active:
  description: Whether the service C(haproxy) runs.
  returned: always
  type: bool
enabled:
  description: Whether the service C(haproxy) starts with the host.
  returned: always
  type: bool
restart_pending:
  description: Whether the service C(haproxy) was started before its unit file was last written.
  returned: always
  type: bool
file_descriptors:
  description: How many files the service may open, at most 1048576.
  returned: always
  type: int
  sample: 1048576
files:
  description: SHA-1 of each file of the services that the role installs, by its name; empty where there is none.
  returned: always
  type: dict
  sample: {haproxy.service: 2ef7bde608ce5404e97d5f042f95f89f1c232871, agent.py: ""}
agent:
  description: Whether the service C(realtime-edge-agent) listens.
  returned: always
  type: bool
fingerprint:
  description: Fingerprint of the wanted build on this host, 12 hexadecimal digits.
  returned: when O(build) is given
  type: str
  sample: ab12cd34ef56
binary:
  description: Path of the wanted binary.
  returned: when O(build) or O(binary) is given
  type: str
  sample: /opt/haproxy/3.0.11-ab12cd34ef56/sbin/haproxy
installed:
  description: Whether the wanted binary is there and runs.
  returned: when O(build) or O(binary) is given
  type: bool
version:
  description: The version the wanted binary says it has, empty when it is not installed.
  returned: when O(build) or O(binary) is given
  type: str
  sample: 3.0.11
tls_library:
  description: The TLS library that the wanted binary runs on, empty when it is not installed.
  returned: when O(build) or O(binary) is given
  type: str
  sample: OpenSSL 3.5.7 9 Jun 2026
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.build.recipe import BuildError
from ..module_utils._haproxy.report.host import BUILD_OPTIONS, gather_host


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=BUILD_OPTIONS, mutually_exclusive=[("build", "binary")], supports_check_mode=True
    )
    try:
        module.exit_json(changed=False, **gather_host(module.params["build"], module.params["binary"]))
    except BuildError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
