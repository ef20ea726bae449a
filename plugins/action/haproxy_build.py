# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_build`: it shows what a build does while it lasts."""

from __future__ import annotations

import os
import shlex
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

LIMIT = 2 * 3600  # seconds; the longest build known takes five minutes on two processors
SHOW_AGAIN = 30  # seconds, for a step that goes on
OF_THE_JOB = {"ansible_job_id", "finished", "invocation", "results_file", "started"}


class ActionModule(ActionBase):
    """Start the module in the background, and show each step until the last one has ended."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module."""
        result = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, **self._execute_module(task_vars=task_vars)}
        return {**result, **self._follow(self._start(task_vars), task_vars or {})}

    def _start(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Start the module as Ansible starts an asynchronous task, and return the job."""
        self._task.async_val = LIMIT
        try:
            job: dict[str, Any] = self._execute_module(task_vars=task_vars, wrap_async=True)
            return job
        finally:
            self._task.async_val = 0  # the job is followed here, and not by Ansible, which would show its number only

    def _follow(self, job: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Show the steps of the job, and return its result when it has ended."""
        if "ansible_job_id" not in job:
            return job
        name = self._task.delegate_to or task_vars.get("inventory_hostname", "")
        shown, since, last = "", 0.0, 0.0
        began = time.monotonic()
        while time.monotonic() < began + LIMIT:
            status = self._ask(job, "status", task_vars)
            if status.get("finished") or status.get("failed"):
                self._ask(job, "cleanup", task_vars)
                return {key: value for key, value in status.items() if key not in OF_THE_JOB}
            step, now = self._read_step(), time.monotonic()
            if step != shown:
                shown, since, last = step, now, now
                Display().display(f"{name}: {step}")
            elif step and now - last >= SHOW_AGAIN:
                last = now
                Display().display(f"{name}: {step}, for {int(now - since) // 60}:{int(now - since) % 60:02d} min")
            time.sleep(min(5, 1 + (now - began) / 10))
        return {"failed": True, "msg": f"The build did not end within {LIMIT // 3600} hours"}

    def _ask(self, job: dict[str, Any], mode: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        arguments = {
            "jid": job["ansible_job_id"],
            "mode": mode,
            "_async_dir": os.path.dirname(job["results_file"]),
        }
        answer: dict[str, Any] = self._execute_module("ansible.legacy.async_status", arguments, task_vars=task_vars)
        return answer

    def _read_step(self) -> str:
        """Return what the module has written about its step, empty before the first one."""
        prefix = self._task.args.get("prefix") or "/opt/haproxy"
        return str(self._low_level_execute_command(f"cat {shlex.quote(f'{prefix}/.step')}")["stdout"]).strip()
