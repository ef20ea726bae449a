"""What ships can be read by people: its documentation comes from where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[3]
INSTALLED = PROJECT / ".cache/collection/installed"


def test_every_module_is_documented_where_it_is_installed():
    done = subprocess.run(
        ["ansible-doc", "--list", "--json", "realtime.edge"],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)},
        cwd=INSTALLED,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {f"realtime.edge.{file.stem}" for file in (PROJECT / "library").glob("*.py")}
    described = json.loads(done.stdout)
    assert set(described) == modules
    assert "UNDOCUMENTED" not in described.values()
