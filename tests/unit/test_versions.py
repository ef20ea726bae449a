"""tools/versions: a release is pinned when upstream, somebody else and the tarball agree, and otherwise not."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
import yaml

TOOL = Path(__file__).resolve().parents[2] / "tools/versions"
loader = SourceFileLoader("versions", str(TOOL))
versions = module_from_spec(spec_from_loader("versions", loader))
loader.exec_module(versions)

OLD = "0" * 64
TABLES = f"""---
# Of HAProxy.
haproxy_releases:
  3.4.7: {OLD}
  3.2.26: {OLD}

# Of OpenSSL.
haproxy_openssl_releases:
  3.5.9: {OLD}
  1.1.1w: {OLD}

haproxy_recipe:
  version: "{{{{ haproxy_version }}}}"
"""


def tarball(version):
    return f"the source of {version}".encode()


def checksum(version):
    return hashlib.sha256(tarball(version)).hexdigest()


@pytest.fixture
def tables(tmp_path):
    path = tmp_path / "main.yml"
    path.write_text(TABLES, encoding="utf-8")
    return path


@pytest.fixture
def internet():
    """A server on the loopback: path → bytes, and the projects as they are found there.

    HAProxy 3.2.27 and OpenSSL 3.5.10 are out, and all agree.
    """
    listed = {"3.4": ["3.4.6", "3.4.7"], "3.2": ["3.2.9", "3.2.26", "3.2.27"]}
    pages = {f"/haproxy/{branch}/releases.json": {"releases": dict.fromkeys(found)} for branch, found in listed.items()}
    pages["/openssl/releases"] = [
        {"tag_name": tag} for tag in ("openssl-3.6.0", "openssl-3.5.11-beta1", "openssl-3.5.10", "openssl-3.5.9")
    ]
    image = {"3.2": {"sha256": checksum("3.2.27"), "url": "http://upstream/haproxy-3.2.27.tar.gz", "version": "3.2.27"}}
    pages["/images/versions.json"] = image
    pages = {path: json.dumps(page, indent=2).encode() for path, page in pages.items()}
    for name, version in (("haproxy", "3.2.27"), ("openssl", "3.5.10")):
        folder = f"/{name}/{versions.branch_of(version)}"
        pages[f"{folder}/{name}-{version}.tar.gz"] = tarball(version)
        pages[f"{folder}/{name}-{version}.tar.gz.sha256"] = f"{checksum(version)}  {name}-{version}.tar.gz\n".encode()
        port = f"/ports/{name}{versions.branch_of(version).replace('.', '')}/distinfo"
        pages[port] = f"TIMESTAMP = 1\nSHA256 ({name}-{version}.tar.gz) = {checksum(version)}\nSIZE = 1\n".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    haproxy, openssl = versions.PROJECTS
    projects = (
        haproxy._replace(
            listing=f"{base}/haproxy/{{branch}}/releases.json",
            address=f"{base}/haproxy/{{branch}}/{{tarball}}",
            others=(f"{base}/images/versions.json", f"{base}/ports/haproxy{{digits}}/distinfo"),
        ),
        openssl._replace(
            listing=f"{base}/openssl/releases",
            address=f"{base}/openssl/{{branch}}/{{tarball}}",
            others=(f"{base}/ports/openssl{{digits}}/distinfo",),
        ),
    )
    yield pages, projects
    server.shutdown()
    server.server_close()


def releases(tables, table="haproxy_releases"):
    return yaml.safe_load(tables.read_text(encoding="utf-8"))[table]


def test_the_newest_of_each_branch_is_taken_and_nothing_else_changes(internet, tables):
    assert versions.main([], internet[1], tables) == 0
    wanted = TABLES.replace("  3.2.26:", f"  3.2.27: {checksum('3.2.27')}\n  3.2.26:")
    wanted = wanted.replace("  3.5.9:", f"  3.5.10: {checksum('3.5.10')}\n  3.5.9:")
    assert tables.read_text(encoding="utf-8") == wanted


def test_a_second_run_finds_nothing_to_do(internet, tables, capsys):
    versions.main([], internet[1], tables)
    before = tables.read_text(encoding="utf-8")
    capsys.readouterr()
    assert versions.main([], internet[1], tables) == 0
    assert versions.main(["--check"], internet[1], tables) == 0
    assert "The tables have the newest release of each branch" in capsys.readouterr().out
    assert tables.read_text(encoding="utf-8") == before


def test_check_says_what_is_missing_and_changes_nothing(internet, tables, capsys):
    assert versions.main(["--check"], internet[1], tables) == 1
    said = capsys.readouterr().err
    assert "error: HAProxy 3.2.27 is out and not in the table: run tools/versions" in said
    assert "error: OpenSSL 3.5.10 is out and not in the table: run tools/versions" in said
    assert tables.read_text(encoding="utf-8") == TABLES


@pytest.mark.parametrize("place", ["/images/versions.json", "/ports/haproxy32/distinfo"])
def test_a_release_of_which_another_has_another_checksum_is_not_taken(internet, tables, capsys, place):
    pages, projects = internet
    pages[place] = pages[place].replace(checksum("3.2.27").encode(), b"1" * 64)
    assert versions.main([], projects, tables) == 1
    said = capsys.readouterr().err
    assert f"error: HAProxy 3.2.27: upstream says {checksum('3.2.27')}, but http" in said
    assert f"{place} says {'1' * 64}" in said
    assert "3.2.27" not in releases(tables)
    assert "3.5.10" in releases(tables, "haproxy_openssl_releases")  # the others are taken


def test_a_release_that_upstream_alone_has_is_not_taken(internet, tables, capsys):
    pages, projects = internet
    del pages["/images/versions.json"], pages["/ports/haproxy32/distinfo"]
    assert versions.main([], projects, tables) == 1
    assert "error: HAProxy 3.2.27: nobody but upstream has it yet: try again in some days" in capsys.readouterr().err
    assert "3.2.27" not in releases(tables)


def test_a_tarball_with_another_checksum_is_not_taken(internet, tables, capsys):
    pages, projects = internet
    pages["/haproxy/3.2/haproxy-3.2.27.tar.gz"] += b"."
    assert versions.main([], projects, tables) == 1
    assert "but the tarball has " in capsys.readouterr().err
    assert "3.2.27" not in releases(tables)


@pytest.mark.parametrize("missing", ["releases.json", "haproxy-3.2.27.tar.gz.sha256"])
def test_what_upstream_does_not_answer_is_said_without_a_traceback(internet, tables, capsys, missing):
    pages, projects = internet
    del pages[f"/haproxy/3.2/{missing}"]
    assert versions.main([], projects, tables) == 1
    assert f"/haproxy/3.2/{missing} answers 404" in capsys.readouterr().err
    assert "3.2.27" not in releases(tables)


def test_a_server_that_is_not_there_is_said_without_a_traceback(internet, tables, capsys):
    nowhere = internet[1][0]._replace(listing="http://127.0.0.1:1/{branch}")
    assert versions.main(["--check"], [nowhere], tables) == 1
    assert "error: HAProxy 3.2: http://127.0.0.1:1/3.2 cannot be reached ([Errno 111]" in capsys.readouterr().err


def test_a_release_of_another_branch_is_taken_where_it_is_named(internet, tables):
    pages, projects = internet
    pages["/haproxy/3.6/haproxy-3.6.1.tar.gz"] = tarball("3.6.1")
    pages["/haproxy/3.6/haproxy-3.6.1.tar.gz.sha256"] = checksum("3.6.1").encode()
    pages["/ports/haproxy36/distinfo"] = f"SHA256 (haproxy-3.6.1.tar.gz) = {checksum('3.6.1')}\n".encode()
    assert versions.main(["haproxy", "3.6.1"], projects, tables) == 0
    assert list(releases(tables)) == ["3.6.1", "3.4.7", "3.2.26"]


@pytest.mark.parametrize("words", [["haproxy"], ["haproxy", "newest"], ["nginx", "1.2.3"]])
def test_words_that_name_no_release_are_refused(internet, tables, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        versions.main(words, internet[1], tables)
    assert "usage:" in capsys.readouterr().err


def test_the_tables_of_the_role_can_be_read():
    text = versions.TABLES.read_text(encoding="utf-8")
    for project in versions.PROJECTS:
        pinned = versions.read_table(text, project.table)
        assert pinned == yaml.safe_load(text)[project.table]
        assert versions.write_table(text, project.table, pinned) == text
