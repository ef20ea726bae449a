# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the definition of a service: the only place that knows the keys of `haproxy_services` and their defaults.

Every fault is told at once, each with its YAML path.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..config.data import endpoint
from ..config.model import ConfigurationError, suggest
from ..config.words import one_line, quote, split
from ..errors import Problems
from . import request_filter
from .peers import PORT, SECTION, Peers
from .socketio import AFFINITIES, PATH, TRANSPORTS, Names

# A name must be one word for HAProxy, and free of the characters that mean something in an ACL or a path.
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")

# An entry of haproxy_certificates is the name of a file (the same as in the room of certificates).
_CERTIFICATE = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*@+-]{0,199}\Z")

_SERVICE_KEYS = ("name", "hosts", "certificate", "client_ca", "origins", "servers", "health", "socketio")
_SOCKETIO_KEYS = ("path", "transports", "affinity", "servers", "flash")
_FLASH_KEYS = ("policy_servers", "legacy_tls")


class Server(NamedTuple):
    """One server line: its name, `address:port`, further options in HAProxy's words, the place in the YAML."""

    name: str
    endpoint: str
    options: tuple[str, ...]
    yaml_path: str


class Service(NamedTuple):
    """A service whose description is sound; `transports` is empty where it has no Socket.IO.

    `certificates` are names of entries of `haproxy_certificates`, such as an ECDSA and an RSA one; `client_ca` is that
    of the CA whose certificates clients must have, `origins` whose pages may open sockets: empty for all.
    `policy_servers` answer the Flash player's request for a policy, without them the edge does; `legacy_tls` is the
    name of the RSA certificate with which it takes the Flash movie's TLS 1.0, empty where it does not.
    """

    name: str
    hosts: tuple[str, ...]
    certificates: tuple[str, ...]
    client_ca: str
    origins: tuple[str, ...]
    servers: tuple[Server, ...]
    socket_servers: tuple[Server, ...]
    health: str | None
    path: str
    transports: tuple[str, ...]
    affinity: str
    policy_servers: tuple[Server, ...]
    legacy_tls: str
    yaml_path: str


def read_services(
    data: Any, groups: dict[str, list[dict[str, Any]]], yaml_path: str = "haproxy_services"
) -> list[Service]:
    """The services of the YAML; raises `ConfigurationError` with every fault found, each with its place.

    `groups`: inventory group → members `{name, address}`.
    """
    problems: list[str] = []
    if not isinstance(data, list):
        raise ConfigurationError(f"{yaml_path}: a list of services is expected here")
    services = [
        service
        for number, item in enumerate(data)
        if (service := _read_service(item, groups, f"{yaml_path}[{number}]", problems)) is not None
    ]
    if problems:
        raise ConfigurationError(problems)
    return services


def read_peers(
    data: dict[str, Any], groups: dict[str, list[dict[str, Any]]], certificates: str, yaml_path: str = "haproxy_peers"
) -> Peers:
    """The edges of the same services, and which of them this is; `data` are `name`, `group`, `port`, `certificate`.

    `certificates` is the folder of certificates. Raises `ConfigurationError`, also where this edge is none of them.
    """
    if not data:
        return Peers()
    problems: list[str] = []
    name, group, port, certificate = (data.get(key) for key in ("name", "group", "port", "certificate"))
    port = port or PORT
    members: list[Server] = []
    if not group:
        problems.append(f"{yaml_path}.group: the group of the inventory that has these edges is needed")
    else:
        members = list(_read_group({"group": group, "port": port}, groups, yaml_path, problems))
    if members and name not in [member.name for member in members]:
        problems.append(f"{yaml_path}.group: this edge, '{name}', is not in '{group}': the others would not know it")
    if not isinstance(certificate, str) or not _CERTIFICATE.match(certificate):
        problems.append(
            f"{yaml_path}.certificate: the name of an entry of haproxy_certificates that all of them have is needed"
        )
    if problems:
        raise ConfigurationError(problems)
    addresses = tuple((member.name, member.endpoint) for member in members)
    return Peers(str(name), addresses, port, f"{certificates}/{certificate}.pem")


