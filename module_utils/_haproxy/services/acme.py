# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's own ACME client (experimental, from 3.2 on), as its sections.

It gets certificates for what a `crt-store` names, and puts them into the running process (`renewal` keeps them).

Each edge orders for itself, with one account for all. The challenge is answered with the account's thumbprint, whatever
the token is (`request_filter.answer_challenges`), so that the authority may ask any of the edges that share a name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..config.model import ConfigurationError
from ..config.words import quote

SINCE = (3, 2)
"""The version that brought it."""

ACCOUNT_KEY = "acme-account.key"
"""The file of the account's key, beside the configuration."""

UNKNOWN = "the-thumbprint-of-the-account-on-each-edge-"
"""Stands for a thumbprint where there is no edge to ask."""

EXPERIMENTAL = (
    "haproxy_acme.client: HAProxy's own ACME client is experimental, by HAProxy's own word: what it does and how it is "
    "configured may change with any release"
)

_NAME = "edge"

# Certificates and hosts have been examined where they are described; here they become words of one line.
_WORD = re.compile(r"[A-Za-z0-9._*@+-]+\Z")

# The name of the curve P-256 in DER (RFC 5480, section 2.1.1.1), and how a point on it begins that is not compressed.
_P256 = bytes.fromhex("06082a8648ce3d030107")
_POINT = bytes.fromhex("03420004")


class Order(NamedTuple):
    """A certificate to obtain: its name, and the hosts it is for."""

    name: str
    hosts: tuple[str, ...]


class Client(NamedTuple):
    """What HAProxy's client is to do; without a `directory`, nothing.

    `directory`: the authority's address. `contact`: a mail address, or empty. `verify`: whether the authority's own
    certificate is checked. `account_key`: file of the account's key.
    """

    directory: str = ""
    contact: str = ""
    verify: bool = True
    account_key: str = ""
    orders: tuple[Order, ...] = ()


def read_client(settings: Mapping[str, Any], account_key: str, yaml_path: str = "haproxy_acme") -> Client:
    """The client that the settings (`directory`, `contact`, `terms_agreed`, `validate_certs`, `orders`) ask for.

    Raises `ConfigurationError` for what it cannot do.
    """
    if not settings:
        return Client()
    orders = tuple(Order(order["name"], tuple(order["hosts"])) for order in settings["orders"])
    problems = []
    if not re.fullmatch(r"https://[\x21-\x7e]+", settings["directory"]):
        problems.append(f"{yaml_path}.directory: the authority's address is needed (https://...)")
    if not settings["terms_agreed"]:
        problems.append(
            f"{yaml_path}.terms_agreed: HAProxy's client agrees to the terms of service of the CA for you; allow it"
        )
    contact = next(iter(settings["contact"]), "")
    if contact and not re.fullmatch(r"(mailto:)?[\w.+-]+@[\w.-]+", contact):
        problems.append(f"{yaml_path}.contact: HAProxy's client takes a mail address, not {contact!r}")
    problems += [
        f"{yaml_path}.orders: {word!r} is no name of a certificate or a host"
        for order in orders
        for word in (order.name, *order.hosts)
        if not _WORD.match(word)
    ]
    problems += [
        f"{yaml_path}: {host}, a name of {order.name}, cannot be had by a challenge over HTTP; give the certificate in "
        "haproxy_certificates"
        for order in orders
        for host in order.hosts
        if host.startswith("*")
    ]
    if problems:
        raise ConfigurationError(problems)
    return Client(
        settings["directory"], contact.removeprefix("mailto:"), settings["validate_certs"], account_key, orders
    )


def acme_sections(client: Client, folder: str, version: tuple[int, ...]) -> list[tuple[str, str, list[str]]]:
    """Kind, name and lines of the sections that the client needs, none where it has nothing to do.

    `folder` has the certificates. A `crt-store` goes before whatever names a certificate of it (manual, 12.7). Raises
    `ConfigurationError` where this `version` (major, minor) of HAProxy has no such client.
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
    """Lines of `global` that a contributor may set otherwise.

    Many an edge has no way out by IPv6, which HAProxy would prefer, and it tries one address only.
    """
    return ["httpclient.resolvers.prefer ipv4"] if client.orders else []


def is_introduced(before: str, after: str) -> bool:
    """Whether the second text of a configuration has the client's section, and the first had not."""
    header = f"\nacme {_NAME}\n"
    return header in after and header not in before


def thumbprint(pem: str) -> str:
    """The thumbprint of an account's key (RFC 7638; RFC 8555, section 8.1). Raises ValueError where it is not P-256."""
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
    """The thumbprint of the account whose key is in this file, empty where there is none yet.

    Raises `ConfigurationError` for a file that holds something else.
    """
    try:
        return thumbprint(Path(path).read_text(encoding="ascii"))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} {error}") from None
