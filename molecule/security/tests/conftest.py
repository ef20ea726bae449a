"""What the tests of this scenario share: strangers, their attempts, and the table that tells of them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
KEYS = ROOT / ".cache/security"
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
def stranger() -> Any:
    """A host that means no good."""
    return testinfra.get_host("ansible://security-stranger")


@pytest.fixture
def row(edge: Any, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Add to the table of `make audit`: what was tried, what came of it at this edge, and why so.

    `p99` is how much that of honest clients grew meanwhile, and `honest` how many of them lost nothing.
    """

    def add(attempt: str, result: str, why: str, **more: float) -> None:
        about = {"attempt": attempt, "version": edge.version_text, "result": result, "why": why, **more}
        with ROWS.open("a") as file:
            file.write(json.dumps({"part": request.module.__doc__.splitlines()[0], **about}) + "\n")

    return add


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, str]]:
    """A certificate and its key, by the same authority, for a name."""

    def issue(name: str) -> tuple[str, str]:
        folder = tmp_path_factory.mktemp("renewed")
        key = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout {folder}/key -nodes".split()
        ask = f"openssl req -x509 -CA {KEYS}/ecdsa-ca.crt -CAkey {KEYS}/ecdsa-ca.key -days 40".split()
        ask += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", f"{folder}/crt", *key]
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
        if done.returncode:  # before OpenSSL 3
            pytest.fail(done.stderr)
        return (folder / "crt").read_text(), (folder / "key").read_text()

    return issue


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
