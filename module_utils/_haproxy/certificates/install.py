# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install certificate files: everything is checked before anything is written.

All problems are reported at once. No message, result or difference shows a key, or any text that could be one.
"""

from __future__ import annotations

import datetime
import difflib
import grp
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from ..atomic_file import make_temporary, read_regular_file, sweep
from ..errors import Problems
from ..services.definition import Service
from .pem import Bundle, Certificate, CertificateError, bundle_blocks, bundle_cas, split_blocks, utc_now, verify_chain
from .requested import HOST, RequestedCertificate, read_requested
from .self_signed import is_address, make_self_signed, predict_self_signed

SOON = datetime.timedelta(days=14)
"""When it is time to warn of an expiry: renewal by ACME is a month before it."""


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


class Changes:
    """The paths that are not as they should be; `group` is the number of their group, None where it is unknown."""

    def __init__(self, group: int | None) -> None:
        """Begin without any."""
        self.items: list[Change] = []
        self.group = group

    def require(self, path: Path, present: State | None, mode: int, content: Bundle | None = None) -> bool:
        """Require a folder, or a file with this content; returns whether it differs."""
        unknown = present.group if present else -1
        target = State(mode, os.geteuid(), unknown if self.group is None else self.group, content)
        if present == target:
            return False
        self.items.append((path, present, target))
        return True

    def as_diff(self) -> list[dict[str, str]]:
        """Return the difference as Ansible shows it: nothing secret."""
        return [
            {"before_header": str(path), "after_header": str(path), "before": str(old or ""), "after": str(new or "")}
            for path, old, new in self.items
        ]


class _Installation:
    """What is asked of the certificate files of one host, and what comes of it."""

    def __init__(self, requests: Sequence[RequestedCertificate], directory: Path, group: int | None) -> None:
        # HAProxy reads a whole folder of certificates, and would refuse a CA without a key there.
        self.folders = {False: directory, True: directory.parent / "client-ca"}
        self.requests = requests
        self.given = [request.name for request in requests if request.bundle and not request.is_ca]
        self.changes = Changes(group)
        self.results: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.removed: list[str] = []

    def collect(self, self_signed: bool, accept_bad: bool, check_mode: bool) -> None:
        """Compare everything with the disk. Raises CertificateError with all problems."""
        problems = Problems()
        for folder in dict.fromkeys(self.folders[request.is_ca] for request in self.requests if not request.absent):
            self.changes.require(folder, _read_state(folder), 0o750)
        for request in self.requests:
            path = self.folders[request.is_ca] / f"{request.name}.pem"
            present = _read_state(path, bundle_cas if request.is_ca else bundle_blocks)
            if request.absent:
                self.removed.append(str(path))
                self.changes.items += [(path, present, None)] if present else []
                continue
            try:
                content = request.bundle or _keep_present(present) or _self_signed(request, self_signed, check_mode)
                _check_rsa(request, content, path)
                if not accept_bad:
                    _check_not_worse(request, content, present)
            except CertificateError as error:
                shown = f"{path}: {error}" if present else f"{error}{_suggest_name(request.name, self.given)}"
                problems.add(request.yaml_path, shown)
                continue
            self._add(request, path, present, content)
        problems.raise_if_any(CertificateError)

    def _add(self, request: RequestedCertificate, path: Path, present: State | None, content: Bundle) -> None:
        changed = self.changes.require(path, present, 0o640, content)
        self.results.append({"name": request.name, "path": str(path), "changed": changed, **_as_result(content.own)})
        self.warnings += _warn(request, content, present is None, _suggest_name(request.name, self.given))


def install(
    certificates: Sequence[Mapping[str, Any]],
    services: Sequence[Service],
    directory: Path,
    group: str,
    self_signed: bool,
    accept_bad: bool = False,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Install the certificate files and return what `haproxy_certificate` returns, as documented there.

    Raises CertificateError, and then has replaced no file.
    """
    installation = _Installation(read_requested(certificates, services), directory, group_id(group, check_mode))
    try:
        installation.collect(self_signed, accept_bad, check_mode)
        if not check_mode:
            _write_changes(installation.changes.items)
        overlaps = list(_warn_overlapping_names(directory, services))
    except OSError as error:
        raise CertificateError(f"{error.filename2 or error.filename or directory}: {error.strerror}") from error
    return {
        "changed": bool(installation.changes.items),
        "certificates": installation.results,
        "removed": installation.removed,
        "warnings": installation.warnings + overlaps,
        "diff": installation.changes.as_diff(),
    }


