"""What backends have in common stands once from HAProxy 3.4 on, and means the same there."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import split_name
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse, render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy.proxies import read_proxies
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from examples import CHAT, GROUPS, edge

PAGES = {**CHAT, "socketio": False, "health": "/health"}
SHARED, BEFORE = (3, 4), (3, 3)


def pages(name, **more):
    return {**PAGES, "name": name, "hosts": [f"{name}.example.com"], **more}


def made(*services, sections=None, version=SHARED):
    fragment = store.Fragment(store.OWNER, list(services), sections or {}, GROUPS)
    return assemble.assemble(edge(version), [fragment])


def kinds(configuration):
    """Backend → the `defaults` that it is from."""
    found = (split_name(section) for section in configuration.sections if section.kind == "backend")
    return {name: parent for name, parent in found if parent}


def lines(configuration, backend):
    """All lines that hold for a backend."""
    return sorted(line.text for section in effective(configuration, backend) for line in section.directives)


def effective(configuration, backend):
    named = {split_name(section)[0]: section for section in configuration.sections if section.kind == "defaults"}
    section = configuration.section("backend", backend)
    while section:
        yield section
        parent = split_name(section)[1]
        section = named[parent] if parent else named[""] if section.kind == "backend" else None


def test_backends_of_one_kind_have_nothing_but_their_servers():
    configuration = made(pages("one"), pages("two"), pages("three", health="/other"))
    found = kinds(configuration)
    assert [len(found), len(set(found.values()))] == [3, 1]
    for name in found:
        assert {line.keyword for line in configuration.section("backend", name).directives} == {"server"}
    assert parse(render(configuration)) == configuration


@pytest.mark.parametrize(
    "service",
    [
        pages("one", websocket=True, origins=["https://a.example.com"]),
        pages("one", path="/shop/", strip_path=True),
        pages("one", key={"query": "room"}),
        {**CHAT, "name": "one", "socketio": {"affinity": "none"}},
        {**CHAT, "name": "one", "socketio": {"transports": ["websocket"]}},
    ],
)
def test_the_same_lines_hold_for_a_backend_wherever_they_stand(service):
    new, old = made(service), made(service, version=BEFORE)
    assert kinds(new)
    for backend in kinds(new):
        assert without_look_ups(new, backend) == without_look_ups(old, backend)


def without_look_ups(configuration, backend):
    """The lines of a backend but those that look up its name."""
    return [line for line in lines(configuration, backend) if "http-check send" not in line and "origin" not in line]


def test_what_the_user_writes_into_a_backend_makes_it_one_of_another_kind():
    own = {"backend": {"two_http": {"timeout": {"server": "5s"}}}, "defaults": {"timeout": {"tunnel": "3h"}}}
    configuration = made(pages("one"), pages("two"), sections=own)
    assert len(set(kinds(configuration).values())) == 2
    assert "timeout server 5s" in lines(configuration, "two_http")
    assert "timeout server 5s" not in lines(configuration, "one_http")
    assert "timeout tunnel 3h" in lines(configuration, "one_http")


@pytest.mark.parametrize(
    "body",
    [
        {"stick": "on src table limits:connections"},
        {"use-server": "app1 if { path /one }"},
        {"acl": "one path /one"},
        [".if defined(HAPROXY_TRY)", "timeout server 5s", ".endif"],
    ],
)
def test_a_backend_whose_lines_no_defaults_may_have_keeps_them(body):
    configuration = made(pages("one"), sections={"backend": {"one_http": body}})
    assert kinds(configuration) == {}
    assert not [section for section in configuration.sections if "from" in section.name]


@pytest.mark.parametrize(
    ("socketio", "shared"), [({}, False), ({"affinity": "none"}, True), ({"affinity": "cookie"}, False)]
)
def test_backends_that_follow_sessions_keep_their_lines(socketio, shared):
    found = kinds(made({**CHAT, "socketio": socketio}))
    assert ("chat_polling" in found) == ("chat_websocket" in found) == shared


def test_a_service_that_has_no_polling_has_no_session_to_follow():
    configuration = made({**CHAT, "socketio": {"transports": ["websocket"]}}, version=(3, 2))
    assert "stick" not in {line.keyword for section in configuration.sections for line in section.directives}
    assert configuration.section("peers", "affinity") is None


def test_other_sections_take_what_they_took_before():
    listen = {"listen": {"other": {"bind": "127.0.0.1:1234", "server": "a 10.0.0.9:80"}}}
    new, old = (read_proxies(made(pages("one"), sections=listen, version=version)) for version in (SHARED, BEFORE))
    assert new["listen", "other"] == old["listen", "other"]
    assert new["backend", "one_http"].servers == old["backend", "one_http"].servers
