"""Servers in all forms: groups, ports, sockets of the host, names of the DNS, several source addresses."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import definition
from examples import CHAT, GROUPS, edge
from live import LiveEdge, NameServer, Node, every_version, free_port, get, wait_for


def assembled(service, sections=None, **about_the_edge):
    fragment = store.Fragment(store.OWNER, [service], sections or {}, GROUPS)
    return assemble.assemble(edge(**about_the_edge), [fragment])


def lines(service, name, kind="backend", sections=None, **about_the_edge):
    section = assembled(service, sections, **about_the_edge).section(kind, name)
    return [line.text for line in section.directives] if section else None


def servers(value):
    return [line for line in lines({**CHAT, "servers": value}, "chat_polling") if line.startswith("server")]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (
            {"group": "chat_nodes", "ports": [3000, 3001]},
            [
                "server app1_3000 10.0.0.1:3000",
                "server app1_3001 10.0.0.1:3001",
                "server app2_3000 10.0.0.2:3000",
                "server app2_3001 10.0.0.2:3001",
            ],
        ),
        (
            [{"name": "a", "address": "10.0.0.1", "ports": "3000-3002", "weight": 5, "slowstart": "30s"}],
            [f"server a_{port} 10.0.0.1:{port} weight 5 slowstart 30s" for port in (3000, 3001, 3002)],
        ),
        (
            ["unix@/run/app/1.sock", {"name": "two", "address": "/run/app/2.sock"}],
            ["server unix_run_app_1.sock unix@/run/app/1.sock", "server two unix@/run/app/2.sock"],
        ),
        (
            [{"name": "a", "address": "10.0.0.1", "port": 3000, "sources": ["10.9.0.1", "10.9.0.2:20000-20999"]}],
            [
                "server a 10.0.0.1:3000 source 10.9.0.1",
                "server a_2 10.0.0.1:3000 source 10.9.0.2:20000-20999",
            ],
        ),
        (
            {"dns": "nodes.example.com", "port": 3000, "records": 5, "slowstart": "10s"},
            [
                "server-template node 5 nodes.example.com:3000 resolvers services slowstart 10s init-addr none "
                "hash-key addr-port"
            ],
        ),
        (
            {"srv": "_chat._tcp.example.com", "resolvers": "internal"},
            [
                "server-template node 10 _chat._tcp.example.com resolvers internal init-addr none "
                "resolve-opts ignore-weight hash-key addr-port"
            ],
        ),
    ],
)
def test_servers_are_described_as_people_have_them(value, wanted):
    assert servers(value) == wanted


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"group": "chat_nodes", "ports": []}, "servers.ports: a list of ports is expected"),
        ({"group": "chat_nodes", "ports": "3001-3000"}, "servers.ports: a list of ports is expected"),
        ({"group": "chat_nodes", "ports": [3000, 3000]}, "servers.ports[1]: port 3000 is already in this list"),
        ({"group": "chat_nodes", "ports": [3000], "port": 1}, "servers.port: either `port` or `ports`"),
        ({"group": "chat_nodes"}, "servers.port: a port from 1 to 65535 is expected, not None"),
        ([{"address": "/run/a.sock", "port": 1}], "servers[0].port: a socket of this host has no port"),
        (["/run/a b.sock"], "servers[0].address: '/run/a b.sock' is no address"),
        (["10.0.0.1:1\nserver evil 10.6.6.6:1"], "servers[0].address: '10.0.0.1:1\\nserver evil 10.6.6.6' is no"),
        (["10.0.0.1\nserver evil:1"], "servers[0].address: '10.0.0.1\\nserver evil' is no address"),
        ([{"address": "a", "port": 1, "sources": "10.0.0.1"}], "servers[0].sources: a list of addresses"),
        ([{"address": "a", "port": 1, "sources": ["eth0"]}], "servers[0].sources[0]: an address such as 10.0.0.5"),
        (
            [{"address": "a", "port": 1, "sources": ["10.0.0.5:3-2"]}],
            "servers[0].sources[0]: a range of ports such as 20000-29999",
        ),
        ({"dns": "nodes example", "port": 1}, "servers.dns: a name of the DNS is expected"),
        ({"dns": "nodes.example.com"}, "servers.port: a port from 1 to 65535 is expected, not None"),
        ({"srv": "_chat._tcp.example.com", "port": 1}, "servers.port: SRV records have their ports"),
        ({"srv": "_chat._tcp.example.com", "records": 0}, "servers.records: the most servers there may be"),
    ],
)
def test_what_is_wrong_with_servers_is_told_once_and_by_its_place(value, problem):
    with pytest.raises(ConfigurationError) as caught:
        definition.read_services([{**CHAT, "servers": value}], GROUPS)
    (told,) = caught.value.problems
    assert told.startswith(f"haproxy_services[0].{problem}")


def test_the_weight_of_a_host_is_that_of_its_server():
    groups = {
        "mixed": [{"name": "big", "address": "10.0.0.1", "weight": "40"}, {"name": "small", "address": "10.0.0.2"}]
    }
    (service,) = definition.read_services([{**CHAT, "servers": {"group": "mixed", "port": 3000}}], groups)
    assert [server.options for server in service.servers] == [("weight", "40"), ()]


@pytest.mark.parametrize(
    ("more", "http", "polling", "websocket"),
    [
        ({}, "roundrobin", "roundrobin", "leastconn"),
        ({"balance": "random"}, "random", "random", "random"),
        ({"affinity": "source"}, "source", "roundrobin", "leastconn"),
        ({"socketio": {"affinity": "source"}, "balance": "first"}, "first", "source", "source"),
        ({"affinity": "source", "websocket": True, "socketio": False}, "source", None, "source"),
    ],
)
def test_the_algorithm_can_be_chosen(more, http, polling, websocket):
    for transport, method in (("http", http), ("polling", polling), ("websocket", websocket)):
        found = lines({**CHAT, **more}, f"chat_{transport}")
        assert [line for line in found or () if line.startswith("balance")] == ([f"balance {method}"] if method else [])


def test_any_service_has_affinity_by_cookie():
    hub = {**CHAT, "affinity": "cookie", "websocket": True, "socketio": False}
    for backend in ("chat_http", "chat_websocket"):
        found = lines(hub, backend)
        assert any(line.startswith("cookie chat_node insert") for line in found)
        assert "server app1 10.0.0.1:3000 cookie app1" in found


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"balance": "leastcon"}, "balance: there is no algorithm 'leastcon'; did you mean 'leastconn'?"),
        ({"balance": "hash path"}, "balance: there is no algorithm 'hash path'"),
        ({"balance": "first", "key": {"query": "a"}}, "balance: the service has a `key`"),
        ({"affinity": "cookie", "key": {"query": "a"}}, "affinity: the service has a `key`"),
        ({"affinity": "session"}, "affinity: sessions are those of Socket.IO"),
        ({"affinity": "cokie"}, "affinity: there is no affinity 'cokie'; did you mean 'cookie'?"),
        (
            {"socketio": {"affinity": "cookie"}, "servers": {"dns": "a.test", "port": 1}},
            "socketio.affinity: a cookie names a server",
        ),
    ],
)
def test_ways_to_choose_a_server_that_cannot_be_are_told(more, problem):
    with pytest.raises(ConfigurationError) as caught:
        definition.read_services([{**CHAT, **more}], GROUPS)
    assert caught.value.problems[0].startswith(f"haproxy_services[0].{problem}")


def test_what_the_user_says_of_a_services_backend_holds():
    own = {"backend": {"chat_websocket": {"balance": "random", "default-server": "maxconn 77 inter 5s"}}}
    found = lines(CHAT, "chat_websocket", sections=own)
    assert [line for line in found if line.startswith("balance")] == ["balance random"]
    # `default-server` is for the lines below it.
    defaults = [number for number, line in enumerate(found) if line.startswith("default-server")]
    assert found[defaults[-1]] == "default-server maxconn 77 inter 5s"
    assert max(defaults) < min(number for number, line in enumerate(found) if line.startswith("server "))


def test_a_balance_that_would_undo_the_services_key_is_refused_with_its_reason():
    with pytest.raises(ConfigurationError) as caught:
        lines(
            {**CHAT, "key": {"query": "room"}}, "chat_http", sections={"backend": {"chat_http": {"balance": "first"}}}
        )
    (problem,) = caught.value.problems
    assert "'balance first' contradicts 'balance hash url_param(room)' of haproxy_services[0]" in problem


def test_the_names_of_the_dns_have_resolvers_unless_they_name_their_own():
    named = {"dns": "nodes.test", "port": 3000}
    assert lines({**CHAT, "servers": named}, "services", "resolvers") == [
        "parse-resolv-conf",
        "accepted_payload_size 8192",
    ]
    assert lines({**CHAT, "servers": {**named, "resolvers": "mine"}}, "services", "resolvers") is None
    # A session is known by the address of its node: slots of a template are not the same in each backend.
    (table,) = (
        line for line in lines({**CHAT, "servers": named}, "affinity", "peers") if line.startswith("table chat ")
    )
    assert table.endswith("srvkey addr")


@every_version
def test_servers_of_the_dns_come_and_go_and_keep_their_sessions(version, tmp_path):
    """The same port on 127.0.0.1 and 127.0.0.2; a session is known by its node's address, also after a reload."""
    names, port = NameServer(), free_port()
    nodes = [Node("one")]
    where = nodes[0].server_port
    second = Node("two", ("127.0.0.2", where))
    nodes.append(second)
    named = {**CHAT, "servers": {"dns": "nodes.test", "port": where}}
    (template,) = (
        line
        for line in lines(named, "chat_polling", version=tuple(map(int, version.split(".")[:2])))
        if line.startswith("server-template")
    )
    live = LiveEdge(version, tmp_path)
    (tmp_path / "haproxy.cfg").write_text(
        f"""global
  localpeer edge
  stats socket {tmp_path}/admin.sock level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
resolvers services
  nameserver test 127.0.0.1:{names.port}
  hold obsolete 0s
  timeout resolve 200ms
peers affinity
  bind 127.0.0.1:{free_port()}
  server edge
  table chat type string len 64 size 1k expire 10m srvkey addr
frontend all
  bind 127.0.0.1:{port}
  http-request set-var(txn.sid) urlp(sid)
  use_backend other if {{ path /poll }}
  default_backend first
backend first
  default-server check inter 200ms
  stick on var(txn.sid) table affinity/chat
{template}
backend other
  default-server check inter 200ms
  stick match var(txn.sid) table affinity/chat
{template}
"""
    )
    names.addresses = ["127.0.0.1"]
    try:
        live.start()
        wait_for(lambda: get(port, "/x")[0] == 200)
        names.addresses = ["127.0.0.1", "127.0.0.2"]
        wait_for(lambda: {get(port, "/x")[1] for _ in range(6)} == {"one", "two"})
        sessions = {f"s{number}": get(port, f"/begin?sid=s{number}") for number in range(8)}
        assert {node for _status, node in sessions.values()} == {"one", "two"}
        wait_for(lambda: {get(port, f"/poll?sid={sid}")[0] for sid in sessions} == {200})
        live.reload()
        wait_for(lambda: {get(port, "/x")[1] for _ in range(6)} == {"one", "two"})
        if not version.startswith("2."):  # 2.6 does not hand over what is known by address (docs/shapes.md)
            wait_for(lambda: {get(port, f"/poll?sid={sid}")[0] for sid in sessions} == {200})
        names.addresses = ["127.0.0.2"]
        wait_for(lambda: {get(port, "/x")[1] for _ in range(6)} == {"two"})
    finally:
        live.stop()
        names.socket.close()
        for node in nodes:
            node.close()
