"""A real browser shows the application's page through the edge; pictures of what it showed: .cache/browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import subprocess
from pathlib import Path

import pytest
import testinfra

testinfra_hosts = ["ansible://edges"]

MODES = {"polling": {"polling"}, "polling,websocket": {"polling", "websocket"}, "websocket": {"websocket"}}

# The version that the browser may use → what it calls it; the edge counts requests by it.
HTTP = {"1": "http/1.1", "2": "h2", "3": "h3"}

# Where it is on the browser's host.
PICTURE = "/run/page.png"


@pytest.fixture(scope="module")
def browser():
    return testinfra.get_host("ansible://protocols-browser")


@pytest.fixture(scope="module")
def key(edge):
    """The key that the browser is to trust, as Chromium wants it: no authority has signed the stand-in."""
    openssl = ["openssl", "x509", "-pubkey", "-noout", "-in", str(edge.ca)]
    public = subprocess.run(openssl, check=True, capture_output=True, text=True).stdout
    der = ssl.PEM_cert_to_DER_cert(public.replace("PUBLIC KEY", "CERTIFICATE"))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture(scope="module")
def pictures():
    folder = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".cache" / "browser"
    folder.mkdir(exist_ok=True)
    return folder


def requests(edge):
    """How many requests came by each version of HTTP so far."""
    row = edge.statistics()["https", "FRONTEND"]
    return {version: int(row[f"h{version}req"]) for version in HTTP}


def risen(before, after):
    return {name for name in after if after[name] > before[name]}


@pytest.fixture
def browse(edge, browser, key):
    """What the browser shows of a generation's page."""

    def browse(generation, mode, http, more=""):
        done = browser.run(
            f"node /srv/browser/browse.js --screenshot {PICTURE} --url %s --address %s --key %s --http %s {more}",
            f"https://g{generation}.test/?transports={mode}",
            edge.address,
            key,
            http,
        )
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        assert "error" not in result, result
        assert not result["troubles"]
        return result

    return browse


# Over HTTP/3 there is no WebSocket: the browser goes back to TCP for it.
@pytest.mark.parametrize(
    ("http", "mode"), [*((http, mode) for http in "12" for mode in MODES), ("3", "polling"), ("3", "polling,websocket")]
)
@pytest.mark.parametrize("generation", ["2", "4"])
def test_the_page_works(edge, browser, browse, pictures, generation, http, mode):
    served, asked = edge.served(), requests(edge)
    result = browse(generation, mode, http)
    picture = pictures / f"socketio{generation}-{mode.replace(',', '-')}-http{http}.png"
    picture.write_bytes(browser.file(PICTURE).content)

    sessions = result["sessions"]
    last = mode.split(",")[-1]
    assert {session["transport"] for session in sessions} == {last}
    assert {session["shown"].lower() for session in sessions} == {f"connected over {last}"}
    assert {session["upgraded"] for session in sessions} == {"," in mode}
    assert {session["node"] for session in sessions} == set(edge.variables["groups"]["generations"])
    # Heard by another person on the same node, and acknowledged: the page measures round trips.
    assert len(result["heard"]) > 1
    assert len(set(result["heard"])) == 1
    assert all(float(session["trip"].split()[0]) > 0 for session in sessions)

    # What served it: the page itself is an ordinary request.
    wanted = {f"g{generation}_{backend}" for backend in MODES[mode] | {"http"}}
    assert {name for name in risen(served, edge.served()) if name.startswith("g")} == wanted
    assert {protocol for session in sessions for protocol in session["protocols"]} == {HTTP[http]}
    versions = risen(asked, requests(edge))
    if http == "3" and "websocket" in mode:
        assert versions - {"3"} in ({"1"}, {"2"})
        versions = {"3"}
    assert versions == {http}


def test_a_client_that_tries_webtransport_first_ends_on_another_transport(browse):
    result = browse("4", "polling", "3", "--fallback")
    assert any("Failed to establish a connection" in trouble for trouble in result["refused"]), "it was not tried"
    assert result["fallback"] == "websocket"
