"""What HAProxy says is told with the place in the YAML it came from. The texts are those of HAProxy 2.6 to 3.4."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.binary import check
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError

CONFIGURATION = from_data(
    {
        "global": {"maxconn": 100},
        "frontend": {"web": {"bind": ":80", "default_backend": "nope"}},
        "backend": {"api": {"server": ["a 10.0.0.1:80 chek", "b 10.0.0.2:80"]}},
    }
)
# The file: 1 global, 2 maxconn, 4 frontend, 5 bind, 6 default_backend, 8 backend, 9 and 10 the servers.
PATH = "/tmp/new.cfg"


@pytest.mark.parametrize(
    ("said", "yaml_path", "text"),
    [
        (
            f"[ALERT]    (42) : config : parsing [{PATH}:9] : 'server api/a' : unknown keyword 'chek'; did you mean 'check' maybe ?",
            "haproxy_sections.backend.api.server[0]",
            "'server api/a' : unknown keyword 'chek'; did you mean 'check' maybe ?",
        ),
        (
            f"[WARNING]  (42) : config : parsing [{PATH}:5] : some warning.\n   | with a second line",
            "haproxy_sections.frontend.web.bind",
            "some warning. with a second line",
        ),
        (
            f"[ALERT]    (42) : config : [{PATH}:10] : 'server api/b' : could not resolve address 'x'.",
            "haproxy_sections.backend.api.server[1]",
            "'server api/b' : could not resolve address 'x'.",
        ),
        (
            "[ALERT]    (42) : config : Proxy 'web': unable to find required default_backend: 'nope'.",
            "haproxy_sections.frontend.web.default_backend",
            "Proxy 'web': unable to find required default_backend: 'nope'.",
        ),
        (
            "[WARNING]  (42) : config : 'server api/b' : something without a position",
            "haproxy_sections.backend.api.server[1]",
            "'server api/b' : something without a position",
        ),
        (
            f"[ALERT]    (42) : Binding [{PATH}:5] for frontend web: cannot bind socket (Cannot assign requested address)",
            "haproxy_sections.frontend.web.bind",
            "Binding for frontend web: cannot bind socket (Cannot assign requested address)",
        ),
        ("[ALERT]    (42) : Cannot fork", "", "Cannot fork"),
    ],
)
def test_a_message_knows_its_place(said, yaml_path, text):
    (message,) = check.parse_messages(said, PATH, CONFIGURATION)
    assert (message.yaml_path, message.text) == (yaml_path, text)


def test_lines_that_only_sum_up_are_left_out():
    said = f"""[NOTICE]   (9) : haproxy version is 3.0.11-1
[NOTICE]   (9) : path to executable is /usr/sbin/haproxy
[ALERT]    (9) : config : parsing [{PATH}:2] : 'maxconn' : bad value
[ALERT]    (9) : config : Error(s) found in configuration file : {PATH}
[ALERT]    (9) : config : Fatal errors found in configuration."""
    assert [str(message) for message in check.parse_messages(said, PATH, CONFIGURATION)] == [
        "haproxy_sections.global.maxconn: 'maxconn' : bad value (in the line `maxconn 100`)"
    ]


@pytest.fixture
def binary(tmp_path):
    """A program that answers as told: exit status and text."""

    def make(status, said=""):
        path = tmp_path / "haproxy"
        path.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit {status}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_warnings_of_a_valid_file_are_returned(binary):
    warnings = check.check(binary(0, "[WARNING]  (1) : config : Proxy 'web': a warning"), PATH, CONFIGURATION)
    assert [message.yaml_path for message in warnings] == ["haproxy_sections.frontend.web"]


def test_a_timeout_that_would_be_milliseconds_by_mistake_is_a_warning(binary):
    said = {"client": 60, "server": "60s", "connect": 5000, "tunnel": 0, "queue": "250ms"}
    warnings = check.check(binary(0), PATH, from_data({"defaults": {"timeout": said}}))
    assert [str(warning) for warning in warnings] == [
        "haproxy_sections.defaults.timeout.client: 60 without a unit is in milliseconds; write 60s for seconds, or 60ms "
        "(in the line `timeout client 60`)"
    ]


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (1, "[ALERT]    (1) : config : Proxy 'web': wrong", "haproxy_sections.frontend.web: Proxy 'web': wrong"),
        (2, "", "no frontend listens anywhere"),
        (1, "not found", "not found"),
    ],
)
def test_a_refusal_is_an_error_with_its_words(binary, status, said, expected):
    with pytest.raises(ConfigurationError, match=expected):
        check.check(binary(status, said), PATH, CONFIGURATION)


def test_a_binary_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="/no/such/haproxy cannot be run"):
        check.check("/no/such/haproxy", PATH, CONFIGURATION)


def placed(text, data):
    (message,) = check.parse_messages(f"[ALERT]    (42) : config : {text}", PATH, from_data(data))
    return message


@pytest.mark.parametrize(
    ("text", "data", "place"),
    [
        ("Proxy 'w': unable to find required use_backend: 'no'.", {"frontend": {"w": {"acl": "no path /", "use_backend": ["a", "no if x"]}}}, "frontend.w.use_backend[1]"),
        ("Proxy 'b': unable to find stick-table 'no'.", {"backend": {"b": {"balance": "no", "stick": "on src table no"}}}, "backend.b.stick"),
        ("Proxy 'b': unable to find sync peers 'no'.", {"backend": {"b": {"stick-table": "type ip peers no"}}}, "backend.b.stick-table"),
        ("backend 'b' : unable to find server 'z' referenced in a 'use-server' rule.", {"backend": {"b": {"server": "z1 ::1:1", "use-server": "z if x"}}}, "backend.b.use-server"),
        ("backend 'b', server 's': unable to find required resolvers 'no'", {"backend": {"b": {"server": ["r no:1", "s no:2 resolvers no"]}}}, "backend.b.server[1]"),
        ("'ca-file' : unable to load /no.pem.", {"backend": {"b": {"server": "s ::1:1 ssl ca-file /no.pem"}}}, "backend.b.server"),
        (f"proxy 'w': unknown http-errors section 'no' (at {PATH}:2).", {"frontend": {"w": {"errorfiles": "no"}}}, "frontend.w.errorfiles"),
        ("frontend 'w': unable to find the cache 'no' referenced by the filter 'cache'.", {"frontend": {"w": {"http-request": "cache-use no"}}}, "frontend.w.http-request"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_at_its_place_of_use(text, data, place):
    message = placed(text, data)
    assert message.yaml_path == f"haproxy_sections.{place}"
    assert message.line
    assert PATH not in message.text


def test_another_line_that_a_message_speaks_of_is_a_place_too():
    text = f"parsing [{PATH}:3] : another server named 's' was already defined at line 2, please use distinct names."
    message = placed(text, {"backend": {"b": {"server": ["s ::1:1", "s ::1:2"]}}})
    assert "already defined at haproxy_sections.backend.b.server[0]," in message.text


def test_a_message_tells_no_secret():
    data = {
        "userlist": {"l": {"user": "a insecure-password hunter2 oops"}},
        "backend": {"b": {"server": "hunter2 ::1:1"}},
    }
    message = placed(f"parsing [{PATH}:2] : 'user' : hunter2 is followed by oops", data)
    assert "hunter2" not in str(message)
    assert str(message).endswith("(in the line `user a insecure-password ******** oops`)")
