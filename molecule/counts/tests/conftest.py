"""Both edges, and clients that stay until a test ends."""

from __future__ import annotations

import copy

import pytest
import testinfra
from resources.edge import Held


@pytest.fixture(scope="module")
def edges(edge):
    """Both edges: the same service and certificate, other addresses."""
    other = copy.copy(edge)
    other.host = testinfra.get_host("ansible://counts-edge13")
    other.variables = other.host.ansible.get_variables()
    other.address = other.variables["haproxy_address"]
    return [edge, other]


@pytest.fixture
def held(edges):
    """Clients that stay until the test ends, and the nodes as they were before."""
    found: list[Held] = []
    yield found
    for clients in found:
        clients.stop()
    for one in edges:
        one.host.check_output("systemctl restart haproxy realtime-edge-agent")
