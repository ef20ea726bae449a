# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the module `haproxy_compare`: that of the two modules whose options it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import preflight
from ..plugin_utils.inventory import add_groups
from ..plugin_utils.pem_files import PemFiles


class ActionModule(ActionBase):
    """Start the module with what it needs, and add to its problems those that only the controller sees."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        files = PemFiles(self._find_needle, self._loader._get_file_contents)
        arguments["certificate"] = files.fill(add_groups(arguments["certificate"], variables))
        arguments["configuration"] = add_groups(arguments["configuration"], variables)
        done = self._execute_module(module_args=arguments, task_vars=task_vars)
        problems = [*self._misspelled(variables), *done.get("problems", ())]
        if done.get("failed") and "problems" not in done:
            problems += self._explain(variables)
        return {**result, **done, **(preflight.describe(problems) if problems else {})}

    def _misspelled(self, variables: dict[str, Any]) -> Iterator[str]:
        path = getattr(self._task._role, "_role_path", "")
        if path:
            described, internal = (
                self._loader.load_from_file(os.path.join(path, name), unsafe=True)  # only read: no deep copy
                for name in ("meta/argument_specs.yml", "vars/main.yml")
            )
            yield from preflight.find_misspelled(variables, preflight.known_variables(described), internal)

    def _explain(self, variables: dict[str, Any]) -> list[str]:
        """Return why the module did not run. A shell is asked, as Python may be missing or too old."""
        interpreter = variables.get("ansible_python_interpreter") or "python3"
        path = "python3" if str(interpreter).startswith("auto") else str(interpreter)
        answer = self._low_level_execute_command(preflight.QUESTIONS.replace("{interpreter}", path))
        return preflight.explain_host(answer.get("stdout", ""))
