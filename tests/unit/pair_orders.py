"""A move of an address, and sockets as the kernel lists them: what the tests of several rooms share."""

from __future__ import annotations

import socket
import struct

RECEIVE = {
    "action": "receive",
    "name": "web",
    "addresses": ["10.0.0.10", "fd00::10"],
    "ports": [80, 443],
    "interface": "eth0",
    "via": {"name": "edge1", "ipv4": "10.0.0.11", "ipv6": "fe80::1", "mac": "02:00:00:00:00:01"},
}
LEAVE = {**RECEIVE, "action": "leave", "own": "10.0.0.11"}
LOSE = {**LEAVE, "action": "lose", "limit": 20}


def line(address, port, state, client=bytes(4), client_port=0):
    """Write a line of /proc/net/tcp or tcp6, in this machine's byte order."""
    return f" 0: {spell(address)}:{port:04X} {spell(client)}:{client_port:04X} {state} 0:0"


def spell(address):
    """Write words of 32 bits as the kernel does."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(address) // 4}I", address))


four, six = socket.inet_aton("10.0.0.10"), socket.inet_pton(socket.AF_INET6, "fd00::10")
mapped = socket.inet_pton(socket.AF_INET6, "::ffff:10.0.0.10")
client, client6 = socket.inet_aton("198.51.100.7"), socket.inet_pton(socket.AF_INET6, "2001:db8::7")
SOCKETS = {
    "established": [line(four, 443, "01"), line(six, 443, "01"), line(mapped, 443, "01")],
    "over": [line(four, 443, "06"), line(four, 443, "07")],
    "ended": [
        line(four, 443, "06", client, 40000),
        line(mapped, 443, "06", socket.inet_pton(socket.AF_INET6, "::ffff:198.51.100.7"), 40001),
        line(six, 443, "06", client6, 40002),
    ],
    "other": [line(socket.inet_aton("10.0.0.11"), 443, "01")],
    "any": [
        line(bytes(4), 80, "0A"),
        line(bytes(4), 443, "0A"),
        line(bytes(16), 80, "0A"),
        line(bytes(16), 443, "0A"),
    ],
    "bound": [line(four, 80, "0A"), line(four, 443, "0A")],
}
