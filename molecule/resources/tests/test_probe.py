"""The module `socketio_probe`, run on the edge, sees what its users see."""

from __future__ import annotations

import hashlib
import ssl

import pytest

testinfra_hosts = ["ansible://edges"]


@pytest.fixture(scope="module")
def probe(edge):
    """Try the first service of the edge, with further options of the module."""

    def run(**options):
        service = edge.variables["haproxy_services"][0]
        words = {
            "url": f"https://{edge.name}/",
            "address": ":443",
            # A stand-in is its own authority: its name and its dates count.
            "ca_path": f"/etc/haproxy/certificates/{service.get('certificate', service['name'])}.pem",
            **options,
        }
        return edge.module("socketio_probe", **{key: value for key, value in words.items() if value})

    return run


@pytest.fixture(scope="module")
def found(probe):
    return probe()


@pytest.mark.parametrize("transport", ["http", "redirect", "polling", "websocket", "upgrade", "affinity"])
def test_works(found, transport):
    row = next(row for row in found["transports"] if row["transport"] == transport)
    assert row["works"], row["detail"]
    assert (row["round_trip_ms"] is None) == (transport == "affinity")


def test_everything_works_and_nothing_changes(found):
    assert (found["works"], found["changed"]) == (True, False)
    assert len(found["table"]) == 1 + len(found["transports"])


def test_node_and_certificate_are_told(edge, found, nodes):
    assert found["transports"][0]["node"] in nodes
    served = ssl.PEM_cert_to_DER_cert(edge.ca.read_text())
    assert found["certificate"]["sha256"] == hashlib.sha256(served).hexdigest()
    assert f"CN={edge.name}" in found["certificate"]["subject"]


def test_where_there_is_no_socket_io_it_says_so(probe):
    found = probe(path="/nothing/here/", transports="http,polling")
    assert [row["works"] for row in found["transports"]] == [True, False]
    assert found["msg"].startswith("https://")
    assert "there is no Socket.IO at /nothing/here/: 404 Not Found" in found["msg"]


def test_a_certificate_that_is_not_trusted_is_told(probe):
    found = probe(ca_path="", transports="websocket", generation="4")
    assert "the certificate is not trusted" in found["msg"]
