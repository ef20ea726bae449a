"""What a TLS handshake costs the edge: handshakes per CPU-second of HAProxy, by TLS library and kind of handshake.

The role builds the same HAProxy with each library, in a container (tls.yml), and keeps the builds in .cache/archives: the
first run takes some minutes more. The libraries take turns within each kind; ratios are to the system's.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

MACHINE = "bench-tls"
BUILDS = "/opt/haproxy"
SECONDS = 2
ROUNDS = 3
CLIENTS = 2

CONFIGURATION = """
global
    nbthread 1
    maxconn 2000
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend tls
    bind unix@{folder}/rsa.sock ssl crt {folder}/rsa.pem
    bind unix@{folder}/ecdsa.sock ssl crt {folder}/ecdsa.pem
    http-request return status 200
"""


def certificates(folder: Path) -> None:
    """An RSA-2048 and an ECDSA P-256 certificate."""
    for name, kind in (("rsa", ["rsa:2048"]), ("ecdsa", ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])):
        command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=bench", "-newkey", *kind]
        subprocess.run([*command, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True)
        (folder / f"{name}.pem").write_text((folder / "crt").read_text() + (folder / "key").read_text())


def cpu(pid: int) -> float:
    """Seconds of processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def handshakes(path: Path, version: ssl.TLSVersion, resumed: bool, pid: int) -> float:
    """Handshakes per CPU-second of the server."""
    counts = [0] * CLIENTS
    end = time.monotonic() + SECONDS

    def client(number: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        session = None
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(10)
                plain.connect(str(path))
                with context.wrap_socket(plain, session=session if resumed else None) as connection:
                    if resumed and session is None:
                        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                        connection.recv(1000)
                        session = connection.session
                    counts[number] += 1

    before = cpu(pid)
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (cpu(pid) - before)


KINDS = [
    ("RSA-2048, TLS 1.2", "rsa", ssl.TLSVersion.TLSv1_2, False),
    ("RSA-2048, TLS 1.3", "rsa", ssl.TLSVersion.TLSv1_3, False),
    ("ECDSA P-256, TLS 1.2", "ecdsa", ssl.TLSVersion.TLSv1_2, False),
    ("ECDSA P-256, TLS 1.3", "ecdsa", ssl.TLSVersion.TLSv1_3, False),
    ("resumed, TLS 1.2", "ecdsa", ssl.TLSVersion.TLSv1_2, True),
]


def measure(binary: Path, folder: Path, kind: tuple[str, ssl.TLSVersion, bool]) -> float:
    """Handshakes of this kind per CPU-second of this binary."""
    key, version, resumed = kind
    (folder / "haproxy.cfg").write_text(CONFIGURATION.format(folder=folder))
    server = subprocess.Popen([binary, "-db", "-f", folder / "haproxy.cfg"], stderr=subprocess.DEVNULL)
    try:
        while not (folder / "ecdsa.sock").exists():
            if server.poll() is not None:
                raise RuntimeError(f"{binary} does not start")
            time.sleep(0.05)
        return handshakes(folder / f"{key}.sock", version, resumed, server.pid)
    finally:
        server.terminate()
        server.wait()
        for path in folder.glob("*.sock"):
            path.unlink()


def library(binary: Path) -> str:
    """Name and version of the TLS library that a binary runs on."""
    said = subprocess.run([binary, "-vv"], capture_output=True, text=True, check=True).stdout
    return re.search(r"Running on .*? version : (\S+ \S+)", said)[1]


def table() -> None:
    """Measure every build here and print the table; the library that this Python has is the system's."""
    system = " ".join(ssl.OPENSSL_VERSION.split()[:2])
    found = {library(binary): binary for binary in sorted(Path(BUILDS).glob("*/sbin/haproxy"))}
    names = sorted(found, key=lambda name: (name != system, name))
    print(f"{'handshakes per CPU-second':26}" + "".join(f"{name:>22}" for name in names), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates(folder)
        for kind, *what in KINDS:
            rates: dict[str, list[float]] = {name: [] for name in names}
            for _ in range(ROUNDS):
                for name in names:
                    rates[name].append(measure(found[name], folder, tuple(what)))
            medians = {name: statistics.median(rates[name]) for name in names}
            cells = (f"{medians[name]:>15.0f} {medians[name] / medians[names[0]]:>6.2f}" for name in names)
            print(f"{kind:26}" + "".join(cells), flush=True)


def libraries(project: Path) -> list[dict[str, Any]]:
    """The variables of each build: the system's library, the newest OpenSSL that can be had here, and 1.1.1w."""
    import yaml  # the container has none, and needs none

    for what in ([], ["openssl"]):
        subprocess.run([project / "tools/release", *what], check=True, stdout=subprocess.DEVNULL)
    newest = yaml.safe_load((project / ".cache/openssl.yml").read_text())
    return [{"haproxy_openssl": {}}, newest, {"haproxy_openssl": {"version": "1.1.1w"}}]


def main() -> None:
    """Make the machine and its builds, have it measure, take it away."""
    here = Path(__file__).resolve()
    project = here.parents[2]

    def play(playbook: str, *arguments: str) -> None:
        command = ["ansible-playbook", "-i", here.with_suffix(".yml"), project / playbook, *arguments]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)

    try:
        play("molecule/resources/create.yml")
        for variables in libraries(project):
            play("playbooks/site.yml", "--tags", "haproxy_install", "-e", json.dumps(variables))
        subprocess.run(["docker", "cp", here, f"{MACHINE}:/root/tls.py"], check=True, capture_output=True)
        subprocess.run(["docker", "exec", MACHINE, "python3", "/root/tls.py", "here"], check=True)
    finally:
        play("molecule/resources/destroy.yml")


if __name__ == "__main__":
    table() if sys.argv[1:] == ["here"] else main()
