"""What a user relies on: the right source from the first place that has it, one folder a build, nothing half done."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import stat
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest
import yaml
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import host
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build import archive as archive_module
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build import compile, provide
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build import source as source_module
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.archive import pack
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.compile import extract
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.recipe import (
    HAPROXY,
    OPENSSL,
    BuildError,
    Recipe,
    Source,
    host_recipe,
    host_tls_library,
    make_options,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.source import obtain, source_stanzas

CHECKSUM = "a" * 64

# --- What is built ---


def options(version="3.2.26", tls="3.0.17", **chosen):
    return make_options(version, tls, chosen)


def test_default_features():
    wanted = {"OPENSSL", "LUA", "PCRE2", "PCRE2_JIT", "QUIC", "PROMEX"}
    assert wanted <= {name[4:] for name, value in options().items() if value}


@pytest.mark.parametrize(
    ("version", "tls", "quic", "compatibility"),
    [
        ("2.6.12", "3.0.17", False, False),
        ("2.9.0", "3.0.17", True, True),
        ("3.0.11", "3.5.1", True, True),
        ("3.2.26", "3.0.17", True, True),
        ("3.2.26", "3.5.1", True, False),
        ("3.4.7", "3.10.0", True, False),
    ],
)
def test_quic_takes_what_haproxy_and_openssl_both_have(version, tls, quic, compatibility):
    made = options(version, tls)
    assert ("USE_QUIC" in made, "USE_QUIC_OPENSSL_COMPAT" in made) == (quic, compatibility)


def test_no_compatibility_layer_for_a_tls_library_of_the_users_own():
    assert "USE_QUIC_OPENSSL_COMPAT" not in options(USE_OPENSSL_AWSLC=True, SSL_INC="/opt/aws-lc/include")


def test_systemd_is_asked_for_only_where_the_option_exists():
    assert options("3.0.11")["USE_SYSTEMD"] == "1"
    assert "USE_SYSTEMD" not in options("3.1.0")


@pytest.mark.parametrize("off", [False, "", 0, "0", None, "false"])
def test_an_option_can_be_switched_off(off):
    assert options(USE_QUIC=off)["USE_QUIC"] == ""


def test_an_option_can_be_added_and_overridden():
    made = options(CFLAGS="-O3 -march=native", USE_ZLIB=True, TARGET="linux-musl")
    assert (made["CFLAGS"], made["USE_ZLIB"], made["TARGET"]) == ("-O3 -march=native", "1", "linux-musl")


@pytest.mark.parametrize("chosen", [{"use_quic": True}, {"USE_QUIC ": 1}, {"PREFIX": "/usr"}, {"CFLAGS": ["-O3"]}])
def test_a_wrong_option_is_named(chosen):
    with pytest.raises(BuildError, match="haproxy_build_options") as refused:
        options(**chosen)
    assert next(iter(chosen)).strip() in str(refused.value)


RECIPE = Recipe("3.2.26", CHECKSUM, {"A": "1", "B": "2"}, "openssl 3.0", "debian 12", "x86_64")


def test_fingerprint_stays_the_same_for_the_same_build():
    """Archives of a cache and folders on hosts are found by it: a change here builds everything anew."""
    assert RECIPE.fingerprint == "e6e481690031"
    assert dataclasses.replace(RECIPE, options={"B": "2", "A": "1"}).fingerprint == "e6e481690031"
    own = dataclasses.replace(RECIPE, tls="openssl 3.5.7", tls_checksum=CHECKSUM)
    assert own.fingerprint == "d18aab216e09"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "3.2.27"},
        {"checksum": "b" * 64},
        {"options": {"A": "2"}},
        {"tls": "openssl 3.5"},
        {"tls": "openssl 3.0.17"},
        {"tls_checksum": "b" * 64},
        {"distribution": "debian 13"},
        {"architecture": "aarch64"},
    ],
)
def test_fingerprint_changes_with_everything_that_makes_another_binary(change):
    assert dataclasses.replace(RECIPE, **change).fingerprint != RECIPE.fingerprint


@pytest.mark.parametrize(
    ("version", "checksum", "named"),
    [
        ("3.2", CHECKSUM, "haproxy_version"),
        ("latest", CHECKSUM, "haproxy_version"),
        ("3.2.27", "", "haproxy_source_checksum"),
        ("3.2.27", "abc", "haproxy_source_checksum"),
    ],
)
def test_a_version_that_cannot_be_verified_is_refused(version, checksum, named):
    with pytest.raises(BuildError, match=named):
        host_recipe(version, checksum, {})


def test_os_release_with_and_without_quotes(tmp_path):
    file = tmp_path / "os-release"
    file.write_text('PRETTY_NAME="Debian 12"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=\'bookworm\'\n')
    assert host.read_distribution(file) == {"id": "debian", "version": "12", "codename": "bookworm"}


@pytest.mark.parametrize(
    ("text", "library", "version"),
    [("OpenSSL 3.0.17 1 Jul 2025", "openssl", "3.0.17"), ("OpenSSL 1.1.1w  11 Sep 2023", "openssl", "1.1.1w")],
)
def test_tls_library(text, library, version):
    assert host_tls_library(text) == {"library": library, "version": version}


# --- Where the source comes from ---


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    file = folder / "haproxy-3.2.26.tar.gz"
    file.write_bytes(b"the source" * 1000)
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def server(source):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(source[0].parent))
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


@pytest.fixture
def refused():
    """Give an address at which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/x"


