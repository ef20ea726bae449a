"""Flash sockets as they were, on the wire as the Flash player spoke; rough clients disturb nobody."""

from __future__ import annotations

import contextlib
import hashlib
import re
import select
import socket
import ssl
import struct
import warnings

import pytest

testinfra_hosts = ["ansible://edges"]

REQUEST = b"<policy-file-request/>\0"
PORTS = [843, 10843, 80, 443]
GAME = "game.test"


@pytest.fixture
def connect(edge):
    """Open a connection to a port of the edge."""
    return lambda port: socket.create_connection((edge.address, port), 10)


def modern(connection, name=GAME):
    """TLS as a browser of today speaks it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=name)


def movie(connection):
    """TLS as the Flash movie speaks it: 1.0, static RSA, AES-CBC with SHA-1, no server name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    return context.wrap_socket(connection)


def request(path, *headers, host=GAME):
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


def head(connection):
    """The head of an answer, and what of its body came along."""
    connection.settimeout(10)
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(4096)
        assert more, received
        received += more
    return received.split(b"\r\n\r\n", 1)


def open_session(connect):
    """The id of a new session: a request as the movie's page makes it."""
    with modern(connect(443)) as connection:
        connection.sendall(request("/socket.io/1/?t=1", "Connection: close"))
        body = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    found = re.search(r"([0-9A-Za-z_-]+):\d*:\d+:\S*flashsocket", body)
    assert found, body
    return found[1]


def open_sessions(connect):
    """Sessions of both nodes, taking turns, in an order in which sockets that take turns would miss their node."""
    first, second, third, fourth = (open_session(connect) for _ in range(4))
    return first, third, second, fourth


WEBSOCKET = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Origin: https://{GAME}")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

# The example of draft 76, 1.3.
DRAFT_76 = (
    "Upgrade: WebSocket",
    "Connection: Upgrade",
    f"Origin: https://{GAME}",
    "Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8",
    "Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0",
)
NONCE = b"Tm[K T2u"
PROOF = hashlib.md5(struct.pack(">II", 155712099, 173347027) + NONCE, usedforsecurity=False).digest()


# The policy


@pytest.mark.parametrize("segments", [(REQUEST,), (REQUEST[:9], REQUEST[9:]), (REQUEST[:1], REQUEST[1:])], ids=len)
@pytest.mark.parametrize("port", PORTS)
def test_the_policy_is_served(answer, connect, port, segments):
    policy = answer(connect(port), *segments)
    assert b"<cross-domain-policy>" in policy
    assert re.search(rb'<allow-access-from\s+domain="\*"\s+to-ports="(\*|80,443)"\s*/>', policy)
    assert policy.endswith((b"</cross-domain-policy>\0", b"</cross-domain-policy>"))


def test_the_policy_is_the_edges_or_the_applications(answer, connect, edge):
    before = edge.served()
    policy = answer(connect(843), REQUEST)
    after = edge.served()
    if "policy_servers" in edge.variables["scenario_flash"]:
        assert after["flash:policy"] > before["flash:policy"]
    else:
        assert b'to-ports="80,443"' in policy
        assert "flash:policy" not in after


def test_a_request_that_never_ends_is_closed(answer, connect):
    connections = [connect(port) for port in PORTS]
    for connection in connections:
        connection.sendall(REQUEST[:-1])
    assert [answer(connection) for connection in connections] == [b""] * len(PORTS)


def test_http_and_tls_are_as_they_were(edge, connect):
    redirect = edge.get("/a/path?with=query", secure=False, Host=f"{edge.name}:80")
    assert (redirect.status, redirect.headers["Location"]) == (301, f"https://{edge.name}/a/path?with=query")
    assert edge.get("/healthz").text == "ok"


def test_the_entrance_hands_the_clients_address_on(edge, connect):
    with connect(443) as connection:
        own = connection.getsockname()[0]
    assert edge.get("/whoami").text == own
    # Whoever could open these sockets could say that it comes from anywhere.
    for name in ("http", "https"):
        assert edge.host.file(f"/run/haproxy/{name}.sock").mode == 0o600


def test_what_is_shorter_than_a_request_for_the_policy_does_not_wait_for_more(connect):
    with connect(80) as unfinished, connect(80) as short:
        unfinished.sendall(REQUEST[:-1])
        short.sendall(b"GET / HTTP/1.0\r\n\r\n")
        # Had it waited, the other one would have been closed before.
        assert select.select([unfinished, short], [], [], 30)[0] == [short]
        assert short.recv(4096).startswith(b"HTTP/1.1 400")


# The transport


def served_by(edge, connection, handshake):
    """Head and rest of the answer, and the backends that have served it."""
    before = edge.served()
    connection.sendall(handshake)
    status, rest = head(connection)
    return status, rest, {name for name, count in edge.served().items() if count > before[name]}


def test_a_flash_socket_over_modern_tls_has_its_own_backend(edge, connect):
    with contextlib.ExitStack() as stack:
        for session in open_sessions(connect):
            connection = stack.enter_context(modern(connect(443)))
            handshake = request(f"/socket.io/1/flashsocket/{session}", *WEBSOCKET, KEY)
            status, rest, served = served_by(edge, connection, handshake)
            assert b" 101 " in status
            assert served == {"game_flashsocket"}
            # The node knows the session: it says `1::`, connected.
            assert b"1::" in (rest or connection.recv(4096))


