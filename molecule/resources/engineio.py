"""Engine.IO as tests of several scenarios speak it, in the words of the probe."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / ".collections"))

from ansible_collections.realtime.edge.plugins.module_utils.haproxy import probe, wire

PATH = "/socket.io/"

WAYS = ["through the edge", "directly"]

__all__ = ["PATH", "WAYS", "awaited", "probe", "wire"]


def awaited(channel: probe.Channel, start: str) -> str:
    """The next packet that begins like this; pings on the way are answered, other packets are not of interest."""
    while True:
        for packet in channel.receive():
            if packet.startswith(start):
                return packet
            if packet == "2":
                channel.send("3")
