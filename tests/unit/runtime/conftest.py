"""Workers whose sessions can be closed."""

import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, closing, rebalance

SOURCE = "10.0.0.1:9"


class Edge:
    """A master with an old and a new worker, and the service beside them, whose counts follow.

    `stubborn`: sessions that do not end. `hangs`: workers that do not answer. `between`: polls that come when there is no
    other session.
    """

    def __init__(self):
        self.sessions = {
            1: {f"0x1{n}": ("chat_websocket", "app1") for n in range(6)},
            2: {f"0x2{n}": ("chat_websocket", "app1") for n in range(6)},
        }
        self.sessions[2] |= {"0x99": ("chat_polling", "app1"), "0x98": ("chat_http", "app1")}
        self.closed = []
        self.stubborn = ()
        self.hangs = set()
        self.between = []

    def workers(self, _master):
        every = [cli.Worker(2, False, 0, 9, "3"), cli.Worker(1, True, 1, 9, "3")]
        return [worker for worker in every if worker.pid in self.sessions]

    def tell(self, _master, pid, command):
        words = command.split()
        if pid in self.hangs or pid not in self.sessions:
            raise cli.RuntimeFailure(f"{pid} does not answer")
        mine = self.sessions[pid]
        if command == "show sess":
            if self.between and not any(self.sessions.values()):
                mine[self.between.pop()] = ("chat_polling", "app1")
                return ""
            own = "".join(
                f"{p}: proto=tcpv4 src={SOURCE} fe=https be={b} srv={s} ts=00\n" for p, (b, s) in mine.items()
            )
            # A peer, a request that no server has, and our own question.
            return own + (
                "0xa1: proto=? ts=00 epoch=0\n"
                "0xa2: proto=tcpv4 src=10.0.0.2:9 fe=https be=<NONE> srv=<none> ts=00\n"
                "0xa3: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00\n"
            )
        if words[0] == "show":
            backend, server = mine.get(words[2], ("other", "other"))
            return (
                f"{words[2]}: [now] id=1 proto=tcpv4 source={SOURCE}\n"
                f"  backend={backend} (id=3 mode=http)\n  server={server} (id=1)\n"
            )
        self.closed.append((time.monotonic(), words[2]))
        if words[2] not in self.stubborn:
            del mine[words[2]]
        return ""

    def metrics(self, _agent):
        count = sum(place == ("chat_websocket", "app1") for mine in self.sessions.values() for place in mine.values())
        name = 'service="chat",server="app{}"'
        return (
            f'realtime_edge_node_sockets{{{name.format(1)},edge="e",worker="serving"}} {count}\n'
            f"realtime_edge_node_share{{{name.format(1)}}} 6\nrealtime_edge_node_share{{{name.format(2)}}} 6\n"
            f"realtime_edge_node_surplus{{{name.format(1)}}} {max(0, count - 6)}\n"
            f"realtime_edge_node_surplus{{{name.format(2)}}} 0\n"
        )


@pytest.fixture
def edge(monkeypatch):
    edge = Edge()
    monkeypatch.setattr(cli, "workers", edge.workers)
    monkeypatch.setattr(cli, "tell", edge.tell)
    monkeypatch.setattr(rebalance, "read_counts", edge.metrics)
    monkeypatch.setattr(closing, "_BETWEEN_POLLS", 0.3)
    monkeypatch.setattr(closing, "_LOOK_AGAIN", 0.02)
    return edge
