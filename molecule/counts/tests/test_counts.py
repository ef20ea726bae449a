"""What each process counts alone is counted over all workers and both edges: balance and limits keep to that."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter

import pytest
from resources.edge import Held

testinfra_hosts = ["ansible://counts-edge12"]

RELOADS = 20
LIMIT = 400
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8404/metrics/edge', timeout=20).read().decode())"


def counted(edge):
    """(node, worker) → sockets and polls, as the edge's metrics tell."""
    found = Counter()
    said = edge.host.run("python3 -c %s", ASK).stdout
    for server, worker, number in re.findall(r'node_sockets\{.*server="([^"]+)".*worker="(\w+)"\} (\d+)', said):
        found[server, worker] += int(number)
    return found


def all_counted(edges, wait_until, sockets):
    """Wait until each edge has counted all sockets, those of the other edge too."""
    wait_until(
        f"{sockets} sockets are known everywhere", lambda: all(counted(edge).total() == sockets for edge in edges), 60
    )


def take_out(edge, state, *nodes):
    """Put nodes out of service on an edge until its next reload, or back into it."""
    for node in nodes:
        for transport in ("websocket", "polling"):
            assert edge.ask(f"set server chat_{transport}/{node} state {state}") == ""


@pytest.mark.parametrize("transport", ["websocket", "polling,websocket"])
def test_nodes_are_equally_full_whatever_was_reloaded(edges, held, wait_until, play, transport):
    for edge in edges:
        take_out(edge, "maint", "counts-app3")
        held.append(edge.hold(60, transport))
    sockets = 120
    assert set(nodes(held)) == {"counts-app1", "counts-app2"}
    for number in range(RELOADS):
        edge = edges[number % 2]
        edge.reload()
        all_counted(edges, wait_until, sockets)
        held.append(edge.hold(12, transport))
        sockets += 12
    all_counted(edges, wait_until, sockets)
    full = nodes(held)
    assert sum(full.values()) == sockets
    assert max(full.values()) / min(full.values()) <= 1.1, full
    assert not [event for clients in held for event in clients.of("disconnect")]
    weights = {row["uweight"] for (backend, _), row in edges[0].statistics().items() if backend == "chat_websocket"}
    assert weights != {"1"}
    run = play({})
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("changed=0 ") == len(edges), "a run undoes the weights"


def nodes(held):
    """Node → clients that are there."""
    return Counter(node for clients in held for node in clients.nodes().values())


def test_a_limit_of_a_node_holds_over_reloads_and_edges(edges, held, wait_until):
    def come(edge, clients):
        command = edge.command("hold.js", "--clients", str(clients), "--transport", "websocket")
        held.append(Held(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))

    def waiting(edge):
        return int(edge.statistics()["chat_websocket", "BACKEND"]["qcur"])

    for edge in edges:
        take_out(edge, "maint", "counts-app2", "counts-app3")
        come(edge, 150)
    all_counted(edges, wait_until, 300)
    for edge in edges:
        edge.reload()
        take_out(edge, "maint", "counts-app2", "counts-app3")
    all_counted(edges, wait_until, 300)
    for edge in edges:
        come(edge, 150)
    # Two hundred more would come: one hundred may.
    wait_until("the node is full", lambda: sum(nodes(held).values()) >= LIMIT - 2, 60)
    for edge in edges:
        wait_until("others wait", lambda edge=edge: waiting(edge) > 0)
    assert nodes(held)["counts-app1"] <= LIMIT * 1.01


def test_a_node_that_somebody_takes_out_stays_out_until_it_is_brought_back(edges, held, wait_until):
    edge = edges[0]

    def put(state):
        return edge.host.ansible("realtime.edge.haproxy_server", f"name=counts-app3 state={state}", check=False)

    def weight():
        return edge.statistics()["chat_websocket", "counts-app3"]["uweight"]

    assert put("drain")["changed"]
    edge.reload()
    all_counted(edges, wait_until, 0)
    held.append(edge.hold(30, "websocket"))
    all_counted(edges, wait_until, 30)
    assert weight() == "0"
    assert set(nodes(held)) == {"counts-app1", "counts-app2"}
    assert not put("drain")["changed"]
    assert put("ready")["changed"]
    wait_until("it gets the new ones", lambda: weight() == "256")
    held.append(edge.hold(15, "websocket"))
    assert nodes(held)["counts-app3"] >= 10, nodes(held)
    assert not put("ready")["changed"]


