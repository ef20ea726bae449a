"""The run that people do most, in every scenario: nothing is to be done, and that is found out quickly.

Here in check mode. That a real run changes nothing is the scenario's step `idempotence`; that it takes no more tasks
is a test of the scenario `default`.
"""

from __future__ import annotations

import json
import os
import subprocess

MOST_TASKS = 2  # on a host: its values are checked, and it is compared with them


def test_a_run_that_changes_nothing_is_short():
    process = subprocess.run(
        ["ansible-playbook", "../../playbooks/site.yml", "--check", "--diff"],
        cwd=os.environ["MOLECULE_SCENARIO_DIRECTORY"],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    run = json.loads(process.stdout)
    assert run["stats"]
    done: dict[str, list[str]] = {}
    changed = []
    for play in run["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                changed += [f"{host}: {task['task']['name']}"] if result.get("changed") else []
                done.setdefault(host, []).extend([] if result.get("skipped") else [task["task"]["name"]])
    assert changed == []
    assert {host: names for host, names in done.items() if run["stats"][host]["ok"] > MOST_TASKS} == {}
