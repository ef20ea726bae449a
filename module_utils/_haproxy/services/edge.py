# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all services of a host share: addresses, folders, limits, the HAProxy that serves them."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..config.model import Configuration, ConfigurationError
from ..config.words import quote, split
from . import limits, request_filter
from .acme import Client
from .limits import Limits
from .peers import Peers
from .request_filter import TrustedProxies
from .tls import Settings

# The first word of an address where something listens, such as `:443`, `quic4@:443`, `[::1]:8404`, `:8000-8010`.
_ADDRESS = re.compile(r"[A-Za-z0-9_.@:*\[\]-]*:([0-9]{1,5}(-[0-9]{1,5})?)\Z")

# HAProxy needs two descriptors a connection, and some for listeners, checks, pipes and logs.
_SPARE_DESCRIPTORS = 200

_MOST_CONNECTIONS = 50000

Version = tuple[int, ...]


class Edge(NamedTuple):
    """What all services of a host share.

    `http`, `https`: bind addresses of the two frontends. `quic`: those of HTTP/3. `policy`: those where nothing but the
    Flash player's policy is answered, used with flash sockets only. `stats_bind`: bind address of the statistics, empty
    for none. `certificates`: their folder; `client_cas`: that of clients' CAs; `certificate_list`: where the list
    goes that says which certificate asks for a client's; `ticket_keys`: the keys of session tickets. `lua`: where a
    script of ours goes. `library`: name and version of the TLS library. `acme`: thumbprint of an account, or empty;
    `client`: what HAProxy's own ACME client is to do. `peers`: the other edges. `version`: of the HAProxy to run.
    `descriptors`: how many file descriptors it may have. `metrics`: where the script goes that asks `master_socket`.
    `maxconn`: the connections that a contributor allows the process, 0 where they follow from the descriptors.
    """

    http: tuple[str, ...]
    https: tuple[str, ...]
    quic: tuple[str, ...]
    policy: tuple[str, ...]
    stats_bind: str
    certificates: str
    lua: str
    runtime_socket: str
    version: Version
    descriptors: int
    master_socket: str = "/run/haproxy/master.sock"
    metrics: str = "/etc/haproxy/metrics.lua"
    maxconn: int = 0
    tls: Settings = Settings()
    library: tuple[str, Version] = ("", ())
    ticket_keys: str = "/etc/haproxy/ticket-keys"
    limits: Limits = Limits()
    proxies: TrustedProxies = TrustedProxies()
    client: Client = Client()
    acme: str = ""
    peers: Peers = Peers()
    client_cas: str = "/etc/haproxy/client-ca"
    certificate_list: str = "/etc/haproxy/certificates.list"


def stated_maxconn(contributions: list[Configuration]) -> int:
    """The connections that a contributor allows the process, 0 where nobody says."""
    stated = (
        directive.arguments[0]
        for contribution in contributions
        for section in contribution.sections
        for directive in section.directives
        if section.kind == "global" and directive.keyword == "maxconn" and directive.arguments
    )
    return next((int(number) for number in stated if number.isdigit()), 0)


def allowed_connections(edge: Edge) -> int:
    return edge.maxconn or max(1, min(_MOST_CONNECTIONS, (edge.descriptors - _SPARE_DESCRIPTORS) // 2))


def check_bind_address(address: str, yaml_path: str) -> list[str]:
    """What is wrong with an address to listen at, which may have options of HAProxy's behind it."""
    try:
        words = split(address)
    except ConfigurationError as error:
        return [f"{yaml_path}: {error}"]
    if not words or not (_ADDRESS.match(words[0]) or words[0].startswith(("/", "unix@", "abns@", "fd@"))):
        return [f"{yaml_path}: an address with a port is expected, such as :443 or 192.0.2.1:443, not {address!r}"]
    return []


def bind_port(address: str) -> str:
    found = _ADDRESS.match(address.split()[0])
    return found[1] if found else ""


def internal_bind(edge: Edge, what: str) -> str:
    """The socket between the entrance for Flash and what is behind it; nobody but HAProxy may connect to it."""
    return quote(f"unix@{edge.runtime_socket.rpartition('/')[0]}/{what}.sock")


def frontend_binds(edge: Edge, what: str, flash: bool) -> tuple[str, ...]:
    """Where a frontend listens: the edge's addresses, or behind the entrance, which hands the client's address on."""
    addresses: tuple[str, ...] = getattr(edge, what)
    return (f"{internal_bind(edge, what)} mode 600 accept-proxy",) if flash else addresses


def connection_rules(edge: Edge, flash: bool) -> list[tuple[str, str]]:
    """Who connects, and how often; behind the entrance for Flash both have been seen to."""
    if flash:
        return []
    told = edge.proxies.addresses
    by_protocol = bool(told) and edge.proxies.protocol == "proxy_protocol"
    layer = "session" if by_protocol else "connection"
    return request_filter.expect_proxy_protocol(edge.proxies) + limits.connections(
        edge.limits, layer, () if by_protocol else told
    )
