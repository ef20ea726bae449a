"""The program beside HAProxy reads the metrics from the master, and says so when it cannot."""

import fcntl
import re
import socket
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.agent import agent

PROCESSES = """#<PID>          <type>          <reloads>       <uptime>        <version>
1               master          3 [failed: 1]   0d00h00m04s     3.0.11
# workers
20              worker          1               0d00h00m03s     3.0.11
# old workers
9               worker          2               0d00h10m03s     3.0.11
# programs
"""
STATS = """# pxname,svname,qcur,qmax,scur,smax,slim,
chat_polling,BACKEND,0,0,{0},9,200,
chat_websocket,BACKEND,0,0,{1},9,200,
{2}"""
CERTIFICATE = """Filename: /etc/haproxy/certificates/{0}.pem
Status: Used
Serial: 01
{1}Subject: /CN={0}
"""
ANSWERS = {
    "show proc": PROCESSES,
    "@!20 show stat -1 2 -1": STATS.format(1, 2, ""),
    "@!9 show stat -1 2 -1": STATS.format(3, 4, "gone,BACKEND,0,0,7,9,200,\n"),
    "@!20 show ssl cert": '# filename\n/etc/haproxy/certificates/a.pem\n/etc/haproxy/certificates/b "c.pem\n',
    "@!20 show ssl cert /etc/haproxy/certificates/a.pem": CERTIFICATE.format("a", ""),
    '@!20 show ssl cert /etc/haproxy/certificates/b\\ \\"c.pem': CERTIFICATE.format(
        'b "c', "notBefore: Nov 24 06:06:04 2026 GMT\nnotAfter: Nov  4 06:06:04 2027 GMT\n"
    ),
    "@!20 show env": "A=1\nHAPROXY_LOCALPEER=edge1\nZ=2\n",
    "@!20 show table": "# table: affinity/:misses.1f, type: string, size:1024, used:2\n"
    "# table: affinity/:misses.2f, type: string, size:1024, used:0\n",
    "@!20 show table affinity/:misses.1f": "0x1: key=edge1:chat use=0 exp=0 http_req_cnt=5\n"
    "0x2: key=edge2:chat use=0 exp=0 http_req_cnt=70\n",
    "@!20 show map": "# id (file) description\n1 (/etc/haproxy/canary.map) pattern loaded from file\n",
    "@!20 show map /etc/haproxy/canary.map": "0x1 chat 25\n0x2 chat:lots 1\n0x3 chat:0 new\n0x4 chat/new 1\n0x5 news 5\n",
    "@!20 show table affinity/:canary": (
        "0x1: key=edge1:chat use=0 exp=0 gpt0=0 http_req_cnt=40 http_req_rate(30000)=9 http_fail_cnt=3 x=0\n"
        "0x2: key=edge2:chat use=0 exp=0 gpt0=25 http_req_cnt=60 http_req_rate(30000)=0 http_fail_cnt=7 x=0\n"
        "0x3: key=edge1:news use=0 exp=0 gpt0=25 http_req_cnt=9 http_req_rate(30000)=0 http_fail_cnt=7 x=0\n"
    ),
    "@!20 show peers affinity": "id=edge1(local,inactive) addr=- last_status=NONE\n"
    "id=edge2(remote,active) addr=10.0.0.2:8406 status=x last_status=ESTA\n"
    "id=edge3(remote,active) addr=10.0.0.3:8406 status=x last_status=CONN\n",
}


