# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read which certificates are wanted: `haproxy_certificates`, and what services name beyond them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Problems
from ..services.definition import CERTIFICATE_NAME, Service
from .pem import Bundle, CertificateError, bundle_blocks, bundle_cas, parse_certificate, split_blocks

FIELDS = ("pem", "certificate", "chain", "key", "ca")
"""The keys of an entry that hold PEM text, in HAProxy's order; a CA stands alone."""

HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")


@dataclass
class RequestedCertificate:
    """A certificate file that should be there.

    `bundle` is what it should hold, None to keep what is there or to make a self-signed placeholder. `rsa` is the YAML
    path of the setting that needs its key to be RSA, empty where any key will do. `is_ca`: it is what the certificates
    of clients are checked against. `absent`: it should not be there.
    """

    yaml_path: str
    name: str
    hosts: list[str]
    bundle: Bundle | None = None
    rsa: str = ""
    is_ca: bool = False
    absent: bool = False


_Found = dict[str, RequestedCertificate]


def read_requested(
    certificates: Sequence[Mapping[str, Any]], services: Sequence[Service]
) -> list[RequestedCertificate]:
    """Read `haproxy_certificates`, and add what services name beyond. Raises CertificateError with all problems."""
    problems = Problems()
    found = _read_certificates(certificates, problems)
    for service in services:
        _add_own(service, found, problems)
        _add_legacy_tls(service, found)
        _add_client_ca(service, found, problems)
    problems.raise_if_any(CertificateError)
    return list(found.values())


def _read_certificates(certificates: Sequence[Mapping[str, Any]], problems: Problems) -> _Found:
    found: _Found = {}
    for number, entry in enumerate(certificates):
        at, name = f"haproxy_certificates[{number}]", str(entry.get("name") or "")
        if not CERTIFICATE_NAME.match(name):
            problems.add(f"{at}.name", f"{name!r} cannot name a file: use letters, digits and . _ - + @ * only")
        elif name in found:
            problems.add(f"{at}.name", f"{name} is already the name of {found[name].yaml_path}")
        else:
            hosts, absent = list(entry.get("hosts") or ()), entry.get("state") == "absent"
            found[name] = RequestedCertificate(at, name, hosts, is_ca=bool(entry.get("ca")), absent=absent)
            try:
                found[name].bundle = _read_values(at, {part: entry[part] for part in FIELDS if entry.get(part)})
            except CertificateError as error:
                problems.extend(error.problems)
    return found


def _add_own(service: Service, found: _Found, problems: Problems) -> None:
    at = f"{service.yaml_path}.{'name' if service.certificates == (service.name,) else 'certificate'}"
    for name in service.certificates:
        known = found.setdefault(name, RequestedCertificate(at, name, []))
        if known.absent:
            problems.add(at, f"{known.yaml_path} is to be absent, but this service needs it")
        if known.is_ca:
            problems.add(at, f"{known.yaml_path} is a CA, not the certificate of a server")
        known.hosts += [host for host in service.hosts if host not in known.hosts]


def _add_legacy_tls(service: Service, found: _Found) -> None:
    """Add the certificate for the Flash movie's own TLS, which knows no other keys than RSA."""
    if name := service.legacy_tls:
        at = f"{service.yaml_path}.socketio.flash.legacy_tls"
        found.setdefault(name, RequestedCertificate(at, name, list(service.hosts))).rsa = at


def _add_client_ca(service: Service, found: _Found, problems: Problems) -> None:
    if name := service.client_ca:
        at = f"{service.yaml_path}.client_ca"
        known = found.setdefault(name, RequestedCertificate(at, name, [], is_ca=True))
        if not known.is_ca:
            problems.add(at, f"{known.yaml_path} holds no CA: write it as {{name, ca}}")


def _read_values(yaml_path: str, values: Mapping[str, str]) -> Bundle | None:
    """Read the values of one entry, None where there are none. Raises CertificateError with all problems."""
    if not values:
        return None
    alone = next((part for part in ("pem", "ca") if part in values), "")
    _check_combination(yaml_path, values, alone)
    problems = Problems()
    blocks: list[tuple[str, bytes]] = []
    for part, text in values.items():
        try:
            blocks += _read_value(part, text)
        except ValueError as error:
            problems.extend([f"{yaml_path}.{part} {error}"])
    problems.raise_if_any(CertificateError)
    try:
        return bundle_cas(blocks) if alone == "ca" else bundle_blocks(blocks)
    except ValueError as error:
        raise CertificateError(f"{yaml_path}.{alone or 'key'} {error}") from error


def _check_combination(yaml_path: str, values: Mapping[str, str], alone: str) -> None:
    """Check which values an entry has; `alone` is the one that goes with no other, if it is there."""
    if alone and len(values) > 1:
        others = ", ".join(part for part in values if part != alone)
        holds = "holds certificate and key" if alone == "pem" else "is no certificate of a server"
        raise CertificateError(f"{yaml_path}: {alone} {holds}, so leave out {others}")
    missing = [] if alone else [part for part in ("certificate", "key") if part not in values]
    if missing:
        raise CertificateError(f"{yaml_path}: {missing[0]} is missing (or write all in one as pem)")


def _read_value(part: str, text: str) -> list[tuple[str, bytes]]:
    """Return the PEM blocks of one value. Raises ValueError when they are not what it should hold."""
    blocks = split_blocks(text)
    if not blocks:
        raise ValueError(_why_no_pem(part, text))
    certificates = sum(kind == "CERTIFICATE" for kind, _content in blocks)
    for kind, content in blocks:
        if kind == "CERTIFICATE":
            parse_certificate(content)
    keys = sum(kind.endswith("PRIVATE KEY") for kind, _content in blocks)
    if part == "key":
        if not keys:
            raise ValueError(f"holds {'a certificate' if certificates else blocks[0][0]}, not a private key")
        if certificates:
            raise ValueError("holds a certificate too: write all in one as pem, without key and certificate")
    elif part != "pem":
        if keys:
            hint = ": write all in one as pem" if certificates and part != "ca" else ""
            raise ValueError(f"holds a private key{hint}")
        if not certificates:
            raise ValueError(f"holds {blocks[0][0]}, not a certificate")
    return blocks


def _why_no_pem(part: str, text: str) -> str:
    if is_path(text):
        where = "" if text.startswith(("/", "~")) else " (beside the playbook, or in the current folder)"
        return f"is neither PEM text nor a PEM file on the controller: {text}{where}"
    kind = "PRIVATE KEY" if part == "key" else "CERTIFICATE"
    return f"is not PEM: it has no -----BEGIN {kind}----- with its END"


def is_path(text: str) -> bool:
    """Return whether a value that is not PEM can be shown, because it looks like a path and not like a bare key."""
    return bool(re.fullmatch(r"[^\n]{1,255}", text)) and (text.startswith(("/", "~")) or "." in text)
