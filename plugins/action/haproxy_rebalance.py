# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_rebalance`: it shows how far it is."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    """Start the module for one round after the other, and show what is left, until the time is over."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the last round, with the sum of what was closed."""
        result = super().run(tmp, task_vars)
        name = self._task.delegate_to or (task_vars or {}).get("inventory_hostname", "")
        began = time.monotonic()
        closed = 0
        while True:
            part: dict[str, Any] = self._execute_module(
                module_args={"rounds": 1, **self._task.args}, task_vars=task_vars
            )
            if part.get("failed"):
                return {**result, **part}
            closed += part["closed"]
            part.update({"closed": closed, "changed": part["changed"] or closed > 0})
            if part["reached"] or self._task.check_mode or time.monotonic() - began >= part["time"]:
                return {**result, **part}
            nodes = ", ".join(f"{node['server']} {node['sockets']} of {node['share']}" for node in part["nodes"])
            Display().display(f"{name}: {closed} closed here, {part['surplus']} too many on all edges ({nodes})")
