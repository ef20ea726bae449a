"""What backends have in common stands once from HAProxy 3.4 on, and a real one makes further backends of it at run time."""

import http.client

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Configuration, split_name
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse, render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy.proxies import read_proxies
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import common
from examples import CHAT, GROUPS, edge
from live import LiveEdge, Node, every_version, free_port, wait_for

PAGES = {**CHAT, "socketio": False, "health": "/health"}
SHARED, BEFORE = (3, 4), (3, 3)


def pages(name, **more):
    return {**PAGES, "name": name, "hosts": [f"{name}.example.com"], **more}


def made(*services, sections=None, version=SHARED):
    fragment = store.Fragment(store.OWNER, list(services), sections or {}, GROUPS)
    return assemble.assemble(edge(version), [fragment])


def kinds(configuration):
    """Backend → the `defaults` that it is from."""
    found = (split_name(section) for section in configuration.sections if section.kind == "backend")
    return {name: parent for name, parent in found if parent}


def lines(configuration, backend):
    """All lines that hold for a backend."""
    return sorted(line.text for section in effective(configuration, backend) for line in section.directives)


def effective(configuration, backend):
    named = {split_name(section)[0]: section for section in configuration.sections if section.kind == "defaults"}
    section = configuration.section("backend", backend)
    while section:
        yield section
        parent = split_name(section)[1]
        section = named[parent] if parent else named[""] if section.kind == "backend" else None


def test_backends_of_one_kind_have_nothing_but_their_servers():
    configuration = made(pages("one"), pages("two"), pages("three", health="/other"))
    found = kinds(configuration)
    assert [len(found), len(set(found.values()))] == [3, 1]
    for name in found:
        assert {line.keyword for line in configuration.section("backend", name).directives} == {"server"}
    assert parse(render(configuration)) == configuration


@pytest.mark.parametrize(
    "service",
    [
        pages("one", websocket=True, origins=["https://a.example.com"]),
        pages("one", path="/shop/", strip_path=True),
        pages("one", key={"query": "room"}),
        {**CHAT, "name": "one", "socketio": {"affinity": "none"}},
        {**CHAT, "name": "one", "socketio": {"transports": ["websocket"]}},
    ],
)
def test_the_same_lines_hold_for_a_backend_wherever_they_stand(service):
    new, old = made(service), made(service, version=BEFORE)
    assert kinds(new)
    for backend in kinds(new):
        assert without_look_ups(new, backend) == without_look_ups(old, backend)


def without_look_ups(configuration, backend):
    """The lines of a backend but those that look up its name."""
    return [line for line in lines(configuration, backend) if "http-check send" not in line and "origin" not in line]


def test_what_the_user_writes_into_a_backend_makes_it_one_of_another_kind():
    own = {"backend": {"two_http": {"timeout": {"server": "5s"}}}, "defaults": {"timeout": {"tunnel": "3h"}}}
    configuration = made(pages("one"), pages("two"), sections=own)
    assert len(set(kinds(configuration).values())) == 2
    assert "timeout server 5s" in lines(configuration, "two_http")
    assert "timeout server 5s" not in lines(configuration, "one_http")
    assert "timeout tunnel 3h" in lines(configuration, "one_http")


@pytest.mark.parametrize(
    "body",
    [
        {"stick": "on src table limits:connections"},
        {"use-server": "app1 if { path /one }"},
        {"acl": "one path /one"},
        [".if defined(HAPROXY_TRY)", "timeout server 5s", ".endif"],
    ],
)
def test_a_backend_whose_lines_no_defaults_may_have_keeps_them(body):
    configuration = made(pages("one"), sections={"backend": {"one_http": body}})
    assert kinds(configuration) == {}
    assert not [section for section in configuration.sections if "from" in section.name]


@pytest.mark.parametrize(
    ("socketio", "shared"), [({}, False), ({"affinity": "none"}, True), ({"affinity": "cookie"}, False)]
)
def test_backends_that_follow_sessions_keep_their_lines(socketio, shared):
    found = kinds(made({**CHAT, "socketio": socketio}))
    assert ("chat_polling" in found) == ("chat_websocket" in found) == shared


def test_a_service_that_has_no_polling_has_no_session_to_follow():
    configuration = made({**CHAT, "socketio": {"transports": ["websocket"]}}, version=(3, 2))
    assert "stick" not in {line.keyword for section in configuration.sections for line in section.directives}
    assert configuration.section("peers", "affinity") is None


