"""A proxy before the edge that tells by X-Forwarded-For whom it speaks for, and is believed; nobody else is."""

from __future__ import annotations

import socket

import pytest
from conftest import PROXY, logged, myself, statuses, whoami
from resources.http3 import answers

testinfra_hosts = ["ansible://limits-edge-header"]
pytestmark = pytest.mark.usefixtures("forgotten")


def test_the_application_and_the_log_learn_who_asks(through, edge, wait_until):
    proxy = through(80)
    assert whoami(proxy, secure=False) == myself(PROXY)
    # The proxy's word comes last: what the client said itself stands before it.
    assert whoami(proxy, secure=False, X_As="192.0.2.1", X_Forwarded_For="192.0.2.66") == "192.0.2.1"
    assert whoami(proxy, secure=False, X_As="192.0.2.1", X_Forwarded_For="192.0.2.66, 192.0.2.67") == "192.0.2.1"
    proxy.get("/logged", secure=False, X_As="192.0.2.2")
    wait_until("it is in the log", lambda: "192.0.2.2:" in logged(edge, "/logged"))


def test_a_stranger_is_not_believed(edge):
    assert whoami(edge, X_Forwarded_For="192.0.2.66") == myself(edge.address)


def test_limits_count_the_client_and_not_the_proxy(crowd):
    # More than one client may have, and than is taken from any other address.
    assert crowd("limits-proxy", 30) == 30
    assert (429, "10") in statuses(socket.create_connection((PROXY, 80), 10), "/healthz", 130, **{"X-As": "192.0.2.1"})
    modest = statuses(socket.create_connection((PROXY, 80), 10), "/healthz", 50, **{"X-As": "192.0.2.2"})
    assert modest == [(200, None)] * 50


def test_limits_hold_for_http3_too(edge, denied):
    before = denied("requests")
    found = answers(edge.address, "chat", "/healthz", times=130)
    assert found[:100] == ["200"] * 100
    assert found.count("429") > 15, found
    assert denied("requests") - before == found.count("429")
    # Over TCP it is the same client.
    assert statuses(edge.connect(), "/healthz", 1) == [(429, "10")]
