"""TLS as scanners and clients of all ages see it."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import warnings

import pytest
from conftest import KEYS, ROOT

testinfra_hosts = ["ansible://edges"]

PORTS = {"intermediate": 443, "modern": 20443, "old": 21443}


@pytest.fixture(scope="module")
def profiles(edge):
    """Other profiles on ports of their own, by a second HAProxy: profile → port."""
    folder = "/run/profiles"
    service = {"name": "chat", "hosts": ["chat.test"], "servers": ["127.0.0.1:3000"], "socketio": {"affinity": "none"}}
    for profile, certificate in (("modern", "chat"), ("old", "chat-rsa")):
        options = {
            "services": [{**service, "certificate": certificate}],
            "tls": {"profile": profile},
            "binds": {"http": [f":{PORTS[profile] - 363}"], "https": [f":{PORTS[profile]}"]},
            "stats_bind": "",
            "path": f"{folder}/{profile}.cfg",
            "state_directory": folder,
            "runtime_socket": f"{folder}/{profile}.sock",
            "master_socket": f"{folder}/{profile}-master.sock",
        }
        edge.host.check_output("mkdir -p %s/%s", folder, profile)
        done = edge.module("haproxy_config", **options)
        assert done.get("action") == "start", done
        # One certificate only: what the profile thinks of the other kind of key is another matter.
        text = edge.host.file(f"{folder}/{profile}.cfg").content_string
        text = text.replace(" crt /etc/haproxy/certificates ", " ")
        edge.host.check_output("printf %%s %s > %s/%s.cfg", text, folder, profile)
        edge.host.check_output("haproxy -D -f %s/%s.cfg -p %s/%s.pid", folder, profile, folder, profile)
    yield PORTS
    edge.host.run("cat %s/*.pid | xargs kill; rm -rf %s", folder, folder)


@pytest.mark.parametrize("profile", PORTS)
def test_mozilla_is_content(edge, profiles, row, profile):
    command = [ROOT / ".cache/scanners/bin/sslyze", f"--mozilla_config={profile}"]
    command += [f"--certinfo_ca_file={KEYS}/authorities.crt", f"chat.test:{profiles[profile]}{{{edge.address}}}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout
    # Its exit status is 0 as well when nobody answers.
    assert f'Mozilla\'s "{profile}" configuration' in said, said
    assert f"chat.test:{profiles[profile]}: OK - Compliant." in said, said
    row(f"sslyze, Mozilla {profile}", "OK - Compliant", "guidelines 5.7")


# What a scanner says of a profile that is meant for browsers of 2010: CBC with TLS 1.0.
KNOWN = {"old": {"BEAST", "BEAST_CBC_TLS1", "LUCKY13"}}


audited = pytest.mark.skipif("AUDIT" not in os.environ, reason="half a minute for each scan: a part of make audit")


@pytest.fixture(scope="module")
def scans(edge, profiles, stranger):
    """What testssl.sh says of vulnerabilities, all scans side by side: profile → finding → its severity."""
    command = "testssl --quiet --warnings batch --vulnerable --jsonfile /tmp/%s.json --ip %s https://chat.test:%s"
    stranger.run("rm -f /tmp/*.json")
    lines = [command % (profile, edge.address, profiles[profile]) for profile in PORTS]
    stranger.run(" & ".join(f"{line} >/dev/null" for line in lines) + " & wait")
    return {
        profile: {
            each["id"]: each["severity"] for each in json.loads(stranger.file(f"/tmp/{profile}.json").content_string)
        }
        for profile in PORTS
    }


@audited
@pytest.mark.parametrize("profile", PORTS)
def test_no_vulnerability_is_found(scans, row, profile):
    found = scans[profile]
    assert found["heartbleed"] == "OK", found
    assert "ROBOT" in found, found
    # What it says of the machine that it runs on is no finding.
    bad = {name for name, severity in found.items() if severity not in ("OK", "INFO")} - {"engine_problem"}
    assert bad <= KNOWN.get(profile, set()), {name: found[name] for name in bad}
    why = (
        "CBC ciphers of TLS 1.0 are what `old` is for"
        if bad
        else "its 17 tests: Heartbleed, ROBOT, POODLE, SWEET32, ..."
    )
    row(f"testssl.sh, vulnerabilities, {profile}", f"only {', '.join(sorted(bad))}" if bad else "none", why)


def old(version):
    def change(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = context.maximum_version = version

    return change


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_below_the_floor_is_refused(row, tls, version):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls(change=old(version))
    row("TLS 1.0 and 1.1 on the default profile", "TLS alert", "floor of intermediate: TLS 1.2")


def test_renegotiation_is_refused(edge, row):
    command = ["openssl", "s_client", "-connect", f"{edge.address}:443", "-servername", "chat.test", "-tls1_2"]
    said = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=60, check=False)
    assert "CONNECTED" in said.stdout
    assert re.search(r"RENEGOTIATING", said.stdout + said.stderr), said
    assert re.search(r"no renegotiation|unexpected eof|ssl handshake failure|alert", said.stderr), said.stderr
    row("Renegotiation by the client", "refused", "HAProxy answers none; TLS 1.3 has none")


@pytest.mark.parametrize(("kind", "algorithms"), [("EC", "ECDSA+SHA256"), ("RSA", "RSA-PSS+SHA256:RSA+SHA256")])
def test_each_client_gets_the_key_that_it_knows(edge, row, kind, algorithms):
    command = ["openssl", "s_client", "-connect", f"{edge.address}:443", "-servername", "chat.test"]
    command += ["-sigalgs", algorithms]
    said = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False).stdout
    assert {"EC": "ECDSA", "RSA": "RSA"}[kind] in re.search(r"Peer signature type: (\S+)", said)[1].upper()
    row("Dual certificates", "ECDSA for who knows it, RSA for the rest", "an ECDSA handshake costs half")


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def resumed(edge, wait_until):
    """Whether a session was resumed, of each version of TLS, while the edge reloaded and rotated its keys."""
    contexts, sessions = {}, {}  # a session belongs to its context
    for version in VERSIONS:
        contexts[version] = ssl.create_default_context(cafile=str(KEYS / "authorities.crt"))
        contexts[version].minimum_version = contexts[version].maximum_version = version

    def talk(version):
        plain = socket.create_connection((edge.address, 443), 10)
        session = sessions.get(version)
        with contexts[version].wrap_socket(plain, server_hostname="chat.test", session=session) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n")
            connection.recv(100)
            sessions.setdefault(version, connection.session)
            return connection.session_reused

    def rotate():
        keys = {"ticket_keys": "/etc/haproxy/ticket-keys", "ticket_rotation": 0}
        done = edge.module("haproxy_certificate", **keys)
        assert (done["ticket_keys"], done.get("warnings", [])) == ("rotated", [])

    found = {version: {"the first": talk(version), "the next": talk(version)} for version in VERSIONS}

    def look(when):
        for version in VERSIONS:
            found[version][when] = talk(version)

    worker = edge.worker()
    assert "Success=0" not in edge.ask("reload", "master")
    wait_until("the new worker serves", lambda: edge.worker() != worker)
    look("after a reload")
    rotate()
    look("after a rotation")
    live = edge.ask("show tls-keys /etc/haproxy/ticket-keys")
    for key in edge.host.file("/etc/haproxy/ticket-keys").content_string.split():
        assert key in live
    rotate()
    rotate()
    look("after three rotations")
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_resume_across_a_reload_and_a_rotation_of_the_keys(resumed, row, version):
    assert resumed[version] == {
        "the first": False,
        "the next": True,
        "after a reload": True,
        "after a rotation": True,
        "after three rotations": False,
    }
    result = "resume across a reload; an old key ends after two more rotations"
    row("Session tickets", result, "keys in a file, rotated at run time")


def test_the_key_exchange_is_hybrid_where_the_library_can(edge, row):
    running = edge.host.check_output("haproxy -vv")
    able = re.search(r"Running on \S+(?: library)? version : OpenSSL (\d+)\.(\d+)", running)
    curves = re.search(r"curves (\S+)", edge.host.file("/etc/haproxy/haproxy.cfg").content_string)[1]
    assert curves.startswith("X25519MLKEM768:") == ((int(able[1]), int(able[2])) >= (3, 5))
    if not curves.startswith("X25519MLKEM768:"):
        row("Post-quantum key exchange", f"not with OpenSSL {able[1]}.{able[2]}", "X25519MLKEM768 from OpenSSL 3.5 on")
        return
    ask = "openssl s_client -connect 127.0.0.1:443 -servername chat.test -groups X25519MLKEM768 </dev/null 2>&1"
    said = edge.host.check_output(ask)
    assert "Negotiated TLS1.3 group: X25519MLKEM768" in said
    row("Post-quantum key exchange", "X25519MLKEM768", "first choice from OpenSSL 3.5 on")
