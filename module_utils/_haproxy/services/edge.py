# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings that all services of an edge share: addresses, folders, limits, the version of HAProxy."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import NamedTuple

from .. import paths
from ..config.descriptors import Held, process_descriptors
from ..config.model import ConfigurationError, Line
from ..config.words import quote, split
from ..errors import Problems
from . import answers, limits, request_filter
from .acme import Client
from .canary import MAP
from .client_address import CONTENT, REQUEST, SESSION, AddressRules
from .limits import Counters, Limits
from .peers import SECTION, Peers
from .request_filter import TrustedProxies
from .tls import Settings

# The first word of a bind address, such as `:443`, `quic4@:443`, `[::1]:8404`, `:8000-8010`.
_ADDRESS = re.compile(r"[A-Za-z0-9_.@:*\[\]-]*:([0-9]{1,5}(-[0-9]{1,5})?)\Z")

# Descriptors kept for all but connections: at least so many, and more in steps of this size.
_SPARE_DESCRIPTORS = 200
_STEP = 1000

# The Runtime API and the stats.
_OWN_LISTENERS = 2

_MOST_CONNECTIONS = 50000

# The YAML path of lines that no key of the YAML asked for.
ROLE = "the role's defaults"

Version = tuple[int, ...]


class Edge(NamedTuple):
    """The settings that all services of an edge share.

    `http`, `https`: bind addresses of the two frontends. `quic`: those of HTTP/3. `policy`: those that serve only the
    Flash player's policy, used with flash sockets only. `stats_bind`: bind address of the stats, empty for none.
    `certificates`: their folder; `client_cas`: that of client CAs; `certificate_list`: path of the crt-list that says
    which certificates require a client's; `ticket_keys`: path of the keys of session tickets. `lua`: path of the Lua
    script. `library`: name and version of the TLS library. `acme`: thumbprint of an account, or empty; `client`:
    settings of HAProxy's own ACME client. `peers`: the other edges. `version`: of the HAProxy to run. `descriptors`:
    how many file descriptors it may open. `metrics`: path of the script that asks `agent_socket`. `maxconn`:
    the process's limit of connections as a contributor sets it, 0 to derive it from the descriptors. `lists`: folder
    of the map of routes and of lists, which change without a reload. `held`: the descriptors of checks and listeners;
    `threads`: of the process. `address_rules`: the contributors' own rules that set a client's address.
    `checks_origins`: some service says which pages may open its sockets.
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
    master_socket: str = paths.MASTER_SOCKET
    metrics: str = paths.METRICS
    maxconn: int = 0
    tls: Settings = Settings()
    library: tuple[str, Version] = ("", ())
    ticket_keys: str = paths.TICKET_KEYS
    limits: Limits = Limits()
    proxies: TrustedProxies = TrustedProxies()
    client: Client = Client()
    acme: str = ""
    peers: Peers = Peers()
    client_cas: str = paths.CLIENT_CAS
    certificate_list: str = paths.CERTIFICATE_LIST
    lists: str = paths.LISTS
    held: Held = Held()
    threads: int = 1
    address_rules: AddressRules = MappingProxyType({})
    checks_origins: bool = False

    @property
    def answer_headers(self) -> str:
        """Return the headers of what the edge itself answers."""
        return answers.headers(self.checks_origins)

    @property
    def agent_socket(self) -> str:
        """Return the socket of the service beside HAProxy; empty where it does not watch this HAProxy's master."""
        return paths.AGENT_SOCKET if self.master_socket == paths.MASTER_SOCKET else ""

    @property
    def routes(self) -> str:
        """Return the path of the map that routes requests."""
        return f"{self.lists}/routes.map"

    @property
    def origins(self) -> str:
        """Return the path of the list of the services' origins."""
        return f"{self.lists}/origins.list"

    @property
    def health(self) -> str:
        """Return the path of the map of what is asked of the servers of each backend."""
        return f"{self.lists}/health.map"

    @property
    def plain_http(self) -> str:
        """Return the path of the list of what port 80 serves without a redirect."""
        return f"{self.lists}/plain-http.list"

    @property
    def streamed_uploads(self) -> str:
        """Return the path of the list of where a body may take as long as it likes."""
        return f"{self.lists}/streamed-uploads.list"

    @property
    def trusted_proxies(self) -> str:
        """Return the path of the list of trusted proxies."""
        return f"{self.lists}/trusted-proxies.list"

    @property
    def canary(self) -> str:
        """Return the path of the map of canaries."""
        return f"{self.lists}/{MAP}"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of this edge, first, and of those that share its tables."""
        return (self.peers.name, *(name for name, _endpoint in self.peers.members if name != self.peers.name))

    @property
    def exempt(self) -> str:
        """Return the path of the list of clients without limits."""
        return f"{self.lists}/exempt.list"


def allowed_connections(edge: Edge) -> int:
    """Return the limit of connections: the explicit one, else as many as the descriptors allow.

    The reserve grows in steps, so that a server more does not change the limit, which needs a reload.
    """
    own = sum(edge.held) + process_descriptors(edge.threads) + _OWN_LISTENERS
    steps = max(0, math.ceil((own - _SPARE_DESCRIPTORS) / _STEP))
    reserve = _SPARE_DESCRIPTORS + steps * _STEP
    return edge.maxconn or max(1, min(_MOST_CONNECTIONS, (edge.descriptors - reserve) // 2))


def check_bind_address(address: str, yaml_path: str, problems: Problems) -> None:
    """Add a problem if this is no bind address; options of `bind` may follow it."""
    try:
        words = split(address)
    except ConfigurationError as error:
        problems.add(yaml_path, str(error))
        return
    if not words or not (_ADDRESS.match(words[0]) or words[0].startswith(("/", "unix@", "abns@", "fd@"))):
        problems.add(yaml_path, f"an address with a port is expected, such as :443 or 192.0.2.1:443, not {address!r}")


def bind_port(address: str) -> str:
    """Return the port, or the range of ports, of a bind address; empty for a socket without one."""
    found = _ADDRESS.match(address.split()[0])
    return found[1] if found else ""


def internal_bind(edge: Edge, what: str) -> str:
    """Return the address of a Unix socket between the TCP front end for Flash and an internal bind."""
    return quote(f"unix@{edge.runtime_socket.rpartition('/')[0]}/{what}.sock")


def frontend_binds(edge: Edge, what: str, flash: bool) -> tuple[str, ...]:
    """Return the bind addresses of a frontend: the edge's, or an internal bind behind the TCP front end for Flash."""
    addresses: tuple[str, ...] = getattr(edge, what)
    return (f"{internal_bind(edge, what)} mode 600 accept-proxy",) if flash else addresses


