"""Passwords, keys and tokens are not shown, whatever keyword holds them; what is none stays readable."""

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
    ],
)
def test_no_secret(text):
    assert redact.mask(line(text)) == text
    assert redact.find_secrets(line(text)) == []


def test_all_secrets_of_a_configuration():
    configuration = from_data(
        {"userlist": {"x": {"user": ["a password aaaa", "b password bbbb"]}}, "global": {"maxconn": 5}}
    )
    assert redact.all_secrets(configuration) == {"aaaa", "bbbb"}
    assert redact.all_secrets(Configuration((Section("global"),))) == set()
