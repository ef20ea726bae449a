"""What an edge tells can be replaced or left out, and never holds a session's id."""

import re

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import telemetry
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.edge import Edge

CHAT = {"name": "chat", "servers": ["10.0.0.1:3000"]}
EDGE = Edge(
    http=(":80",),
    https=(":443",),
    quic=(),
    policy=(),
    stats_bind="127.0.0.1:8404",
    certificates="/c",
    lua="/l/edge.lua",
    runtime_socket="/run/admin.sock",
    version=(3, 2),
    descriptors=20000,
    master_socket="/run/master.sock",
    metrics="/l/metrics.lua",
    **({"profile": "intermediate"} if "profile" in Edge._fields else {}),
)


def lines(section, edge=EDGE, described=(CHAT,), native=None):
    configuration = assemble.assemble(edge, [store.Fragment(store.OWNER, list(described), native or {})])
    kind, _blank, name = section.partition(" ")
    found = configuration.section(kind, name)
    return configuration, [line.text for line in found.directives] if found else None


def test_another_log_format_replaces_ours():
    wanted = '"%ci %[var(txn.sid)]"'
    _configuration, https = lines("frontend https", native={"frontend": {"https": {"log-format": wanted}}})
    assert [line for line in https if line.startswith("log-format")] == [f"log-format {wanted}"]


def test_the_query_is_in_no_format():
    for words in (telemetry.LOG, telemetry.LOG_PLAIN, telemetry.LOG_ERRORS):
        # %r, %HU and %HQ hold the query, and with it the id of a session.
        assert not re.search(r"%(\{[^}]*\})?(r|HU|HQ)(?![A-Za-z])", words)


def test_misses_are_counted_where_sessions_are_followed_by_their_id():
    for affinity, counted in (("session", True), ("cookie", False), ("none", False)):
        _configuration, polling = lines(
            "backend chat_polling", described=[{**CHAT, "socketio": {"affinity": affinity}}]
        )
        assert any("track-sc2 str(edge:chat) table affinity/:misses." in line for line in polling) is counted


def test_the_script_of_the_metrics_asks_this_edges_sockets():
    configuration, _lines = lines("global")
    script = dict(configuration.files)["/l/metrics.lua"]
    assert 'ask("unix@/run/master.sock", "show proc")' in script
    assert 'ask("unix@/run/admin.sock", "show ssl cert")' in script
    assert not re.search(r"\b(MASTER|WORKER|PEER)\b", script)


def test_without_statistics_there_are_no_metrics_either():
    configuration, statistics = lines("frontend statistics", EDGE._replace(stats_bind=""))
    assert statistics is None
    assert "/l/metrics.lua" not in dict(configuration.files)
    assert "lua-load /l/metrics.lua" not in lines("global", EDGE._replace(stats_bind=""))[1]


def test_a_string_of_lua_stays_one():
    assert telemetry._lua('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
