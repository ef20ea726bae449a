"""A third node comes to two that are full: sessions move to it, at the rate that is told, and lose nothing.

REBALANCE_CLIENTS is how many each of two processes holds (300), REBALANCE_RATE how many are closed in a second (20).
What it took is added to .cache/rebalance.jsonl.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter

import pytest
import testinfra
from resources.edge import PROJECT

testinfra_hosts = ["ansible://rebalance-edge"]

CLIENTS = int(os.environ.get("REBALANCE_CLIENTS", "300"))
RATE = float(os.environ.get("REBALANCE_RATE", "20"))
ALL = 2 * CLIENTS
NEW = "rebalance-app3"
AGENT = "realtime-edge-agent"
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8404/metrics/edge', timeout=20).read().decode())"


class Clients:
    """Two processes of clients/recover.js."""

    def __init__(self, edge):
        command = edge.command("recover.js", "--clients", str(CLIENTS), "--timeout", "60")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
        for process in self.processes:
            assert json.loads(process.stdout.readline())["ready"]

    def observed(self):
        """What all of them have seen: numbers as their sums, `nodes` as a Counter, `tries` sorted."""
        found = Counter()
        nodes, tries, gaps = Counter(), [], []
        for process in self.processes:
            process.stdin.write("\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            nodes.update(said.pop("nodes"))
            gaps += said.pop("gaps")
            tries += said.pop("tries")
            found.update(said)
        return {**found, "nodes": nodes, "gaps": gaps, "tries": sorted(time / 1000 for time in tries)}

    def stop(self):
        for process in self.processes:
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def clients(edge, wait_until):
    """Clients of two nodes, who have all heard from them, and the third node, which has come since."""
    node = testinfra.get_host(f"ansible://{NEW}")

    def is_up():
        rows = edge.statistics()
        return rows["chat_websocket", NEW]["status"].startswith("UP")

    node.check_output("systemctl stop recovery")
    wait_until("the third node is down", lambda: not is_up())
    clients = Clients(edge)
    wait_until("all have heard from their node", lambda: clients.observed()["quiet"] == 0, 60)
    assert set(clients.observed()["nodes"]) == {"rebalance-app1", "rebalance-app2"}
    node.check_output("systemctl start recovery")
    wait_until("the third node is up", is_up)
    yield clients
    clients.stop()


def closed(edge, since):
    """When an operator has closed a socket (state K in HAProxy's log), as the journal has it."""
    lines = edge.host.check_output("journalctl --unit haproxy --output json --since @%s", str(since)).splitlines()
    entries = [json.loads(line) for line in lines]
    killed = [entry for entry in entries if re.search(r" chat_websocket/\S+ \S+ \d+ \d+ K", str(entry["MESSAGE"]))]
    return sorted(int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])) / 1e6 for entry in killed)


def peak(times, seconds=1.0):
    """The most that happened within so many seconds."""
    return max(
        (sum(first <= other < first + seconds for other in times[n:]) for n, first in enumerate(times)), default=0
    )


def metric(edge, name):
    """The sum of a metric of /metrics/edge; 0 while the service is away, as at its restart."""
    said = edge.host.run("python3 -c %s", ASK).stdout
    return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", said))


def are_even(nodes):
    """Whether three nodes have a third of all each, give or take one in twenty."""
    return len(nodes) == 3 and all(0.95 * ALL / 3 <= number <= 1.05 * ALL / 3 for number in nodes.values())


def check_that_nothing_was_lost(edge, clients, before, since, wait_until):
    """Wait until all are back; say what it took."""
    wait_until("all are back", lambda: clients.observed()["connected"] == ALL, 60)
    seen = clients.observed()
    names = ("lost", "returned", "recovered", "missing", "twice")
    lost, returned, recovered, missing, twice = (seen[name] - before[name] for name in names)
    tries, times = seen["tries"][len(before["tries"]) :], closed(edge, since)
    figures = {
        "clients": ALL,
        "rate": RATE,
        "closed": len(times),
        "seconds": round(times[-1] - times[0], 1),
        "most closed in a second": peak(times),
        "most tries in a second": peak(tries),
        "recovered": recovered,
        "missing": missing,
        "twice": twice,
        "nodes": dict(seen["nodes"]),
    }
    with (PROJECT / ".cache/rebalance.jsonl").open("a") as file:
        file.write(f"{json.dumps(figures)}\n")
    assert lost == returned == len(times), figures
    assert recovered >= 0.99 * returned, figures
    assert missing == 0, (figures, seen["gaps"])
    for seconds in (1.0, 5.0):
        assert peak(times, seconds) <= seconds * RATE + 1, figures
    assert peak(tries) <= 1.5 * RATE, figures
    return figures


