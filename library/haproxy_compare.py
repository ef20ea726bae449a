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
  - Where anything is to be installed or changed, it fails with everything that stands in the way, before anything is
    installed or written - values of the options, what the host lacks, ports that another process holds, an HAProxy that
    this collection did not start.
  - The configuration is checked with the certificates and other files as they will be.
options:
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
  kernel:
    description:
      - Whether the kernel is to have what the connections need that the configuration allows. Give RV(kernel) to
        M(realtime.edge.haproxy_kernel). What is missing and can't be set is told in a warning.
      - V(false) takes back what was set. What is missing is told where anything is to be changed.
    type: bool
    default: false
attributes:
  check_mode:
    description: Nothing is changed in either mode.
    support: full
  diff_mode:
    description: In check mode, the results of the two modules have their differences.
    support: full
extends_documentation_fragment:
  - realtime.edge.build
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
as_wanted:
  description: >-
    Whether HAProxy and its users are installed, and none of the three modules has anything to do. Files and state of
    the services are facts of the host, and are the caller's to compare.
  returned: success
  type: bool
certificates:
  description:
    - The result of M(realtime.edge.haproxy_certificate), null where it has something to do. In check mode it says what.
  returned: success
  type: dict
configuration:
  description:
    - The result of M(realtime.edge.haproxy_config), null where it has something to do. In check mode it says what.
  returned: success
  type: dict
kernel:
  description: The settings for M(realtime.edge.haproxy_kernel), null where it has nothing to do.
  returned: success
  type: dict
  sample: {net.core.somaxconn: "15000"}
ticket_keys:
  description: >-
    C(names) of the keys of session tickets, by which nobody can guess them, and the C(age) of the newest in seconds.
    Edges that share keys have the same names.
  returned: success
  type: dict
  sample: {names: [8b1f3a0c5d2e4f67], age: 3600}
problems:
  description: What has to be mended first, each with its place in the YAML.
  returned: failure
  type: list
  elements: str
host:
  description: What M(realtime.edge.haproxy_info) returns is returned here as well.
  returned: success
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._haproxy.build.recipe import BuildError
from ..module_utils._haproxy.certificates import manage as certificates
from ..module_utils._haproxy.certificates import tickets
from ..module_utils._haproxy.fragments import arguments
from ..module_utils._haproxy.report.compare import Wanted, compare
from ..module_utils._haproxy.report.host import BUILD_OPTIONS, gather_host
from ..module_utils._haproxy.report.requirements import Installation

OPTIONS: dict[str, dict[str, Any]] = {
    **BUILD_OPTIONS,
    "certificate": {"type": "dict", "required": True},
    "configuration": {"type": "dict", "required": True},
    "kernel": {"type": "bool", "default": False},
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


def read_wanted(module: Module, host: dict[str, Any]) -> Wanted:
    """Return what is wanted, the configuration with what only the host knows."""
    build = module.params["build"] or {}
    own: dict[str, Any] = {key: host[key] for key in ("binary", "file_descriptors") if key in host}
    certificate = module.validated(certificates.OPTIONS, module.params["certificate"])
    module.no_log_values -= certificates.showable_values(certificate or {"certificates": []})
    return Wanted(
        certificate,
        module.validated(arguments.OPTIONS, {**own, **module.params["configuration"]}),
        Installation(
            missing=not (host.get("installed") and host["user"]),
            builds=bool(build),
            openssl=bool(build and build["openssl"]["version"]),
            prefix=build.get("prefix", "/"),
        ),
        module.params["kernel"],
    )


def main() -> None:
    """Run the module."""
    module = Module(argument_spec=OPTIONS, mutually_exclusive=[("build", "binary")], supports_check_mode=True)
    try:
        host = gather_host(module.params["build"], module.params["binary"])
    except BuildError as error:
        module.fail_json(msg=f"Nothing was changed. To mend first:\n{error}", problems=[str(error)], invocation={})
    wanted = read_wanted(module, host)
    found = compare(wanted, module._diff, module.no_log_values.update)
    if found.problems:
        text = "Nothing was changed. To mend first:\n" + "\n".join(found.problems)
        module.fail_json(msg=text, problems=found.problems, **host, invocation={})
    settled: dict[str, Any] = found.settled(wanted)
    foreseen = {"certificates": found.certificates, "configuration": found.configuration}
    results = foreseen if module.check_mode else settled
    warnings = (warning for part in filter(None, results.values()) for warning in part.pop("warnings", ()))
    for warning in [*found.hints, *warnings]:
        module.warn(warning)
    key_file = (wanted.certificate or {}).get("ticket_keys")
    keys = tickets.describe_keys(Path(key_file) if key_file else None)
    told = {"as_wanted": all(settled.values()) and found.kernel is None, "kernel": found.kernel, "ticket_keys": keys}
    module.exit_json(changed=False, **host, **results, **told, invocation={})


if __name__ == "__main__":
    main()
