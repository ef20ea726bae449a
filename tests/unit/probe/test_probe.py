"""Rooms `wire` and `probe`: every generation is tried, and no server can break the probe."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.probe import probe
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.probe.target import (
    ProbeError,
    make_context,
    read_target,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TIMEOUT = 0.5  # seconds, where a server is expected to be no help
PATIENCE = 10.0


class Peer:
    """The server's end of a connection."""

    def __init__(self, sock):
        self.sock, self.file = sock, sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def request(self):
        """The next request: method, target, headers, body; None when there is none."""
        line = self.file.readline().decode().split()
        if not line:
            return None
        headers = {}
        while name := self.file.readline().decode().strip():
            key, _, value = name.partition(": ")
            headers[key.lower()] = value
        return line[0], line[1], headers, self.file.read(int(headers.get("content-length", 0)))

    def answer(self, status, body=b"", *headers):
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(head).encode() + body)

    def accept(self, headers):
        key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.answer("101 Go", b"", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}")

    def frame(self):
        """The payload of the next frame, which has to be masked, and its opcode."""
        first, second = self.file.read(2)
        assert second & 0x80
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
        mask = itertools.cycle(self.file.read(4))
        return first & 0x0F, bytes(byte ^ key for byte, key in zip(self.file.read(size), mask))


def frame(data, opcode=1, final=True, reserved=0):
    size = bytes([len(data)]) if len(data) < 126 else struct.pack("!BH", 126, len(data))
    return bytes([final << 7 | reserved | opcode]) + size + data


class Server:
    """Gives each connection to `talk`, in a thread of its own."""

    def __init__(self, talk, context=None):
        self.talk, self.context, self.asked = talk, context, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def stop(self):
        # It has to be out of accept() before: the number of the socket is the next one's, whose clients it would take.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) if self.context else sock as connected:
                self.talk(Peer(connected))
        except (OSError, TypeError, ValueError):
            pass  # the client is gone

    def place(self, timeout=PATIENCE, **more):
        scheme = "https" if self.context else "http"
        return read_target(f"{scheme}://service.test/", f"127.0.0.1:{self.port}", timeout=timeout, **more)


