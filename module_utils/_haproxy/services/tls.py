# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS profiles: Mozilla's recommendations as HAProxy's settings."""

from __future__ import annotations

from typing import NamedTuple

from ..config.model import suggest
from ..config.words import one_line, quote
from ..errors import Problems


class Profile(NamedTuple):
    """The TLS settings of a bind: `ssl-default-bind-options`, ciphers (TLS 1.2 and older), suites (TLS 1.3), curves."""

    options: str
    ciphers: str
    ciphersuites: str
    curves: str


class Settings(NamedTuple):
    """The keys of `haproxy_tls`; an empty version or list is the profile's."""

    profile: str = "intermediate"
    min_version: str = ""
    ciphers: str = ""
    ciphersuites: str = ""
    curves: str = ""
    post_quantum: bool = True
    hsts: str = "max-age=63072000"
    tickets: bool = True


# TLS of the Flash movie of Socket.IO 0.9: TLS 1.0, static RSA, AES-CBC with SHA-1, no server name. Only a bind that no
# newer client reaches may use it. OpenSSL allows the old signatures at its security level 0 only.
LEGACY = "ssl-min-ver TLSv1.0 ciphers AES128-SHA:AES256-SHA:@SECLEVEL=0"

VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")

_SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_CURVES = "X25519:prime256v1:secp384r1"
_INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)

# The hybrid of X25519 and ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem): OpenSSL has it since 3.5, older ones refuse a list
# with it.
_POST_QUANTUM = "X25519MLKEM768"
_POST_QUANTUM_SINCE = (3, 5)

PROFILES = {
    "modern": Profile("prefer-client-ciphers ssl-min-ver TLSv1.3", "", _SUITES, _CURVES),
    "intermediate": Profile("prefer-client-ciphers ssl-min-ver TLSv1.2", _INTERMEDIATE, _SUITES, _CURVES),
    "old": Profile(
        "ssl-min-ver TLSv1.0",
        f"{_INTERMEDIATE}:"
        "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
        "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
        "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:@SECLEVEL=0",
        _SUITES,
        _CURVES,
    ),
}
"""Mozilla's "Server Side TLS" guidelines, version 5.7 (ssl-config.mozilla.org/guidelines/5.7.json).

Two things differ. The DHE suites are left out: they need Diffie-Hellman parameters, and no client in use needs them. So
is 3DES in `old`: it is open to SWEET32, and OpenSSL is mostly built without it. Mozilla's generator switches session
tickets off, as their keys are not rotated; here they are.
"""


def resolve_profile(
    settings: Settings, library: tuple[str, tuple[int, ...]], yaml_path: str = "haproxy_tls"
) -> Profile:
    """Return the profile for a TLS library (name and version, such as `("openssl", (3, 0))`).

    Raise `ConfigurationError` for an unknown profile or version, and for own lists together with a profile of Mozilla.
    """
    validate(settings, yaml_path)
    base = PROFILES.get(settings.profile, PROFILES["intermediate"])
    options = base.options
    if settings.min_version:
        options = options.replace("TLSv1.2", settings.min_version)
    curves = settings.curves or base.curves
    kind, version = library
    if settings.post_quantum and not settings.curves and kind == "openssl" and version >= _POST_QUANTUM_SINCE:
        curves = f"{_POST_QUANTUM}:{curves}"
    return Profile(
        options if settings.tickets else f"{options} no-tls-tickets",
        settings.ciphers or base.ciphers,
        settings.ciphersuites or base.ciphersuites,
        curves,
    )


def validate(settings: Settings, yaml_path: str = "haproxy_tls") -> None:
    """Raise `ConfigurationError` with all problems of the settings."""
    problems = Problems()
    names = (*PROFILES, "custom")
    if settings.profile not in names:
        hint = suggest(settings.profile, names)
        problems.add(f"{yaml_path}.profile", f"there is no TLS profile '{settings.profile}'{hint}")
    if settings.min_version not in ("", *VERSIONS):
        hint = suggest(settings.min_version, VERSIONS)
        problems.add(f"{yaml_path}.min_version", f"there is no version '{settings.min_version}'{hint}")
    for name in ("min_version", "ciphers", "ciphersuites", "curves"):
        value = getattr(settings, name)
        if value and settings.profile in PROFILES:
            problems.add(
                f"{yaml_path}.{name}",
                f"the profile {settings.profile} is Mozilla's as a whole; for lists of your own write profile: custom",
            )
        elif value and (len(value.split()) != 1 or not one_line(value) or quote(value) != value):
            problems.add(f"{yaml_path}.{name}", f"one word is expected, its parts joined by colons, not {value!r}")
    if not settings.hsts.isprintable() or any(character in settings.hsts for character in '"\\%$'):
        problems.add(f"{yaml_path}.hsts", "the value of a header such as 'max-age=63072000' is expected")
    problems.raise_if_any()
