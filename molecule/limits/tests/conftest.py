"""Who comes to the edges of this scenario: crowds from other hosts, and clients behind a proxy."""

from __future__ import annotations

import copy
import http.client
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
import testinfra

PROXY = "10.213.13.30"


@pytest.fixture
def forgotten(edge: Any) -> None:
    """What was counted before is no matter of this test."""
    for table in ("connections", "requests"):
        edge.ask(f"clear table limits:{table}")


@pytest.fixture
def crowd(edge: Any) -> Callable[..., int]:
    """Many connections at once from another host: how many of them the edge held."""

    def come(host: str, number: int, port: int = 443) -> int:
        other = testinfra.get_host(f"ansible://{host}")
        said = other.check_output("python3 /srv/crowd.py %s %s %s", edge.address, str(port), str(number))
        return json.loads(said)

    return come


@pytest.fixture
def denied(edge: Any) -> Callable[[str], int]:
    """How many `connections` or `requests` were refused so far, by the metric that is documented for them."""
    # Where a proxy has to tell first whose connection it is, it is one more step before it can be refused.
    metrics = {
        "connections": "haproxy_frontend_denied_(?:connections|sessions)_total",
        "requests": "haproxy_frontend_requests_denied_total",
    }
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8404/metrics', timeout=10).read().decode())"

    def count(what: str) -> int:
        told = edge.host.check_output("python3 -c %s", ask)
        found = re.findall(rf'(?m)^{metrics[what]}{{proxy="https?"}} (\d+)', told)
        assert found
        return sum(map(int, found))

    return count


@pytest.fixture
def through(edge: Any) -> Callable[[int], Any]:
    """The edge as clients see it who come by a port of the proxy."""

    def by(port: int) -> Any:
        proxied = copy.copy(edge)
        proxied.address, proxied.port = PROXY, port
        return proxied

    return by


def statuses(connection: Any, path: str, number: int, **headers: str) -> list[tuple[int, str | None]]:
    """Ask for a path many times on one connection: each answer's status, and when it says to come again."""
    client = http.client.HTTPConnection("chat")
    client.sock = connection
    answers = []
    for _ in range(number):
        client.request("GET", path, headers=headers)
        response = client.getresponse()
        response.read()
        answers.append((response.status, response.headers["Retry-After"]))
    client.close()
    return answers


def whoami(edge: Any, secure: bool = True, **headers: str) -> str:
    """The client's address, as the application learns it."""
    return json.loads(edge.get("/whoami", secure, **headers).text)["address"]


def myself(address: str) -> str:
    """The address from which this machine comes to a host."""
    with socket.create_connection((address, 80), 10) as connection:
        return connection.getsockname()[0]


def logged(edge: Any, path: str) -> str:
    """The log lines of requests for a path."""
    return edge.host.run("journalctl --unit=haproxy --output=cat --no-pager | grep -F %s", path).stdout
