"""Who looks at the edge: a browser, a Prometheus, and an operator with the playbooks."""

from __future__ import annotations

from typing import Any

import pytest
import testinfra


@pytest.fixture(scope="session")
def browser() -> Any:
    """The host with the browser."""
    return testinfra.get_host("ansible://observability-browser")


@pytest.fixture(scope="session")
def monitor() -> Any:
    """The host with Prometheus."""
    return testinfra.get_host("ansible://observability-prometheus")
