#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: assemble, check and apply the configuration of an HAProxy edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_config
short_description: Assemble, check and apply the configuration of an HAProxy edge
version_added: 1.0.0
description:
  - Assembles one configuration from services (Socket.IO applications described in a few words) and from sections
    under HAProxy's own keywords.
  - The installed binary checks the new text before anything is replaced. The file is written atomically, and a running
    HAProxy is reloaded through its master CLI, whose answer is read. A refused reload puts the file back that serves.
  - HAProxy is never started, stopped or restarted by this module.
options:
  sections:
    description:
      - Section kind, name, keyword, value, as in
        C({"frontend":{"web":{"bind":":8080"}}}). The sections C(global) and C(defaults) have no name; a named
        C(defaults) is written C("defaults NAME").
      - A scalar is one line, C(true) the bare keyword, C(false) its negation with C(no), C(null) nothing. A list is
        one line each, in order. A mapping is one line a key. A mapping in one of those gives the options of one line,
        C(name), C(address) and C(port) first.
      - A list of such mappings serves where a kind is needed twice.
      - A single value (a timeout, C(maxconn)) replaces the role's default; rules, binds and servers add up.
    type: raw
    default: {}
  services:
    description:
      - The Socket.IO applications behind this edge. Each becomes a backend for ordinary requests and one for each
        transport.
      - Keys of a service are C(name), C(hosts) (none means every host), C(certificate) (by default the name),
        C(servers), C(health) (the path of the health check, V(/) by default, or C(false)), and C(socketio), with
        C(path), C(transports), C(affinity) (V(session), V(cookie), V(source) or V(none)), C(servers) of its own, and
        C(flash).
      - C(flash) is for a service whose C(transports) have V(flashsocket). Its C(policy_servers), in the form of
        C(servers), answer the Flash player's request for a policy; without them the edge does. Its C(legacy_tls), the
        name of a certificate with an RSA key, takes the TLS 1.0 of Flash movies on a listener of their own.
      - C(servers) is a list of C(address:port) or of mappings with C(name), C(address), C(port) and HAProxy's server
        options, or C({"group":"NAME","port":3000}) for a group of O(groups).
    type: list
    elements: raw
    default: []
  groups:
    description: Members of inventory groups that O(services) name, each a mapping with C(name) and C(address).
    type: dict
    default: {}
  listen:
    description: Addresses of the two frontends of the services, and of what belongs to them.
    type: dict
    default: {}
    suboptions:
      http:
        description: Where plain HTTP is redirected to HTTPS.
        type: list
        elements: str
        default: [":80"]
      https:
        description: Where TLS is terminated.
        type: list
        elements: str
        default: [":443"]
      quic:
        description:
          - Where HTTP/3 is served beside, such as V(quic4@:443). Clients that came by TCP are told so (C(Alt-Svc)).
          - The HAProxy in O(binary) must have been built with QUIC.
        type: list
        elements: str
        default: []
      policy:
        description: Where the Flash player asks for its policy; used with flash sockets only.
        type: list
        elements: str
        default: [":843", ":10843"]
  statistics:
    description: Address of the statistics page and the Prometheus metrics; empty for none.
    type: str
    default: 127.0.0.1:8404
  tls_profile:
    description: Which of Mozilla's recommendations binds follow.
    type: str
    default: intermediate
  certificates:
    description: Folder of the certificates, one C(NAME.pem) each.
    type: path
    default: /etc/haproxy/certificates
  path:
    description: The configuration file.
    type: path
    default: /etc/haproxy/haproxy.cfg
  binary:
    description: The HAProxy that is to run this configuration; it checks it first.
    type: path
    default: /usr/sbin/haproxy
  link:
    description:
      - The symlink that the service starts, when it does not start O(binary) itself. It is switched to O(binary)
        together with the file.
    type: path
  version:
    description: Version to write for, where O(binary) is not there to be asked (check mode on a bare host).
    type: str
    default: ""
  master_socket:
    description: The master CLI.
    type: path
    default: /run/haproxy/master.sock
  runtime_socket:
    description: The Runtime API of the worker.
    type: path
    default: /run/haproxy/admin.sock
  state_directory:
    description: Where the last known good configuration is kept.
    type: path
    default: /var/lib/haproxy
  group:
    description: The group that may read the configuration.
    type: str
    default: haproxy
  file_descriptors:
    description: How many file descriptors the service may have; C(maxconn) follows from it.
    type: int
    default: 20000
  restart:
    description:
      - Whether the caller restarts the service afterwards. Ports that an HAProxy outside our control holds are then
        no obstacle.
    type: bool
    default: false
attributes:
  check_mode:
    description: The text is assembled and, where the binary is there, checked; nothing is written.
    support: full
  diff_mode:
    description: The file before and after.
    support: full
  idempotent:
    description: An edge that serves this configuration is left alone.
    support: full
