"""A word that HAProxy does not know is told with what was meant, or with the version that has it. Texts are HAProxy's."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.binary import keywords
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Directive

RULES = ", ".join(
    f"'{name}'"
    for name in [
        "wait-for-body",
        "allow",
        "deny(*)",
        "set-header",
        "return",
        "redirect",
        "auth",
        "tarpit",
        "set-path",
        "set-uri",
    ]
)


@pytest.fixture
def binary(tmp_path):
    path = tmp_path / "haproxy"
    path.write_text("#!/bin/sh\necho '\\thttp-request deny\\n\\tlower\\nreq.hdr(<name>) : string'\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "keyword", "explained"),
    [
        ("unknown fetch method 'req.hrd'.", "http-request", "unknown fetch method 'req.hrd'; did you mean 'req.hdr'?"),
        ("unknown converter 'lowr'.", "http-request", "unknown converter 'lowr'; did you mean 'lower'?"),
        (f"'http-request' expects {RULES}, but got 'dny'.", "http-request", "'http-request' expects one of 10 words, but got 'dny'; did you mean 'deny'?"),
        (f"'http-request' expects {RULES}, but got 'pause'.", "http-request", "'http-request' expects one of 10 words, but got 'pause'; HAProxy 3.2 has it"),
        ("unknown keyword 'guid-prefix'; did you mean 'uid' maybe ?", "bind", "unknown keyword 'guid-prefix'; HAProxy 3.0 has it"),
        ("unknown keyword 'chek'; did you mean 'check' maybe ?", "server", "unknown keyword 'chek'; did you mean 'check' maybe ?"),
        ("unknown keyword 'xyzzy'", "server", "unknown keyword 'xyzzy'"),
        ("no such ACL : 'nope'.", "http-request", "no such ACL : 'nope'."),
    ],
)  # fmt: skip
def test_explained(binary, text, keyword, explained):
    assert keywords.explain_message(text, Directive(keyword), binary) == explained


def test_a_binary_that_says_nothing_hinders_nobody():
    assert keywords.explain_message("unknown converter 'lowr'.", None, "/nowhere") == "unknown converter 'lowr'."
