"""A service becomes the sections that Socket.IO needs; a mistake in it is told by its place."""

import copy
import re

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import redact
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import base, definition, frontends
from examples import CHAT, FLASH, GROUPS, edge


def built(*described, **about_the_edge):
    fragment = store.Fragment(store.OWNER, list(described), {}, GROUPS)
    configuration = assemble.assemble(edge(**about_the_edge), [fragment])
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
    sections = built(CHAT)
    assert "default_backend https:unknown" in sections["frontend https"]
    assert any("status 421" in line for line in sections["backend https:unknown"])
    everyone = {**CHAT, "name": "rest", "hosts": []}
    lines = built(everyone, CHAT)["frontend https"]
    assert not any(line.startswith("default_backend") for line in lines)
    # Its route is looked up only where no host has one.
    look_ups = [line for line in lines if line.startswith("http-request set-var(txn.route)")]
    assert look_ups[-1].startswith("http-request set-var(txn.route) path,")
    assert look_ups[-1].endswith(" if !{ var(txn.route) -m found }")


def test_after_a_reload_a_session_waits_for_its_table():
    sections, action = built(CHAT), "http-request lua.wait_for_table affinity/chat if"
    for transport in ("polling", "websocket"):
        assert sum(line.startswith(action) for line in sections[f"backend chat_{transport}"]) == 1
    # Whoever another route serves does not wait.
    assert not any("wait_for_table" in line for line in sections["frontend https"])
    assert "lua-load-per-thread /etc/haproxy/edge.lua" in sections["global"]


@pytest.mark.parametrize(
    ("affinity", "polling", "peers"),
    [
        ("session", "stick match var(txn.sid) table affinity/chat", True),
        ("cookie", "cookie chat_node insert indirect nocache httponly secure attr SameSite=None", False),
        ("source", "balance source", False),
    ],
)
def test_affinity(affinity, polling, peers):
    sections = built({**CHAT, "socketio": {"affinity": affinity}})
    assert polling in sections["backend chat_polling"]
    assert polling not in sections["backend chat_http"]
    assert ("peers affinity" in sections) is peers


EDGES = {"edges": [{"name": "edge1", "address": "10.0.0.1"}, {"name": "edge2", "address": "2001:db8::2"}]}


def test_edges_of_the_same_services_know_each_other_by_their_certificate():
    among = definition.read_peers({"name": "edge1", "group": "edges", "certificate": "edges"}, EDGES, "/c")
    sections = built(CHAT, peers=among)
    scripts = [
        dict(frontends.service_sections(definition.read_services([CHAT], GROUPS), edge(peers=peers)).files)
        for peers in (among, edge().peers)
    ]
    # Where the old worker has handed over nothing, HAProxy asks the other edge after five seconds.
    assert [re.search(r"young and (\d+)", script["/etc/haproxy/edge.lua"])[1] for script in scripts] == [
        "8000",
        "5000",
    ]
    assert "localpeer edge1" in sections["global"]
    bind, secure = (line for line in sections["peers affinity"] if line.startswith(("bind", "default-server")))
    assert {bind, secure} == {
        "bind :8406 ssl crt /c/edges.pem ca-file /c/edges.pem verify required",
        "default-server ssl crt /c/edges.pem ca-file /c/edges.pem verify required",
    }
    # Its own address is that of the bind: there the next worker listens, too.
    servers = [line for line in sections["peers affinity"] if line.startswith("server ")]
    assert servers == ["server edge1", "server edge2 [2001:db8::2]:8406"]


