"""Polling over HTTP/3 on a build with a TLS library that lacks QUIC, for clients that were told of it over TCP."""

from __future__ import annotations

testinfra_hosts = ["ansible://default-edge1"]


def test_tcp_clients_are_told(edge):
    assert edge.get("/healthz").headers["Alt-Svc"] == 'h3=":443"; ma=86400'


def test_polling_over_http3(edge):
    before = edge.served()
    # A poll is held until the server has something to say: its heartbeat, after 25 s.
    result = edge.client("generations/http3.py", "--heartbeat")
    after = edge.served()
    assert result["works"], result["error"]
    assert {name for name in after if after[name] > before[name]} == {"chat_polling"}
