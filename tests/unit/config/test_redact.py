"""Passwords, keys and tokens are not shown, whatever keyword holds them; what is none stays readable."""

import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import redact
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    Directive,
    Section,
)


def line(text):
    return Directive.of("", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("user tiger password $6$k6y3o.eP$x", "user tiger password ********"),
        ("user panda insecure-password elgato groups G1", "user panda insecure-password ******** groups G1"),
        ("stats auth admin:hunter2", "stats auth admin:********"),
        ("setenv DB_PASSWORD hunter2", "setenv DB_PASSWORD ********"),
        ("presetenv API_TOKEN hunter2", "presetenv API_TOKEN ********"),
        ('http-request set-header Authorization "Basic hunter2" if x', "http-request set-header Authorization ******** if x"),
        ("http-request set-header X-Api-Key hunter2", "http-request set-header X-Api-Key ********"),
        ("http-request deny unless { req.hdr(authorization) -m str hunter2 } { src ::1 }", "http-request deny unless { req.hdr(authorization) -m str ******** } { src ::1 }"),
        ("acl ok hdr(x-auth-token) hunter2 hunter3", "acl ok hdr(x-auth-token) ******** ********"),
        (r"http-check send meth GET hdr Authorization Bearer\ hunter2 hdr Host x", "http-check send meth GET hdr Authorization ******** hdr Host x"),
        (r"option httpchk GET / HTTP/1.1\r\nAuthorization:\ Basic\ hunter2\r\nHost:\ x", r"option httpchk GET / HTTP/1.1\r\nAuthorization:********\r\nHost:\ x"),
        ("http-request set-var(txn.x) req.hdr(y),hmac(sha256,hunter2)", "http-request set-var(txn.x) req.hdr(y),hmac(sha256,********)"),
        ("http-request set-var(proc.api_token) str(hunter2)", "http-request set-var(proc.api_token) ********"),
        ("dynamic-cookie-key hunter2", "dynamic-cookie-key ********"),
        ("cluster-secret hunter2", "cluster-secret ********"),
        ("set-param APP_SECRET hunter2", "set-param APP_SECRET ********"),
        ("log http://user:hunter2@10.0.0.1:514 local0", "log http://user:********@10.0.0.1:514 local0"),
        ("http-response set-header Set-Cookie sid=hunter2", "http-response set-header Set-Cookie ********"),
        ("newkeyword admin-passphrase hunter2", "newkeyword admin-passphrase ********"),
        (r"tcp-check send AUTH\ hunter2\r\n", "tcp-check send ********"),
        (r"tcp-check send AUTH\ hunter2\r\n comment login", "tcp-check send ******** comment login"),
        ("tcp-check send-lf 'AUTH hunter2'", "tcp-check send-lf ********"),
        ("tcp-check send-binary 68756e74657232", "tcp-check send-binary ********"),
        ("http-check send meth POST uri / body 'user=a&pw=hunter2'", "http-check send meth POST uri / body ********"),
        ("setenv DB_PASS hunter2", "setenv DB_PASS ********"),
        ("setenv DBPASS hunter2", "setenv DBPASS ********"),
        ("setenv REDISCLI_AUTH hunter2", "setenv REDISCLI_AUTH ********"),
        ("setenv DB_PASSWORD_2 hunter2", "setenv DB_PASSWORD_2 ********"),
        ("setenv COOKIE_SALT hunter2", "setenv COOKIE_SALT ********"),
        ("setenv API_TOKENS hunter2", "setenv API_TOKENS ********"),
        ("setenv SENTRY_DSN https://hunter2@sentry.example.com/1", "setenv SENTRY_DSN ********"),
        ("http-request set-header X-Hub-Signature hunter2", "http-request set-header X-Hub-Signature ********"),
        ("http-request set-header X-Hub-Signature-256 hunter2", "http-request set-header X-Hub-Signature-256 ********"),
        ("http-request set-header Authorisation hunter2", "http-request set-header Authorisation ********"),
        ('http-request set-header Authorization "%[str(hunter2)]"', "http-request set-header Authorization ********"),
        ("bind :179 tcp-md5sig hunter2", "bind :179 tcp-md5sig ********"),
        ("http-request set-query token=hunter2", "http-request set-query token=********"),
        ("http-request set-query %[query]&signature=hunter2", "http-request set-query %[query]&signature=********"),
        ('http-request set-query "a=b&api_key=hunter2"', 'http-request set-query "a=b&api_key=********"'),
        ('acme-vars "ApiKey=hunter2,Zone=x"', 'acme-vars "ApiKey=********,Zone=x"'),
        ("log http://user:hun@ter2@10.0.0.1:514 local0", "log http://user:********@10.0.0.1:514 local0"),
        (r"option httpchk GET / HTTP/1.1\r\nX-Signature:\ hunter2\r\nHost:\ x", r"option httpchk GET / HTTP/1.1\r\nX-Signature:********\r\nHost:\ x"),
    ],
)  # fmt: skip
def test_masked(text, shown):
    assert redact.mask(line(text)) == shown
    found = redact.find_secrets(line(text))
    assert any("hunter2" in secret or secret in text for secret in found)
    assert not [secret for secret in found if secret in shown]