def wanted(source):
    return Source(HAPROXY, "3.2.26", source[1])


def left(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def test_the_first_place_that_has_it_serves(tmp_path, source, server, refused):
    destination = tmp_path / "sources" / "haproxy-3.2.26.tar.gz"
    places = [refused, server + "/haproxy-{version}.tar.gz", "/never/reached"]
    assert obtain(wanted(source), places, tmp_path / "sources") == f"{server}/haproxy-3.2.26.tar.gz"
    assert destination.read_bytes() == source[0].read_bytes()
    assert left(destination.parent) == ["haproxy-3.2.26.tar.gz"]


def test_a_tarball_that_is_there_is_not_fetched_again(tmp_path, source):
    assert obtain(wanted(source), [], source[0].parent) == str(source[0])


def test_a_file_of_the_controller_is_found_where_the_role_puts_it(tmp_path, source):
    there = source[0].rename(source[0].with_name("mine.tar.gz"))
    assert obtain(wanted(source), ["/home/me/mine.tar.gz"], there.parent) == "/home/me/mine.tar.gz"
    assert source[0].is_file()


def test_every_place_is_named_with_its_reason(tmp_path, source, server, refused, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    destination = tmp_path / "sources" / "haproxy-3.2.26.tar.gz"
    places = [refused, f"{server}/missing.tar.gz", "distribution", "/no/such/file", f"{server}/haproxy-3.2.26.tar.gz"]
    with pytest.raises(BuildError) as failed:
        obtain(Source(HAPROXY, "3.2.26", "0" * 64), places, destination.parent)
    said = str(failed.value).splitlines()
    assert "haproxy_source_urls" in said[0]
    reasons = [
        "Connection refused",
        "404",
        "no apt",
        "no such file",
        f"SHA-256 is {source[1]}, but haproxy_source_checksum",
    ]
    assert [place in line and reason in line for place, reason, line in zip(places, reasons, said[1:])] == [True] * 5
    assert left(destination.parent) == []


def test_a_wrong_tarball_does_not_replace_the_right_place(tmp_path, source, server):
    wrong = tmp_path / "wrong.tar.gz"
    wrong.write_bytes(b"something else")
    destination = tmp_path / "sources" / "haproxy-3.2.26.tar.gz"
    assert obtain(wanted(source), [str(wrong), str(source[0])], destination.parent) == str(source[0])
    assert destination.read_bytes() == source[0].read_bytes()


def test_a_place_that_never_answers_is_given_up(tmp_path, monkeypatch):
    """Name resolution knows no time limit: the limit is ours."""
    never = threading.Event()
    monkeypatch.setattr(source_module, "ANSWER_TIMEOUT", 0.01)
    monkeypatch.setattr(source_module, "open_url", lambda *_, **__: never.wait())
    with pytest.raises(BuildError, match="no answer"):
        obtain(Source(HAPROXY, "3.2.26", CHECKSUM), ["https://example.com/x"], tmp_path)
    never.set()


# --- The distribution's source packages ---

BOOKWORM = {"id": "debian", "version": "12", "codename": "bookworm"}

ONE_LINE = """
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian bookworm main contrib
deb http://mirror.example/debian bookworm-updates main
deb http://mirror.example/debian-security bookworm-security main
deb https://packages.example/cloud cloud-bookworm main
"""

DEB822 = """
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://old.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: https://vendor.example/linux
Suites: bookworm
Components: main
"""


@pytest.mark.parametrize(("path", "text"), [("/etc/apt/sources.list", ONE_LINE), ("/x/debian.sources", DEB822)])
def test_source_suites_come_from_the_mirror_apt_is_configured_with(path, text):
    found = list(source_stanzas({path: text}, BOOKWORM))
    assert [suite for suite, _ in found] == ["trixie", "bookworm", "forky", "sid", "experimental"]
    assert found[0][1].splitlines() == [
        "Types: deb-src",
        "URIs: http://mirror.example/debian",
        "Suites: trixie",
        "Components: main",
        "Signed-By: /usr/share/keyrings/debian.gpg",
    ]


def test_a_key_written_into_the_source_is_kept():
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
    text = f"Types: deb\nURIs: http://m.example/debian/\nSuites: bookworm\nComponents: main\nSigned-By:{key}"
    _, stanza = next(source_stanzas({"a.sources": text}, BOOKWORM))
    assert stanza.endswith(f"Signed-By: {key}")


def test_other_distributions_look_in_their_own_suite():
    noble = {"id": "ubuntu", "version": "24.04", "codename": "noble"}
    text = "deb http://archive.example/ubuntu noble main universe"
    assert [suite for suite, _ in source_stanzas({"l": text}, noble)] == ["noble-updates", "noble"]


def test_no_mirror_no_stanza():
    assert list(source_stanzas({"l": "deb https://vendor.example/x stable-x main"}, BOOKWORM)) == []


# --- Builds: a tarball whose Makefile makes a binary that answers like HAProxy ---

FAKE = """#!/bin/sh
echo "HAProxy version {version}-abc 2025/06/02 - https://haproxy.org/"
echo "Feature list : {features}"
"""

MAKEFILE = """
all:
\t@cp answer haproxy
install-bin:
\tmkdir -p $(PREFIX)/sbin
\tinstall -m 0755 haproxy $(PREFIX)/sbin/haproxy
"""

ALL = "+OPENSSL +LUA +PCRE2 +PCRE2_JIT +PROMEX +QUIC +QUIC_OPENSSL_COMPAT +EPOLL -WURFL"


def packed(path, folder, files):
    # Not compressed: gzip writes the time into the file, and its checksum would change with it.
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tarball(path, makefile=MAKEFILE, version="3.2.26", features=ALL):
    answer = FAKE.format(version=version, features=features)
    return packed(path, "haproxy-3.2.26", {"Makefile": makefile, "answer": answer})


@pytest.fixture
def made(tmp_path):
    """Give a function that builds the tarball it is told, and the folder of builds."""
    prefix = tmp_path / "opt"

    def make(chosen=None, archive=None, **content):
        file = tmp_path / "haproxy.tar.gz"
        recipe = host_recipe("3.2.26", tarball(file, **content), {"CC": "true", **(chosen or {})})
        return recipe, provide.provide_build(recipe, [str(file)], prefix, archive)

    return make, prefix


def test_a_build_describes_itself_and_is_not_done_twice(made):
    make, prefix = made
    recipe, (changed, place) = make()
    assert changed
    assert place.endswith("haproxy.tar.gz")
    facts = json.loads((recipe.directory(prefix) / "build.json").read_text())
    assert (facts["version"], facts["fingerprint"]) == ("3.2.26", recipe.fingerprint)
    assert {"OPENSSL", "LUA", "QUIC"} <= set(facts["features"])
    assert provide.provide_build(recipe, [], prefix) == (False, "")


def test_the_time_to_compile_is_known_before(made, monkeypatch, tmp_path):
    monkeypatch.setattr(provide.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    recipe = host_recipe("3.2.26", CHECKSUM, {"CC": "true"})
    own = host_recipe("3.2.26", CHECKSUM, {}, {"version": "3.5.7", "checksum": CHECKSUM})
    assert [provide.expect_seconds(wanted, tmp_path) for wanted in (recipe, own)] == [60, 110]
    archive = tmp_path / "archive"
    archive.touch()
    assert provide.expect_seconds(recipe, tmp_path, archive) == 0
    assert provide.expect_seconds(made[0]()[0], made[1]) == 0


def test_a_build_tells_its_steps_while_it_lasts(with_openssl, monkeypatch):
    make, prefix = with_openssl
    steps, run = [], compile.commands.run

    def spy(*command, **more):
        steps.append((prefix / ".step").read_text())
        return run(*command, **more)

    monkeypatch.setattr(compile.commands, "run", spy)
    make()
    assert list(dict.fromkeys(steps)) == ["Compile OpenSSL 3.5.7\n", "Compile HAProxy 3.2.26\n"]
    assert not (prefix / ".step").exists()


def test_a_folder_without_a_binary_that_runs_is_built_again(made):
    make, prefix = made
    recipe, _ = make()
    recipe.binary(prefix).write_text("#!/bin/sh\nexit 1\n")
    _, (changed, _) = make()
    assert changed
    assert provide.is_built(recipe, prefix)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"makefile": "all:\n\t@echo fatal: no openssl/ssl.h; false\n"}, "fatal: no openssl/ssl.h"),
        ({"features": ALL.replace("+QUIC ", "-QUIC ")}, "haproxy_build_options.USE_QUIC: "),
        ({"version": "3.2.25"}, "is HAProxy 3.2.25"),
        ({"makefile": "all:\n\t@echo No space left on device; false\n"}, "No space left for"),
        ({"makefile": MAKEFILE.replace("answer", "/bin/false")}, "does not run"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(made, content, said):
    make, prefix = made
    with pytest.raises(BuildError) as failed:
        make(**content)
    assert said in str(failed.value)
    assert left(prefix) == [".lock", "haproxy-3.2.26.tar.gz", "sources"]


def test_a_full_disk_is_said_in_words(made, monkeypatch):
    make, prefix = made

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(compile, "extract", full)
    with pytest.raises(BuildError, match=r"No space left for .* MB are free"):
        make()
    assert [name for name in left(prefix) if name.startswith(".work")] == []


def test_what_a_killed_run_left_is_cleared(made):
    make, prefix = made
    (prefix / ".work-killed" / "source").mkdir(parents=True)
    make()
    assert not (prefix / ".work-killed").exists()


def test_two_runs_take_turns(made, monkeypatch):
    """The second stands at the lock until the first has let go."""
    make, prefix = made
    waiting, lock = threading.Event(), provide.fcntl.flock
    outcomes = []
    with provide.exclusive_lock(prefix):
        monkeypatch.setattr(provide.fcntl, "flock", lambda *arguments: (waiting.set(), lock(*arguments)))
        second = threading.Thread(target=lambda: outcomes.append(make()[1][0]))
        second.start()
        assert waiting.wait(30)
        with (prefix / ".lock").open() as held, pytest.raises(BlockingIOError):
            lock(held, provide.fcntl.LOCK_EX | provide.fcntl.LOCK_NB)
        assert outcomes == []
    second.join(30)
    assert outcomes == [True]


def test_an_archive_is_the_same_each_time_and_needs_no_compiler(made, tmp_path, monkeypatch):
    make, prefix = made
    archive = tmp_path / "cache" / "build.tar.gz"
    recipe, _ = make(archive=archive)
    first = archive.read_bytes()
    os.utime(recipe.binary(prefix))
    pack(recipe, prefix, archive)
    assert archive.read_bytes() == first
    assert first[4:8] == bytes(4), "gzip's own time stamp"
    assert left(archive.parent) == ["build.tar.gz"]

    monkeypatch.setattr(compile.shutil, "which", lambda name: None)
    edge = tmp_path / "edge"
    assert provide.provide_build(recipe, [], edge, archive) == (True, str(archive))
    assert stat.S_IMODE(recipe.binary(edge).stat().st_mode) == 0o755
    assert provide.is_built(recipe, edge)


def test_the_archive_of_another_build_is_refused(made, tmp_path):
    make, _ = made
    archive = tmp_path / "build.tar.gz"
    make(archive=archive)
    other = host_recipe("3.2.26", CHECKSUM, {})
    with pytest.raises(BuildError, match=f"needs {other.name}"):
        provide.provide_build(other, [], tmp_path / "edge", archive)
    assert left(tmp_path / "edge") == [".lock"]


def test_an_archive_that_was_cut_off_is_refused(made, tmp_path):
    make, _ = made
    archive = tmp_path / "build.tar.gz"
    recipe, _ = make(archive=archive)
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(BuildError, match="cannot be unpacked"):
        provide.provide_build(recipe, [], tmp_path / "edge", archive)


def test_an_archive_of_another_checksum_is_not_unpacked(made, tmp_path):
    make, _ = made
    archive = tmp_path / "build.tar.gz"
    recipe, _ = make(archive=archive)
    with pytest.raises(BuildError, match=r"archive_checksum: .*nothing was unpacked"):
        provide.provide_build(recipe, [], tmp_path / "edge", archive, (), CHECKSUM)
    assert left(tmp_path / "edge") == [".lock"]
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert provide.provide_build(recipe, [], tmp_path / "edge", archive, (), checksum)[0]


def evil(kind=tarfile.REGTYPE, name="haproxy/evil", **about):
    """Return a member that no build has."""
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in about.items():
        setattr(member, key, value)
    return member


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([evil(tarfile.SYMTYPE, linkname="/etc"), evil(name="haproxy/evil/cron.d")], "a link or a device"),
        ([evil(tarfile.LNKTYPE, linkname="/etc/shadow")], "a link or a device"),
        ([evil(tarfile.CHRTYPE, devmajor=1, devminor=1)], "a link or a device"),
        ([evil(tarfile.FIFOTYPE)], "a link or a device"),
        ([evil(name="haproxy/../../evil")], "outside"),
        ([evil(tarfile.DIRTYPE, f"haproxy/{number}") for number in range(21)], "more files than any build"),
        ([evil(size=2_000_000)], "larger than any build"),
        ([evil(pax_headers={"comment": "x" * 2_000_000})], "larger than any build"),
    ],
    ids=["symlink", "hard link", "device", "fifo", "outside", "many", "large", "large header"],
)
def test_an_archive_that_is_no_build_is_refused(made, tmp_path, monkeypatch, members, said):
    recipe = host_recipe("3.2.26", CHECKSUM, {})
    monkeypatch.setattr(archive_module, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archive_module, "_MOST_MEMBERS", 20)
    archive = tmp_path / "build.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(BuildError, match=said):
        provide.provide_build(recipe, [], tmp_path / "edge", archive)
    assert left(tmp_path / "edge") == [".lock"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "inside/../../outside"])
