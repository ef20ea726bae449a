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
  - Tells which HAProxy a host has, whether its service runs, and what the host could give it.
  - With O(live) it asks the HAProxy that runs how it is doing - workers, certificates, services, servers, sessions.
  - Works on a host that has nothing of HAProxy yet, and needs no gathered facts.
options:
  live:
    description: Whether the HAProxy that runs is asked too. Nothing is changed in it.
    type: bool
    default: false
  master_socket:
    description: The master CLI, which O(live) asks.
    type: path
    default: /run/haproxy/master.sock
  path:
    description: The configuration file, beside which O(live) looks for contributors.
    type: path
    default: /etc/haproxy/haproxy.cfg
  build:
    description:
      - The build from source that is wanted. Its fingerprint on this host and the path of its binary are returned.
    type: dict
    suboptions:
      version:
        description: Version of HAProxy, such as V(3.2.26).
        type: str
        required: true
      checksum:
        description: SHA-256 of its source archive, 64 hexadecimal digits.
        type: str
        required: true
      options:
        description: Make variables that add to those the collection builds with, or override them.
        type: dict
        default: {}
      openssl:
        description: The OpenSSL that is to be a part of it; without a version it takes the one that is there.
        type: dict
        default: {}
        suboptions:
          version:
            description: Version of OpenSSL, such as V(3.5.7).
            type: str
            default: ""
          checksum:
            description: SHA-256 of its source archive, 64 hexadecimal digits.
            type: str
            default: ""
      prefix:
        description: Folder that holds the builds.
        type: path
        default: /opt/haproxy
  binary:
    description: Path of the binary that is wanted, such as a package's. Not together with O(build).
    type: path
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: none
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

- name: See how it is doing
  realtime.edge.haproxy_info:
    live: true
  register: haproxy_state

- name: Show it
  ansible.builtin.debug:
    msg: "{{ haproxy_state.live.table | join('\n') }}"
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
  description: Whether the user C(haproxy) exists.
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
unit:
  description: SHA-1 of the unit file C(/etc/systemd/system/haproxy.service), empty where there is none.
  returned: always
  type: str
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
live:
  description: How the HAProxy that runs is doing.
  returned: when O(live) is true
  type: dict
  contains:
    answers:
      description: Whether its master answers. Without an answer there is only RV(live.problem).
      type: bool
    problem:
      description: Why it does not answer.
      type: str
    version:
      description: Version of the worker that serves.
      type: str
      sample: 3.0.11-9e587df
    build:
      description: Make variables of the build that runs.
      type: str
      sample: USE_OPENSSL=1 USE_LUA=1 USE_QUIC=1
    tls_library:
      description: The TLS library that it runs on.
      type: str
      sample: OpenSSL 3.0.20 7 Apr 2026
    uptime:
      description: Seconds since the service was started; reloads do not end it.
      type: int
    failed_reloads:
      description: How many reloads were refused since the last one that was taken.
      type: int
    workers:
      description:
        - The worker that serves, then the old ones, which only serve connections that began before a reload.
        - Each has C(pid), C(serving), C(uptime) (seconds), C(reloads), C(version) and C(connections) (-1 when it has
          ended meanwhile).
      type: list
      elements: dict
    certificates:
      description:
        - The certificates that are loaded, the one that ends first before the others.
        - Each has C(path), C(names), C(subject), C(algorithm), C(not_after), C(days_left) and C(acme), which is
          null, or where HAProxy's own ACME client sees to it, whether that is C(running) and when it renews
          (C(renewal)).
      type: list
      elements: dict
    services:
      description:
        - Each service has C(name), C(known_sessions) (Socket.IO sessions in its affinity table, if it has one) and
          C(backends). A backend that belongs to no service of ours is one by itself.
        - A backend has C(name), C(transport) (empty, or V(http), V(polling), V(websocket), V(flashsocket)), C(status),
          C(sessions) (live ones), C(old_sessions) (live ones on old workers), C(total) (since the last reload),
          C(queue) and C(servers).
        - A server has these figures and C(name), C(address), C(weight) and C(check).
      type: list
      elements: dict
    peers:
      description:
        - The other edges that this one shares its affinity tables with.
        - Each has C(name), C(address) and C(up), whether they exchange them now.
      type: list
      elements: dict
    contributors:
      description:
        - Who contributes to the configuration, in the order in which it is merged.
        - Each has C(name), C(services) (their names) and C(sections) (their first lines).
      type: list
      elements: dict
    table:
      description: The same for people, in lines of text.
      type: list
      elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.build.recipe import BuildError
from ..module_utils._haproxy.host import CONFIGURATION, MASTER
from ..module_utils._haproxy.report.host import BUILD_OPTIONS, gather_host
from ..module_utils._haproxy.report.status import read_live

OPTIONS = {
    **BUILD_OPTIONS,
    "live": {"type": "bool", "default": False},
    "master_socket": {"type": "path", "default": MASTER},
    "path": {"type": "path", "default": CONFIGURATION},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, mutually_exclusive=[("build", "binary")], supports_check_mode=True)
    wanted = module.params
    try:
        facts = gather_host(wanted["build"], wanted["binary"])
    except BuildError as error:
        module.fail_json(msg=str(error))
    if wanted["live"]:
        facts["live"] = read_live(wanted["master_socket"], wanted["path"])
    module.exit_json(changed=False, **facts)


if __name__ == "__main__":
    main()
