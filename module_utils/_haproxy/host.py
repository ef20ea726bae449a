# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the state of a host: distribution, service, user, unit file, limits. Nothing is changed."""

from __future__ import annotations

import hashlib
import pwd
import re
import resource
import socket
import time
from pathlib import Path

from . import commands

SERVICE = "haproxy"
USER = "haproxy"
UNITS = (Path("/etc/systemd/system/haproxy.service"), Path("/etc/systemd/system/haproxy.socket"))

# The service beside HAProxy, which may ask the master, and what the role installs for both.
AGENT_USER = "realtime-edge"
INSTALLED = {
    path.name: path
    for path in (
        *UNITS,
        Path("/etc/tmpfiles.d/haproxy.conf"),
        Path("/etc/systemd/system/realtime-edge-agent.service"),
        Path("/usr/local/libexec/realtime-edge/agent.py"),
    )
}

# Linux's default of fs.nr_open. A container engine or systemd may allow a thousand times more, and HAProxy would
# reserve memory for each descriptor it may ever open.
MOST_FILE_DESCRIPTORS = 1_048_576


def service_state(name: str, *units: Path) -> dict[str, bool]:
    """Return whether the service is `active`, `enabled`, and older than its unit files (`restart_pending`).

    All are false if systemd does not run.
    """
    wanted = "--property=ActiveState,UnitFileState,InactiveExitTimestampMonotonic"
    shown = commands.read_output("systemctl", "show", name, wanted)
    properties = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    active = properties.get("ActiveState") in ("active", "reloading")
    return {
        "active": active,
        "enabled": properties.get("UnitFileState") == "enabled",
        "restart_pending": active
        and any(_unit_is_newer(int(properties.get("InactiveExitTimestampMonotonic") or 0), unit) for unit in units),
    }


def is_main_process(pid: int, proc: Path = Path("/proc")) -> bool:
    """Return whether the process is the main one of its service; True for a process that belongs to no service.

    Another process of the service, such as a worker, is not to be taken for the master.
    """
    try:
        found = re.search(r"/([^/\n]+\.service)$", (proc / str(pid) / "cgroup").read_text(), re.MULTILINE)
    except OSError:  # of another namespace
        return True
    return not found or main_process(found[1]) == pid


def main_process(name: str) -> int:
    """Return the process that systemd started for a service, 0 if there is none."""
    shown = commands.read_output("systemctl", "show", "--property=MainPID", "--", name).strip().partition("=")[2]
    return int(shown) if shown.isdigit() else 0


def listens_for(name: str) -> list[str]:
    """Return the paths and addresses at which systemd listens for a service."""
    shown = commands.read_output("systemctl", "show", "--property=Listen", "--", f"{name}.socket")
    return re.findall(r"^Listen=(.*) \(\w+\)$", shown, re.MULTILINE)


def is_listening(path: str) -> bool:
    """Return whether a process listens at a Unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(path)
    except OSError:
        return False
    return True


def checksum(path: Path) -> str:
    """Return the SHA-1 of a file, as Ansible compares files; empty if there is none."""
    try:
        return hashlib.sha1(path.read_bytes()).hexdigest()  # noqa: S324 # it protects nothing
    except OSError:
        return ""


def has_user(name: str) -> bool:
    """Return whether the host has a user of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def file_descriptors(limits: Path = Path("/proc/1/limits")) -> int:
    """Return how many files a service may open here: the hard limit of process 1, which services inherit."""
    try:
        match = re.search(r"^Max open files +\S+ +(\S+)", limits.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:  # hidden by hidepid, or no /proc at all
        match = None
    hard = match[1] if match else str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return min(int(hard), MOST_FILE_DESCRIPTORS) if hard.isdigit() else MOST_FILE_DESCRIPTORS


def _unit_is_newer(started: int, unit: Path) -> bool:
    """Return whether a service started (`started`: microseconds of the monotonic clock) before its unit file."""
    try:
        written = unit.stat().st_mtime
    except OSError:
        return False
    return time.time() - time.monotonic() + started / 1e6 < written


def read_distribution(os_release: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return `id`, `version` and `codename` of the host from os-release(5), "" for a missing one."""
    try:
        text = os_release.read_text(encoding="utf-8")
    except OSError:
        text = ""
    values = dict(re.findall(r"""^([A-Z_]+)=["']?([^"'\n]*)["']?\s*$""", text, re.MULTILINE))
    return {
        "id": values.get("ID", ""),
        "version": values.get("VERSION_ID", ""),
        "codename": values.get("VERSION_CODENAME", ""),
    }
