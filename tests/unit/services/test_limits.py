"""What clients may take and say, as HAProxy's rules."""

import http.client
import re
import ssl
import subprocess

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import (
    base,
    definition,
    limits,
    peers,
    request_filter,
    tls,
)
from examples import CHAT, FLASH, GROUPS, edge
from live import LiveEdge, Node, every_version, free_port

STAFF = {**CHAT, "name": "staff", "hosts": ["staff.example.com"], "client_ca": "staff-ca", "socketio": False}


def built(*described, written=None, **about):
    fragment = store.Fragment(store.OWNER, list(described), written or {}, GROUPS)
    configuration = assemble.assemble(edge()._replace(**about), [fragment])
    found = {section.header: [line.text for line in section.directives] for section in configuration.sections}
    return found, dict(configuration.files)


def rules(lines, word):
    return [line for line in lines if word in line]


def test_each_frontend_counts_into_the_same_bounded_table():
    sections, _files = built(CHAT)
    for frontend in ("http", "https"):
        (track,) = rules(sections[f"frontend {frontend}"], "track-sc0")
        assert track == "tcp-request connection track-sc0 src,ipmask(32,64) table limits:connections"
        assert len(rules(sections[f"frontend {frontend}"], "tcp-request connection reject")) == 2
    (table,) = sections["backend limits:connections"]
    assert re.match(r"stick-table type ipv6 size \d+k expire \d+m store ", table)
    # A request costs no look-up of its own.
    assert "backend limits:requests" not in sections
    assert not rules(sections["frontend https"], "track-sc1")


@pytest.mark.parametrize(
    ("described", "about"),
    [(FLASH, {}), (CHAT, {"proxies": request_filter.TrustedProxies(("10.0.0.1",), "x_forwarded_for")})],
)
def test_where_the_connection_is_not_the_clients_its_requests_have_a_table_of_their_own(described, about):
    sections, _files = built(described, **about)
    assert sections["backend limits:connections"][0].endswith(" store conn_cur,conn_rate(10s)")
    assert sections["backend limits:requests"][0].endswith(" store gpc(2),gpc_rate(2,10s)")
    lines = [line for line in sections["frontend https"] if "sc1" in line or ",1)" in line]
    words = ["track-sc1", "deny", "sc-inc-gpc(0,1)"]
    assert [next((word for word in words if word in line), line) for line in lines] == words
    assert rules(sections["backend chat_polling"], "sc-inc-gpc(1,1)")


SHARED = {
    "limits": limits.Limits(connection_rate=50, request_rate=70, session_rate=90, shared=True),
    "peers": peers.Peers("two", (("one", "10.0.0.1:8406"), ("two", "10.0.0.2:8406")), 8406, "/edges.pem"),
}


def test_rates_count_over_all_edges_each_in_a_table_of_its_own():
    sections, _files = built(CHAT, **SHARED)
    tables = {line.split()[1] for line in rules(sections["peers affinity"], "table limits:")}
    assert tables == {"limits:connections.two", "limits:connections.one"}
    assert not [header for header in sections if header.startswith("backend limits:")]
    own, other = "affinity/limits:connections.two", "affinity/limits:connections.one"
    assert rules(sections["frontend https"], "sess.rate") == [
        f"tcp-request connection set-var(sess.rate) src,ipmask(32,64),table_conn_rate({own})",
        f"tcp-request connection set-var(sess.rate) src,ipmask(32,64),table_conn_rate({other}),add(sess.rate)",
        "tcp-request connection reject if { var(sess.rate) -m int ge 50 }",
    ]
    # An edge adds to its own table only, and to none what it refuses.
    assert all(f"table {own}" in line for line in rules(sections["frontend https"], "track-sc"))
    summed, added, denied, counted = rules(sections["frontend https"], "txn.rate") + rules(
        sections["frontend https"], "sc-inc-gpc(0,0)"
    )
    assert "sc_gpc_rate(0,0)" in summed
    assert f"table_gpc_rate(0,{other}),add(txn.rate)" in added
    assert "{ var(txn.rate) -m int ge 70 }" in denied
    assert counted == "http-request sc-inc-gpc(0,0)"
    # An edge that counts with others keeps its concurrent connections to itself.
    assert (
        f"tcp-request connection reject if {{ src,ipmask(32,64),table_conn_cur({own}) ge 4000 }}"
        in (sections["frontend https"])
    )


