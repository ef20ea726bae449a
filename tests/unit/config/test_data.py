"""YAML under HAProxy's keywords becomes the lines a person would have written."""

import re

import pytest
import yaml
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import merge, syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import (
    arrange,
    from_data,
    in_canonical_order,
    to_data,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import marker
from hypothesis import given, settings
from hypothesis import strategies as st


def lines(body, kind="backend"):
    (section,) = from_data({kind: {"x": body}}).sections
    return [directive.text for directive in section.directives]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"balance": "leastconn"}, ["balance leastconn"]),
        ({"maxconn": 50000}, ["maxconn 50000"]),
        ({"disabled": True}, ["disabled"]),
        ({"log": False}, ["no log"]),
        ({"log": None}, []),
        ({"option": ["httplog", "dontlognull"]}, ["option httplog", "option dontlognull"]),
        ({"option": {"httplog": True, "http-server-close": False}}, ["option httplog", "no option http-server-close"]),
        ({"timeout": {"connect": "5s", "client": "1m"}}, ["timeout connect 5s", "timeout client 1m"]),
        ({"stats socket": "/run/x.sock mode 660"}, ["stats socket /run/x.sock mode 660"]),
        (
            {
                "server": [
                    "a 10.0.0.1:80 check",
                    {"name": "b", "address": "10.0.0.2", "port": 80, "check": True, "weight": 5},
                ]
            },
            ["server a 10.0.0.1:80 check", "server b 10.0.0.2:80 check weight 5"],
        ),
        ({"server": {"a": {"address": "::1", "port": 80, "check": False}}}, ["server a [::1]:80 no-check"]),
        (
            {"bind": [{"address": ":443", "ssl": True, "crt": ["a.pem", "b.pem"]}]},
            ["bind :443 ssl crt a.pem crt b.pem"],
        ),
        (
            {"http-request": {"set-header": ["A 1", "B 2"]}},
            ["http-request set-header A 1", "http-request set-header B 2"],
        ),
    ],
)
def test_values(body, expected):
    assert lines(body) == expected


def test_rules_are_written_in_the_order_in_which_haproxy_evaluates_them():
    assert lines(
        {
            "use_backend": "a",
            "http-request": ["deny if bad", "return status 200"],
            "acl": "bad src 10.0.0.1",
            "tcp-request": ["content reject if bad", "connection accept", "inspect-delay 5s"],
            "redirect": "scheme https",
        },
        "frontend",
    ) == [
        "acl bad src 10.0.0.1",
        "tcp-request inspect-delay 5s",
        "tcp-request connection accept",
        "tcp-request content reject if bad",
        "http-request deny if bad",
        "http-request return status 200",
        "redirect scheme https",
        "use_backend a",
    ]


def test_a_list_keeps_the_order_of_different_keywords():
    assert lines(
        [
            "# slow",
            {
                "default-server": "weight 1",
                "server": ["a 10.0.0.1:80", {"name": "b", "address": "10.0.0.2", "port": 80}],
            },
            "# fast",
            "default-server weight 9",
            {"server": "c 10.0.0.3:80"},
        ]
    ) == [
        "default-server weight 1",
        "server a 10.0.0.1:80",
        "server b 10.0.0.2:80",
        "default-server weight 9",
        "server c 10.0.0.3:80",
    ]


def test_a_comment_is_the_purpose_of_what_follows():
    (section,) = from_data({"backend": {"x": ["# why", "retries 3", {"balance": "first"}, "#", "maxconn 5"]}}).sections
    assert [line.purpose for line in section.directives] == ["why", "why", ""]
    assert "    # why\n    retries 3\n    balance first\n\n    maxconn 5\n" in syntax.render(Configuration((section,)))


def test_a_condition_moves_as_one():
    body = [
        "use_backend a if x",
        ".if feature(QUIC)",
        "http-request deny if x",
        ".else",
        "http-request allow",
        ".endif",
        "acl x src ::1",
    ]
    assert lines(body, "frontend") == [*body[6:], *body[1:6], body[0]]


