"""Who looks at the edge: a browser, a Prometheus, and an operator with the playbooks."""

from __future__ import annotations

from typing import Any

import pytest
import testinfra


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