@pytest.fixture
def master(tmp_path):
    """A master CLI that knows `ANSWERS`, and asks them of each command of a line."""
    path = str(tmp_path / "master.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(50)

    def serve():
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as stream:
                for command in re.split(r"(?<!\\); ", stream.read().rstrip("\n")):
                    stream.write(ANSWERS[command] + "\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield agent.Master(path)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def samples(text):
    return {
        name: float(value) for name, value in re.findall(r"^(realtime_edge_\S+?(?:\{.*\})?) (\S+)$", text, re.MULTILINE)
    }


def test_it_tells_what_the_exporter_lacks(master, tmp_path):
    (tmp_path / "shared").write_text('realtime_edge_address_held{address="web"} 1\n')
    (tmp_path / "closing").write_text('realtime_edge_closing_left{of="app1"} 7\n')
    assert samples(agent.read_metrics(master, str(tmp_path / "shared"), str(tmp_path / "closing"))) == {
        'realtime_edge_workers{state="serving"}': 1,
        'realtime_edge_workers{state="old"}': 1,
        "realtime_edge_failed_reloads": 1,
        'realtime_edge_old_sessions{proxy="chat_polling"}': 3,
        'realtime_edge_old_sessions{proxy="chat_websocket"}': 4,
        'realtime_edge_certificate_not_after_seconds{certificate="b \\"c.pem"}': 1825308364,
        'realtime_edge_affinity_misses_total{service="chat"}': 5,
        # Another edge has withdrawn one; the other one has got another share since.
        'realtime_edge_canary_share{service="chat"}': 0,
        'realtime_edge_canary_share{service="news"}': 5,
        'realtime_edge_canary_withdrawn{service="chat"}': 1,
        'realtime_edge_canary_withdrawn{service="news"}': 0,
        'realtime_edge_canary_sessions_total{service="chat"}': 40,
        'realtime_edge_canary_sessions_total{service="news"}': 9,
        'realtime_edge_canary_errors_total{service="chat"}': 3,
        'realtime_edge_canary_errors_total{service="news"}': 7,
        'realtime_edge_peer_up{peer="edge2"}': 1,
        'realtime_edge_peer_up{peer="edge3"}': 0,
        "realtime_edge_master_up": 1,
        'realtime_edge_address_held{address="web"}': 1,
        'realtime_edge_closing_left{of="app1"}': 7,
    }


def test_without_a_master_it_says_so_and_still_answers(tmp_path):
    text = agent.read_metrics(agent.Master(str(tmp_path / "none")), str(tmp_path / "none"))
    assert samples(text) == {"realtime_edge_master_up": 0}


def test_whoever_connects_gets_the_metrics_once_a_second(master, tmp_path, monkeypatch):
    path, asked = str(tmp_path / "metrics.sock"), []
    monkeypatch.setattr(agent, "read_metrics", lambda _master: asked.append(1) or "said 1\n")
    monkeypatch.setattr(agent, "AGE", 60.0)
    (tmp_path / "metrics.sock").touch()  # what an earlier process has left
    server = agent.Listener(path, agent.Metrics(master, agent.Balance(master, str(tmp_path / "lock"))))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(path)
            assert connection.makefile().read().startswith("said 1\n# HELP realtime_edge_node_sockets ")
    assert len(asked) == 1
    server.shutdown()
    server.server_close()


# --- Where new sockets go


def server(sockets, weight=1, up=True, by_connections=True):
    return agent.Server(sockets, 0, weight, up, by_connections)


def weights(servers, counts, room=0, bases=None):
    found = agent.find_weights(
        {("chat_websocket", name): one for name, one in servers.items()},
        {("chat_websocket", name): agent.Count(*count) for name, count in counts.items()},
        {("chat_websocket", name): base for name, base in (bases or {}).items()},
        room,
    )
    return {name: weight for (_backend, name), weight in found.items()}


def test_a_node_that_has_none_gets_the_new_ones_and_the_others_nearly_none():
    counts = {"app1": (0, 100, 0), "app2": (0, 60, 40), "app3": (0, 0, 0)}
    assert weights({name: server(0) for name in counts}, counts, 30) == {"app1": 1, "app2": 1, "app3": 256}


def test_leastconn_is_told_what_the_worker_is_to_have_in_the_end():
    counts = {"app1": (40, 60, 0), "app2": (100, 0, 0)}
    servers = {"app1": server(40), "app2": server(100)}
    # Both are to have 110: 50 of them in this worker, or all.
    assert weights(servers, counts, 20) == {"app1": round(256 * 50 / 110), "app2": 256}


def test_a_thousand_services_are_looked_at_once_each(monkeypatch):
    """The look at the services within the look at the services once took a second of CPU, every second."""
    looks, service_of = [], agent.service_of
    monkeypatch.setattr(agent, "service_of", lambda backend: looks.append(backend) or service_of(backend))
    servers = {(f"s{number}_{kind}", "app1"): server(0) for number in range(1000) for kind in ("polling", "websocket")}
    assert len(agent.find_weights(servers, dict.fromkeys(servers, agent.Count(1, 0, 0)), {}, 20)) == 2000
    assert len(looks) <= 2 * len(servers)


def test_where_servers_take_turns_the_weight_is_what_a_node_lacks():
    counts = {"app1": (40, 60, 0), "app2": (70, 10, 0)}
    servers = {name: server(counts[name][0], by_connections=False) for name in counts}
    assert weights(servers, counts, 20) == {"app1": 1, "app2": 256}


def test_a_node_keeps_the_share_that_the_configuration_gives_it():
    counts = {"app1": (0, 30, 0), "app2": (0, 10, 0)}
    found = weights({name: server(0) for name in counts}, counts, 40, {"app1": 3, "app2": 1})
    assert found == {"app1": 256, "app2": round(256 / 3)}


def test_who_takes_no_new_ones_is_left_so_and_counts_for_nothing():
    counts = {"app1": (0, 0, 0), "app2": (0, 900, 0), "app3": (0, 900, 0), "app4": (0, 0, 0)}
    servers = {"app1": server(0), "app2": server(0, weight=0), "app3": server(0, up=False), "app4": server(0)}
    assert weights(servers, counts, 9) == {"app1": 256, "app4": 256}


def test_a_share_is_one_of_the_nodes_that_take_new_sockets():
    def name(node, transport="websocket"):
        return f"chat_{transport}", node

    servers = {name("app1"): server(0), name("app2"): server(0), name("out"): server(0, weight=0)}
    servers[name("app1", "polling")] = server(0)
    counts = {name("app1"): agent.Count(10, 20, 30), name("app2"): agent.Count(0, 0, 0)}
    counts |= {name("out"): agent.Count(90, 0, 0), name("app1", "polling"): agent.Count(20, 0, 0)}
    lately = {}
    shares = agent.find_shares(servers, counts, {name("app1"): 3}, lately)
    assert shares == {("chat", "app1"): 60, ("chat", "app2"): 20}
    # Forty clients are on their way back.
    counts[name("app1")] = agent.Count(0, 0, 20)
    assert agent.find_shares(servers, counts, {}, lately) == {("chat", "app1"): 40, ("chat", "app2"): 40}
    for _second in range(600):
        shares = agent.find_shares(servers, counts, {}, lately)
    assert shares == {("chat", "app1"): 20, ("chat", "app2"): 20}


@pytest.mark.parametrize(
    ("sockets", "surplus"),
    [
        ((80, 80, 80), {}),
        ((82, 81, 77), {}),
        ((82, 82, 76), {"app0": 2, "app1": 2}),
        ((1020, 1010, 970), {}),
        ((1020, 1011, 969), {"app0": 20, "app1": 11}),
    ],
)
def test_a_few_are_no_surplus(sockets, surplus):
    share = sum(sockets) // 3
    counts = {("chat_websocket", f"app{number}"): agent.Count(count, 0, 0) for number, count in enumerate(sockets)}
    shares = {("chat", server): share for _backend, server in counts} | {("other", "app0"): 0}
    nodes = agent.find_nodes(counts, shares)
    assert {name[1]: node.surplus for name, node in nodes.items() if node.surplus} == surplus


def test_a_node_has_the_sockets_of_all_transports_workers_and_edges():
    counts = {("chat_websocket", "app1"): agent.Count(10, 20, 40), ("chat_polling", "app1"): agent.Count(1, 0, 0)}
    counts[("chat_websocket", "out")] = agent.Count(500, 0, 0)
    assert agent.find_nodes(counts, {("chat", "app1"): 50}) == {("chat", "app1"): agent.Node(71, 31, 50, 21)}


@pytest.mark.parametrize(
    ("count", "claimed", "others", "limit"),
    [
        ((0, 0, 0), 0, "", 100),
        ((10, 20, 10), 0, "2", 40),  # sixty are free, for two edges
        ((30, 30, 10), 0, "", 60),
        ((30, 30, 10), 0, "23", 40),  # thirty are free, for three edges
        ((10, 20, 10), 65, "2", 15),  # of the sixty, the other edge may have taken fifty-five by now
        ((10, 20, 10), 90, "2", 10),
        ((50, 0, 49), 49, "2", 51),  # the last one is the first edge's
        ((50, 0, 49), 49, "0", 50),
        ((0, 70, 40), 40, "2", 1),
        ((120, 0, 0), 0, "", 100),  # HAProxy would take 0 for no limit
    ],
)
def test_a_limit_is_one_of_the_node(count, claimed, others, limit):
    policy = agent.Policy(100, frozenset(), "edge1", {"edge2": True})
    assert agent.find_limit(agent.Count(*count), claimed, policy, [f"edge{number}" for number in others]) == limit


def test_only_a_configuration_that_asks_for_it_is_balanced():
    # An edge that reloads is away for a moment: its sockets still count.
    peers = "id=edge1(local,x) last_status=NONE\nid=edge2(remote,x) last_status=CONN\n"
    assert agent.read_policy(f"A=1\n{peers}") is None
    answer = "HAPROXY_LOCALPEER=edge1\nREALTIME_EDGE_SOCKETS=500 other_websocket\n"
    found = agent.read_policy(answer + peers)
    assert found == agent.Policy(500, frozenset(["other_websocket"]), "edge1", {"edge2": False})
    assert agent.read_policy(answer + peers.replace("CONN", "ESTA")).peers == {"edge2": True}
    assert agent.read_policy(answer).peers == {}
    assert [agent.read_policy(f"{answer}REALTIME_EDGE_REBALANCE={rate}\n").rate for rate in ("5", "x", "")] == [5, 0, 0]


def test_what_other_edges_tell():
    table = (
        "# table: affinity/:sockets, type: string\n0x1: key=edge1:chat_polling/app1 use=0 exp=9 shard=0 gpt0=5 gpc0=9\n"
        "0x2: key=edge2:my_chat_polling/app1 use=0 exp=9 gpt0=7 gpc0=12\n"
        "0x3: key=edge2:my_chat/ use=0 exp=9 gpt0=1 gpc0=0\n0x4: key=edge2:other/ use=0 exp=9 gpt0=0 gpc0=0\n"
        "0x5: key=edge1:chat/ use=0 exp=9 gpt0=1 gpc0=0\n"
    )
    assert agent.read_others(table, "edge1") == {"edge2": {("my_chat_polling", "app1"): (7, 12)}}
    assert agent.read_moving(table) == {"chat", "my_chat"}


class Process:
    """A master of one edge, as far as the balance asks it: workers with their sockets, and servers that can be set."""

    path = "master"

    def __init__(self, edge="edge1", table=None):
        self.edge, self.table = edge, table
        self.pid, self.sockets, self.told = 1, {1: {"app1": 0, "app2": 0}}, []
        self.weight, self.base = {"app1": 2, "app2": 2}, {"app1": 2, "app2": 2}
        self.limit = {"app1": 100, "app2": 100}

    def workers(self):
        return agent.Workers(self.pid, tuple(pid for pid in self.sockets if pid != self.pid), 0)

    def tell(self, pid, *commands):
        return "".join(self.answer(pid, command) for command in commands)

    def answer(self, pid, command):
        words = command.split()
        if command == "show env":
            return f"HAPROXY_LOCALPEER={self.edge}\nREALTIME_EDGE_SOCKETS=100\n"
        if command == "show peers affinity":
            return "id=other(remote,x) last_status=ESTA\n" if self.table is not None else ""
        if words[:2] == ["show", "table"]:
            return "".join(f"0x1: key={key} use=0 gpt0={n} gpc0={most}\n" for key, (n, most) in self.table.items())
        if words[:2] == ["set", "table"]:
            self.table[words[4]] = words[6], words[8]
            return ""
        if words[:2] == ["show", "stat"]:
            rows = [
                f"chat_websocket,{name},{n},{self.limit[name]},UP,{self.weight[name]},"
                for name, n in self.sockets[pid].items()
            ]
            return "\n".join(
                ["# pxname,svname,scur,slim,status,uweight,algo", "chat_websocket,BACKEND,0,,UP,1,leastconn", *rows]
            )
        if command == "show servers state":
            return "".join(
                f"3 chat_websocket {n} {name} 10.0.0.1 2 0 9 {base} 1 1\n"
                for n, (name, base) in enumerate(self.base.items())
            )
        if words[0] == "set":
            what, place, value = (
                (words[3], words[2], words[4]) if words[1] == "server" else ("limit", words[3], words[4])
            )
            getattr(self, what)[place.split("/")[1]] = int(value)
            self.told.append(command)
        return ""

    def reload(self):
        self.pid += 1
        self.sockets[self.pid] = {"app1": 0, "app2": 0}
        self.weight, self.limit = dict(self.base), {"app1": 100, "app2": 100}


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def running(process, tmp_path):
    return agent.Balance(process, str(tmp_path / "lock"))


def test_after_a_reload_the_new_worker_is_told_of_the_old_ones_sockets(process, running):
    process.sockets[1] = {"app1": 60, "app2": 20}
    process.reload()
    running.run_once()
    assert (process.weight["app1"], process.weight["app2"]) == (1, 256)
    assert process.limit == {"app1": 40, "app2": 80}
    assert running.counts["chat_websocket", "app1"] == (0, 60, 0)
    told = len(process.told)
    running.run_once()
    assert len(process.told) == told, "nothing has changed since"


def test_a_node_that_has_too_many_gets_no_new_ones_and_one_that_has_a_few_more_gets_some(process, running):
    process.sockets[1] = {"app1": 208, "app2": 192}
    process.reload()
    running.run_once()
    assert (process.weight["app1"], process.weight["app2"]) == (1, 256)
    process.sockets[1] = {"app1": 206, "app2": 194}
    running.run_once()
    assert process.weight["app1"] > 50


def test_a_node_that_somebody_takes_out_stays_out_and_keeps_the_weight_that_it_comes_back_with(process, running):
    running.run_once()
    process.weight["app1"] = 0
    running.run_once()
    running.release()
    assert process.weight["app1"] == 0
    process.weight["app1"] = 6
    running.run_once()
    assert running.bases == {("chat_websocket", "app1"): 6, ("chat_websocket", "app2"): 2}


def test_when_it_ends_haproxy_has_what_the_file_says(process, running):
    process.sockets[1] = {"app1": 60, "app2": 20}
    process.reload()
    running.run_once()
    running.release()
    assert process.weight == {"app1": 2, "app2": 2}
    assert process.limit == {"app1": 100, "app2": 100}


def test_who_was_out_of_service_in_the_file_has_the_weight_that_it_comes_back_with(process, running):
    process.base["app1"] = process.weight["app1"] = 0
    running.run_once()
    process.weight["app1"] = 6
    running.run_once()
    assert running.bases["chat_websocket", "app1"] == 6


def test_a_node_of_a_canary_keeps_to_its_limit_and_is_not_balanced(process, running):
    process.base["app1"] = process.weight["app1"] = 0
    process.sockets[1] = {"app1": 60, "app2": 20}
    process.reload()
    process.weight["app1"] = 0
    running.run_once()
    assert (process.limit["app1"], process.weight["app1"]) == (40, 0)
    assert {name: node.share for name, node in running.nodes.items() if node.share} == {("chat", "app2"): 20}


@pytest.mark.parametrize("late", [False, True], ids=["what is told arrives", "what is told arrives late"])
def test_two_edges_fill_a_node_to_its_limit_and_no_further(tmp_path, late):
    table = {}
    edges = [Process(name, {}) for name in ("edge1", "edge2")]
    running = [agent.Balance(edge, str(tmp_path / edge.edge)) for edge in edges]
    for turn in range(60):
        if turn == 20:
            edges[0].reload()
        for edge in edges:
            edge.table.update(table)
        for edge, balance in zip(edges, running):
            balance.run_once()
            table.update({key: value for key, value in edge.table.items() if key.startswith(edge.edge)})
            if not late:
                for other in edges:
                    other.table.update(table)
        for edge in edges:
            come = edge.sockets[edge.pid]
            come["app1"] = max(come["app1"], min(edge.limit["app1"], come["app1"] + 40))
    # A new worker takes one more of a full node, since HAProxy takes a limit of 0 for none.
    assert 99 <= sum(count["app1"] for edge in edges for count in edge.sockets.values()) <= 101


def test_systemd_hears_that_it_is_alive_also_while_the_master_does_not_answer(tmp_path, monkeypatch):
    class Ended(BaseException):
        """Ends the loop."""

    class Silent:
        def run_once(self):
            raise agent.NoAnswer("away")

    def end(_seconds):
        raise Ended

    monkeypatch.setattr(agent.time, "sleep", end)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        with pytest.raises(Ended):
            agent.balance_for_ever(Silent())
        assert systemd.recv(100) == b"WATCHDOG=1"


# --- Sockets that move by themselves


class Clock:
    """A time that passes when somebody sleeps."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(agent.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(agent.time, "sleep", self.pass_)

    def pass_(self, seconds):
        self.now += seconds


class Sockets:
    """A master whose workers have sockets on app1, app2 and app3; who loses one comes back to the emptiest."""

    def __init__(self, clock, **full):
        self.clock, self.closed = clock, []
        self.workers_ = agent.Workers(2, (1,), 0)
        self.sessions = {1: {}, 2: {}}
        for node, number in full.items():
            self.sessions[1].update({f"0x1{node[-1]}{n}": ("chat_websocket", node) for n in range(number // 2)})
            self.sessions[2].update(
                {f"0x2{node[-1]}{n}": ("chat_websocket", node) for n in range(number - number // 2)}
            )
        self.sessions[2] |= {"0xff": ("chat_polling", "app1"), "0xfe": ("chat_flashsocket", "app1")}

    def count(self):
        return {
            ("chat_websocket", node): agent.Count(
                *(list(self.sessions[pid].values()).count(("chat_websocket", node)) for pid in (2, 1)), 0
            )
            for node in ("app1", "app2", "app3")
        }

    def workers(self):
        return self.workers_

    def tell(self, pid, command):
        words = command.split()
        mine = self.sessions[pid]
        if command == "show sess":
            return "".join(f"{p}: proto=tcpv4 src=c:1 fe=f be={b} srv={s} ts=0\n" for p, (b, s) in mine.items())
        if words[0] == "show":
            backend, server = mine.get(words[2], ("none", "none"))
            return f"{words[2]}: id=1 proto=tcpv4 source=c:1\n  backend={backend} (id=3)\n  server={server} (id=1)\n"
        self.closed.append((self.clock.now, words[2], mine.pop(words[2])))
        totals = {name: count.total for name, count in self.count().items()}
        self.sessions[2][f"0x3{len(self.closed)}"] = min(totals, key=totals.get)
        return ""


def moving(clock, master, rate=10, others=0):
    """A balance that has just counted, and the rebalance beside it."""
    balance = agent.Balance(master, "lock")
    peers = {f"edge{number + 2}": True for number in range(others)}
    balance.policy = agent.Policy(100, frozenset(["chat_flashsocket"]), "edge1", peers, rate)
    balance.others = {peer: {} for peer in peers}

    def count():
        balance.counts, balance.counted = master.count(), clock.now
        share = sum(found.total for found in balance.counts.values()) // 3
        balance.nodes = agent.find_nodes(balance.counts, {("chat", node): share for _backend, node in balance.counts})

    rebalance = agent.Rebalance(master, balance)

    def second():
        count()
        rebalance.run_once()
        clock.now += 1

    return balance, second


def test_a_node_that_has_come_gets_its_share_by_itself_and_never_faster_than_told(monkeypatch):
    clock = Clock(monkeypatch)
    master = Sockets(clock, app1=60, app2=60)
    balance, second = moving(clock, master, rate=4)
    for _ in range(30):
        second()
    assert (master.closed, balance.moving) == ([], set()), "it may only restart"
    while clock.now < 1075:
        second()
    assert not balance.moving
    assert all(36 <= count.total <= 44 for count in master.count().values()), master.count()
    assert balance.moved == len(master.closed) <= 44
    times = [when for when, _pointer, _place in master.closed]
    assert all(later - before >= 0.25 for before, later in zip(times, times[1:]))
    assert all(pointer.startswith("0x1") for _when, pointer, _place in master.closed[:20]), "those of old workers first"
    assert {place[0] for _when, _pointer, place in master.closed} == {"chat_websocket"}
    text = agent.Text()
    agent.add_sockets(text, balance)
    found = samples(str(text))
    assert found['realtime_edge_rebalance_running{service="chat"}'] == 0
    assert found["realtime_edge_rebalanced_sockets_total"] == balance.moved
    assert found['realtime_edge_node_surplus{service="chat",server="app1"}'] == 0


def test_each_of_several_edges_takes_its_part_of_the_rate(monkeypatch):
    clock = Clock(monkeypatch)
    master = Sockets(clock, app1=60, app2=60)
    _balance, second = moving(clock, master, others=1)
    while clock.now < 1045:
        second()
    times = [when for when, _pointer, _place in master.closed]
    assert len(times) > 5
    assert all(later - before >= 0.2 for before, later in zip(times, times[1:]))


@pytest.mark.parametrize("full", [{"app1": 60, "app2": 60, "app3": 40}, {"app1": 40, "app2": 41, "app3": 39}])
def test_nodes_that_differ_by_less_are_left_to_new_clients(monkeypatch, full):
    clock = Clock(monkeypatch)
    master = Sockets(clock, **full)
    _balance, second = moving(clock, master)
    while clock.now < 1100:
        second()
    assert master.closed == []


@pytest.mark.parametrize("fault", ["no rate", "no policy", "old counts"])
def test_without_a_rate_or_a_count_nothing_is_closed(monkeypatch, fault):
    clock = Clock(monkeypatch)
    master = Sockets(clock, app1=60, app2=60)
    balance, second = moving(clock, master, rate=0 if fault == "no rate" else 2)
    if fault == "no policy":
        balance.policy = None
    for _ in range(100 if fault != "old counts" else 32):
        second()
    if fault == "old counts":
        closed = len(master.closed)
        assert closed
        clock.now += 60
        agent.Rebalance(master, balance).run_once()
        assert (len(master.closed), balance.moving) == (closed, {"chat"})
    else:
        assert master.closed == []


def test_a_socket_that_has_another_ones_name_by_now_is_left(monkeypatch):
    master = Sockets(Clock(monkeypatch), app1=2)
    rebalance = agent.Rebalance(master, agent.Balance(master, "lock"))
    session = agent.Session(2, "0x210", "c:1", "chat_websocket", "app1")
    assert not rebalance._close(session._replace(server="app2"))
    assert not rebalance._close(session._replace(source="c:2"))
    assert not rebalance._close(session._replace(pointer="0xaa"))
    assert rebalance._close(session)


def test_polls_and_the_sockets_of_others_are_left(monkeypatch):
    clock = Clock(monkeypatch)
    master = Sockets(clock, app1=4)
    balance, _second = moving(clock, master)
    found = list(agent.Rebalance(master, balance)._sockets(balance.policy))
    assert len(found) == 4
    assert {session.backend for session in found} == {"chat_websocket"}


def test_while_a_module_closes_sessions_none_is_closed_by_itself(monkeypatch, tmp_path):
    clock = Clock(monkeypatch)
    master = Sockets(clock, app1=60, app2=60)
    balance, second = moving(clock, master, rate=2)
    while not master.closed:
        second()
    closed = len(master.closed)
    rebalance = agent.Rebalance(master, balance, str(tmp_path / "closing"))
    with open(tmp_path / "closing.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        balance.counted = clock.now
        rebalance.run_once()
        assert len(master.closed) == closed
    balance.counted = clock.now
    rebalance.run_once()
    assert len(master.closed) > closed
