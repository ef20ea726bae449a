"""Simulate what the remaining edges meet when one of N dies: how fast clients come back, and what that asks of them.

    python tests/bench/reconnect_storm.py                      the table of docs/scale.md
    python tests/bench/reconnect_storm.py 200 2 1.0 killed     sockets, edges, seconds until the address is elsewhere
    python tests/bench/reconnect_storm.py measured             the pair that `make pair` has measured, beside it

Clients are Socket.IO's (reconnectionDelay 1 s, doubled up to 5 s, each time more or less by a half). Where HAProxy was
`killed`, its kernel tells them at once. Where the machine is `silent`, a client of Engine.IO 4 waits for the ping that does
not come: pingInterval 25 s and pingTimeout 20 s after the last one. An edge makes so many handshakes a second, in the order
in which they came; one that is not answered in 20 s is given up and tried again.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

MEASURED = Path(__file__).resolve().parents[2] / ".cache/pair/moves.json"
STORM = "storm: sessions kept, as a browser does"

DELAY, DELAY_MOST, RANDOM, PATIENCE = 1.0, 5.0, 0.5, 20.0
PING_INTERVAL, PING_TIMEOUT = 25.0, 20.0


@dataclass
class Outcome:
    """Seconds after the death at which clients were back; handshakes begun a second, per remaining edge."""

    back: list[float] = field(default_factory=list)
    given_up: int = 0
    begun: dict[tuple[int, int], int] = field(default_factory=dict)

    def after(self, share: float) -> float:
        """When this share of the clients was back."""
        return sorted(self.back)[min(int(len(self.back) * share), len(self.back) - 1)]

    def peak(self) -> int:
        """The most handshakes that began at one edge in one second."""
        return max(self.begun.values())


def delay(attempt: int, chance: random.Random) -> float:
    """How long a client waits before this attempt (socket.io-client, backo2)."""
    return min(DELAY * 2**attempt * (1 + RANDOM * (2 * chance.random() - 1)), DELAY_MOST)


def simulate(sockets: int, edges: int, away: float, rate: float, death: str, seed: int = 1) -> Outcome:
    """Let one of the edges die. `away`: seconds until its address is elsewhere; `rate`: handshakes a second and edge."""
    chance, outcome = random.Random(seed), Outcome()
    free = [0.0] * (edges - 1)
    noticed = {"killed": lambda: 0.0, "silent": lambda: PING_TIMEOUT + PING_INTERVAL * chance.random()}[death]
    events = [(noticed() + delay(0, chance), client, 0) for client in range(sockets // edges)]
    heapq.heapify(events)
    while events:
        now, client, attempt = heapq.heappop(events)
        if now < away:  # nobody is there yet
            heapq.heappush(events, (now + delay(attempt + 1, chance), client, attempt + 1))
            continue
        edge = client % len(free)
        second = (edge, int(now))
        outcome.begun[second] = outcome.begun.get(second, 0) + 1
        done = max(free[edge], now) + 1 / rate
        if done - now > PATIENCE:
            outcome.given_up += 1
            heapq.heappush(events, (now + PATIENCE + delay(attempt + 1, chance), client, attempt + 1))
        else:
            free[edge] = done
            outcome.back.append(done)
    return outcome


def compare() -> None:
    """Print what the pair has done, where one edge had all sockets, and what the simulation of it says."""
    storm = json.loads(MEASURED.read_text(encoding="utf-8"))[STORM]
    found = simulate(2 * storm["sockets"], 2, storm["away"], storm["handshakes"], "killed")
    print("| | sockets cut | handshakes in the busiest second | half back | all back |")
    print("|---|---|---|---|---|")
    print(f"| measured | {storm['sockets']:,} | {storm['handshakes']:,} | {storm['half']} s | {storm['all']} s |")
    print(
        f"| simulated | {storm['sockets']:,} | {found.peak():,} | {found.after(0.5):.1f} s | {found.after(1):.1f} s |"
    )


def main(arguments: list[str]) -> None:
    """Print one line, or a table."""
    if arguments == ["measured"]:
        compare()
        return
    if arguments:
        cases = [(int(arguments[0]), int(arguments[1]), float(arguments[2]), 500.0)]
        deaths = arguments[3:] or ["killed"]
    else:
        sizes = ((10_000, 2), (100_000, 2), (100_000, 4), (1_000_000, 8), (1_000_000, 20))
        cases = [(sockets, edges, 1.0, rate) for sockets, edges in sizes for rate in (500.0, 2_000.0)]
        deaths = ["killed", "silent"]
    print("| sockets | edges | handshakes a second and edge | death | cut | peak | half back | all back | given up |")
    print("|---|---|---|---|---|---|---|---|---|")
    for sockets, edges, away, rate in cases:
        for death in deaths:
            found = simulate(sockets, edges, away, rate, death)
            print(
                f"| {sockets:,} | {edges} | {rate:,.0f} | {death} | {len(found.back):,} | {found.peak():,} "
                f"| {found.after(0.5):.1f} s | {found.after(1):.1f} s | {found.given_up:,} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
