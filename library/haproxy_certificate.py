#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_certificate`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_certificate
short_description: Install the certificates that HAProxy serves
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Writes one file for each certificate, with the certificate, its chain and its key in the order that HAProxy reads.
  - Everything is checked first, and nothing is written if anything is wrong.
  - Where a certificate is asked for and there is none yet, a self-signed stand-in makes a first run work.
  - Files that are not asked for are left alone.
  - A HAProxy that runs serves what changed at once, without a reload and without a connection lost.
  - What HAProxy's own ACME client has renewed in the running process is brought to its file before a reload loses it.
options:
  certificates:
    description:
      - The certificates, each with its key. A value is PEM text, such as a vaulted variable, or the path of a file on
        the controller.
      - A path is searched for beside the playbook or role, like that of any file, then in the folder that Ansible was
        started in. The file may be vaulted.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the file on the host, without C(.pem).
        type: str
        required: true
      pem:
        description: Certificate, chain and key in one. Excludes C(certificate), C(key) and C(chain).
        type: str
      certificate:
        description: The certificate. Its chain can follow it.
        type: str
      key:
        description: The private key, without a passphrase.
        type: str
      chain:
        description: The intermediate certificates, the issuer of the certificate first.
        type: str
      ca:
        description:
          - The certificates of one or more CAs, alone. Services with C(client_ca) require a client certificate of them.
        type: str
      state:
        description: V(absent) removes the certificate, from the disk and from the running process.
        type: str
        choices: [present, absent]
        default: present
      hosts:
        description:
          - Host names and addresses that the certificate must cover; it is a warning where it does not.
          - A self-signed placeholder is made for these, or for C(name) if there are none.
        type: list
        elements: str
        default: []
  groups:
    description: Members of the inventory groups that O(services) name. Read from the inventory by default.
    type: dict
  compared:
    description:
      - What M(realtime.edge.haproxy_compare) returned as C(certificates). If it is not null, nothing is to change, and
        it is the result, without a connection to the host.
    type: dict
  acme_folder:
    description:
      - Folder on the controller with the certificates that ACME has obtained, C(NAME.crt) and C(NAME.key), for what
        O(services) need and O(certificates) does not have.
    type: str
  self_signed:
    description:
      - Whether a certificate that is nowhere yet gets a self-signed placeholder, so that a first run works.
      - Needs the command C(openssl) on the host when one is made. It is valid for a year, and made only once.
    type: bool
    default: true
  accept_bad:
    description:
      - Whether a certificate that has expired, is not valid yet, or lacks a host name of its service may replace one
        that is better. By default that is an error. A self-signed placeholder is always replaced.
    type: bool
    default: false
  directory:
    description: Folder of the certificate files. It is made if it is missing, and readable by O(group).
    type: path
    default: /etc/haproxy/certificates
  group:
    description: The group that may read the files besides root, which owns them.
    type: str
    default: haproxy
  acme_account_key:
    description:
      - The private key (P-256, PEM text) of the account with which HAProxy's own ACME client orders. It is kept in
        C(acme-account.key) beside O(directory), for root and O(group).
    type: str
  ticket_keys:
    description:
      - The file of the keys with which session tickets are encrypted (C(tls-ticket-keys)), made where it is missing.
      - Without it no keys are made.
    type: path
  ticket_rotation:
    description: Seconds after which a new ticket key is put in use, in the file and in the running process.
    type: int
    default: 86400
  shared_ticket_keys:
    description:
      - Keys that all edges of a service get in the same run, each 80 random bytes in base64. They follow those in
        O(ticket_keys), of which the last three stay.
      - Where it is given, also without a key, O(ticket_rotation) does not count here.
    type: list
    elements: str
  master_socket:
    description: The master CLI of the HAProxy that serves.
    type: path
    default: /run/haproxy/master.sock
extends_documentation_fragment:
  - realtime.edge.services
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: full
    details: Shows what certificates say of themselves, never a key.
"""

EXAMPLES = r"""
- name: Install a certificate
  realtime.edge.haproxy_certificate:
    certificates:
      - name: chat.example.com
        certificate: "{{ lookup('ansible.builtin.file', 'chat.crt') }}"
        key: "{{ vault_chat_key }}"

- name: Have something to start with
  realtime.edge.haproxy_certificate:
    certificates:
      - name: chat.example.com
        hosts: [chat.example.com, www.chat.example.com]
"""

RETURN = r"""
certificates:
  description: The certificates asked for, as they are in their files afterwards.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the certificate.
      type: str
      sample: chat.example.com
    path:
      description: Path of its file.
      type: str
      sample: /etc/haproxy/certificates/chat.example.com.pem
    changed:
      description: Whether the file changed.
      type: bool
    served:
      description: Whether the running HAProxy serves it; false for a CA, and where none runs.
      type: bool
    subject:
      description: Whom the certificate was issued to.
      type: str
      sample: CN=chat.example.com
    names:
      description: Host names and addresses the certificate is for.
      type: list
      elements: str
      sample: [chat.example.com]
    not_after:
      description: Until when it is valid, in ISO 8601.
      type: str
      sample: "2027-11-23T05:35:00+00:00"
    days_left:
      description: Full days until then, negative when it is over.
      type: int
      sample: 364
    fingerprint:
      description: SHA-256 of the certificate. Empty in check mode for a stand-in that is not made yet.
      type: str
      sample: 9f2b6f1e0c0d6f9e7a3b8c5d4e2f1a0b9f2b6f1e0c0d6f9e7a3b8c5d4e2f1a0b
    stand_in:
      description: Whether it is a self-signed stand-in of this module.
      type: bool
swapped:
  description: Paths of the certificates that changed in the running process.
  returned: success
  type: list
  elements: str
  sample: [/etc/haproxy/certificates/chat.example.com.pem]
kept:
  description: Paths of the certificates that HAProxy's own ACME client had renewed, and that the disk has now.
  returned: success
  type: list
  elements: str
  sample: []
ticket_keys:
  description: V(made) or V(rotated) where the keys of session tickets changed, otherwise empty.
  returned: success
  type: str
  sample: rotated
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.certificates.manage import OPTIONS, manage, showable_values
from ..module_utils._haproxy.config import redact
from ..module_utils._haproxy.errors import EdgeError


class Module(AnsibleModule):
    """Keeps its arguments to itself: Ansible takes keys out of the log, but not those within lists of lines."""

    def _log_invocation(self) -> None:
        """Write nothing to the host's log."""


def main() -> None:
    """Run the module."""
    module = Module(argument_spec=OPTIONS, supports_check_mode=True)
    module.no_log_values -= showable_values(module.params)
    try:
        result = manage(module.params, module.check_mode)
    except EdgeError as error:
        module.no_log_values.update(redact.secrets_in_data(module.params["services"]))
        module.fail_json(msg=f"No certificate was changed, because of mistakes:\n{error}")
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
