# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build HAProxy into a folder of its own, with the TLS library that is wanted; carry builds between hosts.

A build lives in `PREFIX/VERSION-FINGERPRINT/`. The fingerprint covers everything that makes one binary
differ from another, so a folder that is there is the wanted build or it is not: nothing is ever rebuilt in
place, and the service switches from one folder to another with a symlink.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .check import library_in
from .source import HAPROXY, OPENSSL, BuildError, Source, distribution, obtain

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+|-dev[0-9]+)\Z")
OPENSSL_VERSION = re.compile(r"(1\.1\.1[a-z]{0,2}|[3-9]\.[0-9]+\.[0-9]+)\Z")

OPENSSL_OPTIONS = ("no-shared", "no-tests", "--openssldir=/etc/ssl")
"""How an OpenSSL for one HAProxy is configured: to be a part of the program, with the host's settings and authorities.

OpenSSL looks for openssl.cnf and the folder `certs` (HAProxy's `@system-ca`) in its `openssldir`.
"""


# --- What this host is -----------------------------------------------------------------------------------


def tls_library(text: str = ssl.OPENSSL_VERSION) -> dict[str, str]:
    """Return `library` and `version` of the TLS library the host's Python uses: the system's."""
    found = re.match(r"(\S+) (\S+)", text)
    return {"library": found[1].lower(), "version": found[2]} if found else {"library": text.lower(), "version": ""}


# What says in a library's headers which it is: path below its include folder, library, pattern of its version.
_HEADERS = (
    ("openssl/base.h", "aws-lc", r'AWSLC_VERSION_NUMBER_STRING\s+"([0-9.]+)'),
    ("wolfssl/version.h", "wolfssl", r'LIBWOLFSSL_VERSION_STRING\s+"([0-9.]+)'),
    ("openssl/opensslv.h", "openssl", r'OPENSSL_VERSION_(?:STR\s+"|TEXT\s+"OpenSSL )([0-9][0-9a-z.]+)'),
)

# What HAProxy's make calls those that are not OpenSSL itself.
_BUILT_WITH = {"aws-lc": "USE_OPENSSL_AWSLC", "wolfssl": "USE_OPENSSL_WOLFSSL"}


