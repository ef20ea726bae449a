"""What the limits of a configuration let in, and how much of it one node gets."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.promises import Promises, read_promises
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse


def promised(**sections):
    return read_promises(data.from_data({"global": {"maxconn": 9000}, **sections}))


def test_a_node_gets_what_its_servers_in_all_backends_may_get():
    backends = {
        "web": {"default-server": ["maxconn 100"], "server": ["n1 10.0.0.1:1", "n2 10.0.0.2:1"]},
        "websocket": {
            "default-server": ["check", "maxconn 5000"],
            "server": ["n1 10.0.0.1:1 maxconn 3000", "n2 10.0.0.2:2"],
        },
    }
    assert promised(backend=backends) == Promises(9000, 5000)  # 10.0.0.2:2; 10.0.0.1:1 gets 3,100


@pytest.mark.parametrize(
    ("backend", "most"),
    [
        ({"server": ["a 10.0.0.1:1", "b 10.0.0.2:1"]}, 4500),
        ({"server-template": "a 1-3 app.test:1"}, 3000),
        ({"server": "a 10.0.0.1:1 maxconn 20000"}, 9000),
        ({"server": ["a 10.0.0.1:1", "b 10.0.0.1:1"]}, 9000),
        # Each source address has ports of its own.
        ({"server": ["a 10.0.0.1:1 source 10.0.0.8", "b 10.0.0.1:1 source 10.0.0.9"]}, 4500),
        ({}, 0),
    ],
)
def test_servers_without_a_limit_share_all_connections(backend, most):
    assert promised(backend={"b": backend}).node_connections == most


def test_the_limit_of_defaults_holds():
    servers = {"b": {"server": ["a 10.0.0.1:1", "b 10.0.0.2:1"]}}
    assert promised(defaults={"default-server": "maxconn 10"}, backend=servers).node_connections == 10


def test_the_limit_of_a_named_defaults_holds_for_those_that_are_from_it():
    """As with HAProxy 3.4, where backends of one kind have their limit there."""
    text = """global
 maxconn 9000
defaults base
defaults pages from base
 default-server maxconn 10
defaults sockets from pages
 default-server maxconn 2000
defaults from base
backend a from pages
 server n1 10.0.0.1:1
backend b from sockets
 server n1 10.0.0.1:1
"""
    assert read_promises(parse(text)).node_connections == 2010


def test_nothing_is_promised_where_nothing_is_stated():
    servers = {"backend": {"b": {"server": "a 10.0.0.1:1 maxconn 10"}}}
    assert read_promises(data.from_data(servers)) == Promises(0, 0)
