"""Every transport works through the edge, for the official clients."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://edges"]


@pytest.fixture(scope="module")
def ways(edge):
    return {row["name"]: row for row in edge.client("try.js")["rows"]}


@pytest.mark.parametrize("way", ["http", "http2", "redirect", "polling", "websocket", "upgrade"])
def test_works(ways, way):
    assert ways[way]["works"], ways[way]["error"]


def test_redirect_keeps_path_and_query_but_not_the_port(edge):
    response = edge.get("/a/path?with=query&more=%20", secure=False, Host=f"{edge.name}:80")
    assert (response.status, response.headers["Location"]) == (301, f"https://{edge.name}/a/path?with=query&more=%20")


def test_browsers_are_told_to_stay_with_https(edge):
    assert int(edge.get("/").headers["Strict-Transport-Security"].split(";")[0].removeprefix("max-age=")) > 0


def test_node_learns_the_real_address_and_scheme(edge):
    honest = edge.get("/whoami").text
    spoofed = edge.get("/whoami", X_Forwarded_For="192.0.2.66", X_Forwarded_Proto="http").text
    assert '"secure":true' in honest
    assert "192.0.2.66" not in spoofed
    # The node's name may differ; what it was told about us may not.
    assert honest.split('"url"')[1] == spoofed.split('"url"')[1]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_statistics_rise_in_the_backend_of_the_transport(edge, hold, transport):
    before = edge.served()
    hold(3, transport)
    after = edge.served()
    assert {backend for backend in after if after[backend] > before[backend]} == {f"chat_{transport}"}


def test_statistics_of_ordinary_requests_rise_in_their_own_backend(edge):
    before = edge.served()
    edge.get("/")
    after = edge.served()
    assert {backend for backend in after if after[backend] > before[backend]} == {"chat_http"}
