"""A playbook tells of what it is asked and cannot do before it changes anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("playbook", "asked", "told"),
    [
        ("leave", "leave_rate=0", "leave_rate: 0 is no number of sessions a second"),
        ("leave", "leave_rate=fast", "leave_rate: fast is no number of sessions a second"),
        ("reboot", "reboot_rate=1001", "reboot_rate: 1001 is no number of sessions a second"),
        ("reboot", "reboot_wait=1h", "reboot_wait: 1h is no number of seconds"),
        ("reboot", "reboot_edges=edge1", "reboot_edges: a list of edges, each of them one of edge1, edge2"),
        ("reboot", '{"reboot_edges": ["edge3"]}', "reboot_edges: a list of edges, each of them one of edge1, edge2"),
        ("reboot", "reboot_tasks=/nowhere.yml", "reboot_tasks: there is no file /nowhere.yml"),
    ],
)
def test_what_is_none_is_told_first(tmp_path, playbook, asked, told):
    inventory = tmp_path / "inventory.yml"
    hosts = {name: {"ansible_connection": "local"} for name in ("edge1", "edge2")}
    inventory.write_text(yaml.safe_dump({"edges": {"hosts": hosts}}))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            f"--inventory={inventory}",
            f"playbooks/{playbook}.yml",
            "-e",
            asked,
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0, said
    assert told in said
    assert "Nothing has changed." in said
    assert "changed=1" not in said
