"""What a client says of itself is removed, and what nodes could read in two ways is refused.

The rules were tried with HAProxy 3.0.11 over HTTP/1.1 and HTTP/2; the scenario `security` asks an edge.
"""

import re

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import request_filter

REMOVED = re.search(r"del-header '(\S+)' -m reg", request_filter.strip_forwarded_headers()[0][1])[1]
RULES = dict(request_filter.reject_ambiguous_urls())


@pytest.mark.parametrize(
    "name",
    "x-forwarded-for x_forwarded_for x_real_ip x-real-ip x-client-ip x-cluster-client-ip x-envoy-external-address "
    "cf-connecting-ip cf_connecting_ipv6 fastly-client-ip true-client-ip forwarded x-original-url x-ssl-client-dn "
    "client-ip wl-proxy-client-ip remote-addr".split(),
)
def test_what_names_a_client_is_removed(name):
    assert re.search(REMOVED, name)
    # A node would remove a header of the edge that `Connection` names.
    assert re.search(re.search(r"connection\) -m reg -i '(\S+)'", RULES["forwarding"])[1], name)


@pytest.mark.parametrize(
    "name", ["x-request-id", "origin", "cookie", "x-requested-with", "cf-ray", "upgrade", "keep-alive"]
)
def test_other_headers_stay(name):
    assert not re.search(REMOVED, name)


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
    pattern = re.search(r"fhdr\(host\) -m reg -i '(\S+)'", RULES["hosts"])[1]
    assert bool(re.search(pattern, host)) is plain


def test_one_origin_is_the_most():
    assert "{ req.fhdr_cnt(origin) gt 1 }" in RULES["hosts"]


def test_the_client_is_the_last_address_that_is_not_trusted():
    proxies = request_filter.TrustedProxies(("10.0.0.0/8",), "x_forwarded_for")
    rules = [text for _purpose, text in request_filter.restore_client_address(proxies, "/l/trusted.list")]
    assert rules[:2] == [
        f"http-request set-src req.hdr_ip(x-forwarded-for,-{hop}) if {{ src -f /l/trusted.list }} "
        f"{{ req.hdr_ip(x-forwarded-for,-{hop}) -m found }}"
        for hop in (1, 2)
    ]
