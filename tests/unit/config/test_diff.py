"""A difference is told section by section, without secrets."""

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import diff, syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import marker


def differences(before, after):
    return [
        (item["before_header"], item["before"], item["after"])
        for item in diff.compare(
            *(syntax.render(from_data(data)) if data else "" for data in (before, after)), "f", marker.MARKER
        )
    ]


def test_differences_are_told_section_by_section():
    before = {
        "global": {"maxconn": 5, "setenv": f"{marker.MARKER} one"},
        "backend": {"a": {"balance": "first"}, "b": {}},
    }
    after = {
        "global": {"maxconn": 5, "setenv": f"{marker.MARKER} two"},
        "backend": {"a": {"balance": "source"}, "c": {}},
    }
    assert differences(before, after) == [
        ("f: backend a", "backend a\n    balance first\n", "backend a\n    balance source\n"),
        ("f: backend b", "backend b\n", ""),
        ("f: backend c", "", "backend c\n"),
    ]
    assert differences(before, before) == []
    assert differences(None, {"backend": {"b": {}}}) == [("f: backend b", "", "backend b\n")]


def test_a_changed_secret_is_seen_to_change():
    before, after = ({"userlist": {"x": {"user": f"a password {word}"}}} for word in ("aaaa", "bbbb"))
    ((_header, old, new),) = differences(before, after)
    assert old == "userlist x\n    user a password ********\n"
    assert new == "userlist x\n    user a password ********  # another secret\n"


def test_a_file_that_nobody_can_read_shows_nothing_of_itself():
    (first, *_rest) = diff.compare("log 'secret words\n", "backend a\n", "f", marker.MARKER)
    assert "secret" not in first["before"]
    assert "line 1" in first["before"]


def test_a_comment_in_the_file_before_shows_no_secret():
    before = "userlist x\n    # user old password hunter2\n    user a password $5$x\n"
    (first,) = diff.compare(before, "userlist x\n    user a password $5$y\n", "f", marker.MARKER)
    assert "hunter2" not in first["before"]
    assert "# user old password ********" in first["before"]
