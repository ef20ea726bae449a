# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sections for HAProxy's own ACME client (experimental, from 3.2 on).

The client obtains the certificates of a `crt-store` into the running process (`acme_client` saves them to disk).

Each edge orders its own certificates, with one account for all. An edge answers any challenge with the account's
thumbprint (`request_filter.answer_challenges`), so that the CA may ask any of the edges that share a name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..config.model import ConfigurationError
from ..config.syntax import parse
from ..config.words import quote, unquote
from ..errors import Problems

SINCE = (3, 2)
"""The first version with the client."""

ACCOUNT_KEY = "acme-account.key"
"""The file of the account's key, in the folder of the configuration."""

UNKNOWN = "the-thumbprint-of-the-account-on-each-edge-"
"""A placeholder for the thumbprint if there is no edge to read it from."""

EXPERIMENTAL = (
    "haproxy_acme.client: HAProxy's own ACME client is experimental, by HAProxy's own word: what it does and how it is "
    "configured may change with any release"
)

_NAME = "edge"

# Names of certificates and hosts become words of one line.
_WORD = re.compile(r"[A-Za-z0-9._*@+-]+\Z")

# The name of the curve P-256 in DER (RFC 5480, section 2.1.1.1), and how a point on it begins that is not compressed.
_P256 = bytes.fromhex("06082a8648ce3d030107")
_POINT = bytes.fromhex("03420004")


class Order(NamedTuple):
    """A certificate to obtain: its name and its hosts."""

    name: str
    hosts: tuple[str, ...]


class Client(NamedTuple):
    """Settings of HAProxy's client; without a `directory` it is not used.

    `directory`: the CA's address. `contact`: a mail address, or empty. `verify`: whether the certificate of the CA's
    server is checked. `account_key`: file of the account's key.
    """

    directory: str = ""
    contact: str = ""
    verify: bool = True
    account_key: str = ""
    orders: tuple[Order, ...] = ()


def read_client(settings: Mapping[str, Any], account_key: str, yaml_path: str = "haproxy_acme") -> Client:
    """Return the client for the settings (`directory`, `contact`, `terms_agreed`, `validate_certs`, `orders`).

    Raise `ConfigurationError` for settings that it does not support.
    """
    if not settings:
        return Client()
    orders = tuple(Order(order["name"], tuple(order["hosts"])) for order in settings["orders"])
    problems = Problems()
    if not re.fullmatch(r"https://[\x21-\x7e]+", settings["directory"]):
        problems.add(f"{yaml_path}.directory", "the CA's address is needed (https://...)")
    if not settings["terms_agreed"]:
        problems.add(
            f"{yaml_path}.terms_agreed", "HAProxy's client agrees to the terms of service of the CA for you; allow it"
        )
    contact = next(iter(settings["contact"]), "")
    if contact and not re.fullmatch(r"(mailto:)?[\w.+-]+@[\w.-]+", contact):
        problems.add(f"{yaml_path}.contact", f"HAProxy's client takes a mail address, not {contact!r}")
    for word in (word for order in orders for word in (order.name, *order.hosts)):
        if not _WORD.match(word):
            problems.add(f"{yaml_path}.orders", f"{word!r} is no name of a certificate or a host")
    for order in orders:
        for host in order.hosts:
            if host.startswith("*"):
                problems.add(
                    yaml_path,
                    f"{host}, a name of {order.name}, is a wildcard, which a challenge over HTTP cannot prove; give "
                    "the certificate in haproxy_certificates",
                )
    problems.raise_if_any()
    return Client(
        settings["directory"], contact.removeprefix("mailto:"), settings["validate_certs"], account_key, orders
    )


def acme_sections(client: Client, folder: str, version: tuple[int, ...]) -> list[tuple[str, str, list[str]]]:
    """Return kind, name and lines of the client's sections; none without orders.

    `folder` has the certificates. A `crt-store` stands before any line that names one of its certificates (manual,
    12.7). Raise `ConfigurationError` if this `version` (major, minor) of HAProxy has no such client.
    """
    if not client.orders:
        return []
    if version < SINCE:
        has = ".".join(map(str, version))
        needs = ".".join(map(str, SINCE))
        raise ConfigurationError(
            f"haproxy_acme.client: HAProxy has an ACME client of its own from {needs} on, and this edge has {has}; "
            "take a newer one (haproxy_version, haproxy_package), or `client: controller`, which works with each"
        )
    account = [f"directory {quote(client.directory)}", f"account-key {quote(client.account_key)}"]
    account += [f"contact {client.contact}"] if client.contact else []
    account += ["challenge http-01", "keytype ECDSA", "curves P-256"]
    store = [
        f"load crt {quote(f'{folder}/{name}.pem')} acme {_NAME} domains {','.join(hosts)}"
        for name, hosts in client.orders
    ]
    process = ["expose-experimental-directives"]
    process += [] if client.verify else ["httpclient.ssl.verify none"]
    return [("global", "", process), ("acme", _NAME, account), ("crt-store", "", store)]


def global_lines(client: Client) -> list[str]:
    """Return lines of `global` that a contributor may override.

    HAProxy prefers IPv6 and tries one address only, but many edges have no IPv6 route to the Internet.
    """
    return ["httpclient.resolvers.prefer ipv4"] if client.orders else []


def ordered_paths(text: str, folder: str) -> frozenset[str]:
    """Return the certificates in `folder` that HAProxy's client obtains by this text of a configuration.

    Only these may be written for what a process reports: the text is root's, the process is not to be trusted.
    """
    if "acme" not in text:
        return frozenset()  # reading a text of many services takes a while
    try:
        sections = parse(text).sections
    except ConfigurationError:
        return frozenset()
    lines = [line.arguments for section in sections if section.kind == "crt-store" for line in section.directives]
    paths = (
        unquote(words[words.index("crt") + 1])
        for words in lines
        if "acme" in words and "crt" in words[: words.index("acme")]
    )
    return frozenset(path for path in paths if os.path.split(path)[0] == folder.rstrip("/"))


def is_introduced(before: str, after: str) -> bool:
    """Return whether only the second text of a configuration has the client's section."""
    header = f"\nacme {_NAME}\n"
    return header in after and header not in before


def thumbprint(pem: str) -> str:
    """Return the thumbprint of an account's key (RFC 7638; RFC 8555, 8.1). Raise ValueError if it is not P-256."""
    body = re.search(r"-----BEGIN (?:EC )?PRIVATE KEY-----(.*?)-----END", pem, re.DOTALL)
    try:
        key = base64.b64decode("".join(body[1].split()), validate=True) if body else b""
    except binascii.Error:
        key = b""
    begin = key.find(_POINT) + len(_POINT)
    point = key[begin : begin + 64]
    if _P256 not in key or begin < len(_POINT) or len(point) != 64:
        raise ValueError("is no private key of the curve P-256 in PEM")
    jwk = {"crv": "P-256", "kty": "EC", "x": _base64url(point[:32]), "y": _base64url(point[32:])}
    return _base64url(hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def account_thumbprint(path: str) -> str:
    """Return the thumbprint of the account key in this file, empty if the file does not exist yet.

    Raise `ConfigurationError` if the file is no such key.
    """
    try:
        return thumbprint(Path(path).read_text(encoding="ascii"))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} {error}") from None