@pytest.mark.parametrize(
    "body",
    [
        ["use_backend a", ".if feature(QUIC)", "http-request deny", "use_backend b", ".endif"],
        ["use_backend a", ".if feature(QUIC)", "http-request deny"],
        ["use_backend a", ".endif", "http-request deny"],
    ],
    ids=["mixed families", "no end", "no begin"],
)
def test_where_a_condition_does_not_say_where_it_may_go_all_stay(body):
    assert lines(body, "frontend") == body


@pytest.mark.parametrize("kind", sorted(syntax.SECTIONS | {"novelty", "spaceship"}))
def test_every_kind_can_be_written(kind):
    nameless = kind in syntax.UNNAMED or kind == "defaults"
    body = {"some-keyword": ["a", "b"]}
    (section,) = from_data({kind: body if nameless else {"x": body}}).sections
    assert (section.kind, section.name) == (kind, "" if nameless else "x")
    assert [line.text for line in section.directives] == ["some-keyword a", "some-keyword b"]
    assert from_data(to_data(Configuration((section,)))) == Configuration((section,))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"fronted": {"x": {}}}, r"haproxy_sections\.fronted: .* did you mean 'frontend'"),
        ({"frontend": ["x"]}, r"haproxy_sections\.frontend: a mapping of names is expected here, not a list"),
        ({"frontend": {"x": "bind :80"}}, r"haproxy_sections\.frontend\.x: the keywords of frontend 'x' are expected"),
        (
            {"backend": {"x": {True: "y"}}},
            r"haproxy_sections\.backend\.x\.True: YAML read this key as the boolean true",
        ),
        ({"backend": {"x": {"server": [["a"]]}}}, r"haproxy_sections\.backend\.x\.server\[0\]: .* not a list"),
        (
            {"backend": {"x": {"server": [{"name": {}}]}}},
            r"server\[0\]\.name: one value is expected here, not a mapping",
        ),
        ({"backend": {"x": {"balance": "first\n  user root"}}}, r"haproxy_sections\.backend\.x\.balance: a line break"),
        ({"backend": {"x\nglobal": {}}}, r"a line break"),
        (
            {"backend": {"x": {"server": [{"name": "a", "address": ""}]}}},
            r"server\[0\]\.address: an address is expected",
        ),
        ({"backend": {"x": {"frontend": "y"}}}, r"haproxy_sections\.backend\.x\.frontend: 'frontend' begins a section"),
        ({"backend": {"x": ["frontend y"]}}, r"haproxy_sections\.backend\.x\[0\]: 'frontend' begins a section"),
        ({"backend": {"x": ["# a\nuser root"]}}, r"haproxy_sections\.backend\.x\[0\]: a line break"),
        ({"backend": {"x": [5]}}, r"haproxy_sections\.backend\.x\[0\]: a line or a mapping of keywords"),
        (
            {"backend": {"x": {"server": "a\ud800"}}},
            r"haproxy_sections\.backend\.x\.server: a line break or another control",
        ),
        ("frontend x", r"haproxy_sections: a mapping of section kinds is expected here, not 'frontend x'"),
    ],
)
def test_a_mistake_is_told_by_its_place(data, said):
    with pytest.raises(ConfigurationError, match=said):
        from_data(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "defaults\n timeout connect 10s\n mode http\n timeout client 30s\n option httplog\n no option abortonclose\n"
            " maxconn 0100\n retries 3\n no log\n",
            {
                "timeout": {"connect": "10s", "client": "30s"},
                "mode": "http",
                "option": {"httplog": True, "abortonclose": False},
                "maxconn": "0100",
                "retries": 3,
                "log": False,
            },
        ),
        ("defaults\n option httplog\n log-format x\n", [{"option": {"httplog": True}}, {"log-format": "x"}]),
        (
            "defaults\n option http-server-close\n no option httpclose\n",
            [{"option": {"http-server-close": True}}, {"option": {"httpclose": False}}],
        ),
        (
            "defaults\n option forwardfor\n option forwardfor except ::1\n",
            [{"option": {"forwardfor": True}}, {"option": {"forwardfor": "except ::1"}}],
        ),
        ("defaults\n log a\n no log\n", [{"log": "a"}, {"log": False}]),
        (
            "defaults\n default-server check\n server a ::1:80\n balance first\n",
            [{"default-server": "check", "balance": "first"}, {"server": "a ::1:80"}],
        ),
        (
            "global\n maxconn 5\n.if feature(QUIC) && defined(X)\n no-quic\n.endif\n",
            [{"maxconn": 5}, ".if feature(QUIC) && defined(X)", {"no-quic": True}, ".endif"],
        ),
        ('global\n setenv A b\n node "$A"\n', [{"setenv": "A b"}, {"node": '"$A"'}]),
        ("global\n newer 5\n maxconn 5\n", [{"newer": 5}, {"maxconn": 5}]),
        ("defaults\n # why\n # so\n maxconn 5 # yes\n", ["# why", "# so", "# yes", {"maxconn": 5}]),
    ],
    ids="free log options twice no server condition environment newer comments".split(),
)
def test_lines_whose_order_counts_are_a_list_and_others_a_mapping(text, expected):
    (section,) = to_data(syntax.parse(text))
    assert list(section.values()) == [expected]
    assert syntax.render(from_data(to_data(from_data([section])))) == syntax.render(from_data([section]))


