"""A share of new sessions goes to another version and stays there, and no new one does once that version fails."""

import http.client
import itertools
import json
import re
from collections import Counter
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.agent import agent
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Configuration
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import plan, proxies
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import canaries
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.files import Files, find_files
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.servers import Server
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import canary, definition
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.peers import Peers
from examples import CHAT, GROUPS, edge
from live import LiveEdge, Node, every_version, free_port, wait_for

SHARED = Peers("edge1", (("edge1", "10.0.1.1:8406"), ("edge2", "10.0.1.2:8406")), 8406, "/c/peers.pem")
NEW = {"servers": [{"name": "new1", "address": "10.0.0.9", "port": 3000}], "share": 5}


# Started like this, without the service's environment, HAProxy 2.6 hands no table to its next worker, with a canary or
# without one.
UNSHARED = "2.6."


class App(Node):
    """A node of Engine.IO 4: it opens sessions, knows those that began here, and may fail at either."""

    def __init__(self, name, failing=""):
        super().__init__(name)
        self.RequestHandlerClass = _Session
        self.failing, self.numbers = failing, itertools.count()


class _Session(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        app = self.server
        sid = parse_qs(urlsplit(self.path).query).get("sid", [""])[0]
        kind = "poll" if sid else "handshake"
        if kind == app.failing:
            return self.answer(500, "sorry")
        if sid and sid not in app.sessions:
            return self.answer(400, '{"code":1,"message":"Session ID unknown"}')
        if not sid:
            sid = f"{app.name}-{next(app.numbers)}"
            app.sessions.add(sid)
        return self.answer(200, f'0{{"sid":"{sid}","upgrades":["websocket"]}}')

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("X-Node", self.server.name)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Running:
    """The services' own configuration on a port of the loopback, without TLS."""

    def __init__(self, version, folder):
        self.version, self.folder, self.port = version, folder, free_port()
        self.live, self.cookies = LiveEdge(version, folder), {}
        self.peers = Peers(port=free_port())

    def write(self, *services):
        release = tuple(map(int, self.version.split(".")[:2]))
        described = edge(version=release, lists=str(self.folder), peers=self.peers)._replace(
            http=(f"127.0.0.1:{self.port}",),
            stats_bind="",
            lua=f"{self.folder}/edge.lua",
            runtime_socket=f"{self.folder}/a.sock",
        )
        whole = assemble.assemble(described, [store.Fragment(store.OWNER, list(services), {}, {})])
        kept = tuple(section for section in whole.sections if section.header != "frontend https")
        for path, text in (*whole.files, (self.live.target.path, render(Configuration(kept)))):
            if path.startswith(str(self.folder)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)

    def ask(self, query="", path="/socket.io/", **headers):
        """Status, node and text of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            target = f"{path}?EIO=4&transport=polling{query}" if path == "/socket.io/" else path
            connection.request("GET", target, headers={"Host": "chat.example.com", **headers})
            answer = connection.getresponse()
            self.cookies = dict(re.findall(r"(\w+)=(\w+);", answer.headers.get("Set-Cookie", "")))
            return answer.status, answer.headers.get("X-Node"), answer.read().decode()
        finally:
            connection.close()

    def open(self, sessions):
        """Session id → node of new sessions that were opened, and how often each node failed to."""
        found, failed = {}, Counter()
        for _ in range(sessions):
            status, node, text = self.ask()
            if status == 200:
                found[json.loads(text[1:])["sid"]] = node
            else:
                failed[node] += 1
        return found, failed

    def set_share(self, share):
        """As a run does: the map, then what is known of the canary."""
        self.live.ask(f"set map {self.folder}/canary.map chat {share}")
        self.live.ask(canary.reset("edge", "chat"))

    def withdrawn_at(self):
        found = re.search(r"key=edge:chat .*gpt0=(\d+)", self.live.ask(f"show table {canary.TABLE}"))
        return int(found[1]) if found else 0


@pytest.fixture
def apps():
    found = [App("old1"), App("old2"), App("new1"), App("new2")]
    yield found
    for app in found:
        app.close()


@pytest.fixture
def run(tmp_path):
    running = []

    def begin(version, *services):
        running.append(Running(version, tmp_path))
        running[-1].write(*services)
        running[-1].live.start()
        return running[-1]

    yield begin
    for one in running:
        one.live.stop()


def named(*apps):
    return [{"name": app.name, "address": "127.0.0.1", "port": app.server_port} for app in apps]


def chat(apps, share=25, **more):
    new = {"servers": named(*apps[2:]), "share": share, **more}
    return {**CHAT, "health": False, "plain_http": True, "servers": named(*apps[:2]), "canary": new}


def in_canary(found):
    return sum(node.startswith("new") for node in found.values())


@every_version
def test_a_share_of_new_sessions_goes_to_the_canary_and_stays_there(version, run, apps):
    one = run(version, chat(apps))
    found, failed = one.open(400)
    assert not failed
    # Four times the deviation that chance alone has.
    assert 65 <= in_canary(found) <= 135, Counter(found.values())
    assert set(found.values()) == {app.name for app in apps}

    def all_stay():
        key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", **key}
        for sid, node in found.items():
            assert one.ask(f"&sid={sid}")[:2] == (200, node)
            # The node speaks no WebSocket here; it says who it is.
            assert one.ask(f"&sid={sid}", **upgrade)[1] == node

    all_stay()
    # The share changes in the process, and sessions stay whatever it is.
    one.set_share(100)
    assert in_canary(one.open(20)[0]) == 20
    one.set_share(0)
    assert in_canary(one.open(50)[0]) == 0
    all_stay()
    if version.startswith(UNSHARED):
        return
    one.live.reload()
    all_stay()
    # Its nodes become the service's: the sessions stay where they are.
    promoted = chat(apps)
    promoted["servers"] = promoted.pop("canary")["servers"] + promoted["servers"]
    one.write(promoted)
    one.live.reload()
    all_stay()


@every_version
@pytest.mark.parametrize("failing", ["handshake", "poll"])
def test_a_canary_that_fails_gets_no_new_session_any_more(version, run, apps, failing):
    one = run(version, chat(apps, 50))
    before, _failed = one.open(60)
    assert in_canary(before) >= 10
    apps[2].failing = failing
    for sid, node in before.items():
        assert one.ask(f"&sid={sid}")[0] == (500 if node == "new1" and failing == "poll" else 200)
    found, failed = one.open(150)
    assert set(failed) <= {"new1"}
    assert failed.total() <= 10
    assert one.withdrawn_at() == 50
    told = canaries.watch(one.live.target.master, "chat", 600)
    assert (told.share, told.withdrawn_by, told.servers) == (50, ("edge",), ("new1", "new2"))
    metrics = agent.read_metrics(agent.Master(one.live.target.master), "/none")
    for name, value in (
        ("share", 0),
        ("withdrawn", 1),
        ("sessions_total", told.sessions),
        ("errors_total", told.errors),
    ):
        assert f'realtime_edge_canary_{name}{{service="chat"}} {value}\n' in metrics
    assert told.errors >= 3
    assert in_canary(one.open(40)[0]) == 0
    # The others lose nothing, nor do sessions of its other node.
    assert all(one.ask(f"&sid={sid}")[0] == 200 for sid, node in {**before, **found}.items() if node != "new1")
    if not version.startswith(UNSHARED):
        # The next worker knows it, too.
        one.live.reload()
        wait_for(lambda: one.withdrawn_at() == 50)
        assert in_canary(one.open(40)[0]) == 0
    # Somebody sets the share anew, also the same one.
    apps[2].failing = ""
    one.set_share(50)
    assert 5 <= in_canary(one.open(40)[0]) <= 35


@every_version
def test_few_failures_are_borne(version, run, apps):
    one = run(version, chat(apps, 100, max_errors=90))
    apps[2].failing = "handshake"
    found, failed = one.open(80)
    assert (failed["new1"], len(found)) == (failed.total(), 80 - failed.total())
    assert 20 <= failed["new1"] <= 60
    assert in_canary(found) == len(found), "half of them fail, and 90 % may"


@every_version
def test_a_canary_that_is_away_gets_nobody(version, run, apps):
    for app in apps[2:]:
        app.close()
    one = run(version, chat(apps, 50))
    found, failed = one.open(40)
    assert (len(found), in_canary(found), failed.total()) == (40, 0, 0)


@every_version
def test_visitors_of_an_ordinary_service_stay_by_their_cookie(version, run, apps):
    one = run(version, {**chat(apps, 50), "socketio": False, "affinity": "cookie", "plain_http": False})
    # The edge speaks no TLS here, and serves on port 80 what it would serve there.
    text = (one.folder / "haproxy.cfg").read_text()
    (one.folder / "haproxy.cfg").write_text(re.sub(r"(?m)^.*redirect code 301.*$", "    use_backend chat_http", text))
    one.live.reload()
    visitors = []
    for _ in range(60):
        node = one.ask(path="/")[1]
        visitors.append((node, one.cookies["chat_node"]))
    assert 12 <= sum(node.startswith("new") for node, _cookie in visitors) <= 48
    for node, cookie in visitors:
        assert one.ask(path="/", Cookie=f"chat_node={cookie}")[1] == node


def made(*services, **more):
    return assemble.assemble(edge(**more), [store.Fragment(store.OWNER, list(services), {}, GROUPS)])


def test_other_services_have_no_rule_more():
    other = {**CHAT, "name": "other", "hosts": ["other.example.com"]}
    without, with_canary = made(CHAT, other, peers=SHARED), made({**CHAT, "canary": NEW}, other, peers=SHARED)
    for section in without.sections:
        if not section.name.startswith(("chat_p", "chat_w", "affinity")):
            assert with_canary.section(*section.key) == section
    assert "canary" not in render(without)


def test_a_canary_that_one_edge_has_withdrawn_is_withdrawn_on_all():
    lines = [
        line.text for line in made({**CHAT, "canary": NEW}, peers=SHARED).section("backend", "chat_polling").directives
    ]
    withdrawn = [line for line in lines if line.startswith("acl canary_withdrawn")]
    assert [re.search(r"str\((\w+):chat\)", line)[1] for line in withdrawn] == ["edge1", "edge2"]
    assert "track-sc2 str(edge1:chat)" in "".join(lines)


def planned(before, after, live=None):
    """The plan of a change, and what the process has of the map."""
    present, wanted = made(before), made(after)
    servers = {
        (key[1], name): Server(line.address, line.port, line.weight, line.maxconn, "ready", True, 0, number=number)
        for key, proxy in proxies.read_proxies(present).items()
        for number, (name, line) in enumerate(proxy.servers.items(), 1)
    }
    found = {path: file for path, file in find_files(wanted).patterns.items() if path.endswith("canary.map")}
    there = {path: file.entries for path, file in find_files(present).patterns.items() if path in found}
    files = Files({}, found, (), ())
    return plan.make_plan(present, wanted, files, plan.Observed(servers=servers, patterns=live or there))


def test_a_share_changes_without_a_reload():
    change = planned({**CHAT, "canary": NEW}, {**CHAT, "canary": {**NEW, "share": 30}})
    assert change.reload == ()
    assert [str(step) for step in change.steps][1:] == ["the canary of chat gets 30 % of its new sessions"]
    assert change.steps[1].commands == (canary.reset("edge", "chat"),)
    assert planned({**CHAT, "canary": NEW}, {**CHAT, "canary": NEW}) == plan.Plan()


def test_a_node_of_the_canary_comes_and_goes_without_a_reload():
    more = {**NEW, "servers": [*NEW["servers"], "10.0.0.10:3000"]}
    change = planned({**CHAT, "canary": NEW}, {**CHAT, "canary": more})
    assert change.reload == ()
    assert "server chat_websocket/10.0.0.10_3000 is added" in [str(step) for step in change.steps]
    assert "add server chat_websocket/10.0.0.10_3000 10.0.0.10:3000" in change.steps[1].commands[0]
    assert all("gets" not in str(step) for step in change.steps), "the share is the same: it stays withdrawn"


@pytest.mark.parametrize(
    ("service", "place", "words"),
    [
        ({"canary": []}, "canary", "a mapping of `servers` and `share` is expected"),
        ({"canary": {"share": 5}}, "canary.servers", "a canary needs servers"),
        ({"canary": {"servers": [], "share": 5}}, "canary.servers", "a canary needs servers"),
        ({"canary": {"servers": NEW["servers"]}}, "canary.share", "a percentage from 0 to 100 is expected, not None"),
        ({"canary": {**NEW, "share": 101}}, "canary.share", "a percentage from 0 to 100 is expected, not 101"),
        ({"canary": {**NEW, "share": -1}}, "canary.share", "a percentage from 0 to 100 is expected, not -1"),
        ({"canary": {**NEW, "share": True}}, "canary.share", "a percentage from 0 to 100 is expected, not True"),
        ({"canary": {**NEW, "max_errors": "few"}}, "canary.max_errors", "a percentage from 0 to 100 is expected"),
        ({"canary": {**NEW, "min_sessions": 0}}, "canary.min_sessions", "a number of sessions is expected"),
        ({"canary": {**NEW, "shares": 5}}, "canary.shares", "no such setting; did you mean 'share'"),
        ({"canary": {"servers": {"group": "new_nodes", "port": 1}, "share": 5}}, "canary.servers.group", "no group"),
        ({"canary": {**NEW, "servers": {"dns": "a.example.com", "port": 1}}}, "canary.servers", "the DNS gives none"),
        (
            {"canary": {**NEW, "servers": [{"address": "10.0.0.9", "port": 1, "weight": 0}]}},
            "canary.servers[0]",
            "a weight from 1 to 256 is expected in a canary, not 0",
        ),
        (
            {"canary": {**NEW, "servers": {"group": "chat_nodes", "port": 3000}}},
            "canary.servers",
            "the service itself has 'app1' (10.0.0.1:3000): a canary has servers of its own",
        ),
        (
            {"canary": {**NEW, "servers": ["10.0.0.2:3000"]}},
            "canary.servers[0]",
            "the service itself has '10.0.0.2_3000' (10.0.0.2:3000)",
        ),
        (
            {
                "servers": {"dns": "a.example.com", "port": 1},
                "canary": {**NEW, "servers": [{"name": "node3", "address": "10.0.0.9", "port": 1}]},
            },
            "canary.servers[0]",
            "the service itself has 'node3'",
        ),
        ({"canary": NEW, "key": {"query": "room"}}, "canary", "the service has a `key`"),
        ({"canary": NEW, "socketio": {"affinity": "source"}}, "canary", "`socketio.affinity: session`, not 'source'"),
        (
            {"canary": NEW, "socketio": {"transports": ["polling", "flashsocket"]}},
            "canary",
            "flash sockets are carried as TCP",
        ),
        ({"canary": NEW, "socketio": False}, "canary", "nothing would keep a visitor on it"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(service, place, words):
    with pytest.raises(definition.ConfigurationError) as error:
        definition.read_services([{**CHAT, **service}], GROUPS)
    found = [str(problem) for problem in error.value.problems]
    assert any(f"haproxy_services[0].{place}: " in text and words in text for text in found), found


@pytest.mark.parametrize(
    "more", [{}, {"socketio": False, "websocket": True}, {"socketio": False, "affinity": "cookie"}]
)
def test_what_has_sessions_or_sockets_can_have_one(more):
    (service,) = definition.read_services([{**CHAT, **more, "canary": NEW}], GROUPS)
    assert service.canary.share == 5
    assert definition.named_groups([{**CHAT, "canary": {"servers": {"group": "new_nodes"}}}]) == {
        "chat_nodes",
        "new_nodes",
    }
