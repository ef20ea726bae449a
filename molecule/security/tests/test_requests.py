"""What a request may not say, and what becomes of one that says it."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request

import pytest
from h2client import request

testinfra_hosts = ["ansible://edges"]

UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: chat.test\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

# The edge closes after the answer, so that nobody has to wait whether more comes.
LAST = "Connection: close\r\n"


def status(answer: bytes) -> str:
    """The status of the first answer, or `closed`."""
    return answer[9:12].decode() if answer.startswith(b"HTTP/1") else "closed"


def served(edge) -> int:
    """Requests that went to a node so far."""
    rows = edge.statistics().items()
    return sum(int(row["req_tot"]) for (proxy, kind), row in rows if kind == "BACKEND" and ":" not in proxy)


@pytest.mark.parametrize("name", ["other.test", "chat.test.other.test", "10.213.10.12", "localhost", "chat.test."])
def test_a_host_of_no_service_is_misdirected(edge, row, say, name):
    before = served(edge)
    answer = say(f"GET / HTTP/1.1\r\nHost: {name}\r\n{LAST}\r\n".encode())
    assert (status(answer), served(edge)) == ("421", before)
    # Plain HTTP serves no pages at all: it sends whoever asks to the name that was asked for.
    plain = edge.get("/", secure=False, Host=name)
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{name}/")
    row("Host that no service owns", "421", "never another service's pages")


def test_two_hosts_are_none(edge, row, say):
    before = served(edge)
    answers = {
        status(say(b"GET / HTTP/1.1\r\nHost: chat.test\r\nHost: staff.test\r\n\r\n")),
        status(say(b"GET http://staff.test/ HTTP/1.1\r\nHost: chat.test\r\n\r\n")),
        status(say(b"GET / HTTP/1.1\r\n\r\n")),
    }
    assert answers <= {"400", "421"}
    assert served(edge) == before
    row("Two Hosts, a Host unlike the URL, no Host", ", ".join(sorted(answers)), "whom to ask must be clear")


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "Forwarded",
        "X-Real-IP",
        "CF-Connecting-IP",
        "Fastly-Client-IP",
        "X-Cluster-Client-IP",
        "X-Envoy-External-Address",
        "X-Client-IP",
        "X-SSL-Client-DN",
    ],
)
def test_what_a_client_says_about_itself_is_not_passed_on(edge, row, header):
    mark = "spoofed.example"
    assert mark not in edge.get("/whoami", **{header: mark}).text
    row("Spoofed X-Forwarded-*, Forwarded, X-Real-IP, X-Client-*, X-SSL-*", "removed", "only the edge knows")


# Each would be two requests, or one of another length, for somebody who reads it in the other way.
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: recorder.test\r\n\r\n"
FRAMING = {
    "CL.TE": (f"Content-Length: {5 + len(SMUGGLED)}|Transfer-Encoding: chunked", f"0\r\n\r\n{SMUGGLED}"),
    "TE.CL": ("Transfer-Encoding: chunked|Content-Length: 4", f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"),
    "TE.TE": ("Transfer-Encoding: chunked|Transfer-Encoding: x", f"0\r\n\r\n{SMUGGLED}"),
    "TE obfuscated": ("Transfer-Encoding: xchunked|Content-Length: 0", SMUGGLED),
    "two lengths": (f"Content-Length: 0|Content-Length: {len(SMUGGLED)}", SMUGGLED),
    "signed length": ("Content-Length: +0", SMUGGLED),
    "space before the colon": ("Content-Length : 0", SMUGGLED),
    "bare CR": (f"X: a\rContent-Length: {len(SMUGGLED)}", SMUGGLED),
    "bare LF between headers": (f"X: a\nContent-Length: {len(SMUGGLED)}", SMUGGLED),
    "bare LF in a chunk": ("Transfer-Encoding: chunked", f"2\nab\n0\n\n{SMUGGLED}"),
    "folded header": ("X: a| Transfer-Encoding: chunked", SMUGGLED),
    "NUL in a header": ("X: a\0b", SMUGGLED),
    "other control characters in a header": ("X: a\x01b\x0bc\x7f", SMUGGLED),
}


@pytest.fixture
def recorded(edge):
    """What the node behind recorder.test parsed since it was asked last: (request, body) in order."""

    def ask():
        # Not through the edge.
        with urllib.request.urlopen("http://10.213.10.21:3001/recorded", timeout=10) as answer:
            records = json.loads(answer.read())
        for record in records:
            names = [name.lower() for name in record["headers"][::2]]
            assert names.count("content-length") + names.count("transfer-encoding") <= 1, record
        return [(record["request"], record["body"]) for record in records]

    ask()
    return ask


def next_one(say, recorded):
    """Whoever comes next, on the connection that the edge keeps to the node, gets the answer to the own request."""
    answer = say(f"GET /next HTTP/1.1\r\nHost: recorder.test\r\n{LAST}\r\n".encode(), name="recorder.test")
    assert answer.endswith(b"\r\n\r\nGET /next\n"), answer
    assert recorded() == [("GET /next", "")]


@pytest.mark.parametrize("way", FRAMING)
def test_edge_and_node_agree_where_a_request_ends(edge, row, say, recorded, way, wait_until):
    """The node parses as many requests as the edge counts and answers: none is hidden in another's body."""
    headers, body = FRAMING[way]
    plain = [("POST /", ""), ("GET /smuggled", "")]  # no length: what follows is a request of its own
    taken = {
        "CL.TE": [("POST /", "")],
        "TE.CL": [("POST /", SMUGGLED)],
        "bare LF between headers": [("POST /", SMUGGLED)],
        "bare LF in a chunk": [("POST /", "ab"), ("GET /smuggled", "")] if edge.version < (3, 0) else [],
        "folded header": plain,
        # Refused by a rule and not by the parser, a request is answered, and what follows is the next one.
        "NUL in a header": plain[1:] if edge.version < (3, 0) else [],
        "other control characters in a header": plain[1:],
    }.get(way, [])
    head = "|".join(("POST / HTTP/1.1", "Host: recorder.test", headers, "", "")).replace("|", "\r\n")
    before = served(edge)
    answer = say(f"{head}{body}".encode(), name="recorder.test")
    seen = recorded()
    # HAProxy may count a request after its answer.
    wait_until("the edge has counted", lambda: served(edge) - before >= len(taken))
    assert (seen, served(edge) - before) == (taken, len(taken))
    answers = [code.decode() for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]
    refused = [] if taken and taken[0][0] == "POST /" else ["400"]
    assert answers == refused + ["200"] * len(taken)
    next_one(say, recorded)
    result = f"{len(taken)} passed on, {len(seen)} parsed by the node" if taken else "the node saw nothing"
    if taken and refused:
        answers, result = refused, "what follows is the next request"
    row(
        f"Request smuggling: {way}",
        f"{', '.join(answers)}; {result}",
        "the edge frames strictly and writes requests anew",
    )


