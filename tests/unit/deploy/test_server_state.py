"""A server is taken out of service in the file and in the worker, and brought back as it was."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse, render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import server_state
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import servers
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.servers import Server
from examples import edge

EDGE = data.from_data(
    {
        "backend": {
            "one": {"server": ["n1 10.0.0.1:80 check weight 5", "n2 10.0.0.2:80 check"]},
            "two": {"server": "n1 10.0.0.1:81 cookie n1"},
        }
    }
)


@pytest.mark.parametrize(("state", "words"), [("drain", "weight 0"), ("maint", "disabled")])
def test_a_server_goes_out_in_all_backends_and_comes_back_as_it_was(state, words):
    out = server_state.set_server_state(EDGE, "n1", state)
    text = render(out)
    assert f"n1 10.0.0.1:80 check weight 5 {words}\n" in text
    assert f"n1 10.0.0.1:81 cookie n1 {words}\n" in text
    assert "n2 10.0.0.2:80 check\n" in text
    assert server_state.set_server_state(out, "n1", state) == out
    assert server_state.set_server_state(out, "n1", "ready") == EDGE


def test_a_node_of_a_canary_keeps_its_weight():
    described = {"name": "chat", "servers": ["10.0.0.1:1"], "canary": {"servers": ["10.0.0.2:1"], "share": 5}}
    # As it comes from the file.
    deployed = parse(render(assemble.assemble(edge(), [store.Fragment(store.OWNER, [described], {}, {})])))
    out = server_state.set_server_state(deployed, "10.0.0.2_1", "maint")
    assert render(out).count("10.0.0.2:1 weight 0 disabled\n") == 2
    assert server_state.set_server_state(out, "10.0.0.2_1", "ready") == deployed
    with pytest.raises(ConfigurationError, match=r"is a node of a canary.*give the canary share: 0"):
        server_state.set_server_state(deployed, "10.0.0.2_1", "drain")
    assert server_state.set_server_state(deployed, "10.0.0.1_1", "drain") != deployed


def test_from_one_state_into_another():
    out = server_state.set_server_state(server_state.set_server_state(EDGE, "n1", "drain"), "n1", "maint")
    assert out == server_state.set_server_state(EDGE, "n1", "maint")


def test_a_server_that_is_nowhere_is_an_error_with_what_was_meant():
    with pytest.raises(ConfigurationError, match=r"no backend of this edge has a server 'n3'.*known: n1, n2"):
        server_state.set_server_state(EDGE, "n3", "drain")


def server(**more):
    return Server("10.0.0.1", 80, 1, 0, "ready", True, 0)._replace(**more)


@pytest.mark.parametrize("other", [{"up": False}, {"state": "drain"}, {"state": "maint"}, {"weight": 0}])
def test_what_does_not_serve_does_not_count(other):
    servers = {
        ("one", "n1"): server(),
        ("one", "n2"): server(**other),
        ("one", "n3"): server(),
        ("two", "n9"): server(),
    }
    server_state.require_minimum(servers, "n1", 1)
    with pytest.raises(
        ConfigurationError, match=r"n1 stays in service: backend one would have 1 servers .* \(n3\), not 2"
    ):
        server_state.require_minimum(servers, "n1", 2)


@pytest.fixture
def states(monkeypatch):
    """What the worker says of the server, one after the other; a question takes 0.6 seconds."""
    told = []
    clock = iter(range(100))
    now = []

    def count_sessions(_master):
        now[:] = [told.pop(0)]
        return {("one", "n1"): now[0].sessions}

    monkeypatch.setattr(servers, "count_sessions", count_sessions)
    monkeypatch.setattr(servers, "read_servers", lambda _master: {("one", "n1"): now[0]})
    monkeypatch.setattr(server_state.time, "monotonic", lambda: next(clock) * 0.6)
    monkeypatch.setattr(server_state.time, "sleep", lambda _seconds: None)
    return told


def test_a_server_counts_as_left_when_it_had_no_session_for_a_while(states):
    states += [server(sessions=count) for count in (1, 0, 2, 0, 0, 0, 0)]
    assert server_state.wait_until_reached("", "n1", 50, 1, healthy=False) == (True, {"one": 0})
    assert len(states) == 1


def test_waiting_ends_with_the_time_and_says_who_is_left(states):
    states += [server(sessions=3)] * 9
    assert server_state.wait_until_reached("", "n1", 2, 1, healthy=False) == (False, {"one": 3})


def test_a_server_that_stopped_and_is_still_taken_for_healthy_is_not(states):
    states += [server(health=health) for health in (3, 3, 2, 2, 1, 1)] + [server(up=False)] * 9
    assert server_state.wait_until_reached("", "n1", 6, 1, healthy=True) == (False, {"one": 0})


def test_a_server_is_healthy_when_no_check_failed_for_a_while(states):
    states += [server(up=False), server(health=3), server(health=3), server(health=3), server(health=3), server()]
    assert server_state.wait_until_reached("", "n1", 50, 1, healthy=True) == (True, {"one": 0})
    assert len(states) == 1


@pytest.mark.parametrize(
    ("words", "seconds"), [("check", 2), ("check inter 5s", 5), ("inter 2500", 2.5), ("inter 1m", 60)]
)
def test_the_time_between_two_checks(words, seconds):
    edge = data.from_data({"backend": {"one": {"server": f"n1 10.0.0.1:80 {words}"}}})
    assert server_state.check_interval(edge, "n1") == seconds
