"""What traffic costs an edge: CPU time of HAProxy for each request, generated configuration beside a bare one by hand.

The bare one does the job and no more: TLS, transports told apart, affinity by session id. A third also tells the nodes who
the client is, which most files by hand do. All have one thread, log, and speak to the same nodes, all in one container
(traffic.yml) over loopback. They run at once and take short turns, so that what else the machine does disturbs them alike;
medians count. The second table has the cost of a request against the
number of services. Both are written into docs/many-services.md.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import random
import re
import resource
import socket
import socketserver
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

MACHINE = "bench-traffic"
ROUNDS = 40
REQUESTS = 250
CONNECTIONS = 25
SERVICES = (1, 10, 100, 1_000, 2_000)
PORTS = {"bare": 14430, "forwarding": 14460, "generated": 14440, "one": 14450, "node": 14431, "echo": 14432}
HOST = "host{}.example.com"

# The first value comes when the client is connected, the second is the number of requests when all are answered.
Load = Iterator[int]

# What a browser sends with each request.
HEADERS = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, deflate, br",
    "cookie": "theme=dark; session=0123456789abcdef",
}
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"

NODE = f"""
global
    nbthread 1
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
    timeout tunnel 1h
frontend node
    bind 127.0.0.1:{PORTS["node"]}
    http-request set-var(txn.id) uuid
    use_backend echo if {{ hdr(upgrade) -m found }}
    http-request return content-type text/plain lf-string "0{{\\"sid\\":\\"%[var(txn.id)]\\",\\"upgrades\\":[]}}" if {{ path_beg /socket.io/ }} !{{ urlp(sid) -m found }} !{{ hdr(upgrade) -m found }}
    http-request return content-type text/plain string 6 if {{ path_beg /socket.io/ }} !{{ hdr(upgrade) -m found }}
    http-request return content-type text/plain string "An ordinary page." if !{{ hdr(upgrade) -m found }}
backend echo
    server echo 127.0.0.1:{PORTS["echo"]}
"""

BARE = """
global
    nbthread 1
    log stdout format short local0 info
    localpeer edge
    ssl-default-bind-options prefer-client-ciphers ssl-min-ver TLSv1.2
defaults
    mode http
    log global
    option httplog
    timeout client 60s
    timeout server 60s
    timeout connect 5s
    timeout tunnel 1h
peers affinity
    bind 127.0.0.1:{peers}
    server edge
    table sessions type string len 64 size 100k expire 10m
frontend https
    bind 127.0.0.1:{bare} ssl crt {folder}/bench.pem curves X25519:prime256v1:secp384r1 alpn h2,http/1.1
    acl socketio path_beg /socket.io/
    use_backend websocket if socketio {{ hdr(upgrade) -i websocket }}
    use_backend polling if socketio {{ urlp(EIO) -m found }}
    default_backend web
backend web
    server n1 127.0.0.1:{node}
    server n2 127.0.0.1:{node}
backend polling
    http-request set-var(txn.sid) urlp(sid)
    http-request set-var(txn.handshake) bool(true) if !{{ var(txn.sid) -m found }}
    tcp-response inspect-delay 2s
    tcp-response content accept if !{{ var(txn.handshake) -m bool }}
    tcp-response content accept if {{ res.body -m sub : }}
    stick match var(txn.sid) table affinity/sessions if {{ var(txn.sid) -m found }}
    stick store-response res.body,'regsub("^.*sid[^A-Za-z0-9_,:-]*:[^A-Za-z0-9_-]*([A-Za-z0-9_-]+).*$","\\1")' table affinity/sessions if {{ var(txn.handshake) -m bool }}
    server n1 127.0.0.1:{node}
    server n2 127.0.0.1:{node}
backend websocket
    balance leastconn
    http-request set-var(txn.sid) urlp(sid)
    stick match var(txn.sid) table affinity/sessions if {{ var(txn.sid) -m found }}
    server n1 127.0.0.1:{node}
    server n2 127.0.0.1:{node}
