"""Whether HAProxy's worker is ready."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import ready


class Worker:
    """A socket that answers like HAProxy's worker, or does not."""

    def __init__(self, path):
        self.answer = b"Name: HAProxy\nStopping: 0\n"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            connection.recv(100)
            if self.answer is None:
                self.hung = connection
                continue
            connection.sendall(self.answer)
            connection.close()


def test_only_a_worker_that_answers_and_takes_connections_is_ready(tmp_path):
    path = str(tmp_path / "admin.sock")
    assert not ready.is_ready(path, 0.2), "no socket"
    worker = Worker(path)
    assert ready.is_ready(path, 5)
    worker.answer = b"Name: HAProxy\nStopping: 1\n"
    assert not ready.is_ready(path, 5), "it drains"
    worker.answer = None
    assert not ready.is_ready(path, 0.2), "it hangs"


def test_one_failure_is_enough_and_several_answers_are_needed(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(ready, "write", lambda path, is_ready: told.append((len(asked), is_ready)))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(ready, "describe", lambda folder: "")
    answers, asked = iter([True, True, False, False, True, True, False, True, True, True]), []

    def ask(path, timeout):
        asked.append(path)
        return next(answers)

    monkeypatch.setattr(ready, "is_ready", ask)
    with pytest.raises(StopIteration):
        ready.watch("socket", "file", 1, 1, 3)
    assert told == [(1, True), (3, False), (10, True)]


def test_the_file_is_replaced_in_place(tmp_path):
    path = tmp_path / "not-ready"
    ready.write(str(path), True)
    inode = path.stat().st_ino
    ready.write(str(path), False)
    assert (path.read_text(), path.stat().st_ino) == ("1\n", inode)


def test_metrics_are_what_states_and_handovers_say(tmp_path):
    configuration = tmp_path / "keepalived.conf"
    assert ready.describe(str(tmp_path), str(configuration)) == ""
    configuration.write_text("vrrp_instance web {\n}\n\nvrrp_instance second {\n}\n")
    (tmp_path / "handover").mkdir()
    (tmp_path / "vrrp-web").write_text("MASTER 1795805868\n")
    (tmp_path / "vrrp-second").write_text("BACKUP 1795805869\n")
    (tmp_path / "vrrp-second.new").write_text("")
    (tmp_path / "vrrp-earlier").write_text("FAULT 1795805867\n")  # is not shared any more
    (tmp_path / "handover/count-receive-web").write_text("911\n")
    (tmp_path / "handover/count-leave-web").write_text("")  # it is being written
    (tmp_path / "announced").write_text("198.51.100.10 2 1795805870\n")
    told = ready.describe(str(tmp_path), str(configuration)).splitlines()
    assert [line for line in told if not line.startswith("#")] == [
        'realtime_edge_address_held{address="second"} 0',
        'realtime_edge_address_held{address="web"} 1',
        'realtime_edge_address_since_seconds{address="second"} 1795805869',
        'realtime_edge_address_since_seconds{address="web"} 1795805868',
        'realtime_edge_handover_packets_total{address="web"} 911',
        'realtime_edge_address_announced{address="198.51.100.10"} 2',
        'realtime_edge_address_announced_since_seconds{address="198.51.100.10"} 1795805870',
    ]


@pytest.fixture
def bird(tmp_path):
    """A BIRD at `path`, which answers as told, in two parts each time: an answer is read to its end."""

    class Bird:
        path, said, answers = str(tmp_path / "bird.ctl"), [], {}

    server = socket.socket(socket.AF_UNIX)
    server.bind(Bird.path)
    server.listen()

    def serve():
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"0001 BIRD 2.0.12 ready.\n")
                Bird.said.append(connection.recv(100).decode().rstrip("\n"))
                connection.sendall(Bird.answers.get(Bird.said[-1], "").encode())
                connection.sendall(b"0000 \n")

    threading.Thread(target=serve, daemon=True).start()
    return Bird


def test_bird_announces_the_addresses_as_long_as_the_worker_is_ready(bird):
    bird.answers['enable "realtime_edge_*"'] = "0011-realtime_edge_ipv4: enabled\n"
    ready.tell_bird(bird.path, True)
    ready.tell_bird(bird.path, False)
    assert bird.said == ['enable "realtime_edge_*"', 'disable "realtime_edge_*"']


ANNOUNCED = {
    "show protocols": """\
2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     02:32:06.977
 realtime_edge_ipv4 Static     master4    up     02:32:24.209
 realtime_edge_ipv6 Static     master6    up     02:32:24.209
 router1    BGP        ---        up     02:32:28.568  Established
 router2    BGP        ---        start  02:32:28.568  Active        Socket: Connection refused
""",
    "show static realtime_edge_ipv4": "1009-198.51.100.40/32\tblackhole\n",
    "show static realtime_edge_ipv6": "1009-2001:db8:40::1/128\tblackhole\n",
    "show route export router1": """\
1007-Table master4:
 198.51.100.40/32     blackhole [realtime_edge_ipv4 02:32:24.209] * (200)
 Table master6:
 2001:db8:40::1/128   blackhole [realtime_edge_ipv6 02:32:24.209] * (200)
 203.0.113.0/24       blackhole [somebody 02:32:24.209] * (200)
""",
}


def test_bird_tells_to_how_many_routers_an_address_is_announced(bird, tmp_path):
    assert ready.read_announced(str(tmp_path / "none")) == {}
    bird.answers = dict(ANNOUNCED)
    assert ready.read_announced(bird.path) == {"198.51.100.40": 1, "2001:db8:40::1": 1}
    bird.answers["show route export router2"] = bird.answers["show route export router1"]
    assert ready.read_announced(bird.path) == {"198.51.100.40": 2, "2001:db8:40::1": 2}
    # What is withdrawn is still an address of this edge.
    bird.answers["show route export router1"] = bird.answers["show route export router2"] = ""
    assert ready.read_announced(bird.path) == {"198.51.100.40": 0, "2001:db8:40::1": 0}


def test_since_when_an_address_is_announced_survives_a_new_start(tmp_path):
    path = str(tmp_path / "announced")
    ready.remember_announced(path, {}, 1000)
    assert ready.parse_announced(path) == {}
    ready.remember_announced(path, {"198.51.100.40": 1, "2001:db8:40::1": 1}, 1001)
    ready.remember_announced(path, {"198.51.100.40": 1, "2001:db8:40::1": 2}, 1002)
    assert ready.parse_announced(path) == {"198.51.100.40": (1, 1001), "2001:db8:40::1": (2, 1002)}
    ready.remember_announced(path, {}, 1003)
    assert ready.parse_announced(path) == {"198.51.100.40": (0, 1003), "2001:db8:40::1": (0, 1003)}, "no BIRD"
    ready.remember_announced(path, {"198.51.100.41": 1}, 1004)
    assert ready.parse_announced(path) == {"198.51.100.41": (1, 1004)}, "the configuration has changed"


def test_no_bird_is_no_problem(tmp_path):
    ready.tell_bird(str(tmp_path / "bird.ctl"), True)


def test_bird_is_told_again_and_again_what_the_file_says(tmp_path, monkeypatch):
    path, told = tmp_path / "not-ready", []
    contents = iter([None, "1\n", "0\n", "0\n"])

    def sleep(_seconds):
        content = next(contents)
        if content:
            path.write_text(content)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(ready, "tell_bird", lambda _bird, is_ready: told.append(is_ready))
    with pytest.raises(StopIteration):
        ready.keep_telling_bird("bird", str(path), 1)
    assert told == [False, False, False, True, True]
