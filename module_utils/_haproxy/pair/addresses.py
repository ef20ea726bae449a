# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, examine and report the addresses that edges share by VRRP, or announce by BGP."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .. import commands
from ..errors import EdgeError, Problems
from . import handover, neighbours, ready

KEEPALIVED = "/etc/keepalived/keepalived.conf"
BANNER = "Written by the role realtime.edge.keepalived"
FOLDER = "/run/realtime-edge"


class Shared(NamedTuple):
    """Addresses (without prefix) that move together; `name` names them, the first is of the edges' own family."""

    name: str
    addresses: tuple[str, ...]


class Interface(NamedTuple):
    """The interface that has this edge's own address, and all addresses of this host: address → interface."""

    name: str
    mac: str
    link_local: str
    own: str
    addresses: dict[str, str]


def read_shared(given: Sequence[Mapping[str, Any]], edges: Mapping[str, str]) -> list[Shared]:
    """Return the addresses that `keepalived_addresses` asks for. Raises EdgeError with all that is wrong in it."""
    problems = Problems()
    _check_edges(edges, problems)
    shared = [_read_one(item, f"keepalived_addresses[{index}]", edges, problems) for index, item in enumerate(given)]
    for what, values in (
        ("name", [item.name for item in shared]),
        ("router_id", [item.get("router_id") for item in given]),
        ("addresses", [address for item in shared for address in item.addresses]),
    ):
        for value in sorted({value for value in values if value is not None and values.count(value) > 1}, key=str):
            problems.add("keepalived_addresses", f"{what} {value} is there twice")
    problems.raise_if_any(EdgeError)
    return shared


def _check_edges(edges: Mapping[str, str], problems: Problems) -> None:
    if len(edges) < 2:
        problems.add("keepalived_group", "an address needs at least two edges to share it")
    for name, address in edges.items():
        if not _ip(address):
            problems.add(f"hostvars[{name}].haproxy_address", f"{address} is no IP address")
    if len({":" in address for address in edges.values()}) > 1:
        problems.add("keepalived_group", "the edges' own addresses are of one family, IPv4 or IPv6")


def _read_one(given: Mapping[str, Any], at: str, edges: Mapping[str, str], problems: Problems) -> Shared:
    name = str(given.get("name", ""))
    if not re.fullmatch(r"[A-Za-z0-9_]{1,32}", name):
        problems.add(f"{at}.name", f"{name!r} is no name: up to 32 letters, digits and underscores")
    if not 1 <= int(given.get("router_id") or 0) <= 255:
        problems.add(f"{at}.router_id", "a number from 1 to 255, which no other VRRP router of this network has")
    prefer = given.get("prefer")
    if prefer is not None and prefer not in edges:
        problems.add(f"{at}.prefer", f"{prefer} is none of the edges {', '.join(sorted(edges))}")
    addresses = []
    for index, text in enumerate(given.get("addresses") or ()):
        try:
            addresses.append(ipaddress.ip_interface(text))
        except ValueError:
            problems.add(f"{at}.addresses[{index}]", f"{text} is no address with its prefix, such as 203.0.113.10/24")
            continue
        if str(addresses[-1].ip) in edges.values():
            problems.add(
                f"{at}.addresses[{index}]", f"{addresses[-1].ip} is an edge's own address, which does not move"
            )
    family = 6 if any(":" in address for address in edges.values()) else 4
    if not any(address.version == family for address in addresses):
        problems.add(
            f"{at}.addresses", f"at least one IPv{family} address: the edges talk to each other over IPv{family}"
        )
    return Shared(name, tuple(str(address.ip) for address in addresses))


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def find_interface(own: str) -> Interface:
    """Return the interface that has the address `own`. Raises EdgeError where none has."""
    listed = json.loads(commands.read_output("ip", "-json", "address", "show") or "[]")
    addresses: dict[str, str] = {}
    found = None
    for item in listed:
        for entry in item.get("addr_info", ()):
            if entry.get("local"):
                # An address that is kept on `lo` is not what this host answers for.
                if item["ifname"] != "lo" or entry["local"] not in addresses:
                    addresses[entry["local"]] = item["ifname"]
                found = item if entry["local"] == own else found
    if not found:
        raise EdgeError(f"haproxy_address: no interface of this host has the address {own}")
    local = [entry["local"] for entry in found["addr_info"] if entry.get("scope") == "link" and ":" in entry["local"]]
    return Interface(found["ifname"], found.get("address", ""), local[0] if local else "", own, addresses)


