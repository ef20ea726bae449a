# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the servers of a service: a list, a group of the inventory, or the records of a name in the DNS.

`port`, `ports` and `sources` multiply: a host with two ports has two servers, and each of them one more for each
further source address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..config.data import endpoint
from ..config.model import ConfigurationError, suggest
from ..config.words import one_line, quote, split
from .reading import NAME, At

RESOLVERS = "services"
"""The section `resolvers` for servers that name none of their own."""

# What a server's mapping says in other words than HAProxy's options.
_OWN_KEYS = ("name", "address", "port", "ports", "sources")

# Beginnings of an address that is a socket of this host and has no port (configuration manual, `bind`).
_SOCKETS = ("/", "unix@", "abns@")

# Numbers of a backend's servers that the DNS may fill.
_MOST_RECORDS = 1000
_RECORDS = 10

_DNS_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?\Z")

# A reload begins without addresses, which the DNS brings; a name that is not known yet does not stop HAProxy.
_UNTIL_RESOLVED = ("init-addr", "none")

# Many DNS servers give each record the weight 0 (RFC 2782: no choice), which is out of service for HAProxy.
_ALIKE = ("resolve-opts", "ignore-weight")


class Server(NamedTuple):
    """One server line: its name, `address:port`, further options in HAProxy's words, the place in the YAML.

    With `records` it stands for as many servers, which the DNS fills with the addresses of the name.
    """

    name: str
    endpoint: str
    options: tuple[str, ...]
    yaml_path: str
    records: int = 0


def named_by_dns(servers: Iterable[Server]) -> bool:
    """Say whether the DNS names some of the servers."""
    return any(server.records for server in servers)


def read_servers(value: Any, at: At) -> tuple[Server, ...]:
    """Return the servers that a list or a mapping describes."""
    if isinstance(value, dict) and "group" in value:
        return read_group(value, at)
    if isinstance(value, dict) and ("dns" in value or "srv" in value):
        return _read_records(value, at)
    if value is None or value in ([], {}):
        at.problem("a service needs servers: a list, or a group of the inventory with a port")
        return ()
    if not isinstance(value, list):
        at.problem("a list is expected, or `{group: NAME, port: 3000}`, or `{dns: NAME, port: 3000}`")
        return ()
    servers: dict[str, Server] = {}
    for number, item in enumerate(value):
        for server in _read_server(item, at.item(number)):
            if server.name in servers:
                at.item(number).problem(f"there is already a server '{server.name}' in this list")
            servers[server.name] = server
    return tuple(servers.values())


def read_group(data: dict[str, Any], at: At) -> tuple[Server, ...]:
    """Return the servers that the hosts of a group of the inventory are."""
    group = data["group"]
    members = at.groups.get(group) if isinstance(group, str) else None
    if members is None:
        at.key("group").problem(f"the inventory has no group '{group}'{suggest(str(group), at.groups)}")
    elif not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        at.key("group").problem(f"the members of '{group}' are expected as a list of mappings (name, address)")
    elif not members:
        at.key("group").problem(f"the group '{group}' of the inventory has no hosts")
    else:
        common = {key: value for key, value in data.items() if key != "group"}
        servers: list[Server] = []
        for member in members:
            found = _read_server({**member, **common}, at)
            if not found:
                break  # the others would have the same problem
            servers += found
        return tuple(servers)
    return ()


def _read_records(data: dict[str, Any], at: At) -> tuple[Server, ...]:
    """Return the template of the servers that the A and AAAA records of a name are, or its SRV records."""
    kind = "srv" if "srv" in data else "dns"
    name, port, records = data[kind], data.get("port"), data.get("records", _RECORDS)
    count = len(at.problems)
    if not isinstance(name, str) or not _DNS_NAME.match(name):
        example = "_chat._tcp.example.com" if kind == "srv" else "nodes.example.com"
        at.key(kind).problem(f"a name of the DNS is expected, such as {example}, not {name!r}")
    if kind == "srv" and port is not None:
        at.key("port").problem("SRV records have their ports; leave it out")
    if kind == "dns":
        _check_port(port, at.key("port"))
    if isinstance(records, bool) or not isinstance(records, int) or not 0 < records <= _MOST_RECORDS:
        at.key("records").problem(f"the most servers there may be are expected, 1 to {_MOST_RECORDS}, not {records!r}")
    stated = {key: value for key, value in data.items() if key not in (kind, "port", "records")}
    options = _read_options({"resolvers": RESOLVERS, **stated}, at)
    if len(at.problems) > count:
        return ()
    if "init-addr" not in options:
        options += _UNTIL_RESOLVED
    if kind == "srv" and "resolve-opts" not in options:
        options += _ALIKE
    return (Server("node", endpoint(name, port), options, at.yaml_path, records),)


