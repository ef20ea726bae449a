#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module `haproxy_compare`."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_compare
short_description: Compare an edge with what is wanted of it
version_added: 1.0.0
author: realtime.edge contributors (@realtime-edge)
description:
  - Compares the binary, the certificates and the configuration of an edge with what is wanted, in one call and without
    a change. Give the result to M(realtime.edge.haproxy_certificate) and M(realtime.edge.haproxy_config) as their
    option C(compared); they start only where something differs.
  - Stops at the first difference, as what comes after depends on it. It does not report what is wrong with the options;
    the two modules do.
options:
  build:
    description: As in M(realtime.edge.haproxy_info).
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
  certificate:
    description: Options of M(realtime.edge.haproxy_certificate).
    type: dict
    required: true
  configuration:
    description:
      - Options of M(realtime.edge.haproxy_config).
      - C(binary) and C(file_descriptors) are those of the host where they are not given.
    type: dict
    required: true
attributes:
  check_mode:
    description: Nothing is changed in either mode.
    support: full
  diff_mode:
    description: There is nothing to compare with.
    support: none
"""

EXAMPLES = r"""
- name: Compare the edge with what is wanted
  realtime.edge.haproxy_compare:
    binary: /usr/sbin/haproxy
    certificate:
      services: "{{ services }}"
    configuration:
      services: "{{ services }}"
  register: compared

- name: Configure HAProxy
  realtime.edge.haproxy_config:
    services: "{{ services }}"
    compared: "{{ compared.configuration }}"
"""

RETURN = r"""
certificates:
  description: The result of M(realtime.edge.haproxy_certificate), null where it has something to do or to report.
  returned: success
  type: dict
configuration:
  description: The result of M(realtime.edge.haproxy_config), null where it has something to do or to report.
  returned: success
  type: dict
host:
  description: What M(realtime.edge.haproxy_info) returns is returned here as well, without C(live).
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._haproxy.build.recipe import BuildError
from ..module_utils._haproxy.certificates import manage as certificates
from ..module_utils._haproxy.fragments import arguments
from ..module_utils._haproxy.fragments.manage import Request
from ..module_utils._haproxy.report.compare import compare_certificates, compare_configuration
from ..module_utils._haproxy.report.host import BUILD_OPTIONS, gather_host

OPTIONS: dict[str, dict[str, Any]] = {
    **BUILD_OPTIONS,
    "certificate": {"type": "dict", "required": True},
    "configuration": {"type": "dict", "required": True},
}


class Module(AnsibleModule):
    """Keeps its arguments to itself: they hold keys and secrets."""

    def _log_invocation(self) -> None:
        """Write nothing to the host's log."""

    def validated(self, options: dict[str, Any], values: dict[str, Any]) -> dict[str, Any] | None:
        """Return the parameters of another module, None where it would refuse them."""
        result = ArgumentSpecValidator(options).validate(values)
        self.no_log_values.update(result._no_log_values)
        return None if result.error_messages else result.validated_parameters


def compare(module: Module, host: dict[str, Any]) -> dict[str, Any]:
    """Return what is as wanted, up to the first difference."""
    found: dict[str, Any] = {"certificates": None, "configuration": None}
    wanted = module.validated(certificates.OPTIONS, module.params["certificate"])
    if not (host["installed"] and host["user"] and wanted):
        return found
    module.no_log_values -= certificates.showable_values(wanted)
    found["certificates"] = compare_certificates(wanted)
    own = {key: host[key] for key in ("binary", "file_descriptors")}
    wanted = module.validated(arguments.OPTIONS, {**own, **module.params["configuration"]})
    if found["certificates"] and wanted:
        request = Request(wanted, True, False, module.no_log_values.update)
        found["configuration"] = compare_configuration(request)
    return found


def main() -> None:
    """Run the module."""
    module = Module(argument_spec=OPTIONS, mutually_exclusive=[("build", "binary")], supports_check_mode=True)
    try:
        host = gather_host(module.params["build"], module.params["binary"])
    except BuildError as error:
        module.fail_json(msg=str(error))
    found = compare(module, host)
    for part in filter(None, found.values()):
        for warning in part.pop("warnings", ()):
            module.warn(warning)
    module.exit_json(changed=False, **host, **found, invocation={})


if __name__ == "__main__":
    main()
