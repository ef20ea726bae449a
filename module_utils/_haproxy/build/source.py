# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Obtain upstream's tarball from the first place that has it with the right checksum."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import threading
import urllib.error
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url

from .. import commands
from ..atomic_file import temporary_folder
from ..host import read_distribution
from .recipe import HAPROXY, BuildError, Source

CONNECT_TIMEOUT = 5
"""Seconds until a place accepts a connection, and between two pieces of data."""

ANSWER_TIMEOUT = 10
"""Seconds until the first answer of a place, including name resolution and each of its addresses."""

INDEX_TIMEOUT = 180
"""Seconds for one index or one source package of the distribution."""


class NotObtained(BuildError):
    """Report that no place has the source. `reasons` has one line for each place."""

    def __init__(self, source: Source, reasons: Sequence[str]) -> None:
        """Make the message of `reasons`."""
        self.reasons = list(reasons) or ["the list is empty"]
        super().__init__(
            f"The source of {source} cannot be obtained from any place in {source.project.places}:\n"
            + "\n".join(f"- {reason}" for reason in self.reasons)
        )


def obtain(source: Source, places: Sequence[str], folder: Path) -> str:
    """Put the tarball of `source` into `folder`, as `source.tarball`, and return the place that served it.

    A place is a URL (with {version} and {branch}), the word `distribution`, or a path; a path is tried as it is and
    then, by its last part, in `folder`, where the role puts files of the controller. Places are tried in order; a file
    with another SHA-256 is not kept. Raises NotObtained.
    """
    destination = folder / source.tarball
    if destination.is_file() and _sha256(destination) == source.checksum:
        return str(destination)
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for written in places:
        place = written.replace("{version}", source.version).replace("{branch}", source.branch)
        with temporary_folder(str(folder / "obtain")) as name:
            temporary = Path(name) / "source"
            try:
                _fetch(source, place, folder, temporary)
                found = _sha256(temporary)
                if found != source.checksum:
                    raise BuildError(f"its SHA-256 is {found}, but {source.project.checksum} says {source.checksum}")
                temporary.replace(destination)
                return place
            except (BuildError, OSError) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                reasons.append(f"{place}: {error}")
    raise NotObtained(source, reasons)


def _fetch(source: Source, place: str, folder: Path, destination: Path) -> None:
    """Copy the file of one place to `destination`. Raises BuildError or OSError if the place does not have it."""
    if place == "distribution":
        _from_distribution(source, destination)
    elif place.startswith(("http://", "https://")):
        _from_url(place, destination)
    else:
        _from_file(place, folder, destination)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _read_within(seconds: float, action: Callable[[], Any]) -> Any:
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
        answer = _read_within(
            ANSWER_TIMEOUT, lambda: open_url(url, timeout=CONNECT_TIMEOUT, http_agent="realtime.edge")
        )
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
        raise BuildError(f"is not a URL ({error})") from error


def _from_file(place: str, files: Path, destination: Path) -> None:
    for candidate in (Path(place), files / Path(place).name):
        if candidate.is_file():
            shutil.copyfile(candidate, destination)
            return
    raise BuildError("no such file on the controller or on this host (nor is it a URL, or the word distribution)")


def source_stanzas(
    configuration: Mapping[str, str], system: Mapping[str, str], wanted: Sequence[str] = HAPROXY.suites
) -> Iterator[tuple[str, str]]:
    """Yield (suite, deb822 stanza of type deb-src) for the mirrors of the distribution that apt is configured with.

    `configuration` maps the path of each file of apt's sources to its text, in the one-line or the deb822 format
    (sources.list(5)). A mirror of the distribution is one that has component `main` of the host's own suite.
    `wanted` are suites of Debian; of another distribution, its own suite is searched.
    """
    if system["id"] != "debian":
        wanted = (f"{system['codename']}-updates", system["codename"])
    sources = list(_parse_sources(configuration))
    security = _mirrors(sources, {f"{system['codename']}-security"})
    mirrors = _mirrors(sources, {system["codename"], "stable", "testing", "unstable", "sid"} - {""})
    # Others publish suites of these names too: the distribution's own mirror carries its name.
    named = [mirror for mirror in mirrors if mirror[0].rstrip("/").endswith(f"/{system['id']}")]
    for suite in wanted:
        for uri, kept in dict.fromkeys(security if suite.endswith("-security") else named or mirrors):
            yield suite, f"Types: deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{kept}"


