"""What a TLS handshake costs the edge: handshakes per CPU-second of HAProxy, by kind of key, group and resumption.

Every build in .cache/archives that runs here is measured, and the `haproxy` of the machine. Ratios are to the first row
of each; a build with another TLS library stands beside them as soon as its archive is there.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 4
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


def measure(binary: Path, folder: Path) -> list[tuple[str, float]]:
    """Every kind of handshake with this binary."""
    (folder / "haproxy.cfg").write_text(CONFIGURATION.format(folder=folder))
    server = subprocess.Popen([binary, "-db", "-f", folder / "haproxy.cfg"], stderr=subprocess.DEVNULL)
    try:
        while not (folder / "ecdsa.sock").exists():
            if server.poll() is not None:
                raise RuntimeError(f"{binary} does not start")
            time.sleep(0.05)
        return [
            (name, handshakes(folder / f"{key}.sock", version, resumed, server.pid))
            for name, key, version, resumed in KINDS
        ]
    finally:
        server.terminate()
        server.wait()
        for path in folder.glob("*.sock"):
            path.unlink()


def binaries(folder: Path) -> list[Path]:
    """The builds that run here."""
    for archive in sorted((ROOT / ".cache/archives").glob("haproxy-*.tar.gz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "builds", filter="data")
    found = [*sorted((folder / "builds").glob("*/sbin/haproxy")), Path(shutil.which("haproxy") or "/nonexistent")]
    return [
        path for path in found if path.exists() and not subprocess.run([path, "-v"], capture_output=True).returncode
    ]


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates(folder)
        measured = False
        for binary in binaries(folder):
            said = subprocess.run([binary, "-vv"], capture_output=True, text=True, check=True).stdout
            library = re.search(r"Running on .*? version : (.*)", said)
            version = re.search(r"version (\S+)", said)
            print(f"\nHAProxy {version[1] if version else '?'} on {library[1] if library else '?'}")
            rows = measure(binary, folder)
            for kind, rate in rows:
                print(f"  {kind:<22} {rate:>7.0f} handshakes per CPU-second   {rate / rows[0][1]:.2f}")
            measured = True
    if not measured:
        print("There is no build to measure: `make demo` makes one, or install HAProxy", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