"""

# What nodes need to know the client, besides.
FORWARDING = """
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    acl socketio"""


def by_hand(folder: Path, port: int, forwarding: bool = False) -> str:
    """The bare file on this port."""
    text = BARE.format(folder=folder, **{**PORTS, "bare": port, "peers": port + 5})
    return text.replace("\n    acl socketio", FORWARDING) if forwarding else text


def binary() -> str:
    """The HAProxy that the role has built."""
    return str(next(Path("/opt/haproxy").glob("*/sbin/haproxy")))


def generated(
    shared: Path,
    count: int,
    port: int = PORTS["generated"],
    node: int = PORTS["node"],
    lines: Mapping[str, Any] = MappingProxyType({"nbthread": 1}),
    **settings: Any,
) -> str:
    """What the collection writes for so many services; writes its files.

    `lines` are those of `global`, `settings` those of the edge that differ from the ones here.
    """
    folder = shared / str(port)
    folder.mkdir(exist_ok=True)
    sys.path.insert(0, "/root/rooms")
    from _haproxy.config.syntax import render
    from _haproxy.fragments import assemble, store
    from _haproxy.services.edge import Edge
    from _haproxy.services.limits import Limits

    edge = Edge(
        http=(f"127.0.0.1:{port + 5}",),
        https=(f"127.0.0.1:{port}",),
        quic=(),
        policy=(),
        stats_bind="",
        certificates=f"{shared}/certificates",
        lua=f"{folder}/edge.lua",
        runtime_socket=f"{folder}/admin.sock",
        version=(3, 0),
        descriptors=20_000,
        lists=str(folder),
        ticket_keys=f"{shared}/tickets.keys",
        # Limits are looked at and never reached.
        limits=Limits(connection_rate=10**9, request_rate=10**9, session_rate=10**9),
    )._replace(**settings)
    services = [
        {
            "name": f"s{number}",
            "hosts": [HOST.format(number)],
            "certificate": "bench",
            "servers": [{"name": name, "address": "127.0.0.1", "port": node} for name in ("n1", "n2")],
        }
        for number in range(count)
    ]
    configuration = assemble.assemble(edge, [store.Fragment(store.OWNER, services, {"global": dict(lines)})])
    for path, text in configuration.files:
        Path(path).write_text(text)
    # A check each two seconds is no traffic of users.
    return render(configuration).replace("default-server check inter", "default-server inter")


def keys(folder: Path) -> None:
    """Write a certificate, for the bare file and for the generated one, and the keys of session tickets."""
    (folder / "certificates").mkdir()
    make = "openssl req -x509 -nodes -days 2 -subj /CN=bench -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout -"
    pem = subprocess.run(make.split(), check=True, capture_output=True).stdout
    for path in (folder / "bench.pem", folder / "certificates" / "bench.pem"):
        path.write_bytes(pem)
    (folder / "tickets.keys").write_bytes(b"".join(base64.b64encode(os.urandom(80)) + b"\n" for _ in range(3)))


class Echo(socketserver.StreamRequestHandler):
    """A WebSocket server as far as a proxy can tell: 101, then what comes goes back."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        self.wfile.write(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n".encode())
        while received := self.request.recv(65536):
            self.request.sendall(received)


