"""The run that people do most, in every scenario: nothing is to be done, and that is found out quickly."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

MOST_TASKS = 6  # an unchanged run takes no more on a host


@pytest.mark.parametrize("mode", [[], ["--check", "--diff"]], ids=["real run", "check mode"])
def test_a_run_that_changes_nothing_is_short(mode):
    process = subprocess.run(
        ["ansible-playbook", "../../playbooks/site.yml", *mode],
        cwd=os.environ["MOLECULE_SCENARIO_DIRECTORY"],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    run = json.loads(process.stdout)
    edges = run["stats"]
    assert edges
    changed = [
        f"{host}: {task['task']['name']}"
        for play in run["plays"]
        for task in play["tasks"]
        for host, result in task["hosts"].items()
        if result.get("changed")
    ]
    assert changed == []
    assert {host: count["ok"] for host, count in edges.items() if count["ok"] > MOST_TASKS} == {}
