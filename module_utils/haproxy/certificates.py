# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates as HAProxy reads them: server certificate, chain and private key in one PEM file.

Everything is checked before anything is written, and all mistakes are told at once. No message, result or difference
shows a key, or any text that could be one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import difflib
import grp
import hashlib
import ipaddress
import os
import re
import ssl
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

FIELDS = ("pem", "certificate", "chain", "key", "authority")
"""The values of a certificate's description that hold PEM text, in HAProxy's order; an authority stands alone."""

STAND_IN = "realtime.edge stand-in"
"""The organisation in the subject of the self-signed certificates made here, which tells them from all others."""

STAND_IN_DAYS = 365
SOON = datetime.timedelta(days=14)
"""When it is time to warn of an expiry: renewal by ACME is a month before it."""

STAND_IN_LIFE = datetime.timedelta(days=STAND_IN_DAYS)

NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._*@+-]{0,199}\Z")
HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


# What OpenSSL says of dates: not yet valid, expired (X509_V_ERR_CERT_...).
_DATES = (9, 10)

# The identifier rsaEncryption in DER (RFC 8017, appendix C).
_RSA_KEY = bytes.fromhex("06092a864886f70d010101")


class CertificateError(Exception):
    """What is wrong, one line a mistake, in words for the person who wrote the variables."""


# --- Reading certificates --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself (RFC 5280, section 4.1). Times are in UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    fingerprint: str
    rsa: bool = False

    @property
    def stand_in(self) -> bool:
        """Return whether this is one of the self-signed certificates made here."""
        return self.subject == self.issuer and f"O={STAND_IN}" in self.subject.split(", ")

    def covers(self, host: str) -> bool:
        """Return whether the certificate is valid for a host name or address (RFC 6125, section 6.4.3)."""
        host = host.lower().rstrip(".")
        return any(name in (host, "*." + host.partition(".")[2]) for name in map(str.lower, self.names))


@dataclass(frozen=True)
class Bundle:
    """The content of one certificate file. `certificates` starts with the server's own."""

    text: str
    certificates: tuple[Certificate, ...]

    @property
    def own(self) -> Certificate:
        """Return the server's certificate."""
        return self.certificates[0]


def describe(der: bytes) -> Certificate:
    """Read a certificate in DER. Raises ValueError when it is none.

    The standard library offers no way to read a certificate that it was not shown by a peer, and the host may have
    no openssl command: so the few fields of interest are read here.
    """
    try:
        _tag, certificate = next(_elements(der))
        _tag, to_be_signed = next(_elements(certificate))
        fields = [element for element in _elements(to_be_signed) if element[0] != 0xA0]  # without the version
        issuer, validity, subject = (content for _tag, content in fields[2:5])
        extensions = next((content for tag, content in fields if tag == 0xA3), b"")
        not_before, not_after = (_time(tag, content) for tag, content in _elements(validity))
        alternatives = tuple(_alternative_names(extensions))
        common_name = [value for kind, value in _name(subject) if kind == "CN"]
    except (IndexError, StopIteration, ValueError) as error:
        raise ValueError("is no certificate") from error
    return Certificate(
        subject=", ".join(f"{kind}={value}" for kind, value in _name(subject)),
        issuer=", ".join(f"{kind}={value}" for kind, value in _name(issuer)),
        names=alternatives or tuple(common_name),
        not_before=not_before,
        not_after=not_after,
        fingerprint=hashlib.sha256(der).hexdigest(),
        rsa=_RSA_KEY in fields[5][1],
    )


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element in `data` (X.690, section 8.1)."""
    position = 0
    while position < len(data):
        tag, size = data[position], data[position + 1]
        position += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[position : position + count], "big")
            position += count
        if position + size > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[position : position + size]
        position += size


ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}


def _name(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a distinguished name that people know (RFC 5280, section 4.1.2.4)."""
    for _tag, attributes in _elements(data):
        for _tag, attribute in _elements(attributes):
            (_tag, kind), (tag, value) = _elements(attribute)
            if kind in ATTRIBUTES:
                yield ATTRIBUTES[kind], value.decode("utf-16-be" if tag == 0x1E else "utf-8", "replace")


