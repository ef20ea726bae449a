"""What the tests of this scenario share: a node, to be asked without the edge, and both ways to it."""

from __future__ import annotations

import ssl

import pytest
import testinfra
from resources.engineio import WAYS, read_target


@pytest.fixture(scope="module")
def node(edge):
    """Address of a node."""
    name = edge.variables["groups"]["generations"][0]
    host = testinfra.get_host(f"ansible://{name}")
    return host.ansible.get_variables()["haproxy_address"]


@pytest.fixture(scope="module")
def places(edge, node):
    """Where a generation of Socket.IO is, by one of the ways."""

    def place(generation, way):
        name = f"g{generation}.test"
        if way == "directly":
            return read_target(f"http://{name}/", f"{node}:300{generation}", timeout=60)
        context = ssl.create_default_context(cafile=str(edge.ca))
        return read_target(f"https://{name}/", edge.address, timeout=60, context=context)

    return place


@pytest.fixture(scope="module", params=WAYS)
def reach(request, places):
    """Where a generation is, by each of the ways."""
    return lambda generation: places(generation, request.param)
