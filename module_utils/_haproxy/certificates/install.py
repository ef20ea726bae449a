# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install certificate files: everything is checked before anything is written.

All mistakes are told at once. No message, result or difference shows a key, or any text that could be one.
"""

from __future__ import annotations

import datetime
import difflib
import grp
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from .pem import Bundle, Certificate, CertificateError, bundle_blocks, bundle_cas, split_blocks, utc_now, verify_chain
from .requested import HOST, RequestedCertificate, as_list, read_requested
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
    wishes = read_requested(certificates, services)
    gid = group_id(group, check_mode)
    given = [wish.name for wish in wishes if wish.bundle and not wish.is_ca]
    changes: list[Change] = []
    results: list[dict[str, Any]] = []
    warnings: list[str] = []
    errors: list[str] = []
    removed: list[str] = []

    # HAProxy reads a whole folder of certificates, where a CA without a key would be a fault.
    folders = {False: directory, True: directory.parent / "client-ca"}

    def want(path: Path, present: State | None, mode: int, content: Bundle | None = None) -> None:
        unknown = present.group if present else -1
        target = State(mode, os.geteuid(), unknown if gid is None else gid, content)
        if present != target:
            changes.append((path, present, target))

    try:
        for folder in dict.fromkeys(folders[wish.is_ca] for wish in wishes if not wish.absent):
            want(folder, _read_state(folder), 0o750)
        for wish in wishes:
            path = folders[wish.is_ca] / f"{wish.name}.pem"
            present = _read_state(path, bundle_cas if wish.is_ca else bundle_blocks)
            if wish.absent:
                removed.append(str(path))
                changes += [(path, present, None)] if present else []
                continue
            try:
                content = wish.bundle or _keep_present(present) or _self_signed(wish, self_signed, check_mode)
            except CertificateError as error:
                hint = "" if present else _suggest_name(wish.name, given)
                errors.append(f"{wish.place}: {path}: {error}" if present else f"{wish.place}: {error}{hint}")
                continue
            if wish.rsa and content.text and not content.own.rsa:
                errors.append(f"{wish.rsa}: Flash movies know RSA keys only, and that of {path} is none")
                continue
            want(path, present, 0o640, content)
            changed = bool(changes) and changes[-1][0] == path
            results.append({"name": wish.name, "path": str(path), "changed": changed, **_as_result(content.own)})
            warnings += _warn(wish, content, present is None, _suggest_name(wish.name, given))
        if errors:
            raise CertificateError("\n".join(errors))
        if not check_mode:
            _write_changes(changes)
        warnings += _warn_overlapping_names(directory, services)
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


def _read_state(path: Path, read: Callable[[Sequence[tuple[str, bytes]]], Bundle] = bundle_blocks) -> State | None:
    """Return what is at a path, None if nothing. `read` makes a bundle of the PEM blocks of a file."""
    try:
        status = path.stat()
        text = "" if stat.S_ISDIR(status.st_mode) else path.read_text(encoding="utf-8", errors="replace")
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


def _self_signed(wish: RequestedCertificate, self_signed: bool, check_mode: bool) -> Bundle:
    """Return a stand-in for what is wanted. Raises CertificateError where there must be none."""
    if wish.is_ca:
        raise CertificateError(
            f"no CA {wish.name} is on this host or in haproxy_certificates ({{name: {wish.name}, ca: ...}})"
        )
    if not self_signed:
        raise CertificateError(
            f"no certificate {wish.name} is on this host or in haproxy_certificates, and haproxy_self_signed is false"
        )
    hosts = wish.hosts or [wish.name]
    for host in hosts:
        if not HOST.match(host) and not is_address(host):
            raise CertificateError(f"{host!r} is no host name or address that a self-signed certificate could be for")
    return predict_self_signed(hosts) if check_mode else make_self_signed(hosts, bool(wish.rsa))


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


def _warn(wish: RequestedCertificate, content: Bundle, fresh: bool, hint: str) -> Iterator[str]:
    """Say what will work and yet not please whoever connects."""
    own = content.own
    if own.stand_in and fresh:
        said = "gets a self-signed stand-in: browsers warn until a real one replaces it"
        yield f"{wish.place}: {wish.name} {said}{hint}"
    for certificate in content.certificates:
        # What follows the server's own ends its trust as well, and each CA that of its clients.
        which = f"the certificate {wish.name}" if certificate is own else f"in {wish.name}, {certificate.subject}"
        if certificate.not_after < utc_now():
            yield f"{wish.place}: {which} expired on {certificate.not_after:%Y-%m-%d}"
        elif certificate.not_after < utc_now() + SOON:
            left = (certificate.not_after - utc_now()).days
            yield f"{wish.place}: {which} expires on {certificate.not_after:%Y-%m-%d}, in {left} days"
        if certificate.not_before > utc_now():
            yield f"{wish.place}: {which} is not valid before {certificate.not_before.isoformat()}"
    uncovered = [host for host in wish.hosts if not own.covers(host)]
    if uncovered:
        yield f"{wish.place}: the certificate {wish.name} is for {', '.join(own.names)}, not for {', '.join(uncovered)}"
    if wish.is_ca:
        return
    broken = False
    for lower, upper in zip(content.certificates, content.certificates[1:]):
        if lower.issuer != upper.subject:
            broken = True
            yield f"{wish.place}: in {wish.name}, {upper.subject} follows {lower.subject}, which {lower.issuer} issued"
    if not broken and (said := verify_chain(content)):
        yield f"{wish.place}: clients will refuse {wish.name}: its chain does not vouch for it ({said})"


def _warn_overlapping_names(folder: Path, services: Sequence[Any]) -> Iterator[str]:
    """Tell which certificates have the name of a service that asks for the client's, and are not the service's.

    HAProxy takes the first that has the name, and puts one that is replaced at run time last (seen on 2.6.12, 3.0.11
    and 3.4.7): nobody would be asked for a certificate from then on, and everybody be turned away.
    """
    for number, service in enumerate(services):
        if not isinstance(service, Mapping) or not service.get("client_ca"):
            continue
        own = as_list(service.get("certificate") or service.get("name"))
        hosts = {host.lower() for host in as_list(service.get("hosts"))}
        for path in sorted(folder.glob("[!.]*.pem")):
            state = None if path.stem in own else _read_state(path)
            both = hosts & {name.lower() for name in state.bundle.own.names} if state and state.bundle else ()
            if both:
                names = ", ".join(sorted(both))
                yield (
                    f"haproxy_services[{number}].hosts: {path} is for {names} too. When the service's own is "
                    "renewed at run time, that one answers, no client is asked for a certificate, and all are refused "
                    "until the next reload: take the name out of it, or let the service use it"
                )


def _write_changes(changes: Sequence[Change]) -> None:
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