def test_a_hung_service_is_told_and_nothing_is_closed(edge, clients, play):
    edge.host.check_output("systemctl kill --signal STOP %s", AGENT)
    try:
        done = play({"rebalance_rate": RATE}, playbook="rebalance")
        assert done.returncode != 0
        assert f"the service {AGENT}, which counts the sockets, does not answer" in done.stdout
        assert "Traceback" not in done.stdout
    finally:
        edge.host.check_output("systemctl restart %s", AGENT)
    assert clients.observed()["lost"] == 0


def test_sessions_move_to_a_node_that_has_come_and_lose_nothing(edge, clients, play, wait_until):
    before, since = clients.observed(), edge.host.check_output("date +%s")
    # Whoever starts it may think better of it: what was done stays, and another run goes on.
    command = ["ansible-playbook", "playbooks/rebalance.yml", "-e", f"rebalance_rate={RATE}"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT)
    wait_until("some have moved", lambda: clients.observed()["lost"] >= RATE, 60)
    first.send_signal(signal.SIGINT)
    assert first.wait(60) != 0
    assert "Traceback" not in first.stdout.read()
    assert metric(edge, "realtime_edge_closing_left") > 0
    said = edge.host.ansible("realtime.edge.haproxy_status", check=False)
    assert said["closing"]["left"] > 0
    assert any(line.startswith("sessions closed (surplus): ") for line in said["table"])
    limit = 30 + 4 * ALL / 3 / RATE
    done = play({"rebalance_rate": RATE, "rebalance_time": int(limit)}, playbook="rebalance")
    assert done.returncode == 0, done.stdout
    assert re.search(rf"rebalance-edge: \d+ closed here, \d+ too many on all edges \(.*{NEW} \d+ of \d+", done.stdout)
    figures = check_that_nothing_was_lost(edge, clients, before, since, wait_until)
    assert are_even(figures["nodes"]), figures
    wait_until("its end is told", lambda: metric(edge, "realtime_edge_closing_left") == 0)
    again = play({"rebalance_rate": RATE}, playbook="rebalance")
    assert again.returncode == 0
    assert "changed=0 " in again.stdout


def test_the_sessions_of_a_node_that_is_updated_go_elsewhere_first(edge, clients, play, wait_until, tmp_path):
    update = tmp_path / "update.yml"
    update.write_text("- name: Update\n  ansible.builtin.command: systemctl restart recovery\n")
    before, since = clients.observed(), edge.host.check_output("date +%s")
    variables = {"nodes": "chat_nodes", "tasks": str(update), "drain": 0, "rate": RATE}
    done = play(
        {f"rolling_update_{name}": value for name, value in variables.items()},
        *("--limit", f"localhost,{NEW}"),
        playbook="rolling_update",
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"rebalance-edge: \d+ closed here, \d+ left", done.stdout)
    assert f"{before['nodes'][NEW]} sessions of {NEW} were closed, 0 do not end" in done.stdout
    figures = check_that_nothing_was_lost(edge, clients, before, since, wait_until)
    assert figures["closed"] == before["nodes"][NEW]


def test_the_edge_moves_sessions_by_itself_where_it_has_a_rate(edge, clients, play, wait_until):
    before, since = clients.observed(), edge.host.check_output("date +%s")
    limits = {**edge.variables["haproxy_limits"], "rebalance_rate": int(RATE)}
    assert set(before["nodes"]) == {"rebalance-app1", "rebalance-app2"}
    try:
        assert play({"haproxy_limits": limits}).returncode == 0
        wait_until("it begins", lambda: metric(edge, "realtime_edge_rebalance_running") == 1, 90)
        wait_until(
            "it ends", lambda: metric(edge, "realtime_edge_rebalance_running") == 0, int(60 + 4 * ALL / 3 / RATE)
        )
        figures = check_that_nothing_was_lost(edge, clients, before, since, wait_until)
        assert are_even(figures["nodes"]), figures
        assert metric(edge, "realtime_edge_rebalanced_sockets_total") == figures["closed"]
    finally:
        assert play({}).returncode == 0
