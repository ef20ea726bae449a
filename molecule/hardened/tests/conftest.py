"""What the tests of this scenario share: strangers, their attempts, and the table that tells of them."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
KEYS = ROOT / ".cache/hardened"
ROWS = ROOT / ".cache/audit.jsonl"


def pytest_sessionstart() -> None:
    """Begin the table anew."""
    ROWS.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def edge(edge: Any) -> Any:
    """The edge, and the version of HAProxy that it runs."""
    version = edge.host.check_output("/usr/sbin/haproxy -v | head -n 1").split()[2]
    edge.version = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    edge.version_text = version.partition("-")[0]
    return edge


@pytest.fixture(scope="session")
def stranger(request: pytest.FixtureRequest) -> Any:
    """A host that means no good."""
    return testinfra.get_host(
        "ansible://hardened-stranger", ansible_inventory=request.config.getoption("--ansible-inventory")
    )


@pytest.fixture
def row(edge: Any) -> Callable[[str, str, str], None]:
    """Add to the table of `make audit`: what was tried, what came of it at this edge, and why so."""

    def add(attempt: str, result: str, why: str) -> None:
        with ROWS.open("a") as file:
            file.write(
                json.dumps({"attempt": attempt, "version": edge.version_text, "result": result, "why": why}) + "\n"
            )

    return add


@pytest.fixture(scope="module")
def tls(edge: Any) -> Callable[..., ssl.SSLSocket]:
    """A TLS connection to the edge; options of the context may differ."""

    def connect(
        name: str = "chat.test", port: int = 443, certificate: str = "", change: Callable | None = None
    ) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(KEYS / "authorities.crt"))
        if name != "chat.test":  # a stand-in
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(KEYS / f"{certificate}.pem")
        if change:
            change(context)
        plain = socket.create_connection((edge.address, port), 10)
        return context.wrap_socket(plain, server_hostname=name)

    return connect


@pytest.fixture(scope="module")
def say(tls: Callable[..., ssl.SSLSocket]) -> Callable[..., bytes]:
    """Send bytes over TLS and return all that comes back until the edge closes, or falls silent."""

    def talk(data: bytes, **options: Any) -> bytes:
        with tls(**options) as connection:
            connection.settimeout(20)
            answer = b""
            try:
                connection.sendall(data)
                while piece := connection.recv(65536):
                    answer += piece
                    connection.settimeout(0.3)
            except (TimeoutError, ssl.SSLError, ConnectionError):
                pass
            return answer

    return talk