def test_a_path_that_leads_outside_is_refused(tmp_path, name):
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(BuildError, match="outside"):
        extract(tmp_path / "evil.tar", tmp_path / "target")
    assert left(tmp_path / "target") == []


def test_links_and_devices_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        for name, kind in {"link": tarfile.SYMTYPE, "device": tarfile.CHRTYPE, "file": tarfile.REGTYPE}.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc"
            tar.addfile(member)
    extract(tmp_path / "odd.tar", tmp_path / "target")
    assert left(tmp_path / "target") == ["file"]


# An OpenSSL that configures itself into a Makefile, and a HAProxy that says which libraries it was linked with.
CONFIG = """
[ "$*" = "no-shared no-tests --openssldir=/etc/ssl" ] || exit 1
printf 'build_libs:\\n\\techo {version} >libssl.a\\n' >Makefile
"""
LINKED = (
    MAKEFILE
    + """
\techo 'echo "Running on OpenSSL version : OpenSSL $(shell cat $(SSL_LIB)/libssl.a) 9 Jun 2026"' >>$(PREFIX)/sbin/haproxy
\techo '# $(SSL_INC) $(ADDLIB)' >>$(PREFIX)/sbin/haproxy
"""
)


@pytest.fixture
def with_openssl(tmp_path):
    """Give a function that builds a HAProxy with an OpenSSL of its own, and the folder of builds."""
    prefix = tmp_path / "opt"
    file, library = tmp_path / "haproxy.tar.gz", tmp_path / "openssl.tar.gz"

    def make(version="3.5.7", checksum="", chosen=None, config=CONFIG):
        found = packed(library, "openssl-3.5.7", {"config": config.replace("{version}", version)})
        openssl = {"version": "3.5.7", "checksum": checksum or found}
        recipe = host_recipe("3.2.26", tarball(file, LINKED), {"CC": "true", **(chosen or {})}, openssl)
        provide.provide_build(recipe, [str(file)], prefix, openssl_places=[str(library)])
        return recipe

    return make, prefix


