"""What one address may take, what all may, and what somebody learns who wants more."""

from __future__ import annotations

import threading

import pytest
from conftest import statuses

# Those with small limits.
testinfra_hosts = ["ansible://limits-edge-protocol", "ansible://limits-edge-header"]
pytestmark = pytest.mark.usefixtures("forgotten")


def test_requests_beyond_the_rate_are_told_to_come_later(edge, denied):
    before = denied("requests")
    answers = statuses(edge.connect(), "/healthz", 130)
    assert answers[:100] == [(200, None)] * 100
    late = answers[100:]
    # On a slow machine a little of the ten seconds has passed.
    assert late.count((429, "10")) > 15, late
    assert set(late) <= {(200, None), (429, "10")}
    assert denied("requests") - before == late.count((429, "10"))


def test_sessions_beyond_the_rate_are_told_to_come_later(edge, denied):
    before = denied("requests")
    answers = statuses(edge.connect(), "/socket.io/?EIO=4&transport=polling", 20)
    assert answers[:10] == [(200, None)] * 10
    assert answers[10:].count((429, "10")) > 5, answers
    assert denied("requests") - before == answers.count((429, "10"))
    # Nothing else is refused to who opens too many.
    assert edge.get("/healthz").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/socket.io/?EIO=4&transport=polling&sid=",
        "/socket.io/?transport=polling",
        "/socket.io/?EIO=4&transport=polling&a=;sid=x",
        "/socket.io/?EIO=4&transport=polling&a=?sid=x",
        "/socket.io/?EIO=4&transport=polling&sid=&sid=x",
    ],
)
def test_no_spelling_of_a_handshake_opens_more_sessions(edge, path):
    answers = [status for status, _retry in statuses(edge.connect(), path, 30)]
    # Node takes some of these for a mistake (400); what it takes for a handshake is limited like any other one.
    assert answers.count(200) <= 12, answers
    assert 200 not in answers or answers.count(429) > 5, answers


@pytest.mark.parametrize(
    "path",
    [
        "/socket.io/?%45IO=4&transport=polling",
        "/socket.io/?EIO=4&transport=polling&s%69d=x",
        "/socket.io/1/xhr-polling/x?EIO=4&transport=polling",
        "/socket.io/1/?EIO=4&transport=polling&sid=x",
    ],
)
def test_a_disguised_handshake_is_refused(edge, path):
    assert edge.get(path).status == 400


def test_a_session_goes_on_when_no_more_may_be_opened(edge):
    answers = statuses(edge.connect(), "/socket.io/?EIO=4&transport=polling&sid=x", 20)
    assert {status for status, _retry in answers} == {400}


def test_connections_beyond_the_number_are_refused_to_all_but_the_allowed(denied, crowd):
    before = denied("connections")
    assert crowd("limits-app2", 30) == 30
    assert denied("connections") == before
    held = crowd("limits-app1", 30)
    assert 20 <= held < 25  # threads that look at the same moment may let in one more each
    assert denied("connections") - before == 30 - held


def test_connections_beyond_the_rate_are_refused(edge, denied):
    before = denied("connections")
    refused = []
    for _ in range(90):
        try:
            assert edge.get("/", secure=False).status == 301
            refused.append(False)
        except ConnectionError:
            refused.append(True)
    assert not any(refused[:60])
    assert refused.count(True) > 10, refused
    assert denied("connections") - before == refused.count(True)


def test_who_is_refused_is_not_counted(edge):
    """Who goes on trying is let in at the rate that is allowed: a rate of tries would never fall again."""
    assert (429, "10") in statuses(edge.connect(), "/healthz", 400)
    # Behind a proxy that names the client in a header, requests have a table of their own.
    tables = edge.ask("show table limits:connections") + edge.ask("show table limits:requests")
    counted = tables.partition("gpc0_rate(10000)=")[2]
    assert int(counted.split()[0]) <= 100


def ask_slow(edge, answers):
    answers.append(statuses(edge.connect(), "/", 1, Host="slow.test")[0])


@pytest.fixture
def slow(nodes, edge):
    """The application that keeps requests waiting: ask it directly."""

    def ask(path):
        url = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:3001/{path}').read().decode())"
        return nodes["limits-app1"].check_output("python3 -c %s", url)

    yield ask
    ask("release")


def test_a_full_server_has_a_queue(edge, slow, wait_until):
    answers = []
    clients = [threading.Thread(target=ask_slow, args=(edge, answers)) for _ in range(4)]
    for client in clients[:2]:
        client.start()
    wait_until("the server is full", lambda: slow("waiting") == "2")
    # Two more wait, and are told when to come again: nobody has left in time.
    ask_slow(edge, answers)
    assert answers == [(503, "5")]
    assert slow("waiting") == "2"
    for client in clients[2:]:
        client.start()
    wait_until("two more wait", lambda: edge.statistics()[("slow_http", "BACKEND")]["qcur"] == "2")
    slow("release")
    wait_until("they have their turn", lambda: slow("waiting") == "2")
    slow("release")
    for client in clients:
        client.join()
    assert answers[1:] == [(200, None)] * 4


# --- What all may


@pytest.mark.parametrize(("port", "limit", "rate"), [(80, 20, "MaxConnRate"), (443, 10, "MaxSslRate")])
def test_what_is_beyond_the_total_waits_and_is_served(edge, crowd, port, limit, rate):
    edge.ask("clear counters all")
    assert crowd("limits-app2", 50, port) == 50
    told = dict(line.split(": ", 1) for line in edge.ask("show info").splitlines() if ": " in line)
    assert limit / 2 < int(told[rate]) < limit + 5


# --- What is nobody's business


def test_statistics_are_not_for_strangers(edge, nodes):
    for port in (8404, 8405):
        assert nodes["limits-app1"].run("timeout 5 bash -c '</dev/tcp/%s/%s'", edge.address, str(port)).rc != 0
    for host in ("127.0.0.1", "localhost:8404", edge.address):
        for path in ("/metrics", "/metrics/edge", "/;csv", "/stats"):
            assert "haproxy_" not in edge.get(path, Host=host).text


@pytest.mark.parametrize(("name", "group"), [("master", "realtime-edge"), ("admin", "haproxy")])
def test_a_socket_is_for_root_and_one_service(edge, name, group):
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    groups = [(f"nobody -g {other}", other == group) for other in ("haproxy", "realtime-edge")]
    for user, may in (("nobody", False), *groups, ("haproxy", name == "admin"), ("root", True)):
        done = edge.host.run(f"runuser -u {user} -- python3 -c %s /run/haproxy/{name}.sock", connect)
        assert (done.rc == 0) == may, (user, done.stderr)
        assert may or "PermissionError" in done.stderr
