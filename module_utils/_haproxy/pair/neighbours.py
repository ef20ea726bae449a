# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the network who has an address: ARP probes (RFC 5227, 2.1.1) and neighbour solicitations (RFC 4861, 4.3)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence

_ARP, _ROUNDS, _SECONDS = 0x0806, 3, 0.4
_ASK, _ANSWER = 1, 2
_SOLICIT, _ADVERTISE, _TARGET_OPTION = 135, 136, 2


def find_strangers(interface: str, own: str, shared: Sequence[str], edges: Sequence[str]) -> dict[str, set[str]]:
    """Return the shared addresses that somebody answers for who is no edge, with the MAC addresses that answer.

    An edge is known by its MAC address answering for the edge's own address too; `own` is this host's.
    """
    answers = ask(interface, own, [*shared, *edges])
    known = {own.lower()}.union(*(answers.get(address, set()) for address in edges))
    found = {address: answers.get(address, set()) - known for address in shared}
    return {address: macs for address, macs in found.items() if macs}


def ask(interface: str, mac: str, addresses: Iterable[str]) -> dict[str, set[str]]:
    """Return the MAC addresses that answer for each address on the network of this interface."""
    answers: dict[str, set[str]] = {}
    listed = [ipaddress.ip_address(address) for address in addresses]
    for exchange, version in ((_arp, 4), (_solicit, 6)):
        wanted = [address.packed for address in listed if address.version == version]
        for target, answer in exchange(interface, bytes.fromhex(mac.replace(":", "")), wanted) if wanted else ():
            answers.setdefault(str(ipaddress.ip_address(target)), set()).add(answer.hex(":"))
    return answers


def _arp(interface: str, mac: bytes, targets: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as link:
        link.bind((interface, _ARP))
        frames = [
            # The sender's address is empty: nobody learns anything from a probe.
            b"\xff" * 6 + mac + struct.pack("!HHHBBH", _ARP, 1, 0x0800, 6, 4, _ASK) + mac + bytes(4) + bytes(6) + target
            for target in targets
        ]
        for frame in _exchange(link, [(frame, None) for frame in frames]):
            operation, sender, address = struct.unpack("!H6s4s", frame[20:32])
            if operation == _ANSWER and address in targets:
                yield address, sender


def _solicit(interface: str, mac: bytes, targets: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as icmp:
        index = socket.if_nametoindex(interface)
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        questions = []
        for target in targets:
            group = socket.inet_ntop(socket.AF_INET6, b"\xff\x02" + bytes(9) + b"\x01\xff" + target[-3:])
            message = struct.pack("!BBHI", _SOLICIT, 0, 0, 0) + target + bytes([1, 1]) + mac
            questions.append((message, (group, 0, 0, index)))
        for message in _exchange(icmp, questions):
            if message[0] == _ADVERTISE and message[8:24] in targets and message[24:25] == bytes([_TARGET_OPTION]):
                yield message[8:24], message[26:32]


def _exchange(
    link: socket.socket, questions: Sequence[tuple[bytes, tuple[str, int, int, int] | None]]
) -> Iterator[bytes]:
    """Ask all questions several times; yield whatever arrives meanwhile."""
    for _round in range(_ROUNDS):
        for message, address in questions:
            if address:
                link.sendto(message, address)
            else:
                link.send(message)
        end = time.monotonic() + _SECONDS
        while (left := end - time.monotonic()) > 0:
            link.settimeout(left)
            try:
                yield link.recv(2048)
            except socket.timeout:
                break
