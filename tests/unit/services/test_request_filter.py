"""What a client says of itself is removed, and what nodes could read in two ways is refused.

The rules were tried with HAProxy 3.0.11 over HTTP/1.1 and HTTP/2; the scenario `security` asks an edge.
"""

import re

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import request_filter

REMOVED = re.search(r"del-header '(\S+)' -m reg", request_filter.strip_forwarded_headers(True)[0][1])[1]
FOUND, FORBIDDEN = (
    re.findall(r"'([^']+)'", text.split(" req.hdrs -m reg -i ")[1])
    for _purpose, text in request_filter.reject_odd_headers()
)


def looks_at(patterns, *headers):
    """Whether a pattern finds something in these headers, as HAProxy writes them (`req.hdrs`)."""
    text = "".join(f"{header}\r\n" for header in headers) + "\r\n"
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


@pytest.mark.parametrize(
    "name",
    "x-forwarded-for x_forwarded_for x_real_ip x-real-ip x-client-ip x-cluster-client-ip x-envoy-external-address "
    "cf-connecting-ip cf_connecting_ipv6 fastly-client-ip true-client-ip forwarded x-original-url x-ssl-client-dn "
    "client-ip wl-proxy-client-ip remote-addr x-request-id".split(),
)
def test_what_names_a_client_is_removed(name):
    assert re.search(REMOVED, name)
    assert looks_at(FOUND, "host: a", f"{name}: 1")
    assert looks_at(FOUND, f"{name}: 1", "host: a")
    # A node would remove a header of the edge that `Connection` names.
    for value in (name, f"close, {name}", f"close,{name}", f"close,\t{name.title()}"):
        assert looks_at(FORBIDDEN, "host: a", f"connection: {value}")
        assert looks_at(FOUND, "host: a", f"connection: {value}")


@pytest.mark.parametrize(
    "name", ["x-requestor", "origin", "cookie", "x-requested-with", "cf-ray", "upgrade", "keep-alive"]
)
def test_other_headers_stay(name):
    assert not re.search(REMOVED, name)
    assert not looks_at(FOUND, "host: a", f"{name}: x-forwarded-for", "connection: keep-alive, upgrade")


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("chat.example.com", True),
        ("chat_1.example.com:8443", True),
        ("[2001:db8::1]:443", True),
        ("192.0.2.1", True),
        ("", True),
        ("a,b", False),
        ("a:abc", False),
        ("a:80:90", False),
        ("a b", False),
        ("user@a", False),
        ("[::1", False),
    ],
)
def test_a_host_is_plain(host, plain):
    for patterns in (FOUND, FORBIDDEN):
        assert looks_at(patterns, f"host: {host}", "accept: */*") is not plain
        assert looks_at(patterns, "accept: */*", f"host: {host}") is not plain


def test_one_origin_is_the_most():
    for patterns in (FOUND, FORBIDDEN):
        assert not looks_at(patterns, "host: a", "origin: https://a", "accept: */*")
        assert looks_at(patterns, "origin: https://a", "host: a", "origin: https://a")


@pytest.mark.parametrize("number", [*range(32), 127])
def test_no_header_has_control_characters_but_tabs(number):
    for patterns in (FOUND, FORBIDDEN):
        assert looks_at(patterns, "host: a", f"x: a{chr(number)}b") is (number not in (9, 10, 13))


def test_urls_are_looked_at_where_haproxy_lets_too_much_through():
    for version, quic, looked_at in (((2, 6), False, True), ((3, 0), False, False), ((3, 0), True, True)):
        purposes = [purpose for purpose, _text in request_filter.reject_ambiguous_urls(version, quic)]
        assert purposes == (["characters", "paths"] if looked_at else ["paths"])


def test_the_client_is_the_last_address_that_is_not_trusted():
    proxies = request_filter.TrustedProxies(("10.0.0.0/8",), "x_forwarded_for")
    rules = [text for _purpose, text in request_filter.restore_client_address(proxies, "/l/trusted.list")]
    assert rules[:2] == [
        f"http-request set-src req.hdr_ip(x-forwarded-for,-{hop}) if {{ src -f /l/trusted.list }} "
        f"{{ req.hdr_ip(x-forwarded-for,-{hop}) -m found }}"
        for hop in (1, 2)
    ]
