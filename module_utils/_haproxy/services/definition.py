# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the definition of a service: the only place that knows the keys of `haproxy_services` and their defaults.

All problems are reported at once, each with its YAML path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..config.model import ConfigurationError, suggest
from ..errors import Problems
from . import request_filter
from .canary import Canary, weight_of
from .peers import PORT, SECTION, Peers
from .reading import NAME, At, Groups, Reader
from .servers import Server, read_group, read_servers
from .socketio import AFFINITIES, PATH, TRANSPORTS, Names

CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*@+-]{0,199}\Z")
"""The name of an entry of `haproxy_certificates`, which is the name of a file."""

BALANCE = ("roundrobin", "leastconn", "random", "first", "static-rr")
"""The algorithms that a service can have; those that hash what a request has are its `key`."""

EIO = (3, 4)
"""Revisions of the Engine.IO protocol, as a request names them: that of Socket.IO 1 and 2, that of 3 and 4."""

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "str", "default": "/"},
    "strip_path": {"type": "bool", "default": False},
    "certificate": {"type": "raw"},
    "client_ca": {"type": "str"},
    "origins": {"type": "list", "elements": "str"},
    "servers": {"type": "raw", "required": True},
    "canary": {
        "type": "dict",
        "options": {
            "servers": {"type": "raw", "required": True},
            "share": {"type": "int", "required": True},
            "max_errors": {"type": "int", "default": 10},
            "min_sessions": {"type": "int", "default": 20},
        },
    },
    "health": {"type": "raw"},
    "websocket": {"type": "bool", "default": False},
    "plain_http": {"type": "raw", "default": False},
    "streamed_uploads": {"type": "raw", "default": False},
    "balance": {"type": "str", "choices": list(BALANCE)},
    "affinity": {"type": "str", "choices": ["none", "cookie", "source"], "default": "none"},
    "key": {
        "no_log": False,
        "type": "dict",
        "options": {
            "query": {"type": "str"},
            "header": {"type": "str"},
            "cookie": {"type": "str"},
            "segment": {"type": "int"},
        },
    },
    "socketio": {
        "type": "raw",
        "default": {},
        "options": {
            "path": {"type": "str", "default": PATH},
            "eio": {"type": "int", "choices": list(EIO)},
            "transports": {
                "type": "list",
                "elements": "str",
                "choices": list(reversed(TRANSPORTS)),
                "default": ["polling", "websocket"],
            },
            "affinity": {"type": "str", "choices": list(AFFINITIES), "default": "session"},
            "servers": {"type": "raw"},
            "flash": {"type": "dict", "options": {"policy_servers": {"type": "raw"}, "legacy_tls": {"type": "str"}}},
        },
    },
}
"""The keys of a service, as an argument spec of Ansible. Ansible does not validate them: the errors here say more."""

ARGUMENT: dict[str, Any] = {"type": "list", "elements": "raw", "default": [], "options": OPTIONS}
"""The option `services` of a module."""

# HAProxy's highest weight (manual, 5.2).
_MOST_WEIGHT = 256

_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")

# The samples of a request (configuration manual 7.3) by the kind of a service's `key`.
_KEYS = {"query": "url_param", "header": "req.hdr", "cookie": "req.cook"}

# Where a service names servers, and so a group of the inventory.
_SERVERS = (("servers",), ("canary", "servers"), ("socketio", "servers"), ("socketio", "flash", "policy_servers"))