seealso:
  - name: HAProxy configuration manual
    description: The keywords of O(sections).
    link: https://docs.haproxy.org/
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: Put an edge in front of two Socket.IO nodes
  realtime.edge.haproxy_config:
    services:
      - name: chat
        hosts: [chat.example.com]
        servers: ["10.0.0.11:3000", "10.0.0.12:3000"]
        health: /healthz

- name: Serve Socket.IO 0.9 to Flash movies too, and HTTP/3 to browsers
  realtime.edge.haproxy_config:
    services:
      - name: chat
        servers: ["10.0.0.11:3000", "10.0.0.12:3000"]
        socketio:
          transports: [polling, websocket, flashsocket]
    listen:
      quic: ["quic4@:443"]

- name: Write any configuration under HAProxy's own keywords
  realtime.edge.haproxy_config:
    sections:
      global:
        maxconn: 5000
      frontend:
        web:
          bind: ":8080"
          default_backend: api
      backend:
        api:
          balance: leastconn
          server:
            - api1 10.0.0.1:8080 check
            - {name: api2, address: 10.0.0.2, port: 8080, check: true, weight: 10}
"""

RETURN = r"""
action:
  description:
    - V(unchanged), V(reload), or V(start) where no HAProxy runs yet that could be reloaded.
  type: str
  returned: success
  sample: reload
reasons:
  description: Why the action is needed.
  type: list
  elements: str
  returned: success
  sample: ["/etc/haproxy/haproxy.cfg differs from what is wanted"]
checked:
  description: Whether the installed binary has checked the text; not so in check mode on a bare host.
  type: bool
  returned: success
path:
  description: The configuration file.
  type: str
  returned: success
problems:
  description: What has to be mended, each with its place in the YAML.
  type: list
  elements: str
  returned: failure
"""

import grp
import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.haproxy import apply, check, fragments, services
from ..module_utils.haproxy.model import ConfigurationError


def group_id(name: str) -> int:
    """The number of a group, or -1 (leave it) where it does not exist yet."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1


def main() -> None:
    """Run the module."""
    address = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            "sections": {"type": "raw", "default": {}},
            "services": {"type": "list", "elements": "raw", "default": []},
            "groups": {"type": "dict", "default": {}},
            "listen": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "http": {"default": [":80"], **address},
                    "https": {"default": [":443"], **address},
                    "quic": {"default": [], **address},
                    "policy": {"default": [":843", ":10843"], **address},
                },
            },
            "statistics": {"type": "str", "default": "127.0.0.1:8404"},
            "tls_profile": {"type": "str", "default": "intermediate"},
            "certificates": {"type": "path", "default": "/etc/haproxy/certificates"},
            "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
            "binary": {"type": "path", "default": "/usr/sbin/haproxy"},
            "link": {"type": "path"},
            "version": {"type": "str", "default": ""},
            "master_socket": {"type": "path", "default": "/run/haproxy/master.sock"},
            "runtime_socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_directory": {"type": "path", "default": "/var/lib/haproxy"},
            "group": {"type": "str", "default": "haproxy"},
            "file_descriptors": {"type": "int", "default": 20000},
            "restart": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    edge = services.Edge(
        http=tuple(parameters["listen"]["http"]),
        https=tuple(parameters["listen"]["https"]),
        quic=tuple(parameters["listen"]["quic"]),
        policy=tuple(parameters["listen"]["policy"]),
        statistics=parameters["statistics"],
        profile=parameters["tls_profile"],
        certificates=parameters["certificates"],
        lua=os.path.join(os.path.dirname(parameters["path"]), "edge.lua"),
        runtime_socket=parameters["runtime_socket"],
        groups=parameters["groups"],
        version=check.version(parameters["binary"], parameters["version"]),
        descriptors=parameters["file_descriptors"],
    )
    target = apply.Target(
        path=parameters["path"],
        binary=parameters["binary"],
        link=parameters["link"] or "",
        master=parameters["master_socket"],
        state=parameters["state_directory"],
        group=group_id(parameters["group"]),
    )
    try:
        configuration = fragments.assemble(edge, parameters["services"], parameters["sections"])
        outcome = apply.apply(configuration, target, module.check_mode, parameters["restart"])
    except ConfigurationError as error:
        module.fail_json(msg="\n".join(error.problems), problems=error.problems)
    for warning in outcome.warnings:
        module.warn(warning)
    result = {
        "changed": outcome.action != "unchanged",
        "action": outcome.action,
        "reasons": outcome.reasons,
        "checked": outcome.checked,
        "path": target.path,
    }
    if module._diff:
        result["diff"] = {
            "before": outcome.before,
            "after": outcome.after,
            "before_header": target.path,
            "after_header": target.path,
        }
    module.exit_json(**result)


if __name__ == "__main__":
    main()
