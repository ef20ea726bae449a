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

- name: Explain a configuration of somebody else, on the host itself
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
  description: The goals that can be highlighted; empty for a file of somebody else.
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

import os
import platform
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.binary import check
from ..module_utils._haproxy.binary.version import binary_version
from ..module_utils._haproxy.config.model import ConfigurationError
from ..module_utils._haproxy.fragments import store
from ..module_utils._haproxy.report import explain, page

BINARIES = ("/usr/local/sbin/haproxy", "/usr/sbin/haproxy")


def owners(path: str) -> dict[str, str]:
    """Service → contributor, of what others than the owner have described; none where their files cannot be read."""
    try:
        fragments = store.read_others(path, store.OWNER)
    except ConfigurationError:
        return {}
    return {
        str(service.get("name")): fragment.name
        for fragment in fragments
        for service in fragment.services
        if isinstance(service, dict)
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
            "binary": {"type": "path"},
            "version": {"type": "str", "default": ""},
            "title": {"type": "str"},
            "dest": {"type": "path"},
        },
        supports_check_mode=True,
    )
    path, dest = module.params["path"], module.params["dest"]
    binary = module.params["binary"] or next((name for name in BINARIES if os.access(name, os.X_OK)), "")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        status, messages = check.check_any_file(binary, path) if binary else (0, [])
    except OSError as error:
        module.fail_json(msg=f"path: {path} cannot be read: {error.strerror}")
    except ConfigurationError as error:
        module.fail_json(msg=f"binary: {error}")
    version = binary_version(binary) if binary else ""
    explanation = explain.explain(text, module.params["version"] or version, messages, owners(path))
    about = [f"HAProxy {version}" if version else "no HAProxy here", path]
    html = page.render_page(explanation, module.params["title"] or platform.node(), about, status == 1)
    result = {
        "changed": False,
        "manual": explanation.manual,
        "lines": sum(1 for _line in explanation.lines),
        "goals": list(explanation.goals),
        "paths": [way.key for way in explanation.paths],
        "problems": [f"line {number}: {words}" if number else words for _level, words, number in explanation.problems],
        "refused": status == 1,
    }
    if dest is None:
        module.exit_json(**result, html=html)
    try:
        with open(dest, encoding="utf-8") as file:
            result["changed"] = file.read() != html
    except (OSError, ValueError):
        result["changed"] = True
    if result["changed"] and not module.check_mode:
        if not os.path.isdir(os.path.dirname(dest) or "."):
            module.fail_json(msg=f"dest: there is no folder {os.path.dirname(dest)}")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=module.tmpdir, delete=False) as new:
            new.write(html)
        module.atomic_move(new.name, dest)
    module.exit_json(**result, dest=dest)


if __name__ == "__main__":
    main()
