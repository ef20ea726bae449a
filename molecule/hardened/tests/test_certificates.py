"""Certificates change in the running process: nobody is cut off, nothing is reloaded, and no key is seen."""

from __future__ import annotations

import json
import ssl

import pytest
from conftest import KEYS

testinfra_hosts = ["ansible://edges"]

FOLDER = "/etc/haproxy/certificates"


@pytest.fixture
def certificate(edge):
    """Run the module; its result."""

    def run(*certificates, check=False):
        options = {"certificates": certificates, "services": []}
        return edge.host.ansible("realtime.edge.haproxy_certificate", json.dumps(options), check=check)

    yield run
    # Back to what the inventory says.
    run({"name": "chat", "pem": (KEYS / "chat.pem").read_text()})


def served(edge, tls, name="chat.test"):
    """SHA-256 of what a new client is shown, by the certificate's own bytes."""
    with tls(name=name) as connection:
        return connection.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_served_at_once(edge, hold, tls, certificate, renewed, row):
    honest = hold(50, "websocket")
    worker, before = edge.worker(), served(edge, tls)
    text, key = renewed("chat.test")
    foreseen = certificate({"name": "chat", "certificate": text, "key": key}, check=True)
    assert (foreseen["changed"], served(edge, tls)) == (True, before)
    done = certificate({"name": "chat", "certificate": text, "key": key})
    assert done["swapped"] == [f"{FOLDER}/chat.pem"]
    assert done["certificates"][0]["served"]
    assert served(edge, tls) == ssl.PEM_cert_to_DER_cert(text) != before
    assert edge.worker() == worker
    assert honest.of("disconnect", "reconnect") == []
    again = certificate({"name": "chat", "certificate": text, "key": key})
    assert (again["changed"], again["swapped"]) == (False, [])
    # Neither the result nor a log has the key.
    secret = key.splitlines()[1]
    assert secret not in json.dumps(done)
    assert edge.host.run("journalctl --no-pager | grep -F %s", secret).rc == 1
    row(
        "A renewed certificate",
        "served at once; 50 sockets and the worker stay",
        "Runtime API; the file is written first",
    )


def test_what_an_interrupted_run_left_is_mended(edge, tls, certificate, renewed):
    text, key = renewed("chat.test")
    edge.host.check_output("printf %%s %s > %s/chat.pem", text + key, FOLDER)
    assert certificate({"name": "chat"})["swapped"] == [f"{FOLDER}/chat.pem"]
    assert served(edge, tls) == ssl.PEM_cert_to_DER_cert(text)


def test_a_certificate_comes_and_goes_by_its_name(edge, tls, certificate, renewed, row):
    text, key = renewed("news.test")
    usual = served(edge, tls, "news.test")
    worker = edge.worker()
    done = certificate({"name": "news", "certificate": text, "key": key})
    assert done.get("warnings", []) == []
    assert served(edge, tls, "news.test") == ssl.PEM_cert_to_DER_cert(text) != usual
    gone = certificate({"name": "news", "state": "absent"})
    assert (gone["changed"], gone.get("warnings", [])) == (True, [])
    assert served(edge, tls, "news.test") == usual
    assert not edge.host.file(f"{FOLDER}/news.pem").exists
    assert not certificate({"name": "news", "state": "absent"})["changed"]
    assert edge.worker() == worker
    row(
        "A certificate added and removed by SNI",
        "served and gone at once",
        "the same, in the folder that the bind names",
    )


def test_a_key_of_another_certificate_changes_nothing(edge, tls, certificate, renewed):
    before = served(edge, tls)
    (text, _key), (_text, other) = renewed("chat.test"), renewed("chat.test")
    done = certificate({"name": "chat", "certificate": text, "key": other})
    assert "a key that doesn't belong to its certificate" in done["msg"]
    assert other.splitlines()[1] not in json.dumps(done)
    assert served(edge, tls) == before
