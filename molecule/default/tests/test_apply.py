"""A change is applied without losing a socket; a mistake changes nothing and is explained."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://edges"]

TAKEN_PORT = 7777


def deployed(edge):
    """What must not change when a change is refused."""
    files = edge.host.check_output("find /etc/haproxy -type f ! -name '*.rejected' -exec sha256sum {} + | sort")
    return files, edge.host.check_output("readlink /usr/local/sbin/haproxy"), edge.worker()


def additional(**directives):
    """The variables for one more frontend."""
    return {"haproxy_sections": {"frontend": {"additional": {**directives, "http-request": "deny"}}}}


def test_a_change_is_shown_then_applied_then_taken_back(edge, hold, play):
    held = hold(10, "websocket")
    before = deployed(edge)
    wanted = additional(bind="127.0.0.1:7778")

    shown = play(wanted, "--check", "--diff")
    assert shown.returncode == 0, shown.stdout
    assert "+frontend additional" in shown.stdout
    assert deployed(edge) == before

    assert play(wanted).returncode == 0
    assert edge.host.socket("tcp://127.0.0.1:7778").is_listening
    # Nothing is left to do: the values are checked, and the edge is compared with them.
    assert "ok=2 changed=0" in play(wanted).stdout

    assert play({}).returncode == 0
    assert deployed(edge)[:2] == before[:2]
    assert not edge.host.socket("tcp://127.0.0.1:7778").is_listening
    assert held.ping()["answered"] == 10
    assert not held.of("disconnect")


@pytest.fixture
def service(edge):
    return edge.variables["haproxy_services"][0]


def test_affinity_by_cookie_is_an_option(edge, service, play):
    changed = {"haproxy_services": [{**service, "socketio": {"affinity": "cookie"}}]}
    try:
        assert play(changed).returncode == 0
        browsers = edge.client("affinity.js", "--clients", "10", "--cookies")
        assert (browsers["connected"], browsers["failed"], browsers["moved"]) == (10, 0, 0), browsers
        others = edge.client("affinity.js", "--clients", "10")
        assert others["failed"] + others["moved"] > 0, others
    finally:
        assert play({}).returncode == 0


@pytest.fixture
def taken_port(edge):
    """Another process listens on TAKEN_PORT: `haproxy -c` does not find out, a reload does."""
    listen = f"import socket, time; s = socket.create_server(('', {TAKEN_PORT})); print(1, flush=True); time.sleep(600)"
    pid = edge.host.check_output("python3 -c %s >/dev/null 2>&1 & echo $!", listen)
    edge.host.check_output(
        "for i in $(seq 100); do ss -Hltn sport = :%s | grep -q . && exit; sleep 0.1; done; exit 1", str(TAKEN_PORT)
    )
    yield
    edge.host.check_output("kill %s", pid)


@pytest.fixture
def mistake(request, service, key_pairs):
    """The variables of a mistake, or of several that are told together, by their names."""
    (certificate, _), (_, other_key) = key_pairs
    return {
        "no servers, unknown transport": {
            "haproxy_services": [{**service, "servers": [], "socketio": {"transports": ["polling", "websoket"]}}]
        },
        "duplicate name": {"haproxy_services": [service, service]},
        "another key, no such file, unknown keyword": {
            "haproxy_certificates": [
                {"name": "chat", "certificate": certificate, "key": other_key},
                {"name": "other", "pem": "/no/such/file.pem"},
            ],
            **additional(bind="127.0.0.1:7778", timeuot="client 5s"),
        },
        "port in use, another host's address": additional(bind=[f":{TAKEN_PORT}", "192.0.2.1:7778"]),
        "a socket in no folder": additional(bind="/run/nowhere/edge.sock"),
    }[request.param]


@pytest.mark.usefixtures("taken_port")
@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (
            "no servers, unknown transport",
            [
                "haproxy_services[0].servers: ",
                "haproxy_services[0].socketio.transports[1]: ",
                "'websoket'",
                "websocket",
            ],
        ),
        ("duplicate name", ["haproxy_services[1].name: ", "haproxy_services[0]"]),
        (
            "another key, no such file, unknown keyword",
            [
                "haproxy_certificates[0].key",
                "haproxy_certificates[1].pem",
                "/no/such/file.pem",
                "haproxy_sections.frontend.additional.timeuot: ",
                "timeout",
            ],
        ),
        (
            "port in use, another host's address",
            [
                "haproxy_sections.frontend.additional.bind[0]: ",
                str(TAKEN_PORT),
                "haproxy_sections.frontend.additional.bind[1]: ",
                "192.0.2.1",
            ],
        ),
        # `haproxy -c` does not find this one, and there is no port to try: the reload itself is refused.
        ("a socket in no folder", ["refused the reload", "haproxy_sections.frontend.additional.bind", "cannot bind"]),
    ],
    indirect=["mistake"],
)
def test_a_mistake_is_explained_and_changes_nothing(edge, hold, play, mistake, said):
    held = hold(5, "websocket")
    before = deployed(edge)
    done = play(mistake)
    assert done.returncode != 0
    for words in said:
        assert words in done.stdout
    assert "Traceback" not in done.stdout
    assert "PRIVATE KEY" not in done.stdout
    assert deployed(edge) == before
    assert held.ping()["answered"] == 5
    assert not held.of("disconnect")