def test_an_openssl_of_its_own_is_built_first_and_linked_in(with_openssl):
    make, prefix = with_openssl
    recipe = make(chosen={"ADDLIB": "-lm"})
    facts = json.loads((recipe.directory(prefix) / "build.json").read_text())
    assert (facts["tls"], facts["tls_checksum"]) == ("openssl 3.5.7", recipe.tls_checksum)
    assert recipe.described().endswith("openssl 3.5.7")
    # Nothing in the binary depends on where it was built, and the options are those that were asked for.
    text = recipe.binary(prefix).read_text()
    assert "# ../openssl-source/include -lm -Wl,--exclude-libs=libssl.a:libcrypto.a" in text
    assert facts["options"]["ADDLIB"] == "-lm"
    assert "SSL_INC" not in facts["options"]
    assert left(prefix / "sources") == ["haproxy-3.2.26.tar.gz", "openssl-3.5.7.tar.gz"]
    assert provide.is_built(recipe, prefix)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"version": "3.5.6"}, "haproxy_openssl.version is 3.5.7, but the binary runs on OpenSSL 3.5.6"),
        ({"checksum": "b" * 64}, "but haproxy_openssl.checksum says " + "b" * 64),
        ({"config": "echo no perl here; exit 1"}, "Building openssl failed"),
        ({"config": "echo No space left on device; exit 1"}, "this build needs 400 MB"),
    ],
)
def test_an_openssl_that_cannot_be_built_says_why_and_leaves_nothing(with_openssl, content, said):
    make, prefix = with_openssl
    with pytest.raises(BuildError) as failed:
        make(**content)
    assert said in str(failed.value)
    assert [path.name for path in prefix.iterdir() if path.name not in (".lock", "sources")] == []