def foresee(
    certificates: Sequence[Mapping[str, Any]],
    services: Sequence[Service],
    directory: Path,
    self_signed: bool,
    accept_bad: bool = False,
) -> dict[str, str]:
    """Return path → text of the files that `install` would write; an empty text for one that it would remove.

    Raises CertificateError as `install` does. The texts hold keys.
    """
    installation = _Installation(read_requested(certificates, services), directory, None)
    installation.collect(self_signed, accept_bad, check_mode=False)
    return {
        str(path): target.bundle.text if target and target.bundle else ""
        for path, _present, target in installation.changes.items
        if target is None or target.bundle
    }


def group_id(name: str, check_mode: bool) -> int | None:
    """Return the group's number; None in check mode where the installation would have made the group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if check_mode:
            return None
        raise CertificateError(f"this host has no group {name} that could read the certificates") from None


def _read_text(path: Path) -> str:
    try:
        return read_regular_file(str(path)).decode("utf-8", "replace")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None


def _read_state(path: Path, read: Callable[[Sequence[tuple[str, bytes]]], Bundle] = bundle_blocks) -> State | None:
    """Return what is at a path, None if nothing. `read` makes a bundle of the PEM blocks of a file."""
    try:
        status = path.stat()
        text = "" if stat.S_ISDIR(status.st_mode) else _read_text(path)
    except FileNotFoundError:
        return None
    content, fault = None, ""
    try:
        content = read(split_blocks(text))
    except ValueError as error:
        fault = str(error)
    if content and content.text != text:  # the same certificates in another order, or with words around them
        content = replace(content, text=text)
    return State(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content, fault)


def _keep_present(present: State | None) -> Bundle | None:
    """Return what a file holds that is to stay, None where there is none. Raises CertificateError if it is unusable."""
    if present and present.fault:
        raise CertificateError(f"the file {present.fault}. Give it in haproxy_certificates, or remove it")
    return present.bundle if present else None


def _check_rsa(request: RequestedCertificate, content: Bundle, path: Path) -> None:
    if request.rsa and content.text and not content.own.rsa:
        raise CertificateError(f"{request.rsa} needs an RSA key, as Flash movies know no other, but {path} has none")


def _check_not_worse(request: RequestedCertificate, content: Bundle, present: State | None) -> None:
    """Raise CertificateError if clients would refuse this certificate for a reason that the one on disk does not have.

    A placeholder is no certificate to keep.
    """
    before = present.bundle.own if present and present.bundle else None
    if before is None or before.stand_in or before.fingerprint == content.own.fingerprint:
        return
    known = dict(_faults(request, before))
    if worse := [text for fault, text in _faults(request, content.own) if fault not in known]:
        raise CertificateError(
            f"the new certificate {' and '.join(worse)}; the one that is there, valid until "
            f"{before.not_after:%Y-%m-%d}, stays. To replace it all the same: haproxy_bad_certificates: true"
        )


def _faults(request: RequestedCertificate, certificate: Certificate) -> Iterator[tuple[str, str]]:
    """Yield why clients refuse a certificate: a name for the fault, and a text."""
    now = utc_now()
    if certificate.not_after < now:
        yield "expired", f"expired on {certificate.not_after:%Y-%m-%d}"
    if certificate.not_before > now:
        yield "early", f"is not valid before {certificate.not_before.isoformat()}"
    for host in () if request.is_ca else request.hosts:
        if not certificate.covers(host):
            yield host, f"is for {', '.join(certificate.names)}, not for {host}"


def _self_signed(request: RequestedCertificate, self_signed: bool, check_mode: bool) -> Bundle:
    """Return a placeholder for what is requested. Raises CertificateError where there must be none."""
    name = request.name
    if request.is_ca:
        raise CertificateError(
            f"neither this host nor haproxy_certificates has a CA {name} ({{name: {name}, ca: ...}})"
        )
    if not self_signed:
        raise CertificateError(
            f"neither this host nor haproxy_certificates has a certificate {name}, and haproxy_self_signed is false"
        )
    hosts = request.hosts or [name]
    for host in hosts:
        if not HOST.match(host) and not is_address(host):
            raise CertificateError(f"{host!r} is no host name or address that a self-signed certificate could be for")
    return predict_self_signed(hosts) if check_mode else make_self_signed(hosts, bool(request.rsa))


def _as_result(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "names": list(certificate.names),
        "not_after": certificate.not_after.isoformat(),
        "days_left": (certificate.not_after - utc_now()).days,
        "fingerprint": certificate.fingerprint,
        "stand_in": certificate.stand_in,
    }


def _suggest_name(name: str, given: Sequence[str]) -> str:
    """Return a hint where the name is much like that of a certificate which is there."""
    close = difflib.get_close_matches(name, given, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _warn(request: RequestedCertificate, content: Bundle, fresh: bool, hint: str) -> Iterator[str]:
    """Say what works on this host and fails for clients."""
    at, name, own = request.yaml_path, request.name, content.own
    if own.stand_in and fresh:
        yield f"{at}: {name} gets a self-signed placeholder: browsers warn until a real one replaces it{hint}"
    yield from _warn_validity(request, content)
    uncovered = [host for host in request.hosts if not own.covers(host)]
    if uncovered:
        yield f"{at}: the certificate {name} is for {', '.join(own.names)}, not for {', '.join(uncovered)}"
    if not request.is_ca:
        yield from _warn_chain(request, content)


def _warn_validity(request: RequestedCertificate, content: Bundle) -> Iterator[str]:
    at, name, now = request.yaml_path, request.name, utc_now()
    for certificate in content.certificates:
        # What follows the server's own ends its trust as well, and each CA that of its clients.
        which = f"the certificate {name}" if certificate is content.own else f"in {name}, {certificate.subject}"
        if certificate.not_after < now:
            yield f"{at}: {which} expired on {certificate.not_after:%Y-%m-%d}"
        elif certificate.not_after < now + SOON:
            left = (certificate.not_after - now).days
            yield f"{at}: {which} expires on {certificate.not_after:%Y-%m-%d}, in {left} days"
        if certificate.not_before > now:
            yield f"{at}: {which} is not valid before {certificate.not_before.isoformat()}"


def _warn_chain(request: RequestedCertificate, content: Bundle) -> Iterator[str]:
    at, name = request.yaml_path, request.name
    pairs = zip(content.certificates, content.certificates[1:])
    broken = [(lower, upper) for lower, upper in pairs if lower.issuer != upper.subject]
    for lower, upper in broken:
        yield f"{at}: in {name}, {upper.subject} follows {lower.subject}, which {lower.issuer} issued"
    if not broken and (said := verify_chain(content)):
        yield f"{at}: clients will refuse {name}: its chain does not vouch for it ({said})"


def _warn_overlapping_names(folder: Path, services: Sequence[Service]) -> Iterator[str]:
    """Say which certificates have the name of a service that asks for the client's, and are not the service's.

    HAProxy takes the first that has the name, and puts one that is replaced at run time last (seen on 2.6.12, 3.0.11
    and 3.4.7): from then on it would ask no client for a certificate, and refuse all of them.
    """
    for service in services:
        hosts = {host.lower() for host in service.hosts} if service.client_ca else set()
        for path in sorted(folder.glob("[!.]*.pem")) if hosts else ():
            state = None if path.stem in service.certificates else _read_state(path)
            both = hosts & {name.lower() for name in state.bundle.own.names} if state and state.bundle else ()
            if both:
                names = ", ".join(sorted(both))
                yield (
                    f"{service.yaml_path}.hosts: {path} is for {names} too. When the service's own certificate is "
                    "renewed at run time, HAProxy answers with that one, asks no client for a certificate, and refuses "
                    "all until the next reload: take the name out of it, or let the service use it"
                )


def _write_changes(changes: Sequence[Change]) -> None:
    """Make folders, write all files beside their places, and then put them there: all of them or, on an error, none."""
    ready: list[tuple[str, Path]] = []
    sweep(*{str(path.parent) for path, _present, _target in changes})
    try:
        for path, _present, target in changes:
            if target and target.bundle:
                ready.append((_write_beside(path, target, target.bundle.text), path))
            elif target:
                _make_folder(path, target)
        while ready:
            os.replace(*ready[0])
            ready.pop(0)
        for path, _present, target in changes:
            if target is None:
                path.unlink()
    finally:
        for temporary, _path in ready:
            os.unlink(temporary)


def _make_folder(path: Path, target: State) -> None:
    for parent in reversed(path.parents):
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)
    path.mkdir(mode=0o700, exist_ok=True)
    os.chown(path, target.owner, target.group)
    path.chmod(target.mode)


def _write_beside(path: Path, target: State, text: str) -> str:
    """Write a file with a temporary name and return it; HAProxy passes over those with a leading dot."""
    descriptor, temporary = make_temporary(str(path))
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchown(descriptor, target.owner, target.group)
            os.fchmod(descriptor, target.mode)
            os.fsync(descriptor)
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary
