"""An authority that fails is told with its names, in bounded time; all edges serve on, and the rest is installed."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import testinfra

testinfra_hosts = ["ansible://acme-edge12"]

SERVERS = ["10.213.11.21:3000"]
AUTHORITY = "https://10.213.11.30"


@pytest.fixture
def edges(edge):
    """Every edge of the scenario."""
    return [testinfra.get_host(f"ansible://{name}") for name in edge.variables["groups"]["edges"]]


def served(edges):
    """What each edge has for `chat`, on its disk and in its worker."""
    show = "openssl s_client -connect localhost:443 -servername chat.test </dev/null 2>&1 | openssl x509 -fingerprint"
    disk = "sha256sum /etc/haproxy/certificates/chat.pem"
    return [(host.check_output(disk), host.check_output(show)) for host in edges]


def other(folder):
    """A certificate of somebody else's, as variables: a service `shop` whose certificate has just come."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "9",
            "-subj",
            "/CN=shop.test",
            "-addext",
            "subjectAltName=DNS:shop.test",
            "-keyout",
            folder / "key",
            "-out",
            folder / "crt",
        ],
        check=True,
        capture_output=True,
    )
    return json.dumps(
        {"haproxy_certificates": [{"name": "shop", "certificate": str(folder / "crt"), "key": str(folder / "key")}]}
    )


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        pytest.param(
            ":14009/dir",
            {
                "controller": "it does not answer: .*Connection refused",
                "haproxy": ".* code 503 .* if the CA does not answer",
            },
            id="down",
        ),
        pytest.param(
            ":14001/dir",
            {"controller": "it does not answer: Timed out after 40 second", "haproxy": "it does not answer"},
            id="accepts and never answers",
        ),
    ],
)
def test_an_authority_that_does_not_answer(edges, obtain_all, with_options, tmp_path, directory, said):
    before = served(edges)
    options = {"remaining_days": 100000, "directory": f"{AUTHORITY}{directory}"}
    told = obtain_all(with_options(**options), other(tmp_path))
    for client, done in told.items():
        assert done.returncode != 0
        assert f"The CA at {AUTHORITY}{directory} issued no certificate" in done.stdout
        assert re.search(rf"- chat \(chat.test\): {said[client]}", done.stdout), done.stdout
        assert "It serves the previous certificate, valid for" in done.stdout
        # Another one that ends soon is told by each run.
        assert "the certificate shop expires on" in done.stdout + done.stderr
    assert served(edges) == before
    for host in edges:
        assert "shop.test" in host.check_output("openssl x509 -in /etc/haproxy/certificates/shop.pem -noout -subject")


def test_names_that_the_authority_gives_nothing_for(edges, obtain_all):
    before = served(edges)
    names = {"gone": "gone.test", "bad": "forbidden.test", "chat": "chat.test"}
    services = [{"name": name, "hosts": [host], "servers": SERVERS} for name, host in names.items()]
    for done in obtain_all(json.dumps({"haproxy_services": services})).values():
        assert done.returncode != 0
        # It cannot reach the one, and its policy forbids the other.
        assert re.search(r"- gone \(gone.test\): .*no such host", done.stdout), done.stdout
        assert re.search(r"- bad \(forbidden.test\): .*forbidden by policy", done.stdout), done.stdout
        assert done.stdout.count("It serves a self-signed placeholder") >= 2
        assert "- chat" not in done.stdout
    assert served(edges) == before


def test_check_mode_asks_nobody(edges, obtain, with_options):
    before = served(edges)
    done = obtain(with_options(remaining_days=100000, directory=f"{AUTHORITY}:14001/never"), "--check")
    assert done.returncode == 0, done.stdout
    assert served(edges) == before