def test_what_crashes_with_the_openssl_of_the_build_is_refused_whatever_the_system_has():
    with pytest.raises(BuildError, match=r"HAProxy 3\.2\.0 with QUIC crashes on OpenSSL 3\.5\.7"):
        host_recipe("3.2.0", CHECKSUM, {}, {"version": "3.5.7", "checksum": CHECKSUM})


@pytest.mark.parametrize(
    ("openssl", "options", "said"),
    [
        ({"version": "3.5.1"}, {}, r"haproxy_openssl\.version: 3\.5\.1 is not among .*haproxy_openssl\.checksum"),
        ({"version": "3.5.1", "checksum": "abc"}, {}, r"haproxy_openssl\.checksum: 'abc' is not a SHA-256"),
        ({"checksum": CHECKSUM}, {}, r"haproxy_openssl: the checksum has no version"),
        ({"version": "3.5"}, {}, r"haproxy_openssl\.version: '3\.5' is not a supported version"),
        (
            {"version": "1.0.2u", "checksum": CHECKSUM},
            {},
            r"haproxy_openssl\.version: '1\.0\.2u' is not a supported version",
        ),
        ({}, {"SSL_INC": "/a", "SSL_LIB": "/b"}, r"haproxy_build_options\.SSL_INC names .* haproxy_openssl another"),
        ({}, {"USE_OPENSSL_AWSLC": True}, r"haproxy_build_options\.USE_OPENSSL_AWSLC names .* haproxy_openssl another"),
    ],
)
def test_an_openssl_that_cannot_be_is_refused_before_anything_is_done(openssl, options, said):
    with pytest.raises(BuildError, match=said):
        host_recipe("3.2.26", CHECKSUM, options, openssl or {"version": "3.5.7", "checksum": CHECKSUM})


