"""What the tests of this scenario share: one cell of the matrix, tried."""

from __future__ import annotations

import copy

import pytest


@pytest.fixture(scope="session")
def attempt():
    """Try a transport of a generation: what the client says, and which `backends` of which `service` served it."""

    def attempt(edge, generation, transport, *options):
        service = f"g{generation.replace('.', '')}{'cookie' if 'cookie' in transport else ''}"
        edge = copy.copy(edge)
        edge.name = f"{service}.test"
        script = "http3.py" if transport.endswith("HTTP/3") else "try.js"
        before = edge.served()
        result = edge.client(f"generations/{script}", "--generation", generation, "--transport", transport, *options)
        after = edge.served()
        # The edge's own parts, such as those that tell Flash from TLS, are no backends of a service.
        names = tuple(f"{service['name']}_" for service in edge.variables["haproxy_services"])
        backends = sorted(name for name in after if name.startswith(names) and after[name] > before[name])
        return {"generation": generation, "transport": transport, "service": service, "backends": backends, **result}

    return attempt
