"""Two edges move sockets by themselves: each its part, together never faster than told, whatever happens to one.

The loops of the service run as they are, in threads that take turns: time passes when all of them sleep.
"""

import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.agent import agent

NODES = ("app1", "app2", "app3")
RATE = 4
FORGOTTEN = 10.0  # seconds after which HAProxy forgets what a silent edge has told


class Over(BaseException):
    """Ends a thread."""


class Actor(threading.Thread):
    """A loop of one edge's service. `ahead`: by how much its clock is; `hangs`: it gets no turn."""

    def __init__(self, timeline, edge, loop, ahead):
        super().__init__(daemon=True)
        self.timeline, self.edge, self.loop, self.ahead = timeline, edge, loop, ahead
        self.wakes, self.hangs, self.over = timeline.now, False, False
        self.turn, self.failed = threading.Semaphore(0), None
        self.start()

    def run(self):
        self.turn.acquire()
        try:
            self.loop()
        except Over:
            pass
        except BaseException as error:
            self.failed = error
        self.over = True
        self.timeline.back.release()

    def sleep(self, seconds):
        self.wakes = self.timeline.now + seconds
        self.timeline.back.release()
        self.turn.acquire()
        if self.over:
            raise Over


class Timeline:
    """The time of all actors: the one that wakes first has its turn."""

    def __init__(self, monkeypatch):
        self.now, self.actors, self.back = 1000.0, [], threading.Semaphore(0)
        monkeypatch.setattr(agent.time, "monotonic", lambda: self.now + threading.current_thread().ahead)
        monkeypatch.setattr(agent.time, "sleep", lambda seconds: threading.current_thread().sleep(seconds))
        monkeypatch.setattr(agent.time, "time", None)  # whoever asks for the wall clock fails

    def step(self):
        actor = min((actor for actor in self.actors if not actor.hangs), key=lambda actor: actor.wakes)
        self.now = max(self.now, actor.wakes)
        self.give_turn(actor)

    def give_turn(self, actor):
        actor.turn.release()
        self.back.acquire()
        if actor.failed:
            raise actor.failed

    def end(self, edge=None):
        for actor in [actor for actor in self.actors if edge in (None, actor.edge)]:
            actor.over = True
            if actor.is_alive():
                self.give_turn(actor)
            self.actors.remove(actor)


class Pair:
    """Two HAProxy with the same sockets each, connected or not, and the services beside them.

    A client that loses its socket comes back at its edge, to the node with fewest.
    """

    def __init__(self, timeline, folder, **ahead):
        self.timeline, self.folder, self.ahead = timeline, folder, ahead or {"edge1": 0.0, "edge2": 0.0}
        self.entries, self.connected = {}, True
        self.closed = {name: [] for name in self.ahead}
        self.sessions = {
            name: {f"0x{node[-1]}{n}": node for node in NODES[:2] for n in range(60)} for name in self.ahead
        }
        self.out = set()
        self.balances = {}
        for name in self.ahead:
            self.begin(name)

    def begin(self, name):
        """Start the service of an edge."""
        master = Master(self, name)
        balance = self.balances[name] = agent.Balance(master, str(self.folder / name))
        rebalance = agent.Rebalance(master, balance, str(self.folder / f"{name}-closing"))
        loops = (lambda: agent.balance_for_ever(balance)), (lambda: agent.rebalance_for_ever(rebalance))
        self.timeline.actors += [Actor(self.timeline, name, loop, self.ahead[name]) for loop in loops]

    def hang(self, name, hangs=True):
        for actor in self.timeline.actors:
            if actor.edge == name:
                actor.hangs = hangs

    def until(self, condition, seconds=200):
        limit = self.timeline.now + seconds
        while not condition():
            assert self.timeline.now < limit, (self.totals(), self.moving())
            self.timeline.step()

    def wait(self, seconds):
        end = self.timeline.now + seconds
        self.until(lambda: self.timeline.now >= end, seconds + 60)

    def totals(self):
        every = [node for mine in self.sessions.values() for node in mine.values()]
        return {node: every.count(node) for node in NODES}

    def moving(self):
        return [balance.moving for balance in self.balances.values()]

    def number(self, name=None):
        """How many were closed, by one edge or all."""
        return sum(len(times) for edge, times in self.closed.items() if name in (None, edge))