@pytest.mark.parametrize(
    "text",
    [
        "server a 10.0.0.1:80 cookie a check",
        "cookie SRV insert indirect nocache",
        "bind :443 ssl crt /etc/x.pem tls-ticket-keys /etc/haproxy/keys",
        "load crt /a.pem key /a.key",
        'setenv AUTH_TOKEN "$TOKEN"',
        "http-request set-header X-Forwarded-Key %[src]",
        "stick on req.cook(JSESSIONID) table x",
        "http-request auth realm Operators if !operator",
        "server a 10.0.0.1:80 hash-key addr",
        "balance hdr(X-Key)",
        "http-request set-header X-Forwarded-Proto https",
        "http-request deny unless { req.hdr(authorization) -m found }",
        "option http-keep-alive",
        r"tcp-check send PING\r\n",
        r"tcp-check send info\ replication\r\n",
        "tcp-check expect string +PONG",
        "acl token path_beg /token",
        "acl bypass path /bypass",
        "server token 10.0.0.1:80 check",
        'http-request set-query "token=%[var(txn.token)]"',
        "setenv REGION eu-central-1",
        "http-request set-header X-Signature-Date %[date]",
        "http-check send meth GET uri /health hdr Host x",
    ],
)
def test_no_secret(text):
    assert redact.mask(line(text)) == text
    assert redact.find_secrets(line(text)) == []


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("user tiger password hunter2", "user tiger password ********"),
        ("the old password is hunter2", "the old password is ********"),
        ("token: hunter2", "token: ********"),
        (r"tcp-check send AUTH\ hunter2\r\n", "tcp-check send ********"),
        ("don't: password hunter2", "don't: password ********"),
        ("fragment shop", "fragment shop"),
        ("tls", "tls"),
    ],
)
def test_a_comment_may_be_a_line_that_was_taken_out(comment, shown):
    assert redact.mask_comment(comment) == shown


@pytest.mark.parametrize("spelled", [r"AUTH\ hunter2\r\n", "'AUTH hunter2'", '"AUTH hunter2"'])
def test_a_secret_is_found_in_each_of_its_spellings(spelled):
    found = redact.find_secrets(line(f"tcp-check send {spelled}"))
    assert spelled.strip("\"'") in found
    assert "hunter2" in found
    data = {"backend": {"redis": {"tcp-check": [f"send {spelled}"]}}}
    assert set(found) <= redact.secrets_in_data(data)


LONG = [
    pytest.param(piece * (size // len(piece)), id=piece.strip() or "blank")
    for size in [400_000]
    for piece in ["x-", "a(", "a(b", "a-", "a://", "a://b:", "?a", "?token", "a=", "token=", "hmac(", "hmac(a,", "x-key", "%[", "$", "a_", "1", "\\r\\n", "!a("]
]  # fmt: skip


@pytest.mark.parametrize("words", LONG)
def test_the_cost_of_masking_is_linear(words):
    # 400 kB take some milliseconds; anything quadratic takes minutes.
    began = time.process_time()
    redact.mask(Directive("http-request", ("set-header", "X-A", words, "token", words[:10])))
    redact.mask(Directive("http-request", tuple(words[at : at + 4] for at in range(0, len(words), 4))))
    redact.mask_comment(words)
    assert time.process_time() - began < 20


def test_all_secrets_of_a_configuration():
    configuration = from_data(
        {"userlist": {"x": {"user": ["a password aaaa", "b password bbbb"]}}, "global": {"maxconn": 5}}
    )
    assert redact.all_secrets(configuration) == {"aaaa", "bbbb"}
    assert redact.all_secrets(Configuration((Section("global"),))) == set()