def address_by_request(edge: Edge) -> bool:
    """Return whether the address of a client may differ from request to request of one connection."""
    return request_filter.comes_by_header(edge.proxies) or any(
        ("https", family) in edge.address_rules for family in (CONTENT, REQUEST)
    )


def request_counters(edge: Edge, flash: bool) -> Counters:
    """Return where the requests of a client are counted."""
    counters = limits.BY_REQUEST if flash or address_by_request(edge) else limits.BY_CONNECTION
    if not edge.limits.shared:
        return counters
    return limits.over_edges(counters, edge.names, SECTION)


def exempt_lists(edge: Edge) -> tuple[str, ...]:
    """Return the path of the list of clients without limits, if there are any."""
    return (edge.exempt,) if edge.limits.exempt else ()


def list_files(edge: Edge) -> tuple[tuple[str, str], ...]:
    """Return path and text of the lists of addresses."""
    lists = {edge.exempt: edge.limits.exempt, edge.trusted_proxies: edge.proxies.addresses}
    return tuple(
        (path, "".join(f"{address}\n" for address in addresses)) for path, addresses in lists.items() if addresses
    )


def connection_rules(edge: Edge, counters: Counters, frontend: str) -> list[Line]:
    """Return the rules of a frontend that accepts clients' connections."""
    trusted = bool(edge.proxies.addresses)
    by_protocol = trusted and edge.proxies.protocol == "proxy_protocol"
    layer = "session" if by_protocol or (frontend, SESSION) in edge.address_rules else "connection"
    lists = (*exempt_lists(edge), *((edge.trusted_proxies,) if trusted and not by_protocol else ()))
    return request_filter.expect_proxy_protocol(edge.proxies, edge.trusted_proxies) + limits.connections(
        edge.limits, counters, layer, lists
    )