def _alternative_names(data: bytes) -> Iterator[str]:
    """Yield the host names and addresses of the extension subjectAltName (RFC 5280, section 4.2.1.6)."""
    for _tag, extensions in _elements(data):
        for _tag, extension in _elements(extensions):
            parts = list(_elements(extension))
            if parts[0][1] == b"\x55\x1d\x11":
                for _tag, names in _elements(parts[-1][1]):
                    for tag, content in _elements(names):
                        if tag == 0x82:
                            yield content.decode("ascii", "replace")
                        elif tag == 0x87:
                            yield str(ipaddress.ip_address(content))


def _time(tag: int, content: bytes) -> datetime.datetime:
    """Read a time; years of two digits are 1950 to 2049 (RFC 5280, section 4.1.2.5)."""
    text = content.decode("ascii")
    if tag == 0x17:
        text = ("19" if text >= "50" else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _blocks(text: str) -> list[tuple[str, bytes]]:
    """Return kind and content of each PEM block, wherever its lines end. Raises ValueError for a damaged one."""
    found = []
    for kind, body in PEM.findall(text):
        if kind == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in body:
            raise ValueError(
                "is encrypted with a passphrase, which HAProxy can't ask for: decrypt it (openssl pkey) and keep it in "
                "Ansible Vault"
            )
        try:
            found.append((kind, base64.b64decode("".join(body.split()), validate=True)))
        except binascii.Error as error:
            raise ValueError(f"is damaged: what is between BEGIN {kind} and END {kind} is not base64") from error
    return found


def _pem(kind: str, content: bytes) -> str:
    encoded = base64.b64encode(content).decode("ascii")
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def bundle(blocks: Sequence[tuple[str, bytes]]) -> Bundle:
    """Put PEM blocks in HAProxy's order: certificates as they come, key, Diffie-Hellman parameters.

    Raises ValueError when there is no certificate, not one key, or they don't belong together.
    """
    certificates = [content for kind, content in blocks if kind == "CERTIFICATE"]
    keys = [(kind, content) for kind, content in blocks if kind.endswith("PRIVATE KEY")]
    if not certificates:
        raise ValueError("holds no certificate")
    if len(keys) != 1:
        raise ValueError(f"holds {len(keys) or 'no'} private key{'s' if keys else ''}, expected one")
    described = tuple(describe(content) for content in certificates)
    fault = _fault(certificates[0], keys[0])
    if fault == "mismatch":
        fault = f"holds a key that doesn't belong to its certificate ({described[0].subject})"
        for number, certificate in enumerate(certificates[1:], 2):
            if not _fault(certificate, keys[0]):
                fault += (
                    f", but to certificate number {number} in it ({described[number - 1].subject}): put that one first"
                )
    if fault:
        raise ValueError(fault)
    parameters = [(kind, content) for kind, content in blocks if kind == "DH PARAMETERS"]
    ordered = [*(("CERTIFICATE", content) for content in certificates), *keys, *parameters]
    return Bundle("".join(_pem(*block) for block in ordered), described)


def read(text: str) -> Bundle:
    """Read the text of a certificate file. Raises ValueError as `bundle` does."""
    return bundle(_blocks(text))


def authority(blocks: Sequence[tuple[str, bytes]]) -> Bundle:
    """Put the certificates of authorities into one file, as `ca-file` takes it.

    Raises ValueError where there is something else, such as a key, which is nobody's business here.
    """
    others = sorted({kind for kind, _content in blocks} - {"CERTIFICATE"})
    if others:
        raise ValueError(f"holds {' and '.join(others)}; an authority is known by its certificate alone")
    if not blocks:
        raise ValueError("holds no certificate")
    described = tuple(describe(content) for _kind, content in blocks)
    return Bundle("".join(_pem(*block) for block in blocks), described)


def _fault(certificate: bytes, key: tuple[str, bytes]) -> str:
    """Return why the TLS library refuses the pair: empty, "mismatch" or a sentence.

    The library reads files only: this one is in memory, so that the key never reaches a disk or another process.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # what is strong enough, HAProxy's own settings decide
    with _readable(_pem("CERTIFICATE", certificate) + _pem(*key)) as path:
        try:
            context.load_cert_chain(path, password="")  # "": never ask at a terminal
        except ssl.SSLError as error:
            if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
                return "mismatch"
            return f"can't be read by the TLS library ({error.reason or error.strerror})"
        except (OSError, ValueError) as error:
            return f"can't be read by the TLS library ({error})"
    return ""


@contextlib.contextmanager
def _readable(text: str) -> Iterator[str]:
    """A path where the TLS library finds a text that is in memory alone."""
    with open(os.memfd_create("pair"), "wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


# --- What is wanted --------------------------------------------------------------------------------------


@dataclass
class Wanted:
    """A certificate file that should be there. `bundle` is what it should hold, None to leave it or make a stand-in.

    `rsa`: the setting that needs its key to be RSA, empty where any will do.
    With `authority` it is what the certificates of clients are checked against. With `absent` it should not be there.
    """

    place: str
    name: str
    hosts: list[str]
    bundle: Bundle | None = None
    rsa: str = ""
    authority: bool = False
    absent: bool = False


def wanted(certificates: Sequence[Mapping[str, Any]], services: Sequence[Any]) -> list[Wanted]:
    """Read `haproxy_certificates`, and add what `haproxy_services` name beyond them.

    What is no description of a service is passed over: reading services is another room's. Raises CertificateError
    that tells all mistakes.
    """
    found: dict[str, Wanted] = {}
    errors: list[str] = []
    for number, entry in enumerate(certificates):
        place, name = f"haproxy_certificates[{number}]", str(entry.get("name") or "")
        if not NAME.match(name):
            errors.append(f"{place}.name: {name!r} can't be the name of a file: letters, digits and . _ - + @ * only")
        elif name in found:
            errors.append(f"{place}.name: {name} is already the name of {found[name].place}")
        else:
            absent = entry.get("state") == "absent"
            hosts, authority = _list(entry.get("hosts")), bool(entry.get("authority"))
            found[name] = Wanted(place, name, hosts, authority=authority, absent=absent)
            try:
                found[name].bundle = _given(place, {part: entry[part] for part in FIELDS if entry.get(part)})
            except CertificateError as error:
                errors.append(str(error))
    for number, service in enumerate(services):
        if not isinstance(service, Mapping):
            continue
        source = "certificate" if service.get("certificate") else "name"
        place = f"haproxy_services[{number}].{source}"
        for name in _list(service.get(source)):
            if not NAME.match(name):
                errors.append(
                    f"{place}: {name!r} can't be the name of a certificate: letters, digits and . _ - + @ * only"
                )
                continue
            known = found.setdefault(name, Wanted(place, name, []))
            if known.absent:
                errors.append(f"{place}: {known.place} is to be absent, and this service needs it")
            if known.authority:
                errors.append(f"{place}: {known.place} is an authority, and no certificate that a server could show")
            known.hosts += [host for host in _list(service.get("hosts")) if host not in known.hosts]
        legacy = _legacy_tls(service)
        if NAME.match(legacy):  # what is no name, the services' room tells
            place = f"haproxy_services[{number}].socketio.flash.legacy_tls"
            found.setdefault(legacy, Wanted(place, legacy, _list(service.get("hosts")))).rsa = place
        for name in _list(service.get("client_ca")):
            place = f"haproxy_services[{number}].client_ca"
            if not NAME.match(name):
                errors.append(
                    f"{place}: {name!r} can't be the name of an authority: letters, digits and . _ - + @ only"
                )
            elif not found.setdefault(name, Wanted(place, name, [], authority=True)).authority:
                errors.append(f"{place}: {found[name].place} holds no authority: write it as {{name, authority}}")
    if errors:
        raise CertificateError("\n".join(errors))
    return list(found.values())


def _legacy_tls(service: Mapping[str, Any]) -> str:
    """Return the name of the certificate for the Flash movie's own TLS, which knows no other keys than RSA."""
    part: Any = service
    for key in ("socketio", "flash", "legacy_tls"):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, str) else ""