class Service(NamedTuple):
    """A service whose definition is sound; `transports` is empty where it has no Socket.IO.

    `path` is where it is below its hosts, `socketio_path` that of its Socket.IO, whole; with `strip_path` nodes do not
    see `path`. `canary` gets a share of new sessions. Requests in `plain_http` are not redirected on port 80, in
    `streamed_uploads` a body may take any time; both are paths, whole. `health` is the path of the check, None for one
    of the connection, empty where it is not stated. With `websocket` it has sockets outside Socket.IO, too. With `eio`
    the service takes only requests of this revision of Engine.IO, and leaves all others to the service that has the
    same path. `balance` is the algorithm that chooses a node, empty for that of each transport. `key` is what of a
    request decides about its node, in HAProxy's words, empty for nothing. `affinity` keeps clients of Socket.IO on
    their node, `own_affinity` all others. `certificates` are names of entries of `haproxy_certificates`, such as an
    ECDSA and an RSA one; `client_ca` is that of the CA whose certificates clients must have, `origins` the pages that
    may open sockets: empty for all. `policy_servers` answer the Flash player's request for a policy, without them the
    edge does; `legacy_tls` is the name of the RSA certificate with which it takes the Flash movie's TLS 1.0, empty
    where it does not.
    """

    name: str
    hosts: tuple[str, ...]
    path: str
    strip_path: bool
    certificates: tuple[str, ...]
    client_ca: str
    origins: tuple[str, ...]
    servers: tuple[Server, ...]
    canary: Canary | None
    socket_servers: tuple[Server, ...]
    health: str | None
    websocket: bool
    plain_http: tuple[str, ...]
    streamed_uploads: tuple[str, ...]
    balance: str
    own_affinity: str
    key: str
    socketio_path: str
    eio: int
    transports: tuple[str, ...]
    affinity: str
    policy_servers: tuple[Server, ...]
    legacy_tls: str
    yaml_path: str

    @property
    def follows_sessions(self) -> bool:
        """Return whether a table has the node of each session: only polling opens one that further requests follow."""
        return self.affinity == "session" and "polling" in self.transports

    @property
    def socket_transports(self) -> tuple[str, ...]:
        """Return the transports that have a backend of their own, with the service's other sockets."""
        extra = self.websocket and "websocket" not in self.transports
        return (*self.transports, "websocket") if extra else self.transports


def read_services(data: Any, groups: Groups, yaml_path: str = "haproxy_services") -> list[Service]:
    """Return the services of the YAML. Raises `ConfigurationError` with all problems."""
    if not isinstance(data, list):
        raise ConfigurationError(f"{yaml_path}: a list of services is expected here")
    at = At(yaml_path, Problems(), groups)
    services = [_read_service(item, at.item(number)) for number, item in enumerate(data)]
    at.problems.raise_if_any(ConfigurationError)
    return [service for service in services if service]


def read_peers(data: dict[str, Any], groups: Groups, certificates: str, yaml_path: str = "haproxy_peers") -> Peers:
    """Return the edges of the same services, and which of them this is.

    `data` has `name`, `group`, `port` and `certificate`; `certificates` is the folder of certificates. Raises
    `ConfigurationError`, also where this edge is none of them.
    """
    if not data:
        return Peers()
    at = At(yaml_path, Problems(), groups)
    name, group, port, certificate = (data.get(key) for key in ("name", "group", "port", "certificate"))
    port = port or PORT
    members: tuple[Server, ...] = ()
    if not group and not certificate:
        return Peers(port=port)
    if not group:
        at.key("group").problem("the inventory group of these edges is needed")
    else:
        members = read_group({"group": group, "port": port}, at)
    if members and name not in [member.name for member in members]:
        at.key("group").problem(f"this edge, '{name}', is not in '{group}': the others would not know it")
    if not isinstance(certificate, str) or not CERTIFICATE_NAME.match(certificate):
        at.key("certificate").problem("the name of an entry of haproxy_certificates that all of them have is needed")
    at.problems.raise_if_any(ConfigurationError)
    addresses = tuple((member.name, member.endpoint) for member in members)
    return Peers(str(name), addresses, port, f"{certificates}/{certificate}.pem")


def check_conflicts(services: list[Service]) -> None:
    """Check the services of one edge against each other; raises `ConfigurationError` where they conflict."""
    problems = Problems()
    _check_names_and_hosts(services, problems)
    # A session that was resumed tells that a client had a certificate, not from which CA.
    with_ca = [service for service in services if service.client_ca]
    for service in with_ca[1:]:
        if service.client_ca != with_ca[0].client_ca:
            problems.add(
                f"{service.yaml_path}.client_ca",
                f"{with_ca[0].yaml_path} has '{with_ca[0].client_ca}', and an edge asks for certificates of one CA "
                "only (a file may hold several)",
            )
    # Neither a request for a policy nor the movie's handshake in TLS 1.0 says which host it is for.
    for setting in ("policy_servers", "legacy_tls"):
        setters = [service.yaml_path for service in services if getattr(service, setting)]
        for place in setters[1:]:
            problems.add(
                f"{place}.socketio.flash.{setting}",
                f"only one service of an edge may set this; {setters[0]} already does",
            )
    problems.raise_if_any(ConfigurationError)


