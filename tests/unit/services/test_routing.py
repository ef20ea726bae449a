"""Requests are routed by one look-up, however many services there are."""

import re

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import definition, routing
from examples import CHAT, GROUPS, edge


def read(*described):
    return definition.read_services(list(described), GROUPS)


def service(name, *hosts, **more):
    return {**CHAT, "name": name, "hosts": list(hosts), **more}


def test_each_host_leads_to_its_service_and_the_path_of_socketio_to_its_transports():
    lines = routing.routes_map(
        read(service("chat", "Chat.example.com", "*.example.org"), service("web", "w.example", socketio=False))
    )
    assert lines.splitlines() == [
        "chat.example.com/ chat",
        "chat.example.com/socket.io/ chat:polling:websocket",
        "*.example.org/ chat",
        "*.example.org/socket.io/ chat:polling:websocket",
        "w.example/ web",
    ]
    assert routing.routes_map(read(service("rest", socketio=False))) == "/ rest\n"


def rules(*described):
    configuration = assemble.assemble(edge(), [store.Fragment(store.OWNER, list(described), {}, GROUPS)])
    return [line.text for line in configuration.section("frontend", "https").directives]


def test_the_rules_of_the_frontend_are_as_many_for_a_hundred_services_as_for_one():
    many = [service(f"s{number}", f"h{number}.example.com", origins=["https://a.example.com"]) for number in range(100)]
    assert rules(*many)[10:] == rules(*many[:1])[10:]


def test_a_longer_wildcard_is_looked_up_before_a_shorter_one():
    look_ups = [
        line
        for line in rules(service("a", "*.example.com"), service("b", "*.apps.example.com"))
        if "txn.domain" in line
    ]
    assert [line.split("field(")[1][:6] for line in look_ups if "set-var(txn.domain)" in line] == ["-1,.,3", "-1,.,2"]
    # *.example.com is not example.com itself.
    assert "{ req.hdr(host),host_only,field(-3,.,1) -m found }" in look_ups[2]


def test_a_host_that_reads_as_part_of_an_entry_is_refused_before_the_look_up():
    lines = rules(service("a", "*.example.com"))
    refusal = next(line for line in lines if "a header that none may have" in line)
    pattern = re.search(r"req.hdrs -m reg -i '([^']+)'", refusal)[1]
    assert all(re.search(pattern, f"host: {host}\r\n") for host in ("a/b", "*.example.com", "*"))
    assert lines.index(refusal) < lines.index(next(line for line in lines if "set-var(txn.route)" in line))


def test_lists_have_any_length():
    """HAProxy reads 64 words of a line."""
    staff = [
        service(f"s{number}", f"h{number}.example.com", client_ca="staff", socketio=False) for number in range(100)
    ]
    assert all(len(line.split()) < 64 for line in rules(*staff))
    origins = [f"https://o{number}.example.com" for number in range(100)]
    hosts = [f"h{number}.example.com" for number in range(100)]
    fragment = store.Fragment(store.OWNER, [service("chat", *hosts, origins=origins)], {}, GROUPS)
    for section in assemble.assemble(edge(), [fragment]).sections:
        assert all(len(line.arguments) < 63 for line in section.directives)


def test_services_share_a_host_by_path():
    shop, chat = service("shop", "www.example.com"), service("chat", "www.example.com", path="/chat/", strip_path=True)
    assert routing.routes_map(read(shop, chat)).splitlines() == [
        "www.example.com/ shop",
        "www.example.com/socket.io/ shop:polling:websocket",
        "www.example.com/chat/ chat",
        "www.example.com/chat/socket.io/ chat:polling:websocket",
    ]
    definition.check_conflicts(read(shop, chat))
    for transport in ("http", "polling", "websocket"):
        lines = backend(f"chat_{transport}", shop, chat)
        assert "http-request set-header X-Forwarded-Prefix /chat" in lines
        assert [line for line in lines if line.startswith("http-request")][
            -1
        ] == "http-request set-path %[path,regsub(^/chat/*,/)]"
        assert not any("set-path" in line for line in backend(f"shop_{transport}", shop, chat))
    # The id of 0.9 is one level further down.
    assert any("path,field(6,/) if { path_reg ^/chat/socket" in line for line in backend("chat_polling", shop, chat))