def _list(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item]


def _given(place: str, values: Mapping[str, str]) -> Bundle | None:
    """Read the values of one entry. Raises CertificateError that names the value."""
    if not values:
        return None
    alone = next((part for part in ("pem", "authority") if part in values), "")
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
            blocks += _value(part, text)
        except ValueError as error:
            errors.append(f"{place}.{part} {error}")
    if errors:
        raise CertificateError("\n".join(errors))
    try:
        return authority(blocks) if alone == "authority" else bundle(blocks)
    except ValueError as error:
        raise CertificateError(f"{place}.{alone or 'key'} {error}") from error


def _value(part: str, text: str) -> list[tuple[str, bytes]]:
    """Return the PEM blocks of one value. Raises ValueError when they are not what it should hold."""
    blocks = _blocks(text)
    if not blocks:
        if is_path(text):
            where = "" if text.startswith(("/", "~")) else " (beside the playbook, or from the folder you are in)"
            raise ValueError(f"is neither PEM text nor a PEM file on the controller: {text}{where}")
        kind = "PRIVATE KEY" if part == "key" else "CERTIFICATE"
        raise ValueError(f"is not PEM: there is no -----BEGIN {kind}----- with its END in it")
    certificates = [describe(content) for kind, content in blocks if kind == "CERTIFICATE"]
    keys = sum(kind.endswith("PRIVATE KEY") for kind, _text in blocks)
    if part == "key" and not keys:
        raise ValueError(f"holds {'a certificate' if certificates else blocks[0][0]}, not a private key")
    if part == "key" and certificates:
        raise ValueError("holds a certificate too: write all in one as pem, without key and certificate")
    if part in ("certificate", "chain", "authority") and keys:
        hint = ": write all in one as pem" if certificates and part != "authority" else ""
        raise ValueError(f"holds a private key{hint}")
    if part in ("certificate", "chain", "authority") and not certificates:
        raise ValueError(f"holds {blocks[0][0]}, not a certificate")
    return blocks