def _check_names_and_hosts(services: list[Service], problems: Problems) -> None:
    names: dict[str, str] = {}
    owners: dict[str, list[Service]] = {}
    for service in services:
        if service.name in names:
            text = f"'{service.name}' is already the name of {names[service.name]}"
            problems.add(f"{service.yaml_path}.name", text)
        names.setdefault(service.name, service.yaml_path)
        for host in service.hosts or ("",):
            others = owners.setdefault(host.lower(), [])
            if not service.eio:
                _check_host(service, host, others, problems)
                others.append(service)
    _check_revisions(services, owners, problems)


def _check_revisions(services: list[Service], owners: dict[str, list[Service]], problems: Problems) -> None:
    """Report services of one revision of Engine.IO that no other service leaves its requests to, or two of them do."""
    taken: dict[tuple[str, str, int], str] = {}
    for service in (service for service in services if service.eio):
        for host in service.hosts or ("",):
            place = f"{service.yaml_path}.socketio.eio"
            first = taken.setdefault((host.lower(), service.socketio_path, service.eio), service.yaml_path)
            rest = [
                other
                for other in owners.get(host.lower(), ())
                if other.transports and other.socketio_path == service.socketio_path
            ]
            if first != service.yaml_path:
                problems.add(place, f"{first} takes these requests already")
            elif not rest:
                where = f"'{host}'" if host else "every host"
                text = f"no service without `eio` has {service.socketio_path} of {where}, for all other requests"
                problems.add(place, text)
            elif rest[0].client_ca != service.client_ca:
                text = f"{rest[0].yaml_path} has the same host: TLS asks by host, so both services ask clients or none"
                problems.add(f"{service.yaml_path}.client_ca", text)


def _check_host(service: Service, host: str, others: list[Service], problems: Problems) -> None:
    """Report where services of one host (empty: every host) are in each other's way."""
    for other in others:
        if service.path == other.path:
            said = f"'{host}' already belongs" if host else "every host already belongs"
            text = f"{said} to {other.yaml_path}; requests would never arrive here unless the paths differ"
            problems.add(f"{service.yaml_path}.hosts", text)
            return
        for one, two in ((service, other), (other, service)):
            if two.transports and one.path.startswith(two.socketio_path):
                text = f"{one.path} is inside {two.socketio_path}, which is the Socket.IO of {two.yaml_path}"
                problems.add(f"{one.yaml_path}.path", text)
        if service.client_ca != other.client_ca:
            text = f"{other.yaml_path} has the same host: TLS asks by host, so both services ask clients or none"
            problems.add(f"{service.yaml_path}.client_ca", text)


def named_groups(services: Any, peers: Any = None) -> set[str]:
    """Return the inventory groups that services and peers name, whether their definitions are sound or not."""
    servers = [_value_at(service, path) for service in _items(services) for path in _SERVERS]
    groups = (_value_at(data, ("group",)) for data in [*servers, peers])
    return {group for group in groups if isinstance(group, str)}


def certificate_orders(services: Any, certificates: Any) -> list[dict[str, Any]]:
    """Return what ACME has to obtain, `{name, hosts}`: what services with hosts need and `certificates` do not have.

    A service whose definition is not sound is left out: `read_services` reports it.
    """
    known = {_value_at(entry, ("name",)) for entry in _items(certificates)}
    orders: dict[str, dict[str, Any]] = {}
    for service in _items(services):
        at = At("", Problems(), {})
        hosts = _read_hosts(_value_at(service, ("hosts",)) or [], at)
        name = _value_at(service, ("certificate",)) or _value_at(service, ("name",))
        if hosts and not at.problems and isinstance(name, str) and name not in known:
            orders.setdefault(name, {"name": name, "hosts": list(hosts)})
    return list(orders.values())


def _items(data: Any) -> Iterator[Any]:
    yield from data if isinstance(data, Iterable) and not isinstance(data, (str, Mapping)) else ()


def _value_at(data: Any, path: Iterable[str]) -> Any:
    """Return what is at a path of keys, None where there is nothing."""
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _read_keys(data: Any, options: dict[str, dict[str, Any]], readers: dict[str, Reader], at: At) -> dict[str, Any]:
    """Return what the reader of each key makes of its value or default. In YAML, an empty key is null: its default."""
    stated = {key: value for key, value in data.items() if value is not None}
    for key in stated:
        if key not in options:
            at.key(key).problem(f"a service has no such setting{suggest(str(key), options)}")
    return {key: read(stated.get(key, options[key].get("default")), at.key(key)) for key, read in readers.items()}