def test_a_node_that_has_come_gets_its_share_little_by_little(edges, held, wait_until, play):
    rate, sockets = 6, 240
    began = edges[0].host.check_output("date +%s")
    for edge in edges:
        take_out(edge, "maint", "counts-app3")
        held.append(edge.hold(sockets // 2, "websocket", "--delay", "1", "--retry", "5"))
    assert set(nodes(held)) == {"counts-app1", "counts-app2"}
    # The new workers take the third node for one like the others.
    for edge in edges:
        edge.reload()
    all_counted(edges, wait_until, sockets)
    # A run that ends too early says what is left, and another one goes on.
    first = play({"rebalance_rate": rate, "rebalance_time": 5}, playbook="rebalance")
    assert first.returncode != 0
    assert "sockets are too many on some node after 5 seconds: start it again" in first.stdout
    done = play({"rebalance_rate": rate, "rebalance_time": 120}, playbook="rebalance")
    assert done.returncode == 0, done.stdout
    assert re.search(r"counts-edge12: \d+ closed here, \d+ too many on all edges \(counts-app1 \d+ of \d+", done.stdout)

    def away():
        return sum(len(clients.of("disconnect")) - len(clients.of("reconnect")) for clients in held)

    wait_until("all have come back", lambda: away() == 0, 60)
    assert all(76 <= number <= 84 for number in nodes(held).values()), nodes(held)
    assert all(clients.ping()["failed"] == 0 for clients in held)
    ended = [closed(edge, began) for edge in edges]
    assert sum(map(len, ended)) == sum(len(clients.of("disconnect")) for clients in held)
    assert 76 <= sum(map(len, ended)) <= 160, "eighty are enough"
    # Each of two edges has half of the rate.
    for times in ended:
        assert all(later - before >= 5 / (rate / 2) * 0.9 for before, later in zip(times, times[5:])), times
    assert play({"rebalance_rate": rate}, playbook="rebalance").stdout.count("changed=0 ") == len(edges)


def closed(edge, since):
    """When an operator has closed a socket (state K in HAProxy's log), as the journal has it."""
    lines = edge.host.check_output("journalctl --unit haproxy --output json --since @%s", since).splitlines()
    entries = [json.loads(line) for line in lines]
    killed = [entry for entry in entries if re.search(r" chat_websocket/\S+ \S+ \d+ \d+ K", str(entry["MESSAGE"]))]
    return sorted(int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])) / 1e6 for entry in killed)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "rebalance_rate: give the sockets a second that all edges may close together"),
        ({"rebalance_rate": 0}, "rate: 0 closes no socket"),
        ({"rebalance_rate": -1}, "rate: -1 is not between 0 and 1000"),
        ({"rebalance_rate": "fast"}, "rate"),
        ({"rebalance_rate": 5, "rebalance_time": 0}, "time: each of 2 edges closes one socket in 0.4 seconds"),
    ],
)
def test_a_rate_that_is_none_closes_nothing(hold, play, variables, words):
    clients = hold(4, "websocket")
    done = play(variables, playbook="rebalance")
    assert done.returncode != 0
    assert words in done.stdout
    assert "Traceback" not in done.stdout
    assert not clients.of("disconnect")


def test_without_the_service_the_edge_serves_and_says_so(edges, held, play):
    edge = edges[0]
    edge.host.check_output("systemctl stop realtime-edge-agent")
    held.append(edge.hold(6, "websocket"))
    assert held[0].ping()["answered"] == 6
    said = edge.host.ansible("realtime.edge.haproxy_status", check=False)
    assert said["agent"] is False
    assert any("realtime-edge-agent DOES NOT ANSWER" in line for line in said["table"])
    rows = [row for (backend, _), row in edge.statistics().items() if backend == "chat_websocket" and row["addr"]]
    rows = [row for row in rows if row["svname"] != "canary"]
    # It has given back what the file says.
    assert {(row["uweight"], row["slim"]) for row in rows} == {("1", str(LIMIT))}
    done = play({"rebalance_rate": 5}, "--limit", "counts-edge12", playbook="rebalance")
    assert done.returncode != 0
    assert "which counts the sockets, does not answer" in done.stdout
    assert not held[0].of("disconnect")
