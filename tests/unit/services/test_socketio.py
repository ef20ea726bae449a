"""Only what opens a session counts as one, and only its answer teaches an id.

Tried with HAProxy 3.0.11: answers of Engine.IO 3 and 4, 0.9 and JSONP, and errors with a status and without.
"""

import re
import threading
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import socketio, waiting
from live import LiveEdge, Node, every_version, free_port, get, wait_for

NAMES = socketio.Names("chat", "/socket.io/", "edges/chat")


def test_a_preflight_opens_no_session():
    for transport in ("polling", "websocket", "flashsocket"):
        assert "!{ method OPTIONS }" in socketio.find_session(NAMES, transport)[-1].text


def test_an_error_teaches_no_id():
    rules = [line.text for line in socketio.learn_session(NAMES) if "set-var(txn.sid)" in line.text]
    # The status is there before the body: an error's body is not waited for.
    assert [rule.index("{ status 200 }") < rule.index("{ res.body") for rule in rules] == [True, True]


@pytest.mark.parametrize("sid", ["lv_VI97HAXpY6yYWAAAC", "AAsidBBBBBBBBBBBAAAD", "sidsidsidsidsidAAsid"])
@pytest.mark.parametrize(
    "body",
    [
        '0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
        '0{"upgrades": ["websocket"], "pingInterval": 25000, "sid": "SID", "pingTimeout": 20000}',
        '97:0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":60000}',
        '118:0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":60000}2:40',
        '\0\11\7\xff0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":60000}',
        '___eio[0]("97:0{\\"sid\\":\\"SID\\",\\"upgrades\\":[\\"websocket\\"],\\"pingInterval\\":25000}");',
        '/**/___eio[12]("0{\\"sid\\":\\"SID\\",\\"upgrades\\":[\\"websocket\\"],\\"pingInterval\\":25000}");',
    ],
    ids=["4", "4, another order", "3", "3 with more", "1, binary", "3, JSONP", "4, JSONP"],
)
def test_the_id_is_that_of_the_answer_whatever_is_in_it(body, sid):
    (text,) = (rule.text for rule in socketio.learn_session(NAMES) if "res.body,bytes(3)" in rule.text)
    pattern = re.search(r'regsub\("(.+?)","', text)[1]
    assert re.sub(pattern, r"\1", body.replace("SID", sid)[3:], flags=re.DOTALL) == sid


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("/socket.io/?EIO=4&transport=polling&sid=a%20b", False),
        ("/socket.io/?EIO=4&%73id=a", True),
        ("/socket.io/?EIO=4?a=b&s%69d=a", True),
        ("/socket.io/1/?t=1", False),
        ("/socket.io/1/xhr-polling/abc?t=1", False),
        ("/socket.io/1/xhr-polling/abc?t=1&sid=a", True),
        ("/socket.io/1?transport=polling", True),
        ("/socket.io/1.js?transport=polling", False),
        ("/socket.io/?EIO=4&transport=polling&t=/1/a/b?sid=1", False),
    ],
)
def test_what_a_node_may_read_in_another_way_is_refused(target, refused):
    (rule,) = socketio.reject_disguised_sessions("SOCKETS")
    patterns = re.findall(r"'([^']+)'", rule.text)
    assert any(re.search(pattern, target, re.IGNORECASE) for pattern in patterns) is refused


@pytest.mark.parametrize(
    ("body", "sid"),
    [
        ("abc_D-1:60:60:websocket,xhr-polling", "abc_D-1"),
        ("abc::60:xhr-polling", "abc"),
        ('io.j[0]("abc:60:60:jsonp-polling");', "abc"),
        ('{"code":1,"message":"Session ID unknown"}', None),
        ('{"code": 0}', None),
        ("<html><a href='https://x'>", None),
        ("Error: no", None),
    ],
)
def test_an_answer_of_0_9_has_its_form(body, sid):
    rule = next(line.text for line in socketio.learn_session(NAMES) if r"\2" in line.text)
    form = re.search(r"\{ res\.body -m reg '([^']+)' \}", rule)[1]
    found = re.search(form, body)
    assert (found and found[2]) == sid


@every_version
def test_a_request_waits_for_the_table_of_a_young_worker(version, tmp_path):
    """A large table takes a second to come from the worker before, on a busy machine more."""
    nodes, port, edge = [Node("n1"), Node("n2")], free_port(), LiveEdge(version, tmp_path)
    nodes[1].sessions.add("its-own")
    names, answers = NAMES._replace(table="affinity/chat"), []
    rules = [*socketio.find_session(names, "polling"), socketio.wait_for_table(names), socketio.follow_session(names)]
    (tmp_path / "edge.lua").write_text(waiting.script(alone=True))
    (tmp_path / "haproxy.cfg").write_text(
        f"global\n lua-load-per-thread {tmp_path}/edge.lua\n localpeer edge\n"
        "defaults\n mode http\n timeout client 20s\n timeout connect 5s\n timeout server 20s\n"
        f"peers affinity\n bind 127.0.0.1:{free_port()}\n server edge\n table chat type string len 64 size 1k\n"
        f"frontend web\n bind 127.0.0.1:{port}\n default_backend chat\nbackend chat\n balance first\n"
        + "".join(f" {rule.text}\n" for rule in rules)
        + "".join(f" server {node.name} {node.address}\n" for node in nodes)
    )
    client = threading.Thread(target=lambda: answers.append(get(port, "/poll?sid=its-own")), daemon=True)
    try:
        edge.start()
        client.start()
        began = time.monotonic()
        wait_for(lambda: time.monotonic() > began + 1.5)
        edge.ask("set table affinity/chat key its-own data.server_id 2")
        client.join(20)
        assert answers == [(200, "n2")]
    finally:
        edge.stop()
        for node in nodes:
            node.close()