class Master:
    """The master of one of them, with a worker."""

    path = "master"

    def __init__(self, pair, name):
        self.pair, self.name = pair, name

    def workers(self):
        return agent.Workers(1, (), 0)

    def tell(self, _pid, *commands):
        return "".join(self.answer(command, command.split()) for command in commands)

    def answer(self, command, words):
        pair, mine = self.pair, self.pair.sessions[self.name]
        if command == "show env":
            return f"HAPROXY_LOCALPEER={self.name}\nREALTIME_EDGE_SOCKETS=0\nREALTIME_EDGE_REBALANCE={RATE}\n"
        if command == "show peers affinity":
            state = "ESTA" if pair.connected else "CONN"
            return "".join(
                f"id={peer}(remote,active) last_status={state}\n" for peer in pair.closed if peer != self.name
            )
        if words[:2] == ["show", "table"]:
            return "".join(self.told())
        if words[:2] == ["set", "table"]:
            pair.entries[words[4]] = pair.timeline.now, words[6], words[8]
        elif words[:2] == ["show", "stat"]:
            states = {node: ("MAINT", 1) if node in pair.out else ("UP", 1) for node in NODES}
            counts = {node: list(mine.values()).count(node) for node in NODES}
            rows = [
                f"chat_websocket,{node},{counts[node]},0,{state},{weight},\n"
                for node, (state, weight) in states.items()
            ]
            head = "# pxname,svname,scur,slim,status,uweight,algo\nchat_websocket,BACKEND,0,,UP,1,roundrobin\n"
            return head + "".join(rows)
        elif command == "show sess":
            line = "{}: proto=tcpv4 src=c:1 fe=f be=chat_websocket srv={} ts=0\n"
            return "".join(line.format(*session) for session in mine.items())
        elif words[:2] == ["show", "sess"]:
            place = f"  backend=chat_websocket (id=3)\n  server={mine.get(words[2], 'none')} (id=1)\n"
            return f"{words[2]}: id=1 proto=tcpv4 source=c:1\n{place}"
        elif words[0] == "shutdown":
            del mine[words[2]]
            pair.closed[self.name].append(pair.timeline.now)
            free = {node: number for node, number in pair.totals().items() if node not in pair.out}
            mine[f"0x9{pair.number()}"] = min(free, key=free.get)
        return ""

    def told(self):
        for key, (when, sockets, claim) in self.pair.entries.items():
            heard = self.pair.connected or key.startswith(f"{self.name}:")
            if heard and self.pair.timeline.now - when < FORGOTTEN:
                yield f"0x1: key={key} use=0 exp=9 gpt0={sockets} gpc0={claim}\n"


@pytest.fixture
def timeline(monkeypatch):
    timeline = Timeline(monkeypatch)
    yield timeline
    timeline.end()


@pytest.fixture
def pair(timeline, tmp_path):
    return Pair(timeline, tmp_path)


def is_even(pair):
    share = 40 * len(pair.closed)
    return all(0.95 * share <= number <= 1.05 * share for number in pair.totals().values())


def check_pace(pair):
    """Fail if an edge was ever faster than its part of the rate."""
    for times in pair.closed.values():
        assert all(later - before >= len(pair.closed) / RATE for before, later in zip(times, times[1:])), times


def check_end(pair):
    """Let them end: the nodes are equally full, and stay so."""
    pair.until(lambda: not any(pair.moving()))
    assert is_even(pair), pair.totals()
    check_pace(pair)
    closed = pair.number()
    pair.wait(120)
    assert pair.number() == closed, "sockets move for ever"


@pytest.mark.parametrize("ahead", [0.0, 86400.0], ids=["clocks alike", "a day apart"])
def test_each_moves_its_part_and_ends(timeline, tmp_path, ahead):
    pair = Pair(timeline, tmp_path, edge1=0.0, edge2=ahead)
    pair.wait(28)
    assert pair.number() == 0, "the node may only restart"
    pair.until(lambda: pair.moving() == [{"chat"}, {"chat"}])
    check_end(pair)
    assert all(30 <= pair.number(name) <= 50 for name in pair.closed)


def test_it_waits_for_the_service_of_the_other_edge_and_both_go_on_when_that_is_back(pair, timeline):
    # The third node has more than half of its share by now: that alone would begin nothing.
    pair.until(lambda: pair.totals()["app3"] >= 45)
    timeline.end("edge2")
    pair.until(lambda: pair.balances["edge1"].silent == ["edge2"], 15)
    text = agent.Text()
    agent.add_sockets(text, pair.balances["edge1"])
    assert 'realtime_edge_peer_silent{peer="edge2"} 1' in text.lines
    assert 'realtime_edge_rebalance_running{service="chat"} 1' in text.lines
    pair.wait(6)  # until a round that has begun is over
    closed = pair.number()
    pair.wait(300)
    assert (pair.number(), is_even(pair)) == (closed, False)
    pair.begin("edge2")
    pair.until(lambda: pair.moving() == [{"chat"}, {"chat"}], 5)
    check_end(pair)


def test_one_that_hangs_closes_nothing_that_it_knew_before(pair, timeline):
    pair.until(lambda: pair.number() >= 20)
    pair.hang("edge2")
    pair.until(lambda: pair.balances["edge1"].silent == ["edge2"], 15)
    pair.wait(60)
    closed = pair.number("edge2")
    pair.hang("edge2", False)
    pair.wait(1)
    assert pair.number("edge2") <= closed + 1
    check_end(pair)


@pytest.mark.parametrize("edges", [["edge1", "edge2"], ["edge1"]])
def test_services_that_are_started_anew_go_on_where_they_were(timeline, tmp_path, edges):
    pair = Pair(timeline, tmp_path, **dict.fromkeys(edges, 0.0))
    pair.until(lambda: pair.totals()["app3"] >= 25 * len(edges))
    timeline.end()
    for name in edges:
        pair.begin(name)
    pair.until(lambda: all(pair.moving()), 5)
    check_end(pair)


def test_edges_that_are_cut_from_each_other_move_their_own_sockets_and_no_faster(pair):
    pair.until(lambda: pair.totals()["app3"] >= 45)
    pair.connected = False
    pair.until(lambda: is_even(pair))
    pair.connected = True
    check_end(pair)


def test_a_node_that_goes_out_of_service_meanwhile_gets_none_and_the_others_are_left(pair):
    pair.until(lambda: pair.number() >= 20)
    pair.out = {"app3"}
    pair.until(lambda: pair.moving() == [set(), set()])
    closed = pair.number()
    pair.wait(120)
    assert pair.number() == closed
    pair.out = set()
    pair.until(lambda: pair.moving() == [{"chat"}, {"chat"}])
    check_end(pair)
