"""Sockets that talk while the edge changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest


class Crowd:
    """Processes of molecule/resources/clients/numbered.js, each with many clients."""

    def __init__(self, edge: Any) -> None:
        self.edge = edge
        self.processes: list[subprocess.Popen[str]] = []

    def come(self, clients: int, host: str, transport: str, *more: str) -> None:
        """Start this many, and wait until all are connected."""
        options = ["--insecure", "--clients", str(clients), "--transport", transport, "--timeout", "60", *more]
        command = self.edge.command("numbered.js", *options)
        command[command.index("--host") + 1] = host
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.processes.append(subprocess.Popen(command, text=True, **pipes))
        assert json.loads(self.processes[-1].stdout.readline()).get("ready")

    def observed(self) -> list[dict[str, Any]]:
        """End them, and say what each process has observed."""
        said = [process.communicate(timeout=120)[0] for process in self.processes]
        return [json.loads(output.splitlines()[-1]) for output in said]


@pytest.fixture
def crowd(edge: Any) -> Iterator[Crowd]:
    """Nobody yet."""
    crowd = Crowd(edge)
    yield crowd
    for process in crowd.processes:
        process.kill()
