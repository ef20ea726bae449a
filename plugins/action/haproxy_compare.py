# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_compare`: that of the two modules whose options it takes."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.inventory import add_groups
from ..plugin_utils.pem_files import PemFiles


class ActionModule(ActionBase):
    """Start the module with what it needs from the controller."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        files = PemFiles(self._find_needle, self._loader._get_file_contents)
        arguments["certificate"] = files.fill(add_groups(arguments["certificate"], variables))
        arguments["configuration"] = add_groups(arguments["configuration"], variables)
        return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}
