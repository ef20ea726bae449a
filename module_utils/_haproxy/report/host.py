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
    return facts
