"""The same by HTTP/3: another door, no other rules."""

from __future__ import annotations

import re

import pytest
from resources.http3 import answers

testinfra_hosts = ["ansible://edges"]


# What the table says of each test: what was tried, and why it came out so.
ATTEMPTS = {
    "test_a_host_of_no_service": ("a Host that no service owns", "the same frontend"),
    "test_a_path_in_disguise": ("paths in disguise", "the same frontend"),
    "test_characters_that_none_may_have": ("control characters in a field", "malformed by RFC 9114, 4.2, and a rule"),
    "test_limits_count": ("connections and requests of one address", "the same tables"),
}


@pytest.fixture
def told(row, request):
    """Say in the table what came of it."""
    attempt, why = ATTEMPTS[request.function.__name__]
    return lambda result: row(f"HTTP/3: {attempt}", result, why)


@pytest.fixture
def ask(edge, told):
    """Ask over HTTP/3, on a connection for the service `chat`; where there is none, the table says so."""
    if "+QUIC" not in edge.host.check_output("haproxy -vv"):
        told("no HTTP/3")
        pytest.skip("this package has no QUIC")

    def get(host="chat.test", path="/", fields=(), times=1):
        return answers(edge.address, host, path, list(fields), times, "chat.test")

    return get


def test_limits_count(edge, ask, told, wait_until):
    def counted():
        return edge.ask("show table limits:connections")

    # What is still in use can't be cleared; after the tests below that would be connections that they broke.
    wait_until("those of before have gone", lambda: not re.search(r"conn_cur=[1-9]", counted()), 90)
    edge.ask("clear table limits:connections")
    assert ask(times=7) == ["200"] * 7
    assert re.search(r"conn_rate\(10000\)=1\b", counted()), counted()
    assert re.search(r"gpc0_rate\(10000\)=7\b", counted()), counted()
    told("counted with those by TCP")


def test_a_host_of_no_service(ask, told):
    assert ask() == ["200"]
    assert ask("other.test") == ["421"]
    assert ask("staff.test") == ["421"]
    told("421")


def test_a_path_in_disguise(ask, told):
    for path in ("/x/../whoami", "/%77hoami", "/socket.io\\..\\whoami", "/whoami#", "/a\x7fb"):
        assert ask(path=path)[0] in ("400", "reset", "closed"), path
    told("400, or the stream is reset")


def test_characters_that_none_may_have(ask, told):
    found = {character: ask(fields=[("x", f"a{character}b")])[0] for character in "\0\r\n\x0b\x1f\x7f"}
    assert set(found.values()) <= {"400", "reset", "closed"}, found
    assert ask(fields=[("x", "a\tb")]) == ["200"]
    told("400, or the connection is closed")
