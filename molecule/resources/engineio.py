"""Engine.IO as tests of several scenarios speak it, in the words of the probe."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / ".collections"))


from ansible_collections.realtime.edge.plugins.module_utils._haproxy.probe.client import Client
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.probe.engineio import (
    GENERATIONS,
    Channel,
    EngineIO3,
    PollingChannel,
    SocketChannel,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.probe.target import (
    ProbeError,
    make_context,
    read_target,
)

PATH = "/socket.io/"

WAYS = ["through the edge", "directly"]

__all__ = [
    "GENERATIONS",
    "PATH",
    "WAYS",
    "Client",
    "EngineIO3",
    "PollingChannel",
    "ProbeError",
    "SocketChannel",
    "awaited",
    "make_context",
    "read_target",
]


def awaited(channel: Channel, start: str) -> str:
    """The next packet that begins like this; pings on the way are answered, other packets are not of interest."""
    while True:
        for packet in channel.receive():
            if packet.startswith(start):
                return packet
            if packet == "2":
                channel.send("3")