ANYWHERE = "novel x|novel y|.if defined(X)|.else|.endif|maxconn 5|log a|no log".split("|")
IN_PROXY = (
    "option httplog|option tcplog|no option httplog|option forwardfor|no option abortonclose|option httpchk|log-format x"
    "|http-check send|tcp-check connect|default-server check|server a ::1:80|server b ::1:81 observe layer7|mode http"
    "|mode log|mode tcp|timeout client 5s|timeout server 5s|timeout client 6s|acl a src ::1|acl b src ::2"
    "|stick on src if a|http-request deny if a|http-request allow|tcp-request content accept|redirect prefix /x"
    "|tcp-request inspect-delay 5s|use_backend b if a|balance first|disabled|enabled|errorfile 503 /a|errorloc 503 /b"
    "|capture cookie x len 5|declare capture request len 4|bind :80|bind :81"
).split("|")
IN_GLOBAL = (
    "setenv A b|default-path config|lua-load /x.lua|nbthread 4|thread-groups 2|ssl-engine x|user a|stats socket /x"
    "|stats timeout 5s|tune.bufsize 5|node x"
).split("|")
SECTION_TEXTS = st.one_of(
    st.lists(st.sampled_from(ANYWHERE + IN_GLOBAL), max_size=9).map(lambda lines: ["global", *lines]),
    st.builds(
        lambda header, lines: [header, *lines],
        st.sampled_from(["defaults", "backend x", "listen x"]),
        st.lists(st.sampled_from(ANYWHERE + IN_PROXY), max_size=9),
    ),
)
# Where the order of two lines counts, whatever stands between them: each pattern matches both.
COUNTS = [
    re.compile(pattern)
    for pattern in (
        r"(no )?option (http|tcp)log|log-format",
        r"(default-)?server",
        r"option httpchk|(http|tcp)-check",
        r"mode|server .* observe",
        r"acl|stick|stats .* if",
        r"disabled|enabled",
        r"errorfile|errorloc",
        r"capture|declare",
        r"(no )?log( |$)",
        r"timeout client",
        r"nbthread|thread-groups",
        r"user|stats",
    )
]
FIRST = re.compile(r"novel|\.|mode log|setenv|default-path|lua-load|ssl-engine")


def counts(one, two, conditional):
    """Whether the order of the two lines of a section counts."""
    keywords = {line.removeprefix("no ").split()[0] for line in (one, two)}
    if len(keywords) == 1 and not keywords & {"option", "timeout"}:
        return True
    if FIRST.match(one) or FIRST.match(two):
        return not re.match("http-|tcp-re|use_b|redirect", one + two) or conditional
    return any(pattern.match(one) and pattern.match(two) for pattern in COUNTS)


def shuffled(data, order):
    if isinstance(data, dict):
        keys = sorted(data)
        order.shuffle(keys)
        return {key: shuffled(data[key], order) for key in keys}
    return [shuffled(item, order) for item in data] if isinstance(data, list) else data


