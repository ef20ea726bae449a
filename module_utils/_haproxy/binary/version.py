# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the version and the TLS library of a HAProxy binary (`haproxy -vv`)."""

from __future__ import annotations

import re
import subprocess


def describe_binary(binary: str) -> str:
    """What `haproxy -vv` says: version, options, TLS library; empty where there is no binary, or it can't be run."""
    if not binary:
        return ""
    try:
        said = subprocess.run(
            [binary, "-vv"], capture_output=True, text=True, errors="replace", timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout if said.returncode == 0 else ""


def binary_version(binary: str) -> str:
    """The version a HAProxy binary says it has, such as `3.0.11` or `3.5-dev4`; empty if it can't be run or is none."""
    return parse_version(describe_binary(binary))


def parse_version(said: str) -> str:
    """The version in the words of `about`, empty if they are another program's."""
    found = re.match(r"HA-?Proxy version (\d+\.\d+(?:[.]\d+|-dev\d+)?)", said)
    return found[1] if found else ""


def parse_library(said: str) -> str:
    """The TLS library in the words of `about`, such as `OpenSSL 3.5.7 9 Jun 2026`; empty where there is none."""
    found = re.search(r"^Running on (?:OpenSSL|SSL library) version : (.*)$", said, re.MULTILINE)
    return found[1].strip() if found else ""


def tls_library(binary: str) -> tuple[str, tuple[int, ...]]:
    """Name and major and minor version of the TLS library a HAProxy binary runs on: `("openssl", (3, 5))`.

    Others that offer OpenSSL's interface go by their own names (`aws-lc`, `wolfssl`); empty where it can't be told.
    """
    words = parse_library(describe_binary(binary))
    other = re.search(r"(?i)(AWS-LC|wolfSSL|LibreSSL|BoringSSL|quictls)", words)
    number = re.search(r"(\d+)\.(\d+)", words[other.end() :] if other else words)
    name = other[1].lower() if other else "openssl" if words.startswith("OpenSSL") else words.partition(" ")[0].lower()
    return name, (int(number[1]), int(number[2])) if number else ()


def target_version(binary: str, stated: str = "") -> tuple[int, ...]:
    """Major and minor version to write for: the binary's, else the stated one, else that of a version to come."""
    found = re.match(r"(\d+)\.(\d+)", binary_version(binary) or stated)
    return tuple(int(number) for number in found.groups()) if found else (99, 0)
