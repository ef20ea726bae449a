"""The fixtures of all scenarios."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra
from resources.edge import PROJECT, Crowd, Edge, Held, wait_until


@pytest.fixture(scope="session", name="wait_until")
def _wait_until() -> Callable[..., Any]:
    """Lend the function to the tests."""
    return wait_until


@pytest.fixture(scope="module")
def answer(edge: Edge) -> Callable[..., bytes]:
    """What the edge answers to parts of bytes."""
    return edge.answer


@pytest.fixture(scope="module")
def edge(host: Any, tmp_path_factory: pytest.TempPathFactory) -> Edge:
    """The edge under test: once for each host of the group `edges`."""
    return Edge(host, tmp_path_factory.mktemp("edge") / "ca.pem")


@pytest.fixture
def hold(edge: Edge) -> Iterator[Callable[..., Held]]:
    """Hold clients at the edge until the test ends."""
    held: list[Held] = []

    def start(clients: int, transport: str, *options: str) -> Held:
        held.append(edge.hold(clients, transport, *options))
        return held[-1]

    yield start
    for clients in held:
        clients.stop()


@pytest.fixture
def crowd(edge: Edge) -> Iterator[Crowd]:
    """Let nobody come yet."""
    crowd = Crowd(edge)
    yield crowd
    for process in crowd.processes:
        process.kill()


@pytest.fixture
def second_edge(edge: Edge) -> Iterator[Callable[[Callable[[str], str]], Edge]]:
    """Start a second HAProxy with a changed copy of the deployed file, its ports moved; it replaces the last."""
    offset, folder = 20000, "/run/second-edge"

    def stop() -> None:
        edge.host.run("xargs kill < %s/pid; rm -rf %s", folder, folder)

    def start(change: Callable[[str], str]) -> Edge:
        stop()
        text = change(edge.host.file("/etc/haproxy/haproxy.cfg").content_string)
        text = re.sub(r"(?m)^(\s*bind\s+\S*:)(\d+)", lambda bind: f"{bind[1]}{int(bind[2]) + offset}", text)
        text = text.replace("/run/haproxy/", f"{folder}/")
        edge.host.check_output("mkdir -p %s && printf %%s %s > %s/haproxy.cfg", folder, text, folder)
        binary = edge.host.check_output(r"tr '\0' '\n' < /proc/%s/cmdline | head -n 1", edge.worker())
        edge.host.check_output("%s -D -f %s/haproxy.cfg -p %s/pid", binary, folder, folder)
        second = copy.copy(edge)
        second.port, second.sockets = edge.port + offset, folder
        return second

    yield start
    stop()


@pytest.fixture(scope="module")
def nodes(edge: Edge) -> dict[str, Any]:
    """Name → host of the application's nodes."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in edge.variables["groups"]["chat_nodes"]}


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run one of the collection's playbooks with changed variables: the finished process, its output in one line."""

    def run(variables: dict[str, Any], *arguments: str, playbook: str = "site") -> subprocess.CompletedProcess[str]:
        changed = tmp_path_factory.mktemp("play") / "variables.json"
        changed.write_text(json.dumps(variables))
        done = subprocess.run(
            ["ansible-playbook", f"playbooks/{playbook}.yml", "-e", f"@{changed}", *arguments],
            env={
                **os.environ,
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            },
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout = " ".join((done.stdout + done.stderr).split())
        return done

    return run


@pytest.fixture(scope="module")
def key_pairs(edge: Edge) -> list[list[str]]:
    """Two certificates and their keys, for the service's name."""
    make = (
        "cd $(mktemp -d) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=%s -keyout key -out certificate 2>/dev/null && cat certificate && echo --- && cat key"
    )
    return [edge.host.check_output(make, edge.name).split("\n---\n") for _ in range(2)]
