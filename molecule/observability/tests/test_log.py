"""One user's trouble can be followed in the log, and nobody can take a session over with what stands there."""

from __future__ import annotations

import re
import subprocess

import pytest

testinfra_hosts = ["ansible://edges"]

LINE = re.compile(
    r"[\d.]+:\d+ \[\S+\] (?P<frontend>\S+) (?P<backend>[^ /]+)/(?P<server>\S+) \S+ (?P<status>-?\d+) "
    r"\d+ \S+ \S+ \S+ (?P<tls>\S+) (?P<session>\S+) (?P<method>\S+) \"(?P<path>[^\"]*)\" \S+ (?P<id>[\w-]{12}\.\d+)$"
)


@pytest.fixture
def logged(edge, wait_until):
    """Return the parsed lines that were logged since the test began."""
    mark = edge.host.check_output("journalctl --unit haproxy --show-cursor --lines 0 | sed -n 's/^-- cursor: //p'")

    def read(enough):
        def lines():
            raw = edge.host.check_output("journalctl --unit haproxy --output cat --after-cursor %s", mark).splitlines()
            found = [match.groupdict() for line in raw if (match := LINE.search(line))]
            return (found, "\n".join(raw)) if enough(found) else None

        return wait_until("the log has what is looked for", lines)

    return read


def test_a_session_can_be_followed_in_the_log(edge, hold, logged):
    clients = hold(1, "polling")
    clients.ping()
    node = clients.nodes()[0]
    clients.stop()
    lines, raw = logged(lambda found: len([line for line in found if line["backend"] == "chat_polling"]) >= 3)
    polling = [line for line in lines if line["backend"] == "chat_polling"]
    # From the handshake on, whose id is in the answer.
    sessions = {line["session"] for line in polling}
    assert len(sessions) == 1
    (session,) = sessions
    assert len(session) == 8
    assert {line["server"] for line in polling} == {node}
    assert {line["tls"] for line in polling} == {"TLSv1.3"}
    assert {line["path"] for line in polling} == {"/socket.io/"}
    # The whole id would let whoever reads the log take the session over.
    assert not re.search(rf"{re.escape(session)}[A-Za-z0-9_-]", raw)


def test_of_socketio_0_9_the_path_is_cut(edge, logged):
    edge.get("/socket.io/1/xhr-polling/12345678SECRET?t=1")
    lines, raw = logged(lambda found: any("/1/" in line["path"] for line in found))
    (line,) = [line for line in lines if "/1/" in line["path"]]
    assert (line["path"], line["session"]) == ("/socket.io/1/xhr-polling/12345678", "12345678")
    assert "SECRET" not in raw


def test_a_handshake_that_fails_is_logged_with_its_reason(edge, wait_until):
    mark = edge.host.check_output("journalctl --unit haproxy --show-cursor --lines 0 | sed -n 's/^-- cursor: //p'")
    old = ["openssl", "s_client", "-connect", f"{edge.address}:443", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    assert subprocess.run(old, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0
    wait_until(
        "the log says why",
        lambda: re.search(
            r"https/?\S* - \S+ \"[^\"]*handshake[^\"]*\" \"[^\"]*(?:version|protocol)[^\"]*\"",
            edge.host.check_output("journalctl --unit haproxy --output cat --after-cursor %s", mark),
        ),
    )
