# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Report what a host has, and the HAProxy that serves, without changing anything."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from ..binary.version import describe_binary, parse_library, parse_version
from ..build.recipe import host_recipe, host_tls_library
from ..host import (
    AGENT_USER,
    INSTALLED,
    SERVICE,
    UNITS,
    USER,
    checksum,
    file_descriptors,
    has_user,
    is_listening,
    read_distribution,
    service_state,
)
from ..paths import AGENT_SOCKET

BUILD_OPTIONS: dict[str, dict[str, Any]] = {
    "build": {
        "type": "dict",
        "options": {
            "version": {"type": "str", "required": True},
            "checksum": {"type": "str", "required": True},
            "options": {"type": "dict", "default": {}},
            "openssl": {
                "type": "dict",
                "default": {},
                "options": {
                    "version": {"type": "str", "default": ""},
                    "checksum": {"type": "str", "default": ""},
                },
            },
            "prefix": {"type": "path", "default": "/opt/haproxy"},
        },
    },
    "binary": {"type": "path"},
}
"""The options of a module that say which binary is wanted."""


def gather_host(build: dict[str, Any] | None = None, binary: str | None = None) -> dict[str, Any]:
    """Return what `haproxy_info` tells without asking the HAProxy that runs, as documented there.

    `build` (version, checksum, options, openssl, prefix) or `binary` says what is wanted. Raises BuildError for a build
    that can't be.
    """
    facts: dict[str, Any] = {
        "distribution": read_distribution(),
        "architecture": platform.machine(),
        "tls": host_tls_library(),
        "user": has_user(USER) and has_user(AGENT_USER),
        "file_descriptors": file_descriptors(),
        "files": {name: checksum(path) for name, path in INSTALLED.items()},
        "agent": is_listening(AGENT_SOCKET),
        **service_state(SERVICE, *UNITS),
    }
    if build:
        recipe = host_recipe(build["version"], build["checksum"], build["options"], build.get("openssl"))
        facts["fingerprint"] = recipe.fingerprint
        binary = str(recipe.binary(Path(build["prefix"])))
    if binary:
        said = describe_binary(binary)
        version = parse_version(said)
        facts.update(binary=binary, version=version, installed=bool(version), tls_library=parse_library(said))
    return facts