def own_library(chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return `library`, `version` and `linked` of the TLS library that SSL_INC in `haproxy_build_options` leads to.

    Empty where there is none: then it is the system's. `linked` is "statically" where SSL_LIB has no shared one.
    Raises BuildError where SSL_INC or SSL_LIB leads nowhere, or one is missing: a program with the headers of one
    library and the code of another crashes.
    """
    includes, libraries = str(chosen.get("SSL_INC") or ""), str(chosen.get("SSL_LIB") or "")
    if not includes and not libraries:
        return {}
    if not (includes and libraries):
        present, missing = ("SSL_INC", "SSL_LIB") if includes else ("SSL_LIB", "SSL_INC")
        raise BuildError(f"haproxy_build_options: {present} needs {missing} beside it, of the same library")
    for name, library, pattern in _HEADERS:
        with contextlib.suppress(OSError):
            text = (Path(includes) / name).read_text(encoding="utf-8", errors="replace")
            if found := re.search(pattern, text):
                name = "libwolfssl" if library == "wolfssl" else "libssl"
                shared = any(Path(libraries).glob(f"{name}.so*"))
                if not shared and not Path(libraries, f"{name}.a").exists():
                    neither = f"no {name}.so and no {name}.a"
                    raise BuildError(f"haproxy_build_options.SSL_LIB: there is {neither} in {libraries}")
                return {"library": library, "version": found[1], "linked": "dynamically" if shared else "statically"}
    raise BuildError(f"haproxy_build_options.SSL_INC: there is no TLS library's openssl/opensslv.h below {includes}")


# --- What is to be built ---------------------------------------------------------------------------------


def _number(version: str) -> tuple[int, int]:
    """Return the first two numbers: the branch of HAProxy, or the ABI of OpenSSL."""
    numbers = [int(part) for part in re.findall(r"[0-9]+", version)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def make_options(version: str, tls_version: str, chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables for HAProxy's `make`: ours, and `chosen` over them (HAProxy's INSTALL, section 4).

    `true` means 1; `false`, 0, null and "" switch an option off. Raises BuildError for a name that is none.
    QUIC is left out before 2.9: there it needs a TLS library with an API that OpenSSL does not have.
    """
    branch = _number(version)
    options = {"TARGET": "linux-glibc", "USE_OPENSSL": "1", "USE_LUA": "1", "USE_PCRE2": "1", "USE_PCRE2_JIT": "1"}
    options["USE_PROMEX"] = "1"
    if branch < (3, 1):
        options["USE_SYSTEMD"] = "1"  # from 3.1 on it is always in, and the option is gone
    if branch >= (2, 9):
        options["USE_QUIC"] = "1"
        # OpenSSL has an API for QUIC since 3.5, HAProxy knows it since 3.2. With a library of the user's own
        # (SSL_INC, SSL_LIB), its API is the user's to name.
        native = branch >= (3, 2) and _number(tls_version) >= (3, 5)
        if not native and not {"SSL_INC", "SSL_LIB"} & set(chosen):
            options["USE_QUIC_OPENSSL_COMPAT"] = "1"
    for name, value in chosen.items():
        if not VARIABLE.match(name):
            raise BuildError(f"haproxy_build_options: {name!r} is no make variable (expected a name like USE_QUIC)")
        if name in ("PREFIX", "DESTDIR", "SBINDIR"):
            raise BuildError(f"haproxy_build_options.{name}: each build has a folder of its own, leave it out")
        if isinstance(value, (dict, list)) or "\n" in str(value):
            raise BuildError(f"haproxy_build_options.{name}: expected one line of text, not {value!r}")
        off = value is None or value is False or (name.startswith("USE_") and str(value).lower() in ("0", "false"))
        options[name] = "" if off else "1" if value is True or str(value) == "True" else str(value)
    if (
        version == "3.2.0"
        and options.get("USE_QUIC")
        and not options.get("USE_QUIC_OPENSSL_COMPAT")
        and _number(tls_version) >= (3, 5)
    ):
        # Measured: it crashes at the first handshake; 3.2.26 and 3.4.0 do not.
        raise BuildError(
            f"haproxy_version: HAProxy 3.2.0 with QUIC crashes on OpenSSL {tls_version}; take a later 3.2, or leave "
            "QUIC out with haproxy_build_options: {USE_QUIC: false}"
        )
    return options


@dataclass(frozen=True)
class Recipe:
    """One build: what it is made of, and for which kind of host.

    `options` are the complete ones of `make_options`. `tls` names the TLS library and as much of its version as makes
    another binary: of one that is linked dynamically the first two numbers, since its patch releases keep the ABI; of
    one that becomes a part of the program all. `tls_checksum` is the SHA-256 of the OpenSSL that is built for this
    HAProxy alone, empty where none is.
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
        """Return what it is built from, in this order: the OpenSSL that becomes a part of it, if any, and HAProxy."""
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
        """Return the features that `haproxy -vv` has to show with a plus."""
        return sorted(name[4:] for name, value in self.options.items() if name.startswith("USE_") and value)

    def directory(self, prefix: Path) -> Path:
        """Return the folder of the build below `prefix`."""
        return prefix / self.name

    def binary(self, prefix: Path) -> Path:
        """Return the path of the build's binary."""
        return self.directory(prefix) / "sbin" / "haproxy"

    def described(self) -> str:
        """Say for which kind of host this is."""
        return f"{self.distribution}, {self.architecture}, {self.tls}"


def host_recipe(
    version: str, checksum: str, options: Mapping[str, Any], openssl: Mapping[str, str] | None = None
) -> Recipe:
    """Return the recipe for this host. `options` are `haproxy_build_options`, without our defaults.

    `openssl` (version, checksum) is the OpenSSL that is to be a part of the program; none, or one without a version,
    is a TLS library that is there. Raises BuildError for a version, a checksum or an option that cannot be one.
    """
    if not VERSION.match(version):
        raise BuildError(f"haproxy_version: {version!r} is no version of HAProxy (expected one like 3.2.26)")
    Source(HAPROXY, version, checksum).verify()
    static = _static_openssl(openssl or {}, options)
    own = {} if static else own_library(options)
    library = {"library": "openssl", "version": static.version} if static else own or tls_library()
    if own:
        # It is found where it was at build time; what HAProxy calls it, the library says.
        chosen: dict[str, Any] = {"ADDLIB": f"-Wl,-rpath,{options['SSL_LIB']}"}
        if own["library"] in _BUILT_WITH:
            chosen[_BUILT_WITH[own["library"]]] = "1"
        options = {**chosen, **options}
    part = static or own.get("linked") == "statically"
    system = distribution()
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
    """Return the source of the OpenSSL that `haproxy_openssl` names, if it does; raise BuildError if it can't be."""
    version = wanted.get("version") or ""
    if not version:
        if wanted.get("checksum"):
            raise BuildError("haproxy_openssl: a checksum without the version that it belongs to")
        return None
    if not OPENSSL_VERSION.match(version):
        raise BuildError(
            f"haproxy_openssl.version: {version!r} is no version of OpenSSL that can be used here (expected one like "
            "3.5.7; 1.1.1 with its letter, or 3.0.0 and later)"
        )
    named = [name for name in ("SSL_INC", "SSL_LIB", *_BUILT_WITH.values()) if options.get(name)]
    if named:
        raise BuildError(
            f"haproxy_build_options.{named[0]}: it names one TLS library and haproxy_openssl another; leave one out"
        )
    source = Source(OPENSSL, version, wanted.get("checksum") or "")
    source.verify()
    return source


# --- Building --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def turn(prefix: Path) -> Iterator[None]:
    """Wait until no other run works below `prefix` (which is made), and clear what a killed one left there."""
    prefix.mkdir(parents=True, exist_ok=True)
    with (prefix / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in prefix.glob(".work-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def present(recipe: Recipe, prefix: Path) -> bool:
    """Say whether the build is there, whole, and runs on this host."""
    directory = recipe.directory(prefix)
    return (directory / "build.json").is_file() and _ability(recipe.binary(prefix)).version == recipe.version


def provide(
    recipe: Recipe,
    places: Sequence[str],
    prefix: Path,
    archive: Path | None = None,
    openssl_places: Sequence[str] = (),
) -> tuple[bool, str]:
    """Bring the build about below `prefix`: it is there, or is unpacked from `archive`, or is built from source.

    `archive` is written when it is not there yet. Returns whether something changed, and the place that served
    ("" when the build was there). Raises BuildError; then nothing of this run is left behind.
    """
    if present(recipe, prefix) and (archive is None or archive.is_file()):
        return False, ""
    place = ""
    try:
        with turn(prefix):
            if not present(recipe, prefix):
                if archive is not None and archive.is_file():
                    place = str(archive)
                    unpack(recipe, archive, prefix)
                else:
                    place = build(recipe, places, prefix, openssl_places)
            if archive is not None and not archive.is_file():
                pack(recipe, prefix, archive)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(recipe, prefix) from error
        raise BuildError(f"{error.filename or prefix}: {error.strerror or error}") from error
    return True, place


def build(recipe: Recipe, places: Sequence[str], prefix: Path, openssl_places: Sequence[str] = ()) -> str:
    """Obtain the sources and build them into a folder below `prefix`. Returns the place that served HAProxy's.

    The folder appears only when its binary runs, is the version it should be, on the TLS library it should be on, and
    has every wanted feature. Needs make, a C compiler and the headers, for an OpenSSL of its own perl too. HAProxy
    takes one to three minutes on two cores, OpenSSL two more.
    """
    tarballs = prefix / "sources"
    served = {
        source: obtain(source, openssl_places if source.project is OPENSSL else places, tarballs)
        for source in recipe.sources
    }
    tools = ["make", recipe.options.get("CC", "cc").split()[0], *(["perl"] if recipe.tls_checksum else [])]
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise BuildError(f"Building HAProxy needs {' and '.join(missing)}, which this host does not have")
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        stage = Path(folder) / "stage"
        *libraries, haproxy = [
            _unfold(source, place, tarballs / source.tarball, Path(folder)) for source, place in served.items()
        ]
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        options = dict(recipe.options)
        for library in libraries:
            _run(recipe, prefix, library, ["sh", "./config", *OPENSSL_OPTIONS])
            _run(recipe, prefix, library, ["make", jobs, "build_libs"])
            # Relative, so that the binary is the same wherever it is built. A module of Lua's may bring the system's
            # library into the process: neither is to find the other's functions.
            options["SSL_INC"], options["SSL_LIB"] = f"../{library.name}/include", f"../{library.name}"
            options["ADDLIB"] = f"{options.get('ADDLIB', '')} -Wl,--exclude-libs=libssl.a:libcrypto.a".strip()
        arguments = [f"{name}={value}" for name, value in sorted(options.items())]
        _run(recipe, prefix, haproxy, ["make", jobs, *arguments])
        _run(recipe, prefix, haproxy, ["make", *arguments, f"PREFIX={stage}", "install-bin"])
        if shutil.which("strip"):  # a tenth of the size; the names of functions, for backtraces, stay
            subprocess.run(["strip", "--strip-debug", str(stage / "sbin" / "haproxy")], check=False)
        _describe(recipe, stage)
        _place(recipe, stage, prefix)
    return served[recipe.sources[-1]]


def _unfold(source: Source, place: str, tarball: Path, folder: Path) -> Path:
    """Unpack a tarball into `folder` and return the path of the tree that was in it."""
    unpacked = folder / source.project.package
    _extract(tarball, unpacked)
    inside = list(unpacked.iterdir())
    if len(inside) != 1 or not any((inside[0] / name).is_file() for name in ("Makefile", "config")):
        raise BuildError(f"{place}: this is not a source tarball of {source.project.title}")
    return inside[0].rename(folder / f"{source.project.package}-source")


def _run(recipe: Recipe, prefix: Path, tree: Path, command: Sequence[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "PREFIX")}
    done = subprocess.run(
        ["nice", *command],  # an edge that builds is serving meanwhile
        cwd=tree, env={**environment, "LC_ALL": "C"}, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        if "No space left on device" in done.stdout:
            raise _full(recipe, prefix)
        last = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildError(
            f"Building {tree.name.split('-')[0]} failed. The options are ours and haproxy_build_options: "
            f"{' '.join(command)}\nThe last lines it wrote:\n{last}"
        )


def _full(recipe: Recipe, prefix: Path) -> BuildError:
    free, needed = shutil.disk_usage(prefix).free // 1_000_000, 400 if recipe.tls_checksum else 150
    return BuildError(
        f"No space left for {prefix}: {free} MB are free, this build needs {needed} MB. Nothing was left behind."
    )


class Ability(NamedTuple):
    """What a binary says of itself; without a version there is a reason why it does not run."""

    version: str = ""
    features: frozenset[str] = frozenset()
    library: str = ""
    reason: str = ""


def _ability(binary: Path) -> Ability:
    try:
        done = subprocess.run([str(binary), "-vv"], check=False, capture_output=True, text=True)
    except OSError as error:
        return Ability(reason=str(error))
    version = re.match(r"HAProxy version ([0-9]+\.[0-9]+(?:\.[0-9]+|-dev[0-9]+))", done.stdout)
    if done.returncode or not version:
        return Ability(reason=(done.stderr or done.stdout).strip())
    listed = re.search(r"^Feature list : (.*)$", done.stdout, re.MULTILINE)
    words = listed[1].split() if listed else []
    features = frozenset(word[1:] for word in words if word.startswith("+"))
    return Ability(version[1], features, library_in(done.stdout))


def _describe(recipe: Recipe, directory: Path) -> None:
    """Check the binary in `directory` and write build.json beside it, last: a folder without it is not a build."""
    version, features, library, reason = _ability(directory / "sbin" / "haproxy")
    if not version:
        raise BuildError(f"The binary was built but does not run: {reason}")
    for own in recipe.sources[:-1]:
        if str(own) != " ".join(library.split()[:2]):
            raise BuildError(f"{own.project.version} is {own.version}, but the binary runs on {library or 'nothing'}")
    if version != recipe.version:
        raise BuildError(f"haproxy_version is {recipe.version}, but the source with this checksum is HAProxy {version}")
    lacking = [name for name in recipe.features if name not in features]
    if lacking:
        named = ", ".join(f"haproxy_build_options.USE_{name}" for name in lacking)
        raise BuildError(f"{named}: HAProxy {version} does not know this option; the binary was built without it")
    facts = {
        "version": version,
        "checksum": recipe.checksum,
        "fingerprint": recipe.fingerprint,
        "options": dict(recipe.options),
        "tls": recipe.tls,
        "tls_checksum": recipe.tls_checksum,
        "distribution": recipe.distribution,
        "architecture": recipe.architecture,
        "features": sorted(features),
    }
    (directory / "build.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _place(recipe: Recipe, stage: Path, prefix: Path) -> None:
    """Rename `stage`, which is below `prefix`, to the build's folder. What is there is broken, or we were not here."""
    for path in (stage, *stage.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    directory = recipe.directory(prefix)
    if directory.exists():
        directory.rename(stage.with_name("broken"))
    stage.rename(directory)


# --- Carrying builds between hosts -----------------------------------------------------------------------


def pack(recipe: Recipe, prefix: Path, archive: Path) -> None:
    """Write the build below `prefix` to `archive`, a tar.gz that is the same, byte for byte, each time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = 0
        return member

    directory = recipe.directory(prefix)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".pack-") as folder:
        temporary = Path(folder) / "archive"
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(temporary.open("wb"))
            zipped = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
            tar = stack.enter_context(tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT))
            for path in (directory, *sorted(directory.rglob("*"))):
                tar.add(path, arcname=str(path.relative_to(prefix)), recursive=False, filter=plain)
        temporary.replace(archive)


def unpack(recipe: Recipe, archive: Path, prefix: Path) -> None:
    """Unpack the build in `archive` into its folder below `prefix`, once its binary ran here.

    Raises BuildError when it is the archive of another build, or cannot be read.
    """
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        _extract(archive, Path(folder))
        stage = Path(folder) / recipe.name
        try:
            facts = json.loads((stage / "build.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            facts = {}
        if facts.get("fingerprint") != recipe.fingerprint:
            inside = ", ".join(path.name for path in Path(folder).iterdir())
            raise BuildError(
                f"{archive} holds {inside or 'nothing'}, but this host ({recipe.described()}) needs {recipe.name}"
            )
        found = _ability(stage / "sbin" / "haproxy")
        if found.version != recipe.version:
            raise BuildError(f"The binary in {archive} does not run on this host: {found.reason}")
        _place(recipe, stage, prefix)


def _extract(archive: Path, folder: Path) -> None:
    """Unpack the files and folders of a tar archive into `folder`; refuse one that reaches outside of it (PEP 706).

    Links are left out: nothing that is built or carried needs them, and without them no path can lead astray.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if member.isfile() or member.isdir()]
            for member in members:
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise BuildError(f"{archive}: refused, {member.name} would be written outside of its folder")
                member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            if hasattr(tarfile, "data_filter"):
                tar.extractall(folder, members=members, filter="data")
            else:  # before Python 3.9.17, 3.10.12 and 3.11.4
                tar.extractall(folder, members=members)  # noqa: S202 (checked above)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BuildError(f"{archive} cannot be unpacked ({error}); delete it if it was cut off") from error
