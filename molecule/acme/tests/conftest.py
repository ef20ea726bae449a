"""What the tests of ACME share: the playbook, with other variables."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])


@pytest.fixture(scope="session")
def obtain():
    """Run playbooks/acme.yml or another, with other variables."""

    def run(*arguments, playbook="acme"):
        more = [word for one in arguments for word in ([one] if one.startswith("--") else ["--extra-vars", one])]
        command = ["ansible-playbook", f"../../playbooks/{playbook}.yml", *more]
        return subprocess.run(command, cwd=SCENARIO, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def obtain_all(obtain):
    """What the playbook says by each client."""

    def run(*arguments):
        with ThreadPoolExecutor() as pool:
            limits = {"controller": "--limit=acme-edge12:acme-edge13", "haproxy": "--limit=acme-edge34"}
            running = {client: pool.submit(obtain, *arguments, limit) for client, limit in limits.items()}
        return {client: done.result() for client, done in running.items()}

    return run


@pytest.fixture(scope="session")
def with_options():
    """The scenario's haproxy_acme with other options, as a variable."""

    def give(**options):
        acme = {
            "client": "{{ acme_client | default('controller') }}",
            "directory": "https://10.213.11.30:14000/dir",
            "folder": str(SCENARIO.parent.parent / ".cache/acme"),
            "terms_agreed": True,
            "validate_certs": False,
            **options,
        }
        return json.dumps({"haproxy_acme": acme})

    return give
