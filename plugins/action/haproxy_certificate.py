# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_certificate`: PEM files, and groups from the inventory."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.inventory import add_groups
from ..plugin_utils.pem_files import PemFiles


class ActionModule(ActionBase):
    """Start the module, unless `haproxy_compare` has just seen that nothing is to change."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        compared = arguments.pop("compared", None)
        if compared:
            return {**result, **compared}
        files = PemFiles(self._find_needle, self._loader._get_file_contents)
        arguments = files.fill(add_groups(arguments, task_vars or {}))
        return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}