@given(SECTION_TEXTS, st.randoms())
@settings(max_examples=600, deadline=None)
def test_no_order_of_the_keys_changes_the_meaning(lines, order):
    section = syntax.parse("\n ".join(lines)).sections[0]
    expected = [line.text for line in arrange(section).directives]
    data = to_data(Configuration((section,)))
    for version in (data, shuffled(data, order), yaml.safe_load(yaml.dump(data, sort_keys=True))):
        found = [line.text for line in from_data(version).sections[0].directives]
        assert sorted(found) == sorted(expected)
        conditional = ".if defined(X)" in lines or ".endif" in lines
        for number, one in enumerate(expected):
            for two in expected[number + 1 :]:
                if one != two and counts(one, two, conditional) and expected.count(one) == expected.count(two) == 1:
                    assert found.index(one) < found.index(two), (one, two)
    assert in_canonical_order(from_data(shuffled(data, order))) == in_canonical_order(Configuration((section,)))


TRACES = """# examples/traces.cfg of HAProxy, shortened

# for newer ones
.if version_atleast(3.1-dev8)
traces
	trace h1 verbosity complete start now
.endif
"""


def test_conditions_before_the_first_section_can_be_adopted():
    configuration = syntax.parse(TRACES)
    data = to_data(configuration)
    assert data == [
        "# for newer ones",
        ".if version_atleast(3.1-dev8)",
        {"traces": [{"trace": "h1 verbosity complete start now"}, ".endif"]},
    ]
    again = merge.merge(Configuration(), from_data(data))
    assert again == configuration
    assert merge.says_the_same(TRACES, again)
    marked = marker.mark(again, marker.Marker("1", "2", "3", "4"))
    assert syntax.parse(marked.text) == marked.configuration
    assert [section.header for section in marked.configuration.sections] == ["global", "traces"]
    with pytest.raises(ConfigurationError, match=r"haproxy_sections\[1\]: only the first items"):
        from_data([{"global": {}}, ".endif"])
    with pytest.raises(ConfigurationError, match=r"haproxy_sections\[0\]: a mapping of section kinds"):
        from_data(["log a"])


def test_a_section_without_a_name_has_no_empty_key():
    configuration = syntax.parse("crt-store\n    load crt a.pem\n")
    assert to_data(configuration) == [{"crt-store": [{"load": "crt a.pem"}]}]
    assert from_data(to_data(configuration)) == configuration


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigurationError) as raised:
        from_data([{"backends": {}}, {"backend": {"x": {"a": "'", "b": [["c"]]}}}])
    assert [problem.split(":")[0] for problem in raised.value.problems] == [
        "haproxy_sections[0].backends",
        "haproxy_sections[1].backend.x.a",
        "haproxy_sections[1].backend.x.b[0]",
    ]


def merged(defaults, *contributions):
    configuration = merge.merge(from_data(defaults), *(from_data(data) for data in contributions))
    return syntax.render(configuration)


def test_a_default_yields_and_rules_add_up():
    assert (
        merged(
            {"defaults": {"timeout": {"client": "60s", "server": "60s"}, "option": "httplog"}},
            {"frontend": {"web": {"bind": ":80", "http-request": "deny if a"}}},
            {
                "defaults": {"timeout": {"client": "5s"}, "option": {"httplog": False}},
                "frontend": {"web": {"bind": ":81"}},
            },
        )
        == """defaults
    timeout server 60s
    timeout client 5s
    no option httplog

frontend web
    bind :80
    bind :81
    http-request deny if a
"""
    )


def test_contributors_that_disagree_are_both_named():
    with pytest.raises(ConfigurationError) as raised:
        merged(
            {},
            {"backend": {"api": {"balance": "leastconn"}}},
            [{"backend": {"api": {"balance": "roundrobin"}}}],
        )
    assert "haproxy_sections[0].backend.api.balance" in str(raised.value)
    assert "of haproxy_sections.backend.api.balance" in str(raised.value)


def test_what_agrees_is_written_once():
    assert merged({}, {"backend": {"a": {"balance": "first"}}}, {"backend": {"a": {"balance": "first"}}}) == (
        "backend a\n    balance first\n"
    )


def test_nothing_asked_for_is_nothing():
    assert from_data(None) == from_data({}) == Configuration()
