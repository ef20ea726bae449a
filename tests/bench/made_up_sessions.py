"""A million made-up session ids at the demo's edge: what they cost it, and what its honest users notice.

Needs the demo (make demo). With a number, so many instead: python tests/bench/made_up_sessions.py 50000
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "molecule" / "resources" / "clients"
EDGE, URL = "demo-edge1", "https://10.213.1.10"
USERS, QUESTIONS = 40, 10

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect("/run/haproxy/admin.sock")
    s.sendall(sys.argv[1].encode() + b"\\n")
    s.shutdown(socket.SHUT_WR)
    print(s.makefile().read())
"""


def on_edge(*command: str) -> str:
    """What a command says there."""
    done = subprocess.run(["docker", "exec", EDGE, *command], check=True, capture_output=True, text=True)
    return done.stdout


def ask(question: str) -> str:
    """What the Runtime API says."""
    return on_edge("python3", "-c", ASK, question)


def state() -> tuple[int, int, int]:
    """Session ids in the table, how many fit, and the worker's memory in MB."""
    table = re.search(r"size:(\d+), used:(\d+)", ask("show table affinity/chat"))
    worker = re.search(r"^Pid: (\d+)", ask("show info"), re.MULTILINE)
    if not table or not worker:
        raise SystemExit("the demo's edge has no table of sessions")
    memory = on_edge("ps", "-o", "rss=", "-p", worker[1])
    return int(table[2]), int(table[1]), int(memory) // 1024


def client(script: str, *arguments: str) -> list[str]:
    """How to run a client at the demo."""
    return ["node", str(CLIENTS / script), "--url", URL, "--insecure", *arguments]


def main() -> int:
    """Print the table; status 1 where an honest user noticed anything, or an id was remembered."""
    if subprocess.run(["docker", "inspect", EDGE], capture_output=True, check=False).returncode:
        print("not measured: the demo is not there (make demo)")
        return 0
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    holding = client("hold.js", "--clients", str(USERS), "--transport", "polling")
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as users:
        events = [json.loads(users.stdout.readline()) for _ in range(USERS)]
        used, size, memory = state()
        began = time.monotonic()
        flood = client("flood.js", "--requests", str(count), "--connections", "20")
        answers = subprocess.run(flood, check=True, capture_output=True, text=True).stdout.strip()
        seconds = time.monotonic() - began
        used_after, _size, memory_after = state()
        users.stdin.write("ping\n" * QUESTIONS)
        users.stdin.flush()
        while sum(event["event"] == "ping" for event in events) < QUESTIONS:
            events.append(json.loads(users.stdout.readline()))
        users.communicate("stop\n")
    answered = sum(event["answered"] for event in events if event["event"] == "ping")
    lost = sum(event["event"] in ("disconnect", "reconnect") for event in events)
    print(f"{count} made-up ids in {seconds:.0f} s ({count / seconds:.0f} a second), answered: {answers}")
    print(f"{'':24}{'before':>10}{'after':>10}{'ratio':>8}")
    print(f"{f'ids in the table ({size})':24}{used:>10}{used_after:>10}{used_after / max(used, 1):>8.2f}")
    print(f"{'memory of the worker, MB':24}{memory:>10}{memory_after:>10}{memory_after / memory:>8.2f}")
    print(f"honest users: {USERS}, lost: {lost}; {answered} of {QUESTIONS * USERS} of their questions answered")
    return 0 if not lost and used_after <= used and answered == QUESTIONS * USERS else 1


sys.exit(main())