def _read_service(item: Any, at: At) -> Service | None:
    if not isinstance(item, dict):
        at.problem("a service is a mapping with 'name' and 'servers'")
        return None
    count = len(at.problems)
    read = _read_keys(item, OPTIONS, _SERVICE_READERS, at)
    if read["client_ca"] and not read["hosts"]:
        at.key("client_ca").problem("name the hosts of the service too: TLS asks clients by host")
    if read["client_ca"] and read["plain_http"]:
        at.key("plain_http").problem("the service asks clients for certificates, which only TLS has")
    if len(at.problems) > count:
        return None
    socketio, certificates = read.pop("socketio"), read.pop("certificate")
    sockets = socketio.pop("servers")
    read["own_affinity"] = read.pop("affinity")
    _check_affinity(read, socketio, sockets, at)
    if read["canary"]:
        _check_canary(read, socketio, sockets, at.key("canary"))
    if read["strip_path"] and socketio["legacy_tls"]:
        at.key("strip_path").problem("the Flash movie's own TLS is passed on as it is, with its path")
    prefix = read["path"].rstrip("/")
    for key in ("plain_http", "streamed_uploads"):
        read[key] = tuple(prefix + path for path in read[key])
    return Service(
        **read,
        socketio_path=prefix + socketio.pop("path"),
        **socketio,
        certificates=certificates or (read["name"],),
        socket_servers=read["servers"] if sockets is None else sockets,
        yaml_path=at.yaml_path,
    )


def _check_affinity(read: dict[str, Any], socketio: dict[str, Any], sockets: Any, at: At) -> None:
    """Report ways to choose a node that exclude each other."""
    for key in ("balance", "affinity"):
        value = read["own_affinity" if key == "affinity" else key]
        if read["key"] and value not in ("", "none"):
            at.key(key).problem("the service has a `key`, which chooses its servers")
    kinds = [("affinity", read["own_affinity"], read["servers"])]
    if socketio["transports"]:
        kinds.append(("socketio.affinity", socketio["affinity"], read["servers"] if sockets is None else sockets))
    for key, affinity, servers in kinds:
        if affinity == "cookie" and read["plain_http"]:
            at.key(key).problem("the cookie is for TLS only; `plain_http` needs another affinity")
        if affinity == "cookie" and any(server.records for server in servers):
            at.key(key).problem("a cookie names a server, and servers of the DNS keep no name; `source` follows them")


def _check_canary(read: dict[str, Any], socketio: dict[str, Any], sockets: Any, at: At) -> None:
    """Report a canary that cannot have sessions of its own, or whose servers are the service's."""
    if read["key"]:
        at.problem("the service has a `key`, which chooses the server of each request: no session is free to go there")
    if "flashsocket" in socketio["transports"]:
        at.problem("flash sockets are carried as TCP, past a canary: give them a service of their own")
    if socketio["transports"] and socketio["affinity"] != "session":
        at.problem(f"its sessions stay with it by `socketio.affinity: session`, not '{socketio['affinity']}'")
    if not socketio["transports"] and not read["websocket"] and read["own_affinity"] != "cookie":
        at.problem("nothing would keep a visitor on it: the service needs `affinity: cookie`, or sockets")
    stable = read["servers"] if sockets is None or not socketio["transports"] else sockets
    names, places = ({getattr(server, key) for server in stable} for key in ("name", "endpoint"))
    for server in read["canary"].servers:
        templates = any(one.records and re.fullmatch(rf"{re.escape(one.name)}\d+", server.name) for one in stable)
        if server.name in names or server.endpoint in places or templates:
            text = f"the service itself has '{server.name}' ({server.endpoint}): a canary has servers of its own"
            At(server.yaml_path, at.problems, at.groups).problem(text)


def _read_name(value: Any, at: At) -> str:
    if not isinstance(value, str) or not NAME.match(value):
        at.problem(f"a name of letters, digits, '_', '-' and '.' is needed, not {value!r}")
    return str(value)


def _read_hosts(value: Any, at: At) -> tuple[str, ...]:
    if not isinstance(value, list):
        at.problem("a list of host names is expected")
        return ()
    for number, host in enumerate(value):
        if not isinstance(host, str) or not _HOST.match(host):
            at.item(number).problem(f"{host!r} is no host name (`chat.example.com`, `*.example.com`)")
    return tuple(value)


def _read_certificates(value: Any, at: At) -> tuple[str, ...]:
    """Return names of certificates, none where the service does not state any."""
    if value is None:
        return ()
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and CERTIFICATE_NAME.match(name) for name in names):
        at.problem("the name of an entry of haproxy_certificates is expected, or a list")
    return tuple(names)


def _read_client_ca(value: Any, at: At) -> str:
    return _read_certificate_name(value, "the name of a CA in haproxy_certificates is expected", at)


def _read_legacy_tls(value: Any, at: At) -> str:
    return _read_certificate_name(
        value, "the name of an entry of haproxy_certificates (with an RSA key) is expected", at
    )


def _read_certificate_name(value: Any, expected: str, at: At) -> str:
    value = value or ""
    if not isinstance(value, str) or (value and not CERTIFICATE_NAME.match(value)):
        at.problem(expected)
        return ""
    return value


def _read_origins(value: Any, at: At) -> tuple[str, ...]:
    return request_filter.read_origins(value, at.yaml_path, at.problems)


def _read_health(value: Any, at: At) -> str | None:
    if value is False:
        return None
    if value is None:
        return ""
    if not (isinstance(value, str) and value.startswith("/") and value.isprintable()):
        at.problem("a path such as /healthz is expected, or false to check the connection only")
    return str(value)


def _read_socketio(value: Any, at: At) -> dict[str, Any]:
    """Return the fields of `Service` that are about Socket.IO; `servers` is None where there are none of its own."""
    if not isinstance(value, (dict, bool)):
        at.problem("a mapping is expected, or false for a service without Socket.IO")
    settings = value if isinstance(value, dict) else {}
    read = _read_keys(settings, OPTIONS["socketio"]["options"], _SOCKETIO_READERS, at)
    flash = read.pop("flash")
    if value is False:
        read["transports"] = ()
    if "flashsocket" in read["transports"] and "polling" not in read["transports"]:
        # Its handshake is an ordinary request, and has to be answered by a node of the sockets.
        at.key("transports").problem("flashsocket opens its session by polling; add it")
    if flash is not None and "flashsocket" not in read["transports"]:
        at.key("flash").problem("the service has no flash sockets; add flashsocket to its transports")
    return {**read, **(flash or {"policy_servers": (), "legacy_tls": ""})}


def _read_path(value: Any, at: At) -> str:
    if not isinstance(value, str) or not re.match(r"/([A-Za-z0-9_.~-]+/)*\Z", value):
        at.problem("a path that begins and ends with '/' is expected, such as /chat/")
    return str(value)


def _read_paths(value: Any, at: At) -> tuple[str, ...]:
    """Return the paths below a service that a setting is for: all for true, none for false."""
    if isinstance(value, bool):
        return ("/",) if value else ()
    if not isinstance(value, list) or not value:
        at.problem(f"true, false, or a list of paths such as [/device/] is expected, not {value!r}")
        return ()
    return tuple(_read_path(path, at.item(number)) for number, path in enumerate(value))


def _read_eio(value: Any, at: At) -> int:
    if value is not None and (isinstance(value, bool) or value not in EIO):
        at.problem(f"3 (for Socket.IO 1 and 2) or 4 (for 3 and 4) is expected, not {value!r}")
    return value or 0


def _read_key(value: Any, at: At) -> str:
    """Return the expression of what of a request decides about its node."""
    if value is None:
        return ""
    options = OPTIONS["key"]["options"]
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= options.keys():
        at.problem(f"one of {', '.join(options)} is expected, such as {{query: room}}")
        return ""
    ((kind, wanted),) = value.items()
    if kind == "segment":
        if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 < wanted < 100:
            at.key(kind).problem(f"the number of a segment of the path is expected, 1 for the first, not {wanted!r}")
            return ""
        return f"path,field({wanted + 1},/)"
    if not isinstance(wanted, str) or not NAME.match(wanted):
        at.key(kind).problem(f"a name of letters, digits, '_', '-' and '.' is needed, not {wanted!r}")
    return f"{_KEYS[kind]}({wanted})"


def _read_socketio_path(value: Any, at: At) -> str:
    if not isinstance(value, str) or not re.match(r"/([A-Za-z0-9_.~-]+/)+\Z", value):
        at.problem(f"a path that begins and ends with '/' is expected, such as {PATH}")
    return str(value)


def _read_flag(value: Any, at: At) -> bool:
    if not isinstance(value, bool):
        at.problem(f"true or false is expected, not {value!r}")
    return bool(value)


def _read_transports(value: Any, at: At) -> tuple[str, ...]:
    """Return the transports in the order in which a request is matched."""
    if not isinstance(value, list) or not value:
        at.problem(f"a list of {', '.join(TRANSPORTS)} is expected")
        return ()
    for number, transport in enumerate(value):
        if transport not in TRANSPORTS:
            hint = suggest(str(transport), TRANSPORTS)
            at.item(number).problem(f"there is no transport '{transport}'{hint}")
    return tuple(transport for transport in reversed(TRANSPORTS) if transport in value)


