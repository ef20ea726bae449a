# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the version, the features and the TLS library of a HAProxy binary (`haproxy -vv`)."""

from __future__ import annotations

import re
from typing import NamedTuple

from .. import commands

_TIMEOUT = 10


class Ability(NamedTuple):
    """The version, the features and the TLS library of a binary; without a version, the reason why it does not run."""

    version: str = ""
    features: frozenset[str] = frozenset()
    library: str = ""
    reason: str = ""


def read_ability(binary: str) -> Ability:
    """Run `haproxy -vv` and return what the binary supports, or why it does not run."""
    try:
        done = commands.run(binary, "-vv", limit=_TIMEOUT)
    except OSError as error:
        return Ability(reason=str(error))
    version = parse_version(done.stdout)
    if done.status or not version:
        return Ability(reason=(done.stderr or done.stdout).strip())
    listed = re.search(r"^Feature list : (.*)$", done.stdout, re.MULTILINE)
    words = listed[1].split() if listed else []
    features = frozenset(word[1:] for word in words if word.startswith("+"))
    return Ability(version, features, parse_library(done.stdout))


def describe_binary(binary: str) -> str:
    """Return the output of `haproxy -vv` (version, options, TLS library); empty if it does not run or is missing."""
    return commands.read_output(binary, "-vv", limit=_TIMEOUT) if binary else ""


def binary_version(binary: str) -> str:
    """Return the version of a HAProxy binary, such as `3.0.11` or `3.5-dev4`; empty if it is none or does not run."""
    return parse_version(describe_binary(binary))


def parse_version(description: str) -> str:
    """Return the version in the output of `haproxy -vv`, empty if the output is another program's."""
    found = re.match(r"HA-?Proxy version (\d+\.\d+(?:[.]\d+|-dev\d+)?)", description)
    return found[1] if found else ""


def parse_release(version: str) -> tuple[int, ...]:
    """Return major and minor number of a version: `3.0.11-1+deb12u1` is (3, 0). Empty if there is none."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else ()


def parse_library(description: str) -> str:
    """Return the TLS library in the output of `haproxy -vv`, such as `OpenSSL 3.5.7 9 Jun 2026`; empty without one."""
    found = re.search(r"^Running on (?:OpenSSL|SSL library) version : (.*)$", description, re.MULTILINE)
    return found[1].strip() if found else ""


def tls_library(binary: str) -> tuple[str, tuple[int, ...]]:
    """Return name, major and minor version of the TLS library that a binary runs on: `("openssl", (3, 5))`.

    Libraries with OpenSSL's interface have their own names (`aws-lc`, `wolfssl`). Both are empty if unknown.
    """
    words = parse_library(describe_binary(binary))
    other = re.search(r"(?i)(AWS-LC|wolfSSL|LibreSSL|BoringSSL|quictls)", words)
    name = other[1].lower() if other else "openssl" if words.startswith("OpenSSL") else words.partition(" ")[0].lower()
    return name, parse_release(words[other.end() :] if other else words)


def target_version(binary: str, explicit: str = "") -> tuple[int, ...]:
    """Return major and minor version to write for: the binary's, else the explicit one, else a later release's."""
    return parse_release(binary_version(binary) or explicit) or (99, 0)
