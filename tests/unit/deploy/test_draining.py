"""What a real HAProxy does with its sessions when servers leave and reloads come."""

import contextlib

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, server_state
from live import LiveEdge, Node, Poller, every_version, free_port, get, wait_for


@contextlib.contextmanager
def two_nodes(version, folder):
    """An edge with two nodes and its configuration, a function of the servers' options and further lines."""
    nodes, port = [Node("n1"), Node("n2")], free_port()
    edge = LiveEdge(version, folder)

    def configuration(*names, backend=None, tunnel="1h"):
        lines = [f"{node.name} {node.address} check cookie {node.name}" for node in nodes if node.name in names]
        chat = {"balance": "roundrobin", "cookie": "NODE insert indirect nocache", "server": lines, **(backend or {})}
        defaults = {"mode": "http", "timeout": {"client": "30s", "server": "30s", "connect": "5s", "tunnel": tunnel}}
        return data.from_data(
            {
                "global": {"stats": "timeout 60s"},
                "defaults": defaults,
                "frontend": {"web": {"bind": f"127.0.0.1:{port}", "default_backend": "chat"}},
                "backend": {"chat": chat},
            }
        )

    try:
        apply.apply(configuration("n1", "n2"), edge.target)
        edge.start()
        edge.port = port
        yield edge, configuration, nodes
    finally:
        edge.stop()
        for node in nodes:
            node.close()


@contextlib.contextmanager
def polling(edge, name, count=5):
    clients = [Poller(edge.port, f"{name}-{number}", f"NODE={name}") for number in range(count)]
    try:
        assert {client.node for client in clients} == {name}
        yield clients
    finally:
        for client in clients:
            client.stop()


def have_polled(clients, times=3):
    """Wait until each client has polled some more times, and return what was refused."""
    before = [client.polls for client in clients]
    wait_for(lambda: all(client.polls >= polls + times for client, polls in zip(clients, before)))
    return [refused for client in clients for refused in client.refused]


@every_version
@pytest.mark.parametrize("together", [False, True], ids=["in a later run", "in one run"])
def test_polling_sessions_of_a_removed_server_survive_a_reload(version, tmp_path, together):
    with two_nodes(version, tmp_path) as (edge, configuration, _nodes), polling(edge, "n2") as clients:
        if not together:
            removed = apply.apply(configuration("n1"), edge.target)
            assert (removed.action, removed.draining) == ("runtime", ("chat/n2",))
            assert have_polled(clients) == []
        wanted = configuration("n1", tunnel="2h")
        foreseen = apply.apply(wanted, edge.target, apply.ApplyOptions(check_mode=True))
        outcome = apply.apply(wanted, edge.target)
        assert have_polled(clients) == []
        assert (foreseen.action, outcome.action, outcome.draining) == ("reload", "reload", ("chat/n2",))
        if together:
            for told in (foreseen.reasons, outcome.reasons):
                assert any("server chat/n2" in reason and "live sessions" in reason for reason in told), told
        again = apply.apply(wanted, edge.target)
        assert (again.action, again.reasons, again.draining) == ("unchanged", [], ("chat/n2",))
        text = (tmp_path / "haproxy.cfg").read_text()
        assert "# draining\n    server n2 " in text
        # Who has a session there stays, and nobody new comes.
        assert clients[0].get("/") == (200, "n2")
        assert {get(edge.port, "/")[1] for _ in range(6)} == {"n1"}
        for client in clients:
            client.stop()
        ended = apply.apply(wanted, edge.target)
        assert (ended.action, ended.draining) == ("runtime", ())
        assert "n2" not in (tmp_path / "haproxy.cfg").read_text()
        assert "n2" not in edge.ask("show servers state")
        assert apply.apply(wanted, edge.target).action == "unchanged"


@every_version
def test_sessions_are_counted_over_all_workers(version, tmp_path):
    with two_nodes(version, tmp_path) as (edge, configuration, nodes):
        for node in nodes:
            node.hold = 20  # a poll that is still held when its worker has become an old one
        before = [Poller(edge.port, f"a{number}", "NODE=n2") for number in range(3)]
        wait_for(lambda: server_state.read_server(edge.target.master, "n2")["chat"].sessions == 3)
        assert apply.apply(configuration("n1", "n2", tunnel="2h"), edge.target).action == "reload"
        after = [Poller(edge.port, f"b{number}", "NODE=n2") for number in range(2)]
        wait_for(lambda: server_state.read_server(edge.target.master, "n2")["chat"].sessions == 5)
        reached, sessions = server_state.wait_until_reached(edge.target.master, "n2", 0.5, 0.1, healthy=False)
        assert (reached, sessions) == (False, {"chat": 5})
        plan = apply.apply(configuration("n1", tunnel="2h"), edge.target, apply.ApplyOptions(check_mode=True))
        assert [step.sessions for step in plan.steps] == [5]
        for client in [*before, *after]:
            client.over.set()
