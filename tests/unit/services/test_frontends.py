"""What a real HAProxy does with the shapes of services: by revision of Engine.IO, in plain HTTP, streamed, refused."""

import http.client
import json
import re
import socket
import socketserver
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import (
    definition,
    probes,
    routing,
    telemetry,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.limits import Limits
from examples import CHAT, GROUPS, edge
from live import LiveEdge, NameServer, every_version, free_port, wait_for

PAGE = "https://page.example.com"

# Before HAProxy 3.0, a UUID.
REQUEST_ID = re.compile(r"[\w-]{12}\.\d+|[0-9a-f-]{36}")


class Node(ThreadingHTTPServer):
    """Answers with its name and the request's headers; `sid=` that it has not given out is refused, as Socket.IO does."""

    daemon_threads = True

    def __init__(self, name):
        super().__init__(("127.0.0.1", 0), Answers)
        self.name, self.sessions, self.chunks = name, set(), []
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sid = re.search(r"sid=(\w+)", self.path)
        status, body = (
            200,
            {"node": self.server.name, "path": self.path, **{k.lower(): v for k, v in self.headers.items()}},
        )
        if sid and sid[1] not in self.server.sessions:
            status = 400
        if "EIO=" in self.path and not sid:
            body["sid"] = uuid.uuid4().hex
            self.server.sessions.add(body["sid"])
        self.answer(status, json.dumps(body).encode())

    def do_POST(self):
        while size := int(self.rfile.readline(), 16):
            self.server.chunks.append(self.rfile.read(size + 2)[:-2])
        self.rfile.readline()
        self.answer(200, b"{}")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Edge:
    """The services' own configuration on a port of the loopback, without TLS."""

    def __init__(self, version, folder, *services, sections=None, **limits):
        self.port = free_port()
        described = edge(
            version=tuple(map(int, version.split(".")[:2])), lists=str(folder), limits=Limits(**limits)
        )._replace(
            http=(f"127.0.0.1:{self.port}",), stats_bind="", lua=f"{folder}/edge.lua", runtime_socket=f"{folder}/a.sock"
        )
        fragment = store.Fragment(store.OWNER, list(services), sections or {}, {})
        whole = assemble.assemble(described, [fragment])
        kept = tuple(section for section in whole.sections if section.header != "frontend https")
        for path, text in whole.files:
            if path.startswith(str(folder)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        self.live = LiveEdge(version, folder)
        (folder / "haproxy.cfg").write_text(render(Configuration(kept)))
        self.live.start()

    def get(self, path, host="chat.example.com", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            connection.close()

    def json(self, path, **headers):
        return json.loads(self.get(path, **headers).text)

    def log(self):
        return (self.live.folder / "log").read_text()


@pytest.fixture
def nodes():
    found = [Node("one"), Node("two")]
    yield found
    for node in found:
        node.shutdown()
        node.server_close()


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(version, *services, **more):
        running.append(Edge(version, tmp_path, *services, **more))
        return running[-1]

    yield begin
    for one in running:
        one.live.stop()


def chat(*nodes, **more):
    return {**CHAT, "health": False, "plain_http": True, "servers": [node.address for node in nodes], **more}


@every_version
def test_port_80_serves_what_is_plain_and_redirects_all_else(version, nodes, start):
    served = start(
        version,
        chat(nodes[0], plain_http=["/device/", "/socket.io/"]),
        chat(nodes[1], name="admin", path="/device/admin/", plain_http=False),
    )
    assert served.json("/device/1?x=1")["path"] == "/device/1?x=1"
    assert served.json("/device")["x-forwarded-proto"] == "http"
    for path in ("/", "/devices", "/device/admin/x"):
        answer = served.get(path)
        assert (answer.status, answer.headers["Location"]) == (301, f"https://chat.example.com{path}")
    assert served.get("/device/%2e%2e/admin").status == 400
    assert served.get("/", host="other.example.com").status == 301


@every_version
def test_a_polling_session_in_plain_http_stays_on_its_node(version, nodes, start):
    served = start(version, chat(*nodes))
    opened = [served.json("/socket.io/?EIO=4&transport=polling") for _ in range(4)]
    assert {one["node"] for one in opened} == {"one", "two"}
    for one in opened:
        for _ in range(2):
            answer = served.get(f"/socket.io/?EIO=4&transport=polling&sid={one['sid']}")
            assert (answer.status, json.loads(answer.text)["node"]) == (200, one["node"])


@every_version
def test_the_revision_of_engineio_decides_between_services_of_one_path(version, nodes, start):
    old = chat(nodes[1], name="old", socketio={"eio": 3})
    served = start(version, old, chat(nodes[0]))
    assert served.json("/socket.io/?EIO=4&transport=polling")["node"] == "one"
    assert served.json("/socket.io/?transport=polling&EIO=3")["node"] == "two"
    assert served.json("/socket.io?EIO=3&transport=polling")["node"] == "two"
    # The client's script, and pages, are those of the service that has the rest.
    assert served.json("/socket.io/socket.io.js")["node"] == "one"
    assert served.json("/?EIO=3")["node"] == "one"


def test_revisions_stand_behind_the_service_that_has_the_path():
    services = definition.read_services([{**CHAT, "name": "old", "socketio": {"eio": 3}}, CHAT], GROUPS)
    definition.check_conflicts(services)
    assert routing.routes_map(services).splitlines() == [
        "chat.example.com/ chat",
        "chat.example.com/socket.io/ chat:polling:websocket|3old:polling:websocket",
    ]
    assert [one["generation"] for one in probes.list_probes(services, {"http": [":80"], "https": [":443"]})] == [
        "2",
        "auto",
    ]


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        (
            ({"socketio": {"eio": 3}},),
            "[0].socketio.eio: no service without `eio` has /socket.io/ of 'chat.example.com'",
        ),
        (
            ({}, {"socketio": {"eio": 3, "path": "/x/"}}),
            "[1].socketio.eio: no service without `eio` has /x/ of 'chat.example.com'",
        ),
        (
            ({}, {"socketio": {"eio": 3}}, {"socketio": {"eio": 3}}),
            "[2].socketio.eio: haproxy_services[1] takes these requests already",
        ),
        (({}, {"socketio": {"eio": 2}}), "[1].socketio.eio: 3 (for Socket.IO 1 and 2) or 4 (for 3 and 4) is expected"),
        (({"plain_http": "/a/"},), "[0].plain_http: true, false, or a list of paths"),
        (({"plain_http": ["a"]},), "[0].plain_http[0]: a path that begins and ends with '/' is expected"),
        (({"plain_http": ["/a/\nb/"]},), "[0].plain_http[0]: a path that begins and ends with '/' is expected"),
        (({"plain_http": True, "client_ca": "ca"},), "[0].plain_http: the service asks clients for certificates"),
        (({"plain_http": True, "affinity": "cookie"},), "[0].affinity: the cookie is for TLS only"),
        (({"streamed_uploads": []},), "[0].streamed_uploads: true, false, or a list of paths"),
    ],
)
def test_what_can_not_be_is_told_in_a_sentence(services, problem):
    described = [{**CHAT, "name": f"s{number}", **more} for number, more in enumerate(services)]
    with pytest.raises(ConfigurationError) as caught:
        assemble.assemble(edge(), [store.Fragment(store.OWNER, described, {}, GROUPS)])
    assert caught.value.problems[0].startswith(f"haproxy_services{problem}")


def upload(port, path):
    """Send the head and one chunk of a body; return the connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: chat.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()
    )
    return connection


@every_version
def test_a_body_may_take_its_time_where_uploads_are_streamed(version, nodes, start):
    served = start(version, chat(nodes[0], streamed_uploads=["/upload/"]), request_timeout=1)
    with upload(served.port, "/upload/x") as slow, upload(served.port, "/else") as limited:
        # The node gets the beginning while the end is still to come.
        wait_for(lambda: nodes[0].chunks == [b"hello"])
        assert b"408" in limited.recv(2000).split(b"\r\n")[0]
        slow.sendall(b"6\r\n world\r\n0\r\n\r\n")
        assert b"200" in slow.recv(2000).split(b"\r\n")[0]
    assert nodes[0].chunks == [b"hello", b" world"]


@every_version
def test_each_request_has_an_id_that_the_node_and_the_log_know(version, nodes, start):
    served = start(version, chat(nodes[0]))
    seen = [served.json("/a", **{"X-Request-ID": "forged", "X_Request_Id": "forged"})]
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    for _ in range(2):
        connection.request("GET", "/b", headers={"Host": "chat.example.com"})
        seen.append(json.loads(connection.getresponse().read()))
    connection.close()
    ids = [one["x-request-id"] for one in seen]
    assert len(set(ids)) == 3
    assert all(map(REQUEST_ID.fullmatch, ids)), ids
    assert "forged" not in str(seen)
    wait_for(lambda: all(f" {one}\n" in served.log() for one in ids))


def say(port, *headers):
    """What comes back for a request with these headers in this order."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        lines = "".join(f"{header}\r\n" for header in headers)
        connection.sendall(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode()


@every_version
def test_no_forged_header_reaches_a_node_wherever_it_stands(version, nodes, start):
    port, host = start(version, chat(nodes[0])).port, "Host: chat.example.com"
    for name in ("X-Forwarded-Host", "X_FORWARDED_FOR", "forwarded", "x-real_ip", "CF-Connecting-IP", "Proxy"):
        for headers in (
            (f"{name}: forged", host),
            (host, f"{name}: forged"),
            (host, "A: b", f"{name}: forged", "C: d"),
        ):
            status, body = say(port, *headers)
            assert status == 200
            assert "forged" not in body
    refused = (
        "x: a\x01b",
        "x: a\x7f",
        "Origin: a\r\nOrigin: b",
        "Connection: close, X-Forwarded-For",
        "Connection: forwarded",
    )
    for header in refused:
        assert [say(port, host, header)[0], say(port, header, host)[0]] == [400, 400], header
    for header in ("Host: a,b", "Host: chat.example.com:80:90", "A: b\r\nHost: user@chat.example.com"):
        assert say(port, header)[0] == 400, header
    for header in ("x: a\tb", "Cookie: proxy: a", "x-host: a,b", "my-x-forwarded-for: a", "Origin: a"):
        assert say(port, host, header)[0] == 200, header
    assert say(port, "Host: CHAT.example.com:80")[0] == 200


def shared(answer):
    return answer.headers["Access-Control-Allow-Origin"], answer.headers["Access-Control-Allow-Credentials"]


@every_version
def test_pages_of_allowed_origins_can_read_what_the_edge_itself_answers(version, nodes, start):
    served = start(
        version,
        chat(nodes[0], origins=[PAGE, "https://*.example.org", "null"]),
        chat(name="down", hosts=["down.example.com"], servers=["127.0.0.1:1"]),
        chat(name="shut", hosts=["shut.example.com"], servers=["127.0.0.1:1"], origins=[PAGE]),
        request_rate=40,
    )
    refused = served.get("/", host="down.example.com", Origin=PAGE)
    assert (refused.status, shared(refused), refused.headers["Retry-After"]) == (503, (PAGE, "true"), "5")
    assert REQUEST_ID.fullmatch(refused.headers["X-Request-ID"])
    assert shared(served.get("/", host="shut.example.com", Origin=PAGE)) == (PAGE, "true")
    # Of the answers of nodes, the nodes decide; a foreign page learns nothing.
    assert shared(served.get("/", Origin=PAGE)) == (None, None)
    assert shared(served.get("/", host="shut.example.com", Origin="https://evil.example.com")) == (None, "true")
    assert shared(served.get("/", host="down.example.com")) == (None, "true")
    foreign = served.get("/socket.io/?EIO=4&transport=polling", Origin="https://evil.example.com")
    assert (foreign.status, shared(foreign)) == (403, (None, None))
    for origin in (PAGE, "https://a.example.org", "null"):
        assert served.get("/socket.io/?EIO=4&transport=polling", Origin=origin).status == 200

    def too_many():
        answer = served.get("/", Origin=PAGE)
        return answer if answer.status == 429 else None

    wait_for(too_many)
    assert shared(too_many()) == (PAGE, "true")


@every_version
def test_where_all_services_have_origins_no_other_page_reads_any_answer(version, nodes, start):
    served = start(version, chat(nodes[0], origins=[PAGE, "https://*.example.org"]), request_rate=5)
    wait_for(lambda: served.get("/").status == 429)
    assert shared(served.get("/", Origin="https://a.example.org")) == ("https://a.example.org", "true")
    assert shared(served.get("/", Origin="https://evil.example.com")) == (None, "true")


@every_version
def test_where_no_service_has_origins_any_page_can_read_what_the_edge_itself_answers(version, nodes, start):
    served = start(
        version,
        chat(nodes[0]),
        chat(name="down", hosts=["down.example.com"], servers=["127.0.0.1:1"]),
        session_rate=3,
    )
    refused = served.get("/", host="down.example.com", Origin=PAGE)
    assert (refused.status, shared(refused)) == (503, (PAGE, "true"))
    wait_for(lambda: served.get(POLLING, Origin=PAGE).status == 429)
    assert shared(served.get(POLLING, Origin=PAGE)) == (PAGE, "true")
    assert shared(served.get(POLLING)) == (None, "true")


@every_version
def test_a_session_that_no_worker_knows_counts_as_a_miss(version, nodes, start):
    served = start(version, chat(*nodes))
    served.live.ask("set table affinity/chat key early data.server_id 1")
    known = served.json(POLLING)["sid"]

    def misses():
        table = telemetry.count_miss("edge", "chat", "").text.split(" table ")[1].split()[0]
        return re.findall(r"http_req_cnt=(\d+)", served.live.ask(f"show table {table}"))

    for sid, counted in ((known, []), ("early", []), ("lost", ["1"]), (known, ["1"])):
        served.get(f"{POLLING}&sid={sid}")
        assert misses() == counted
    assert served.get("/socket.io/", Origin=PAGE).status == 200


@pytest.mark.parametrize(
    ("more", "uri"),
    [
        ({}, "/socket.io/"),
        ({"path": "/a/", "strip_path": True}, "/socket.io/"),
        ({"path": "/a/"}, "/a/socket.io/"),
        ({"socketio": False}, "/"),
        ({"health": "/healthz"}, "/healthz"),
    ],
)
def test_a_node_without_pages_is_healthy(more, uri):
    """A bare `http.createServer()` never answers `GET /`, and Socket.IO answers its own path at once."""
    fragment = store.Fragment(store.OWNER, [{**CHAT, **more}], {}, GROUPS)
    lines = [line.text for line in assemble.assemble(edge(), [fragment]).section("backend", "chat_http").directives]
    assert f"http-check send meth GET uri {uri} ver HTTP/1.1 hdr Host chat.example.com" in lines


def test_pages_with_servers_of_their_own_are_checked_by_a_page():
    fragment = store.Fragment(store.OWNER, [{**CHAT, "socketio": {"servers": ["10.1.0.1:1"]}}], {}, GROUPS)
    configuration = assemble.assemble(edge(), [fragment])
    for backend, uri in (("chat_http", "/"), ("chat_polling", "/socket.io/")):
        assert any(f" uri {uri} " in line.text for line in configuration.section("backend", backend).directives)


@pytest.mark.parametrize(
    "origin", ["capacitor://localhost", "ionic://localhost", "file://", "null", "http://localhost:8100", "app://-"]
)
def test_pages_of_applications_have_origins_too(origin):
    (service,) = definition.read_services([{**CHAT, "origins": [origin]}], GROUPS)
    assert service.origins == (origin,)


@every_version
def test_a_worker_can_be_at_a_socket_of_the_host(version, tmp_path, start):
    path = tmp_path / "worker.sock"
    worker = socketserver.ThreadingUnixStreamServer(str(path), Answers)
    worker.daemon_threads, worker.name, worker.sessions = True, "worker", set()
    threading.Thread(target=worker.serve_forever, args=[0.05], daemon=True).start()
    served = start(version, {**chat(), "servers": [f"unix@{path}"]})
    try:
        assert served.json("/x")["node"] == "worker"
    finally:
        worker.shutdown()
        worker.server_close()


@every_version
def test_sections_in_tcp_mode_beside_services_give_no_warning(version, nodes, start):
    native = {
        "frontend": {"mqtt": {"mode": "tcp", "bind": f"127.0.0.1:{free_port()}", "default_backend": "broker"}},
        "backend": {"broker": {"mode": "tcp", "server": f"b1 {nodes[0].address}"}},
        "listen": {"redis": {"mode": "tcp", "bind": f"127.0.0.1:{free_port()}", "server": f"r1 {nodes[1].address}"}},
    }
    flash = {"socketio": {"transports": ["polling", "websocket", "flashsocket"]}}
    served = start(version, chat(nodes[0], **flash), sections=native)
    assert not re.findall(r"\[WARNING\].*(?:ignored|not usable).*", served.log())


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"hosts": ["a.test", "b.test\nevil.test"]}, "hosts[1]"),
        ({"origins": ["https://a.test\nhttps://evil.test"]}, "origins[0]"),
        ({"path": "/a/\nb/"}, "path"),
        ({"health": "/a\nb"}, "health"),
        ({"servers": ["10.0.0.1:1", "10.0.0.2:1\n  server evil 10.6.6.6:1"]}, "servers[1].address"),
        ({"servers": [{"address": "10.0.0.1", "port": 1, "weight": "1\nserver evil 10.6.6.6:1"}]}, "servers[0].weight"),
        ({"servers": {"dns": "a.test\nserver evil 10.6.6.6", "port": 1}}, "servers.dns"),
        ({"key": {"header": "X-Room\nevil"}}, "key.header"),
        ({"plain_http": ["/ok/", "/a/\nb/"]}, "plain_http[1]"),
        ({"streamed_uploads": ["/a/\nb/"]}, "streamed_uploads[0]"),
        ({"socketio": {"path": "/a/\nb/"}}, "socketio.path"),
        ({"certificate": "a\nb"}, "certificate"),
    ],
)
def test_a_line_break_in_an_entry_is_one_problem_with_its_place(more, place):
    many = [{**CHAT, "name": f"s{number}", "hosts": [f"s{number}.test"]} for number in range(100)]
    many[77].update(more)
    with pytest.raises(ConfigurationError) as caught:
        assemble.assemble(edge(), [store.Fragment(store.OWNER, many, {}, GROUPS)])
    (problem,) = caught.value.problems
    assert problem.startswith(f"haproxy_services[77].{place}: ")
    assert "\n" not in problem