def test_an_edge_that_is_alone_listens_to_itself_only():
    def lines(version, **settings):
        sections = built(CHAT, version=version, peers=definition.read_peers(settings, {}, "/c"))
        return [line for line in sections["peers affinity"] if not line.startswith("table")]

    # Whoever connects reads the ids of all sessions: no port where a table survives a reload by a socket.
    assert lines((3, 0)) == ["bind unix@/run/haproxy/peers.sock mode 600", "server edge"]
    assert lines((2, 8)) == ["bind 127.0.0.1:8405", "server edge"]
    assert lines((2, 8), port=18405) == ["bind 127.0.0.1:18405", "server edge"]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"group": "edgs"}, r"haproxy_peers.group: the inventory has no group 'edgs'; did you mean 'edges'"),
        ({"group": None}, r"haproxy_peers.group: the inventory group"),
        ({"name": "edge3"}, r"haproxy_peers.group: this edge, 'edge3', is not in 'edges'"),
        ({"port": 70000}, r"haproxy_peers.port: a port from 1 to 65535"),
        ({"certificate": None}, r"haproxy_peers.certificate: the name of an entry"),
        ({"certificate": "../key"}, r"haproxy_peers.certificate: the name of an entry"),
    ],
)
def test_what_is_wrong_with_edges_is_told_by_its_place(changed, place):
    with pytest.raises(ConfigurationError, match=place):
        definition.read_peers({"name": "edge1", "group": "edges", "certificate": "edges", **changed}, EDGES, "/c")


def flash(**settings):
    return {**FLASH, "socketio": {**FLASH["socketio"], "flash": settings}}


def test_without_flash_sockets_nothing_is_there_for_them():
    sections = built(CHAT)
    assert [line for line in sections["frontend http"] if line.startswith("bind ")] == ["bind :80"]
    (tls,) = [line for line in sections["frontend https"] if line.startswith("bind ")]
    assert tls.startswith("bind :443 ssl ")
    signs = ("843", "lua.flash")
    assert not any("flash" in header for header in sections)
    assert not [line for lines in sections.values() for line in lines for sign in signs if sign in line]


def test_the_entrance_for_flash_has_all_ports_and_the_frontends_stand_behind_it():
    sections = built(FLASH)
    binds = [line for line in sections["frontend flash"] if line.startswith("bind ")]
    assert binds == ["bind :80 name http", "bind :443 name https", "bind :843 name policy", "bind :10843 name policy"]
    for name in ("http", "https"):
        (bind,) = [line for line in sections[f"frontend {name}"] if line.startswith("bind ")]
        assert bind.startswith(f"bind unix@/run/haproxy/{name}.sock mode 600 accept-proxy")
        assert f"server {name} unix@/run/haproxy/{name}.sock send-proxy-v2" in sections[f"backend flash:{name}"]


@pytest.mark.parametrize(("written", "most"), [({}, 4950), ({"global": {"maxconn": 600}}, 300)])
def test_the_entrance_for_flash_takes_half_of_what_the_process_may(written, most):
    # One connection of a client counts twice.
    fragment = store.Fragment(store.OWNER, [FLASH], written, GROUPS)
    configuration = assemble.assemble(edge(), [fragment])
    (entrance,) = [section for section in configuration.sections if section.name == "flash"]
    assert f"maxconn {most}" in [line.text for line in entrance.directives]


@pytest.mark.parametrize("version", [(2, 6), (3, 0), (3, 2)])
def test_the_edge_answers_for_the_policy_by_itself(version):
    configuration = frontends.service_sections(definition.read_services([FLASH], GROUPS), edge(version))
    script = dict(configuration.files)["/etc/haproxy/edge.lua"]
    assert 'to-ports="80,443"' in script
    assert "wait_for_table" in script
    assert "lua-load-per-thread /etc/haproxy/edge.lua" in built(FLASH, version=version)["global"]


def test_the_applications_policy_servers_answer_where_there_are_some():
    described = flash(policy_servers={"group": "chat_nodes", "port": 10843})
    sections = built(described)
    assert "server app2 10.0.0.2:10843" in sections["backend flash:policy"]
    assert "use_backend flash:policy if policy_request" in sections["frontend flash"]
    files = dict(frontends.service_sections(definition.read_services([described], GROUPS), edge()).files)
    assert "flash_policy" not in files["/etc/haproxy/edge.lua"]


def test_the_movies_tls_has_a_listener_of_its_own_and_only_where_it_is_asked_for():
    assert not any("SECLEVEL" in line or "TLSv1.0" in line for lines in built(FLASH).values() for line in lines)
    sections = built(flash(legacy_tls="movie"))
    lowered = {
        header for header, lines in sections.items() for line in lines if "SECLEVEL" in line or "TLSv1.0" in line
    }
    assert lowered == {"frontend flash:legacy"}
    assert any("crt /etc/haproxy/certificates/movie.pem" in line for line in sections["frontend flash:legacy"])
    backend = sections["backend chat_flashsocket_legacy"]
    assert "tcp-request content set-var(txn.sid) path,field(5,/)" in backend
    assert "stick match var(txn.sid) table affinity/chat" in backend


