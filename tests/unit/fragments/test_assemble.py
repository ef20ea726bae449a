"""Several contributors, one configuration: nothing is lost, nothing is said twice, who disagrees is named."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import descriptors, merge, syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import edge

EDGE = edge.Edge((":80",), (":443",), (), (":843",), "", "/c", "/l", "/r/admin.sock", (3, 2), 20000)
CHAT = {"name": "chat", "servers": ["10.0.0.1:3000"], "socketio": False}
SHOP = {
    "frontend": {"https": {"use_backend": "shop if { path /shop }"}},
    "backend": {"shop": {"server": "a 10.0.0.9:80"}},
}


def assembled(*parts, defaults=True):
    contributions = [store.Fragment(name, described, native) for name, described, native in parts]
    return assemble.assemble(EDGE, store.in_order(contributions), defaults)


def lines(configuration, kind, name):
    return [line.text for line in configuration.section(kind, name).directives]


def test_the_order_is_that_of_the_names_whoever_comes_first():
    parts = [("edge", [CHAT], {}), ("blog", [], SHOP), ("shop", [], {"backend": {"shop": {"server": "b 10.0.0.8:80"}}})]
    texts = {syntax.render(assembled(*order)) for order in (parts, parts[::-1], [parts[1], parts[2], parts[0]])}
    assert len(texts) == 1
    assert lines(assembled(*parts), "backend", "shop") == ["server a 10.0.0.9:80", "server b 10.0.0.8:80"]


def test_without_a_fragment_everything_is_as_it_was_before():
    assert assembled(("edge", [CHAT], {}), ("shop", [], SHOP)) != assembled(("edge", [CHAT], {}))
    assert assembled(("edge", [CHAT], {})).section("backend", "shop") is None


def test_a_contributors_route_comes_before_a_service_that_takes_every_host():
    routes = [
        line
        for line in lines(assembled(("edge", [CHAT], {}), ("shop", [], SHOP)), "frontend", "https")
        if "use_backend" in line
    ]
    assert routes[0] == "use_backend shop if { path /shop }"
    assert len(routes) > 1


def test_a_contributors_default_backend_replaces_the_answer_for_unknown_hosts():
    chat = {**CHAT, "hosts": ["chat.example.com"]}
    own = {"frontend": {"https": {"default_backend": "shop"}}}
    assert "default_backend https:unknown" in lines(assembled(("edge", [chat], {})), "frontend", "https")
    text = lines(assembled(("edge", [chat], {}), ("shop", [], own)), "frontend", "https")
    assert [line for line in text if line.startswith("default_backend")] == ["default_backend shop"]


def test_services_of_two_contributors_share_an_edge_but_not_a_host():
    shop = {**CHAT, "name": "shop", "hosts": ["shop.example.com"]}
    assert assembled(("edge", [CHAT], {}), ("shop", [shop], {})).section("backend", "shop_http")
    with pytest.raises(
        ConfigurationError,
        match=r"fragment shop: services\[0\]\.hosts: every host .* fragment edge: haproxy_services\[0\]",
    ):
        assembled(("edge", [CHAT], {}), ("shop", [{**shop, "hosts": []}], {}))


@pytest.mark.parametrize(
    ("kind", "name", "one", "other"),
    [
        ("backend", "x", {"balance": "first"}, {"balance": "source"}),
        ("backend", "x", {"timeout": {"server": "1s"}}, {"timeout": {"server": "2s"}}),
        ("backend", "x", {"option": {"httpchk": "GET /a"}}, {"option": {"httpchk": "GET /b"}}),
        ("backend", "x", {"option": {"redispatch": True}}, {"option": {"redispatch": False}}),
        ("backend", "x", {"server": "a 10.0.0.1:80"}, {"server": "a 10.0.0.2:80"}),
        ("frontend", "x", {"bind": ":80"}, {"bind": ":80 ssl"}),
        ("frontend", "x", {"acl": "api path /a"}, {"acl": "api path /b"}),
        ("frontend", "x", {"stats": "uri /a"}, {"stats": "uri /b"}),
        ("frontend", "x", {"default_backend": "a"}, {"default_backend": "b"}),
        ("userlist", "x", {"user": "a password b"}, {"user": "a password c"}),
        ("resolvers", "x", {"hold": "valid 1s"}, {"hold": "valid 2s"}),
        ("peers", "x", {"peer": "a 10.0.0.1:1"}, {"peer": "a 10.0.0.2:1"}),
        ("newkind", "x", {"newkey": "a"}, {"newkey": "b"}),
    ],
)
def test_who_disagrees_is_named_with_both_values(kind, name, one, other):
    with pytest.raises(ConfigurationError) as raised:
        assembled(("edge", [], {}), ("blog", [], {kind: {name: one}}), ("shop", [], {kind: {name: other}}))
    (problem,) = raised.value.problems
    assert problem.startswith(f"fragment shop: sections.{kind}.{name}.")
    assert f"of fragment blog: sections.{kind}.{name}." in problem
    assert assembled(("edge", [], {}), ("blog", [], {kind: {name: one}}), ("shop", [], {kind: {name: one}}))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("frontend", {"bind": ":80"}, {"bind": ":81"}),
        ("frontend", {"http-request": "deny if a"}, {"http-request": "deny if b"}),
        ("frontend", {"stats": "auth a:b"}, {"stats": "auth c:d"}),
        ("backend", {"option": "httplog"}, {"option": "redispatch"}),
        ("backend", {"timeout": {"server": "1s"}}, {"timeout": {"connect": "1s"}}),
        ("backend", {"stick": "on src"}, {"stick": "match src"}),
        ("crt-store", {"load": "crt a.pem"}, {"load": "crt b.pem"}),
        ("global", {"log": "a local0"}, {"log": "b local0"}),
        ("global", {"stats": "socket /a"}, {"stats": "socket /b"}),
        ("global", {"setenv": "A 1"}, {"setenv": "B 1"}),
    ],
)
def test_what_adds_up_is_all_there(kind, one, other):
    name = {} if kind == "global" else {"x": None}
    parts = [{kind: {"x": part} if name else part} for part in (one, other)]
    found = lines(
        assembled(("edge", [], {}), ("blog", [], parts[0]), ("shop", [], parts[1]), defaults=False),
        kind,
        "x" if name else "",
    )
    for part in (one, other):
        (section,) = from_data({kind: {"x": part}} if name else {kind: part}).sections
        assert section.directives[0].text in found


def test_the_user_of_the_process_is_one_and_users_of_a_list_are_many():
    with pytest.raises(ConfigurationError, match="'user b' contradicts 'user a'"):
        assembled(("edge", [], {"global": {"user": "a"}}), ("shop", [], {"global": {"user": "b"}}), defaults=False)


def test_a_secret_is_not_told_by_a_conflict():
    with pytest.raises(ConfigurationError) as raised:
        assembled(
            ("edge", [], {"userlist": {"x": {"user": "a password b0b0b0"}}}),
            ("shop", [], {"userlist": {"x": {"user": "a password c0c0c0"}}}),
        )
    assert "b0b0b0" not in str(raised.value)
    assert "c0c0c0" not in str(raised.value)


def order(text):
    return [section.header for section in merge.merge(Configuration(), from_data(to_data(syntax.parse(text)))).sections]


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("frontend a\nglobal\n maxconn 1\ndefaults\n", ["global", "frontend a", "defaults"]),
        ("defaults\nfrontend a\ndefaults\nfrontend b\n", ["defaults", "frontend a", "defaults", "frontend b"]),
        ("userlist u\ndefaults\ndefaults x\nfrontend a\n", ["defaults", "defaults x", "userlist u", "frontend a"]),
        ("defaults x\ndefaults\nfrontend a from x\n", ["defaults x", "defaults", "frontend a from x"]),
    ],
    ids=["late defaults", "twice", "a name last", "a name first"],
)
def test_a_proxy_keeps_the_defaults_that_it_had(text, headers):
    assert order(text) == headers


def test_in_a_mapping_defaults_come_first_and_the_nameless_last():
    data = {"frontend": {"a": {}}, "defaults": {}, "defaults x": {}}
    assert [section.header for section in merge.merge(Configuration(), from_data(data)).sections] == [
        "defaults x",
        "defaults",
        "frontend a",
    ]


def test_a_contributors_named_defaults_are_nobody_elses():
    found = assembled(
        ("edge", [], {"defaults": {"retries": 1}}),
        ("shop", [], {"defaults x": {"retries": 2}, "backend": {"a from x": {}}}),
    )
    assert [section.header for section in found.sections][:3] == ["global", "defaults x", "defaults"]


def test_a_condition_around_sections_leaves_no_place_for_others():
    around = [{"global": [".if feature(X)"]}, {"backend": {"a": ["balance first", ".endif"]}}]
    alone = assembled(("edge", [], around), defaults=False)
    assert syntax.render(alone) == "global\n    .if feature(X)\n\nbackend a\n    balance first\n    .endif\n"
    with pytest.raises(ConfigurationError, match=r"haproxy_sections\[0\]\.global: a condition"):
        assembled(("edge", [], around))


@pytest.mark.parametrize("bind", [":443", "*:443 ssl crt /c", "10.0.0.1:80,:443"])
def test_two_sections_never_share_an_address(bind):
    own = {"frontend": {"shop": {"bind": bind, "default_backend": "shop"}}, "backend": SHOP["backend"]}
    with pytest.raises(ConfigurationError) as raised:
        assembled(("edge", [CHAT], {}), ("shop", [], own))
    (problem,) = raised.value.problems
    assert problem.startswith(f"fragment shop: sections.frontend.shop.bind: 'bind {bind}' is where frontend https of ")


@pytest.mark.parametrize("bind", [":444", "10.0.0.1:443", ":443 interface eth1", "quic4@:443", "/run/shop.sock"])
def test_another_address_is_anybodys(bind):
    assert assembled(("edge", [CHAT], {}), ("shop", [], {"frontend": {"shop": {"bind": bind}}}))


def test_what_a_condition_holds_apart_may_share_an_address():
    either = [{"frontend": {"a": ["bind :80", ".else"]}}, {"frontend": {"b": ["bind :80", ".endif"]}}]
    assert assembled(("edge", [], [{"global": [".if feature(LUA)"]}, *either]), defaults=False)


@pytest.mark.parametrize("servers", [1, 58, 180, 1000])
def test_connections_and_checked_servers_fit_into_the_descriptors_together(servers):
    named = [f"10.0.{number >> 8}.{number & 255}:3000" for number in range(servers)]
    configuration = assembled(("edge", [{**CHAT, "socketio": {}, "servers": named}], {}))
    (limit,) = (line for line in lines(configuration, "global", "") if line.startswith("maxconn "))
    held = descriptors.held_descriptors([configuration])
    assert held.checks == 3 * servers
    used = 2 * int(limit.split()[1]) + sum(held) + descriptors.process_descriptors(EDGE.threads)
    assert 18000 < used <= EDGE.descriptors
    # One more of a few changes no limit, which would take a reload.
    more = assembled(("edge", [{**CHAT, "socketio": {}, "servers": [*named, "10.1.0.1:3000"]}], {}))
    assert servers == 1000 or limit in lines(more, "global", "")


@pytest.mark.parametrize(
    "line",
    [{"chroot": "/var/lib/haproxy"}, {"user": "www-data"}, {"uid": 33}, {"group": "proxy"}, {"pidfile": "/run/x"}],
)
def test_what_the_service_could_not_start_with_is_refused_with_its_place(line):
    (key,) = line
    with pytest.raises(ConfigurationError) as caught:
        assembled(("edge", [CHAT], {"global": {**line, "nbthread": 2}}))
    (problem,) = caught.value.problems
    assert problem.startswith(f"haproxy_sections.global.{key}: ")
    assert "remove the line" in problem
    assembled(("edge", [CHAT], {"global": {"user": "haproxy", "group": "haproxy"}}))
    # An edge without our base settings may have a service of its own.
    assembled(("edge", [CHAT], {"global": line}), defaults=False)
