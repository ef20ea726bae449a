# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read which certificates are wanted: `haproxy_certificates`, and what services name beyond them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .pem import Bundle, CertificateError, bundle_blocks, bundle_cas, parse_certificate, split_blocks

FIELDS = ("pem", "certificate", "chain", "key", "ca")
"""The values of a certificate's description that hold PEM text, in HAProxy's order; a CA stands alone."""

NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*@+-]{0,199}\Z")
HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")


@dataclass
class RequestedCertificate:
    """A certificate file that should be there. `bundle` is what it should hold, None to leave it or make a stand-in.

    `rsa`: the setting that needs its key to be RSA, empty where any will do.
    With `is_ca` it is what the certificates of clients are checked against. With `absent` it should not be there.
    """

    place: str
    name: str
    hosts: list[str]
    bundle: Bundle | None = None
    rsa: str = ""
    is_ca: bool = False
    absent: bool = False


def read_requested(certificates: Sequence[Mapping[str, Any]], services: Sequence[Any]) -> list[RequestedCertificate]:
    """Read `haproxy_certificates`, and add what `haproxy_services` name beyond them.

    What is no description of a service is passed over: reading services is another room's. Raises CertificateError
    that tells all mistakes.
    """
    found: dict[str, RequestedCertificate] = {}
    errors: list[str] = []
    for number, entry in enumerate(certificates):
        place, name = f"haproxy_certificates[{number}]", str(entry.get("name") or "")
        if not NAME.match(name):
            errors.append(f"{place}.name: {name!r} can't be the name of a file: letters, digits and . _ - + @ * only")
        elif name in found:
            errors.append(f"{place}.name: {name} is already the name of {found[name].place}")
        else:
            absent = entry.get("state") == "absent"
            hosts, is_ca = as_list(entry.get("hosts")), bool(entry.get("ca"))
            found[name] = RequestedCertificate(place, name, hosts, is_ca=is_ca, absent=absent)
            try:
                found[name].bundle = _read_values(place, {part: entry[part] for part in FIELDS if entry.get(part)})
            except CertificateError as error:
                errors.append(str(error))
    for number, service in enumerate(services):
        if not isinstance(service, Mapping):
            continue
        source = "certificate" if service.get("certificate") else "name"
        place = f"haproxy_services[{number}].{source}"
        for name in as_list(service.get(source)):
            if not NAME.match(name):
                errors.append(
                    f"{place}: {name!r} can't be the name of a certificate: letters, digits and . _ - + @ * only"
                )
                continue
            known = found.setdefault(name, RequestedCertificate(place, name, []))
            if known.absent:
                errors.append(f"{place}: {known.place} is to be absent, and this service needs it")
            if known.is_ca:
                errors.append(f"{place}: {known.place} is a CA, and no certificate that a server could show")
            known.hosts += [host for host in as_list(service.get("hosts")) if host not in known.hosts]
        legacy = _legacy_tls(service)
        if NAME.match(legacy):  # what is no name, the services' room tells
            place = f"haproxy_services[{number}].socketio.flash.legacy_tls"
            found.setdefault(legacy, RequestedCertificate(place, legacy, as_list(service.get("hosts")))).rsa = place
        for name in as_list(service.get("client_ca")):
            place = f"haproxy_services[{number}].client_ca"
            if not NAME.match(name):
                errors.append(f"{place}: {name!r} can't be the name of a CA: letters, digits and . _ - + @ only")
            elif not found.setdefault(name, RequestedCertificate(place, name, [], is_ca=True)).is_ca:
                errors.append(f"{place}: {found[name].place} holds no CA: write it as {{name, ca}}")
    if errors:
        raise CertificateError("\n".join(errors))
    return list(found.values())


def _legacy_tls(service: Mapping[str, Any]) -> str:
    """Return the name of the certificate for the Flash movie's own TLS, which knows no other keys than RSA."""
    part: Any = service
    for key in ("socketio", "flash", "legacy_tls"):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, str) else ""


def as_list(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item]


def _read_values(place: str, values: Mapping[str, str]) -> Bundle | None:
    """Read the values of one entry. Raises CertificateError that names the value."""
    if not values:
        return None
    alone = next((part for part in ("pem", "ca") if part in values), "")
    if alone and len(values) > 1:
        others = ", ".join(part for part in values if part != alone)
        holds = "holds certificate and key" if alone == "pem" else "has no certificate of a server beside it"
        raise CertificateError(f"{place}: {alone} {holds}, so leave out {others}")
    missing = [] if alone else [part for part in ("certificate", "key") if part not in values]
    if missing:
        raise CertificateError(f"{place}: {missing[0]} is missing (or write all in one as pem)")
    errors = []
    blocks: list[tuple[str, bytes]] = []
    for part, text in values.items():
        try:
            blocks += _read_value(part, text)
        except ValueError as error:
            errors.append(f"{place}.{part} {error}")
    if errors:
        raise CertificateError("\n".join(errors))
    try:
        return bundle_cas(blocks) if alone == "ca" else bundle_blocks(blocks)
    except ValueError as error:
        raise CertificateError(f"{place}.{alone or 'key'} {error}") from error


def _read_value(part: str, text: str) -> list[tuple[str, bytes]]:
    """Return the PEM blocks of one value. Raises ValueError when they are not what it should hold."""
    blocks = split_blocks(text)
    if not blocks:
        if is_path(text):
            where = "" if text.startswith(("/", "~")) else " (beside the playbook, or from the folder you are in)"
            raise ValueError(f"is neither PEM text nor a PEM file on the controller: {text}{where}")
        kind = "PRIVATE KEY" if part == "key" else "CERTIFICATE"
        raise ValueError(f"is not PEM: there is no -----BEGIN {kind}----- with its END in it")
    certificates = [parse_certificate(content) for kind, content in blocks if kind == "CERTIFICATE"]
    keys = sum(kind.endswith("PRIVATE KEY") for kind, _text in blocks)
    if part == "key" and not keys:
        raise ValueError(f"holds {'a certificate' if certificates else blocks[0][0]}, not a private key")
    if part == "key" and certificates:
        raise ValueError("holds a certificate too: write all in one as pem, without key and certificate")
    if part in ("certificate", "chain", "ca") and keys:
        hint = ": write all in one as pem" if certificates and part != "ca" else ""
        raise ValueError(f"holds a private key{hint}")
    if part in ("certificate", "chain", "ca") and not certificates:
        raise ValueError(f"holds {blocks[0][0]}, not a certificate")
    return blocks


def is_path(text: str) -> bool:
    """Return whether a value that is not PEM can be shown, because it looks like a path and not like a bare key."""
    return bool(re.fullmatch(r"[^\n]{1,255}", text)) and (text.startswith(("/", "~")) or "." in text)