def test_http3_is_served_and_offered_only_where_it_is_asked_for():
    assert not any("quic" in line or "Alt-Svc" in line for lines in built(CHAT).values() for line in lines)
    sections = built(CHAT, quic=("quic4@:8443",))
    assert any(
        line.startswith("bind quic4@:8443 ssl ") and line.endswith(" alpn h3") for line in sections["frontend https"]
    )
    assert r'http-after-response set-header Alt-Svc "h3=\":8443\"; ma=86400"' in sections["frontend https"]
    assert "limited-quic" in sections["global"]


def test_an_address_that_is_not_quics_is_told():
    with pytest.raises(ConfigurationError, match=r"haproxy_binds\.quic\[0\]: .* quic4@ or quic6@"):
        built(CHAT, quic=(":443",))


@pytest.mark.parametrize("setting", [{"policy_servers": ["10.0.0.9:843"]}, {"legacy_tls": "movie"}])
def test_two_services_cannot_have_the_same_part_of_flash(setting):
    second = {**flash(**setting), "name": "game", "hosts": ["game.example.com"]}
    with pytest.raises(
        ConfigurationError, match=r"haproxy_services\[1\]\.socketio\.flash\..*haproxy_services\[0\] already does"
    ):
        definition.check_conflicts(definition.read_services([flash(**setting), second], GROUPS))


@pytest.mark.parametrize("described", [CHAT, flash(legacy_tls="movie"), flash(policy_servers=["10.0.0.9:843"])])
def test_every_line_has_a_purpose_and_a_place(described):
    configuration = frontends.service_sections(
        definition.read_services([copy.deepcopy(described)], GROUPS), edge(quic=("quic4@:443",))
    )
    for section in configuration.sections:
        for line in section.directives:
            assert line.purpose, line
            assert section.yaml_path, section


@pytest.mark.parametrize("described", [flash(legacy_tls="movie"), flash(policy_servers=["10.0.0.9:843"])])
def test_no_two_proxies_have_one_name(described):
    names = [header.split()[1] for header in built(described) if header.split()[0] in ("frontend", "backend")]
    assert sorted(names) == sorted(set(names))


def test_connections_follow_from_the_file_descriptors():
    (limits,) = [line.text for line in base.base_settings(edge()).sections[0].directives if line.keyword == "maxconn"]
    assert limits == "maxconn 9900"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"servers": []}, r"haproxy_services\[0\]\.servers: a service needs servers"),
        (
            {"servers": {"group": "chat_node", "port": 1}},
            r"\.servers\.group: .* no group 'chat_node'; did you mean 'chat_nodes'",
        ),
        (
            {"servers": {"group": "nobody", "port": 1}},
            r"\.servers\.group: the group 'nobody' of the inventory has no hosts",
        ),
        ({"servers": {"group": "chat_nodes"}}, r"\.servers\.port: a port from 1 to 65535 is expected, not None"),
        ({"servers": ["10.0.0.1"]}, r"\.servers\[0\]"),
        ({"servers": ["a:1", "a:1"]}, r"\.servers\[1\]: there is already a server 'a_1'"),
        ({"servers": [{"address": "a b", "port": 1}]}, r"\.servers\[0\]\.address"),
        ({"servers": ["10.0.0.1:80\nuser root"]}, r"\.servers\[0\]"),
        (
            {"servers": [{"address": "a", "port": 1, "weight": "1\n user root"}]},
            r"\.servers\[0\]\.weight: a line break",
        ),
        (
            {"socketio": {"transports": ["websoket"]}},
            r"transports\[0\]: there is no transport 'websoket'; did you mean 'websocket'",
        ),
        ({"socketio": {"transport": []}}, r"\.socketio\.transport: .* did you mean 'transports'"),
        ({"socketio": {"affinity": "sessions"}}, r"\.socketio\.affinity: .* did you mean 'session'"),
        ({"socketio": {"path": "socket.io"}}, r"\.socketio\.path: a path that begins and ends with '/'"),
        (
            {"socketio": {"transports": ["flashsocket"]}},
            r"\.socketio\.transports: flashsocket opens its session by polling",
        ),
        ({"socketio": {"flash": {}}}, r"\.socketio\.flash: the service has no flash sockets"),
        (
            {"socketio": {**FLASH["socketio"], "flash": True}},
            r"\.socketio\.flash: a mapping of policy_servers and legacy_tls",
        ),
        (
            {"socketio": {**FLASH["socketio"], "flash": {"legacy": "x"}}},
            r"\.flash\.legacy: .* did you mean 'legacy_tls'",
        ),
        (
            {"socketio": {**FLASH["socketio"], "flash": {"legacy_tls": True}}},
            r"\.flash\.legacy_tls: the name of an entry",
        ),
        (
            {"socketio": {**FLASH["socketio"], "flash": {"policy_servers": []}}},
            r"\.flash\.policy_servers: a service needs servers",
        ),
        ({"name": "a chat"}, r"haproxy_services\[0\]\.name: a name of letters"),
        ({"hosts": ["bad host"]}, r"\.hosts\[0\]: 'bad host' is no host name"),
        ({"health": "healthz"}, r"\.health: a path such as /healthz"),
        ({"server": []}, r"haproxy_services\[0\]\.server: a service has no such setting; did you mean 'servers'"),
    ],
)
def test_a_mistake_is_told_by_its_place(change, said):
    with pytest.raises(ConfigurationError, match=said):
        definition.read_services([{**CHAT, **change}], GROUPS)


