# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS profiles: what Mozilla recommends, as HAProxy's settings."""

from __future__ import annotations

from typing import NamedTuple

from .model import ConfigurationError, meant

# Two years, as Mozilla's configuration generator writes it.
STRICT_TRANSPORT_SECURITY = "max-age=63072000"


class Profile(NamedTuple):
    """What a bind negotiates: `ssl-default-bind-options`, ciphers (TLS 1.2 and older), suites (TLS 1.3), curves."""

    options: str
    ciphers: str
    ciphersuites: str
    curves: str


# What the Flash movie of Socket.IO 0.9 speaks: TLS 1.0, static RSA, AES-CBC with SHA-1, no server name. It belongs to a
# bind that nothing newer reaches. OpenSSL has the old signatures at its security level 0 only.
LEGACY = "ssl-min-ver TLSv1.0 ciphers AES128-SHA:AES256-SHA:@SECLEVEL=0"

_SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_CURVES = "X25519:prime256v1:secp384r1"

# Mozilla "Server Side TLS" guidelines, version 5.8 (wiki.mozilla.org/Security/Server_Side_TLS). The DHE suites of
# the intermediate list are left out: they need DH parameters and no client in use needs them.
PROFILES = {
    "modern": Profile("ssl-min-ver TLSv1.3 no-tls-tickets", "", _SUITES, _CURVES),
    "intermediate": Profile(
        "prefer-client-ciphers ssl-min-ver TLSv1.2 no-tls-tickets",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        _SUITES,
        _CURVES,
    ),
}


def profile(name: str, origin: str = "haproxy_tls_profile") -> Profile:
    """The profile of this name; raises `ConfigurationError` for another name."""
    if name not in PROFILES:
        raise ConfigurationError(f"{origin}: there is no TLS profile '{name}'{meant(name, PROFILES)}")
    return PROFILES[name]
