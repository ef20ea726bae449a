"""What is shipped in monitoring/ works with a real Prometheus that watches the edge under traffic."""

from __future__ import annotations

import json
import math
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://edges"]

SHIPPED = Path(__file__).parents[3] / "monitoring"
DASHBOARD = json.loads((SHIPPED / "dashboard.json").read_text(encoding="utf-8"))
QUERIES = [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
]
SOCKETS = 5
# What an edge tells that has a shared address (module_utils/_haproxy/pair/ready.py), a canary (agent/agent.py), or
# sessions that are closed (runtime/closing.py): here is none.
ELSEWHERE = """\
# TYPE realtime_edge_address_held gauge
realtime_edge_address_held{address="web"} 1
# TYPE realtime_edge_address_since_seconds gauge
realtime_edge_address_since_seconds{address="web"} 1700000000
# TYPE realtime_edge_handover_flows gauge
realtime_edge_handover_flows{address="web"} 7
# TYPE realtime_edge_handover_packets_total counter
realtime_edge_handover_packets_total{address="web"} 70
# TYPE realtime_edge_address_announced gauge
realtime_edge_address_announced{address="198.51.100.10"} 2
# TYPE realtime_edge_canary_share gauge
realtime_edge_canary_share{service="chat"} 5
# TYPE realtime_edge_canary_sessions_total counter
realtime_edge_canary_sessions_total{service="chat"} 50
# TYPE realtime_edge_canary_errors_total counter
realtime_edge_canary_errors_total{service="chat"} 1
# TYPE realtime_edge_closing_left gauge
realtime_edge_closing_left{of="chat/app1"} 30
# TYPE realtime_edge_closed_sessions_total counter
realtime_edge_closed_sessions_total 70
"""


@pytest.fixture(scope="module")
def ask(edge, monitor):
    """Ask Prometheus, which runs with the shipped configuration, but for the edge's address and a shorter interval."""
    address = monitor.ansible.get_variables()["haproxy_address"]
    monitor.check_output("mkdir -p /srv/monitoring")
    for name in ("prometheus.yml", "alerts.yml", "alerts.test.yml"):
        monitor.ansible("copy", f"src={SHIPPED / name} dest=/srv/monitoring/{name}", check=False, become=False)
    monitor.check_output("promtool check config /srv/monitoring/prometheus.yml")
    monitor.check_output(
        r"sed -i -e 's/targets: .*/targets: [%s:8404]/' -e 's/scrape_interval: .*/scrape_interval: 1s/' "
        "/srv/monitoring/prometheus.yml",
        edge.address,
    )
    monitor.check_output(
        "systemd-run --unit watching prometheus --config.file /srv/monitoring/prometheus.yml "
        "--storage.tsdb.path /tmp/watched --web.listen-address 0.0.0.0:9090"
    )

    def get(path, **query):
        url = f"http://{address}:9090/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # our own container
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it starts
                return None
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        except OSError:
            return None

    yield get
    monitor.run("systemctl stop watching")


@pytest.fixture(scope="module")
def watched(edge, ask, wait_until):
    """Watch the edge while people come, talk, stay through a reload, and some go wrong."""
    wait_until("Prometheus has seen the edge", lambda: (ask("query", query="sum(up)") or {"result": []})["result"])
    sockets = edge.hold(SOCKETS, "websocket")
    polls = edge.hold(SOCKETS, "polling")
    edge.host.check_output("mkdir -p /run/realtime-edge && printf %%s %s >/run/realtime-edge/metrics", ELSEWHERE)
    serving = edge.worker()
    edge.ask("reload", "master")
    wait_until("another worker serves", lambda: edge.worker() != serving)

    def traffic():
        sockets.ping()
        polls.ping()
        edge.client("try.js")
        assert edge.get("/socket.io/?EIO=4&transport=polling&sid=unknown").status == 400
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            edge._connect(old)

    def seen():
        traffic()
        found = ask("query", query="rate(realtime_edge_affinity_misses_total[1m]) > 0")["result"]
        return found and ask("query", query="rate(haproxy_frontend_ssl_failed_handshake[1m]) > 0")["result"]

    wait_until("the traffic is in the metrics", seen, 90)
    yield
    edge.host.check_output("rm /run/realtime-edge/metrics")
    sockets.stop()
    polls.stop()


def numbers(ask, expression):
    filled = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
    return [float(sample["value"][1]) for sample in ask("query", query=filled)["result"]]


@pytest.mark.parametrize(("panel", "expression"), QUERIES, ids=[panel for panel, _expression in QUERIES])
def test_every_panel_has_data(ask, watched, panel, expression):
    found = numbers(ask, expression)
    assert found
    assert any(math.isfinite(number) for number in found)


def test_sockets_on_an_old_worker_stay_in_sight(ask, watched):
    assert numbers(ask, 'realtime_edge_workers{state="old"}')[0] >= 1
    assert numbers(ask, 'sum(realtime_edge_old_sessions{proxy="chat_websocket"})') == [SOCKETS]


def test_the_days_of_a_certificate_are_those_of_the_facts(edge, ask, watched):
    (days,) = numbers(ask, "(realtime_edge_certificate_not_after_seconds - time()) / 86400")
    facts = edge.module("haproxy_status")["certificates"]
    assert [math.floor(days)] == [certificate["days_left"] for certificate in facts]


def test_misses_outlive_a_reload(edge, ask, watched, wait_until):
    before = numbers(ask, "realtime_edge_affinity_misses_total")[0]
    serving = edge.worker()
    edge.ask("reload", "master")
    wait_until("another worker serves", lambda: edge.worker() != serving)
    edge.get("/socket.io/?EIO=4&transport=polling&sid=unknown")
    # Until the new worker has the tables there is no count at all.
    wait_until(
        "the count goes on", lambda: [n for n in numbers(ask, "realtime_edge_affinity_misses_total") if n > before]
    )


def test_every_rule_is_evaluated_and_none_fires_on_a_healthy_edge(ask, watched, wait_until):
    def rules():
        found = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    found = wait_until("all rules were evaluated", rules, 120)
    assert {rule["health"] for rule in found} == {"ok"}
    assert [rule["name"] for rule in found if rule["state"] == "firing"] == []


def test_each_alert_fires_when_it_should(monitor, ask):
    done = monitor.run("cd /srv/monitoring && promtool test rules alerts.test.yml")
    assert done.rc == 0, done.stdout + done.stderr
    tested = (SHIPPED / "alerts.test.yml").read_text(encoding="utf-8")
    names = re.findall(r"alert: (\w+)", (SHIPPED / "alerts.yml").read_text(encoding="utf-8"))
    assert [name for name in names if name not in tested] == []
