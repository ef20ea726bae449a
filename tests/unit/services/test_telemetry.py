"""What an edge tells can be replaced or left out, and never holds a session's id."""

import re

from ansible_collections.realtime.edge.plugins.module_utils._haproxy import paths
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
    for words in (telemetry.log_format(True), telemetry.log_format(False), telemetry.LOG_PLAIN, telemetry.LOG_ERRORS):
        # %r, %HU and %HQ hold the query, and with it the id of a session.
        assert not re.search(r"%(\{[^}]*\})?(r|HU|HQ)(?![A-Za-z])", words)


def test_misses_are_counted_where_sessions_are_followed_by_their_id():
    for affinity, counted in (("session", True), ("cookie", False), ("none", False)):
        _configuration, polling = lines(
            "backend chat_polling", described=[{**CHAT, "socketio": {"affinity": affinity}}]
        )
        assert any("track-sc2 str(edge:chat) table affinity/:misses." in line for line in polling) is counted


def test_the_worker_asks_the_agent_for_the_metrics_and_no_master():
    configuration, statistics = lines("frontend statistics", EDGE._replace(master_socket=paths.MASTER_SOCKET))
    assert "http-request use-service lua.edge_metrics if { path /metrics/edge }" in statistics
    script = dict(configuration.files)["/l/metrics.lua"]
    assert f'agent:connect("unix@{paths.AGENT_SOCKET}")' in script
    assert "master" not in script


def test_an_haproxy_that_the_agent_does_not_watch_has_no_metrics_of_another():
    configuration, statistics = lines("frontend statistics")
    assert not any("edge_metrics" in line for line in statistics)
    assert "/l/metrics.lua" not in dict(configuration.files)


def test_without_statistics_there_are_no_metrics_either():
    configuration, statistics = lines("frontend statistics", EDGE._replace(stats_bind=""))
    assert statistics is None
    assert "/l/metrics.lua" not in dict(configuration.files)
    assert "lua-load /l/metrics.lua" not in lines("global", EDGE._replace(stats_bind=""))[1]


def test_a_string_of_lua_stays_one():
    assert telemetry._lua('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
