"""What takes its time by the protocols' own clocks, through the edge and without it: all of it waits at once."""

from __future__ import annotations

import pytest
from conftest import WAITS
from resources.engineio import WAYS

testinfra_hosts = ["ansible://edges"]


@pytest.mark.parametrize("number", range(len(WAITS)), ids=[what.__name__ for _, what, _ in WAITS])
@pytest.mark.parametrize("way", WAYS)
def test_in_its_time(waiting, way, number):
    waiting[way, number].result()