def test_an_edge_without_others_cannot_count_with_them():
    with pytest.raises(ConfigurationError, match=r"haproxy_limits\.shared: edges that count together are those of"):
        built(CHAT, limits=limits.Limits(shared=True))


def test_who_is_refused_is_not_counted():
    sections, _files = built(CHAT)
    lines = [line for line in sections["frontend https"] if "limits:" in line or "gpc" in line]
    words = ["reject", "reject", "track-sc0", "deny", "sc-inc-gpc(0,0)"]
    assert [next((word for word in words if word in line), line) for line in lines] == words
    for transport in ("polling", "websocket"):
        lines = [line for line in sections[f"backend chat_{transport}"] if "gpc" in line]
        words = ["deny", "sc-inc-gpc(1,0)"]
        assert [next((word for word in words if word in line), line) for line in lines] == words


def test_behind_the_entrance_of_flash_connections_are_counted_once():
    sections, _files = built(FLASH)
    assert rules(sections["frontend flash"], "track-sc0")
    assert not rules(sections["frontend https"], "track-sc0")


def test_zero_is_no_limit():
    none = limits.Limits(**{name: 0 for name, value in limits.Limits()._asdict().items() if isinstance(value, int)})
    sections, _files = built(CHAT, limits=none)
    assert "backend limits:connections" not in sections
    assert not any(
        word in line
        for lines in sections.values()
        for line in lines
        for word in ("track-sc0", "track-sc1", "deny_status 429", "deny_status 414", "default-server maxconn")
    )


def test_who_is_allowed_is_not_limited():
    sections, files = built(CHAT, limits=limits.Limits(exempt=("192.0.2.0/24",)))
    assert files["/etc/haproxy/exempt.list"] == "192.0.2.0/24\n"
    (track,) = rules(sections["frontend https"], "track")
    assert track.endswith(" if !{ src -f /etc/haproxy/exempt.list }")


def test_what_is_refused_says_when_to_come_again():
    sections, _files = built(CHAT)
    refusals = [line for lines in sections.values() for line in rules(lines, "deny_status 429")]
    assert len(refusals) == 3
    assert all("hdr Retry-After 10 " in line for line in refusals)
    assert rules(sections["frontend https"], "http-error status 503")[0].count("Retry-After 5 ") == 1


@pytest.mark.parametrize(("version", "has"), [((2, 6), False), ((3, 0), True)])
def test_the_handshake_has_a_limit_where_haproxy_has_one(version, has):
    assert (("limits", "timeout client-hs 10s") in limits.timeouts(limits.Limits(), version)) is has


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"connections": -1}, "haproxy_limits.connections: a number is expected, 0 for no limit, not -1"),
        (
            {"exempt": ("office",)},
            "haproxy_limits.exempt[0]: an address or a network like 10.0.0.0/8 is expected, not 'office'",
        ),
        ({"url_length": 20000}, "haproxy_limits.url_length: a request's head has 15 kB of room"),
    ],
)
def test_a_limit_that_is_none_is_told(wrong, problem):
    with pytest.raises(ConfigurationError) as caught:
        base.validate_edge(edge()._replace(limits=limits.Limits(**wrong)))
    assert caught.value.problems[0].startswith(problem)


# --- Whom the edge believes


def test_nobody_is_believed_unless_named():
    sections, _files = built(CHAT)
    assert not rules(sections["frontend https"], "expect-proxy")
    assert not rules(sections["frontend https"], "set-src")
    assert rules(sections["frontend https"], "del-header '^(x[-_](forwarded")


def test_proxies_that_speak_the_proxy_protocol():
    sections, files = built(CHAT, proxies=request_filter.TrustedProxies(("10.0.0.0/8",)))
    assert files["/etc/haproxy/trusted-proxies.list"] == "10.0.0.0/8\n"
    for frontend in ("http", "https"):
        lines = sections[f"frontend {frontend}"]
        assert rules(lines, "expect-proxy") == [
            "tcp-request connection expect-proxy layer4 if { src -f /etc/haproxy/trusted-proxies.list }"
        ]
        # Only then the client's address is known.
        assert rules(lines, "track-sc0")[0].startswith("tcp-request session track-sc0")


