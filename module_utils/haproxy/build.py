# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Obtain HAProxy's source, build it into a folder of its own, carry builds between hosts.

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
import threading
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url

CONNECT_TIMEOUT = 5
"""Seconds a place may take to accept a connection, and to send the next piece of data."""

ANSWER_TIMEOUT = 10
"""Seconds until the first answer of a place, name resolution and every address of it included."""

INDEX_TIMEOUT = 180
"""Seconds for one index or one source package of the distribution."""

DEBIAN_SUITES = ("trixie", "bookworm", "forky", "sid", "experimental")
"""Suites whose source packages are looked through for the wanted version, in this order."""

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+|-dev[0-9]+)\Z")


class BuildError(Exception):
    """What went wrong, in words for the person who wrote the variables."""


class NotObtained(BuildError):
    """No place has the source. `reasons` says why not, as one line for each place."""

    def __init__(self, version: str, reasons: Sequence[str]) -> None:
        """Make the message of `reasons`."""
        self.reasons = list(reasons) or ["the list is empty"]
        super().__init__(
            f"The source of HAProxy {version} cannot be had from any place in haproxy_source_from:\n"
            + "\n".join(f"- {reason}" for reason in self.reasons)
        )


# --- What this host is -----------------------------------------------------------------------------------


def distribution(os_release: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return `id`, `version` and `codename` of the host as os-release(5) gives them, "" where it is silent."""
    try:
        text = os_release.read_text(encoding="utf-8")
    except OSError:
        text = ""
    values = dict(re.findall(r"""^([A-Z_]+)=["']?([^"'\n]*)["']?\s*$""", text, re.MULTILINE))
    return {
        "id": values.get("ID", ""),
        "version": values.get("VERSION_ID", ""),
        "codename": values.get("VERSION_CODENAME", ""),
    }


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
    """Return `library` and `version` of the TLS library that SSL_INC in `haproxy_build_options` leads to.

    Empty where there is none: then it is the system's. Raises BuildError where SSL_INC leads nowhere, or SSL_LIB is
    missing: a program with the headers of one library and the code of another crashes.
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
                return {"library": library, "version": found[1]}
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


def fingerprint(
    version: str,
    checksum: str,
    options: Mapping[str, str],
    tls_version: str,
    distribution: str,
    architecture: str,
) -> str:
    """Return 12 hex characters for everything that makes one binary differ from another.

    `options` are the complete ones of `make_options`. Of the TLS library's version only the first two numbers
    count: it is linked dynamically, and its patch releases keep the ABI.
    """
    parts = {
        "version": version,
        "checksum": checksum,
        "options": dict(options),
        "tls": list(_number(tls_version)),
        "distribution": distribution,
        "architecture": architecture,
    }
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Recipe:
    """One build: what it is made of, and for which kind of host."""

    version: str
    checksum: str
    options: Mapping[str, str]
    tls: str
    distribution: str
    architecture: str

    @property
    def fingerprint(self) -> str:
        """Return the 12 hex characters of `fingerprint`."""
        return fingerprint(self.version, self.checksum, self.options, self.tls, self.distribution, self.architecture)

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


def host_recipe(version: str, checksum: str, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe for this host. `options` are `haproxy_build_options`, without our defaults.

    Raises BuildError for a version, a checksum or an option that cannot be one.
    """
    if not VERSION.match(version):
        raise BuildError(f"haproxy_version: {version!r} is no version of HAProxy (expected one like 3.2.26)")
    if not SHA256.match(checksum):
        raise BuildError(
            f"haproxy_source_checksum: {checksum!r} is no SHA-256 (64 hex digits)"
            if checksum
            else f"haproxy_version: {version} is not among the releases the role knows (haproxy_releases), so it needs "
            "haproxy_source_checksum: the SHA-256 of its tarball, which upstream publishes beside it"
        )
    system, own = distribution(), own_library(options)
    library = own or tls_library()
    if own:
        # It is found where it was at build time; what HAProxy calls it, the library says.
        chosen: dict[str, Any] = {"ADDLIB": f"-Wl,-rpath,{options['SSL_LIB']}"}
        if own["library"] in _BUILT_WITH:
            chosen[_BUILT_WITH[own["library"]]] = "1"
        options = {**chosen, **options}
    return Recipe(
        version=version,
        checksum=checksum,
        options=make_options(version, library["version"] if library["library"] == "openssl" else "", options),
        tls="{} {}.{}".format(library["library"], *_number(library["version"])),
        distribution=" ".join(filter(None, (system["id"], system["version"] or system["codename"]))),
        architecture=platform.machine(),
    )


# --- Where the source comes from -------------------------------------------------------------------------


def branch(version: str) -> str:
    """Return the branch of a version: "3.2" for "3.2.26"."""
    return ".".join(version.split("-")[0].split(".")[:2])


def obtain(
    version: str, checksum: str, places: Sequence[str], destination: Path, files: Path = Path("/nonexistent")
) -> str:
    """Put the tarball of `version` at `destination` and return the place that served it.

    A place is an URL (with {version} and {branch}), the word `distribution`, or a path; a path is looked for as
    it is and, by its last part, in the folder `files`, where files of the controller are put. Places are tried in
    order; what does not have the SHA-256 `checksum` is not kept. Raises NotObtained.
    """
    if destination.is_file() and _sha256(destination) == checksum:
        return str(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for written in places:
        place = written.replace("{version}", version).replace("{branch}", branch(version))
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".obtain-") as folder:
            temporary = Path(folder) / "source"
            try:
                if place == "distribution":
                    _from_distribution(version, checksum, temporary)
                elif place.startswith(("http://", "https://")):
                    _from_url(place, temporary)
                else:
                    _from_file(place, files, temporary)
                found = _sha256(temporary)
                if found != checksum:
                    raise BuildError(f"its SHA-256 is {found}, but haproxy_source_checksum says {checksum}")
                temporary.replace(destination)
                return place
            except (BuildError, OSError) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                reasons.append(f"{place}: {error}")
    raise NotObtained(version, reasons)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _within(seconds: float, action: Callable[[], Any]) -> Any:
    """Return what `action` returns, or raise TimeoutError: name resolution has no time limit of its own."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.extend((True, action()))
        except Exception as error:
            outcome.extend((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError
    if not outcome[0]:
        raise outcome[1]
    return outcome[1]


def _from_url(url: str, destination: Path) -> None:
    try:
        answer = _within(ANSWER_TIMEOUT, lambda: open_url(url, timeout=CONNECT_TIMEOUT, http_agent="realtime.edge"))
        with answer, destination.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        raise BuildError(f"answers {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise BuildError(f"no answer in {ANSWER_TIMEOUT} s") from error
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise BuildError(f"cannot be reached ({reason})") from error
    except ValueError as error:
        raise BuildError(f"is no URL ({error})") from error


def _from_file(place: str, files: Path, destination: Path) -> None:
    for candidate in (Path(place), files / Path(place).name):
        if candidate.is_file():
            shutil.copyfile(candidate, destination)
            return
    raise BuildError("no such file on the controller or here (nor is it an URL, or the word distribution)")


def source_stanzas(
    configuration: Mapping[str, str], system: Mapping[str, str], suites: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield (suite, deb822 stanza of type deb-src) for the mirrors of the distribution that apt is configured with.

    `configuration` maps the path of each file of apt's sources to its text, in the one-line or the deb822 format
    (sources.list(5)). A mirror of the distribution is one that has component `main` of the host's own suite.
    """
    own = {system["codename"], "stable", "testing", "unstable", "sid"} - {""}
    if not suites:
        suites = DEBIAN_SUITES if system["id"] == "debian" else (f"{system['codename']}-updates", system["codename"])
    mirrors: list[tuple[str, str]] = []
    for path, text in configuration.items():
        for fields in _deb822(text) if path.endswith(".sources") else _one_line(text):
            if fields.get("enabled", "yes").lower() in ("no", "false") or "deb" not in fields.get("types", "").split():
                continue
            if not own & set(fields.get("suites", "").split()) or "main" not in fields.get("components", "").split():
                continue
            kept = "".join(
                f"{label}: {fields[label.lower()]}\n" for label in ("Signed-By", "Trusted") if fields.get(label.lower())
            )
            mirrors.extend((uri, kept) for uri in fields.get("uris", "").split())
    # Others publish suites of these names too: the distribution's own mirror carries its name.
    named = [mirror for mirror in mirrors if mirror[0].rstrip("/").endswith(f"/{system['id']}")]
    for uri, kept in dict.fromkeys(named or mirrors):
        for suite in suites:
            yield suite, f"Types: deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{kept}"


def _deb822(text: str) -> Iterator[dict[str, str]]:
    for stanza in re.split(r"\n\s*\n", "\n".join(line for line in text.splitlines() if not line.startswith("#"))):
        fields: dict[str, str] = {}
        label = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[label] = f"{fields.get(label, '')}\n{line}"
            elif ":" in line:
                label, value = line.split(":", 1)
                label = label.strip().lower()
                fields[label] = value.strip()
        yield fields


def _one_line(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        found = re.match(r"\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if found:
            kind, options, uri, suite, components = found.groups()
            settings = dict(option.split("=", 1) for option in (options or "").split() if "=" in option)
            settings = {name.lower(): value.replace(",", " ") for name, value in settings.items()}
            yield {"types": kind, "uris": uri, "suites": suite, "components": components, **settings}


def _apt_sources(root: Path = Path("/etc/apt")) -> dict[str, str]:
    paths = [root / "sources.list", *sorted((root / "sources.list.d").glob("*.list"))]
    paths += sorted((root / "sources.list.d").glob("*.sources"))
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}


UNREACHABLE = re.compile(r"could not (resolve|connect)|temporary failure|timed out|unable to connect|failed to connect")


def _from_distribution(version: str, checksum: str, destination: Path) -> None:
    """Take upstream's tarball out of the distribution's source package, with apt's own means (proxy, keys, mirror).

    apt works in folders of its own: what the host is configured with, and its lists, stay as they are.
    """
    if not shutil.which("apt-get"):
        raise BuildError("this host has no apt")
    stanzas = list(source_stanzas(_apt_sources(), distribution()))
    if not stanzas:
        raise BuildError("apt is not configured with a mirror of this distribution")
    others: list[str] = []
    near: list[str] = []
    with tempfile.TemporaryDirectory(prefix="haproxy-source-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # apt reads and writes here as its own user
        for part in ("sources", "lists/partial", "cache/archives/partial", "download"):
            (root / part).mkdir(parents=True)
        if os.geteuid() == 0:
            with contextlib.suppress(LookupError):
                shutil.chown(root / "download", "_apt")
        for suite, stanza in stanzas:
            (root / "sources/haproxy.sources").write_text(stanza, encoding="utf-8")
            log = _apt(root, "update")
            if UNREACHABLE.search(log.lower()):
                raise BuildError(f"the mirror does not answer ({_last_error(log)})")
            listed = _apt(root, "source", "--print-uris", "--only-source", "--tar-only", "haproxy")
            found = re.search(r"haproxy_(\S+?)\.orig\.tar\.\S+ [0-9]+ SHA256:([0-9a-f]{64})", listed)
            if not found or found[1] != version:
                others.append(f"{suite} has {found[1] if found else 'none'}")
                continue
            if found[2] != checksum:
                near.append(f"{suite} has it with SHA-256 {found[2]}, but haproxy_source_checksum says {checksum}")
                continue
            log = _apt(root, "source", "--download-only", "--only-source", "--tar-only", "haproxy")
            for tarball in (root / "download").glob(f"haproxy_{version}.orig.tar.*"):
                shutil.copyfile(tarball, destination)
                return
            near.append(f"{suite} lists {version}, but its mirror does not have it ({_last_error(log)})")
    raise BuildError("; ".join(near) or "no such source package: " + ", ".join(others))


def _apt(root: Path, *arguments: str) -> str:
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": str(root / "sources"),
        "Dir::State::Lists": str(root / "lists"),
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": str(root / "cache"),
        "Acquire::Check-Valid-Until": "false",  # sid and experimental of a mirror that lags are fine: we pin the sum
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
        "Acquire::http::Timeout": str(CONNECT_TIMEOUT),
        "Acquire::https::Timeout": str(CONNECT_TIMEOUT),
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items()), *arguments]
    try:
        done = subprocess.run(
            command, cwd=root / "download", env={**os.environ, "LC_ALL": "C"}, timeout=INDEX_TIMEOUT, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"apt-get {arguments[0]} took more than {INDEX_TIMEOUT} s") from error
    return done.stdout


def _last_error(log: str) -> str:
    """Return the line of apt's that says why: it stands below `Err:`, or after `E:` where nothing was fetched."""
    lines = re.findall(r"^(?:Err:.*\n +|E: )(.*)$", log, re.MULTILINE)
    return " ".join(lines[0].split("[IP:")[0].split()) if lines else "apt gave no reason"


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
    return (directory / "build.json").is_file() and _ability(recipe.binary(prefix))[0] == recipe.version


def provide(recipe: Recipe, places: Sequence[str], prefix: Path, archive: Path | None = None) -> tuple[bool, str]:
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
                    place = build(recipe, places, prefix)
            if archive is not None and not archive.is_file():
                pack(recipe, prefix, archive)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(prefix) from error
        raise BuildError(f"{error.filename or prefix}: {error.strerror or error}") from error
    return True, place


def build(recipe: Recipe, places: Sequence[str], prefix: Path) -> str:
    """Obtain the source and build it into its folder below `prefix`. Returns the place that served the source.

    The folder appears only when its binary runs, is the version it should be and has every wanted feature.
    Needs make, a C compiler and the headers; a build takes one to three minutes on two cores and 150 MB meanwhile.
    """
    missing = [tool for tool in ("make", recipe.options.get("CC", "cc").split()[0]) if not shutil.which(tool)]
    if missing:
        raise BuildError(f"Building HAProxy needs {' and '.join(missing)}, which this host does not have")
    tarball = prefix / "sources" / f"haproxy-{recipe.version}.tar.gz"
    place = obtain(recipe.version, recipe.checksum, places, tarball, files=tarball.parent)
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        source, stage = Path(folder) / "source", Path(folder) / "stage"
        _extract(tarball, source)
        inside = list(source.iterdir())
        if len(inside) != 1 or not (inside[0] / "Makefile").is_file():
            raise BuildError(f"{place}: this is not a source tarball of HAProxy")
        options = [f"{name}={value}" for name, value in sorted(recipe.options.items())]
        _make(inside[0], [f"-j{len(os.sched_getaffinity(0))}", *options], prefix)
        _make(inside[0], [*options, f"PREFIX={stage}", "install-bin"], prefix)
        if shutil.which("strip"):  # a tenth of the size; the names of functions, for backtraces, stay
            subprocess.run(["strip", "--strip-debug", str(stage / "sbin" / "haproxy")], check=False)
        _describe(recipe, stage)
        _place(recipe, stage, prefix)
    return place


def _make(source: Path, arguments: Sequence[str], prefix: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "PREFIX")}
    done = subprocess.run(
        ["nice", "make", *arguments],  # an edge that builds is serving meanwhile
        cwd=source, env={**environment, "LC_ALL": "C"}, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        if "No space left on device" in done.stdout:
            raise _full(prefix)
        last = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildError(
            f"make failed. Its options are ours and haproxy_build_options: {' '.join(arguments)}\n"
            f"The last lines it wrote:\n{last}"
        )


def _full(prefix: Path) -> BuildError:
    free = shutil.disk_usage(prefix).free // 1_000_000
    return BuildError(f"No space left for {prefix}: {free} MB are free, a build needs 150 MB. Nothing was left behind.")


def _ability(binary: Path) -> tuple[str, set[str], str]:
    """Return version and features of a binary, or "", nothing and the reason when it does not run."""
    try:
        done = subprocess.run([str(binary), "-vv"], check=False, capture_output=True, text=True)
    except OSError as error:
        return "", set(), str(error)
    version = re.match(r"HAProxy version ([0-9]+\.[0-9]+(?:\.[0-9]+|-dev[0-9]+))", done.stdout)
    if done.returncode or not version:
        return "", set(), (done.stderr or done.stdout).strip()
    listed = re.search(r"^Feature list : (.*)$", done.stdout, re.MULTILINE)
    words = listed[1].split() if listed else []
    return version[1], {word[1:] for word in words if word.startswith("+")}, ""


def _describe(recipe: Recipe, directory: Path) -> None:
    """Check the binary in `directory` and write build.json beside it, last: a folder without it is not a build."""
    version, features, reason = _ability(directory / "sbin" / "haproxy")
    if not version:
        raise BuildError(f"The binary was built but does not run: {reason}")
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
        version, _features, reason = _ability(stage / "sbin" / "haproxy")
        if version != recipe.version:
            raise BuildError(f"The binary in {archive} does not run on this host: {reason}")
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
