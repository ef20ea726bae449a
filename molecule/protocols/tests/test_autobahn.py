"""Autobahn's WebSocket cases end the same through the edge, over HTTP/1.1 and HTTP/2, as without it."""

from __future__ import annotations

import asyncio
import subprocess

import kosoku
import pytest

testinfra_hosts = ["ansible://edges"]

# Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, long messages; of compression each form of offer.
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*.3", "13.*.3"]


def results(address):
    """Case → how it went and how it closed: ("OK", "OK"), or "NON-STRICT", "UNCLEAN", ..."""
    try:
        cases = asyncio.run(kosoku.run_fuzzingclient(address, CASES, concurrency=4))
    except kosoku.FailureError as failure:
        cases = failure.results
    return {case.case_id: (case.behavior, case.behavior_close) for case in cases}


@pytest.fixture(scope="module")
def directly(node):
    return results(f"{node}:3010")


@pytest.fixture
def bridge(edge):
    """A port of this machine that leads to the edge by a version of HTTP, with TLS."""
    started = []

    def start(version):
        command = edge.command("generations/bridge.js", "--http", version)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return f"127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.communicate(timeout=30)


def test_every_case_passes_without_the_edge(directly):
    assert len(directly) > 300
    assert {case: result for case, result in directly.items() if "FAILED" in result} == {}


@pytest.mark.parametrize("version", ["1", "2"])
def test_every_case_ends_the_same_through_the_edge(edge, directly, bridge, version):
    edge.name = "echo.test"
    before = edge.statistics()["https", "FRONTEND"]
    through = results(bridge(version))
    after = edge.statistics()["https", "FRONTEND"]
    assert {case: (through.get(case), directly[case]) for case in directly if through.get(case) != directly[case]} == {}
    asked = {key: int(after[key]) - int(before[key]) for key in ("h1req", "h2req")}
    assert asked == {"h1req": 0, "h2req": 0, f"h{version}req": len(directly)}