@pytest.fixture
def serve():
    servers = []

    def start(talk, context=None):
        servers.append(Server(talk, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Application:
    """What a Socket.IO server of a generation says, as far as the probe hears it; two nodes, if `nodes` is 2."""

    def __init__(self, generation, nodes=1, cookies=False):
        self.generation, self.nodes, self.cookies = generation, nodes, cookies
        self.numbers = itertools.count()
        self.waiting = {}  # session id → packets for the next poll
        self.seen = []  # what clients sent

    def __call__(self, peer):
        charset = "latin-1" if self.generation == "1" else "utf-8"  # of the bytes of binary framing
        while asked := peer.request():
            method, target, headers, body = asked
            number = next(self.numbers)
            if "upgrade" in headers:
                return self.websocket(peer, target, headers)
            sid = self.sid(target)
            node = number % self.nodes
            if (cookie := re.search(r"node=(\d)", headers.get("cookie", ""))) and self.cookies:
                node = int(cookie[1])
            if not re.match(r"/socket\.io/(\?EIO|1/)", target):
                peer.answer("200 OK", b"page", f"X-Node: n{node}")
            elif (self.generation == "0.9") != target.startswith("/socket.io/1/"):
                peer.answer("400 Bad Request", b'{"code":1,"message":"Session ID unknown"}')
            elif not sid:
                sid = f"s{number}-{node}"
                opened = f'0{{"sid":"{sid}","upgrades":["websocket"]}}'
                self.waiting[sid] = ["1::"] if self.generation == "0.9" else []
                handshake = (
                    f"{sid}:60:60:websocket,xhr-polling" if self.generation == "0.9" else self.pack([opened, "40"])
                )
                peer.answer("200 OK", handshake.encode(charset), *([f"Set-Cookie: node={node}; path=/"] * self.cookies))
            elif sid not in self.waiting or not sid.endswith(f"-{node}"):
                peer.answer("400 Bad Request", b'{"code":1,"message":"Session ID unknown"}')
            elif method == "POST":
                self.waiting[sid] += self.reply(body.decode())
                peer.answer("200 OK", b"ok")
            else:
                packets, self.waiting[sid] = self.waiting[sid], []
                peer.answer("200 OK", self.pack(packets or ["6"]).encode(charset))
        return None

    def sid(self, target):
        found = re.search(r"/1/[a-z-]+/([\w-]+)" if self.generation == "0.9" else r"sid=([\w-]+)", target)
        return found[1] if found else ""

    def pack(self, packets):
        if self.generation == "0.9":
            return packets[0] if len(packets) == 1 else "".join(f"\ufffd{len(p)}\ufffd{p}" for p in packets)
        if self.generation == "1":  # binary framing
            return "".join("\0" + "".join(chr(int(d)) for d in str(len(p))) + f"\xff{p}" for p in packets)
        return "".join(f"{len(p)}:{p}" for p in packets) if self.generation == "2" else "\x1e".join(packets)

    def reply(self, packet):
        self.seen.append(packet)
        if self.generation == "0.9":
            return ["2::", "6::/realtime-edge-probe:1"] if packet.startswith("3:1:") else []
        if self.generation in "12":
            packet = packet.partition(":")[2] if ":" in packet else packet
            return {"2": ["3"], "2probe": ["3probe"]}.get(packet, [])
        if packet.startswith("40"):
            return ["2", "44/realtime-edge-probe," + '{"message":"Invalid namespace"}']
        return {"2probe": ["3probe"]}.get(packet, [])

    def websocket(self, peer, target, headers):
        peer.accept(headers)
        if self.generation == "0.9":
            peer.send(frame(b"1::"))
        elif not self.sid(target):
            peer.send(frame(b'0{"sid":"ws"}'))
        while True:
            opcode, data = peer.frame()
            if opcode == 8:
                return peer.send(frame(data, 8))
            peer.send(frame(b"are you there", 9))
            for packet in self.reply(data.decode()):
                half = len(packet) // 2
                peer.send(frame(packet[:half].encode(), final=False) + frame(b"", 9) + frame(packet[half:].encode(), 0))


def works(result):
    return {row.transport: row.works for row in result.rows}


def detail(result, transport):
    return next(row.detail for row in result.rows if row.transport == transport)


@pytest.mark.parametrize(
    ("generation", "protocol"),
    [
        ("0.9", "Socket.IO 0.9"),
        ("1", "Engine.IO 3 (Socket.IO 1 and 2)"),
        ("2", "Engine.IO 3 (Socket.IO 1 and 2)"),
        ("4", "Engine.IO 4 (Socket.IO 3 and 4)"),
    ],
)
def test_every_generation_is_found_and_works(serve, generation, protocol):
    server = serve(Application(generation))
    result = probe.probe(server.place())
    assert result.protocol == protocol
    wanted = {"http", "polling", "websocket", "upgrade", "affinity"} - ({"upgrade"} if generation == "0.9" else set())
    assert works(result) == dict.fromkeys(wanted, True), probe.format_table(result.rows)
    assert [row.node for row in result.rows if row.transport == "http"] == ["n0"]
    assert all((row.round_trip_ms is not None) == (row.transport != "affinity") for row in result.rows)
    assert probe.probe(server.place(), ["websocket"], generation).rows[0].works


def test_pings_of_the_server_are_answered(serve):
    application = Application("4")
    assert probe.probe(serve(application).place(), ["polling"], "4").rows[0].works
    assert application.seen.count("3") == 3  # one for each exchange
    assert probe.probe(serve(application).place(), ["websocket"], "4").rows[0].works
    assert application.seen.count("are you there") >= 2  # pongs, of which the last may be on its way


def test_two_nodes_without_affinity(serve):
    result = probe.probe(serve(Application("4", nodes=2)).place(), ["affinity"], "4")
    assert not result.rows[0].works
    assert re.match(r"\d+ of 10 sessions without cookies were lost, .* 400 Session ID unknown", result.rows[0].detail)


def test_cookies_are_kept_by_polling_and_not_by_the_affinity_test(serve):
    result = probe.probe(serve(Application("4", nodes=2, cookies=True)).place(), ["polling", "affinity"], "4")
    assert works(result) == {"polling": True, "affinity": False}


def test_what_cannot_be_is_left_out(serve):
    assert works(probe.probe(serve(Application("0.9")).place(), ["redirect", "upgrade", "http"])) == {"http": True}


def test_table(serve):
    lines = probe.format_table(probe.probe(serve(Application("4")).place(), ["http", "websocket"]).rows)
    assert [line.split()[:2] for line in lines] == [["TRANSPORT", "WORKS"], ["http", "yes"], ["websocket", "yes"]]


# Servers that are no help


def opened(*frames):
    """A server whose WebSocket opens well, and then goes on like this."""

    def talk(peer):
        _method, _target, headers, _body = peer.request()
        peer.accept(headers)
        peer.send(frame(b'0{"sid":"ws"}') + b"".join(frames))
        while peer.frame():
            pass

    return talk


def says(data):
    """A server that answers anything with these bytes and then leaves."""

    def talk(peer):
        peer.request()
        peer.send(data)

    return talk


def silent(peer):
    peer.file.read()


def drip(peer):
    peer.request()
    while True:
        peer.send(b"H")
        time.sleep(0.05)


def flood(start, more):
    def talk(peer):
        _method, _target, headers, _body = peer.request()
        if start is None:
            peer.accept(headers)
        else:
            peer.send(start)
        while True:
            peer.send(more)

    return talk


def wrong_accept(peer):
    peer.request()
    peer.answer("101 Go", b"", "Upgrade: websocket", "Sec-WebSocket-Accept: bm8=")


OK = b"HTTP/1.1 200 OK\r\n"

WEBSOCKET = {
    "wrong accept key": (wrong_accept, "Sec-WebSocket-Accept is wrong"),
    "another protocol": (says(b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\n"), "no `Upgrade: websocket`"),
    "unknown session": (
        says(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{"code":1,"message":"Session ID unknown"}'),
        "400 Session ID unknown",
    ),
    "no upgrade": (says(OK + b"Content-Length: 0\r\n\r\n"), "200 OK"),
    "no http": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP: SSH-2.0-OpenSSH_9.2"),
    "half a frame": (opened(b"\x81\x7d0"), "no answer within"),
    "ends in a frame": (says(b""), "closed without an answer"),
    "masked": (opened(b"\x81\x81aaaab"), "masked"),
    "reserved bits": (opened(frame(b"x", reserved=0x40)), "reserved"),
    "unknown opcode": (opened(frame(b"x", opcode=3)), "reserved"),
    "fragmented ping": (opened(frame(b"x", opcode=9, final=False)), "control frame"),
    "continues nothing": (opened(frame(b"x", opcode=0)), "out of order"),
    "begins twice": (opened(frame(b"x", final=False) + frame(b"y")), "out of order"),
    "no text": (opened(frame(b"\xff\xfe")), "not UTF-8"),
    "huge frame": (opened(b"\x82\x7f\x7f" + b"\xff" * 7), "more than"),
    "closes": (opened(frame(struct.pack("!H", 1008) + b"go away", 8)), "closed the WebSocket: 1008 go away"),
    "closes without a word": (opened(frame(b"", 8)), "closed the WebSocket: 1005"),
    "endless fragments": (opened(frame(b"x", final=False), frame(b"x" * 120, 0, final=False) * 9000), "more than"),
    "endless pings": (flood(None, frame(b"x", 9) * 1000), "no answer within"),
    "endless messages": (flood(None, frame(b'0{"sid":"x"}') * 1000), "no answer within"),
    "silent": (silent, "no answer within"),
    "slow": (drip, "no answer within"),
}


@pytest.mark.parametrize("name", WEBSOCKET)
def test_websocket_of_a_broken_server(serve, name):
    talk, said = WEBSOCKET[name]
    result = probe.probe(serve(talk).place(TIMEOUT), ["websocket"], "4")
    assert works(result) == {"websocket": False}
    assert said in detail(result, "websocket")


HANDSHAKE = {
    "another application": (says(OK + b"Content-Length: 2\r\n\r\nhi"), "there is no Socket.IO at /socket.io/: 200 OK"),
    "no session id": (says(OK + b"Content-Length: 3\r\n\r\n0{}"), "there is no Socket.IO"),
    "deep": (says(OK + b"Content-Length: 100001\r\n\r\n0" + b"[" * 100000), "there is no Socket.IO"),
    "no node": (says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n<html>"), "503 Service Unavailable"),
    "not found": (says(b"HTTP/1.1 404 Not Found\r\n\r\n"), "404 Not Found"),
    "ends in the body": (says(OK + b"Content-Length: 9\r\n\r\n0{"), "ended inside an answer"),
    "bad chunks": (says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "ended inside an answer"),
    "endless body": (flood(OK + b"\r\n", b"0" * 65536), "more than"),
    "endless header": (flood(OK + b"X: ", b"0" * 65536), "not HTTP"),
    "endless headers": (flood(OK, b"X: y\r\n" * 1000), "not HTTP"),
    "endless continue": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "no answer within"),
    "tls": (says(b"\x15\x03\x01\x00\x02\x02\x0a"), "not HTTP"),
    "silent": (silent, "no answer within"),
    "slow": (drip, "no answer within"),
}


@pytest.mark.parametrize("name", HANDSHAKE)
def test_polling_of_a_broken_server(serve, name):
    talk, said = HANDSHAKE[name]
    result = probe.probe(serve(talk).place(TIMEOUT), ["polling", "affinity"])
    assert works(result) == {"polling": False, "affinity": False}
    assert said in detail(result, "polling")


def test_a_server_that_is_silent_costs_a_bounded_time(serve):
    began = time.monotonic()
    result = probe.probe(serve(silent).place(TIMEOUT))
    assert not any(works(result).values())
    assert time.monotonic() - began < 20 * TIMEOUT


def test_a_bad_status_does_not_work_and_a_page_that_is_missing_does(serve):
    def talk(peer):
        while peer.request():
            peer.answer(status)

    server = serve(talk)
    for status, wanted in (("500 Oh", False), ("503 No", False), ("404 Not here", True), ("302 Elsewhere", True)):
        result = probe.probe(server.place(), ["http"])
        assert (works(result)["http"], detail(result, "http")) == (wanted, status)


def test_a_limit_is_told_as_one(serve):
    def talk(peer):
        while peer.request():
            peer.answer("429 Too Many Requests")

    result = probe.probe(serve(talk).place(), ["polling"])
    assert works(result) == {"polling": False}
    assert detail(result, "polling").startswith("429 Too Many Requests; haproxy_limits")


def test_what_others_say_is_shown_in_one_printable_line(serve):
    said = json.dumps({"message": "a\x1b[31m\r\nb" + "c" * 1000}).encode()

    def talk(peer):
        while peer.request():
            peer.answer("400 No", said)

    line = detail(probe.probe(serve(talk).place(), ["polling"], "4"), "polling")
    assert line.startswith("400 a.[31m..bccc")
    assert len(line) < 150


reply = {"data": b""}


@pytest.fixture(scope="module")
def parrot():
    """A server that answers with `reply`, after the handshake of a WebSocket where one is asked for."""

    def talk(peer):
        _method, _target, headers, _body = peer.request()
        if "upgrade" in headers:
            peer.accept(headers)
        peer.send(reply["data"])

    server = Server(talk)
    yield server
    server.stop()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=60), head=st.sampled_from([b"", OK + b"\r\n", OK + b"\r\n0", OK + b"\r\n\0\1\xff"]))
def test_no_bytes_break_it(parrot, data, head):
    reply["data"] = head + data
    for generation in ("0.9", "2", "4"):
        result = probe.probe(parrot.place(TIMEOUT), ["polling", "websocket"], generation)
        assert works(result) == {"polling": False, "websocket": False}
        for row in result.rows:
            assert "Error" not in row.detail, row.detail


# TLS and the redirect


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=service.test"
    names = ["-addext", "subjectAltName=DNS:service.test", "-keyout", folder / "key", "-out", folder / "pem"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem", folder / "key")
    return context, str(folder / "pem")


def test_over_tls(serve, certificate):
    context, authority = certificate
    result = probe.probe(serve(Application("4"), context).place(context=make_context(ca_path=authority)))
    assert works(result) == {
        "http": True,
        "redirect": False,  # nothing listens there
        **dict.fromkeys(("polling", "websocket", "upgrade", "affinity"), True),
    }
    assert (result.certificate.subject, result.certificate.issuer) == ("CN=service.test", "CN=service.test")
    assert result.certificate.not_after.endswith("GMT")


def test_a_certificate_that_is_not_trusted_is_told(serve, certificate):
    server = serve(Application("4"), certificate[0])
    result = probe.probe(server.place(), ["polling"])
    assert detail(result, "polling").startswith("the certificate is not trusted: self")
    assert result.certificate.subject == "CN=service.test"
    assert works(probe.probe(server.place(context=make_context(validate=False)), ["polling"])) == {"polling": True}


def test_a_certificate_for_another_name_is_told(serve, certificate):
    context, authority = certificate
    port = serve(Application("4"), context).port
    where = read_target("https://other.test/", f":{port}", context=make_context(ca_path=authority))
    assert "other.test" in detail(probe.probe(where, ["websocket"], "4"), "websocket")


def test_no_tls_where_it_is_expected(serve):
    port = serve(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")).port
    result = probe.probe(read_target("https://service.test/", f":{port}", timeout=TIMEOUT), ["http"])
    assert detail(result, "http").startswith("TLS fails")
    assert result.certificate is None


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        ("301 Moved", "https://service.test{target}", ""),
        ("308 Moved", "https://service.test{target}", ""),
        ("301 Moved", "https://service.test:{port}{target}", "leads to https://service.test:"),
        ("301 Moved", "https://service.test/", "leads to https://service.test/ instead of"),
        ("301 Moved", "https://elsewhere.test{target}", "leads to https://elsewhere.test"),
        ("301 Moved", "http://service.test{target}", "leads to http://service.test"),
        ("301 Moved", "", "leads to nowhere"),
        ("302 Found", "https://service.test{target}", "302 Found instead of 301"),
        ("200 OK", "", "200 OK instead of 301"),
    ],
)
def test_redirect(serve, status, location, said):
    def talk(peer):
        _method, target, headers, _body = peer.request()
        assert headers["host"] == f"service.test:{server.port}"
        peer.answer(status, b"", "Location: " + location.format(target=target, port=server.port))

    server = serve(talk)
    where = read_target("https://service.test/", "127.0.0.1:9", f"127.0.0.1:{server.port}", timeout=TIMEOUT)
    row = probe.probe(where, ["redirect"]).rows[0]
    assert row.works == (not said)
    assert row.detail.startswith(said or status.split()[0])


# Words


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("", ("a.test", 8443)),
        (":444", (None, 444)),
        ("*:444", (None, 444)),
        ("10.0.0.1", ("10.0.0.1", 8443)),
        ("10.0.0.1:444", ("10.0.0.1", 444)),
        ("[::1]:444", ("::1", 444)),
        ("[::1]", ("::1", 8443)),
        ("edge-1.test:444", ("edge-1.test", 444)),
    ],
)
def test_addresses(address, wanted):
    assert read_target("https://a.test:8443/x y?z", address).address == wanted


def test_words_become_safe_for_a_request():
    where = read_target("https://A.test/x y?z=é", path="sub/socket.io")
    assert (where.host, where.page, where.path) == ("a.test", "/x%20y?z=%C3%A9", "/sub/socket.io/")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"url": "chat.example.com"}, "url: https://HOST/"),
        ({"url": "ftp://a.test/"}, "url: "),
        ({"url": "https:///"}, "url: "),
        ({"url": "https://a.test:99999/"}, "url: "),
        ({"url": "https://[::1/"}, "url: "),
        ({"url": "https://a b/"}, "url: "),
        ({"url": "https://a.test/", "address": "a:b"}, "address: HOST"),
        ({"url": "https://a.test/", "address": "a:99999"}, "address: HOST"),
        ({"url": "https://a.test/", "http_address": "unix@/run/x"}, "http_address: HOST"),
        ({"url": "https://a.test/", "timeout": 0}, "timeout: "),
        ({"url": "https://a.test/", "timeout": float("nan")}, "timeout: "),
        ({"url": "https://a.test/", "timeout": float("inf")}, "timeout: "),
    ],
)
def test_words_that_cannot_be_used(words, said):
    with pytest.raises(ProbeError, match=re.escape(said)):
        read_target(**words)


def test_a_file_without_authorities(tmp_path):
    for content in (None, "nothing"):
        path = tmp_path / "ca.pem"
        if content:
            path.write_text(content)
        with pytest.raises(ProbeError, match="ca_path: "):
            make_context(ca_path=str(path))


def test_a_name_without_an_address_and_a_port_without_a_listener():
    nowhere = probe.probe(read_target("http://no-such-host.invalid/"), ["http", "polling"])
    assert {row.detail for row in nowhere.rows} == {"the name in no-such-host.invalid:80 has no address"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = probe.probe(read_target(f"http://127.0.0.1:{port}/"), ["http"])
    assert refused.rows[0].detail == f"no connection to 127.0.0.1:{port}: connection refused"