class Echoes(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100


@contextlib.contextmanager
def running(text: str, folder: Path, port: int) -> Iterator[int]:
    """A HAProxy with this text, until it is not needed any more; its process id."""
    path = folder / f"{port}.cfg"
    path.write_text(text)
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen([binary(), "-db", "-f", path], stdout=nowhere, stderr=subprocess.PIPE, text=True)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None:
                    raise SystemExit(process.stderr.read())
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()
            process.communicate()


def cpu(pid: int) -> float:
    """Microseconds of processor time that the process has used."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def connect(port: int, protocol: str = "http/1.1") -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    plain = socket.create_connection(("127.0.0.1", port), 30)
    # A small write would wait for the acknowledgement of the one before.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain)


def head(host: str, path: str, **more: str) -> bytes:
    fields = {"host": host, **HEADERS, **more}
    lines = [f"GET {path} HTTP/1.1", *(f"{key}: {value}" for key, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


def answer(connection: ssl.SSLSocket) -> bytes:
    """One answer of HTTP/1.1, its head and its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or sys.exit(f"the edge has closed: {received!r}")
    fields, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", fields, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return fields + b"\r\n\r\n" + body


def requests(port: int, request: bytes, expected: bytes = b" 200 ") -> Load:
    with connect(port) as connection:
        yield 0
        for _ in range(REQUESTS):
            connection.sendall(request)
            said = answer(connection)
        assert expected in said, said
        yield REQUESTS


def pages(port: int, host: str, expected: bytes = b" 200 ") -> Load:
    yield from requests(port, head(host, "/"), expected)


def handshakes(port: int, host: str) -> Load:
    yield from requests(port, head(host, HANDSHAKE))


def polls(port: int, host: str) -> Load:
    with connect(port) as connection:
        connection.sendall(head(host, HANDSHAKE))
        sid = re.search(rb'sid":"([^"]+)', answer(connection))[1].decode()
    yield from requests(port, head(host, f"{HANDSHAKE}&sid={sid}"))


def connections(port: int, host: str) -> Load:
    yield 0
    for _ in range(CONNECTIONS):
        with connect(port) as connection:
            connection.sendall(head(host, "/"))
            answer(connection)
    yield CONNECTIONS


def messages(port: int, host: str) -> Load:
    # The key of RFC 6455, 1.3; Echo answers it.
    fields = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    with connect(port) as connection:
        connection.sendall(
            head(host, "/socket.io/?EIO=4&transport=websocket", **fields, **{"sec-websocket-version": "13"})
        )
        said = answer(connection)
        assert b" 101 " in said, said
        yield 0
        for _ in range(REQUESTS):
            connection.sendall(b"x" * 100)
            left = 100
            while left:
                left -= len(connection.recv(left))
        yield REQUESTS


def pages_h2(port: int, host: str) -> Load:
    """GET over HTTP/2, one after the other on one connection (RFC 9113; literals without index, RFC 7541 6.2.2)."""
    fields = {":method": "GET", ":scheme": "https", ":authority": host, ":path": "/", **HEADERS}
    block = b"".join(
        b"\0" + bytes([len(key)]) + key.encode() + bytes([len(value)]) + value.encode() for key, value in fields.items()
    )

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    with connect(port, "h2") as connection:
        stream = connection.makefile("rb")
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        yield 0
        for number in range(REQUESTS):
            connection.sendall(frame(1, 5, 2 * number + 1, block))
            while True:
                start = stream.read(9)
                kind, flags, payload = start[3], start[4], stream.read(int.from_bytes(start[:3], "big"))
                if kind == 4 and not flags & 1:
                    connection.sendall(frame(4, 1, 0, b""))
                if kind == 0 and payload:
                    connection.sendall(frame(8, 0, 0, struct.pack(">I", len(payload))))
                assert kind not in (3, 7), (kind, payload)
                if kind in (0, 1) and flags & 1:
                    break
        yield REQUESTS


KINDS: dict[str, Callable[[int, str], Load]] = {
    "GET, HTTP/1.1": pages,
    "GET, HTTP/2": pages_h2,
    "polling": polls,
    "handshake": handshakes,
    "new TLS connection": connections,
    "WebSocket message": messages,
}


def cost(pid: int, load: Load) -> float:
    """Microseconds of HAProxy's processor time for one request of the load."""
    next(load)
    before = cpu(pid)
    number = next(load)
    used = (cpu(pid) - before) / number
    next(load, None)
    return used


def turns(edges: dict[str, tuple[int, Callable[[], Load]]]) -> list[dict[str, float]]:
    """The cost of a request to each edge, a process and its load, in turns, each time in another order."""
    measured = []
    for _ in range(ROUNDS):
        order = random.sample(list(edges), len(edges))
        measured.append({name: cost(edges[name][0], edges[name][1]()) for name in order})
    return measured


def prices(folder: Path) -> list[str]:
    """The first table: each kind of traffic, generated beside those by hand."""
    texts = {
        "bare": by_hand(folder, PORTS["bare"]),
        "forwarding": by_hand(folder, PORTS["forwarding"], forwarding=True),
        "generated": generated(folder, 1),
    }
    lines = [
        "| | bare, by hand | with `X-Forwarded-For` and `-Proto` | generated | work per CPU-second, generated ÷ bare "
        "| ÷ the second |",
        "|---|---|---|---|---|---|",
    ]
    with contextlib.ExitStack() as stack:
        pids = {name: stack.enter_context(running(text, folder, PORTS[name])) for name, text in texts.items()}
        for kind, load in KINDS.items():
            measured = turns(
                {name: (pid, functools.partial(load, PORTS[name], HOST.format(0))) for name, pid in pids.items()}
            )
            cells = [f"{statistics.median(turn[name] for turn in measured):.1f} µs" for name in texts]
            for name in ("bare", "forwarding"):
                cells.append(f"{statistics.median(turn[name] / turn['generated'] for turn in measured):.2f}")
            lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


def growth(folder: Path) -> list[str]:
    """The second table: a request against the number of services, beside an edge with one."""
    lines = [
        "| services | first | last | a host of none | `haproxy -c`, CPU | memory |",
        "|---|---|---|---|---|---|",
    ]
    port, beside = PORTS["generated"], PORTS["one"]
    nobody = functools.partial(pages, host="none.example.com", expected=b" 421 ")
    for count in SERVICES:
        text = generated(folder, count)
        (folder / "check.cfg").write_text(text)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([binary(), "-c", "-f", folder / "check.cfg"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        checked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        with running(text, folder, port) as pid, running(generated(folder, 1, beside), folder, beside) as other:
            measured = turns(
                {
                    "first": (pid, functools.partial(pages, port, HOST.format(0))),
                    "last": (pid, functools.partial(pages, port, HOST.format(count - 1))),
                    "none": (pid, functools.partial(nobody, port)),
                    "one": (other, functools.partial(pages, beside, HOST.format(0))),
                    "none of one": (other, functools.partial(nobody, beside)),
                }
            )
            memory = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024
        cells = []
        for name, reference in (("first", "one"), ("last", "one"), ("none", "none of one")):
            ratio = statistics.median(turn[name] / turn[reference] for turn in measured)
            cells.append(f"{statistics.median(turn[name] for turn in measured):.1f} µs ({ratio:.2f})")
        lines.append(f"| {count:,} | {' | '.join(cells)} | {checked:.2f} s | {memory} MB |")
    return lines


def table() -> None:
    """Measure, in the container; prints both tables as JSON."""
    with tempfile.TemporaryDirectory() as name, Echoes(("127.0.0.1", PORTS["echo"]), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        folder = Path(name)
        keys(folder)
        with running(NODE, folder, PORTS["node"]):
            print(json.dumps({"prices": prices(folder), "growth": growth(folder)}))
        echo.shutdown()


def write(page: Path, tables: dict[str, list[str]]) -> None:
    """Print the lines of each table, and put them between its marks on the page."""
    text = page.read_text()
    for name, lines in tables.items():
        print("\n".join(lines), "\n")
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    page.write_text(text)


def main() -> None:
    """Make the machine, have it measure, take it away; write the tables."""
    here = Path(__file__).resolve()
    project = here.parents[2]
    page = project / "docs" / "many-services.md"

    def play(playbook: str, *arguments: str) -> None:
        command = ["ansible-playbook", "-i", here.with_suffix(".yml"), project / playbook, *arguments]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)

    subprocess.run([project / "tools/release"], check=True, stdout=subprocess.DEVNULL)
    try:
        play("molecule/resources/create.yml")
        play("playbooks/site.yml", "--tags", "haproxy_install")
        for source, target in ((project / "module_utils", "/root/rooms"), (here, "/root/traffic.py")):
            subprocess.run(["docker", "cp", source, f"{MACHINE}:{target}"], check=True, capture_output=True)
        done = subprocess.run(
            ["docker", "exec", MACHINE, "python3", "/root/traffic.py", "here"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        found = json.loads(done.stdout)
    finally:
        play("molecule/resources/destroy.yml")
    write(page, found)


if __name__ == "__main__":
    table() if sys.argv[1:] == ["here"] else main()