def is_ours(path: str = KEEPALIVED) -> bool | None:
    """Return whether keepalived's configuration is the role's; None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return BANNER in file.read()
    except FileNotFoundError:
        return None


def preflight(shared: Sequence[Shared], edges: Mapping[str, str], interface: Interface, probe: bool) -> None:
    """Raise EdgeError with all that speaks against sharing these addresses. Nothing is changed."""
    problems = Problems()
    ours = is_ours()
    if ours is False:
        problems.add(
            KEEPALIVED,
            "somebody else has configured keepalived on this host. Move the file away, or add what it does to this "
            "role's variables; nothing has been changed",
        )
    if not ours:
        for item in shared:
            for address in item.addresses:
                if address in interface.addresses:
                    problems.add(
                        f"keepalived_addresses.{item.name}",
                        f"this host has {address} on {interface.addresses[address]} already, by other means than "
                        "keepalived: take it out of the network's configuration first",
                    )
    if probe:
        mine = [address for item in shared for address in item.addresses]
        for address, macs in neighbours.find_strangers(
            interface.name, interface.mac, mine, list(edges.values())
        ).items():
            problems.add(
                "keepalived_addresses",
                f"{address} is in use: {', '.join(sorted(macs))} answers for it, which is none of the edges",
            )
    problems.raise_if_any(EdgeError)


def report(shared: Sequence[Shared], interface: Interface) -> dict[str, Any]:
    """Return who holds what here, since when, and which flows are handed over."""
    return {
        "interface": interface.name,
        "installed": os.path.exists("/usr/sbin/keepalived"),
        "active": commands.read_output("systemctl", "is-active", "keepalived").strip() == "active",
        "addresses": {item.name: _report_one(item, interface) for item in shared},
    }


def _report_one(item: Shared, interface: Interface) -> dict[str, Any]:
    state, since = read_state(item.name)
    return {
        "addresses": list(item.addresses),
        "held": all(interface.addresses.get(address, "lo") != "lo" for address in item.addresses),
        "state": state,
        "since": since,
        "left": read_flag(item.name),
        "handover": read_handover(item.name),
    }


def read_state(name: str) -> tuple[str, str]:
    """Return VRRP's state of this name (MASTER, BACKUP, FAULT) and since when (ISO 8601), both empty if unknown."""
    try:
        with open(os.path.join(FOLDER, f"vrrp-{name}")) as file:
            state, since = file.read().split()
    except (FileNotFoundError, ValueError):
        return "", ""
    return state, _iso(int(since))


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def flag_path(name: str) -> str:
    """Return the file by which an edge stays away from this name's addresses; keepalived watches it."""
    return os.path.join(FOLDER, f"leave-{name}")


def read_flag(name: str) -> bool:
    """Return whether this edge has left, and takes the addresses of this name no more."""
    try:
        with open(flag_path(name)) as file:
            return file.read().strip() not in ("", "0")
    except FileNotFoundError:
        return False


def read_handover(name: str) -> dict[str, Any]:
    """Return what is under way: `passed_on` packets and to whom (`via`), and the `flows` that are kept here."""
    found: dict[str, Any] = {}
    for action in ("receive", "leave"):
        try:
            with open(handover.path(f"{action}-{name}")) as file:
                order = json.load(file)
            if action == "receive":
                found["passed_on"] = handover.passed_on(order)
                found["via"] = order["via"]["name"]
            elif commands.read_output("systemctl", "is-active", f"haproxy-handover@leave-{name}").strip() == "active":
                found["flows"] = handover.count_flows(order["addresses"])
        except (FileNotFoundError, RuntimeError):
            continue
    return found


def format_table(reported: dict[str, Any]) -> list[str]:
    """Return one line for each shared address."""
    lines = []
    for name, item in reported["addresses"].items():
        words = [f"{name}: {', '.join(item['addresses'])}"]
        words.append("held here" if item["held"] else (item["state"] or "unknown").lower())
        if item["since"]:
            words.append(f"since {item['since']}")
        if item["left"]:
            words.append("this edge has left (return.yml brings it back)")
        if "flows" in item["handover"]:
            words.append(f"{item['handover']['flows']} flows go on here")
        if "via" in item["handover"]:
            words.append(f"{item['handover']['passed_on']} packets passed on to {item['handover']['via']}")
        lines.append("; ".join(words))
    return lines


def report_announced(folder: str = FOLDER) -> dict[str, dict[str, Any]]:
    """Return to how many routers this edge announces each address by BGP, and since when."""
    announced = ready.parse_announced(os.path.join(folder, ready.ANNOUNCED))
    return {address: {"routers": routers, "since": _iso(since)} for address, (routers, since) in announced.items()}


def format_announced(reported: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one line for each announced address."""
    lines = []
    for address, item in reported.items():
        routers = f"{item['routers']} router{'' if item['routers'] == 1 else 's'}" if item["routers"] else "no router"
        lines.append(f"{address}: announced to {routers}; since {item['since']}")
    return lines
