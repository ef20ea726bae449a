# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give this host its part of a handover: orders that systemd keeps for as long as somebody needs them."""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .. import atomic_file, commands
from ..errors import EdgeError
from . import addresses, handover

_SECONDS = 30.0
_TIMEOUT = 120  # systemd itself gives a unit 90 s


def move(given: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Carry out this edge's part of a move, as the module's options ask for; return the module's result.

    Raises EdgeError.
    """
    state, name = given["state"], given["name"]
    shared = [str(ipaddress.ip_interface(address).ip) for address in given["addresses"]]
    interface = addresses.find_interface(given["own"])
    order = {
        "action": "leave" if state == "leave" else "receive",
        "name": name,
        "addresses": shared,
        "ports": given["ports"],
        "interface": interface.name,
        "limit": given["limit"],
        **({"own": given["own"]} if state == "leave" else {"idle": given["idle"], "via": given["via"]}),
    }
    result: dict[str, Any] = {"changed": False}
    if state == "possible":
        result["reach"] = _describe(interface)
        check_possible({**order, "via": result["reach"], "own": given["own"]})
    elif check_mode:
        result["changed"] = True
    elif state == "receive":
        result["changed"] = begin(order)
    elif state == "leave":
        result["changed"] = leave(order, lambda: _holds(given["own"], shared))
    elif state in ("stay", "away"):
        result["changed"] = set_flag(name, state == "away")
    elif state == "drained":
        wait_until_drained(shared, given["wait"])
    elif given["only_via"] in (None, _read_via(name)):
        result["changed"] = end(state.split("_")[0], name)
    return {**result, "flows": handover.count_flows(shared)}


def _describe(interface: addresses.Interface) -> dict[str, str]:
    """Return how other edges reach this one. An IPv6 packet is passed on to the link-local address."""
    ipv6 = interface.own if ":" in interface.own else interface.link_local
    ipv4 = "" if ":" in interface.own else interface.own
    return {"ipv4": ipv4, "ipv6": ipv6, "mac": interface.mac}


def _holds(own: str, shared: Sequence[str]) -> bool:
    """Return whether this host still answers for one of these addresses."""
    there = addresses.find_interface(own).addresses
    return any(there.get(address, "lo") != "lo" for address in shared)


def _read_via(name: str) -> str | None:
    order = _read(handover.path(f"receive-{name}"))
    return order["via"]["name"] if order else None


def check_possible(order: dict[str, Any], lines: Iterable[str] | None = None) -> None:
    """Raise EdgeError where this host could not keep the flows of these addresses, as their old or new holder.

    `order` has what both need. Nothing is changed.
    """
    problems = []
    listening = _listening(handover.read_sockets() if lines is None else lines)
    # A socket of `::` may take IPv4 too.
    for kind, anywhere in (("ipv4", {"0.0.0.0", "::"}), ("ipv6", {"::"})):  # noqa: S104 - what HAProxy listens on
        if kind not in {handover.family(address) for address in order["addresses"]}:
            continue
        problems += [
            f"haproxy_binds: HAProxy does not listen on port {port} of all {kind.replace('ip', 'IP')} addresses of "
            f"this host, so its own connections to {order['name']} can't be told from others: bind to "
            + (f":{port}" if kind == "ipv4" else f"[::]:{port}")
            for port in order["ports"]
            if not listening & {(address, port) for address in anywhere}
        ]
    try:
        for action in ("receive", "leave"):
            handover.check({**order, "action": action})
    except FileNotFoundError:
        problems.append("nftables is missing: the role realtime.edge.keepalived installs it")
    except RuntimeError as error:
        problems.append(f"the kernel can't do its part of a handover ({error})")
    if problems:
        raise EdgeError(problems)


def _listening(lines: Iterable[str]) -> set[tuple[str, int]]:
    """Return the ports that listen on all addresses, each with `0.0.0.0` or `::`."""
    found = set()
    for line in lines:
        fields = line.split()
        address, port = fields[1].split(":")
        if fields[3] == handover.LISTEN and not address.strip("0"):
            found.add(({8: "0.0.0.0", 32: "::"}[len(address)], int(port, 16)))  # noqa: S104 - the kernel's words
    return found


def begin(order: dict[str, Any]) -> bool:
    """Carry out an order until nobody needs it; return whether it is new. Raises EdgeError."""
    instance = f"{order['action']}-{order['name']}"
    path = handover.path(instance)
    if _read(path) == order and _is_active(instance):
        return False
    end(order["action"], order["name"])
    os.makedirs(handover.FOLDER, mode=0o755, exist_ok=True)
    atomic_file.write_atomically(path, json.dumps(order), 0o644, -1)
    done = commands.run("systemctl", "start", handover.unit(instance), limit=_TIMEOUT)
    if done.status:
        journal = ["journalctl", "--unit", handover.unit(instance), "--no-pager", "--output=cat", "--lines=5"]
        log = commands.read_output(*journal)
        end(order["action"], order["name"])
        raise EdgeError(f"{handover.unit(instance)} did not start: {' '.join((done.stderr + log).split())}")
    return True


def end(action: str, name: str) -> bool:
    """Take an order back; return whether there was one."""
    instance = f"{action}-{name}"
    there = _is_active(instance)
    for command in ("stop", "reset-failed"):
        commands.run("systemctl", command, handover.unit(instance), limit=_TIMEOUT)
    if os.path.exists(handover.path(instance)):
        os.unlink(handover.path(instance))
    return there


def _is_active(instance: str) -> bool:
    return commands.read_output("systemctl", "is-active", handover.unit(instance)).strip() == "active"


def _read(path: str) -> Any:
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def set_flag(name: str, left: bool) -> bool:
    """Stay away from the addresses of this name, or take them again when it is time; return whether that is new."""
    if addresses.read_flag(name) == left:
        return False
    # In place: keepalived watches the file itself.
    with open(addresses.flag_path(name), "w") as file:
        file.write("1\n" if left else "0\n")
    return True


def leave(order: dict[str, Any], holds: Callable[[], bool]) -> bool:
    """Give the addresses away and keep their flows; return whether anything was to be done. Raises EdgeError."""
    changed = begin(order)
    changed = set_flag(order["name"], True) or changed
    limit = time.monotonic() + _SECONDS
    while holds():
        if time.monotonic() > limit:
            set_flag(order["name"], False)
            end("leave", order["name"])
            raise EdgeError(f"keepalived has not given {order['name']} away within {_SECONDS:.0f} s; it stays here")
        time.sleep(0.05)
    return changed


def wait_until_drained(shared: Sequence[str], seconds: float) -> None:
    """Wait until no flow of these addresses is left, for so many seconds at most."""
    limit = time.monotonic() + seconds
    while handover.count_flows(shared) and time.monotonic() < limit:
        time.sleep(0.2)