@pytest.fixture
def legacy(edge):
    """Whether this edge takes the movie's own TLS."""
    return "legacy_tls" in edge.variables["scenario_flash"]


def test_the_movies_tls_and_handshake_work_where_they_are_wanted(edge, connect, legacy):
    if not legacy:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            movie(connect(443))
        return
    with contextlib.ExitStack() as stack:
        for session in open_sessions(connect):
            connection = stack.enter_context(movie(connect(443)))
            assert connection.version() == "TLSv1"
            handshake = request(f"/socket.io/1/flashsocket/{session}", *DRAFT_76) + NONCE
            status, rest, served = served_by(edge, connection, handshake)
            assert status.startswith(b"HTTP/1.1 101 ")
            assert served == {"game_flashsocket_legacy"}
            while len(rest) < 16 or b"\xff" not in rest[16:]:
                more = connection.recv(4096)
                assert more, rest
                rest += more
            assert rest[:16] == PROOF
            assert rest[16:].startswith(b"\x001::\xff")


def test_the_movies_tls_is_for_nothing_else(answer, connect, legacy):
    if not legacy:
        pytest.skip("there is no such listener")
    for path in ("/", "/socket.io/1/", "/socket.io/1/websocket/1", "/healthz"):
        assert answer(movie(connect(443)), request(path)) == b"", path


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_the_modern_listener_never_lowers_its_floor(edge, version):
    # Asked from inside, past the entrance, which leads what is older elsewhere.
    ask = (
        "import socket, ssl, sys, warnings; warnings.simplefilter('ignore')\n"
        "c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
        "c.set_ciphers('ALL:@SECLEVEL=0')\n"
        "c.minimum_version = ssl.TLSVersion.TLSv1; c.maximum_version = int(sys.argv[1])\n"
        "s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/https.sock')\n"
        "s.sendall(b'PROXY UNKNOWN\\r\\n')\n"
        "try: print(c.wrap_socket(s).version())\n"
        "except (ssl.SSLError, OSError) as error: print('refused:', error)"
    )
    assert edge.host.check_output("python3 -c %s %s", ask, str(ssl.TLSVersion.TLSv1_2.value)) == "TLSv1.2"
    assert edge.host.check_output("python3 -c %s %s", ask, str(version.value)).startswith("refused:")


# Rough clients


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 64,
        b"\xff" * 4096,
        b"\x16\x03\x01\xff\xff" + b"\xaa" * 4096,
        b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x01" + b"\xaa" * 26,
        b"<policy-file-request>" + b" " * 64,
        b"<" * 40000,
    ],
    ids=["zeros", "ones", "a TLS record", "a TLS 1.0 hello", "another element", "long"],
)
def test_garbage_is_answered_or_closed(answer, edge, hold, connect, garbage):
    held = hold(2, "websocket")
    worker = edge.worker()
    for port in PORTS:
        assert b"cross-domain-policy" not in answer(connect(port), garbage)
    assert held.ping()["answered"] == 2
    assert not held.of("disconnect")
    assert edge.worker() == worker


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("/socket.io/1/flashsocket/1", *WEBSOCKET), b"400"),  # no key
        (request("/socket.io/1/flashsocket/" + "x" * 8_000, *WEBSOCKET, KEY), b"101"),  # and `7:::1+0`, not handshaken
        (request("/socket.io/1/xhr-polling/" + "x" * 8_000), b"200"),  # and `7:::1+0`
        (request("/socket.io/1/carrier-pigeon/1"), b"[245]"),
        (request("/socket.io/?EIO=4&transport=polling&sid=" + "x" * 8_000, host="chat.test"), b"400"),
        (request("/socket.io/1/flashsocket/" + "x" * 10_000, *WEBSOCKET, KEY), b"414"),  # haproxy_limits.url_length
        (request("/socket.io/?EIO=4&transport=carrier-pigeon", host="chat.test"), b"400"),
    ],
    ids=["no key", "long flash session", "long 0.9 session", "0.9 transport", "long session", "longer", "transport"],
)
def test_a_rough_request_is_answered_and_nobody_else_notices(edge, hold, connect, asked, status):
    held = hold(2, "polling")
    worker = edge.worker()
    with modern(connect(443)) as connection:
        connection.settimeout(30)
        connection.sendall(asked)
        received = connection.recv(4096)
    # A node of 0.9 closes without a word on some of them.
    assert received == b"" or re.match(rb"HTTP/1.1 " + status, received), received
    assert held.ping()["answered"] == 2
    assert not held.of("disconnect")
    assert edge.worker() == worker


def test_a_reload_loses_no_socket_behind_the_entrance(edge, hold, wait_until):
    held = hold(20, "websocket")
    worker = edge.worker()
    edge.ask("reload", "master")
    wait_until("a new worker serves", lambda: edge.worker() != worker)
    assert edge.get("/healthz").text == "ok"
    assert held.ping()["answered"] == 20
    assert not held.of("disconnect")