@pytest.mark.parametrize(
    "fields",
    [
        [("x-smuggled", "a\r\nX-Injected: 1")],
        [("x-smuggled", "a\nX-Injected: 1")],
        [("x-smuggled", "a\0b")],
        [("x-smuggled", "a\x0bb")],
        [("x-smuggled: 1\r\nx-injected", "1")],
        [("transfer-encoding", "chunked")],
        [("content-length", "0"), ("content-length", "5")],
    ],
    ids=["CRLF", "LF", "NUL", "VT", "CRLF in a name", "transfer-encoding", "two lengths"],
)
def test_http2_can_not_bring_lines_or_lengths_into_http1(edge, row, say, recorded, fields):
    """RFC 9113, sections 8.1.1, 8.2.1 and 8.2.2: such a field makes the request malformed."""
    before = served(edge)
    outcome = request(edge.address, "recorder.test", fields)
    assert outcome in ("400", "reset", "closed")
    assert (served(edge), recorded()) == (before, [])
    next_one(say, recorded)
    row(
        "HTTP/2 to HTTP/1: control characters in a field, Transfer-Encoding, two lengths",
        "400, or the stream is reset; the node saw nothing",
        "malformed by RFC 9113, 8.1.1 and 8.2, and a rule",
    )


def test_http2_can_not_announce_a_body_that_never_comes(edge, row, recorded, say):
    """RFC 9113, section 8.1.1. HAProxy 2.6 takes the request and leaves the length out: nobody waits for the body."""
    outcome = request(edge.address, "recorder.test", [("content-length", "5")])
    passed_on = edge.version < (3, 0)
    assert outcome in (("200",) if passed_on else ("400", "reset", "closed"))
    assert recorded() == ([("GET /", "")] if passed_on else [])
    next_one(say, recorded)
    result = "1 passed on without the length, 1 parsed by the node" if passed_on else "the node saw nothing"
    row("HTTP/2 to HTTP/1: a length without a body", f"{outcome}; {result}", "malformed by RFC 9113, 8.1.1")


