"""How a service is probed follows from its definition and the binds of its edge."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.definition import read_services
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.probes import list_probes

CHAT = {"name": "chat", "hosts": ["chat.example.com", "www.example.com"], "servers": ["10.0.0.1:3000"]}
BINDS = {"http": [":80"], "https": [":443"]}


def probe(binds=BINDS, **change):
    (found,) = list_probes(read_services([{**CHAT, **change}], {}), binds)
    return found


def test_a_service_is_probed_under_its_first_host_by_all_that_it_offers():
    assert probe() == {
        "name": "chat",
        "skip": "",
        "url": "https://chat.example.com/",
        "address": ":443",
        "http_address": ":80",
        "path": "/socket.io/",
        "transports": ["http", "redirect", "polling", "websocket", "upgrade", "affinity"],
        "generation": "auto",
    }
    assert probe(hosts=["*.example.com"])["url"] == "https://any.example.com/"
    assert probe(hosts=[])["url"] == "https://chat/"


@pytest.mark.parametrize(
    ("socketio", "transports"),
    [
        (False, []),
        ({"transports": ["websocket"]}, ["websocket"]),
        ({"transports": ["polling", "flashsocket"]}, ["polling", "affinity"]),
        ({"affinity": "cookie"}, ["polling", "websocket", "upgrade"]),
        ({"affinity": "source"}, ["polling", "websocket", "upgrade", "affinity"]),
    ],
)
def test_only_what_the_service_offers_and_a_probe_can_speak(socketio, transports):
    assert probe(socketio=socketio)["transports"] == ["http", "redirect", *transports]


@pytest.mark.parametrize(
    ("https", "address"),
    [
        ([":::443 v4v6"], ":443"),
        (["unix@/run/x.sock", "192.0.2.1:8443 tfo"], "192.0.2.1:8443"),
        (["abns@name,1:80", "[2001:db8::1]:443"], "[2001:db8::1]:443"),
    ],
)
def test_the_first_bind_with_an_address_and_a_port(https, address):
    assert probe({"http": [":80"], "https": https})["address"] == address


def test_why_a_service_is_not_probed():
    assert probe(client_ca="staff")["skip"] == "clients need a certificate"
    assert probe({"http": [], "https": [":443"]})["skip"] == "haproxy_binds.http has no address with a port"
