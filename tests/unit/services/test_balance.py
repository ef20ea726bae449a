"""The service beside HAProxy is told what it may balance, and what is other people's."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import paths
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.agent import agent
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import plan, proxies
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.files import Files
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.servers import Server
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import balance
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.edge import Edge
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.peers import Peers
from live import LiveEdge, every_version, free_port

EDGE = Edge((":80",), (":443",), (), (), "", "/c", "/l", paths.RUNTIME_SOCKET, (3, 2), 20000)
NONE = Files({}, {}, frozenset(), frozenset())
CHAT = {"name": "chat", "servers": ["10.0.0.1:3000", "10.0.0.2:3000"]}


def made(edge=EDGE, native=None, **changed):
    return assemble.assemble(edge, [store.Fragment(store.OWNER, [{**CHAT, **changed}], native or {})])


def asked(configuration):
    lines = [line.text for line in configuration.section("global", "").directives]
    return [line for line in lines if balance.ENVIRONMENT in line]


def test_it_knows_the_limit_of_a_node():
    assert asked(made()) == ["setenv REALTIME_EDGE_SOCKETS 10000"]
    assert asked(made(EDGE._replace(limits=EDGE.limits._replace(server_sockets=0)))) == [
        "setenv REALTIME_EDGE_SOCKETS 0"
    ]


def test_it_closes_sockets_by_itself_only_where_a_rate_allows_it():
    def rates(rate):
        configuration = made(EDGE._replace(limits=EDGE.limits._replace(rebalance_rate=rate)))
        return [line.text for line in configuration.section("global", "").directives if "REBALANCE" in line.text]

    assert rates(0) == []
    assert rates(5) == ["setenv REALTIME_EDGE_REBALANCE 5"]


def test_where_no_service_is_beside_this_haproxy_nothing_is_asked():
    assert asked(made(EDGE._replace(master_socket="/run/other.sock"))) == []


def test_what_is_not_ours_and_what_has_limits_of_its_own_is_left_alone():
    native = {"backend": {"my_websocket": {"balance": "leastconn", "server": "a 10.0.0.9:80 maxconn 5"}}}
    servers = [{"address": "10.0.0.1", "port": 3000, "maxconn": 7}]
    (line,) = asked(made(native=native, servers=servers))
    assert set(line.split('"')[1].split()) == {"10000", "my_websocket", "chat_websocket", "chat_polling"}


def test_edges_tell_each_other_by_the_tables_that_they_share():
    def tables(peers, rate=0):
        limits = EDGE.limits._replace(rebalance_rate=rate)
        section = made(EDGE._replace(peers=peers, limits=limits)).section("peers", "affinity")
        return [line.text for line in section.directives if ":sockets" in line.text]

    assert tables(Peers()) == []
    assert len(tables(Peers(), rate=5)) == 1, "it remembers what it was at"
    members = (("edge1", "10.0.0.1:8406"), ("edge2", "10.0.0.2:8406"))
    assert len(tables(Peers("edge1", members, 8406, "/c/peers.pem"))) == 1


@pytest.mark.parametrize("service", [{"socketio": {"affinity": "cookie"}}, {"socketio": False, "websocket": True}])
def test_edges_tell_each_other_of_sockets_whose_sessions_they_do_not_share(service):
    members = (("edge1", "10.0.0.1:8406"), ("edge2", "10.0.0.2:8406"))
    configuration = made(EDGE._replace(peers=Peers("edge1", members, 8406, "/c/peers.pem")), **service)
    lines = [line.text for line in configuration.section("peers", "affinity").directives]
    assert sum(":sockets" in line for line in lines) == 1
    assert "server edge2 10.0.0.2:8406" in lines
    assert "localpeer edge1" in [line.text for line in configuration.section("global", "").directives]


@every_version
def test_edges_tell_each_other_of_thousands_of_nodes_with_long_names(version, tmp_path):
    members = (("edge1", "10.0.0.1:8406"), ("edge2", "10.0.0.2:8406"))
    section = made(EDGE._replace(peers=Peers("edge1", members, 8406, "/c/peers.pem"))).section("peers", "affinity")
    (table,) = [line.text for line in section.directives if ":sockets" in line.text]
    (tmp_path / "haproxy.cfg").write_text(
        f"global\n localpeer edge1\ndefaults\n mode http\n timeout client 5s\n"
        f"peers affinity\n bind 127.0.0.1:{free_port()}\n server edge1\n {table}\n"
        f"frontend web\n bind 127.0.0.1:{free_port()}\n"
    )
    live, host = LiveEdge(version, tmp_path), f"{'long.' * 49}example"
    nodes = [("chat_websocket", f"{number}.{host}") for number in range(11_000)]
    try:
        live.start()
        master = agent.Master(live.target.master)
        pid = master.workers().serving
        keys = (f"{host}:{backend}/{node}" for backend, node in nodes)
        master.tell(pid, *(f"set table {agent.TABLE} key {key} data.gpt0 7 data.gpc0 9" for key in keys))
        told = agent.read_others(master.tell(pid, f"show table {agent.TABLE}"), "edge1")
        assert told == {host: dict.fromkeys(nodes, agent.Told(7, 9))}
    finally:
        live.stop()


@pytest.mark.parametrize(
    ("live", "steps"),
    [
        ({"weight": 256, "maxconn": 37}, []),
        ({"weight": 1, "maxconn": 10000}, []),
        # Out of service, by somebody.
        ({"weight": 0, "maxconn": 37}, ["gets weight 1"]),
        # Nobody but a person makes more of it than the file says.
        ({"weight": 1, "maxconn": 20000}, ["gets maxconn 10000"]),
        ({"weight": 1, "maxconn": 0}, ["gets maxconn 10000"]),
    ],
)
def test_what_it_sets_in_the_process_is_no_difference(live, steps):
    configuration = made()
    servers = {
        (key[1], name): Server(line.address, line.port, 1, line.maxconn, "ready", True, 0, number=number)
        for key, proxy in proxies.read_proxies(configuration).items()
        for number, (name, line) in enumerate(proxy.servers.items(), 1)
    }
    name = ("chat_websocket", "10.0.0.1_3000")
    servers[name] = servers[name]._replace(**live)
    found = plan.make_plan(configuration, configuration, NONE, plan.Observed(servers=servers))
    assert found.reload == ()
    assert [str(step).split("10.0.0.1_3000 ")[1] for step in found.steps] == steps


def test_a_weight_that_changes_in_the_file_is_set():
    def servers(weight):
        return [{"address": "10.0.0.1", "port": 3000, "weight": weight}]

    before, after = made(servers=servers(1)), made(servers=servers(5))
    there = {
        (key[1], name): Server(line.address, line.port, 200, line.maxconn, "ready", True, 0, number=1)
        for key, proxy in proxies.read_proxies(before).items()
        for name, line in proxy.servers.items()
    }
    found = plan.make_plan(before, after, NONE, plan.Observed(servers=there))
    assert "server chat_websocket/10.0.0.1_3000 gets weight 5" in [str(step) for step in found.steps]