def backend(name, *described):
    configuration = assemble.assemble(edge(), [store.Fragment(store.OWNER, list(described), {}, GROUPS)])
    found = configuration.section("backend", name)
    return [line.text for line in found.directives] if found else None


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (
            {},
            {},
            "haproxy_services[1].hosts: 'www.example.com' already belongs to haproxy_services[0]; .* unless the paths differ",
        ),
        ({"path": "/a/"}, {"path": "/a/"}, "haproxy_services[1].hosts: 'www.example.com' already belongs"),
        (
            {},
            {"path": "/socket.io/admin/"},
            "haproxy_services[1].path: /socket.io/admin/ is inside /socket.io/, .* of haproxy_services[0]",
        ),
        (
            {"path": "/socket.io/"},
            {},
            "haproxy_services[0].path: /socket.io/ is inside /socket.io/, .* of haproxy_services[1]",
        ),
        (
            {"client_ca": "staff"},
            {"path": "/a/"},
            "haproxy_services[1].client_ca: haproxy_services[0] has the same host",
        ),
    ],
)
def test_services_that_are_in_each_others_way_are_told(first, second, problem):
    services = read(service("a", "www.example.com", **first), service("b", "WWW.example.com", **second))
    with pytest.raises(ConfigurationError) as caught:
        definition.check_conflicts(services)
    assert re.match(re.escape(problem).replace(r"\.\*", ".*").replace("www", "(?i:www)"), caught.value.problems[0])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"path": "chat"}, "haproxy_services[0].path: a path that begins and ends with '/' is expected"),
        ({"path": "/a b/"}, "haproxy_services[0].path: a path that"),
        ({"path": "/a\nb/"}, "haproxy_services[0].path: a path that"),
        ({"strip_path": "yes please"}, "haproxy_services[0].strip_path: true or false is expected, not 'yes please'"),
        ({"websocket": 1}, "haproxy_services[0].websocket: true or false"),
        (
            {"websockets": True},
            "haproxy_services[0].websockets: a service has no such setting; did you mean 'websocket'",
        ),
    ],
)
def test_what_is_no_path_is_told(wrong, problem):
    with pytest.raises(ConfigurationError) as caught:
        read(service("a", "www.example.com", **wrong))
    assert caught.value.problems[0].startswith(problem)


def test_sockets_outside_socketio_have_a_backend_of_their_own():
    raw = service("feed", "feed.example.com", websocket=True, socketio=False)
    assert routing.routes_map(read(raw)) == "feed.example.com/ feed:websocket\n"
    lines = backend("feed_websocket", raw)
    assert "balance leastconn" in lines
    assert "default-server maxconn 10000" in lines
    # It has no sessions that would have to be followed.
    assert not any("txn.sid" in line for line in lines)
    assert "default-server maxconn 1000" in backend("feed_http", raw)
    # Without it, an upgrade is one of the service's requests.
    assert backend("feed_websocket", {**raw, "websocket": False}) is None
    # Beside Socket.IO, both share the backend.
    both = service("chat", "chat.example.com", websocket=True)
    assert routing.routes_map(read(both)).splitlines()[0] == "chat.example.com/ chat:websocket"
    assert any("txn.sid" in line for line in backend("chat_websocket", both))


@pytest.mark.parametrize(
    ("key", "expression"),
    [
        ({"query": "room"}, "url_param(room)"),
        ({"header": "X-Tenant"}, "req.hdr(X-Tenant)"),
        ({"cookie": "tenant"}, "req.cook(tenant)"),
        ({"segment": 2}, "path,field(3,/)"),
    ],
)
def test_a_key_decides_about_the_node_in_all_backends(key, expression):
    described = service("rooms", "rooms.example.com", key=key)
    for transport in ("http", "polling", "websocket"):
        lines = backend(f"rooms_{transport}", described)
        assert [line for line in lines if line.startswith(("balance", "hash-type"))] == [
            f"balance hash {expression}",
            "hash-type consistent",
        ]
    # A session is followed all the same.
    assert any(line.startswith("stick match") for line in backend("rooms_polling", described))


@pytest.mark.parametrize(
    "wrong", [{}, {"query": "a", "header": "b"}, {"query": "a b"}, {"body": "x"}, {"segment": 0}, "room"]
)
def test_what_is_no_key_is_told(wrong):
    with pytest.raises(ConfigurationError) as caught:
        read(service("a", "www.example.com", key=wrong))
    assert caught.value.problems[0].startswith("haproxy_services[0].key")
