"""A server that somebody configured by hand is adopted: nothing changes, and from then on it is like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://by_hand"]

FILE = "/etc/haproxy/haproxy.cfg"
MASTER = {"master_socket": "/run/haproxy-master.sock", "base_settings": False}
WRITTEN = Path(__file__).parents[1] / "files/by_hand.cfg"


def run(host, **options):
    return host.ansible("realtime.edge.haproxy_config", json.dumps(options), check=False, become=True)


def page(host, path):
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())"
    return host.check_output("python3 -c %s http://127.0.0.1%s", ask, path).strip()


def test_adopted_the_file_is_what_it_was(host):
    assert host.file(FILE).content_string == WRITTEN.read_text()
    assert host.file("/etc/haproxy/fragments.d/edge.json").exists
    assert page(host, "/") == 'good morning, "intranet"'


@pytest.fixture
def afterwards(host):
    """Leave the server as it was found."""
    yield
    host.check_output("printf %%s %s > %s && systemctl reload haproxy", WRITTEN.read_text(), FILE)


def test_a_contributor_changes_it_and_leaves(host, afterwards):
    data = run(host, state="gathered")["gathered"]
    lunch = {
        "frontend": {"intranet": {"use_backend": "lunch if { path /lunch }"}},
        "backend": {"lunch": {"http-request": "return status 200 content-type text/plain string soup"}},
    }
    result = run(host, fragment="lunch", sections=lunch)
    assert result["action"] == "reload", result
    assert page(host, "/lunch") == "soup"
    assert page(host, "/") == 'good morning, "intranet"'
    result = run(host, fragment="lunch", state="absent")
    assert result["action"] == "reload", result
    assert page(host, "/") == 'good morning, "intranet"'
    assert "lunch" not in host.file(FILE).content_string
    # Written in our manner now, it is still what was adopted, also with the sorted keys that data have here.
    result = run(host, sections=data, **MASTER)
    assert result["changed"] is False, result
