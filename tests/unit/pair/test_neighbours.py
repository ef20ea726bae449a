"""Who answers for an address."""

from __future__ import annotations

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import neighbours


def test_a_stranger_is_one_that_answers_for_no_edge(monkeypatch):
    answers = {"10.0.0.10": {"02:aa", "02:bb"}, "10.0.0.12": {"02:bb"}, "fd00::10": {"02:01"}}
    monkeypatch.setattr(neighbours, "ask", lambda *_: answers)
    found = neighbours.find_strangers("eth0", "02:01", ["10.0.0.10", "fd00::10"], ["10.0.0.11", "10.0.0.12"])
    assert found == {"10.0.0.10": {"02:aa"}}