def test_two_services_cannot_share_a_name_or_a_host():
    with pytest.raises(ConfigurationError) as raised:
        definition.check_conflicts(definition.read_services([CHAT, CHAT], GROUPS))
    assert any(problem.startswith("haproxy_services[1].name: 'chat' is already") for problem in raised.value.problems)
    assert any(problem.startswith("haproxy_services[1].hosts: 'chat.example.com'") for problem in raised.value.problems)


@pytest.mark.parametrize("data", [None, "chat", [None], [["chat"]], [{"name": "x", "servers": "y", "socketio": 5}]])
def test_a_wrong_shape_is_an_error_and_no_traceback(data):
    with pytest.raises(ConfigurationError, match="haproxy_services"):
        definition.read_services(data, GROUPS)


def test_a_key_with_nothing_behind_it_means_its_default():
    said = {"name": "chat", "servers": ["10.0.0.1:3000"]}
    empty = {**said, "hosts": None, "certificate": None, "health": None, "socketio": None}
    silent = {**said, "socketio": {"path": None, "transports": None, "affinity": None, "servers": None, "flash": None}}
    assert (
        definition.read_services([empty], {})
        == definition.read_services([silent], {})
        == definition.read_services([said], {})
    )


def test_one_typo_in_ten_thousand_services_is_one_sentence_with_its_place():
    described = [
        {**CHAT, "name": f"s{number}", "hosts": [f"h{number}.example.com"], "socketio": False}
        for number in range(10_000)
    ]
    described[7123]["orgins"] = ["https://a.example.com"]
    with pytest.raises(ConfigurationError) as caught:
        definition.read_services(described, GROUPS)
    (problem,) = caught.value.problems
    assert problem.startswith("haproxy_services[7123].orgins: a service has no such setting; did you mean 'origins'")
    # The same typo in a template that made them all: the first places, and how many more.
    wrong = [{**service, "orgins": []} for service in described]
    with pytest.raises(ConfigurationError) as caught:
        definition.read_services(wrong, GROUPS)
    assert caught.value.problems[0].startswith("haproxy_services[0].orgins: ")
    assert caught.value.problems[-1] == "... and 9,950 more problems"
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize("version", [(2, 6), (3, 0), (3, 4)])
def test_nothing_that_we_write_ourselves_is_taken_for_a_secret(version):
    """Ansible would mask it in all output: a `true` behind Access-Control-Allow-Credentials hid each other one."""
    services = [CHAT, {**CHAT, "name": "shop", "hosts": ["shop.example.com"], "origins": ["https://shop.example.com"]}]
    described = edge(version, ticket_keys="/etc/haproxy/ticket-keys")
    whole = assemble.assemble(described, [store.Fragment(store.OWNER, services, {}, GROUPS)])
    assert redact.all_secrets(whole) == set()
