"""Who looks at the edge: a browser, a Prometheus, and an operator with the playbooks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])


def _host(request: pytest.FixtureRequest, name: str) -> Any:
    inventory = request.config.getoption("--ansible-inventory")
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory)


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Any:
    """The host with the browser."""
    return _host(request, "observed-browser")


@pytest.fixture(scope="session")
def monitor(request: pytest.FixtureRequest) -> Any:
    """The host with Prometheus."""
    return _host(request, "observed-prometheus")


@pytest.fixture(scope="session")
def play(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of the collection's playbooks on the scenario's machines."""
    inventory = request.config.getoption("--ansible-inventory")

    def run(name: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        extra = [word for key, value in variables.items() for word in ("--extra-vars", f"{key}={value}")]
        command = ["ansible-playbook", "--inventory", inventory, str(PROJECT / "playbooks" / f"{name}.yml"), *extra]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    return run
