"""What a configuration holds before anybody connects."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data, descriptors
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse


def held(**sections):
    return descriptors.held_descriptors([data.from_data(sections)])


def test_each_checked_server_and_each_listener_holds_one():
    backends = {"backend": {"a": {"default-server": "check", "server": ["x 10.0.0.1:1", "y 10.0.0.2:1 no-check"]}}}
    web = {"bind": [":80,:81", ":8000-8009", "/run/a.sock"]}
    assert held(frontend={"web": web}, **backends) == descriptors.Held(checks=1, listeners=13)
    assert held(**{"global": {"stats": "socket /run/admin.sock level admin"}}).listeners == 1


@pytest.mark.parametrize(
    ("line", "checks"),
    [
        ({"server": "a 10.0.0.1:1"}, 0),
        ({"server": "a 10.0.0.1:1 check agent-check agent-port 9"}, 2),
        ({"server-template": "a 1-50 app.test:1 check"}, 50),
        ({"server-template": "a 20 app.test:1 check"}, 20),
    ],
)
def test_checks_of_a_server(line, checks):
    assert held(backend={"b": line}).checks == checks


def test_what_defaults_say_of_servers_counts():
    assert held(defaults={"default-server": "check"}, backend={"b": {"server": "a 10.0.0.1:1"}}).checks == 1
    # The other edges are no servers, and are not checked.
    assert held(peers={"p": {"default-server": "check", "server": "edge2 10.0.0.2:1"}}).checks == 0


def test_named_defaults_are_for_the_sections_that_are_from_them():
    text = """
defaults checked
    default-server check
defaults deeper from checked
    timeout server 5s
defaults
    timeout server 9s
backend a from deeper
    server a 10.0.0.1:1
backend b
    server b 10.0.0.1:1
"""
    assert descriptors.held_descriptors([parse(text)]).checks == 1