class Idle:
    """Connections to an edge that have carried a request, and do not connect again by themselves."""

    def __init__(self, port, count):
        self.all = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(count)]
        for connection in self.all:
            assert self.ask(connection, "/").status == 200
            connection.auto_open = 0

    def ask(self, connection, path, method="GET"):
        connection.request(method, path, headers={"Host": "chat.example.com"})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        return answer


@every_version
def test_a_request_on_an_idle_connection_is_answered_after_a_reload(version, nodes, start):
    """The old worker answers it, and only then closes: a client that sends at this moment is not reset."""
    one = start(version, chat(*nodes))
    idle = Idle(one.port, 20)
    one.live.reload()
    answers = [idle.ask(connection, "/") for connection in idle.all]
    assert {(answer.status, answer.getheader("Connection")) for answer in answers} == {(200, "close")}


POLLING = "/socket.io/?EIO=4&transport=polling"


@every_version
def test_an_old_worker_has_the_next_one_open_a_session(version, nodes, start):
    """Its tables were handed over: a session that it opened would be known to nobody, nor does it know those of the next."""
    one = start(version, chat(*nodes))
    known = [one.json(POLLING)["sid"] for _ in range(8)]
    idle = Idle(one.port, 3 * 8)
    one.live.reload()
    opened = [one.json(POLLING)["sid"] for _ in range(8)]
    asked = [(POLLING, 307), *((f"{POLLING}&sid={sid}", 200) for sid in known)]
    asked += [(f"{POLLING}&sid={sid}", 307) for sid in opened]
    for connection, (path, status) in zip(idle.all, asked):
        answer = idle.ask(connection, path)
        assert (answer.status, answer.getheader("Connection")) == (status, "close")
        if status == 307:
            assert answer.getheader("Location") == f"http://chat.example.com{path}"
            assert one.get(path).status == 200


@every_version
def test_a_request_waits_for_the_servers_that_the_dns_names(version, start):
    """A worker begins without their addresses: at a reload a request would get 503."""
    names, node, answers = NameServer(), Node("one"), []
    names.addresses = ["127.0.0.1"]
    servers = {"dns": "nodes.test", "port": node.server_port, "resolvers": "mine"}
    resolvers = {"mine": {"nameserver": f"test 127.0.0.1:{names.port}", "timeout": {"retry": "100ms"}}}
    try:
        one = start(version, chat(servers=servers), sections={"resolvers": resolvers})
        assert one.get("/x").status == 200
        names.awake.clear()
        one.live.reload()
        clients = [threading.Thread(target=lambda: answers.append(one.get("/x").status)) for _ in range(5)]
        for client in clients:
            client.start()
        wait_for(lambda: answers or re.search(r"^chat_http,BACKEND,\d+,\d+,5,", one.live.ask("show stat"), re.M))
        names.awake.set()
        for client in clients:
            client.join(30)
        assert answers == [200] * 5
    finally:
        names.awake.set()
        names.socket.close()
        node.shutdown()
        node.server_close()
