"""The facts of a running edge are those of its workers, and the playbook shows them."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://edges"]


def facts(edge):
    said = edge.module("haproxy_status")
    assert "answers" in said, said
    return said


def websocket(found):
    (service,) = [service for service in found["services"] if service["name"] == "chat"]
    return next(backend for backend in service["backends"] if backend["transport"] == "websocket")


@pytest.fixture
def contributed(edge):
    """Let somebody contribute a backend, and take it out again."""

    def contribute(**arguments):
        said = edge.module("haproxy_config", fragment="shop", **arguments)
        assert said.get("action") in ("reload", "runtime"), said  # a backend less needs no reload

    contribute(sections={"backend": {"shop": {"server": "s1 10.0.0.1:80"}}})
    yield
    contribute(state="absent")


def test_live_sockets_are_counted_by_transport_and_server(edge, hold, wait_until):
    wait_until("no socket is left of other tests", lambda: websocket(facts(edge))["sessions"] == 0)
    hold(6, "websocket")
    found = facts(edge)
    assert found["answers"]
    backend = websocket(found)
    assert backend["sessions"] == 6
    assert sum(server["sessions"] for server in backend["servers"]) == backend["sessions"]
    assert {server["name"] for server in backend["servers"]} == {"observability-app1", "observability-app2"}
    assert {server["status"] for server in backend["servers"]} == {"UP"}


def test_after_a_reload_they_are_on_an_old_worker_and_still_counted(edge, hold, wait_until):
    hold(4, "websocket")
    serving = edge.worker()
    edge.ask("reload", "master")
    wait_until("another worker serves", lambda: edge.worker() != serving)
    found = facts(edge)
    assert found["workers"][0]["serving"]
    old = {worker["pid"]: worker for worker in found["workers"] if not worker["serving"]}
    assert old[int(serving)]["connections"] >= 4
    assert websocket(found)["old_sessions"] >= 4
    assert found["workers"][0]["uptime"] <= found["uptime"]


def test_the_build_is_the_one_that_runs(edge):
    found = facts(edge)
    assert found["version"].startswith("3.0.11")
    assert "USE_OPENSSL=1" in found["build"]
    assert found["tls_library"].startswith("OpenSSL 3")


def test_certificates_have_the_days_that_openssl_counts(edge):
    (certificate,) = facts(edge)["certificates"]
    assert certificate["names"] == ["chat"]
    ends = f"openssl x509 -noout -in {certificate['path']} -checkend"
    seconds = certificate["days_left"] * 86400
    assert edge.host.run(f"{ends} {seconds - 86400}").rc == 0
    assert edge.host.run(f"{ends} {seconds + 2 * 86400}").rc == 1


def test_contributors_are_named(edge, contributed):
    assert [part["name"] for part in facts(edge)["contributors"]] == ["edge", "shop"]
    page = edge.module("haproxy_explain")["html"]
    assert 'value="owner:shop"' in page


def test_the_playbook_shows_it_and_fails_for_a_certificate_that_ends(play):
    done = play({}, playbook="status")
    assert done.returncode == 0, done.stdout
    for words in ("HAProxy 3.0.11", "WebSocket", "observability-app1", "days left"):
        assert words in done.stdout
    late = play({"status_days_left": 100000}, playbook="status")
    assert late.returncode != 0
    assert "/etc/haproxy/certificates/chat.pem is valid from" in late.stdout


def test_where_nothing_runs_that_is_told(edge):
    said = edge.module("haproxy_status", master_socket="/none/master.sock")
    assert said["answers"] is False
    assert said["problem"] == "/none/master.sock does not answer: No such file or directory"