def check_conflicts(services: list[Service]) -> None:
    """Check services of one edge against each other; raises `ConfigurationError` where they cannot live together."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    hosts: dict[str, str] = {}
    for service in services:
        if service.name in seen:
            problems.append(f"{service.yaml_path}.name: '{service.name}' is already the name of {seen[service.name]}")
        seen.setdefault(service.name, service.yaml_path)
        for host in service.hosts or ("",):
            if host in hosts:
                said = f"'{host}' already belongs" if host else "every host already belongs"
                problems.append(f"{service.yaml_path}.hosts: {said} to {hosts[host]}; requests would never arrive here")
            hosts.setdefault(host, service.yaml_path)
    # A session that was resumed tells that a client had a certificate, not from which CA.
    with_ca = [service for service in services if service.client_ca]
    problems += [
        f"{service.yaml_path}.client_ca: {with_ca[0].yaml_path} has '{with_ca[0].client_ca}', and an edge asks "
        "for certificates of one CA only (a file may hold several)"
        for service in with_ca[1:]
        if service.client_ca != with_ca[0].client_ca
    ]
    # Neither a request for a policy nor the movie's handshake in TLS 1.0 says which host it is for.
    for setting in _FLASH_KEYS:
        setters = [service.yaml_path for service in services if getattr(service, setting)]
        problems += [
            f"{place}.socketio.flash.{setting}: {setters[0]} has it already, and one service of an edge can"
            for place in setters[1:]
        ]
    if problems:
        raise ConfigurationError(problems)


def _read_service(
    item: Any, groups: dict[str, list[dict[str, Any]]], yaml_path: str, problems: list[str]
) -> Service | None:
    if not isinstance(item, dict):
        problems.append(f"{yaml_path}: a service is a mapping with 'name' and 'servers'")
        return None
    item = _without_nulls(item)
    count = len(problems)
    _reject_unknown_keys(item, _SERVICE_KEYS, yaml_path, problems)
    name = item.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        problems.append(f"{yaml_path}.name: a name of letters, digits, '_', '-' and '.' is needed, not {name!r}")
        name = "?"
    hosts = item.get("hosts") or []
    if not isinstance(hosts, list):
        problems.append(f"{yaml_path}.hosts: a list of host names is expected")
        hosts = []
    for number, host in enumerate(hosts):
        if not isinstance(host, str) or not _HOST.match(host):
            problems.append(
                f"{yaml_path}.hosts[{number}]: {host!r} is no host name (`chat.example.com`, `*.example.com`)"
            )
    certificates = item.get("certificate", name)
    certificates = certificates if isinstance(certificates, list) else [certificates]
    if not certificates or not all(isinstance(one, str) and _CERTIFICATE.match(one) for one in certificates):
        problems.append(f"{yaml_path}.certificate: the name of an entry of haproxy_certificates is expected, or a list")
    client_ca = item.get("client_ca") or ""
    if not isinstance(client_ca, str) or (client_ca and not _CERTIFICATE.match(client_ca)):
        problems.append(f"{yaml_path}.client_ca: the name of a CA in haproxy_certificates is expected")
    elif client_ca and not item.get("hosts"):
        problems.append(f"{yaml_path}.client_ca: name the hosts of the service too: TLS asks clients by host")
    origin_problems = Problems()
    origins = request_filter.read_origins(item.get("origins"), f"{yaml_path}.origins", origin_problems)
    problems += origin_problems.texts
    health = item.get("health", "/")
    if health is not False and not (isinstance(health, str) and health.startswith("/") and health.isprintable()):
        problems.append(
            f"{yaml_path}.health: a path such as /healthz is expected, or false to check the connection only"
        )
    servers = _read_servers(item.get("servers"), groups, f"{yaml_path}.servers", problems)
    own = item.get("socketio", {})
    has_socketio = own is not False
    place = f"{yaml_path}.socketio"
    if not isinstance(own, (dict, bool)):
        problems.append(f"{place}: a mapping is expected, or false for a service without Socket.IO")
    settings = _without_nulls(own) if isinstance(own, dict) else {}
    _reject_unknown_keys(settings, _SOCKETIO_KEYS, place, problems)
    path = settings.get("path", PATH)
    if not isinstance(path, str) or not re.match(r"/([A-Za-z0-9_.~-]+/)+\Z", path):
        problems.append(f"{place}.path: a path that begins and ends with '/' is expected, such as {PATH}")
        path = PATH
    transports = settings.get("transports", ["polling", "websocket"]) if has_socketio else []
    if not isinstance(transports, list) or (has_socketio and not transports):
        problems.append(f"{place}.transports: a list of {', '.join(TRANSPORTS)} is expected")
        transports = []
    for number, transport in enumerate(transports):
        if transport not in TRANSPORTS:
            hint = suggest(str(transport), TRANSPORTS)
            problems.append(f"{place}.transports[{number}]: there is no transport '{transport}'{hint}")
    affinity = settings.get("affinity", "session")
    if affinity not in AFFINITIES:
        hint = suggest(str(affinity), AFFINITIES)
        problems.append(f"{place}.affinity: there is no affinity '{affinity}'{hint}")
    sockets = servers
    if "servers" in settings:
        sockets = _read_servers(settings["servers"], groups, f"{place}.servers", problems)
    policy_servers, legacy_tls = _read_flash(settings.get("flash"), transports, groups, f"{place}.flash", problems)
    if len(problems) > count:
        return None
    ordered = tuple(transport for transport in reversed(TRANSPORTS) if transport in transports)
    return Service(
        name=name,
        hosts=tuple(hosts),
        certificates=tuple(certificates),
        client_ca=client_ca,
        origins=origins,
        servers=servers,
        socket_servers=sockets,
        health=health or None,
        path=path,
        transports=ordered,
        affinity=affinity,
        policy_servers=policy_servers,
        legacy_tls=legacy_tls,
        yaml_path=yaml_path,
    )


def _read_flash(
    data: Any, transports: list[Any], groups: dict[str, list[dict[str, Any]]], yaml_path: str, problems: list[str]
) -> tuple[tuple[Server, ...], str]:
    """The servers of the policy and the certificate of the legacy listener."""
    if "flashsocket" in transports and "polling" not in transports:
        # Its handshake is an ordinary request, and has to be answered by a node of the sockets.
        problems.append(
            f"{yaml_path.replace('.flash', '.transports')}: flashsocket opens its session by polling; add it"
        )
    if data is None:
        return (), ""
    if not isinstance(data, dict):
        problems.append(f"{yaml_path}: a mapping of {' and '.join(_FLASH_KEYS)} is expected")
        return (), ""
    if "flashsocket" not in transports:
        problems.append(f"{yaml_path}: the service has no flash sockets; add flashsocket to its transports")
    _reject_unknown_keys(data, _FLASH_KEYS, yaml_path, problems)
    servers: tuple[Server, ...] = ()
    if data.get("policy_servers") is not None:
        servers = _read_servers(data["policy_servers"], groups, f"{yaml_path}.policy_servers", problems)
    certificate = data.get("legacy_tls") or ""
    if not isinstance(certificate, str) or (certificate and not _CERTIFICATE.match(certificate)):
        problems.append(
            f"{yaml_path}.legacy_tls: the name of an entry of haproxy_certificates (with an RSA key) is expected"
        )
        certificate = ""
    return servers, certificate


def _read_servers(
    data: Any, groups: dict[str, list[dict[str, Any]]], yaml_path: str, problems: list[str]
) -> tuple[Server, ...]:
    if isinstance(data, dict) and "group" in data:
        return _read_group(data, groups, yaml_path, problems)
    if data is None or data == [] or data == {}:
        problems.append(f"{yaml_path}: a service needs servers: a list, or a group of the inventory with a port")
        return ()
    if not isinstance(data, list):
        problems.append(f"{yaml_path}: a list is expected, or `{{group: NAME, port: 3000}}`")
        return ()
    servers: dict[str, Server] = {}
    for number, item in enumerate(data):
        server = _read_server(item, f"{yaml_path}[{number}]", problems)
        if server and server.name in servers:
            problems.append(f"{server.yaml_path}: there is already a server '{server.name}' in this list")
        elif server:
            servers[server.name] = server
    return tuple(servers.values())


def _read_group(
    data: dict[str, Any], groups: dict[str, list[dict[str, Any]]], yaml_path: str, problems: list[str]
) -> tuple[Server, ...]:
    group, port = data["group"], data.get("port")
    if not isinstance(group, str) or group not in groups:
        problems.append(f"{yaml_path}.group: the inventory has no group '{group}'{suggest(str(group), groups)}")
        return ()
    if not isinstance(groups[group], list) or not all(isinstance(member, dict) for member in groups[group]):
        problems.append(
            f"{yaml_path}.group: the members of '{group}' are expected as a list of mappings (name, address)"
        )
        return ()
    if not groups[group]:
        problems.append(f"{yaml_path}.group: the group '{group}' of the inventory has no hosts")
        return ()
    if not _is_port(port):
        problems.append(f"{yaml_path}.port: a port from 1 to 65535 is expected, not {port!r}")
        return ()
    common = {key: value for key, value in data.items() if key != "group"}
    members = [_read_server({**member, **common}, yaml_path, problems) for member in groups[group]]
    return tuple(member for member in members if member is not None)


def _read_server(item: Any, yaml_path: str, problems: list[str]) -> Server | None:
    if isinstance(item, str):
        item = dict(zip(("address", "port"), item.rpartition(":")[::2]))
    if not isinstance(item, dict) or not item.get("address"):
        problems.append(f"{yaml_path}: a server is `address:port`, or a mapping with address and port")
        return None
    address, port = str(item["address"]), item.get("port")
    if not _is_port(port):
        problems.append(f"{yaml_path}.port: a port from 1 to 65535 is expected, not {port!r}")
        return None
    name = str(item.get("name") or re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{address}_{port}"))
    if not _NAME.match(name):
        problems.append(f"{yaml_path}.name: {name!r} cannot name a server: use letters, digits, '_', '-' and '.'")
        return None
    options: list[str] = []
    for key, value in item.items():
        if key in ("name", "address", "port") or value is None:
            continue
        if isinstance(value, (dict, list)):
            problems.append(f"{yaml_path}.{key}: one value is expected here")
            continue
        try:
            words = split(str(key)) if value is not False else split(f"no-{key}")
            options += words if isinstance(value, bool) else [*words, *split(str(value))]
        except ConfigurationError as error:
            problems.append(f"{yaml_path}.{key}: {error}")
    if len(address.split()) != 1 or not one_line(address) or quote(address) != address:
        problems.append(f"{yaml_path}.address: {address!r} is no address")
        return None
    return Server(name, endpoint(address, port), tuple(options), yaml_path)


def _without_nulls(settings: dict[Any, Any]) -> dict[Any, Any]:
    """What is said: in YAML, a key whose value is only commented out is null, and means its default."""
    return {key: value for key, value in settings.items() if value is not None}


def _is_port(port: Any) -> bool:
    return not isinstance(port, bool) and str(port).isdigit() and 0 < int(port) < 65536


def _reject_unknown_keys(item: dict[Any, Any], known: tuple[str, ...], yaml_path: str, problems: list[str]) -> None:
    problems.extend(
        f"{yaml_path}.{key}: a service has no such setting{suggest(str(key), known)}"
        for key in item
        if key not in known
    )


def socketio_names(service: Service) -> Names:
    condition = f"{service.name}_host " if service.hosts else ""
    return Names(service.name, condition, service.path, f"{SECTION}/{service.name}")
