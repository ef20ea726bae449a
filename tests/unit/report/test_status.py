"""How a running HAProxy is doing is told from what its master and its workers say, whichever they are."""

import socket
from datetime import datetime, timezone

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import paths
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import canaries, status
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import (
    certificates,
    cli,
    closing,
    maps,
    servers,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime.cli import RuntimeFailure, Worker

PROC = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
446             master          1 [failed: 2]   1d02h03m04s     3.0.11-9e587df
# workers
900             worker          0               0d00h05m00s     3.0.11-9e587df
# old workers
448             worker          1               0d02h00m00s     3.0.11-9e587df
"""
COLUMNS = "# pxname,svname,qcur,scur,stot,status,weight,type,addr,check_status\n"
ANSWERS = {
    (900, "show stat -1 6 -1"): COLUMNS
    + "chat_websocket,app1,0,3,5,UP,1,2,10.0.0.1:3000,L7OK\n"
    + "chat_websocket,BACKEND,2,3,5,UP,1,1,,\n"
    + "limits:requests,BACKEND,0,0,0,UP,0,1,,\n"
    + "reports,BACKEND,0,1,9,DOWN,0,1,,\n",
    (448, "show stat -1 6 -1"): COLUMNS
    + "chat_websocket,app1,0,40,50,UP,1,2,10.0.0.1:3000,L7OK\n"
    + "chat_websocket,BACKEND,0,40,50,UP,1,1,,\n",
    (900, "show table"): "# table: affinity/chat, type: string, size:102400, used:17\n",
    (900, "show map"): "# id (file) description\n-1 (/etc/haproxy/routes.map) pattern loaded\n",
    (900, "show peers affinity"): (
        "0x1: [24/Nov/2026:09:38:07] id=affinity disabled=0 flags=0x68b3\n"
        "  0x2: id=edge2(remote,active) addr=10.0.0.12:8406 last_status=ESTA last_hdshk=4s\n"
        "  0x3: id=edge3(remote,active) addr=10.0.0.13:8406 app_state=STOPPED last_status=CONN last_hdshk=4s\n"
        "  0x4: id=edge1(local,inactive) addr=0.0.0.0:8406 last_status=NONE last_hdshk=<NEVER>\n"
    ),
    (900, "show ssl cert"): "# filename\n/c/late.pem\n/c/soon.pem\n*/c/open.pem\n",
    (900, "show ssl cert /c/late.pem"): "notAfter: Nov 24 06:06:04 2027 GMT\nSubject: /CN=late\n",
    (900, "show ssl cert /c/soon.pem"): (
        "notAfter: Dec  1 06:00:00 2026 GMT\nSubject Alternative Name: DNS:a.example.com, DNS:b.example.com\n"
        "Algorithm: EC256\nSubject: /CN=soon\n"
    ),
    (900, "show ssl cert /c/open.pem"): "Status: Empty\n",
}
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=timezone.utc)


@pytest.fixture
def running(monkeypatch):
    """Answer in place of a master with a serving and an old worker."""
    answers = dict(ANSWERS)

    def tell(_master, pid, command):
        if (pid, command) not in answers:
            raise RuntimeFailure(f"no worker {pid}")
        return answers[pid, command]

    known = [Worker(900, False, 0, 300, "3.0.11-9e587df", 7), Worker(448, True, 1, 7200, "3.0.11-9e587df", 40)]
    monkeypatch.setattr(status, "workers", lambda _master, sessions: known)
    monkeypatch.setattr(status, "failed_reloads", lambda _master: 2)
    monkeypatch.setattr(cli, "ask", lambda _master, _command, _timeout: PROC)
    for module in (status, certificates, servers, canaries, maps):
        monkeypatch.setattr(module, "tell", tell)
    return answers


def service(facts, name):
    return next(item for item in facts["services"] if item["name"] == name)


def test_uptime_is_that_of_the_master(running):
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    assert (facts["uptime"], facts["failed_reloads"]) == (26 * 3600 + 184, 2)
    assert [(worker["pid"], worker["serving"]) for worker in facts["workers"]] == [(900, True), (448, False)]


def test_sockets_on_old_workers_count_as_live(running):
    (backend,) = service(status.read_live("master", "/none/haproxy.cfg", NOW), "chat")["backends"]
    assert (backend["transport"], backend["sessions"], backend["old_sessions"]) == ("websocket", 3, 40)
    (server,) = backend["servers"]
    assert (server["address"], server["old_sessions"], server["check"]) == ("10.0.0.1:3000", 40, "L7OK")


def test_the_tables_of_limits_are_no_service(running):
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    assert [item["name"] for item in facts["services"]] == ["chat", "reports"]


def test_connections_that_a_worker_does_not_tell_are_unknown(running, monkeypatch):
    monkeypatch.setattr(status, "workers", lambda _master, sessions: [Worker(900, False, 0, 300, "3.0.11", -1)])
    lines = status.read_live("master", "/none/haproxy.cfg", NOW)["table"]
    assert next(line for line in lines if "new clients" in line).split()[-2] == "?"


def test_another_program_than_the_one_that_runs_is_not_asked_about_its_library(running, monkeypatch, tmp_path):
    program = tmp_path / "haproxy"
    program.write_text("#!/bin/sh\necho 'HAProxy version 3.2.26'\necho 'Running on OpenSSL version : OpenSSL 3.5.9'\n")
    program.chmod(0o755)
    monkeypatch.setattr(status, "BINARIES", (str(program),))
    assert status.read_live("master", "/none/haproxy.cfg", NOW)["tls_library"] == ""
    program.write_text(program.read_text().replace("3.2.26", "3.0.11-9e587df"))
    assert status.read_live("master", "/none/haproxy.cfg", NOW)["tls_library"] == "OpenSSL 3.5.9"


def test_a_backend_of_somebody_else_is_a_service_by_itself(running):
    assert service(status.read_live("master", "/none/haproxy.cfg", NOW), "reports")["backends"][0]["transport"] == ""


def test_known_sessions_are_those_of_the_affinity_table(running):
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    assert service(facts, "chat")["known_sessions"] == 17
    assert service(facts, "reports")["known_sessions"] is None


def test_how_far_a_closing_is_is_told_while_some_are_left_or_it_is_news(running, monkeypatch):
    def told(left, age):
        found = closing.Told("app1", left, 1000 - age, 9)
        monkeypatch.setattr(status.closing, "read_progress", lambda: found)
        monkeypatch.setattr(status.time, "time", lambda: 1000.0)
        facts = status.read_live(paths.MASTER_SOCKET, "/none/haproxy.cfg", NOW)
        assert facts["closing"] == {"of": "app1", "left": left, "age": age}
        return [line for line in facts["table"] if "sessions closed" in line]

    assert told(7, 65) == ["sessions closed (app1): 7 left, 1 min 5 s ago"]
    assert told(0, 5) == ["sessions closed (app1): none left, 5 s ago"]
    assert told(0, 700) == []


def test_what_the_edge_does_by_itself_is_told_and_what_it_waits_for(running, monkeypatch):
    metrics = (
        'realtime_edge_rebalance_running{service="chat"} 1\nrealtime_edge_rebalance_running{service="shop"} 0\n'
        'realtime_edge_peer_silent{peer="edge2"} 1\nrealtime_edge_peer_silent{peer="edge3"} 0\n'
    )
    monkeypatch.setattr(status.rebalance, "read_counts", lambda _agent: metrics)
    facts = status.read_live(paths.MASTER_SOCKET, "/none/haproxy.cfg", NOW)
    assert (facts["agent"], facts["moving"]) == (True, {"services": ["chat"], "silent": ["edge2"]})
    assert [line for line in facts["table"] if "edge2" in line and "10.0.0.12" not in line] == [
        "moves sockets of chat to its emptier nodes by itself, but WAITS for edge2",
        "the service realtime-edge-agent of edge2 TELLS NOTHING of its sockets",
    ]
    monkeypatch.setattr(status.rebalance, "read_counts", lambda _agent: metrics[: metrics.index("realtime_edge_peer")])
    facts = status.read_live(paths.MASTER_SOCKET, "/none/haproxy.cfg", NOW)
    assert "moves sockets of chat to its emptier nodes by itself" in facts["table"]


def test_a_service_that_hangs_does_not_answer(running, monkeypatch, tmp_path):
    # The kernel still takes connections for it.
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "agent"))
        hung.listen()
        monkeypatch.setattr(status, "AGENT_SOCKET", str(tmp_path / "agent"))
        monkeypatch.setattr(cli, "SOON", 0.2)
        facts = status.read_live(paths.MASTER_SOCKET, "/none/haproxy.cfg", NOW)
    assert (facts["agent"], facts["moving"]) == (False, None)
    assert any("realtime-edge-agent DOES NOT ANSWER" in line for line in facts["table"])


def test_other_edges_are_told_with_whether_they_are_heard(running):
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    assert [(peer["name"], peer["address"], peer["up"]) for peer in facts["peers"]] == [
        ("edge2", "10.0.0.12:8406", True),
        ("edge3", "10.0.0.13:8406", False),
    ]
    assert "edge3 (10.0.0.13:8406): DOES NOT SHARE these tables" in facts["table"]


def test_certificates_that_end_first_come_first_and_open_changes_are_left_alone(running):
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    found = [(certificate["path"], certificate["days_left"]) for certificate in facts["certificates"]]
    assert found == [("/c/soon.pem", 7), ("/c/late.pem", 365)]
    assert facts["certificates"][0]["names"] == ["a.example.com", "b.example.com"]


def test_an_old_worker_that_ends_meanwhile_is_no_failure(running):
    del running[448, "show stat -1 6 -1"]
    assert service(status.read_live("master", "/none/haproxy.cfg", NOW), "chat")["backends"][0]["old_sessions"] == 0


def test_where_nobody_answers_that_is_the_answer(tmp_path):
    facts = status.read_live(str(tmp_path / "none.sock"), "/none/haproxy.cfg")
    assert facts["answers"] is False
    assert "none.sock does not answer" in facts["problem"]


def test_contributors_are_told_with_what_they_contribute(running, tmp_path):
    path = str(tmp_path / "haproxy.cfg")
    (tmp_path / "fragments.d").mkdir()
    parts = (
        store.Fragment("shop", [], {"backend": {"shop": {"server": "s1 10.0.0.9:80"}}}),
        store.Fragment(store.OWNER, [{"name": "chat"}], {}),
    )
    for part in parts:
        (tmp_path / "fragments.d" / f"{part.name}.json").write_text(store.fragment_text(part))
    facts = status.read_live("master", path, NOW)
    assert facts["contributors"] == [
        {"name": "edge", "services": ["chat"], "sections": []},
        {"name": "shop", "services": [], "sections": ["backend shop"]},
    ]
    assert "shop         –         backend shop" in facts["table"]


def test_the_table_is_aligned(running):
    lines = status.read_live("master", "/none/haproxy.cfg", NOW)["table"]
    workers = [line for line in lines if "3.0.11" in line and "up for" not in line]
    assert len(workers) == 2
    assert len({line.index("3.0.11") for line in workers}) == 1
    assert "1 d 2 h" in lines[0]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (312, "5 min 12 s"), (7200, "2 h 0 min"), (273600, "3 d 4 h")]
)
def test_durations(seconds, said):
    assert status.duration(seconds) == said


def server(name, status_word, reason="", check="L4OK"):
    return {"name": name, "address": "10.0.0.1:3000", "status": status_word, "check_reason": reason, "check": check}


@pytest.mark.parametrize(
    ("servers", "outage"),
    [
        ([server("a", "UP"), server("b", "DOWN", "L4CON")], ""),
        ([server("a", "DOWN", "L4CON"), server("b", "DOWN 1/2", "L7STS 404: Not Found")],
         "chat: no server is up: a (10.0.0.1:3000): L4CON; b (10.0.0.1:3000): L7STS 404: Not Found"),
        ([server("a", "MAINT"), server("b", "DOWN", "L4TOUT")], "chat: no server is up: b (10.0.0.1:3000): L4TOUT"),
        ([server("a", "DOWN", "L7TOUT: Layer7 timeout")],
         "chat: no server is up: a (10.0.0.1:3000): L7TOUT: Layer7 timeout; "
         "it never answers the check; name a path that it answers (health)"),
        ([server("a", "MAINT"), server("b", "MAINT")], ""),
        ([server("a", "no check")], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_an_outage_is_a_backend_without_a_server_that_is_up(servers, outage):
    services = [{"name": "chat", "backends": [{"name": "chat", "servers": servers}]}]
    assert "".join(status.find_outages(services)) == outage


def test_the_reason_of_a_check_is_haproxys_own(running):
    running[900, "show stat -1 6 -1"] = (
        "# pxname,svname,qcur,scur,stot,status,weight,type,addr,check_status,check_code,last_chk,check_desc\n"
        "chat_http,app1,0,0,0,DOWN,1,2,10.0.0.1:3000,L7STS,404,Not Found,Layer7 wrong status\n"
        "chat_http,app2,0,0,0,DOWN,1,2,10.0.0.2:3000,* L4CON,,Connection refused,Layer4 connection problem\n"
        "chat_http,BACKEND,0,0,0,DOWN,0,1,,,,,\n"
        "shop,n1,0,0,0,UP,1,2,10.0.0.3:80,INI,,,Initializing\n"
    )
    facts = status.read_live("master", "/nonexistent", NOW)
    assert facts["outages"] == [
        "chat_http: no server is up: app1 (10.0.0.1:3000): L7STS 404: Layer7 wrong status: Not Found; "
        "app2 (10.0.0.2:3000): L4CON: Layer4 connection problem: Connection refused"
    ]
    assert facts["unchecked"] == ["shop/n1"]


def test_a_certificate_that_is_not_valid_yet_says_when(running):
    running[900, "show ssl cert /c/late.pem"] = (
        "notBefore: Nov 26 07:00:00 2026 GMT\nnotAfter: Nov 24 06:06:04 2027 GMT\nSubject: /CN=late\n"
    )
    facts = status.read_live("master", "/nonexistent", NOW)
    found = {one["path"]: one["days_until_valid"] for one in facts["certificates"]}
    assert found == {"/c/soon.pem": 0, "/c/late.pem": 3}
    assert any("valid in 3" in line for line in facts["table"])


CANARIES = {
    (
        900,
        "show map",
    ): "# id (file)\n0 (/etc/haproxy/routes.map) loaded\n1 (/etc/haproxy/canary.map) loaded from file\n",
    (900, "show map /etc/haproxy/canary.map"): (
        "0x1 chat 25\n0x2 chat:lots 1\n0x3 chat:0 new1\n0x4 chat/new1 1\n0x5 news 5\n0x6 news:lots 1\n0x7 idle 0\n"
    ),
    (900, "show table affinity/:canary"): (
        "0x1: key=edge1:chat use=0 exp=0 shard=0 gpt0=0 http_req_cnt=40 http_req_rate(30000)=9 http_fail_cnt=3 x=0\n"
        "0x2: key=edge2:chat use=0 exp=0 shard=0 gpt0=25 http_req_cnt=60 http_req_rate(30000)=0 http_fail_cnt=7 x=0\n"
        "0x3: key=edge1:news use=0 exp=0 shard=0 gpt0=25 http_req_cnt=60 http_req_rate(30000)=0 http_fail_cnt=7 x=0\n"
        "0x4: key=edge1:gone use=0 exp=0 shard=0 gpt0=5 http_req_cnt=60 http_req_rate(30000)=0 http_fail_cnt=7 x=0\n"
    ),
}


def test_a_canary_that_any_edge_has_withdrawn_is_told(running):
    assert status.read_live("master", "/none/haproxy.cfg", NOW)["canaries"] == []
    running.update(CANARIES)
    facts = status.read_live("master", "/none/haproxy.cfg", NOW)
    assert [tuple(canary.values())[:5] for canary in facts["canaries"]] == [
        ("chat", 25, ("edge2",), 100, 10),
        # Another share was set since.
        ("news", 5, (), 60, 7),
        ("idle", 0, (), 0, 0),
    ]
    assert [canary["servers"] for canary in facts["canaries"]] == [("new1",), (), ()]
    lines = [line for line in facts["table"] if "canary" in line]
    assert lines[0] == "the canary of chat is WITHDRAWN at 25 % of new sessions, by edge2 (100 so far, 10 errors)"
    assert lines[1] == "the canary of news gets 5 % of new sessions (60 so far, 7 errors)"


def test_a_canary_is_watched_until_it_is_withdrawn(running, monkeypatch):
    running.update(CANARIES)
    monkeypatch.setattr(canaries, "serving_worker", lambda _master: 900)
    assert canaries.watch("master", "chat", 600).withdrawn_by == ("edge2",)
    assert canaries.watch("master", "news", 0).withdrawn_by == ()
    with pytest.raises(canaries.CanaryError, match=r"no canary of 'talk' \(services with one: chat, news, idle\)"):
        canaries.watch("master", "talk", 600)