def _read_server(item: Any, at: At) -> tuple[Server, ...]:
    """Return the servers of one entry: one for each of its ports and sources."""
    if isinstance(item, str):
        item = {"address": item} if item.startswith(_SOCKETS) else dict(zip(("address", "port"), _split(item)))
    if not isinstance(item, dict) or not item.get("address"):
        at.problem("a server is `address:port`, a socket such as `unix@/run/app.sock`, or a mapping with `address`")
        return ()
    count = len(at.problems)
    address = str(item["address"])
    if len(address.split()) != 1 or not one_line(address) or quote(address) != address:
        at.key("address").problem(f"{address!r} is no address")
    ports = _read_ports(item, address.startswith(_SOCKETS), at)
    options = _read_options({key: value for key, value in item.items() if key not in _OWN_KEYS}, at)
    sources = _read_sources(item.get("sources"), at.key("sources"))
    address = f"unix@{address}" if address.startswith("/") else address
    servers = []
    for port in ports:
        name = str(item.get("name") or re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{address}_{port}".rstrip("_")))
        name = f"{name}_{port}" if item.get("name") and "ports" in item else name
        if not NAME.match(name):
            at.key("name").problem(f"{name!r} cannot name a server: use letters, digits, '_', '-' and '.'")
        servers += [
            Server(f"{name}_{number}" if number > 1 else name, endpoint(address, port), options + source, at.yaml_path)
            for number, source in enumerate(sources or [()], 1)
        ]
    return tuple(servers) if len(at.problems) == count else ()


def _split(text: str) -> tuple[str, str]:
    address, _colon, port = text.rpartition(":")
    return address, port


def _read_ports(item: dict[str, Any], socket: bool, at: At) -> list[str]:
    """Return the ports of an entry; one that is empty for a socket of this host."""
    if socket:
        for key in ("port", "ports"):
            if key in item:
                at.key(key).problem("a socket of this host has no port")
        return [""]
    if "ports" not in item:
        _check_port(item.get("port"), at.key("port"))
        return [str(item.get("port"))]
    value = item["ports"]
    if item.get("port") is not None:
        at.key("port").problem("either `port` or `ports` is expected")
    ports = list(_expand_range(value)) if isinstance(value, str) else value
    if not isinstance(ports, list) or not ports:
        at.key("ports").problem(f"a list of ports is expected, or a range such as 3000-3003, not {value!r}")
        return []
    for number, port in enumerate(ports):
        _check_port(port, at.key("ports").item(number))
        if port in ports[:number]:
            at.key("ports").item(number).problem(f"port {port} is already in this list")
    return [str(port) for port in ports]


def _expand_range(text: str) -> Iterator[int]:
    found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
    if found and int(found[2]) < 65536:
        yield from range(int(found[1]), int(found[2]) + 1)


def _check_port(port: Any, at: At) -> None:
    if isinstance(port, bool) or not str(port).isdigit() or not 0 < int(port) < 65536:
        at.problem(f"a port from 1 to 65535 is expected, not {port!r}")


def _read_sources(value: Any, at: At) -> list[tuple[str, ...]]:
    """Return the option `source` for each address from which a server is reached."""
    if value is None:
        return []
    if not isinstance(value, list) or not value:
        at.problem("a list of addresses of this host is expected, each with a range of ports if wanted")
        return []
    for number, source in enumerate(value):
        address, ports = str(source), ""
        if found := re.fullmatch(r"(.*):([0-9]+-[0-9]+)", address):
            address, ports = found[1].strip("[]"), found[2]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            at.item(number).problem(f"an address such as 10.0.0.5 or 10.0.0.5:20000-29999 is expected, not {source!r}")
        if ports and len(list(_expand_range(ports))) < 1:
            at.item(number).problem(f"a range of ports such as 20000-29999 is expected, not {ports!r}")
    return [("source", str(source)) for source in value]


def _read_options(data: dict[str, Any], at: At) -> tuple[str, ...]:
    """Return the words of HAProxy's server options."""
    return tuple(
        word for key, value in data.items() if value is not None for word in _read_option(key, value, at.key(key))
    )


def _read_option(key: Any, value: Any, at: At) -> list[str]:
    if isinstance(value, (dict, list)):
        at.problem("one value is expected here")
        return []
    try:
        words = split(str(key)) if value is not False else split(f"no-{key}")
        return words if isinstance(value, bool) else [*words, *split(str(value))]
    except ConfigurationError as error:
        at.problem(str(error))
    return []
