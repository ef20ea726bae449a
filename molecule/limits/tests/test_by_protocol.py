"""A proxy before the edge that tells by the PROXY protocol whom it speaks for, and is believed; nobody else is."""

from __future__ import annotations

import socket
import ssl

import pytest
from conftest import PROXY, logged, myself, statuses, whoami

testinfra_hosts = ["ansible://limits-edge-protocol"]
pytestmark = pytest.mark.usefixtures("forgotten")


def test_the_application_and_the_log_learn_who_asks(through, edge, wait_until):
    assert whoami(through(443)) == myself(PROXY)
    assert whoami(through(4431), X_Forwarded_For="192.0.2.66") == "192.0.2.1"
    through(4432).get("/logged")
    wait_until("it is in the log", lambda: "192.0.2.2:" in logged(edge, "/logged"))


def test_a_trusted_proxy_that_says_nothing_is_refused(through):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        through(4439).get("/whoami")


def test_a_stranger_is_not_believed(edge, answer):
    assert whoami(edge, X_Forwarded_For="192.0.2.66") == myself(edge.address)
    told = b"PROXY TCP4 192.0.2.66 192.0.2.1 1234 443\r\n"
    plain = socket.create_connection((edge.address, 443), 10)
    plain.sendall(told)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ssl.create_default_context(cafile=str(edge.ca)).wrap_socket(plain, server_hostname=edge.name)
    plain = socket.create_connection((edge.address, 80), 10)
    assert answer(plain, told + b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n").startswith(b"HTTP/1.1 400")


def takes(connection):
    """Whether the edge answers on a connection. TLS is done before the client's address is looked at."""
    try:
        return bool(statuses(connection, "/healthz", 1))
    except (ConnectionError, ssl.SSLError):
        return False


def test_limits_count_the_client_and_not_the_proxy(through):
    greedy, modest = through(4431), through(4432)
    assert (429, "10") in statuses(greedy.connect(), "/healthz", 130)
    assert statuses(modest.connect(), "/healthz", 50) == [(200, None)] * 50
    connections = [greedy.connect() for _ in range(25)], [modest.connect() for _ in range(15)]
    assert [sum(map(takes, some)) for some in connections] == [20, 15]


def test_clients_of_socket_io_come_through(through, request):
    for transport in ("polling", "websocket"):
        clients = through(443).hold(4, transport)
        request.addfinalizer(clients.stop)
        assert clients.ping()["answered"] == 4
