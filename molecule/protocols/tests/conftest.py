"""What the tests of this scenario share: a node, to be asked without the edge."""

from __future__ import annotations

import pytest
import testinfra


@pytest.fixture(scope="module")
def node(edge, request):
    """Address of a node."""
    inventory = request.config.getoption("--ansible-inventory")
    name = edge.variables["groups"]["nodes"][0]
    host = testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory)
    return host.ansible.get_variables()["haproxy_address"]
