"""What each process counts alone is counted over all workers and both edges: balance and limits keep to that."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from resources.edge import Held

testinfra_hosts = ["ansible://counts-edge12"]

RELOADS = 20
LIMIT = 400
RATE = 6
SOCKETS = 240
AGENT = "realtime-edge-agent"
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


def test_nodes_are_equally_full_whatever_was_reloaded(edges, held, wait_until, play):
    # So few that the first clients after a reload fill the third node to half of its share: edges then leave it so.
    transports = ("websocket", "polling,websocket")
    for edge, transport in zip(edges, transports):
        take_out(edge, "maint", "counts-app3")
        held.append(edge.hold(30, transport))
    sockets = 60
    assert set(nodes(held)) == {"counts-app1", "counts-app2"}
    for number in range(RELOADS):
        edge = edges[number % 2]
        edge.reload()
        all_counted(edges, wait_until, sockets)
        held.append(edge.hold(12, transports[number % 2]))
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


def come_to_two_of_three(edges, held, wait_until, sockets):
    """Let clients come to two nodes, then the third node: it has none of its share."""
    for edge in edges:
        take_out(edge, "maint", "counts-app3")
        held.append(edge.hold(sockets // 2, "websocket", "--delay", "1", "--retry", "5"))
    assert set(nodes(held)) == {"counts-app1", "counts-app2"}
    # The new workers take the third node for one like the others.
    for edge in edges:
        edge.reload()
    all_counted(edges, wait_until, sockets)


def lost(held):
    """How many clients have lost their socket."""
    return sum(len(clients.of("disconnect")) for clients in held)


def check_moved(edges, held, wait_until, since):
    """Wait until all are back; the nodes are equally full, and no edge was faster than its part of the rate."""
    wait_until("all are back", lambda: sum(len(clients.of("reconnect")) for clients in held) == lost(held), 60)
    full, share = nodes(held), sum(nodes(held).values()) / 3
    assert len(full) == 3
    assert all(0.95 * share <= number <= 1.05 * share for number in full.values()), full
    assert all(clients.ping()["failed"] == 0 for clients in held)
    ended = [closed(edge, since) for edge in edges]
    assert sum(map(len, ended)) == lost(held)
    assert 0.95 * share <= lost(held) <= 2 * share, "as many as one node has are enough"
    for times in ended:
        assert all(later - before >= 5 / (RATE / 2) * 0.9 for before, later in zip(times, times[5:])), times


def test_a_service_that_hangs_in_the_middle_is_told_and_another_run_goes_on(edges, held, wait_until, play):
    since = edges[0].host.check_output("date +%s")
    come_to_two_of_three(edges, held, wait_until, SOCKETS)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(play, {"rebalance_rate": RATE}, playbook="rebalance")
        wait_until("some have moved", lambda: lost(held) >= RATE, 60)
        edges[1].host.check_output("systemctl kill --signal STOP %s", AGENT)
        try:
            assert first.result(120).returncode != 0
        finally:
            edges[1].host.check_output("systemctl kill --signal CONT %s", AGENT)
    said = first.result().stdout
    assert re.search(r"counts-edge12: \d+ closed here, \d+ too many on all edges \(counts-app1 \d+ of \d+", said)
    assert re.search(
        rf"the service {AGENT}, [^;]* does not answer .timed out.: [^;]*; without it nothing is closed", said
    )
    assert re.search(r"\d+ sessions were closed before that; start it again when this is mended, and it goes on", said)
    assert "nothing is known of the sockets of counts-edge13: HAProxy is connected" in said
    assert "Traceback" not in said
    assert len(nodes(held)) == 3
    all_counted(edges, wait_until, SOCKETS)
    # A run that ends too early says what is left.
    short = play({"rebalance_rate": 2, "rebalance_time": 4}, playbook="rebalance")
    assert "sockets are too many on some node after 4 seconds: start it again" in short.stdout
    done = play({"rebalance_rate": RATE, "rebalance_time": 120}, playbook="rebalance")
    assert done.returncode == 0, done.stdout
    check_moved(edges, held, wait_until, since)
    assert play({"rebalance_rate": RATE}, playbook="rebalance").stdout.count("changed=0 ") == len(edges)


def test_edges_move_sockets_by_themselves_and_wait_for_each_other(edges, held, wait_until):
    def moving():
        said = [edge.host.run("python3 -c %s", ASK).stdout for edge in edges]
        return [text.count('rebalance_running{service="chat"} 1') for text in said]

    def told():
        return edges[0].host.ansible("realtime.edge.haproxy_status", check=False)

    since = edges[0].host.check_output("date +%s")
    come_to_two_of_three(edges, held, wait_until, SOCKETS)
    wait_until("some have moved", lambda: lost(held) >= 2 * RATE, 90)
    edges[1].host.check_output("systemctl stop %s", AGENT)
    wait_until("the other waits", lambda: told()["moving"] == {"services": ["chat"], "silent": ["counts-edge13"]}, 60)

    def stands_still():
        # To ask takes so long that some sockets would have moved meanwhile.
        before, table = lost(held), told()["table"]
        return table if lost(held) == before else None

    table = wait_until("its round is over", stands_still, 60)
    assert "moves sockets of chat to its emptier nodes by itself, but WAITS for counts-edge13" in table
    full = nodes(held)
    assert max(full.values()) - min(full.values()) > 9, full
    edges[1].host.check_output("systemctl start %s", AGENT)
    wait_until("both move sockets", lambda: moving() == [1, 1])
    wait_until("they end", lambda: moving() == [0, 0], 120)
    check_moved(edges, held, wait_until, since)
    # The new workers know of none of them, and no edge begins anew.
    ended = lost(held)
    for edge in edges:
        edge.reload()
    all_counted(edges, wait_until, SOCKETS)
    assert (lost(held), moving()) == (ended, [0, 0])


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