def test_proxies_that_speak_http():
    sections, _files = built(CHAT, proxies=request_filter.TrustedProxies(("10.0.0.1",), "x_forwarded_for"))
    lines = sections["frontend https"]
    sources = rules(lines, "set-src")
    assert all("if { src -f /etc/haproxy/trusted-proxies.list }" in source for source in sources)
    assert (
        lines.index(sources[-1])
        < lines.index(rules(lines, "track-sc1")[0])
        < lines.index(rules(lines, "del-header '^(x")[0])
    )
    assert rules(lines, "track-sc0")[0].endswith("if !{ src -f /etc/haproxy/trusted-proxies.list }")


def test_limits_and_headers_go_by_the_address_that_a_rule_of_the_user_sets():
    own = ["set-var(txn.hop) req.hdr(cf-connecting-ip)", "set-src var(txn.hop) if { src 192.0.2.0/24 }"]
    written = {"frontend": {"https": {"http-request": [*own, "deny if { path /private }"]}}}
    sections, _files = built(CHAT, written=written)
    lines = sections["frontend https"]
    words = ["set-var(txn.hop)", "set-src", "track-sc1", "del-header", "X-Forwarded-For %[src]", "/private"]
    places = [lines.index(*rules(lines, word)) for word in words]
    assert places == sorted(places)
    assert rules(sections["backend chat_polling"], "sc_gpc_rate(1,1)")
    # Without services there is nothing that counts, and the rules stay where they are.
    assert [line for line in built(written=written)[0]["frontend https"] if "http-request" in line] == [
        f"http-request {line}" for line in written["frontend"]["https"]["http-request"]
    ]


@pytest.mark.parametrize("layer", ["connection", "session"])
@pytest.mark.parametrize(("described", "frontend"), [(CHAT, "http"), (CHAT, "https"), (FLASH, "flash")])
def test_connections_are_counted_by_the_address_that_a_rule_of_the_user_sets(described, frontend, layer):
    written = {"frontend": {frontend: {"tcp-request": f"{layer} set-src str(192.0.2.1) if {{ dst_port 4431 }}"}}}
    lines = built(described, written=written)[0][f"frontend {frontend}"]
    counted = rules(lines, "table_conn_rate") + rules(lines, "track-sc0")
    assert all(line.startswith(f"tcp-request {layer} ") for line in counted)
    (own,) = rules(lines, "set-src")
    assert lines.index(own) < lines.index(counted[0])


