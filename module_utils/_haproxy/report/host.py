# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Report what a host has, and the HAProxy that serves, without changing anything."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from ..binary.version import describe_binary, parse_library, parse_version
from ..build.recipe import host_recipe, host_tls_library
from ..host import (
    SERVICE,
    UNIT,
    USER,
    checksum,
    file_descriptors,
    has_user,
    read_distribution,
    service_state,
)
from ..paths import CONFIGURATION, MASTER_SOCKET


def gather_host(
    build: dict[str, Any] | None = None,
    binary: str | None = None,
    live: bool = False,
    master: str = MASTER_SOCKET,
    path: str = CONFIGURATION,
) -> dict[str, Any]:
    """Return everything `haproxy_info` tells, as documented there.

    `build` (version, checksum, options, openssl, prefix) or `binary` says what is wanted; `live` asks the one that
    runs, through the socket `master`, and looks beside its configuration file `path`. Raises BuildError for a build
    that can't be.
    """
    facts: dict[str, Any] = {
        "distribution": read_distribution(),
        "architecture": platform.machine(),
        "tls": host_tls_library(),
        "user": has_user(USER),
        "file_descriptors": file_descriptors(),
        "unit": checksum(UNIT),
        **service_state(SERVICE, UNIT),
    }
    if build:
        recipe = host_recipe(build["version"], build["checksum"], build["options"], build.get("openssl"))
        facts["fingerprint"] = recipe.fingerprint
        binary = str(recipe.binary(Path(build["prefix"])))
    if binary:
        said = describe_binary(binary)
        version = parse_version(said)
        facts.update(binary=binary, version=version, installed=bool(version), tls_library=parse_library(said))
    if live:
        from . import status  # every run of the role asks the rest, and need not wait for this

        facts["live"] = status.read_live(master, path)
    return facts