def _read_affinity(value: Any, at: At) -> str:
    if value not in AFFINITIES:
        at.problem(f"there is no affinity '{value}'{suggest(str(value), AFFINITIES)}")
    return str(value)


def _read_own_affinity(value: Any, at: At) -> str:
    choices = OPTIONS["affinity"]["choices"]
    if value == "session":
        at.problem("sessions are those of Socket.IO; use socketio.affinity, or `cookie`, `source` or a `key`")
    elif value not in choices:
        at.problem(f"there is no affinity '{value}'{suggest(str(value), choices)}")
    return str(value)


def _read_balance(value: Any, at: At) -> str:
    if value is not None and value not in BALANCE:
        hint = suggest(str(value), BALANCE)
        at.problem(f"there is no algorithm '{value}'{hint}; one that hashes what a request has is the service's `key`")
    return value or ""


def _read_flash(value: Any, at: At) -> dict[str, Any] | None:
    """Return the servers of the policy and the certificate of the legacy listener, None where nothing is stated."""
    options = OPTIONS["socketio"]["options"]["flash"]["options"]
    if value is None:
        return None
    if not isinstance(value, dict):
        at.problem(f"a mapping of {' and '.join(options)} is expected")
        return None
    read = _read_keys(value, options, _FLASH_READERS, at)
    return {**read, "policy_servers": read["policy_servers"] or ()}


def _read_canary(value: Any, at: At) -> Canary | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        at.problem("a mapping of `servers` and `share` is expected, such as {servers: [10.0.0.9:3000], share: 5}")
        return None
    return Canary(**_read_keys(value, OPTIONS["canary"]["options"], _CANARY_READERS, at))


def _read_canary_servers(value: Any, at: At) -> tuple[Server, ...]:
    if value is None or value in ([], {}):
        at.problem("a canary needs servers: those of the new version, in a list or a group of the inventory")
        return ()
    servers = read_servers(value, at)
    for server in servers:
        if server.records:
            at.problem("a canary's servers are chosen by their names, and the DNS gives none: use a list or a group")
        weight = weight_of(server)
        if not weight.isdigit() or not 0 < int(weight) <= _MOST_WEIGHT:
            text = f"a weight from 1 to {_MOST_WEIGHT} is expected in a canary, not {weight}"
            At(server.yaml_path, at.problems, at.groups).problem(text)
    return servers


def _read_percentage(value: Any, at: At) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        at.problem(f"a percentage from 0 to 100 is expected, not {value!r}")
        return 0
    return value


def _read_sessions(value: Any, at: At) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        at.problem(f"a number of sessions is expected, 1 or more, not {value!r}")
        return 1
    return value


def _read_own_servers(value: Any, at: At) -> tuple[Server, ...] | None:
    """Return servers that need not be stated, None where they are not."""
    return None if value is None else read_servers(value, at)


_SERVICE_READERS: dict[str, Reader] = {
    "name": _read_name,
    "hosts": _read_hosts,
    "path": _read_path,
    "strip_path": _read_flag,
    "certificate": _read_certificates,
    "client_ca": _read_client_ca,
    "origins": _read_origins,
    "servers": read_servers,
    "canary": _read_canary,
    "health": _read_health,
    "websocket": _read_flag,
    "plain_http": _read_paths,
    "streamed_uploads": _read_paths,
    "balance": _read_balance,
    "affinity": _read_own_affinity,
    "key": _read_key,
    "socketio": _read_socketio,
}
_CANARY_READERS: dict[str, Reader] = {
    "servers": _read_canary_servers,
    "share": _read_percentage,
    "max_errors": _read_percentage,
    "min_sessions": _read_sessions,
}
_SOCKETIO_READERS: dict[str, Reader] = {
    "path": _read_socketio_path,
    "eio": _read_eio,
    "transports": _read_transports,
    "affinity": _read_affinity,
    "servers": _read_own_servers,
    "flash": _read_flash,
}
_FLASH_READERS: dict[str, Reader] = {"policy_servers": _read_own_servers, "legacy_tls": _read_legacy_tls}


def socketio_names(service: Service) -> Names:
    """Return what the service's rules are called."""
    return Names(service.name, service.socketio_path, f"{SECTION}/{service.name}")
