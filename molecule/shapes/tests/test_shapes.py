"""Each shape of a service works with the clients that people use for it; the nodes that answer say who they are."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import testinfra
from resources.edge import CLIENTS

testinfra_hosts = ["ansible://edges"]

WORKERS = ["all-4000", "all-4001"]


@pytest.fixture(scope="module")
def attempt(edge):
    """Try a kind of client several times: the nodes that answered, and what went wrong."""
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(edge.ca), "NODE_NO_WARNINGS": "1"}

    def run(kind, times=6):
        command = ["node", str(CLIENTS / "shapes/try.js"), edge.address, kind, str(times)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def node():
    return testinfra.get_host("ansible://shapes-app")


@pytest.mark.parametrize(
    "kind",
    [
        "ws",
        "graphql",
        *(f"sockjs-{transport}" for transport in ("websocket", "xhr-streaming", "xhr-polling")),
        *(f"signalr-{transport}" for transport in ("WebSockets", "ServerSentEvents", "LongPolling")),
        "sse",
        *(
            f"{client}-{transport}"
            for client in ("socketio4", "socketio4-slashless", "plain")
            for transport in ("polling", "websocket")
        ),
    ],
)
def test_clients_of_this_kind_reach_all_workers_and_stay_where_they_began(attempt, kind):
    times = 12 if kind.startswith(("sockjs", "signalr")) else 6
    assert attempt(kind, times) == {"nodes": WORKERS, "failures": []}


def test_mqtt_works_over_a_websocket(attempt):
    assert attempt("mqtt") == {"nodes": ["hello"], "failures": []}


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(("client", "worker"), [("socketio2", "old-4003"), ("bare", "bare-4002")])
def test_one_worker_has_all_clients_of_its_kind(attempt, client, worker, transport):
    """Socket.IO 2 beside 4 on one path; a server that never answers `GET /`, with the default health check."""
    assert attempt(f"{client}-{transport}") == {"nodes": [worker], "failures": []}


def test_websockets_are_counted_as_sockets_and_not_as_requests(edge, attempt):
    before = edge.served()
    attempt("ws", 5)
    after = edge.served()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"feed_websocket": 5}


def test_a_body_may_take_its_time_only_where_that_is_said(attempt):
    assert attempt("upload", 2) == {"nodes": ["200"], "failures": []}
    assert attempt("upload-elsewhere", 2) == {"nodes": ["408"], "failures": []}


def test_pages_of_plain_devices_are_redirected(edge):
    answer = edge.get("/page?x=1", secure=False, Host="chat.test")
    assert (answer.status, answer.headers["Location"]) == (301, "https://chat.test/page?x=1")
    assert edge.get("/socket.io/?EIO=4&transport=polling", secure=False, Host="chat.test").status == 200
    assert edge.get("/socket.io/", secure=False, Host="feed.test").status == 301


def test_the_log_has_the_id_that_the_node_got(edge, wait_until):
    seen = json.loads(edge.get("/x", Host="feed.test", X_Request_ID="forged").text)["headers"]["x-request-id"]
    assert seen != "forged"
    wait_until("the log has it", lambda: seen in edge.host.check_output("journalctl -u haproxy -o cat --since -2min"))


def test_the_dns_says_which_workers_there_are(edge, attempt, node, wait_until):
    worker = edge.worker()

    def name(*ports):
        lines = "".join(f"srv-host=_shapes._tcp.nodes.test,app.nodes.test,{port}\n" for port in ports)
        node.check_output(
            "mkdir -p /etc/names.d && printf %%s %s > /etc/names.d/workers && systemctl restart dnsmasq",
            f"host-record=app.nodes.test,10.213.43.21\n{lines}",
        )

    for ports in ((4000,), (4000, 4001), (4001,)):
        name(*ports)
        wanted = {"nodes": [f"all-{port}" for port in ports], "failures": []}
        wait_until(f"requests reach {ports}", lambda wanted=wanted: attempt("named", 8) == wanted, 60)
    assert edge.worker() == worker


def test_several_source_addresses_carry_more_sockets_than_one_has_ports(edge, attempt, wait_until):
    """Each address may use 1,000 ports here; 1,500 sockets to one node need both."""
    edge.host.check_output("ip address replace 10.213.43.11/24 dev eth0")

    def up():
        rows = edge.statistics()
        return all(rows["ranges_websocket", server]["status"] == "UP" for server in ("only", "only_2"))

    wait_until("both servers are up", up)
    assert attempt("flood", 1500) == {"open": 1500, "still": 1500, "failed": {}}
    rows = edge.statistics()
    assert all(int(rows["ranges_websocket", server]["smax"]) > 500 for server in ("only", "only_2"))


def test_no_service_has_an_outage(edge):
    down = {key for key, row in edge.statistics().items() if row["status"].startswith("DOWN")}
    assert not {key for key in down if not key[0].startswith(("named", "ranges"))}
