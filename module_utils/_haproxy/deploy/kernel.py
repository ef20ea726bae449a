# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find what the kernel of a host lacks for the connections that an edge promises, and set it, in a file of its own.

A setting is only ever raised, and taken back to what it was before. In a container many are read-only, since they are
its host's: these are told, and left.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..atomic_file import write_atomically
from ..config.promises import Promises
from ..errors import Problems
from ..paths import KERNEL_SETTINGS

# kB of memory for each idle WebSocket, 58 of HAProxy and 8 of the kernel: the most in tests/bench/sockets.py.
CONNECTION_MEMORY = 66

# The part of all connections that begins in one second when the other edge of a pair has died, and waits to be accepted
# (tests/bench/reconnect_storm.py). Older kernels take no longer queue than 65,535.
_STORM = 0.3
_LONGEST_QUEUE = 65_535

# Below are the ports that services listen on.
SOURCE_PORTS = (10_000, 65_535)
PORT_RANGE = "net.ipv4.ip_local_port_range"

_BANNER = "# Managed by Ansible (realtime.edge): what haproxy_kernel has raised, and what it was before.\n"
_LINE = re.compile(r"^# (?P<before>[\d ]+)\n(?P<name>[\w.]+) = (?P<value>[\d ]+)$", re.MULTILINE)


class Setting(NamedTuple):
    """A line of our file, and the value before it."""

    value: str
    before: str


class Kernel(NamedTuple):
    """What a host lacks and will not get, each with its numbers, and what our file is to have.

    `settable`: whether more of it would be set if it was asked for; `read_only`: the lines for who can set them.
    `differs`: whether the file or the kernel has to change.
    """

    lacks: list[str]
    settable: bool
    read_only: list[str]
    settings: dict[str, str]
    differs: bool


def list_needs(promises: Promises) -> dict[str, int]:
    """Return what the kernel has to have, by name; for the range of ports, how many of them."""
    connections = promises.connections
    return {
        "net.core.somaxconn": min(int(connections * _STORM), _LONGEST_QUEUE),
        PORT_RANGE: promises.node_connections,
        # Where connections are tracked: those of both sides. An old worker has no more of them.
        "net.netfilter.nf_conntrack_max": int(connections * 2.2),
        "fs.file-max": int(connections * 2.2),
    }


def compare_kernel(promises: Promises, asked: bool, root: Path = Path("/")) -> Kernel:
    """Return what a host lacks, and what our file is to have where that is `asked` for. `root`: where its files are."""
    lacks, settable, read_only = list(_lacking_memory(promises, root)), False, []
    kept, settings = read_settings(root), {}
    for name, need in list_needs(promises).items():
        current = read_kernel(name, root)
        if not current:  # connections are not tracked, or another kernel
            continue
        raised = _raised(name, need, current)
        writable = os.access(_path(name, root), os.W_OK)
        ours = name in kept and kept[name].value == current  # else somebody has raised it further, and it is theirs
        if asked and writable and (ours or raised != current):
            settings[name] = raised
        if _amount(settings.get(name, current)) < need:
            lacks.append(f"{name} for {need:,}, and it is {current}")
            settable |= not asked and writable
            read_only += [] if writable else [f"{name} = {raised}"]
    set_already = {name: setting.value for name, setting in kept.items()} == settings and all(
        _amount(read_kernel(name, root)) >= _amount(value) for name, value in settings.items()
    )
    return Kernel(lacks, settable, read_only, settings, not set_already)


def describe_lacks(kernel: Kernel, promises: Promises) -> list[str]:
    """Return a warning where a host lacks anything that is not going to be set."""
    if not kernel.lacks:
        return []
    ways = ["set what is the kernel's: haproxy_kernel: true"] if kernel.settable else []
    if kernel.read_only:
        ways.append(f"set what is read-only here (in a container it is its host's): {', '.join(kernel.read_only)}")
    if any(text.startswith(PORT_RANGE) for text in kernel.lacks):
        ways.append("have more nodes, or more `ports` or `sources` of each")
    ways.append("allow fewer connections: haproxy_sections.global.maxconn, haproxy_limits.server_sockets")
    return [
        f"this host lacks what {promises.connections:,} connections need, and the limits of the edge allow as many: "
        f"{'; '.join(kernel.lacks)}. To mend it, {'; or '.join(ways)}"
    ]


