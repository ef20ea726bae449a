# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the flows of an address that moves to another edge. Also a program that the role installs and systemd runs.

An order is a dict: `action` (`receive`, `leave` or `lose`), `name`, `addresses`, `limit` (seconds, at most), and for
`receive` `ports`, `interface`, `via` (`ipv4`, `ipv6`, `mac` of the edge that had the addresses) and `idle` (seconds),
for the others `own` (this edge's IPv4 address).

- `receive`, on the new holder: a packet that belongs to no flow of this host and begins none is passed on, unchanged,
  to the edge that had the address. The kernel's own socket table decides: what would reach a listening socket without
  being a SYN is not ours. (github/glb-director names the idea "second chance".) A connection that has ended here is in
  that table for another minute, and would hide one that its client has begun at the other edge from the same port: what
  comes from there is passed on too, until a SYN does.
- `leave`, on the old holder: the addresses stay on `lo`, so that its sockets go on and answer their clients directly,
  but nobody is told that they are here. No connection is offered twice (SYN and ACK): where the first offer was lost,
  the client asks again, and the new holder has offered one too. A client that took ours would be reset there.
- `lose`, on an edge that has lost the addresses without a move: nothing that it sends reaches its clients any more, not
  even the end of their connections, and who waits for an answer would notice only by a timeout of its own. The
  addresses are on `lo` again until all connections are reset.

All that is changed on a host is one table of nftables and the addresses on `lo`. systemd runs `undo` whenever `watch`
ends: by itself, by a kill, or by its time limit.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

FOLDER = "/run/realtime-edge/handover"
SYN_RECEIVED, TIME_WAIT, CLOSE, LISTEN = "03", "06", "07", "0A"


def _table(order: dict[str, Any]) -> str:
    return "realtime_edge_{}_{}".format(order["action"], re.sub(r"\W", "_", order["name"]))


def family(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def rules(order: dict[str, Any]) -> str:
    """Return what nftables has to do, as one transaction that replaces an earlier one."""
    texts = {"receive": _receive_rules, "leave": _leave_rules, "lose": _hide_rules}[order["action"]](order)
    name = _table(order)
    return "\n".join(
        f"table {family} {name} {{}}\ndelete table {family} {name}\ntable {family} {name} {{\n{body}}}\n"
        for family, body in texts.items()
    )


def _receive_rules(order: dict[str, Any]) -> dict[str, str]:
    ports = ", ".join(map(str, order["ports"]))
    found: dict[str, str] = {}
    for word, kind, addresses in _by_family(order):
        ours = f"    {word} daddr {{ {addresses} }} tcp dport {{ {ports} }} tcp flags & syn"
        flow = f"{word} saddr . tcp sport . {word} daddr . tcp dport"
        # What the other edge has sent is not sent back: a flow that neither knows ends here.
        pass_on = (
            f"ether saddr != {order['via']['mac']} counter dup to {order['via'][kind]}"
            f' device "{order["interface"]}" drop\n'
        )
        found[word] = (
            f"{_flows('ended', kind, order)}"
            "  chain second_chance {\n"
            "    type filter hook prerouting priority mangle;\n"
            f"{ours} != 0 delete @ended {{ {flow} }}\n"
            f"{ours} == 0 {flow} @ended {pass_on}"
            f"{ours} == 0 socket wildcard 1 {pass_on}"
            "  }\n"
        )
    return found


def _by_family(order: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield nftables' word and ours for each family of the addresses, and these as nftables lists them."""
    for word, kind in (("ip", "ipv4"), ("ip6", "ipv6")):
        addresses = ", ".join(address for address in order["addresses"] if family(address) == kind)
        if addresses:
            yield word, kind, addresses


def _flows(name: str, kind: str, order: dict[str, Any], room: int = 1, flags: str = "dynamic") -> str:
    """Return a set of flows, with those that the order has under its name, and room for more."""
    flows = [" . ".join(map(str, ends)) for ends in order.get(name, ()) if family(ends[0]) == kind]
    return (
        f"  set {name} {{\n"
        f"    type {kind}_addr . inet_service . {kind}_addr . inet_service\n"
        f"    flags {flags}\n    size {len(flows) + room}\n"
        + (f"    elements = {{ {', '.join(flows)} }}\n" if flows else "")
        + "  }\n"
    )


def _leave_rules(order: dict[str, Any]) -> dict[str, str]:
    found = _hide_rules(order)
    for word, kind, addresses in _by_family(order):
        offer = f"    {word} saddr {{ {addresses} }} tcp flags & (syn | ack) == syn | ack"
        flow = f"{word} daddr . tcp dport . {word} saddr . tcp sport"
        found[word] = (
            # As long as a client may wait for its connection.
            f"{_flows('offered', kind, order, 65536, 'dynamic, timeout; timeout 3m')}"
            "  chain offer_once {\n"
            "    type filter hook output priority filter;\n"
            f"{offer} {flow} @offered drop\n"
            f"{offer} add @offered {{ {flow} }}\n"
            "  }\n"
        )
    return found


def _hide_rules(order: dict[str, Any]) -> dict[str, str]:
    # IPv6 needs no rule: a host answers for the addresses of the interface that was asked, and `lo` never is.
    addresses = ", ".join(address for address in order["addresses"] if family(address) == "ipv4")
    if not addresses:
        return {}
    body = (
        "  chain asked {\n"
        "    type filter hook input priority filter;\n"
        f"    arp daddr ip {{ {addresses} }} drop\n"
        "  }\n"
        "  chain asks {\n"
        "    type filter hook output priority filter;\n"
        f"    arp saddr ip {{ {addresses} }} arp saddr ip set {order['own']}\n"
        "  }\n"
    )
    return {"arp": body}


def _run(*command: str, text: str | None = None) -> str:
    """Run a command; raise RuntimeError with its words where it fails."""
    # As a program, this file stands alone: no room is beside it.
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        command, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
    return done.stdout


def check(order: dict[str, Any]) -> None:
    """Raise RuntimeError where this kernel cannot do it. Nothing is changed."""
    text = rules(order)
    if text:
        _run("nft", "--check", "--file", "-", text=text)


def apply(order: dict[str, Any]) -> None:
    """Do what the order says. Raises RuntimeError."""
    known = {"ended": TIME_WAIT, "offered": SYN_RECEIVED}
    text = rules({**order, **{name: find_flows(order["addresses"], state) for name, state in known.items()}})
    if order["action"] != "receive":
        for address in order["addresses"]:
            _run("ip", "address", "replace", host_prefix(address), "dev", "lo")
    if text:
        _run("nft", "--file", "-", text=text)


def undo(order: dict[str, Any]) -> None:
    """Take back what `apply` did, as far as it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(count_path(order))
    for family in ("ip", "ip6", "arp"):
        with contextlib.suppress(RuntimeError):
            _run("nft", "delete", "table", family, _table(order))
    if order["action"] != "receive":
        for address in order["addresses"]:
            with contextlib.suppress(RuntimeError):
                _run("ip", "address", "del", host_prefix(address), "dev", "lo")


def host_prefix(address: str) -> str:
    """Return the address as a network of one host."""
    return str(ipaddress.ip_network(address))


def count_flows(addresses: Iterable[str], lines: Iterable[str] | None = None) -> int:
    """Return how many TCP connections of this host have one of these local addresses (`lines` of /proc/net/tcp*)."""
    return sum(state not in (TIME_WAIT, CLOSE, LISTEN) for _local, _client, state in _find_sockets(addresses, lines))


def find_flows(
    addresses: Iterable[str], wanted: str, lines: Iterable[str] | None = None
) -> list[tuple[str | int, ...]]:
    """Return client, its port, address and port of the connections that are in a state, such as `TIME_WAIT`."""
    return sorted(
        {
            (*_from_kernel(client), *_from_kernel(local))
            for local, client, state in _find_sockets(addresses, lines)
            if state == wanted
        }
    )


def _find_sockets(addresses: Iterable[str], lines: Iterable[str] | None) -> Iterable[tuple[str, str, str]]:
    """Yield both ends and the state of the sockets with one of these local addresses, as the kernel spells them."""
    wanted = {form for address in addresses for form in _as_kernel(address)}
    for line in read_sockets() if lines is None else lines:
        local, client, state = line.split()[1:4]
        if local.split(":")[0] in wanted:
            yield local, client, state


def read_sockets() -> Iterable[str]:
    """Yield the lines of all TCP sockets of this host (/proc/net/tcp and tcp6)."""
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}") as file:
            file.readline()  # the heading
            yield from file


def _as_kernel(address: str) -> list[str]:
    """Return the forms in which /proc/net/tcp* spells an address: words of 32 bits in the host's order, hexadecimal.

    A socket of `::` sees the clients of an IPv4 address under its mapped form.
    """
    parsed = ipaddress.ip_address(address)
    forms = [parsed.packed]
    if parsed.version == 4:
        forms.append(ipaddress.ip_address(f"::ffff:{address}").packed)
    return [
        "".join(f"{int.from_bytes(form[at : at + 4], sys.byteorder):08X}" for at in range(0, len(form), 4))
        for form in forms
    ]


def _from_kernel(text: str) -> tuple[str, int]:
    """Return address and port, the reverse of `_as_kernel`; an IPv4 address that is mapped is one of IPv4."""
    words, port = text.split(":")
    packed = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address), int(port, 16)


def passed_on(order: dict[str, Any]) -> int:
    """Return how many packets have been passed on so far. Raises RuntimeError where the table is gone."""
    total = 0
    for family in _receive_rules(order):
        answer = json.loads(_run("nft", "--json", "list", "table", family, _table(order)))
        for item in answer["nftables"]:
            for expression in item.get("rule", {}).get("expr", ()):
                total += expression.get("counter", {}).get("packets", 0)
    return total


def _reachable(address: str, port: int, interface: str) -> bool:
    """Return whether the kernel at this address still answers; that nobody listens there any more is an answer too."""
    scope = socket.if_nametoindex(interface) if address.startswith("fe80:") else 0
    target = (address, port, 0, scope) if ":" in address else (address, port)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.settimeout(1)
        try:
            probe.connect(target)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return True


def watch(order: dict[str, Any]) -> None:
    """Return when nobody needs the order any more."""
    limit = time.monotonic() + order["limit"]
    if order["action"] == "lose":
        _reset_flows(order["addresses"], limit)
    elif order["action"] == "leave":
        _wait_for_last_flow(order, limit)
    else:
        _wait_until_unused(order, limit)


def _wait_for_last_flow(order: dict[str, Any], limit: float) -> None:
    quiet = 0
    while quiet < 3 and time.monotonic() < limit:
        count = count_flows(order["addresses"])
        _tell(order, count)
        quiet = 0 if count else quiet + 1
        time.sleep(2)


def _wait_until_unused(order: dict[str, Any], limit: float) -> None:
    """Wait until nothing has been passed on for `idle` seconds, or the other edge is dead.

    The clients of a dead edge then get a reset, instead of no answer.
    """
    count, since, silent = -1, time.monotonic(), 0
    while silent < 3 and time.monotonic() < limit:
        now = passed_on(order)
        _tell(order, now)
        if now != count:
            count, since = now, time.monotonic()
        if time.monotonic() - since > order["idle"]:
            return
        via = next(iter(order["via"][family] for family in ("ipv4", "ipv6") if order["via"].get(family)))
        silent = 0 if _reachable(via, order["ports"][0], order["interface"]) else silent + 1
        time.sleep(1)


def _reset_flows(addresses: list[str], limit: float) -> None:
    """Reset all connections of these addresses. It ends at once where this host has one of the addresses again.

    What could not be reset is told in the journal.
    """
    quiet, reason = 0, ""
    while quiet < 3 and time.monotonic() < limit and not _answers_for(addresses):
        for address in addresses:
            source = f"[{address}]" if family(address) == "ipv6" else address
            try:
                _run("ss", "--kill", "--no-header", "--numeric", "--tcp", "src", source)
            except RuntimeError as error:
                reason = f": {error}"
        quiet = 0 if count_flows(addresses) else quiet + 1
        time.sleep(0.1)
    if not quiet and not _answers_for(addresses):
        left = f"{count_flows(addresses)} connections of {', '.join(addresses)} were not reset"
        sys.stderr.write(f"{left}; their clients notice by a timeout{reason}\n")


def _answers_for(addresses: Iterable[str]) -> bool:
    """Return whether one of these addresses is on an interface that others reach."""
    shown = [line.split() for line in _run("ip", "-oneline", "address").splitlines()]
    return any(words[1] != "lo" and words[3].split("/")[0] in addresses for words in shown)


def lose(name: str, own: str, addresses: list[str]) -> None:
    """Have the connections of addresses reset that keepalived has just taken away; those of a planned move are kept."""
    order = {"action": "lose", "name": name, "addresses": addresses, "own": own, "limit": 10}
    with contextlib.suppress(RuntimeError):
        _run("systemctl", "is-active", "--quiet", unit(f"leave-{name}"))
        return
    if count_flows(addresses) and not _answers_for(addresses):
        os.umask(0o022)  # keepalived's lets nobody in, and the unit's root has no right beyond that of others
        os.makedirs(FOLDER, mode=0o755, exist_ok=True)
        with open(path(f"lose-{name}"), "w") as file:
            json.dump(order, file)
        _run("systemctl", "start", "--no-block", unit(f"lose-{name}"))


def unit(instance: str) -> str:
    """Return the name of systemd's unit for an instance."""
    return f"haproxy-handover@{instance}.service"


def _tell(order: dict[str, Any], count: int) -> None:
    """Keep the count where the metrics are made."""
    with open(count_path(order), "w") as file:
        file.write(f"{count}\n")


def count_path(order: dict[str, Any]) -> str:
    """Return where the flows or packets of this order are counted."""
    return os.path.join(FOLDER, f"count-{order['action']}-{order['name']}")


def path(instance: str) -> str:
    """Return where the order of this instance of the unit is kept."""
    return os.path.join(FOLDER, f"{instance}.json")


def _notify_systemd() -> None:
    """Tell systemd that the order is carried out (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address.replace("@", "\0", 1))


def main(arguments: list[str]) -> None:
    """Run `watch INSTANCE` or `undo INSTANCE`, for systemd; `lose NAME OWN ADDRESS...`, for keepalived."""
    action, instance, *more = arguments
    if action == "lose":
        lose(instance, more[0], more[1:])
        return
    with open(path(instance)) as file:
        order = json.load(file)
    if action == "undo":
        undo(order)
        return
    apply(order)
    _notify_systemd()
    watch(order)


if __name__ == "__main__":
    main(sys.argv[1:])
