"""No secret of a configuration reaches a diff or a page, and nothing else is hidden."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils.haproxy.secrets import MASK, mask


@pytest.mark.parametrize(
    "line",
    [
        "    user admin password $6$SECRET/hash",
        '    user admin insecure-password "SECRET with blanks" groups ops',
        "    stats auth admin:SECRET",
        "    setenv API_TOKEN SECRET",
        "    presetenv DB_PASSWORD 'SECRET text'",
        "    dynamic-cookie-key SECRET",
        "    cluster-secret SECRET",
        '    http-request set-header Authorization "Basic SECRET" if { path /a }',
        "    http-request set-header X-Api-Key SECRET",
        "    http-check send meth GET uri / hdr Authorization Basic\\ SECRET",
        "    option httpchk GET http://user:SECRET@host/",
        "    acl known req.hdr(authorization) -m str SECRET SECRET2",
        '    http-request deny unless { req.hdr(X-Api-Key) -m str "SECRET" }',
        "    http-request deny unless { http_auth_bearer -m str SECRET }",
        "    http-request set-var(txn.ok) req.hdr(x),hmac(sha256,SECRET),hex",
        '    http-request deny unless { var(txn.t),jwt_verify(txn.alg,"SECRET") 1 }',
        "    http-request set-var(txn.secret) str(SECRET)",
        "    http-request redirect location /x?token=SECRET&a=b",
        "    set-var proc.token str(SECRET)",
    ],
)
def test_a_secret_is_masked(line):
    assert "SECRET" not in mask(line)
    assert MASK in mask(line)


@pytest.mark.parametrize(
    "line",
    [
        "    bind :443 ssl crt /etc/haproxy/certificates/a.pem tls-ticket-keys /etc/haproxy/tickets",
        "    stick match var(txn.sid) table affinity/chat if { var(txn.sid) -m found }",
        "    http-request set-header X-Forwarded-For %[src]",
        "    acl has_key req.hdr(sec-websocket-key) -m found",
        "    http-request deny unless { req.hdr(authorization) -m found }",
        "    cookie chat_node insert indirect nocache httponly secure",
        "    http-request auth realm Operators unless { http_auth(operators) }",
        "    stats admin if { src 127.0.0.1 }",
        "    setenv REALTIME_EDGE_CONFIGURATION 012345",
        "    http-response set-header Set-Thing a",
    ],
)
def test_other_lines_stay(line):
    assert mask(line) == line


def test_lines_stay_where_they_are():
    text = "a\n\n    stats auth admin:SECRET\nb\n"
    assert mask(text).split("\n")[3] == "b"
