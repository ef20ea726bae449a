"""Polling sessions stay on the node that opened them, without cookies, because of the affinity rules."""

from __future__ import annotations

import re

import pytest

testinfra_hosts = ["ansible://edges"]

OFFSET = 10000
COPY = "/run/affinity-test"


def assert_all_stayed(result, nodes):
    assert (result["connected"], result["failed"], result["moved"]) == (30, 0, 0), result
    assert set(result["per_node"]) == set(nodes)


def test_sessions_stay_on_their_node(edge, nodes):
    assert_all_stayed(edge.client("affinity.js", "--clients", "30"), nodes)


@pytest.fixture
def second_edge(edge):
    """Start a second HAProxy with a changed copy of the deployed file, its ports moved by OFFSET."""

    def start(change):
        text = change(edge.host.file("/etc/haproxy/haproxy.cfg").content_string)
        text = re.sub(r"(?m)^(\s*bind\s+\S*:)(\d+)", lambda bind: f"{bind[1]}{int(bind[2]) + OFFSET}", text)
        text = text.replace("/run/haproxy/", f"{COPY}/")
        edge.host.check_output("mkdir -p %s && printf %%s %s > %s/haproxy.cfg", COPY, text, COPY)
        binary = edge.host.check_output(r"tr '\0' '\n' < /proc/%s/cmdline | head -n 1", edge.worker())
        edge.host.check_output("%s -D -f %s/haproxy.cfg -p %s/pid", binary, COPY, COPY)

    yield start
    edge.host.run("xargs kill < %s/pid; rm -rf %s", COPY, COPY)


def without_affinity(text):
    changed = re.sub(r"(?m)^\s*stick (match|on|store-\w+) .*\n", "", text)
    assert changed != text
    return changed


def test_a_copy_of_the_configuration_works_too(edge, nodes, second_edge):
    second_edge(lambda text: text)
    assert_all_stayed(edge.client("affinity.js", "--clients", "30", port=443 + OFFSET), nodes)


def test_sessions_break_without_the_rules(edge, nodes, second_edge):
    if len(nodes) < 2:
        pytest.skip("one node keeps every session")
    second_edge(without_affinity)
    result = edge.client("affinity.js", "--clients", "30", port=443 + OFFSET)
    assert result["failed"] + result["moved"] > 15, result
    assert any("Session ID unknown" in error for error in result["errors"]), result
