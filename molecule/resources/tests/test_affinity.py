"""Polling sessions stay on the node that opened them, without cookies, because of the affinity rules."""

from __future__ import annotations

import re

import pytest

testinfra_hosts = ["ansible://edges"]


def assert_all_stayed(result, nodes):
    assert (result["connected"], result["failed"], result["moved"]) == (30, 0, 0), result
    assert set(result["per_node"]) == set(nodes)


def test_sessions_stay_on_their_node(edge, nodes):
    assert_all_stayed(edge.client("affinity.js", "--clients", "30"), nodes)


def without_affinity(text):
    changed = re.sub(r"(?m)^\s*stick (match|on|store-\w+) .*\n", "", text)
    assert changed != text
    return changed


def test_a_copy_of_the_configuration_works_too(nodes, second_edge):
    assert_all_stayed(second_edge(lambda text: text).client("affinity.js", "--clients", "30"), nodes)


def test_sessions_break_without_the_rules(nodes, second_edge):
    if len(nodes) < 2:
        pytest.skip("one node keeps every session")
    result = second_edge(without_affinity).client("affinity.js", "--clients", "30")
    assert result["failed"] + result["moved"] > 15, result
    assert any("Session ID unknown" in error for error in result["errors"]), result


def test_a_reload_loses_no_polling_session(edge, hold):
    # At first the new worker has not got the table yet: only sessions that are talking notice.
    assert "lua.wait_for_table" in edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    held = hold(60, "polling")
    for _ in range(4):
        held.talk(10)
        edge.reload()
        held.talk(10)
    assert held.ping()["answered"] == 60
    assert not held.of("disconnect")
    assert not [ping for ping in held.of("ping") if ping["failed"]]
