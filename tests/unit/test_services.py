"""A service becomes the sections that Socket.IO needs; a mistake in it is told by its place."""

import copy

import pytest
from ansible_collections.realtime.edge.plugins.module_utils.haproxy import services
from ansible_collections.realtime.edge.plugins.module_utils.haproxy.model import ConfigurationError

GROUPS = {
    "chat_nodes": [{"name": "app1", "address": "10.0.0.1"}, {"name": "app2", "address": "10.0.0.2"}],
    "nobody": [],
}
CHAT = {"name": "chat", "hosts": ["chat.example.com"], "servers": {"group": "chat_nodes", "port": 3000}}


def edge(version=(3, 2)):
    return services.Edge(
        (":80",), (":443",), "127.0.0.1:8404", "intermediate", "/etc/haproxy/certificates", "/etc/haproxy/edge.lua", "/run/x.sock", GROUPS, version, 20000
    )


def built(*described, version=(3, 2)):
    configuration = services.sections(services.read(list(described), GROUPS), edge(version))
    return {section.header: [line.text for line in section.directives] for section in configuration.sections}


def test_each_transport_has_its_own_backend_with_the_groups_servers():
    sections = built(CHAT)
    for backend in ("chat_http", "chat_polling", "chat_websocket"):
        servers = [line for line in sections[f"backend {backend}"] if line.startswith("server ")]
        assert servers == ["server app1 10.0.0.1:3000", "server app2 10.0.0.2:3000"]
    assert "backend chat_flashsocket" not in sections


def test_sockets_can_have_a_cluster_of_their_own():
    sections = built({**CHAT, "socketio": {"servers": ["10.1.0.1:3001"]}})
    assert "server 10.1.0.1_3001 10.1.0.1:3001" in sections["backend chat_websocket"]
    assert "server app1 10.0.0.1:3000" in sections["backend chat_http"]


def test_requests_for_unknown_hosts_are_turned_away_only_if_all_services_have_hosts():
    assert any("status 421" in line for line in built(CHAT)["frontend https"])
    everyone = {**CHAT, "name": "rest", "hosts": []}
    lines = built(everyone, CHAT)["frontend https"]
    assert not any("status 421" in line for line in lines)
    # The one that takes every host comes last.
    assert lines[-1] == "use_backend rest_http"


@pytest.mark.parametrize(("version", "action", "script"), [((3, 2), "pause 400ms", False), ((3, 0), "lua.wait_for_table", True)])
def test_after_a_reload_a_session_waits_for_its_table(version, action, script):
    sections = built(CHAT, version=version)
    assert sum(line.startswith(f"http-request {action} if") for line in sections["frontend https"]) == 1
    assert ("lua-load-per-thread /etc/haproxy/edge.lua" in sections["global"]) is script


@pytest.mark.parametrize(
    ("affinity", "polling", "peers"),
    [
        ("session", "stick match var(txn.sid) table affinity/chat if { var(txn.sid) -m found }", True),
        ("cookie", "cookie chat_node insert indirect nocache httponly secure attr SameSite=None", False),
        ("source", "balance source", False),
    ],
)
def test_affinity(affinity, polling, peers):
    sections = built({**CHAT, "socketio": {"affinity": affinity}})
    assert polling in sections["backend chat_polling"]
    assert polling not in sections["backend chat_http"]
    assert ("peers affinity" in sections) is peers


def test_every_line_has_a_purpose_and_a_place():
    configuration = services.sections(services.read([copy.deepcopy(CHAT)], GROUPS), edge())
    for section in configuration.sections:
        for line in section.directives:
            assert line.purpose, line
            assert section.origin, section


def test_connections_follow_from_the_file_descriptors():
    (limits,) = [line.text for line in services.base(edge()).sections[0].directives if line.keyword == "maxconn"]
    assert limits == "maxconn 9900"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"servers": []}, r"haproxy_services\[0\]\.servers: a service needs servers"),
        ({"servers": {"group": "chat_node", "port": 1}}, r"\.servers\.group: .* no group 'chat_node'; did you mean 'chat_nodes'"),
        ({"servers": {"group": "nobody", "port": 1}}, r"\.servers\.group: the group 'nobody' of the inventory has no hosts"),
        ({"servers": {"group": "chat_nodes"}}, r"\.servers\.port: a port from 1 to 65535 is expected, not None"),
        ({"servers": ["10.0.0.1"]}, r"\.servers\[0\]"),
        ({"servers": ["a:1", "a:1"]}, r"\.servers\[1\]: there is already a server 'a_1'"),
        ({"servers": [{"address": "a b", "port": 1}]}, r"\.servers\[0\]\.address"),
        ({"servers": ["10.0.0.1:80\nuser root"]}, r"\.servers\[0\]"),
        ({"servers": [{"address": "a", "port": 1, "weight": "1\n user root"}]}, r"\.servers\[0\]\.weight: a line break"),
        ({"socketio": {"transports": ["websoket"]}}, r"transports\[0\]: there is no transport 'websoket'; did you mean 'websocket'"),
        ({"socketio": {"transport": []}}, r"\.socketio\.transport: .* did you mean 'transports'"),
        ({"socketio": {"affinity": "sessions"}}, r"\.socketio\.affinity: .* did you mean 'session'"),
        ({"socketio": {"path": "socket.io"}}, r"\.socketio\.path: a path that begins and ends with '/'"),
        ({"name": "a chat"}, r"haproxy_services\[0\]\.name: a name of letters"),
        ({"hosts": ["bad host"]}, r"\.hosts\[0\]: 'bad host' is no host name"),
        ({"health": "healthz"}, r"\.health: a path such as /healthz"),
        ({"server": []}, r"haproxy_services\[0\]\.server: a service has no such setting; did you mean 'servers'"),
    ],
)
def test_a_mistake_is_told_by_its_place(change, said):
    with pytest.raises(ConfigurationError, match=said):
        services.read([{**CHAT, **change}], GROUPS)


def test_two_services_cannot_share_a_name_or_a_host():
    with pytest.raises(ConfigurationError) as raised:
        services.read([CHAT, CHAT], GROUPS)
    assert any(problem.startswith("haproxy_services[1].name: 'chat' is already") for problem in raised.value.problems)
    assert any(problem.startswith("haproxy_services[1].hosts: 'chat.example.com'") for problem in raised.value.problems)


@pytest.mark.parametrize("data", [None, "chat", [None], [["chat"]], [{"name": "x", "servers": "y", "socketio": 5}]])
def test_a_wrong_shape_is_an_error_and_no_traceback(data):
    with pytest.raises(ConfigurationError, match="haproxy_services"):
        services.read(data, GROUPS)
