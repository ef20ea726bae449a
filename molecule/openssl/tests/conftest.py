"""What the tests of this scenario share."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]

# Makes one handshake that offers nothing but this group; the OpenSSL of the tools' Node.js knows it.
OFFER = """
const [host, port, servername, ecdhCurve] = process.argv.slice(1)
const socket = require('node:tls').connect({ host, port, servername, ecdhCurve, rejectUnauthorized: false }, () => {
  console.log(socket.getProtocol())
  socket.end()
})
socket.on('error', (error) => console.log(error.code))
"""


@pytest.fixture(scope="module")
def offer(edge):
    """What a client gets that offers this group for the key exchange and no other: a version of TLS, or an error."""

    def ask(group):
        command = ["node", "-e", OFFER, edge.address, str(edge.port), edge.name, group]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    return ask


@pytest.fixture(scope="module")
def running(edge):
    """The TLS library of the worker that serves, as `haproxy_status` tells it."""
    return lambda: edge.module("haproxy_status")["tls_library"]


@pytest.fixture(scope="module")
def loaded(edge):
    """The shared TLS libraries that the worker has in memory."""

    def look():
        maps = edge.host.check_output("cat /proc/%s/maps", edge.worker())
        return {Path(line.split()[-1]).name for line in maps.splitlines() if "/libssl" in line or "/libcrypto" in line}

    return look


@pytest.fixture(scope="session")
def archives():
    """SHA-256 of the archives that are kept for every edge."""
    kept = (PROJECT / ".cache/archives").glob("*.tar.gz")
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  -" for path in kept]


@pytest.fixture(scope="session")
def version():
    """The version of OpenSSL that the edges are to have."""
    return yaml.safe_load((PROJECT / ".cache/openssl.yml").read_text())["haproxy_openssl"]["version"]
