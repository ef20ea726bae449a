# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start a module that closes sessions for one round after the other, and show how far it is."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class RoundsAction(ActionBase):
    """The controller's part: the module says what it has `closed`, whether that `reached` all, and its `time`."""

    def describe(self, part: dict[str, Any]) -> str:
        """Return in words what is left after a round."""
        raise NotImplementedError

    def _describe_failure(self, part: dict[str, Any], closed: int) -> dict[str, Any]:
        """Return what earlier rounds have done; the module knows only of its own."""
        if not closed:
            return {}
        before = f"{closed} sessions were closed before that; start it again when this is mended, and it goes on"
        return {"msg": f"{part.get('msg', '')}; {before}", "closed": closed, "changed": True}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the last round, with the sum of what was closed."""
        result = super().run(tmp, task_vars)
        name = self._task.delegate_to or (task_vars or {}).get("inventory_hostname", "")
        began = time.monotonic()
        closed, limit = 0, 0.0
        while True:
            part: dict[str, Any] = self._execute_module(
                module_args={"rounds": 1, **self._task.args}, task_vars=task_vars
            )
            if part.get("failed"):
                return {**result, **part, **self._describe_failure(part, closed)}
            closed += part["closed"]
            # What is left is less in each round, and so is the time for it.
            limit = max(limit, part["time"])
            part.update({"closed": closed, "changed": part["changed"] or closed > 0, "time": limit})
            if part["reached"] or self._task.check_mode or time.monotonic() - began >= limit:
                return {**result, **part}
            Display().display(f"{name}: {closed} closed here, {self.describe(part)}")
