# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build HAProxy into a folder of its own, with the wanted TLS library.

A build is in `PREFIX/VERSION-FINGERPRINT/`. The fingerprint covers everything that makes one binary differ from
another. So the name of a folder says whether it is the wanted build: nothing is ever rebuilt in place, and the
service switches from one folder to another with a symlink.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import commands
from ..atomic_file import write_atomically
from ..binary.version import read_ability
from .recipe import OPENSSL, OPENSSL_OPTIONS, BuildError, Recipe, Source
from .source import obtain

_STEP_TIMEOUT = 3600  # of one command; the longest takes two minutes on two processors


def build(recipe: Recipe, places: Sequence[str], prefix: Path, openssl_places: Sequence[str] = ()) -> str:
    """Obtain the sources and build them into a folder below `prefix`. Return the place that served HAProxy's.

    The folder appears only after its binary has run and has the wanted version, TLS library and features. Needs make, a
    C compiler and the headers; to build OpenSSL, perl too. HAProxy takes one to three minutes on two cores, OpenSSL two
    more.
    """
    tarballs = prefix / "sources"
    _require_tools(recipe)
    served = {}
    for source in recipe.sources:
        tell_step(prefix, f"Obtain the source of {source}")
        served[source] = obtain(source, openssl_places if source.project is OPENSSL else places, tarballs)
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".work-") as folder:
        stage = Path(folder) / "stage"
        *libraries, haproxy = [
            _unpack_source(source, place, tarballs / source.tarball, Path(folder)) for source, place in served.items()
        ]
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        options = dict(recipe.options)
        for library in libraries:
            tell_step(prefix, f"Compile {recipe.sources[0]}")
            _run_step(recipe, prefix, library, ["sh", "./config", *OPENSSL_OPTIONS])
            _run_step(recipe, prefix, library, ["make", jobs, "build_libs"])
            # Relative, so that the binary is the same wherever it is built. A Lua module may load the system's library
            # into the process: excluded symbols keep either from finding the other's functions.
            options["SSL_INC"], options["SSL_LIB"] = f"../{library.name}/include", f"../{library.name}"
            options["ADDLIB"] = f"{options.get('ADDLIB', '')} -Wl,--exclude-libs=libssl.a:libcrypto.a".strip()
        tell_step(prefix, f"Compile {recipe.sources[-1]}")
        arguments = [f"{name}={value}" for name, value in sorted(options.items())]
        _run_step(recipe, prefix, haproxy, ["make", jobs, *arguments])
        _run_step(recipe, prefix, haproxy, ["make", *arguments, f"PREFIX={stage}", "install-bin"])
        if shutil.which("strip"):  # a tenth of the size; backtraces keep the names of functions
            commands.run("strip", "--strip-debug", str(stage / "sbin" / "haproxy"), limit=60)
        _describe_build(recipe, stage)
        install_build(recipe, stage, prefix)
    return served[recipe.sources[-1]]


def tell_step(prefix: Path, step: str) -> None:
    """Write the step of the build where whoever waits for it can read it; with an empty one, nothing is done."""
    if step:
        write_atomically(str(prefix / ".step"), f"{step}\n", 0o644)
    else:
        (prefix / ".step").unlink(missing_ok=True)


def _require_tools(recipe: Recipe) -> None:
    """Raise BuildError if the host lacks a tool that the build needs."""
    tools = ["make", recipe.options.get("CC", "cc").split()[0], *(["perl"] if recipe.tls_checksum else [])]
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise BuildError(f"Building HAProxy needs {' and '.join(missing)}, which this host does not have")


def _unpack_source(source: Source, place: str, tarball: Path, folder: Path) -> Path:
    """Unpack a tarball into `folder` and return the path of its source tree."""
    unpacked = folder / source.project.package
    extract(tarball, unpacked)
    inside = list(unpacked.iterdir())
    if len(inside) != 1 or not any((inside[0] / name).is_file() for name in ("Makefile", "config")):
        raise BuildError(f"{place}: this is not a source tarball of {source.project.title}")
    return inside[0].rename(folder / f"{source.project.package}-source")


def _run_step(recipe: Recipe, prefix: Path, tree: Path, command: Sequence[str]) -> None:
    """Run a command of the build in its source tree. Raise BuildError with the last lines of its output."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "PREFIX")}
    done = commands.run(
        *["nice", *command],  # the edge serves clients during the build
        limit=_STEP_TIMEOUT, folder=tree, environment={**environment, "LC_ALL": "C"}, merge=True,
    )  # fmt: skip
    if done.status:
        if "No space left on device" in done.stdout:
            raise disk_full(recipe, prefix)
        last = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildError(
            f"Building {tree.name.split('-')[0]} failed. The options are the role's and haproxy_build_options: "
            f"{' '.join(command)}\nThe last lines of the output:\n{last}"
        )


def disk_full(recipe: Recipe, prefix: Path) -> BuildError:
    """Return the error for a full disk, with the space that is free and needed."""
    free, needed = shutil.disk_usage(prefix).free // 1_000_000, 400 if recipe.tls_checksum else 150
    return BuildError(
        f"No space left for {prefix}: {free} MB are free, this build needs {needed} MB. Nothing was left behind."
    )


def _describe_build(recipe: Recipe, directory: Path) -> None:
    """Check the binary in `directory` then write build.json beside it: a folder without that is not a build."""
    version, features, library, reason = read_ability(str(directory / "sbin" / "haproxy"))
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


def install_build(recipe: Recipe, stage: Path, prefix: Path) -> None:
    """Rename `stage`, which is below `prefix`, to the build's folder. A folder of that name is broken, and goes."""
    for path in (stage, *stage.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    directory = recipe.directory(prefix)
    if directory.exists():
        directory.rename(stage.with_name("broken"))
    stage.rename(directory)


def extract(archive: Path, folder: Path) -> None:
    """Unpack the files and folders of a tar archive into `folder`; refuse one that reaches outside of it (PEP 706).

    Links are skipped: neither sources nor builds need them, and without links no path can leave the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with explain_archive_errors(archive), tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() or member.isdir():
                extract_member(tar, member, folder, archive)


def extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    """Unpack a file or a folder, as this user's own and without special modes."""
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise BuildError(f"{archive} is refused: {member.name} would be written outside of its folder")
    member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    if hasattr(tarfile, "data_filter"):
        tar.extract(member, folder, filter="data")
    else:  # before Python 3.9.17, 3.10.12 and 3.11.4
        tar.extract(member, folder)


@contextlib.contextmanager
def explain_archive_errors(archive: Path) -> Iterator[None]:
    """Convert the errors of a damaged archive into a BuildError."""
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BuildError(f"{archive} cannot be unpacked ({error}); delete it if it is incomplete") from error
