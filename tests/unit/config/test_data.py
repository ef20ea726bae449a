"""YAML under HAProxy's keywords becomes the lines a person would have written."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import merge, syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)


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
