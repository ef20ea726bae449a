"""What a real HAProxy does when whole services come and go: from 3.4 on, it makes their backends at run time."""

import http.client

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Configuration
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import common
from examples import edge
from live import LiveEdge, Node, every_version, free_port, wait_for


class Asked(Node):
    """A node that keeps the host and the path of each request."""

    def __init__(self, name):
        self.asked = set()
        super().__init__(name)

        class Answers(self.RequestHandlerClass):
            def do_GET(self):
                self.server.asked.add((self.headers["Host"], self.path))
                super().do_GET()

        self.RequestHandlerClass = Answers


class Services:
    """An edge of services in plain HTTP, and the nodes that all of them share."""

    def __init__(self, version, folder):
        self.version = tuple(map(int, version.split(".")[:2]))
        self.at_run_time = "runtime" if self.version >= common.SINCE else "reload"
        self.folder, self.port = folder, free_port()
        self.nodes = [Asked("n1"), Asked("n2")]
        self.live = LiveEdge(version, folder)

    def service(self, name, **more):
        servers = [{"name": node.name, "address": "127.0.0.1", "port": node.server_port} for node in self.nodes]
        return {"name": name, "hosts": [f"{name}.test"], "plain_http": True, "servers": servers, **more}

    def pages(self, name, **more):
        return self.service(name, socketio=False, health="/health", **more)

    def serve(self, *services, **options):
        described = edge(version=self.version, lists=str(self.folder))._replace(
            http=(f"127.0.0.1:{self.port}",),
            stats_bind="",
            lua=f"{self.folder}/edge.lua",
            runtime_socket=f"{self.folder}/a.sock",
            master_socket=self.live.target.master,
        )
        whole = assemble.assemble(described, [store.Fragment(store.OWNER, list(services), {}, {})])
        kept = tuple(section for section in whole.sections if section.header != "frontend https")
        found = apply.apply(Configuration(kept, files=whole.files), self.live.target, apply.ApplyOptions(**options))
        if not self.live.process:
            self.live.start()
        return found

    def get(self, host, path="/", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def servers(self, backend):
        """What the process has of each server: id, name, address, and all but its times, by its id."""
        rows = (line.split() for line in self.live.ask(f"show servers state {backend}").splitlines()[2:])
        return sorted((row[2:5], row[7:8], row[18:]) for row in rows)

    def answers(self, host):
        return {self.get(host) for _ in range(4)} == {(200, "n1"), (200, "n2")}


@pytest.fixture
def begin(tmp_path):
    running = []

    def start(version, *services):
        running.append(Services(version, tmp_path))
        running[-1].serve(*(getattr(running[-1], kind)(name) for kind, name in services))
        return running[-1]

    yield start
    for one in running:
        one.live.stop()
        for node in one.nodes:
            node.close()


@every_version
def test_a_service_of_a_known_kind_comes_without_a_reload(begin, version):
    edge = begin(version, ("pages", "one"))
    one, two = edge.pages("one"), edge.pages("two")
    planned = edge.serve(one, two, check_mode=True)
    assert planned.action == edge.at_run_time
    assert edge.get("two.test")[0] == 301
    added = edge.serve(one, two)
    assert (added.action, added.reasons) == (planned.action, planned.reasons)
    wait_for(lambda: edge.answers("two.test"))
    assert edge.answers("one.test")
    assert edge.serve(one, two).action == "unchanged"


@every_version
def test_a_process_that_starts_with_the_file_is_the_same(begin, version):
    edge = begin(version, ("pages", "one"))
    described = edge.pages("two", servers=[{**server, "inter": "1s"} for server in edge.pages("two")["servers"]])
    edge.serve(edge.pages("one"), described)
    made = edge.servers("two_http")
    edge.live.reload()
    assert edge.servers("two_http") == made
    assert edge.serve(edge.pages("one"), described).action == "unchanged"


@every_version
def test_each_backend_is_checked_by_its_own_host_and_path(begin, version):
    edge = begin(version, ("pages", "one"))
    one, two = edge.pages("one"), {**edge.pages("two"), "health": "/two?deep=a/b"}
    assert edge.serve(one, two).action == edge.at_run_time
    edge.serve(one, two, edge.service("three", socketio=False))
    asked = {("one.test", "/health"), ("two.test", "/two?deep=a/b"), ("three.test", "/")}
    for node in edge.nodes:
        wait_for(lambda node=node: node.asked >= asked)
        assert node.asked == asked


@every_version
def test_a_service_that_goes_can_come_back(begin, version):
    edge = begin(version, ("pages", "one"), ("pages", "two"))
    one, two, three = (edge.pages(name) for name in ("one", "two", "three"))
    for others in ([two], [two, three]):
        edge.serve(one, *others)
        assert edge.serve(one).action == "runtime"
        assert edge.get("two.test")[0] == 301
        assert edge.serve(one).action == "unchanged"
        if edge.at_run_time == "runtime":
            assert "two_http" not in edge.live.ask("show backend")
        assert edge.serve(one, two).action == edge.at_run_time
        wait_for(lambda: edge.answers("two.test"))


@every_version
def test_a_service_with_sessions_in_a_table_is_loaded_by_a_reload(begin, version):
    edge = begin(version, ("pages", "one"), ("service", "chat"))
    one, chat, more = edge.pages("one"), edge.service("chat"), edge.service("more")
    assert edge.serve(one, chat, more).action == "reload"
    # One whose clients stay nowhere is of no kind yet.
    free = edge.service("free", socketio={"affinity": "none"})
    assert edge.serve(one, chat, more, free).action == "reload"
    other = edge.service("other", socketio={"affinity": "none"})
    assert edge.serve(one, chat, more, free, other).action == edge.at_run_time
    wait_for(lambda: edge.get("other.test", "/socket.io/?EIO=4&transport=polling")[0] == 200)


@every_version
def test_the_origins_of_a_service_hold_from_its_first_request_on(begin, version):
    edge = begin(version)
    one = edge.service("one", websocket=True, socketio=False, origins=["https://one.test"])
    two = edge.service("two_2", websocket=True, socketio=False, origins=["https://two.test"], hosts=["two.test"])
    edge.serve(one)
    assert edge.serve(one, two).action == edge.at_run_time
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    wait_for(lambda: edge.get("two.test", Origin="https://two.test", **upgrade)[0] == 200)
    assert edge.get("two.test", Origin="https://one.test", **upgrade)[0] == 403
    assert edge.get("one.test", Origin="https://one.test", **upgrade)[0] == 200


@every_version
def test_backup_servers_come_in_the_order_of_the_file_by_a_reload(begin, version):
    edge = begin(version, ("pages", "one"))
    one, servers = edge.pages("one"), edge.pages("two")["servers"]
    two = edge.pages("two", servers=[servers[0], {**servers[1], "backup": True}])
    assert edge.serve(one, two).action == "reload"