def set_kernel(settings: Mapping[str, str], check_mode: bool, root: Path = Path("/")) -> tuple[list[str], list[str]]:
    """Make these all that our file has, and set them now; return what changes, and what the kernel refuses.

    No setting is lowered, but for those that are not ours any more: they get back the value that they had before.
    Raises ConfigurationError, and OSError for a file that cannot be written.
    """
    _check(settings)
    kept, changes, refused = read_settings(root), [], []
    wanted: dict[str, Setting] = {}
    for name, value in settings.items():
        current = read_kernel(name, root)
        before = kept[name].before if name in kept else current
        if _amount(current) < _amount(value):
            changes.append(f"{name}: {current} becomes {value}")
            if not check_mode and (reason := _write_kernel(name, value, root)):
                refused.append(f"{name} = {value}: {reason}")
                continue
        wanted[name] = Setting(value, before)
    for name, setting in kept.items():
        if name not in settings and read_kernel(name, root) == setting.value:
            changes.append(f"{name}: {setting.value} becomes {setting.before} again")
            if not check_mode and (reason := _write_kernel(name, setting.before, root)):
                refused.append(f"{name} = {setting.before}: {reason}")
    if wanted != kept:
        changes.append(f"{KERNEL_SETTINGS}: {', '.join(wanted) or 'removed'}")
        if not check_mode:
            _write_settings(wanted, root)
    return changes, refused


def read_settings(root: Path = Path("/")) -> dict[str, Setting]:
    """Return what our file has, by name; nothing if there is none."""
    text = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (root / KERNEL_SETTINGS[1:]).read_text(encoding="ascii")
    return {found["name"]: Setting(found["value"], found["before"]) for found in _LINE.finditer(text)}


def read_kernel(name: str, root: Path = Path("/")) -> str:
    """Return the value of a setting, empty where the kernel does not have it."""
    try:
        return " ".join(_path(name, root).read_text(encoding="ascii").split())
    except OSError:
        return ""


def _check(settings: Mapping[str, str]) -> None:
    """Raise ConfigurationError for what our file could not have."""
    problems = Problems()
    for name, value in settings.items():
        if not _LINE.match(f"# 0\n{name} = {value}"):
            problems.add(f"settings.{name}", f"the name of a setting and a number is expected, not {value!r}")
    problems.raise_if_any()


def _write_kernel(name: str, value: str, root: Path) -> str:
    """Set a value; return why the kernel refuses it, empty if it does not."""
    try:
        _path(name, root).write_text(value, encoding="ascii")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _write_settings(wanted: Mapping[str, Setting], root: Path) -> None:
    path = root / KERNEL_SETTINGS[1:]
    lines = (f"# {setting.before}\n{name} = {setting.value}\n" for name, setting in wanted.items())
    if wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(str(path), _BANNER + "".join(lines), 0o644)
    else:
        path.unlink()


def _path(name: str, root: Path) -> Path:
    return root / "proc/sys" / name.replace(".", "/")


def _amount(value: str) -> int:
    """Return a setting as a number; of a range of ports, how many they are."""
    numbers = [int(word) for word in value.split() if word.isdigit()]
    return numbers[1] - numbers[0] + 1 if len(numbers) == 2 else sum(numbers)


def _raised(name: str, need: int, current: str) -> str:
    """Return the value that is enough, as far as there is one."""
    if _amount(current) >= need or name != PORT_RANGE:
        return max(current, str(need), key=_amount)
    first, last = map(int, current.split())
    return f"{min(first, SOURCE_PORTS[0])} {max(last, SOURCE_PORTS[1])}"


def _lacking_memory(promises: Promises, root: Path) -> Iterator[str]:
    try:
        total = re.search(r"^MemTotal:\s+(\d+)", (root / "proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return
    need = promises.connections * CONNECTION_MEMORY
    if total and int(total[1]) < need:
        yield f"{need / 1e6:.1f} GB of memory, and it has {int(total[1]) / 1e6:.1f} GB"
