"""Another certificate by the playbook for it, and old workers in excess, under live sockets."""

from __future__ import annotations

import ssl

testinfra_hosts = ["ansible://edges"]


def certificate(edge):
    """What a new connection is shown."""
    with edge.connect() as connection:
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).strip()


def test_a_certificate_is_rotated_at_run_time(edge, hold, play, key_pairs):
    held, worker = hold(10, "websocket"), edge.worker()
    (new, key), _ = key_pairs
    before, shown = edge.host.file("/etc/haproxy/certificates/chat.pem").content_string, certificate(edge)
    variables = {"haproxy_certificates": [{"name": "chat", "certificate": new, "key": key}]}
    try:
        done = play(variables, playbook="rotate_certificate")
        assert done.returncode == 0, done.stdout
        assert "at run time: /etc/haproxy/certificates/chat.pem" in done.stdout, done.stdout
        edge.ca.write_text(new)
        assert certificate(edge) == new
        done = play(variables, playbook="rotate_certificate")
        assert "nothing to do" in done.stdout, done.stdout
    finally:
        done = play({"haproxy_certificates": [{"name": "chat", "pem": before}]}, playbook="rotate_certificate")
        edge.ca.write_text(shown)
    assert done.returncode == 0, done.stdout
    assert certificate(edge) == shown
    assert edge.worker() == worker
    assert held.ping()["answered"] == 10
    assert not held.of("disconnect")


def test_the_oldest_worker_is_emptied_gently_where_that_is_allowed(edge, hold, play, wait_until):
    def change(port, **limits):
        frontend = {"additional": {"bind": f"127.0.0.1:{port}", "http-request": "deny"}}
        return play({"haproxy_sections": {"frontend": frontend}, "haproxy_max_old_workers": 1, **limits})

    wait_until(
        "only the worker is left that serves", lambda: edge.ask("show proc", "master").split().count("worker") == 1, 60
    )
    held = hold(10, "websocket")
    try:
        assert change(7001).returncode == 0
        worker = edge.worker()
        done = change(7002)
        assert done.returncode != 0
        assert "1 old workers still serve" in done.stdout
        assert edge.worker() == worker
        assert not held.of("disconnect")

        done = change(7002, haproxy_drain_time=20, haproxy_drain_rate=1)
        assert done.returncode == 0, done.stdout
        assert edge.worker() != worker
    finally:
        assert play({}).returncode == 0
    wait_until("all are back", lambda: len(held.of("reconnect")) == 10)
    # One was back before the last had to go.
    events = [event["event"] for event in held.of("disconnect", "reconnect")]
    assert "disconnect" in events[events.index("reconnect") :], events
    assert held.ping()["answered"] == 10