@pytest.mark.parametrize(
    ("haproxy", "openssl", "compatibility"),
    [("3.0.11", "3.5.7", True), ("3.2.26", "3.5.7", False), ("3.4.7", "1.1.1w", True)],
)
def test_quic_follows_the_openssl_of_the_build(haproxy, openssl, compatibility):
    recipe = host_recipe(haproxy, CHECKSUM, {}, {"version": openssl, "checksum": CHECKSUM})
    assert ("QUIC" in recipe.features, "QUIC_OPENSSL_COMPAT" in recipe.features) == (True, compatibility)


def test_the_openssl_of_the_build_is_looked_for_in_security_suites_too():
    stanzas = source_stanzas({"s": ONE_LINE}, BOOKWORM, OPENSSL.suites)
    found = [suite for suite, text in stanzas if "debian-security" in text]
    assert found == ["trixie-security", "bookworm-security"]


def test_building_without_a_compiler_is_said(made, monkeypatch):
    make, _ = made
    monkeypatch.setattr(compile.shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match="needs make and true"):
        make()


def test_every_release_of_the_role_is_pinned():
    table = yaml.safe_load(Path(__file__).parents[3].joinpath("roles/haproxy/vars/main.yml").read_text())
    libraries = [{"version": version, "checksum": checksum} for version, checksum in table[OPENSSL.releases].items()]
    recipes = [
        host_recipe(version, checksum, {}, library)
        for version, checksum in table[HAPROXY.releases].items()
        for library in [{}, *libraries]
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes) >= 12


