"""What the tests of this scenario share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def key_pairs(edge):
    """Two certificates and their keys, for the service's name."""
    make = (
        "cd $(mktemp -d) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=%s -keyout key -out certificate 2>/dev/null && cat certificate && echo --- && cat key"
    )
    return [edge.host.check_output(make, edge.name).split("\n---\n") for _ in range(2)]
