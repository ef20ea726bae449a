# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read from the inventory what a managed host does not know: the members of groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._haproxy.services import definition


def add_groups(arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a module with `groups`: the members of those that services and peers name.

    Groups that nothing names are there, without members: an error suggests them. No facts are needed, and `--limit`
    leaves no member out.
    """
    if arguments.get("groups") is not None:
        return dict(arguments)
    named = definition.named_groups(arguments.get("services"), arguments.get("peers"))
    variables = task_vars["hostvars"]
    groups = {
        group: [_member(host, variables[host]) for host in hosts] if group in named else []
        for group, hosts in task_vars["groups"].items()
    }
    return {**arguments, "groups": groups}


def _member(host: str, variables: Mapping[str, Any]) -> dict[str, str]:
    address = variables.get("haproxy_address") or variables.get("ansible_host") or host
    weight = variables.get("haproxy_weight")
    return {"name": host, "address": address, **({} if weight is None else {"weight": str(weight)})}
