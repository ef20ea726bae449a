"""Only what opens a session counts as one, and only its answer teaches an id.

Tried with HAProxy 3.0.11: answers of Engine.IO 3 and 4, 0.9 and JSONP, and errors with a status and without.
"""

import re

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import socketio

NAMES = socketio.Names("chat", "/socket.io/", "edges/chat")


def test_a_preflight_opens_no_session():
    assert "!{ method OPTIONS }" in socketio.mark_handshake().text
    assert "!{ method OPTIONS }" in socketio.opens_session()


def test_an_error_teaches_no_id():
    rules = [line.text for line in socketio.learn_session(NAMES) if "set-var(txn.sid)" in line.text]
    # The status is there before the body: an error's body is not waited for.
    assert [rule.index("{ status 200 }") < rule.index("res.body,bytes(3) -m sub") for rule in rules] == [True, True]


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
