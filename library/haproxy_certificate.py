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
  - Files that are not asked for are left alone. HAProxy is not told of a change.
options:
  certificates:
    description: The certificates, each with its key.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the file, without C(.pem).
        type: str
        required: true
      pem:
        description: Certificate, chain and key in one PEM text. Not together with the three options below.
        type: str
      certificate:
        description: The certificate as PEM text. Its chain can follow it.
        type: str
      key:
        description: The private key as PEM text, not encrypted with a passphrase.
        type: str
      chain:
        description: The intermediate certificates as PEM text, the issuer of the certificate first.
        type: str
      hosts:
        description:
          - Host names and addresses the certificate is meant for. The module warns where it does not cover them.
          - A stand-in is made for these, or for O(certificates[].name) if there are none.
        type: list
        elements: str
        default: []
  services:
    description:
      - Services as in the variable C(haproxy_services) of the role. Only C(name), C(certificate) and C(hosts) are read.
      - Their certificates are asked for just as if they were in O(certificates), for their hosts.
    type: list
    elements: raw
    default: []
  self_signed:
    description:
      - Whether a certificate without any value gets a self-signed stand-in, where there is no file yet.
      - Needs the command C(openssl) on the host when one is made. It is valid for a year, and made only once.
    type: bool
    default: true
  directory:
    description: Folder of the certificate files. It is made if it is missing, and readable by O(group).
    type: path
    default: /etc/haproxy/certificates
  group:
    description: The group that may read the files besides root, which owns them.
    type: str
    default: haproxy
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
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.haproxy.certificates import FIELDS, CertificateError, install, is_path


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "certificates": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "pem": {"type": "str", "no_log": True},
                    "certificate": {"type": "str", "no_log": True},  # a key may have been put here by mistake
                    "key": {"type": "str", "no_log": True},
                    "chain": {"type": "str", "no_log": True},
                    "hosts": {"type": "list", "elements": "str", "default": []},
                },
            },
            "services": {"type": "list", "elements": "raw", "default": []},
            "self_signed": {"type": "bool", "default": True},
            "directory": {"type": "path", "default": "/etc/haproxy/certificates"},
            "group": {"type": "str", "default": "haproxy"},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    # A path that the role found no file for is no secret, and the message must show it.
    values = {entry[part] for entry in parameters["certificates"] for part in FIELDS if entry[part]}
    module.no_log_values -= {value for value in values if is_path(value)}
    try:
        result = install(**{**parameters, "directory": Path(parameters["directory"])}, check_mode=module.check_mode)
    except CertificateError as error:
        module.fail_json(msg=f"No certificate was changed, because of mistakes:\n{error}")
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
