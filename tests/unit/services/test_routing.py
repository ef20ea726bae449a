"""Requests are routed by one look-up, however many services there are."""

import pytest
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
        "chat.example.com/ chat:",
        "chat.example.com/socket.io/ chat:polling,websocket",
        "*.example.org/ chat:",
        "*.example.org/socket.io/ chat:polling,websocket",
        "w.example/ web:",
    ]
    assert routing.routes_map(read(service("rest", socketio=False))) == "*/ rest:\n"


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


@pytest.mark.parametrize("host", ["a/b", "*.example.com"])
def test_a_host_that_reads_as_part_of_an_entry_is_refused(host):
    (line,) = [line for line in rules(service("a", "*.example.com")) if "This is no host name" in line]
    assert any(sign in host for sign in line.split("-m sub ")[1].split(" }")[0].split())


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
