#!/usr/bin/env python3
"""The run that people do most, the one that changes nothing: its time beside a bare `ping`, and beside other roles.

Other roles are given by path, `ROLES=PATH:PATH make bench BENCH=role`, with their variables, if any, in `PATH.yml`. Each has a
machine of its own, a container; all use the same connection, and take turns in one run. Last, the size of what each of our
modules sends to a host.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
COLLECTION = PROJECT / ".collections/ansible_collections/realtime/edge"
RESOURCES = PROJECT / "molecule" / "resources"
ROUNDS = 5
SETTINGS: dict[str, Any] = {
    "haproxy_install_method": "package",
    "haproxy_services": [{"name": "chat", "servers": ["10.213.19.21:3000", "10.213.19.22:3000"]}],
}


def run(*command: str) -> tuple[float, str]:
    """Seconds and output of a command that has to succeed."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "false"}
    began = time.monotonic()
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - began, done.stdout


def playbooks(folder: Path, roles: list[Path]) -> dict[str, Path]:
    """A playbook for a bare ping, our role and each other role: name → file."""
    plays: dict[str, dict[str, Any]] = {
        "ping": {"hosts": "bench-role-0", "tasks": [{"name": "Ping", "ansible.builtin.ping": None}]},
        "ours": {"hosts": "bench-role-0", "roles": ["realtime.edge.haproxy"], "vars": SETTINGS},
    }
    for number, role in enumerate(roles, 1):
        variables = role.with_name(f"{role.name}.yml")
        known = yaml.safe_load(variables.read_text(encoding="utf-8")) if variables.is_file() else {}
        # What a role does without facts is its own choice: they are gathered, as by default.
        facts = {} if known.get("gather_facts", True) else {"gather_facts": False}
        plays[role.name] = {"hosts": f"bench-role-{number}", "roles": [str(role)], "vars": known, **facts}
    for name, play in plays.items():
        if name in ("ping", "ours"):
            play["gather_facts"] = False
        (folder / f"{name}.yml").write_text(json.dumps([{"name": name, "become": True, **play}]), encoding="utf-8")
    return {name: folder / f"{name}.yml" for name in plays}


@contextmanager
def machines(folder: Path, count: int) -> Iterator[Path]:
    """The inventory of this many machines, which are there as long as they are needed."""
    hosts = {f"bench-role-{number}": {"haproxy_address": f"10.213.19.1{number}"} for number in range(count)}
    variables = {
        "ansible_connection": "community.docker.docker",
        "ansible_user": "root",
        "container_network": "realtime-edge-bench-role",
        "container_subnet": "10.213.19.0/24",
        "container_image": "realtime-edge/debian:bookworm",
    }
    inventory = folder / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
    try:
        run("ansible-playbook", "-i", str(inventory), str(RESOURCES / "create.yml"))
        yield inventory
    finally:
        run("ansible-playbook", "-i", str(inventory), str(RESOURCES / "destroy.yml"))


def measure(inventory: Path, plays: dict[str, Path]) -> dict[str, float]:
    """Median seconds of each playbook, of runs that take turns. Stops where a run changes something."""
    # A role may take it for granted that the machine knows its packages.
    run("ansible", "all", "-i", str(inventory), "-m", "ansible.builtin.apt", "-a", "update_cache=true")
    for file in plays.values():
        run("ansible-playbook", "-i", str(inventory), str(file))
    seconds: dict[str, list[float]] = {name: [] for name in plays}
    for _round in range(ROUNDS):
        for name, file in plays.items():
            took, said = run("ansible-playbook", "-i", str(inventory), str(file))
            if changed := re.search(r"changed=([1-9]\d*)", said):
                raise SystemExit(
                    f"error: {name} changed {changed[1]} things in a run that should change nothing:\n{said}"
                )
            seconds[name].append(took)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def payload(module: str) -> int:
    """Bytes that Ansible sends to a host to run one of our modules."""
    from ansible.executor import module_common
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

    built = module_common.modify_module(
        module_name=f"ansible_collections.realtime.edge.plugins.modules.{module}",
        module_path=str(COLLECTION / f"plugins/modules/{module}.py"),  # its place says what it imports
        module_args={},
        templar=Templar(DataLoader(), variables={}),
        task_vars={"ansible_python_interpreter": "/usr/bin/python3"},
        module_compression="ZIP_DEFLATED",
    )
    return len(built.b_module_data)


def main() -> None:
    """Measure, and print tables."""
    roles = [Path(path).resolve() for path in filter(None, os.environ.get("ROLES", "").split(":"))]
    if missing := [str(role) for role in roles if not role.is_dir()]:
        sys.exit(f"error: ROLES: there is no role at {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plays = playbooks(folder, roles)
        with machines(folder, len(roles) + 1) as inventory:
            taken = measure(inventory, plays)
    others = {name: seconds for name, seconds in taken.items() if name not in ("ping", "ours")}
    best = min(others.values(), default=0.0)
    print("\nunchanged run, median of", ROUNDS)
    for name, seconds in taken.items():
        beside = f", {seconds / best:.2f} of the fastest other role" if best else ""
        print(f"  {name:<24} {seconds:6.2f} s, {seconds / taken['ping']:.2f} of a ping{beside}")
    print("\nbytes of each module")
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(PROJECT / ".collections")])
    for path in sorted((PROJECT / "library").glob("*.py")):
        print(f"  {path.stem:<24} {payload(path.stem):>9,}")


if __name__ == "__main__":
    main()
