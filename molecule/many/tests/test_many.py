"""A thousand services on one edge: each request finds its own, and changes of them cost nobody a socket."""

from __future__ import annotations

import json

import pytest

testinfra_hosts = ["ansible://edges"]

AT_RUN_TIME = "In the running process, without a reload"
COUNT = 1000
MAP = "/etc/haproxy/routes.map"


def status(edge, host, path="/healthz", **headers):
    return edge.get(path, Host=host, **headers).status


@pytest.mark.parametrize("number", [0, 1, COUNT // 2, COUNT - 1])
def test_each_request_is_served_by_its_own_service(edge, number):
    before = edge.served()
    assert status(edge, f"s{number}.test") == 200
    assert status(edge, f"S{number}.test:443", "/socket.io/?EIO=4&transport=polling") == 200
    after = edge.served()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == {f"s{number}_http": 1, f"s{number}_polling": 1}


@pytest.mark.parametrize("name", [f"s{COUNT}.test", "s0.test.evil.test", "xs0.test", "test", "*"])
def test_a_host_that_nobody_has_is_told_so(edge, name):
    assert status(edge, name) in (400, 421)


def test_the_frontend_has_as_few_rules_as_with_one_service(edge):
    text = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    frontend = text.partition("\nfrontend https\n")[2].partition("\n\n")[0]
    assert len(frontend.splitlines()) < 80
    assert len(edge.host.file(MAP).content_string.splitlines()) == 2 * COUNT - COUNT // 10


def test_a_map_edited_by_hand_is_put_right_without_a_reload(edge, play):
    worker, text = edge.worker(), edge.host.file(MAP).content_string
    edge.host.check_output("echo 'intruder.test/ s0' >> %s", MAP)
    assert play({}).returncode == 0
    assert (edge.host.file(MAP).content_string, edge.worker()) == (text, worker)
    assert status(edge, "intruder.test") == 421


def test_services_come_change_and_go_under_live_sockets(edge, crowd, play, wait_until):
    services = json.loads(json.dumps(edge.variables["haproxy_services"]))
    for number in (0, 1, COUNT // 2, COUNT - 1):
        crowd.come(50, f"s{number}.test", "websocket", "--interval", "2000")

    def change(wanted, *words):
        """Run the role: whether it reloaded, or nothing if it refused."""
        worker = edge.worker()
        done = play({"haproxy_services": wanted})
        for word in words:
            assert word in done.stdout, done.stdout[-3000:]
        assert "Traceback" not in done.stdout
        return edge.worker() != worker if done.returncode == 0 else None

    # A host and an origin more; a service less: its sockets stay, and nobody new comes; a service of a known kind more.
    services[1]["hosts"].append("more.test")
    services[1]["origins"].append("https://partner.test")
    gone = services.pop()
    services.append({**services[5], "name": "pages", "hosts": ["pages.test"]})
    host = gone["hosts"][0]
    said = (
        f"3 more (more.test/, more.test/socket.io/, pages.test/), 2 less ({host}/, {host}/socket.io/)",
        f"server {gone['name']}_websocket/many-app1 is removed",
        "backend pages_http is added, with 2 servers",
    )
    assert change(services, AT_RUN_TIME, *said) is False
    assert status(edge, host) == 421
    wait_until("the new service serves", lambda: status(edge, "pages.test") == 200)
    handshake = "/socket.io/?EIO=4&transport=polling"
    assert status(edge, "more.test", handshake, Origin="https://partner.test") == 200
    assert status(edge, "more.test", handshake, Origin="https://s1.test") == 200
    assert status(edge, "more.test", handshake, Origin="https://a.apps1.test") == 200
    assert status(edge, "more.test", handshake, Origin="https://a.apps2.test") == 403

    # One with a mistake changes nothing.
    wrong = [*services, {**gone, "name": "wrong", "hosts": ["s1.test"]}]
    assert (
        change(wrong, f"haproxy_services[{len(services)}].hosts: 's1.test' already belongs to haproxy_services[1]")
        is None
    )
    assert status(edge, "s1.test") == 200

    # A service more whose sessions a table follows.
    assert change([*services, {**gone, "name": "new", "hosts": ["new.test"]}], "backend new_polling is new") is True
    assert status(edge, "new.test") == 200

    for seen in crowd.observed():
        assert (seen["clients"], seen["lost"], seen["refused"]) == (50, {}, {}), seen
        assert seen["sent"] == seen["answered"] > 0
        assert (seen["out_of_order"], seen["moved"]) == (0, 0)
