"""No value of a variable makes a line that its owner did not mean: it is refused by its place, or stays where it belongs.

Each text of a complete example is replaced, one at a time, by what would be another directive, section or script if
somebody pasted it into a file.
"""

import copy

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import pem, requested
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import arguments, assemble, store

SERVER = {"name": "s1", "address": "10.0.0.1", "port": "3000", "on-error": "mark-down", "sni": "str(chat)"}

# Every variable that reaches the configuration (meta/argument_specs.yml), under the names of the module's options.
EVERYTHING = {
    "services": [
        {
            "name": "chat",
            "hosts": ["chat.example.com", "*.example.org"],
            "certificate": ["chat", "chat-rsa"],
            "client_ca": "staff-ca",
            "origins": ["https://chat.example.com", "https://*.example.org"],
            "servers": {"group": "chat_nodes", "port": "3000", "on-error": "mark-down"},
            "health": "/healthz?a=b",
            "socketio": {
                "path": "/socket.io/",
                "transports": ["polling", "websocket", "flashsocket"],
                "affinity": "session",
                "servers": [{**SERVER}, "10.0.0.2:3000"],
                "flash": {"policy_servers": ["10.0.0.3:843"], "legacy_tls": "flash"},
            },
        },
        {"name": "news", "hosts": ["news.example.com"], "servers": [{**SERVER}], "socketio": {"affinity": "cookie"}},
    ],
    "groups": {
        "chat_nodes": [{"name": "app1", "address": "10.0.0.1"}, {"name": "app2", "address": "app2.internal"}],
        "edges": [{"name": "edge1", "address": "10.0.0.8"}, {"name": "edge2", "address": "10.0.0.9"}],
    },
    "sections": {
        "global": {"maxconn": "20000", "setenv": "PLACE here"},
        "defaults": {"timeout": {"client": "90s"}, "option": ["http-ignore-probes", "socket-stats"]},
        "frontend": {"https": {"http-request": "deny if { path_beg /internal/ }"}},
        "backend": {
            "reports": [
                "# two of them",
                "balance leastconn",
                {"server": [{"name": "r1", "address": "10.0.0.31", "port": "8080", "check": True, "weight": "10"}]},
            ]
        },
    },
    "binds": {"http": [":80"], "https": [":443"], "quic": ["quic4@:443"], "policy": [":843"]},
    "stats_bind": "127.0.0.1:8404",
    "tls": {
        "profile": "custom",
        "min_version": "TLSv1.2",
        "ciphers": "ECDHE+AESGCM",
        "ciphersuites": "TLS_AES_128_GCM_SHA256",
        "curves": "X25519:P-256",
        "hsts": "max-age=63072000; includeSubDomains",
    },
    "acme_thumbprint": "A" * 43,
    "limits": {"exempt": ["192.0.2.0/24", "2001:db8::1"]},
    "trusted_proxies": {"addresses": ["10.0.0.0/8"]},
    "peers": {"name": "edge1", "group": "edges", "certificate": "peers"},
    "ticket_keys": "/etc/haproxy/ticket-keys",
    "certificates": "/etc/haproxy/certificates",
    "master_socket": "/run/haproxy/master.sock",
    "runtime_socket": "/run/haproxy/admin.sock",
}

# The same where HAProxy gets certificates itself, and answers the Flash player with a script that names its ports.
OTHERWISE = copy.deepcopy(EVERYTHING)
del OTHERWISE["services"][0]["socketio"]["flash"]["policy_servers"]
OTHERWISE["acme"] = {
    "directory": "https://acme.example.com/directory",
    "contact": ["mailto:ops@example.com"],
    "terms_agreed": True,
    "validate_certs": True,
    "orders": [{"name": "news", "hosts": ["news.example.com", "www.example.com"]}],
}
OTHERWISE["version"] = "3.2"

# What HAProxy, OpenSSL's lists, a list of certificates or Lua would take for something else than a value.
HOSTILE = [
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x7f",
    "\nuser root",
    "\n    stats socket /tmp/open mode 666 level admin",
    "\n\nlisten open\n    bind :1",
    "\r\nX-Injected: 1",
    " #",
    "#",
    "\\",
    "\\n",
    '"',
    "'",
    '" mode 666 "',
    "' mode 666 '",
    "${HOME}",
    '"${HOME}"',
    "%[env(HOME)]",
    "%[",
    "]]",
    "' .. os.execute('id') .. '",
    '"/><x a="',
    " mode 666",
    " user root",
    " if TRUE",
    " { always_true }",
    "} || { always_true",
    "; deny",
    "|deny",
    "\u2028user root",
    "\u0085user root",
    "\ud800",
    "../../tmp/x",
]


