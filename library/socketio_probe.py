#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: try the transports of a Socket.IO service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: socketio_probe
short_description: Try the transports of a Socket.IO service
version_added: 1.0.0
description:
  - Tries each way into a deployed Socket.IO service as a browser would use it, and tells which work, how long a round
    trip takes and which node answered.
  - The application gets no event from it. Where a transport does not work, the module warns; it does not fail, unless
    its own options are wrong. Use C(failed_when) with RV(works) where it should.
options:
  url:
    description:
      - The service. Its host is used for TLS (SNI) and in the Host header, its path is what ordinary HTTP asks for.
    type: str
    required: true
  address:
    description:
      - Where to connect, when not to the host and port of O(url), as V(HOST), V(HOST:PORT) or V(:PORT). Without a host
        it is the machine that the module runs on.
    type: str
    default: ""
  http_address:
    description: Where plain HTTP is redirected to HTTPS, by default port 80 of the same host.
    type: str
    default: ""
  path:
    description: Socket.IO's path.
    type: str
    default: /socket.io/
  generation:
    description:
      - Version of Socket.IO whose protocol is used. V(auto) finds it by a handshake over polling.
    type: str
    choices: [auto, "0.9", "1", "2", "3", "4"]
    default: auto
  transports:
    description:
      - What to try, by default all. What the URL or the generation cannot have is left out - V(redirect) of plain HTTP,
        V(upgrade) in Socket.IO 0.9.
      - V(http) is an ordinary request. V(redirect) is the way from HTTP to HTTPS, which has to keep path and query, and
        not the port. V(upgrade) is a session that begins with polling and goes on over WebSocket.
      - V(affinity) is O(sessions) polling sessions at once that send no cookies and use a connection for each request;
        none may be refused.
    type: list
    elements: str
    choices: [http, redirect, polling, websocket, upgrade, affinity]
    default: []
  sessions:
    description: How many sessions V(affinity) opens, from 1 to 1000.
    type: int
    default: 10
  timeout:
    description: Seconds that each transport may take; V(affinity) that much for ten sessions.
    type: float
    default: 5
  validate_certs:
    description: Whether the certificate must be valid, for this host and trusted.
    type: bool
    default: true
  ca_path:
    description: File with the authorities to trust, instead of the system's.
    type: path
  node_header:
    description: Header of an answer that names the node, where the application sends one.
    type: str
    default: X-Node
attributes:
  check_mode:
    description: Nothing is changed on any host.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: See which transports work
  realtime.edge.socketio_probe:
    url: https://chat.example.com/
  register: chat
  failed_when: not chat.works
  delegate_to: localhost

- name: Show them
  ansible.builtin.debug:
    var: chat.table

- name: Try a service on the edge itself, with its self-signed stand-in
  realtime.edge.socketio_probe:
    url: https://chat.example.com/
    address: :443
    validate_certs: false
    transports: [polling, websocket, upgrade]
"""

RETURN = r"""
works:
  description: Whether all transports that were tried work.
  type: bool
  returned: success
protocol:
  description: The protocol that was found, empty where none was.
  type: str
  returned: success
  sample: Engine.IO 4 (Socket.IO 3 and 4)
transports:
  description: What was found, in the order in which it was tried.
  type: list
  elements: dict
  returned: success
  contains:
    transport:
      description: Its name.
      type: str
    works:
      description: Whether it works.
      type: bool
    round_trip_ms:
      description: Median of a few exchanges in milliseconds; none for V(affinity), or where it does not work.
      type: float
    node:
      description: The node that answered, where it says so.
      type: str
    detail:
      description: What was seen, or why it does not work.
      type: str
  sample:
    - {transport: polling, works: true, round_trip_ms: 2.1, node: app1, detail: Engine.IO 4 (Socket.IO 3 and 4)}
    - {transport: websocket, works: false, round_trip_ms: null, node: null, detail: 503 Service Unavailable}
table:
  description: RV(transports) as lines of text.
  type: list
  elements: str
  returned: success
certificate:
  description:
    - The certificate that was served. Subject, issuer and end are empty where it is not valid now.
  type: dict
  returned: success, over TLS
  sample:
    sha256: 4c1b1b4c4ef2a7c4c1ab8d8b3ad4a5ad6f0d0a35f2cbb6a7a1a0c9f8f5a3e0d1
    subject: CN=chat
    issuer: CN=chat
    not_after: Nov 21 06:00:00 2036 GMT
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.probe.engineio import GENERATIONS
from ..module_utils._haproxy.probe.probe import TRANSPORTS, describe_result, probe
from ..module_utils._haproxy.probe.target import ProbeError, make_context, read_target

MOST_SESSIONS = 1000


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "address": {"type": "str", "default": ""},
            "http_address": {"type": "str", "default": ""},
            "path": {"type": "str", "default": "/socket.io/"},
            "generation": {"type": "str", "choices": ["auto", *GENERATIONS], "default": "auto"},
            "transports": {"type": "list", "elements": "str", "choices": list(TRANSPORTS), "default": []},
            "sessions": {"type": "int", "default": 10},
            "timeout": {"type": "float", "default": 5},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "node_header": {"type": "str", "default": "X-Node"},
        },
        supports_check_mode=True,
    )
    options = module.params
    if not 1 <= options["sessions"] <= MOST_SESSIONS:
        module.fail_json(msg=f"sessions: a number from 1 to {MOST_SESSIONS} is expected, not {options['sessions']}")
    try:
        where = read_target(
            options["url"],
            options["address"],
            options["http_address"],
            options["path"],
            options["timeout"],
            options["node_header"],
            make_context(options["validate_certs"], options["ca_path"]),
        )
    except ProbeError as error:
        module.fail_json(msg=str(error))
    found = probe(where, options["transports"], options["generation"], options["sessions"])
    result = describe_result(found, options["url"])
    if "msg" in result:
        module.warn(result["msg"])
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
