"""Sockets that are too many are closed, no other ones, and never faster than told."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import closing, rebalance
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.closing import Session
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.rebalance import Node

METRICS = """realtime_edge_master_up 1
realtime_edge_node_sockets{service="chat",server="app1",edge="e1",worker="serving"} 40
realtime_edge_node_sockets{service="chat",server="app1",edge="e1",worker="old"} 20
realtime_edge_node_sockets{service="chat",server="app1",edge="e2",worker="elsewhere"} 30
realtime_edge_node_sockets{service="chat",server="app2",edge="e1",worker="serving"} 0
realtime_edge_node_sockets{service="chat",server="out",edge="e1",worker="serving"} 500
realtime_edge_node_share{service="chat",server="app1"} 45
realtime_edge_node_share{service="chat",server="app2"} 45
realtime_edge_node_surplus{service="chat",server="app1"} 45
realtime_edge_node_surplus{service="chat",server="app2"} 0
"""


def test_a_node_has_the_sockets_of_all_workers_and_edges():
    nodes = rebalance.read_nodes(METRICS)
    # A node that takes no new sockets is nobody's business here.
    assert nodes == {("chat", "app1"): Node(90, 60, 45, 45), ("chat", "app2"): Node(0, 0, 45, 0)}
    assert rebalance.count_surplus(nodes) == 45


def test_an_edge_closes_its_own_part():
    sessions = [
        Session(1, str(n), "10.0.0.1:9", "chat_websocket", server)
        for n in range(60)
        for server in ("app1", "app2", "out")
    ]
    chosen = list(rebalance.choose(sessions, rebalance.read_nodes(METRICS)))
    assert len(chosen) == 30
    assert {session.server for session in chosen} == {"app1"}


def test_the_surplus_is_closed_and_no_more_those_of_old_workers_first_and_never_faster_than_told(edge):
    closed, nodes = rebalance.close_surplus("master", "agent", 0.02, 60)
    assert closed == len(edge.closed) == 6
    assert rebalance.count_surplus(nodes) == 0
    assert all(pointer.startswith("0x1") for _when, pointer in edge.closed)
    times = [when for when, _pointer in edge.closed]
    assert all(later - before >= 0.02 for before, later in zip(times, times[1:]))


def test_when_the_time_is_over_the_rest_is_left(edge):
    closed, nodes = rebalance.close_surplus("master", "agent", 0.5, 0)
    assert (closed, edge.closed) == (0, [])
    assert rebalance.count_surplus(nodes) == 6


@pytest.mark.parametrize(
    ("rate", "edges", "words"),
    [
        (0.001, 1, "time: each of 1 edges closes one socket in 1000 seconds, and 600 are not enough"),
        (0.0, 1, "rate: 0 closes no socket; give the sockets a second"),
        (-3.0, 1, "rate: -3 is not between 0 and 1000"),
        (float("nan"), 1, "rate: nan is not between"),
        (float("inf"), 1, "rate: inf is not between"),
        (5000.0, 1, "rate: 5000 is not between"),
        (5.0, 0, "edges: 0 edges close nothing"),
    ],
)
def test_a_rate_that_is_none_is_refused_in_words(rate, edges, words):
    with pytest.raises(closing.ClosingError, match=words):
        rebalance.find_gap(rate, edges, 600)


def test_each_edge_takes_its_part_of_the_rate():
    assert rebalance.find_gap(10, 2, 600) == pytest.approx(0.2)


@pytest.mark.parametrize("metrics", ["", "realtime_edge_master_up 0\n"])
def test_without_counts_nothing_is_closed(metrics):
    with pytest.raises(closing.ClosingError, match="counts no node"):
        rebalance.read_nodes(metrics)


def test_without_the_sockets_of_another_edge_nothing_is_closed():
    told = 'realtime_edge_peer_silent{peer="e2"} 0\nrealtime_edge_peer_silent{peer="e3"} 0\n'
    assert rebalance.read_nodes(METRICS + told) == rebalance.read_nodes(METRICS)
    with pytest.raises(closing.ClosingError, match=r"nothing is known of the sockets of e2: .*nothing is closed"):
        rebalance.read_nodes(METRICS + told.replace("0", "1", 1))


def test_without_the_service_nothing_is_closed(tmp_path):
    with pytest.raises(closing.ClosingError, match=r"does not answer .*nothing is closed"):
        rebalance.read_counts(str(tmp_path / "none.sock"))