def is_path(text: str) -> bool:
    """Return whether a value that is not PEM can be shown, because it looks like a path and not like a bare key."""
    return bool(re.fullmatch(r"[^\n]{1,255}", text)) and (text.startswith(("/", "~")) or "." in text)


# --- Stand-ins -------------------------------------------------------------------------------------------


def stand_in(hosts: Sequence[str], rsa: bool = False) -> Bundle:
    """Make a self-signed certificate for `hosts` (at least one, all valid) with its key.

    ECDSA P-256 or RSA 2048, valid for a year. The key comes through a pipe, and is in no file or process list. Raises
    CertificateError where the command openssl (1.1.1 or later) is missing or fails.
    """
    settings = f"""
        [req]
        distinguished_name = subject
        x509_extensions = extensions
        prompt = no
        [subject]
        O = {STAND_IN}
        CN = {hosts[0][:64]}
        [extensions]
        subjectAltName = {",".join(("IP:" if _is_address(host) else "DNS:") + host for host in hosts)}
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature{",keyEncipherment" if rsa else ""}
        extendedKeyUsage = serverAuth
        """
    command = ["openssl", "req", "-x509", "-config", "/dev/stdin", "-days", str(STAND_IN_DAYS)]
    command += ["-newkey", "rsa:2048"] if rsa else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-keyout", "-", "-out", "-"]
    try:
        done = subprocess.run(command, input=settings, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CertificateError(
            "a self-signed stand-in needs the command openssl, which this host does not have: install it, or give the "
            "certificate in haproxy_certificates"
        ) from error
    if done.returncode:
        raise CertificateError(f"openssl could not make a self-signed certificate: {done.stderr.strip()}")
    return bundle(_blocks(done.stdout))


def _foreseen(hosts: Sequence[str]) -> Bundle:
    """Return what `stand_in` would make, without making it."""
    subject = f"O={STAND_IN}, CN={hosts[0][:64]}"
    return Bundle("", (Certificate(subject, subject, tuple(hosts), _now(), _now() + STAND_IN_LIFE, ""),))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


# --- Files -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What is, or should be, at a path. `bundle` is None for a folder and for a file that is no certificate."""

    mode: int
    owner: int
    group: int
    bundle: Bundle | None = None
    fault: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return what a difference shows: nothing secret."""
        lines = [f"mode: {self.mode:04o}", f"owner: {self.owner}"]
        lines += [f"group: {self.group}"] if self.group >= 0 else []
        for certificate in self.bundle.certificates if self.bundle else ():
            lines += [
                f"- subject: {certificate.subject}",
                f"  issuer: {certificate.issuer}",
                f"  names: {', '.join(certificate.names)}",
                f"  not_after: {certificate.not_after.isoformat()}",
                f"  fingerprint: {certificate.fingerprint}",
            ]
        return "\n".join([*lines, ""])


Change = tuple[Path, Optional[State], Optional[State]]
"""A path, what is there, and what should be; None for nothing."""


def install(
    certificates: Sequence[Mapping[str, Any]],
    services: Sequence[Any],
    directory: Path,
    group: str,
    self_signed: bool,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Bring the certificate files about and return what `haproxy_certificate` returns, as documented there.

    Raises CertificateError, and then has replaced no file.
    """
    wishes = wanted(certificates, services)
    gid = group_id(group, check_mode)
    given = [wish.name for wish in wishes if wish.bundle and not wish.authority]
    changes: list[Change] = []
    results: list[dict[str, Any]] = []
    warnings: list[str] = []
    errors: list[str] = []
    removed: list[str] = []

    # HAProxy reads a whole folder of certificates, where an authority without a key would be a fault.
    folders = {False: directory, True: directory.parent / "authorities"}

    def want(path: Path, present: State | None, mode: int, content: Bundle | None = None) -> None:
        unknown = present.group if present else -1
        target = State(mode, os.geteuid(), unknown if gid is None else gid, content)
        if present != target:
            changes.append((path, present, target))

    try:
        for folder in dict.fromkeys(folders[wish.authority] for wish in wishes if not wish.absent):
            want(folder, _state(folder), 0o750)
        for wish in wishes:
            path = folders[wish.authority] / f"{wish.name}.pem"
            present = _state(path, authority if wish.authority else bundle)
            if wish.absent:
                removed.append(str(path))
                changes += [(path, present, None)] if present else []
                continue
            try:
                content = wish.bundle or _kept(present) or _made(wish, self_signed, check_mode)
            except CertificateError as error:
                hint = "" if present else _mistaken(wish.name, given)
                errors.append(f"{wish.place}: {path}: {error}" if present else f"{wish.place}: {error}{hint}")
                continue
            if wish.rsa and content.text and not content.own.rsa:
                errors.append(f"{wish.rsa}: Flash movies know RSA keys only, and that of {path} is none")
                continue
            want(path, present, 0o640, content)
            changed = bool(changes) and changes[-1][0] == path
            results.append({"name": wish.name, "path": str(path), "changed": changed, **_result(content.own)})
            warnings += _warnings(wish, content, present is None, _mistaken(wish.name, given))
        if errors:
            raise CertificateError("\n".join(errors))
        if not check_mode:
            _carry_out(changes)
        warnings += _rivals(directory, services)
    except OSError as error:
        raise CertificateError(f"{error.filename2 or error.filename or directory}: {error.strerror}") from error
    return {
        "changed": bool(changes),
        "certificates": results,
        "removed": removed,
        "warnings": warnings,
        "diff": [
            {
                "before_header": str(path),
                "after_header": str(path),
                "before": str(before or ""),
                "after": str(after or ""),
            }
            for path, before, after in changes
        ],
    }


def group_id(name: str, check_mode: bool) -> int | None:
    """Return the group's number; None in check mode where the installation would have made the group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if check_mode:
            return None
        raise CertificateError(
            f"this host has no group {name}, which should be able to read the certificates"
        ) from None


def _state(path: Path, read: Callable[[Sequence[tuple[str, bytes]]], Bundle] = bundle) -> State | None:
    """Return what is at a path, None if nothing. `read` makes a bundle of the PEM blocks of a file."""
    try:
        status = path.stat()
        text = "" if stat.S_ISDIR(status.st_mode) else path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    content, fault = None, ""
    try:
        content = read(_blocks(text))
    except ValueError as error:
        fault = str(error)
    if content and content.text != text:  # the same certificates in another order, or with words around them
        content = replace(content, text=text)
    return State(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content, fault)


def _kept(present: State | None) -> Bundle | None:
    """Return what a file holds that is to stay, None where there is none. Raises CertificateError if it is unusable."""
    if present and present.fault:
        raise CertificateError(f"the file {present.fault}. Give it in haproxy_certificates, or remove it")
    return present.bundle if present else None


def _made(wish: Wanted, self_signed: bool, check_mode: bool) -> Bundle:
    """Return a stand-in for what is wanted. Raises CertificateError where there must be none."""
    if wish.authority:
        raise CertificateError(
            f"no authority {wish.name} is on this host or in haproxy_certificates "
            f"({{name: {wish.name}, authority: ...}})"
        )
    if not self_signed:
        raise CertificateError(
            f"no certificate {wish.name} is on this host or in haproxy_certificates, and haproxy_self_signed is false"
        )
    hosts = wish.hosts or [wish.name]
    for host in hosts:
        if not HOST.match(host) and not _is_address(host):
            raise CertificateError(f"{host!r} is no host name or address that a self-signed certificate could be for")
    return _foreseen(hosts) if check_mode else stand_in(hosts, bool(wish.rsa))


def _result(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "names": list(certificate.names),
        "not_after": certificate.not_after.isoformat(),
        "days_left": (certificate.not_after - _now()).days,
        "fingerprint": certificate.fingerprint,
        "stand_in": certificate.stand_in,
    }


def _mistaken(name: str, given: Sequence[str]) -> str:
    """Return a hint where the name is much like that of a certificate which is there."""
    close = difflib.get_close_matches(name, given, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _warnings(wish: Wanted, content: Bundle, fresh: bool, hint: str) -> Iterator[str]:
    """Say what will work and yet not please whoever connects."""
    own = content.own
    if own.stand_in and fresh:
        said = "gets a self-signed stand-in: browsers warn until a real one replaces it"
        yield f"{wish.place}: {wish.name} {said}{hint}"
    for certificate in content.certificates:
        # What follows the server's own ends its trust as well, and each authority that of its clients.
        which = f"the certificate {wish.name}" if certificate is own else f"in {wish.name}, {certificate.subject}"
        if certificate.not_after < _now():
            yield f"{wish.place}: {which} expired on {certificate.not_after:%Y-%m-%d}"
        elif certificate.not_after < _now() + SOON:
            left = (certificate.not_after - _now()).days
            yield f"{wish.place}: {which} expires on {certificate.not_after:%Y-%m-%d}, in {left} days"
        if certificate.not_before > _now():
            yield f"{wish.place}: {which} is not valid before {certificate.not_before.isoformat()}"
    uncovered = [host for host in wish.hosts if not own.covers(host)]
    if uncovered:
        yield f"{wish.place}: the certificate {wish.name} is for {', '.join(own.names)}, not for {', '.join(uncovered)}"
    if wish.authority:
        return
    broken = False
    for lower, upper in zip(content.certificates, content.certificates[1:]):
        if lower.issuer != upper.subject:
            broken = True
            yield f"{wish.place}: in {wish.name}, {upper.subject} follows {lower.subject}, which {lower.issuer} issued"
    if not broken and (said := _unverified(content)):
        yield f"{wish.place}: clients will refuse {wish.name}: its chain does not vouch for it ({said})"


def _rivals(folder: Path, services: Sequence[Any]) -> Iterator[str]:
    """Tell which certificates have the name of a service that asks for the client's, and are not the service's.

    HAProxy takes the first that has the name, and puts one that is replaced at run time last (seen on 2.6.12, 3.0.11
    and 3.4.7): nobody would be asked for a certificate from then on, and everybody be turned away.
    """
    for number, service in enumerate(services):
        if not isinstance(service, Mapping) or not service.get("client_ca"):
            continue
        own = _list(service.get("certificate") or service.get("name"))
        hosts = {host.lower() for host in _list(service.get("hosts"))}
        for path in sorted(folder.glob("[!.]*.pem")):
            state = None if path.stem in own else _state(path)
            both = hosts & {name.lower() for name in state.bundle.own.names} if state and state.bundle else ()
            if both:
                names = ", ".join(sorted(both))
                yield (
                    f"haproxy_services[{number}].hosts: {path} is for {names} too. When the service's own is "
                    "renewed at run time, that one answers, no client is asked for a certificate, and all are refused "
                    "until the next reload: take the name out of it, or let the service use it"
                )


def _unverified(content: Bundle) -> str:
    """What a client says who trusts the last certificate of the chain and nothing else: empty if it is content.

    Names can be right where signatures are not: an authority may have two keys. The standard library verifies in a
    handshake only, so there is one, in memory. What has expired is told elsewhere.
    """
    ders = [der for kind, der in _blocks(content.text) if kind == "CERTIFICATE"]
    if len(ders) < 2:
        return ""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.set_ciphers("ALL:@SECLEVEL=0")
    client.check_hostname = False
    # The flag has no name before Python 3.10.
    client.verify_flags = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", ssl.VerifyFlags(0x80000))
    try:
        client.load_verify_locations(cadata=ders[-1])
        with _readable(content.text) as path:
            server.load_cert_chain(path, password="")
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        asking = client.wrap_bio(to_client, to_server)
        answering = server.wrap_bio(to_server, to_client, server_side=True)
        for side in (asking, answering, asking):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return "" if error.verify_code in _DATES else error.verify_message
    except (ssl.SSLError, OSError, ValueError):
        return ""  # what this library can't do, says nothing of others
    return ""


def _carry_out(changes: Sequence[Change]) -> None:
    """Make folders, write all files beside their places, and then put them there: all of them or, on an error, none."""
    ready: list[tuple[str, Path]] = []
    try:
        for path, _change, target in changes:
            if target is None:
                continue
            if target.bundle is None:
                for parent in reversed(path.parents):
                    if not parent.exists():
                        parent.mkdir()
                        parent.chmod(0o755)
                path.mkdir(mode=0o700, exist_ok=True)
                os.chown(path, target.owner, target.group)
                path.chmod(target.mode)
                continue
            # HAProxy passes over files with a leading dot when it reads a folder of certificates
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            ready.append((temporary, path))
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(target.bundle.text)
                file.flush()
                os.fchown(descriptor, target.owner, target.group)
                os.fchmod(descriptor, target.mode)
                os.fsync(descriptor)
        while ready:
            os.replace(*ready[0])
            ready.pop(0)
        for path, _change, target in changes:
            if target is None:
                path.unlink()
    finally:
        for temporary, _path in ready:
            os.unlink(temporary)
