# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Describe a build: version, options, TLS library, and the fingerprint that names the result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import EdgeError
from ..host import read_distribution

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+|-dev[0-9]+)\Z")
OPENSSL_VERSION = re.compile(r"(1\.1\.1[a-z]{0,2}|[3-9]\.[0-9]+\.[0-9]+)\Z")

OPENSSL_OPTIONS = ("no-shared", "no-tests", "--openssldir=/etc/ssl")
"""The options of an OpenSSL that is linked statically into one HAProxy, with the host's settings and CAs.

OpenSSL looks for openssl.cnf and the folder `certs` (HAProxy's `@system-ca`) in its `openssldir`.
"""


def host_tls_library(text: str = ssl.OPENSSL_VERSION) -> dict[str, str]:
    """Return `library` and `version` of the system's TLS library, which the host's Python uses."""
    found = re.match(r"(\S+) (\S+)", text)
    return {"library": found[1].lower(), "version": found[2]} if found else {"library": text.lower(), "version": ""}


# How to tell a library by its headers: path below its include folder, library, pattern of its version.
_HEADERS = (
    ("openssl/base.h", "aws-lc", r'AWSLC_VERSION_NUMBER_STRING\s+"([0-9.]+)'),
    ("wolfssl/version.h", "wolfssl", r'LIBWOLFSSL_VERSION_STRING\s+"([0-9.]+)'),
    ("openssl/opensslv.h", "openssl", r'OPENSSL_VERSION_(?:STR\s+"|TEXT\s+"OpenSSL )([0-9][0-9a-z.]+)'),
)

# The options of HAProxy's make for libraries other than OpenSSL.
_BUILT_WITH = {"aws-lc": "USE_OPENSSL_AWSLC", "wolfssl": "USE_OPENSSL_WOLFSSL"}