def leaves(value, place=()):
    """The place of each text, its keys and indexes."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*place, key))


def at(example, place):
    """What stands there."""
    for key in place:
        example = example[key]
    return example


def replaced(example, place, text):
    """The example with another text at this place."""
    example = copy.deepcopy(example)
    at(example, place[:-1])[place[-1]] = text
    return example


def assembled(example):
    """The text of the configuration, and of the files beside it."""
    settings = {key: value for key, value in example.items() if key not in ("services", "groups", "sections")}
    settings = {**store.SETTINGS, "version": "3.0", **settings, "binary": ""}
    part = store.Fragment(store.OWNER, example["services"], example["sections"], example["groups"])
    configuration = assemble.assemble(
        arguments.read_edge(settings, "/etc/haproxy/haproxy.cfg", example["groups"]), [part]
    )
    return syntax.render(configuration), dict(configuration.files)


def shape(text):
    """Each directive's keyword under its section's kind."""
    return [(section.kind, [line.keyword for line in section.directives]) for section in syntax.parse(text).sections]


def spelled(place):
    """How a message names the place: by the role's variable, or by the module's option that has none."""
    first, *rest = place
    if first == "groups":  # where it is named
        return {"chat_nodes": "haproxy_services[0].servers", "edges": "haproxy_peers"}[rest[0]]
    own = first.endswith(("_socket", "_keys")) or first == "certificates"
    name = first if own else "haproxy_acme" if first == "acme_thumbprint" else f"haproxy_{first}"
    return name + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest)


def lines(files):
    """How many each file has."""
    return {path: text.count("\n") for path, text in files.items()}


def test_the_examples_are_complete():
    assert {*EVERYTHING, *OTHERWISE} - {"services", "groups", "sections"} < {*store.SETTINGS}
    text, files = assembled(EVERYTHING)
    for said in (
        "https:unknown",
        "flash:legacy",
        "flash:policy",
        "quic4@:443",
        "acme-challenge",
        "expect-proxy",
        "ssl_c_used",
        "server edge2",
    ):
        assert said in text
    assert set(files) == {
        f"/etc/haproxy/{name}"
        for name in "edge.lua metrics.lua certificates.list routes.map origins.list trusted-proxies.list exempt.list".split()
    }
    text, files = assembled(OTHERWISE)
    assert "domains news.example.com,www.example.com" in text
    assert 'to-ports="80,443"' in files["/etc/haproxy/edge.lua"]


def outcome(example):
    """What comes of it: the assembled text and files, or the problems."""
    try:
        return assembled(example), []
    except ConfigurationError as error:
        return None, error.problems


# Another master has no agent beside it: its edge has no metrics of one.
CASES = [(EVERYTHING, place) for place in leaves(EVERYTHING) if place != ("master_socket",)]
CASES += [({**EVERYTHING, "master_socket": "/run/other.sock"}, ("master_socket",))]
CASES += [(OTHERWISE, place) for place in leaves(OTHERWISE) if place[0] in ("acme", "binds")]


@pytest.mark.parametrize(
    ("example", "place"), CASES, ids=lambda case: ".".join(map(str, case)) if isinstance(case, tuple) else ""
)
def test_a_value_stays_in_its_place(example, place):
    # A service or a list may be told as a whole.
    told = {spelled(place), spelled(place[:-1] if place[1:] and place[0] != "groups" else place), spelled(place[:2])}
    honest = assembled(example)
    for hostile in HOSTILE:
        texts = [at(example, place) + hostile, hostile]
        # An item of a section may be any line; what follows it may not become another one.
        for text in texts[: 1 if place[0] == "sections" else 2]:
            made, problems = outcome(replaced(example, place, text))
            if made is None:
                assert any(where in problem for problem in problems for where in told), problems
            else:
                assert shape(made[0]) == shape(honest[0]), text
                assert lines(made[1]) == lines(honest[1]), text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_certificate_is_a_file_in_its_folder(hostile):
    for name in (hostile, f"chat{hostile}"):
        with pytest.raises(pem.CertificateError, match=r"^haproxy_certificates\[0\].name: "):
            requested.read_requested([{"name": name}], [])
