"""A thousand people behind one address, under the limits that everybody has."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://limits-edge"]

# What each of them uses: the client's own way is polling first.
PEOPLE = {"websocket": 400, "polling": 300, "polling,websocket": 300}


@pytest.fixture
def office(edge, hold, denied):
    """All have come, as browsers do, and nobody was refused."""
    for table in ("connections", "requests"):
        edge.ask(f"clear table limits:{table}")
    people = [hold(number, transport, "--keep-alive", "--retry", "2") for transport, number in PEOPLE.items()]
    assert refused(denied) == 0
    return people


def refused(denied):
    return denied("connections") + denied("requests")


def back(people):
    """Whether each has come back since it first came."""
    return all(len(some.of("reconnect")) >= number for some, number in zip(people, PEOPLE.values()))


def gone(people):
    """How often one of them has lost the connection."""
    return sum(len(some.of("disconnect")) for some in people)


def away(people):
    """How many are without a connection."""
    last = [{e["id"]: e["event"] for e in some.of("connect", "reconnect", "disconnect")} for some in people]
    return sum(list(each.values()).count("disconnect") for each in last)


def all_answered(people):
    return [some.ping()["answered"] for some in people] == list(PEOPLE.values())


def test_all_come_back_at_once(edge, office, denied, wait_until):
    # What they have done so far counts for ten seconds.
    wait_until("the address is quiet", lambda: "conn_rate(10000)=0" in edge.ask("show table limits:connections"), 60)
    servers = [key for key in edge.statistics() if key[0] in ("chat_polling", "chat_websocket") and "app" in key[1]]
    for proxy, server in servers:
        edge.ask(f"shutdown sessions server {proxy}/{server}")
    # A client that is just between two polls has no connection that could be cut.
    wait_until("nearly a thousand are gone", lambda: gone(office) > 900, 60)
    wait_until("nobody is away", lambda: away(office) == 0, 120)
    # Whoever did not notice the cut at once comes back a little later.
    wait_until("all are answered", lambda: all_answered(office), 120)
    assert refused(denied) == 0


def test_all_come_back_after_an_outage(edge, office, nodes, denied, wait_until):
    """Who is refused tries again, and so do all others: that must not keep the door shut."""
    for node in nodes.values():
        node.check_output("systemctl stop chat")
    wait_until("they have tried too often", lambda: refused(denied) > 1000, 120)
    for node in nodes.values():
        node.check_output("systemctl start chat")
    wait_until("a thousand are back", lambda: back(office), 120)
    wait_until("all are answered", lambda: all_answered(office), 120)
