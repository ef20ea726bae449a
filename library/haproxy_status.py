#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_status`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_status
short_description: State of the running HAProxy
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Asks the HAProxy that runs for its workers, certificates, services, servers and sessions, and reads the contributors
    to its configuration. Nothing is changed.
options:
  path:
    description: The configuration file, beside which the fragments of the contributors are.
    type: path
    default: /etc/haproxy/haproxy.cfg
extends_documentation_fragment:
  - realtime.edge.running.master
  - realtime.edge.attributes.info_module
"""

EXAMPLES = r"""
- name: Read the state of HAProxy
  realtime.edge.haproxy_status:
  register: haproxy_status

- name: Show it
  ansible.builtin.debug:
    msg: "{{ haproxy_status.table | join('\n') }}"
"""

RETURN = r"""
answers:
  description: Whether its master answers. Without an answer there is only RV(problem).
  type: bool
  returned: success
problem:
  description: Why it does not answer.
  type: str
  returned: the master does not answer
version:
  description: Version of the worker that serves.
  type: str
  sample: 3.0.11-9e587df
  returned: the master answers
build:
  description: Make variables of the build that runs.
  type: str
  sample: USE_OPENSSL=1 USE_LUA=1 USE_QUIC=1
  returned: the master answers
tls_library:
  description: The TLS library that it runs on.
  type: str
  sample: OpenSSL 3.0.20 7 Apr 2026
  returned: the master answers
uptime:
  description: Seconds since the service was started; reloads do not end it.
  type: int
  returned: the master answers
failed_reloads:
  description: How many reloads were refused since the last one that was taken.
  type: int
  returned: the master answers
workers:
  description:
    - The worker that serves, then the old ones, which only serve connections that began before a reload.
    - Each has C(pid), C(serving), C(uptime) (seconds), C(reloads), C(version) and C(connections) (-1 when it has
      ended meanwhile).
  type: list
  elements: dict
  returned: the master answers
certificates:
  description:
    - The certificates that are loaded, the one that ends first before the others.
    - Each has C(path), C(names), C(subject), C(algorithm), C(not_before), C(not_after), C(days_left),
      C(days_until_valid) (0 where it is valid already) and C(acme), which is null, or where HAProxy's own ACME
      client sees to it, whether that is C(running) and when it renews
      (C(renewal)).
  type: list
  elements: dict
  returned: the master answers
services:
  description:
    - Each service has C(name), C(known_sessions) (Socket.IO sessions in its affinity table, if it has one) and
      C(backends). A backend that belongs to no service of the role is a service of its own.
    - A backend has C(name), C(transport) (empty, or V(http), V(polling), V(websocket), V(flashsocket)), C(status),
      C(sessions) (live ones), C(old_sessions) (live ones on old workers), C(total) (since the last reload),
      C(queue) and C(servers).
    - A server has these figures and C(name), C(address), C(weight), C(check), and C(check_reason), how the last check
      ended in HAProxy's own words.
  type: list
  elements: dict
  returned: the master answers
outages:
  description: A text for each backend of which no server is up, with HAProxy's reasons.
  type: list
  elements: str
  returned: the master answers
  sample: ["chat_http: no server is up: app1 (10.0.0.1:3000): L7STS 404: Layer7 wrong status: Not Found"]
unchecked:
  description: The servers whose first check has not ended yet; HAProxy takes them for up until then.
  type: list
  elements: str
  returned: the master answers
agent:
  description:
    - Whether the service C(realtime-edge-agent) answers, which gives C(/metrics/edge) its metrics; null for a HAProxy
      that is not the role's.
  type: bool
  returned: the master answers
moving:
  description:
    - What this edge does by itself to make nodes equally full (C(haproxy_limits.rebalance_rate)); null if the
      service C(realtime-edge-agent) does not answer, or for a HAProxy that is not the role's.
    - It has C(services), those whose sockets it closes, and C(silent), the edges that are connected and tell nothing of
      their sockets. It waits for these.
  type: dict
  returned: the master answers
  sample: {"services": ["chat"], "silent": []}
closing:
  description:
    - What the last module that closes sessions has told (M(realtime.edge.haproxy_drain),
      M(realtime.edge.haproxy_rebalance), M(realtime.edge.haproxy_config)); null for none since the boot. It has C(of),
      C(left), and C(age), the seconds since then. What is left while C(age) grows was interrupted.
  type: dict
  returned: the master answers
  sample: {"of": "app1", "left": 120, "age": 1}
peers:
  description:
    - The other edges that this one shares its affinity tables with.
    - Each has C(name), C(address) and C(up), whether they exchange them now.
  type: list
  elements: dict
  returned: the master answers
canaries:
  description:
    - The canaries of services. Each has C(service), C(share), C(withdrawn_by), C(sessions), C(errors), C(servers) and
      C(text), as M(realtime.edge.haproxy_canary) tells.
  type: list
  elements: dict
  returned: the master answers
contributors:
  description:
    - Who contributes to the configuration, in the order in which it is merged.
    - Each has C(name), C(services) (their names) and C(sections) (their first lines).
  type: list
  elements: dict
  returned: the master answers
table:
  description: The same for people, in lines of text.
  type: list
  elements: str
  returned: the master answers
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.paths import CONFIGURATION, MASTER_SOCKET
from ..module_utils._haproxy.report.status import read_live


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "master_socket": {"type": "path", "default": MASTER_SOCKET},
            "path": {"type": "path", "default": CONFIGURATION},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **read_live(module.params["master_socket"], module.params["path"]))


if __name__ == "__main__":
    main()
