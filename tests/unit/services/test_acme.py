"""HAProxy's own ACME client: its sections, what it cannot do said in words, the account's thumbprint."""

import base64
import hashlib
import json
import subprocess

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import acme
from examples import edge

THUMBPRINT = "x" * 43
SETTINGS = {
    "directory": "https://ca.test/dir",
    "contact": ["mailto:ops@example.com", "mailto:more@example.com"],
    "terms_agreed": True,
    "validate_certs": True,
    "orders": [{"name": "chat", "hosts": ["chat.test", "www.chat.test"]}],
}
CHAT = {"name": "chat", "hosts": ["chat.test"], "servers": ["10.0.0.1:3000"]}


def text(version=(3, 4), **changes):
    client = acme.read_client({**SETTINGS, **changes}, "/etc/haproxy/acme-account.key")
    about = edge()._replace(version=version, client=client, acme=THUMBPRINT)
    return render(assemble.assemble(about, [store.Fragment(store.OWNER, [CHAT], {})]))


def test_the_client_orders_what_it_is_told_with_the_account_of_the_edge():
    lines = [line.strip() for line in text().splitlines()]
    for line in (
        "acme edge",
        "expose-experimental-directives",
        "directory https://ca.test/dir",
        "account-key /etc/haproxy/acme-account.key",
        "contact ops@example.com",
        "keytype ECDSA",
        "curves P-256",
        "load crt /etc/haproxy/certificates/chat.pem acme edge domains chat.test,www.chat.test",
    ):
        assert line in lines, line
    # A certificate is described before it is named, and challenges are answered before the redirect.
    assert lines.index("crt-store") < lines.index("frontend https")
    answer = next(n for n, line in enumerate(lines) if f"%[path,field(4,/)].{THUMBPRINT}" in line)
    assert answer < next(n for n, line in enumerate(lines) if line.startswith("http-request redirect"))


def test_the_authority_is_checked_unless_somebody_says_otherwise():
    assert "httpclient.ssl.verify" not in text()
    assert "httpclient.ssl.verify none" in text(validate_certs=False)


def test_without_anything_to_order_nothing_experimental_is_asked_for():
    plain = text(orders=[])
    for word in ("experimental", "acme edge", "crt-store", "httpclient"):
        assert word not in plain
    assert not acme.is_introduced(plain, plain)
    assert acme.is_introduced(plain, text())
    assert not acme.is_introduced(text(), text(validate_certs=False))


def test_a_contributor_says_how_names_are_resolved():
    client = acme.read_client(SETTINGS, "/key")
    mine = store.Fragment(store.OWNER, [CHAT], {"global": {"httpclient.resolvers.prefer": "ipv6"}})
    said = render(assemble.assemble(edge()._replace(version=(3, 4), client=client, acme=THUMBPRINT), [mine]))
    assert "httpclient.resolvers.prefer ipv6" in said
    assert "httpclient.resolvers.prefer ipv4" not in said


def test_an_older_haproxy_is_refused_with_what_would_work():
    with pytest.raises(ConfigurationError) as refused:
        text(version=(3, 0))
    said = str(refused.value)
    for words in ("haproxy_acme.client", "from 3.2 on", "has 3.0", "client: controller", "haproxy_version"):
        assert words in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"terms_agreed": False}, "haproxy_acme.terms_agreed: .* for you"),
        ({"directory": "ca.test"}, "haproxy_acme.directory: .*https://"),
        ({"directory": ""}, "haproxy_acme.directory: .*needed"),
        ({"contact": ["tel:123"]}, "haproxy_acme.contact: .*'tel:123'"),
        ({"contact": ["ops@example.com\nbits 1"]}, "haproxy_acme.contact"),
        (
            {"orders": [{"name": "chat", "hosts": ["*.chat.test"]}]},
            r"\*\.chat\.test, a name of chat, .*haproxy_certificates",
        ),
    ],
)
def test_what_the_client_cannot_do_is_told(changes, said):
    with pytest.raises(ConfigurationError, match=said):
        acme.read_client({**SETTINGS, **changes}, "/key")


def openssl(*arguments, stdin=b""):
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize("form", [["ec"], ["pkcs8", "-topk8", "-nocrypt"]], ids=["SEC 1", "PKCS 8"])
def test_the_thumbprint_is_that_of_the_public_key(form):
    key = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
    point = openssl("pkey", "-pubout", "-outform", "DER", stdin=key)[-64:]
    x, y = (base64.urlsafe_b64encode(part).decode().strip("=") for part in (point[:32], point[32:]))
    jwk = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}).replace(" ", "")
    expected = base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).decode().strip("=")
    assert acme.thumbprint(openssl(*form, stdin=key).decode()) == expected


def test_other_keys_are_refused_without_showing_them(tmp_path):
    for key in (openssl("genrsa", "2048"), openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout"), b"SECRET"):
        file = tmp_path / "key"
        file.write_bytes(key)
        with pytest.raises(ConfigurationError) as refused:
            acme.account_thumbprint(str(file))
        assert str(refused.value) == f"{file} is no private key of the curve P-256 in PEM"
    assert acme.account_thumbprint(str(tmp_path / "none")) == ""


def test_root_writes_only_what_the_configuration_orders_within_the_folder():
    text = """
crt-store
    load crt /etc/haproxy/certificates/chat.pem acme edge domains chat.test
    load crt '/etc/haproxy/certificates/a b.pem' acme edge domains chat.test
    load crt /etc/haproxy/certificates/plain.pem
    load crt /etc/haproxy/certificates/../../shadow acme edge
    load crt /etc/haproxy/certificates/sub/chat.pem acme edge
    load crt /etc/cron.d/chat.pem acme edge
    load acme crt

frontend web
    bind :443 ssl crt /etc/haproxy/certificates/web.pem
"""
    folder = "/etc/haproxy/certificates"
    assert acme.ordered_paths(text, folder) == {f"{folder}/chat.pem", f"{folder}/a b.pem"}
    assert acme.ordered_paths("log 'open", folder) == frozenset()
