#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: explain an HAProxy configuration as one HTML page."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_explain
short_description: Explain an HAProxy configuration as one HTML page
version_added: 1.0.0
description:
  - Reads the configuration file of a host and makes one page of it, which needs no network and no other file.
  - The page shows every line with its number, each keyword a link to its place in the HAProxy manual of the version
    that is installed, what each line is for, and the way of a request from the bind to the server. A goal or a way that
    is chosen is highlighted; C(#goal=tls) or C(#path=chat_websocket) in the address chooses it.
  - Any configuration can be explained. One that was not made by M(realtime.edge.haproxy_config) has no annotations; one
    that HAProxy refuses is shown with HAProxy's message at its line.
  - Secrets are masked.
options:
  path:
    description: The configuration file.
    type: path
    default: /etc/haproxy/haproxy.cfg
  binary:
    description:
      - The HAProxy that tells the version of the manual, and what is wrong with the file.
      - By default C(/usr/local/sbin/haproxy) or C(/usr/sbin/haproxy), whichever is there.
    type: path
  version:
    description:
      - Version of HAProxy whose manual is linked, such as V(3.0); by default the binary's. The nearest older manual
        stands in for one that the collection does not know.
    type: str
    default: ""
  title:
    description: What the page is called; by default the host's name.
    type: str
  dest:
    description: Where the page is written on the host. Without it, the page is returned as RV(html).
    type: path
attributes:
  check_mode:
    description: Nothing is written; whether the page differs from what is there is told.
    support: full
  diff_mode:
    description: The page is no text to compare.
    support: none
  idempotent:
    description: The same configuration makes the same page.
    support: full
seealso:
  - module: realtime.edge.haproxy_config
  - module: realtime.edge.haproxy_info
author:
  - realtime.edge contributors (@realtime-edge)
"""

EXAMPLES = r"""
- name: Explain the deployed configuration
  realtime.edge.haproxy_explain:
  register: explained

- name: Keep the page on the controller
  ansible.builtin.copy:
    content: "{{ explained.html }}"
    dest: explained/{{ inventory_hostname }}.html
    mode: "0644"
  delegate_to: localhost

- name: Explain any configuration, on the host itself
  realtime.edge.haproxy_explain:
    path: /srv/other/haproxy.cfg
    dest: /srv/other/haproxy.html
"""

RETURN = r"""
html:
  description: The page.
  returned: when O(dest) is not given
  type: str
manual:
  description: Version of the manual that is linked.
  returned: success
  type: str
  sample: "3.0"
lines:
  description: How many lines the file has.
  returned: success
  type: int
goals:
  description: The goals that can be highlighted; empty for a file that the role did not write.
  returned: success
  type: list
  elements: str
  sample: [tls, polling, websocket]
paths:
  description: The ways of a request that can be followed.
  returned: success
  type: list
  elements: str
  sample: [chat_websocket, chat_polling, chat_http]
problems:
  description: What HAProxy says of the file, with the number of the line where there is one.
  returned: success
  type: list
  elements: str
refused:
  description: Whether HAProxy refuses the file.
  returned: success
  type: bool
dest:
  description: Where the page is.
  returned: when O(dest) is given
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.errors import EdgeError
from ..module_utils._haproxy.report.explain_file import explain_file, write_page

OPTIONS = {
    "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
    "binary": {"type": "path"},
    "version": {"type": "str", "default": ""},
    "title": {"type": "str"},
    "dest": {"type": "path"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    path, binary, version, title, dest = (module.params[option] for option in OPTIONS)
    try:
        explained = explain_file(path, binary, version, title)
        where = {"html": explained.html} if dest is None else {"dest": dest}
        changed = dest is not None and write_page(dest, explained.html, module.check_mode)
    except EdgeError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, **where, **explained.result)


if __name__ == "__main__":
    main()
