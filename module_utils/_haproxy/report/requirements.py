# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check that a host is one that an edge can be set up on, before anything is installed or written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..commands import read_output
from ..host import read_distribution

# The oldest releases whose packages an edge can be set up with. README says which of them were tried.
DISTRIBUTIONS = {"debian": "12", "ubuntu": "22.04", "rhel": "9", "rocky": "9", "almalinux": "9", "centos": "9"}

# What an installation may need at the most, in MB: the unpacked sources and what is made of them, or packages.
_BUILD, _BUILD_WITH_OPENSSL, _PACKAGE = 400, 1200, 100


class Installation(NamedTuple):
    """What is to be installed: whether it is `missing`, is built here (in `prefix`), and has an OpenSSL of its own."""

    missing: bool
    builds: bool = False
    openssl: bool = False
    prefix: str = "/"

    @property
    def megabytes(self) -> int:
        """Return the space that it needs."""
        return _PACKAGE if not self.builds else _BUILD_WITH_OPENSSL if self.openssl else _BUILD


def check_host(installation: Installation, root: Path = Path("/")) -> Iterator[str]:
    """Yield a problem for each thing that this host lacks; `root` is where its files are."""
    if os.geteuid() != 0:
        yield "become: root is needed to set up an edge: become: true, or connect as root"
    if not (root / "run/systemd/system").is_dir():
        yield "this host: systemd does not run here, and the service needs it"
    yield from _check_distribution(read_distribution(root / "etc/os-release"))
    if installation.missing:
        yield from _check_space(installation)


def find_hints(packaged: bool, root: Path = Path("/")) -> Iterator[str]:
    """Yield what may keep clients or nodes from an edge on this host, with the command that changes it.

    Neither is a problem for certain: a firewall may have these rules already. `packaged`: HAProxy is the
    distribution's, whose domain SELinux confines; a build of the role runs in none.
    """
    selinux = root / "sys/fs/selinux"
    # What counts stands before what waits for a commit.
    allowed = _read(selinux / "booleans/haproxy_connect_any").startswith("1")
    if packaged and _read(selinux / "enforce") == "1" and not allowed:
        yield (
            "SELinux lets HAProxy use the usual ports of HTTP only. For nodes and listeners on others: "
            "setsebool -P haproxy_connect_any on"
        )
    if read_output("systemctl", "is-active", "firewalld").strip() == "active":
        opened = "firewall-cmd --permanent --add-service=http --add-service=https && firewall-cmd --reload"
        yield f"firewalld runs here. To let clients in: {opened}"
    if re.search(r"^ENABLED=yes", _read(root / "etc/ufw/ufw.conf"), re.MULTILINE):
        yield "ufw is on here. To let clients in: ufw allow 80,443/tcp"


def _read(path: Path) -> str:
    """Return the content of a file, empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _check_distribution(found: dict[str, str]) -> Iterator[str]:
    name, oldest = found["id"], DISTRIBUTIONS.get(found["id"])
    if not oldest:
        known = ", ".join(f"{known} {version}" for known, version in DISTRIBUTIONS.items())
        yield f"this host: {name or 'its distribution'} is not supported; these are, and newer ones: {known}"
    elif found["version"] and _number(found["version"]) < _number(oldest):
        yield f"this host: {name} {found['version']} is not supported; {oldest} and newer ones are"


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _check_space(installation: Installation) -> Iterator[str]:
    place = Path(installation.prefix)
    while not place.is_dir():
        place = place.parent
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize // 1_000_000
    if free < installation.megabytes:
        yield f"this host: {free} MB are free below {place}, and the installation may need {installation.megabytes}"
    if disk.f_files and disk.f_favail < 10_000:
        yield f"this host: the file system of {place} has room for {disk.f_favail} more files, which is too few"
