"""The program beside HAProxy reads the metrics from the master, and says so when it cannot."""

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
    assert samples(agent.read_metrics(master, str(tmp_path / "shared"))) == {
        'realtime_edge_workers{state="serving"}': 1,
        'realtime_edge_workers{state="old"}': 1,
        "realtime_edge_failed_reloads": 1,
        'realtime_edge_old_sessions{proxy="chat_polling"}': 3,
        'realtime_edge_old_sessions{proxy="chat_websocket"}': 4,
        'realtime_edge_certificate_not_after_seconds{certificate="b \\"c.pem"}': 1825308364,
        'realtime_edge_affinity_misses_total{service="chat"}': 5,
        'realtime_edge_peer_up{peer="edge2"}': 1,
        'realtime_edge_peer_up{peer="edge3"}': 0,
        "realtime_edge_master_up": 1,
        'realtime_edge_address_held{address="web"}': 1,
    }


def test_without_a_master_it_says_so_and_still_answers(tmp_path):
    text = agent.read_metrics(agent.Master(str(tmp_path / "none")), str(tmp_path / "none"))
    assert samples(text) == {"realtime_edge_master_up": 0}


def test_whoever_connects_gets_the_metrics_once_a_second(master, tmp_path, monkeypatch):
    path, asked = str(tmp_path / "metrics.sock"), []
    monkeypatch.setattr(agent, "read_metrics", lambda _master: asked.append(1) or "said 1\n")
    monkeypatch.setattr(agent, "AGE", 60.0)
    (tmp_path / "metrics.sock").touch()  # what an earlier process has left
    server = agent.Server(path, agent.Metrics(master))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(path)
            assert connection.makefile().read() == "said 1\n"
    assert len(asked) == 1
    server.shutdown()
    server.server_close()