def test_other_sections_take_what_they_took_before():
    listen = {"listen": {"other": {"bind": "127.0.0.1:1234", "server": "a 10.0.0.9:80"}}}
    new, old = (read_proxies(made(pages("one"), sections=listen, version=version)) for version in (SHARED, BEFORE))
    assert new["listen", "other"] == old["listen", "other"]
    assert new["backend", "one_http"].servers == old["backend", "one_http"].servers


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
    served = begin(version, ("pages", "one"))
    one, two = served.pages("one"), served.pages("two")
    planned = served.serve(one, two, check_mode=True)
    assert planned.action == served.at_run_time
    assert served.get("two.test")[0] == 301
    if planned.action == "runtime":
        # Its checks find their map, and requests find the backend.
        order = [
            next(word for word in ("health.map", "backend", "routes.map") if word in said)
            for said in planned.reasons[:3]
        ]
        assert order == ["health.map", "backend", "routes.map"]
    added = served.serve(one, two)
    assert (added.action, added.reasons) == (planned.action, planned.reasons)
    wait_for(lambda: served.answers("two.test"))
    assert served.answers("one.test")
    assert served.serve(one, two).action == "unchanged"


@every_version
def test_a_process_that_starts_with_the_file_is_the_same(begin, version):
    served = begin(version, ("pages", "one"))
    described = served.pages("two", servers=[{**server, "inter": "1s"} for server in served.pages("two")["servers"]])
    served.serve(served.pages("one"), described)
    made = served.servers("two_http")
    served.live.reload()
    assert served.servers("two_http") == made
    assert served.serve(served.pages("one"), described).action == "unchanged"


@every_version
def test_each_backend_is_checked_by_its_own_host_and_path(begin, version):
    served = begin(version, ("pages", "one"))
    one, two = served.pages("one"), {**served.pages("two"), "health": "/two?deep=a/b"}
    assert served.serve(one, two).action == served.at_run_time
    served.serve(one, two, served.service("three", socketio=False))
    asked = {("one.test", "/health"), ("two.test", "/two?deep=a/b"), ("three.test", "/")}
    for node in served.nodes:
        wait_for(lambda node=node: node.asked >= asked)
        assert node.asked == asked


@every_version
def test_a_service_that_goes_can_come_back(begin, version):
    served = begin(version, ("pages", "one"), ("pages", "two"))
    one, two, three = (served.pages(name) for name in ("one", "two", "three"))
    for others in ([two], [two, three]):
        served.serve(one, *others)
        assert served.serve(one).action == "runtime"
        assert served.get("two.test")[0] == 301
        assert served.serve(one).action == "unchanged"
        if served.at_run_time == "runtime":
            assert "two_http" not in served.live.ask("show backend")
        assert served.serve(one, two).action == served.at_run_time
        wait_for(lambda: served.answers("two.test"))


@every_version
def test_a_service_with_sessions_in_a_table_is_loaded_by_a_reload(begin, version):
    served = begin(version, ("pages", "one"), ("service", "chat"))
    one, chat, more = served.pages("one"), served.service("chat"), served.service("more")
    assert served.serve(one, chat, more).action == "reload"
    # One whose clients stay nowhere is of no kind yet.
    free = served.service("free", socketio={"affinity": "none"})
    assert served.serve(one, chat, more, free).action == "reload"
    other = served.service("other", socketio={"affinity": "none"})
    assert served.serve(one, chat, more, free, other).action == served.at_run_time
    wait_for(lambda: served.get("other.test", "/socket.io/?EIO=4&transport=polling")[0] == 200)


@every_version
def test_the_origins_of_a_service_hold_from_its_first_request_on(begin, version):
    served = begin(version)
    one = served.service("one", websocket=True, socketio=False, origins=["https://one.test"])
    two = served.service("two_2", websocket=True, socketio=False, origins=["https://two.test"], hosts=["two.test"])
    served.serve(one)
    assert served.serve(one, two).action == served.at_run_time
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    wait_for(lambda: served.get("two.test", Origin="https://two.test", **upgrade)[0] == 200)
    assert served.get("two.test", Origin="https://one.test", **upgrade)[0] == 403
    assert served.get("one.test", Origin="https://one.test", **upgrade)[0] == 200


@every_version
def test_backup_servers_come_in_the_order_of_the_file_by_a_reload(begin, version):
    served = begin(version, ("pages", "one"))
    one, servers = served.pages("one"), served.pages("two")["servers"]
    two = served.pages("two", servers=[servers[0], {**servers[1], "backup": True}])
    assert served.serve(one, two).action == "reload"