@every_version
def test_a_client_is_limited_by_the_address_that_a_rule_of_the_user_sets(version, tmp_path):
    port, node, live = free_port(), Node("n1"), LiveEdge(version, tmp_path)
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout - -out -"
    made = subprocess.run(make.split(), check=True, capture_output=True)
    (certificates / "x.pem").write_bytes(made.stdout)
    settings = edge(tuple(map(int, version.split(".")[:2])))._replace(
        http=(f"127.0.0.1:{free_port()}",),
        https=(f"127.0.0.1:{port}",),
        stats_bind="",
        descriptors=2000,
        certificates=str(certificates),
        runtime_socket=str(tmp_path / "admin.sock"),
        lists=str(tmp_path),
        tls=tls.Settings(tickets=False),
        limits=limits.Limits(request_rate=3),
    )
    service = {"name": "x", "servers": [node.address], "socketio": False, "health": False}
    written = {"frontend": {"https": {"http-request": "set-src req.hdr(cf-connecting-ip)"}}}
    configuration = assemble.assemble(settings, [store.Fragment(store.OWNER, [service], written, {})])
    for path, content in (*configuration.files, (live.target.path, syntax.render(configuration))):
        with open(path, "w") as file:
            file.write(content)

    def get(client):
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())
        connection.request("GET", "/", headers={"CF-Connecting-IP": client})
        return connection.getresponse().status

    try:
        live.start()
        assert [get("192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
        assert get("192.0.2.2") == 200
    finally:
        live.stop()
        node.close()


def test_a_conditional_block_with_a_rule_that_sets_an_address_stays_whole():
    block = [".if version_atleast(2.6)", "http-request set-src req.hdr(x-as)", ".endif", "http-request set-nice 1"]
    lines = built(CHAT, written={"frontend": {"https": block}})[0]["frontend https"]
    start = lines.index(block[0])
    assert lines[start : start + 3] == block[:3]
    assert start < lines.index(*rules(lines, "track-sc1")) < lines.index(block[3])


def test_a_proxy_is_an_address():
    with pytest.raises(ConfigurationError, match=r"haproxy_trusted_proxies.addresses\[0\]"):
        base.validate_edge(edge()._replace(proxies=request_filter.TrustedProxies(("lb1",))))


def test_challenges_of_acme_are_answered_before_the_redirect():
    thumbprint = "A" * 43
    lines = built(CHAT, acme=thumbprint)[0]["frontend http"]
    (answer,) = rules(lines, "acme-challenge")
    assert f"lf-string %[path,field(4,/)].{thumbprint} if" in answer
    assert lines.index(answer) < lines.index(rules(lines, "redirect code 301")[0])
    assert not rules(built(CHAT)[0]["frontend http"], "acme-challenge")
    with pytest.raises(ConfigurationError, match="haproxy_acme: 'short' is no thumbprint"):
        built(CHAT, acme="short")


# --- What no request has

PATTERNS = {
    word: re.compile(pattern)
    for word, pattern in (("headers", request_filter._IN_HEADERS), ("url", request_filter._IN_URL))
}


@pytest.mark.parametrize("character", [chr(code) for code in range(0x20) if chr(code) not in "\t\r\n"] + ["\x7f"])
def test_control_characters_are_refused_wherever_they_are(character):
    assert PATTERNS["headers"].search(f"host: chat\r\nx: a{character}b\r\n\r\n")
    assert PATTERNS["url"].search(f"/a{character}b")


def test_what_honest_clients_send_is_not():
    fields = [
        "a\tb",
        "grüße ☕",
        "grüße ☕".encode().decode("latin1"),
        "".join(map(chr, range(0x20, 0x7F))),
        "\x80\xff",
    ]
    assert not PATTERNS["headers"].search("".join(f"x: {field}\r\n" for field in fields) + "\r\n")
    assert not PATTERNS["url"].search("/socket.io/?EIO=4&t=%20%00&q='\"<>[]{}|\\^`~é")


def test_the_address_is_written_once_a_connection_unless_requests_have_their_own():
    by_header = request_filter.TrustedProxies(("10.0.0.1",), "x_forwarded_for")
    for settings, sample in (({}, "var(sess.address)"), ({"proxies": by_header}, "src")):
        lines = built(CHAT, **settings)[0]["frontend https"]
        assert f"http-request add-header X-Forwarded-For %[{sample}]" in lines
        remembered = "tcp-request session set-var(sess.address) src,lower" in lines
        assert remembered is (sample != "src")


def test_headers_are_looked_at_before_anything_is_removed_or_routed():
    lines = built(CHAT)[0]["frontend https"]
    wanted = ["set-var(txn.odd)", "a header that none may have", "del-header", "add-header", "set-var(txn.route)"]
    found = [lines.index(rules(lines, text)[0]) for text in wanted]
    assert found == sorted(found)


# --- Origins, hosts, client certificates


def test_origins_are_checked_for_sockets_and_for_every_upgrade():
    sections, files = built({**CHAT, "origins": ["https://Chat.example.com", "https://*.example.org"]})
    # The entries without a name are those of all services, for what the edge itself answers.
    assert files["/etc/haproxy/origins.list"].splitlines() == [
        "chat:https://chat.example.com",
        "chat:https://*.example.org",
        ":https://chat.example.com",
        ":https://*.example.org",
    ]
    for transport in ("http", "polling", "websocket"):
        (line,) = rules(sections[f"backend chat_{transport}"], "may not connect")
        assert ("if { req.hdr(upgrade) -m found }" in line) is (transport == "http")
        assert "!{ str(chat:),concat(,txn.origin) -m str -f /etc/haproxy/origins.list }" in line
        assert "!{ str(chat:),concat(,txn.origin_2) -m str -f /etc/haproxy/origins.list }" in line
    assert not any(rules(lines, "may not connect") for lines in built(CHAT)[0].values())


@pytest.mark.parametrize(
    "origin",
    [
        "chat.example.com",
        "null/",
        "file:///tmp",
        "capacitor:localhost",
        "javascript:alert(1)",
        "https://",
        "https://chat.example.com/",
        "*",
        1,
        "https://a }\n http-request allow",
    ],
)
def test_what_is_no_origin_is_told(origin):
    with pytest.raises(ConfigurationError, match=r"haproxy_services\[0\].origins\[0\]: .* is no origin"):
        definition.read_services([{**CHAT, "origins": [origin]}], GROUPS)


def test_clients_are_asked_for_certificates_by_host():
    sections, files = built(CHAT, STAFF)
    assert files["/etc/haproxy/certificates.list"].splitlines() == [
        "/etc/haproxy/certificates/chat.pem chat.example.com",
        "/etc/haproxy/certificates/staff.pem [ca-file /etc/haproxy/client-ca/staff-ca.pem verify required] staff.example.com",
    ]
    (bind,) = rules(sections["frontend https"], "bind ")
    assert bind.startswith("bind :443 ssl crt-list /etc/haproxy/certificates.list crt /etc/haproxy/certificates ")
    # What a connection of another service brings is refused.
    assert "acl services:client_ca var(txn.route) -m str staff" in sections["frontend https"]
    assert rules(sections["frontend https"], "if services:client_ca !{ ssl_c_used }")


def test_without_tickets_no_keys_are_named():
    assert "tls-ticket-keys /etc/haproxy/ticket-keys" in rules(built(CHAT)[0]["frontend https"], "bind ")[0]
    assert "tls-ticket-keys" not in rules(built(CHAT, tls=tls.Settings(tickets=False))[0]["frontend https"], "bind ")[0]


def test_two_certificates_of_one_service():
    (bind,) = rules(built({**CHAT, "certificate": ["chat", "chat-rsa"]})[0]["frontend https"], "bind ")
    assert (
        "crt /etc/haproxy/certificates/chat.pem crt /etc/haproxy/certificates/chat-rsa.pem crt /etc/haproxy/certificates "
        in bind
    )


@pytest.mark.parametrize(
    ("described", "problem"),
    [
        ([{**STAFF, "hosts": []}], "client_ca: name the hosts of the service too"),
        ([STAFF, {**CHAT, "client_ca": "other"}], "client_ca: haproxy_services[0] has 'staff-ca'"),
        ([{**STAFF, "client_ca": "a/b"}], "client_ca: the name of a CA"),
        ([{**CHAT, "certificate": ["chat", "a/b"]}], "certificate: the name of an entry"),
    ],
)
def test_client_certificates_that_can_not_be(described, problem):
    with pytest.raises(ConfigurationError) as caught:
        built(*described)
    assert problem in caught.value.problems[0]


def test_all_without_a_session_counts_as_a_new_one():
    sections, _files = built(CHAT)
    for transport in ("polling", "websocket"):
        lines = sections[f"backend chat_{transport}"]
        (count,) = rules(lines, "sc-inc-gpc(1")
        assert count.endswith("if { var(txn.handshake) -m bool }")
        mark = "http-request set-var(txn.handshake) bool(true) if !{ var(txn.sid) -m found } !{ method OPTIONS }"
        assert lines.index(mark) < lines.index(count)
        assert "http-request set-var(txn.sid) urlp(sid) if { query -m reg (^|&)sid=[^&] }" in lines
    # What a node may read as another request than HAProxy does is refused before it is counted.
    https = sections["frontend https"]
    assert len(rules(https, "deny_status 400 if { var(txn.route) -m sub : } { pathq -m reg")) == 1


def test_who_breaks_http2_again_and_again_is_closed_where_the_version_counts():
    for version, counted in (((2, 8), False), ((3, 0), True), ((3, 4), True)):
        sections, _files = built(CHAT, version=version)
        assert ("tune.h2.fe.glitches-threshold 500" in sections["global"]) is counted