@pytest.mark.parametrize(
    "path",
    [
        *r"/x/../socket.io/ /socket.io/../whoami /%2e%2e/whoami /./whoami /%77hoami /socket.io\..\whoami /%00".split(),
        *"/a\0b /a\x01b /a\x7fb /a?b\x7f /whoami#/socket.io/ /whoami?a#b".split(" "),
    ],
)
def test_a_path_in_disguise_is_refused(edge, row, say, path):
    before = served(edge)
    assert status(say(f"GET {path} HTTP/1.1\r\nHost: chat.test\r\n{LAST}\r\n".encode())) == "400"
    assert served(edge) == before
    what = "dot segments, encoded letters, backslashes, control characters, fragments"
    row(f"Paths in disguise: {what}", "400", "a rule on a path can't be gone around")


@pytest.mark.parametrize("path", "/a%20b /a%2Fb /caf%C3%A9 /~me /%7Eme /a..b /.well-known/x /a?b=../c%2e".split())
def test_an_honest_path_is_not(say, path):
    assert status(say(f"GET {path} HTTP/1.1\r\nHost: chat.test\r\n{LAST}\r\n".encode())) in ("200", "404")


@pytest.mark.parametrize("value", ["grüße ☕".encode(), "grüße".encode("latin1"), b"a\tb", bytes(range(0x20, 0x7F))])
def test_an_honest_header_reaches_the_node(say, recorded, value):
    answer = say(b"GET / HTTP/1.1\r\nHost: recorder.test\r\nX: " + value + b"\r\n\r\n", name="recorder.test")
    assert (status(answer), recorded()) == ("200", [("GET /", "")])


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://evil.test", "403"),
        ("null", "403"),
        ("https://chat.test.evil.test", "403"),
        ("https://chat.test", "101"),
        ("", "101"),
    ],
)
def test_pages_of_other_origins_open_no_socket(row, say, origin, expected):
    more = f"Origin: {origin}\r\n" if origin else ""
    assert status(say(f"{UPGRADE}{more}\r\n".encode())) == expected
    if expected == "403":
        row("WebSocket from a page of another origin", "403", "browsers send cookies along (RFC 6455, 10.2)")


def test_an_upgrade_elsewhere_does_not_go_around_the_origins(say):
    request = UPGRADE.replace("/socket.io/?EIO=4&transport=websocket", "/elsewhere")
    assert status(say(f"{request}Origin: https://evil.test\r\n\r\n".encode())) == "403"


def test_giant_headers(edge, row, say):
    before = served(edge)
    answers = {
        "a header of 64 kB": status(say(b"GET / HTTP/1.1\r\nHost: chat.test\r\nX: " + b"a" * 65536 + b"\r\n\r\n")),
        "500 headers": status(say(b"GET / HTTP/1.1\r\nHost: chat.test\r\n" + b"X: a\r\n" * 500 + b"\r\n")),
        "a URL of 10 kB": status(say(b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: chat.test\r\n\r\n")),
    }
    assert answers["a URL of 10 kB"] == "414"
    assert set(answers.values()) <= {"400", "414", "431", "closed"}
    assert served(edge) == before
    for what, answer in answers.items():
        row(f"Giants: {what}", answer, "16 kB for a request's head, 101 headers, 8 kB for a URL")


@pytest.mark.parametrize("path", ["/metrics", "/;csv", "/stats", "/haproxy?stats", "/admin?stats"])
def test_statistics_are_not_for_strangers(edge, stranger, row, path):
    assert "haproxy_" not in edge.get(path).text
    assert stranger.run("timeout 5 bash -c '</dev/tcp/%s/8404'", edge.address).rc != 0
    row("Statistics and metrics from outside", "not there", "bound to 127.0.0.1")


def test_a_client_without_the_certificate_is_not_let_in(edge, row, say):
    hello = b"GET /whoami HTTP/1.1\r\nHost: staff.test\r\n\r\n"
    assert status(say(hello, name="staff.test", certificate="member")) == "200"
    before = served(edge)
    for certificate in ("expired", "foreign", ""):
        try:
            answer = status(say(hello, name="staff.test", certificate=certificate))
        except (ssl.SSLError, ConnectionError):
            answer = "closed"
        assert answer == "closed", certificate or "none"
    # By the door of another service of this edge.
    assert status(say(hello)) == "421"
    assert status(say(hello, certificate="member")) == "421"
    assert served(edge) == before
    row("Expired, foreign or no client certificate", "TLS alert", "checked in the handshake")
    row("mTLS service through another service's connection", "421", "the connection must have shown a certificate")
