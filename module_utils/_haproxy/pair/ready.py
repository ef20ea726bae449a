#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell keepalived whether HAProxy's worker is ready: a program that the role installs, and that runs all the time.

It asks the worker over its own socket: a worker that is killed, hangs or drains is not ready, whatever the process list
says. keepalived watches the file that this writes (`0` ready, `1` not); its own scripts run once a second at most.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import time


def is_ready(path: str, timeout: float) -> bool:
    """Return whether the worker behind this socket answers in time, and takes new connections."""
    limit = time.monotonic() + timeout
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as worker:
            worker.settimeout(timeout)
            worker.connect(path)
            worker.sendall(b"show info\n")
            while True:
                worker.settimeout(max(limit - time.monotonic(), 0.001))
                more = worker.recv(65536)
                if not more:
                    break
                answer += more
    except OSError:
        return False
    return bool(re.search(rb"^Stopping: 0$", answer, re.MULTILINE))


def write(path: str, ready: bool) -> None:
    """Replace the content in place: keepalived watches this file, not its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "w") as file:
        file.write("0\n" if ready else "1\n")


def watch(worker: str, path: str, interval: float, timeout: float, rise: int) -> None:
    """Ask for ever. One failure is enough to be not ready; `rise` answers in a row are needed to be ready again."""
    answers, told = rise, None
    while True:
        answers = answers + 1 if is_ready(worker, timeout) else 0
        ready = answers >= rise
        if ready != told and (ready or not answers):
            write(path, ready)
            print("HAProxy's worker is ready" if ready else "HAProxy's worker is not ready", flush=True)
            told = ready
        time.sleep(interval)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Tell keepalived whether HAProxy's worker is ready")
    parser.add_argument("--socket", default="/run/haproxy/admin.sock")
    parser.add_argument("--file", default="/run/realtime-edge/not-ready")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two questions")
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds for an answer")
    parser.add_argument("--rise", type=int, default=5, help="answers in a row after a failure")
    given = parser.parse_args()
    watch(given.socket, given.file, given.interval, given.timeout, given.rise)


if __name__ == "__main__":
    main()
