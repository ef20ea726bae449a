"""Certificates change in the running process: nobody is cut off, nothing is reloaded, and no key is seen."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import KEYS

testinfra_hosts = ["ansible://edges"]

FOLDER = "/etc/haproxy/certificates"


@pytest.fixture(scope="module")
def certificate(edge):
    """Run the module; its result."""

    def run(*certificates, check=False):
        return edge.module("haproxy_certificate", check, certificates=certificates, services=[])

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


@pytest.fixture(scope="module")
def intermediates(tmp_path_factory):
    """A certificate, its key, and two certificates of the authority in between: one name, one key, issued twice."""
    folder = tmp_path_factory.mktemp("intermediates")

    def openssl(*command):
        subprocess.run(["openssl", *command], cwd=folder, capture_output=True, check=True)

    def ask(name, host):
        curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl("req", "-new", *curve.split(), "-subj", f"/CN={host}", "-keyout", f"{name}.key", "-out", f"{name}.csr")

    def sign(name, extension, issuer, out):
        (folder / "extensions").write_text(extension)
        by = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-CAcreateserial", "-CAserial", "serial"]
        openssl("x509", "-req", "-in", f"{name}.csr", *by, "-days", "40", "-extfile", "extensions", "-out", out)

    ask("between", "between")
    for number in (1, 2):
        sign("between", "basicConstraints=CA:TRUE", KEYS / "ecdsa-ca", f"between{number}.crt")
    (folder / "between.crt").write_text((folder / "between1.crt").read_text())
    ask("leaf", "chat.test")
    sign("leaf", "subjectAltName=DNS:chat.test", "between", "leaf.crt")
    return [(folder / name).read_text() for name in ("leaf.crt", "leaf.key", "between1.crt", "between2.crt")]


def chain(edge):
    """What a new client is shown, certificate by certificate, in DER."""
    command = ["openssl", "s_client", "-connect", f"{edge.address}:443", "-servername", "chat.test", "-showcerts"]
    command += ["-sigalgs", "ECDSA+SHA256"]
    said = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False).stdout
    found = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL)
    return [ssl.PEM_cert_to_DER_cert(one) for one in found]


def test_a_renewed_authority_in_between_is_served_at_once(edge, hold, certificate, intermediates, play, row):
    """HAProxy tells of a chain only how long it is, and whose: both of these are the same to it."""
    leaf, key, one, two = intermediates
    honest, worker = hold(50, "websocket"), edge.worker()
    for between in (one, two):
        wanted = {"name": "chat", "certificate": leaf, "chain": between, "key": key}
        assert certificate(wanted)["swapped"] == [f"{FOLDER}/chat.pem"]
        assert chain(edge) == [ssl.PEM_cert_to_DER_cert(one) for one in (leaf, between)]
        again = certificate(wanted)
        assert (again["changed"], again["swapped"]) == (False, [])
    # The file alone, as a run leaves it that was killed: the plan of the configuration sees it too.
    edge.host.check_output("printf %%s %s > %s/chat.pem", leaf + one + key, FOLDER)
    done = play({}, "--limit", name(edge), "--tags", "haproxy_config")
    assert f"certificate {FOLDER}/chat.pem is replaced" in done.stdout, done.stdout
    assert chain(edge)[1:] == [ssl.PEM_cert_to_DER_cert(one)]
    assert "changed=0" in play({}, "--limit", name(edge), "--tags", "haproxy_config").stdout
    assert edge.worker() == worker
    assert honest.of("disconnect", "reconnect") == []
    row("A renewed intermediate", "served at once, though HAProxy calls it the same", "the worker keeps a hash of it")


def name(edge):
    return edge.variables["inventory_hostname"]


def let_in(say, certificate, **more):
    """Whether who has this certificate gets to the service for the staff."""
    try:
        answer = say(
            b"GET /whoami HTTP/1.1\r\nHost: staff.test\r\n\r\n", name="staff.test", certificate=certificate, **more
        )
    except (ssl.SSLError, ConnectionError):
        return False
    return answer.startswith(b"HTTP/1.1 200")


def test_another_authority_of_clients_is_asked_for_at_once(edge, hold, play, say, tls, row):
    honest, worker = hold(50, "websocket"), edge.worker()
    # Who has been let in keeps a session, and a connection.
    contexts, sessions = [], []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):

        def only(context, version=version):
            contexts.append(context)
            context.minimum_version = context.maximum_version = version

        with tls(name="staff.test", certificate="member", change=only) as connection:
            connection.sendall(b"GET /whoami HTTP/1.1\r\nHost: staff.test\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            sessions.append(connection.session)
    ours = [one for one in edge.variables["haproxy_certificates"] if one["name"] != "staff-ca"]

    def rotate(*authorities):
        text = "".join((KEYS / f"{name}.crt").read_text() for name in authorities)
        wanted = {"haproxy_certificates": [*ours, {"name": "staff-ca", "ca": text}]}
        done = play(wanted, "--limit", name(edge), playbook="rotate_certificate")
        assert done.returncode == 0, done.stdout
        return done.stdout

    authority = "/etc/haproxy/client-ca/staff-ca.pem"
    with tls(name="staff.test", certificate="member") as connection, talking(connection) as answers:
        try:
            said = rotate("foreign-ca")
            assert f"runtime: CA file {authority} is replaced" in said
            assert "so that clients no longer trusted cannot resume" in said
            assert [let_in(say, one) for one in ("foreign", "member", "")] == [True, False, False]
            for context, session in zip(contexts, sessions):
                assert not resumed(edge, context, session)
            assert "nothing to do" in rotate("foreign-ca")
        finally:
            rotate("staff-ca")
        assert [let_in(say, one) for one in ("foreign", "member", "")] == [False, True, False]
    # Whoever is inside stays.
    assert len(answers) > 3
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers
    assert edge.worker() == worker
    assert honest.of("disconnect", "reconnect") == []
    row(
        "Another authority of clients",
        "asked for at once; the old one's clients are out, their session tickets too",
        "Runtime API; new ticket keys where somebody is trusted no longer",
    )


@contextlib.contextmanager
def talking(connection):
    """Ask for something every second, on this connection; the answers so far."""
    answers, over = [], threading.Event()

    def talk():
        while not over.wait(1):
            connection.sendall(b"GET /whoami HTTP/1.1\r\nHost: staff.test\r\n\r\n")
            answers.append(connection.recv(4096))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def resumed(edge, context, session):
    """Whether a client is let in by a session of before."""
    try:
        plain = socket.create_connection((edge.address, 443), 10)
        with context.wrap_socket(plain, server_hostname="staff.test", session=session) as connection:
            connection.sendall(b"GET /whoami HTTP/1.1\r\nHost: staff.test\r\n\r\n")
            return connection.session_reused and connection.recv(100).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionError):
        return False


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
    assert "a key that does not belong to its certificate" in done["msg"]
    assert other.splitlines()[1] not in json.dumps(done)
    assert served(edge, tls) == before