def own_library(chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return `library`, `version` and `linked` of the TLS library that SSL_INC in `haproxy_build_options` names.

    Empty without SSL_INC: the build then uses the system's. `linked` is "statically" if SSL_LIB has no shared library.
    Raises BuildError if there is no library at SSL_INC or SSL_LIB, or only one of the two is set: a binary with the
    headers of one library and the code of another crashes.
    """
    includes, libraries = str(chosen.get("SSL_INC") or ""), str(chosen.get("SSL_LIB") or "")
    if not includes and not libraries:
        return {}
    if not (includes and libraries):
        present, missing = ("SSL_INC", "SSL_LIB") if includes else ("SSL_LIB", "SSL_INC")
        raise BuildError(f"haproxy_build_options: {present} also needs {missing}, of the same library")
    library, version = _read_header(includes)
    name = "libwolfssl" if library == "wolfssl" else "libssl"
    shared = any(Path(libraries).glob(f"{name}.so*"))
    if not shared and not Path(libraries, f"{name}.a").exists():
        neither = f"no {name}.so and no {name}.a"
        raise BuildError(f"haproxy_build_options.SSL_LIB: there is {neither} in {libraries}")
    return {"library": library, "version": version, "linked": "dynamically" if shared else "statically"}


def _read_header(includes: str) -> tuple[str, str]:
    """Return the name and version of the TLS library with these headers. Raise BuildError if there is none."""
    for name, library, pattern in _HEADERS:
        with contextlib.suppress(OSError):
            text = (Path(includes) / name).read_text(encoding="utf-8", errors="replace")
            if found := re.search(pattern, text):
                return library, found[1]
    raise BuildError(f"haproxy_build_options.SSL_INC: there is no TLS library's openssl/opensslv.h below {includes}")


def _number(version: str) -> tuple[int, int]:
    """Return the first two numbers: the branch of HAProxy, or the ABI of OpenSSL."""
    numbers = [int(part) for part in re.findall(r"[0-9]+", version)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


# The options of HAProxy's make (INSTALL, section 4): first version with it, first version without it, option.
_DEFAULTS: tuple[tuple[tuple[int, int], tuple[int, int], dict[str, str]], ...] = (
    ((0, 0), (99, 0), {"TARGET": "linux-glibc", "USE_OPENSSL": "1", "USE_LUA": "1", "USE_PROMEX": "1"}),
    ((0, 0), (99, 0), {"USE_PCRE2": "1", "USE_PCRE2_JIT": "1"}),
    ((0, 0), (3, 1), {"USE_SYSTEMD": "1"}),  # from 3.1 on always built in
    ((2, 9), (99, 0), {"USE_QUIC": "1"}),  # before, it needs a TLS library with an API that OpenSSL does not have
)

# Combinations that build and crash: version of HAProxy, first version of OpenSSL, options that are on, that are off.
# Measured: 3.2.0 crashes at the first QUIC handshake; 3.2.26 and 3.4.0 do not.
_CRASHES = (("3.2.0", (3, 5), "USE_QUIC", "USE_QUIC_OPENSSL_COMPAT"),)


def make_options(version: str, tls_version: str, chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables for HAProxy's `make`: the defaults of its version, overridden by `chosen`.

    In `chosen`, `true` means 1; `false`, 0, null and "" switch an option off. Raises BuildError for an invalid name or
    value, and for a combination that is known to crash.
    """
    branch, tls = _number(version), _number(tls_version)
    options: dict[str, str] = {}
    for first, end, defaults in _DEFAULTS:
        if first <= branch < end:
            options.update(defaults)
    # OpenSSL has an API for QUIC since 3.5, HAProxy uses it since 3.2. The API of another library (SSL_INC, SSL_LIB)
    # is up to the user to name.
    native = branch >= (3, 2) and tls >= (3, 5)
    if "USE_QUIC" in options and not native and not {"SSL_INC", "SSL_LIB"} & set(chosen):
        options["USE_QUIC_OPENSSL_COMPAT"] = "1"
    options.update({name: _option_value(name, value) for name, value in chosen.items()})
    for broken, first, on, off in _CRASHES:
        if version == broken and tls >= first and options.get(on) and not options.get(off):
            raise BuildError(
                f"haproxy_version: HAProxy {version} with QUIC crashes on OpenSSL {tls_version}; use a later release, "
                f"or leave QUIC out with haproxy_build_options: {{{on}: false}}"
            )
    return options


def _option_value(name: str, value: Any) -> str:
    """Return the value of a make variable from `haproxy_build_options`. Raise BuildError for one that is invalid."""
    if not VARIABLE.match(name):
        raise BuildError(f"haproxy_build_options: {name!r} is not a make variable (expected a name like USE_QUIC)")
    if name in ("PREFIX", "DESTDIR", "SBINDIR"):
        raise BuildError(f"haproxy_build_options.{name}: each build has a folder of its own, leave it out")
    if isinstance(value, (dict, list)) or "\n" in str(value):
        raise BuildError(f"haproxy_build_options.{name}: expected one line of text, not {value!r}")
    off = value is None or value is False or (name.startswith("USE_") and str(value).lower() in ("0", "false"))
    return "" if off else "1" if value is True or str(value) == "True" else str(value)


@dataclass(frozen=True)
class Recipe:
    """Describe one build: its sources and options, and the kind of host that it is for.

    `options` are the complete ones of `make_options`. `tls` names the TLS library and the part of its version that
    makes another binary: for a dynamically linked one the first two numbers, since its patch releases keep the ABI; for
    a statically linked one all. `tls_checksum` is the SHA-256 of the OpenSSL that is built for this HAProxy, empty for
    none.
    """

    version: str
    checksum: str
    options: Mapping[str, str]
    tls: str
    distribution: str
    architecture: str
    tls_checksum: str = ""

    @property
    def fingerprint(self) -> str:
        """Return 12 hex characters for everything that makes one binary differ from another."""
        library = self.tls.split(" ")[-1]
        parts: dict[str, Any] = {
            "version": self.version,
            "checksum": self.checksum,
            "options": dict(self.options),
            "tls": list(_number(library)),
            "distribution": self.distribution,
            "architecture": self.architecture,
        }
        if library.count(".") > 1:
            parts["tls"] = self.tls
        if self.tls_checksum:
            parts["openssl"] = [self.tls_checksum, *OPENSSL_OPTIONS]
        canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def sources(self) -> list[Source]:
        """Return its sources in the order in which they are built: an OpenSSL of its own, if any, then HAProxy."""
        own = [Source(OPENSSL, self.tls.split(" ")[-1], self.tls_checksum)] if self.tls_checksum else []
        return [*own, Source(HAPROXY, self.version, self.checksum)]

    @property
    def name(self) -> str:
        """Return the name of the build's folder."""
        return f"{self.version}-{self.fingerprint}"

    @property
    def archive(self) -> str:
        """Return the file name of the build's archive."""
        return f"haproxy-{self.name}.tar.gz"

    @property
    def features(self) -> list[str]:
        """Return the features that `haproxy -vv` must list with a plus."""
        return sorted(name[4:] for name, value in self.options.items() if name.startswith("USE_") and value)

    def directory(self, prefix: Path) -> Path:
        """Return the folder of the build below `prefix`."""
        return prefix / self.name

    def binary(self, prefix: Path) -> Path:
        """Return the path of the build's binary."""
        return self.directory(prefix) / "sbin" / "haproxy"

    def described(self) -> str:
        """Return the kind of host that the build is for, in words."""
        return f"{self.distribution}, {self.architecture}, {self.tls}"


def host_recipe(
    version: str, checksum: str, options: Mapping[str, Any], openssl: Mapping[str, str] | None = None
) -> Recipe:
    """Return the recipe for this host. `options` are `haproxy_build_options`, without the role's defaults.

    `openssl` (version, checksum) is linked statically; without a version, a library of the host is used. Raises
    BuildError for an invalid version, checksum or option.
    """
    if not VERSION.match(version):
        raise BuildError(f"haproxy_version: {version!r} is not a version of HAProxy (expected one like 3.2.26)")
    Source(HAPROXY, version, checksum).verify()
    static = _static_openssl(openssl or {}, options)
    own = {} if static else own_library(options)
    library = {"library": "openssl", "version": static.version} if static else own or host_tls_library()
    if own:
        # The binary looks for the library where it was at build time.
        chosen: dict[str, Any] = {"ADDLIB": f"-Wl,-rpath,{options['SSL_LIB']}"}
        if own["library"] in _BUILT_WITH:
            chosen[_BUILT_WITH[own["library"]]] = "1"
        options = {**chosen, **options}
    part = static or own.get("linked") == "statically"
    system = read_distribution()
    return Recipe(
        version=version,
        checksum=checksum,
        options=make_options(version, library["version"] if library["library"] == "openssl" else "", options),
        tls=f"{library['library']} " + (library["version"] if part else "{}.{}".format(*_number(library["version"]))),
        distribution=" ".join(filter(None, (system["id"], system["version"] or system["codename"]))),
        architecture=platform.machine(),
        tls_checksum=static.checksum if static else "",
    )


def _static_openssl(wanted: Mapping[str, str], options: Mapping[str, Any]) -> Source | None:
    """Return the source of the OpenSSL in `haproxy_openssl`, None if it is empty. Raise BuildError if it is invalid."""
    version = wanted.get("version") or ""
    if not version:
        if wanted.get("checksum"):
            raise BuildError("haproxy_openssl: the checksum has no version that it belongs to")
        return None
    if not OPENSSL_VERSION.match(version):
        raise BuildError(
            f"haproxy_openssl.version: {version!r} is not a supported version of OpenSSL (expected one like 3.5.7; "
            "1.1.1 with its letter, or 3.0.0 and later)"
        )
    named = [name for name in ("SSL_INC", "SSL_LIB", *_BUILT_WITH.values()) if options.get(name)]
    if named:
        raise BuildError(
            f"haproxy_build_options.{named[0]} names one TLS library and haproxy_openssl another; leave one out"
        )
    source = Source(OPENSSL, version, wanted.get("checksum") or "")
    source.verify()
    return source


SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Project(NamedTuple):
    """Name a project: its title, its source package, and the variables that choose version, checksum and places.

    `suites`: the suites of Debian that are searched for the wanted version, in this order. `work`: the seconds that
    one processor takes to compile it, about.
    """

    title: str
    package: str
    version: str
    checksum: str
    places: str
    releases: str
    suites: tuple[str, ...]
    work: int


HAPROXY = Project(
    "HAProxy",
    "haproxy",
    "haproxy_version",
    "haproxy_source_checksum",
    "haproxy_source_urls",
    "haproxy_releases",
    ("trixie", "bookworm", "forky", "sid", "experimental"),
    240,
)
OPENSSL = Project(
    "OpenSSL",
    "openssl",
    "haproxy_openssl.version",
    "haproxy_openssl.checksum",
    "haproxy_openssl_urls",
    "haproxy_openssl_releases",
    ("trixie", "trixie-security", "bullseye", "bookworm", "bookworm-security", "forky", "sid", "experimental"),
    200,
)


class BuildError(EdgeError):
    """Report a build that cannot be made, for the person who wrote the variables."""


@dataclass(frozen=True)
class Source:
    """Identify an upstream release by the SHA-256 of its tarball."""

    project: Project
    version: str
    checksum: str

    def __str__(self) -> str:
        """Return title and version: "HAProxy 3.2.26"."""
        return f"{self.project.title} {self.version}"

    @property
    def branch(self) -> str:
        """Return its branch: "3.2" for "3.2.26"."""
        return ".".join(self.version.split("-")[0].split(".")[:2])

    @property
    def tarball(self) -> str:
        """Return the file name under which its tarball is kept."""
        return f"{self.project.package}-{self.version}.tar.gz"

    def verify(self) -> None:
        """Raise BuildError for an invalid checksum."""
        if not SHA256.match(self.checksum):
            raise BuildError(
                f"{self.project.checksum}: {self.checksum!r} is not a SHA-256 (64 hex digits)"
                if self.checksum
                else f"{self.project.version}: {self.version} is not among the releases the role knows "
                f"({self.project.releases}), so it needs {self.project.checksum}: the SHA-256 of its tarball, which "
                "upstream publishes beside it"
            )
