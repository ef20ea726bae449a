"""HAProxy's own client: what it has obtained is never lost to a reload, and nobody notices."""

from __future__ import annotations

import json
import re

import pytest

testinfra_hosts = ["ansible://acme-edge34"]

CHAT = "/etc/haproxy/certificates/chat.pem"


def on_disk(edge):
    """The certificate in the file, as the edge shows the one that it serves."""
    return bytes.fromhex(edge.host.check_output("openssl x509 -in %s -outform DER | od -An -v -tx1", CHAT))


def renew(edge, wait_until):
    """Have HAProxy renew the certificate as it does by itself; returns the new one."""
    before = edge._certificate()
    edge.ask(f"acme renew {CHAT}")
    wait_until("a new certificate is served", lambda: edge._certificate() != before)
    return edge._certificate()


def changed(done):
    assert done.returncode == 0, done.stdout
    return int(re.search(r"changed=(\d+)", done.stdout)[1])


@pytest.fixture(autouse=True, scope="module")
def _as_the_inventory_has_it(obtain):
    changed(obtain("--limit=acme-edge34", playbook="site"))


def test_it_sees_to_the_certificate_with_the_account_of_all_edges(edge):
    (row,) = [line.split("\t") for line in edge.ask("acme status").splitlines() if line.startswith("/")]
    assert row[:3] == [CHAT, "edge", "Scheduled"]
    key = edge.host.file("/etc/haproxy/acme-account.key")
    assert (key.user, key.group, key.mode) == ("root", "haproxy", 0o640)
    assert "PRIVATE" not in edge.host.check_output("cat /etc/haproxy/haproxy.cfg /etc/haproxy/fragments.d/*")


def test_a_reload_keeps_what_haproxy_has_renewed_by_itself(edge, hold, obtain, wait_until):
    honest = hold(200, "websocket")
    new, worker = renew(edge, wait_until), edge.worker()
    assert on_disk(edge) != new
    # A run that changes nothing leaves the newer one where it is, and does not warn again.
    done = obtain("--limit=acme-edge34", "--tags=haproxy_config", playbook="site")
    assert changed(done) == 0
    assert "experimental" not in done.stdout + done.stderr
    assert (edge._certificate(), edge.worker()) == (new, worker)
    more = json.dumps({"haproxy_sections": {"global": {"maxconn": 8000}}})
    assert changed(obtain("--limit=acme-edge34", "--tags=haproxy_config", more, playbook="site")) == 1
    assert edge.worker() != worker
    assert (edge._certificate(), on_disk(edge)) == (new, new)
    assert honest.ping()["answered"] == 200
    assert honest.of("disconnect", "reconnect") == []
    changed(obtain("--limit=acme-edge34", "--tags=haproxy_config", playbook="site"))


def test_a_run_of_the_role_brings_it_to_the_disk(edge, obtain, wait_until):
    new, worker = renew(edge, wait_until), edge.worker()
    assert changed(obtain("--limit=acme-edge34", "--check", playbook="site")) == 1
    assert on_disk(edge) != new
    assert changed(obtain("--limit=acme-edge34", playbook="site")) == 1
    assert (edge._certificate(), on_disk(edge), edge.worker()) == (new, new, worker)
    assert edge.host.check_output("stat -c '%%U:%%G %%a' %s", CHAT) == "root:haproxy 640"
    assert changed(obtain("--limit=acme-edge34", playbook="site")) == 0


def test_an_older_haproxy_is_refused(obtain):
    done = obtain("--limit=acme-edge13", "--extra-vars=acme_client=haproxy")
    assert done.returncode != 0
    assert "from 3.2 on, and this edge has 3.0" in done.stdout