def _parse_sources(configuration: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the fields of each enabled source of binary packages with component `main`."""
    for path, text in configuration.items():
        for fields in _deb822(text) if path.endswith(".sources") else _one_line(text):
            enabled = fields.get("enabled", "yes").lower() not in ("no", "false")
            if enabled and "deb" in fields.get("types", "").split() and "main" in fields.get("components", "").split():
                yield fields


def _mirrors(sources: Iterable[Mapping[str, str]], suites: set[str]) -> list[tuple[str, str]]:
    """Return URI and trust settings of each source with one of the suites."""
    found = []
    for fields in sources:
        if suites & set(fields.get("suites", "").split()):
            kept = "".join(
                f"{label}: {fields[label.lower()]}\n" for label in ("Signed-By", "Trusted") if fields.get(label.lower())
            )
            found += [(uri, kept) for uri in fields.get("uris", "").split()]
    return found


def _deb822(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each stanza of a file in the deb822 format."""
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
    """Yield the fields of each line of a file in the one-line format."""
    for line in text.splitlines():
        found = re.match(r"\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if found:
            kind, options, uri, suite, components = found.groups()
            settings = dict(option.split("=", 1) for option in (options or "").split() if "=" in option)
            settings = {name.lower(): value.replace(",", " ") for name, value in settings.items()}
            yield {"types": kind, "uris": uri, "suites": suite, "components": components, **settings}


def _apt_sources(root: Path = Path("/etc/apt")) -> dict[str, str]:
    """Return path → text of apt's sources."""
    paths = [root / "sources.list", *sorted((root / "sources.list.d").glob("*.list"))]
    paths += sorted((root / "sources.list.d").glob("*.sources"))
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}


UNREACHABLE = re.compile(r"could not (resolve|connect)|temporary failure|timed out|unable to connect|failed to connect")


def _from_distribution(source: Source, destination: Path) -> None:
    """Take upstream's tarball out of the distribution's source package, with apt's proxy, keys and mirror.

    apt works in temporary folders: the host's configuration and package lists stay as they are.
    """
    if not shutil.which("apt-get"):
        raise BuildError("this host has no apt")
    package, version = source.project.package, source.version
    stanzas = list(source_stanzas(_apt_sources(), read_distribution(), source.project.suites))
    if not stanzas:
        raise BuildError("apt is not configured with a mirror of this distribution")
    others: list[str] = []
    near: list[str] = []
    with temporary_folder(os.path.join(tempfile.gettempdir(), f"{package}-source")) as folder:
        root = Path(folder)
        _make_apt_folders(root)
        for suite, stanza in stanzas:
            (root / "sources/wanted.sources").write_text(stanza, encoding="utf-8")
            log = _apt(root, "update")
            if UNREACHABLE.search(log.lower()):
                raise BuildError(f"the mirror does not answer ({_last_error(log)})")
            listed = _apt(root, "source", "--print-uris", "--only-source", "--tar-only", package)
            found = re.search(rf"{package}_(\S+?)\.orig\.tar\.\S+ [0-9]+ SHA256:([0-9a-f]{{64}})", listed)
            if not found or found[1] != version:
                others.append(f"{suite} has {found[1] if found else 'none'}")
                continue
            if found[2] != source.checksum:
                said = f"{source.project.checksum} says {source.checksum}"
                near.append(f"{suite} has it with SHA-256 {found[2]}, but {said}")
                continue
            log = _apt(root, "source", "--download-only", "--only-source", "--tar-only", package)
            for tarball in (root / "download").glob(f"{package}_{version}.orig.tar.*"):
                shutil.copyfile(tarball, destination)
                return
            near.append(f"{suite} lists {version}, but its mirror does not have it ({_last_error(log)})")
    raise BuildError("; ".join(near) or "no such source package: " + ", ".join(others))


def _make_apt_folders(root: Path) -> None:
    """Create the folders that apt needs below `root`, readable for its own user."""
    root.chmod(0o755)
    for part in ("sources", "lists/partial", "cache/archives/partial", "download"):
        (root / part).mkdir(parents=True)
    if os.geteuid() == 0:
        with contextlib.suppress(LookupError):
            shutil.chown(root / "download", "_apt")


def _apt(root: Path, *arguments: str) -> str:
    """Run apt-get below `root` and return its output."""
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": str(root / "sources"),
        "Dir::State::Lists": str(root / "lists"),
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": str(root / "cache"),
        "Acquire::Check-Valid-Until": "false",  # a mirror that lags is fine: the checksum is pinned
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
        "Acquire::http::Timeout": str(CONNECT_TIMEOUT),
        "Acquire::https::Timeout": str(CONNECT_TIMEOUT),
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items()), *arguments]
    try:
        done = commands.run(
            *command,
            limit=INDEX_TIMEOUT,
            folder=root / "download",
            environment={**os.environ, "LC_ALL": "C"},
            merge=True,
        )
    except TimeoutError as error:
        raise BuildError(f"apt-get {arguments[0]} took more than {INDEX_TIMEOUT} s") from error
    return done.stdout


def _last_error(log: str) -> str:
    """Return apt's line with the reason: below `Err:`, or after `E:` if nothing was fetched."""
    lines = re.findall(r"^(?:Err:.*\n +|E: )(.*)$", log, re.MULTILINE)
    return " ".join(lines[0].split("[IP:")[0].split()) if lines else "apt gave no reason"