# --- TLS libraries of one's own


HEADERS = {
    "openssl 3.5": ("openssl/opensslv.h", '# define OPENSSL_VERSION_STR "3.5.1"'),
    "openssl 1.1": ("openssl/opensslv.h", '# define OPENSSL_VERSION_TEXT    "OpenSSL 1.1.1w  11 Sep 2023"'),
    "aws-lc 1.29": ("openssl/base.h", '#define AWSLC_VERSION_NUMBER_STRING "1.29.0"'),
    "wolfssl 5.7": ("wolfssl/version.h", '#define LIBWOLFSSL_VERSION_STRING "5.7.0"'),
}


@pytest.fixture
def prefix(tmp_path):
    def make(header, *libraries):
        name, text = HEADERS[header]
        file = tmp_path / "include" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
        (tmp_path / "lib").mkdir()
        for library in libraries:
            (tmp_path / "lib" / library).touch()
        return {"SSL_INC": str(tmp_path / "include"), "SSL_LIB": str(tmp_path / "lib")}

    return make


@pytest.mark.parametrize(
    ("header", "feature"),
    [
        ("openssl 3.5", ""),
        ("openssl 1.1", ""),
        ("aws-lc 1.29", "USE_OPENSSL_AWSLC"),
        ("wolfssl 5.7", "USE_OPENSSL_WOLFSSL"),
    ],
)
def test_a_library_under_a_prefix_is_a_build_of_its_own(prefix, header, feature):
    options = prefix(header, "libssl.so.3", "libssl.a", "libwolfssl.so")
    own, system = (host_recipe("3.2.26", "0" * 64, chosen) for chosen in (options, {}))
    assert own.tls == header
    assert own.fingerprint != system.fingerprint
    assert own.options["ADDLIB"] == f"-Wl,-rpath,{options['SSL_LIB']}"
    assert {name for name in own.options if "AWSLC" in name or "WOLFSSL" in name} == ({feature} - {""})


def test_all_of_a_static_librarys_version_counts(prefix):
    assert host_recipe("3.2.26", CHECKSUM, prefix("openssl 3.5", "libssl.a")).tls == "openssl 3.5.1"


def test_headers_without_their_library_are_refused(prefix):
    with pytest.raises(BuildError, match=r"SSL_LIB: there is no libssl\.so and no libssl\.a in /"):
        host_recipe("3.2.26", CHECKSUM, prefix("openssl 3.5", "libcrypto.a"))


@pytest.mark.parametrize(
    "options", [{"SSL_INC": "/nowhere"}, {"SSL_LIB": "/nowhere"}, {"SSL_INC": "/nowhere", "SSL_LIB": "/nowhere"}]
)
def test_half_a_library_is_none(options):
    with pytest.raises(BuildError, match="SSL_"):
        host_recipe("3.2.26", "0" * 64, options)


@pytest.mark.parametrize(
    ("version", "tls", "options", "crashes"),
    [
        ("3.2.0", "3.5.1", {}, True),
        ("3.2.0", "3.5.1", {"USE_QUIC": False}, False),
        ("3.2.0", "3.5.1", {"USE_QUIC_OPENSSL_COMPAT": True}, False),
        ("3.2.0", "3.0.20", {}, False),
        ("3.2.26", "3.5.1", {}, False),
    ],
)
def test_what_is_known_to_crash_is_not_built(version, tls, options, crashes):
    if not crashes:
        assert make_options(version, tls, options)
        return
    with pytest.raises(BuildError, match=r"HAProxy 3\.2\.0 with QUIC crashes on OpenSSL 3\.5\.1"):
        make_options(version, tls, options)
