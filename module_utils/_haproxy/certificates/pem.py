# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check PEM texts as HAProxy loads them: server certificate, chain and private key in one file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import hashlib
import ipaddress
import os
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import EdgeError

SELF_SIGNED_BY = "realtime.edge stand-in"
"""The organisation in the subject of the self-signed certificates made here, which tells them from all others."""

PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)

# OpenSSL's codes for "not yet valid" and "expired" (X509_V_ERR_CERT_...).
_DATES = (9, 10)

# The identifier rsaEncryption in DER (RFC 8017, appendix C).
_RSA_KEY = bytes.fromhex("06092a864886f70d010101")


# The answer of `_check_pair` for a key of another certificate.
_MISMATCH = "mismatch"


class CertificateError(EdgeError):
    """Report certificates that cannot be used, one problem a line, for the person who wrote the variables."""


@dataclass(frozen=True)
class Certificate:
    """Hold the fields of a certificate (RFC 5280, section 4.1). Times are in UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    fingerprint: str
    rsa: bool = False

    @property
    def stand_in(self) -> bool:
        """Return whether this is a self-signed placeholder made here."""
        return self.subject == self.issuer and f"O={SELF_SIGNED_BY}" in self.subject.split(", ")

    def covers(self, host: str) -> bool:
        """Return whether the certificate is valid for a host name or address (RFC 6125, section 6.4.3)."""
        host = host.lower().rstrip(".")
        return any(name in (host, "*." + host.partition(".")[2]) for name in map(str.lower, self.names))


@dataclass(frozen=True)
class Bundle:
    """Hold the content of one certificate file. `certificates` starts with the server's own."""

    text: str
    certificates: tuple[Certificate, ...]

    @property
    def own(self) -> Certificate:
        """Return the server's certificate."""
        return self.certificates[0]


def parse_certificate(der: bytes) -> Certificate:
    """Parse a certificate in DER. Raises ValueError if it is not one.

    The standard library can only parse the certificate of a peer, and the host may have no openssl command: so the
    few fields of interest are parsed here.
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
        raise ValueError("is not a certificate") from error
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
            raise ValueError("an element is longer than the one that contains it")
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
    """Yield the well-known attributes of a distinguished name (RFC 5280, section 4.1.2.4)."""
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


def split_blocks(text: str) -> list[tuple[str, bytes]]:
    """Return kind and content of each PEM block, whatever its line ends. Raises ValueError for a damaged one."""
    found = []
    for kind, body in PEM_BLOCK.findall(text):
        if kind == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in body:
            raise ValueError(
                "is encrypted with a passphrase, which HAProxy cannot ask for: decrypt it (openssl pkey) and keep it "
                "in Ansible Vault"
            )
        try:
            found.append((kind, base64.b64decode("".join(body.split()), validate=True)))
        except binascii.Error as error:
            raise ValueError(f"is damaged: the text between BEGIN {kind} and END {kind} is not base64") from error
    return found


def _pem(kind: str, content: bytes) -> str:
    encoded = base64.b64encode(content).decode("ascii")
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def bundle_blocks(blocks: Sequence[tuple[str, bytes]]) -> Bundle:
    """Put PEM blocks in HAProxy's order: certificates in the given order, key, Diffie-Hellman parameters.

    Raises ValueError if there is no certificate, not exactly one key, or the key belongs to another certificate.
    """
    certificates = [content for kind, content in blocks if kind == "CERTIFICATE"]
    keys = [(kind, content) for kind, content in blocks if kind.endswith("PRIVATE KEY")]
    if not certificates:
        raise ValueError("holds no certificate")
    if len(keys) != 1:
        raise ValueError(f"holds {len(keys) or 'no'} private key{'s' if keys else ''}, expected one")
    described = tuple(parse_certificate(content) for content in certificates)
    problem = _check_pair(certificates[0], keys[0])
    if problem == _MISMATCH:
        problem = _explain_mismatch(certificates, described, keys[0])
    if problem:
        raise ValueError(problem)
    parameters = [(kind, content) for kind, content in blocks if kind == "DH PARAMETERS"]
    ordered = [*(("CERTIFICATE", content) for content in certificates), *keys, *parameters]
    return Bundle("".join(_pem(*block) for block in ordered), described)


def _explain_mismatch(certificates: Sequence[bytes], described: Sequence[Certificate], key: tuple[str, bytes]) -> str:
    """Say that the key belongs to another certificate, and to which of the others."""
    problem = f"holds a key that does not belong to its certificate ({described[0].subject})"
    for number, certificate in enumerate(certificates[1:], 2):
        if not _check_pair(certificate, key):
            subject = described[number - 1].subject
            problem += f", but to certificate number {number} in it ({subject}): put that one first"
    return problem


def read_bundle(text: str) -> Bundle:
    """Read the text of a certificate file. Raises ValueError as `bundle_blocks` does."""
    return bundle_blocks(split_blocks(text))


def bundle_cas(blocks: Sequence[tuple[str, bytes]]) -> Bundle:
    """Put the certificates of CAs into one file for `ca-file`.

    Raises ValueError if there is anything else, such as a key, which must not be on the edge.
    """
    others = sorted({kind for kind, _content in blocks} - {"CERTIFICATE"})
    if others:
        raise ValueError(f"holds {' and '.join(others)}; only the certificate of a CA is needed")
    if not blocks:
        raise ValueError("holds no certificate")
    described = tuple(parse_certificate(content) for _kind, content in blocks)
    return Bundle("".join(_pem(*block) for block in blocks), described)


def _check_pair(certificate: bytes, key: tuple[str, bytes]) -> str:
    """Return why the TLS library refuses the pair: empty, `_MISMATCH` or a sentence.

    The library reads files only: this one is in memory, so that the key never reaches a disk or another process.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # HAProxy's settings decide which strength is enough
    with in_memory_file(_pem("CERTIFICATE", certificate) + _pem(*key)) as path:
        try:
            context.load_cert_chain(path, password="")  # "": never ask at a terminal
        except ssl.SSLError as error:
            if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
                return _MISMATCH
            return f"cannot be read by the TLS library ({error.reason or error.strerror})"
        except (OSError, ValueError) as error:
            return f"cannot be read by the TLS library ({error})"
    return ""


@contextlib.contextmanager
def in_memory_file(text: str) -> Iterator[str]:
    """Provide a path where the TLS library can read a text that is only in memory."""
    with open(os.memfd_create("pair"), "wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def utc_now() -> datetime.datetime:
    """Return the current time in UTC, in whole seconds."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def verify_chain(content: Bundle) -> str:
    """Return why a client that trusts only the last certificate of the chain refuses it; empty if it accepts.

    Matching names do not prove matching signatures: a CA may have two keys. The standard library verifies only in a
    handshake, so this makes one in memory. Expired certificates are reported elsewhere.
    """
    ders = [der for kind, der in split_blocks(content.text) if kind == "CERTIFICATE"]
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
        with in_memory_file(content.text) as path:
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
        return ""  # a limit of this TLS library, not a fault of the chain
    return ""
