"""What the tests of this scenario share."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def play(edge, request, tmp_path):
    """Run a playbook with changed variables: the finished process, its output with blanks collapsed."""

    def run(variables, *arguments, playbook="site"):
        changed = tmp_path / "variables.json"
        changed.write_text(json.dumps(variables))
        inventory = request.config.getoption("--ansible-inventory")
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, f"playbooks/{playbook}.yml", "-e", f"@{changed}", *arguments],
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            },
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout = " ".join((done.stdout + done.stderr).split())
        return done

    return run


@pytest.fixture(scope="module")
def key_pairs(edge):
    """Two certificates and their keys, for the service's name."""
    make = (
        "cd $(mktemp -d) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=%s -keyout key -out certificate 2>/dev/null && cat certificate && echo --- && cat key"
    )
    return [edge.host.check_output(make, edge.name).split("\n---\n") for _ in range(2)]
