# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find on the controller what would fail later: misspelled variables, and a host that runs no module."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PREFIX = "haproxy_"
PYTHON = (3, 9)

# Values of what the host says of itself, each in a line, by a shell of any age.
QUESTIONS = (
    "echo uid=$(id -u); test -d /run/systemd/system && echo systemd=yes; "
    "for python in {interpreter} python3 /usr/libexec/platform-python; do "
    "echo python=$(command -v $python) "
    "$($python -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])' 2>/dev/null); "
    "done; sed -n 's/^PRETTY_NAME=/name=/p' /etc/os-release"
)


def find_misspelled(names: Iterable[str], described: set[str], internal: Iterable[str] = ()) -> Iterator[str]:
    """Yield a problem for each variable whose name is nearly that of a described one. Others are somebody's own.

    `internal` are the role's own variables.
    """
    for name in sorted(set(names) - described - set(internal)):
        if name.startswith(PREFIX) and (close := _nearest(name, described)):
            yield f"{name}: the role has no such variable; did you mean {close}?"


def _nearest(name: str, described: set[str]) -> str:
    # Short words are alike by chance, and a longer name is somebody's own: few letters may differ.
    allowed = 1 if len(name) - len(PREFIX) < 6 else 2
    for close in difflib.get_close_matches(name, sorted(described), n=3, cutoff=0.8):
        if _distance(name, close) <= allowed:
            return close
    return ""


def _distance(first: str, second: str) -> int:
    """Return how many letters have to be added, removed, changed or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for at, letter in enumerate(first, 1):
        before, last, row = row, before, [at]
        for to, other in enumerate(second, 1):
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if at > 1 and to > 1 and (letter, first[at - 2]) == (second[to - 2], other):
                cost = min(cost, last[to - 2] + 1)
            row.append(cost)
    return row[-1]


def explain_host(said: str) -> list[str]:
    """Return why no module runs on a host, from its answers to QUESTIONS; nothing if these show no reason."""
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    pythons = re.findall(r"(?m)^python=(\S+) (\d+)\.(\d+)$", said)
    fit = [path for path, major, minor in pythons if (int(major), int(minor)) >= PYTHON]
    name = values.get("name", "this host").strip("\"'")
    problems = []
    if not pythons:
        problems.append(f"this host: there is no Python on {name}; Ansible needs 3.9 or newer: install python3")
    elif pythons[0][0] not in fit:
        path, major, minor = pythons[0]
        instead = f"ansible_python_interpreter: {fit[0]}" if fit else "install a newer one, such as python3.9"
        problems.append(f"this host: {path} is Python {major}.{minor}, and modules need 3.9 or newer: {instead}")
    if problems and values.get("uid") not in (None, "0"):
        problems.append("become: root is needed to set up an edge: become: true, or connect as root")
    if problems and "systemd" not in values:
        problems.append("this host: systemd does not run here, and the service needs it")
    return problems


def describe(problems: Iterable[str]) -> dict[str, Any]:
    """Return the result of a task that fails for these problems."""
    listed = list(problems)
    return {"failed": True, "msg": "\n".join(["Nothing was changed. To mend first:", *listed]), "problems": listed}


def known_variables(specification: Mapping[str, Any]) -> set[str]:
    """Return the variables that the role's argument specification describes."""
    entries = specification.get("argument_specs", {}).values()
    return {name for entry in entries for name in (entry.get("options") or {})}
