# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make self-signed placeholders, so that a first run works."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

from .. import commands
from .pem import SELF_SIGNED_BY, Bundle, Certificate, CertificateError, bundle_blocks, split_blocks, utc_now

SELF_SIGNED_DAYS = 365

_TIMEOUT = 60  # a key of RSA on a small machine

SELF_SIGNED_LIFE = datetime.timedelta(days=SELF_SIGNED_DAYS)


def make_self_signed(hosts: Sequence[str], rsa: bool = False) -> Bundle:
    """Make a self-signed certificate for `hosts` (at least one, all valid) with its key.

    ECDSA P-256 or RSA 2048, valid for a year. The key comes through a pipe, and is in no file or process list. Raises
    CertificateError if the command openssl (1.1.1 or later) is missing or fails.
    """
    settings = f"""
        [req]
        distinguished_name = subject
        x509_extensions = extensions
        prompt = no
        [subject]
        O = {SELF_SIGNED_BY}
        CN = {hosts[0][:64]}
        [extensions]
        subjectAltName = {",".join(("IP:" if is_address(host) else "DNS:") + host for host in hosts)}
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature{",keyEncipherment" if rsa else ""}
        extendedKeyUsage = serverAuth
        """
    command = ["openssl", "req", "-x509", "-config", "/dev/stdin", "-days", str(SELF_SIGNED_DAYS)]
    command += ["-newkey", "rsa:2048"] if rsa else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-keyout", "-", "-out", "-"]
    try:
        done = commands.run(*command, limit=_TIMEOUT, text=settings)
    except FileNotFoundError as error:
        raise CertificateError(
            "a self-signed placeholder needs the command openssl, which this host does not have: install it, or set "
            "the certificate in haproxy_certificates"
        ) from error
    except OSError as error:
        raise CertificateError(f"openssl could not make a self-signed certificate: {error.strerror}") from error
    if done.status:
        raise CertificateError(f"openssl could not make a self-signed certificate: {done.stderr.strip()}")
    return bundle_blocks(split_blocks(done.stdout))


def predict_self_signed(hosts: Sequence[str]) -> Bundle:
    """Return what `make_self_signed` would make, without a text, for check mode."""
    subject = f"O={SELF_SIGNED_BY}, CN={hosts[0][:64]}"
    return Bundle("", (Certificate(subject, subject, tuple(hosts), utc_now(), utc_now() + SELF_SIGNED_LIFE, ""),))


def is_address(host: str) -> bool:
    """Return whether the host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
