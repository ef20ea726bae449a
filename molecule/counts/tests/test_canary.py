"""A canary gets its share of new sessions on both edges, keeps them, and is withdrawn when it fails."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter

import pytest
import testinfra

testinfra_hosts = ["ansible://counts-edge12"]

CANARY = "canary"
FAILING = "/run/failing"

# The application, which answers 500 to whoever opens a session while a file is there.
SCRIPT = f"""
const fs = require('node:fs'), http = require('node:http'), create = http.createServer;
http.createServer = (...given) => {{
  const server = create(...given), emit = server.emit;
  server.emit = (event, request, answer, ...more) => {{
    const opens = ['request', 'upgrade'].includes(event) && /EIO=/.test(request.url) && !/sid=/.test(request.url);
    if (!opens || !fs.existsSync('{FAILING}')) return emit.call(server, event, request, answer, ...more);
    const text = 'HTTP/1.1 500 Internal Server Error\\r\\nContent-Length: 0\\r\\n\\r\\n';
    return event === 'upgrade' ? answer.end(text) : answer.writeHead(500).end();
  }};
  return server;
}};
"""
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8404/metrics/edge', timeout=20).read().decode())"


@pytest.fixture
def canary(edges, play, wait_until):
    """The host of the canary, which runs; in the end its share is what the inventory says."""
    host = testinfra.get_host("ansible://counts-app3")
    host.check_output("printf %%s %s > /run/canary.js && rm -f %s", SCRIPT, FAILING)
    environment = f"--setenv PORT=3001 --setenv NODE_NAME={CANARY}"
    host.check_output(f"systemd-run --unit canary {environment} node --require /run/canary.js /srv/chat/server.js")

    def checked():
        rows = [
            edge.statistics()[f"chat_{transport}", CANARY] for edge in edges for transport in ("websocket", "polling")
        ]
        return all(row["check_status"] == "L7OK" for row in rows)

    wait_until("its health is known", checked)
    yield host
    host.check_output("systemctl stop canary; rm -f %s", FAILING)
    if "chat 0" not in edges[0].ask("show map /etc/haproxy/canary.map"):
        assert play({}).returncode == 0


# What an edge has to say of a session that its node did not know.
LOGGED = "journalctl --unit haproxy --output cat --since -3min | grep -E ' is DOWN| chat_polling/.* 400 ' | tail -n 20"


def take(play, steps, pause=1, **more):
    """Run the playbook that raises the share."""
    return play({"canary_service": "chat", "canary_steps": steps, "canary_pause": pause, **more}, playbook="canary")


def nodes(held):
    """Node → clients that are there."""
    return Counter(node for clients in held for node in clients.nodes().values())


def told(edge, name):
    """A metric of the canary."""
    said = edge.host.run("python3 -c %s", ASK).stdout
    return float(re.search(rf'^realtime_edge_canary_{name}{{service="chat"}} (\S+)$', said, re.MULTILINE)[1])


def test_its_share_of_new_sessions_stays_with_it(edges, held, play, canary):
    workers = [edge.worker() for edge in edges]
    done = take(play, "25")
    assert done.returncode == 0, done.stdout
    assert "the canary of chat gets 25 % of new sessions" in done.stdout
    assert "write canary.share: 25 of chat into the inventory" in done.stdout
    for edge, transport in zip(edges * 2, ("websocket", "polling", "polling,websocket", "websocket")):
        # On a busy machine four hundred answers take longer than those of one client may.
        held.append(edge.hold(100, transport, "--timeout", "60"))
    there = nodes(held)
    # Four times the deviation that chance alone has.
    assert 65 <= there[CANARY] <= 135, there
    assert len(there) == 4
    assert [told(edge, "share") for edge in edges] == [25, 25]

    def all_stay():
        answers = [clients.ping() for clients in held]
        ended = [event for clients in held for event in clients.of("disconnect")]
        assert not ended, [edge.host.run(LOGGED).stdout for edge in edges]
        assert [answer["per_node"] for answer in answers] == [Counter(clients.nodes().values()) for clients in held]

    all_stay()
    done = play({})
    assert done.returncode == 0, done.stdout
    assert [edge.worker() for edge in edges] == workers, "the share changes without a reload"
    for edge in edges:
        edge.reload()
    all_stay()
    held.append(edges[0].hold(40, "websocket"))
    assert CANARY not in nodes(held[-1:])


def test_one_that_fails_is_withdrawn_everywhere_and_nobody_else_notices(edges, held, play, canary, wait_until):
    assert take(play, "50").returncode == 0
    held += [edge.hold(30, transport) for edge, transport in zip(edges, ("websocket", "polling"))]
    there = [nodes([clients])[CANARY] for clients in held]
    assert min(there) >= 4
    canary.check_output("touch %s", FAILING)
    answers, over = [], threading.Event()

    def come():
        while not over.wait(0.05):
            answers.append((time.monotonic(), edges[0].get("/socket.io/?EIO=4&transport=polling").status))

    def withdrawn():
        return [told(edge, "withdrawn") for edge in edges]

    def disconnected():
        return sum(len(clients.of("disconnect")) for clients in held)

    visitors = threading.Thread(target=come, daemon=True)
    visitors.start()
    try:
        wait_until("it is withdrawn everywhere", lambda: withdrawn() == [1, 1])
        failed = [when for when, status in answers if status == 500]
        assert failed[-1] - failed[0] <= 10
        assert len(failed) <= 40
        # A run that changes nothing changes nothing of this.
        services = edges[0].variables["haproxy_services"]
        services = [{**services[0], "canary": {**services[0]["canary"], "share": 50}}]
        assert play({"haproxy_services": services}).stdout.count("changed=0 ") == len(edges)
        assert withdrawn() == [1, 1]
        assert [told(edge, "share") for edge in edges] == [0, 0]
        said = edges[1].host.ansible("realtime.edge.haproxy_status", check=False)["table"]
        assert any("the canary of chat is WITHDRAWN at 50 % of new sessions, by counts-edge12" in line for line in said)
        # New clients reach the other nodes, on the other edge too, and those who are there notice nothing.
        held.append(edges[1].hold(20, "websocket"))
        assert CANARY not in nodes(held[-1:])
        assert all(clients.ping()["failed"] == 0 for clients in held)
        assert disconnected() == 0
        # Whoever raises it again is told, and its sessions are moved, those that poll too.
        done = take(play, "50,100", 60, canary_move_rate=40)
    finally:
        over.set()
        visitors.join()
    assert {status for _when, status in answers} == {200, 500}
    assert done.returncode != 0
    assert "the canary of chat was withdrawn at 50 % of new sessions, by counts-edge12:" in done.stdout
    assert "Traceback" not in done.stdout
    wait_until("all have come back", lambda: sum(len(clients.of("reconnect")) for clients in held) == disconnected())
    assert (CANARY in nodes(held), disconnected()) == (False, sum(there))
    # It is repaired, and begins anew.
    canary.check_output("rm %s", FAILING)
    done = take(play, "50")
    assert done.returncode == 0, done.stdout
    held.append(edges[1].hold(30, "websocket"))
    assert CANARY in nodes(held[-1:])


def test_a_wrong_step_changes_nothing(edges, play):
    done = take(play, "5,101")
    assert done.returncode != 0
    assert "canary_steps: '101' is no percentage from 0 to 100" in done.stdout
    assert "Traceback" not in done.stdout
    assert told(edges[0], "share") == 0
