"""What ships: a plain build of a checkout is whole, small, and has nothing of whoever works in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent

OF_A_USER = [
    "inventory/mine/hosts.yml",
    "inventory/mine/group_vars/edges.yml",
    "files/chat.example.com.pem",
    "group_vars/all/vault.yml",
    "playbooks/chat.key",
    "rendered/edge1.cfg",
    ".env",
]


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """The archive that ansible-galaxy builds from a checkout that is in use."""
    checkout = tmp_path_factory.mktemp("build") / "checkout"
    made = shutil.ignore_patterns(".cache", ".venv", ".git", ".hypothesis", "node_modules", "__pycache__")
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
    for name in OF_A_USER:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("secret: true\n", encoding="utf-8")
    subprocess.run(
        [TOOLS / "ansible-galaxy", "collection", "build", "--output-path", ".."],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    return next(checkout.parent.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def members(artifact):
    with tarfile.open(artifact) as archive:
        return {member.name: member for member in archive}


def test_a_plain_build_ships_what_users_need_and_nothing_else(members):
    assert {PurePosixPath(name).parts[0] for name in members} == {
        "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md",
        "SECURITY.md", "changelogs", "docs", "library", "meta", "module_utils", "monitoring", "playbooks", "plugins",
        "roles", "tests",
    }  # fmt: skip
    assert {name for name in members if name.startswith("tests/")} == {"tests/config.yml"}
    for folder in ("library", "module_utils", "playbooks", "roles"):
        files = {str(file.relative_to(ROOT)) for file in (ROOT / folder).rglob("*") if file.is_file()}
        assert {file for file in files if "__pycache__" not in file} <= set(members)


def test_a_plain_build_is_small(artifact):
    assert artifact.stat().st_size < 1_500_000


def test_links_of_a_plain_build_stay_within_it(members):
    links = {name: member.linkname for name, member in members.items() if member.issym()}
    assert links == {"plugins/modules": "../library", "plugins/module_utils": "../module_utils"}


@pytest.mark.parametrize("name", OF_A_USER)
def test_what_belongs_to_a_user_does_not_ship(members, name):
    assert name not in members


def test_every_file_names_the_same_releases_of_ansible_core():
    oldest = read("meta/runtime.yml")["requires_ansible"].removeprefix(">=").removesuffix(".0")
    assert read("roles/haproxy/meta/main.yml")["galaxy_info"]["min_ansible_version"] == oldest
    jobs = read(".github/workflows/test.yml")["jobs"]
    cores = jobs["sanity"]["strategy"]["matrix"]["core"]
    assert cores == jobs["cores"]["strategy"]["matrix"]["core"]
    assert cores == [f"2.{minor}" for minor in range(int(oldest[2:]), int(oldest[2:]) + len(cores))]
    assert f"tools/collection sanity {oldest} {cores[-1]}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_changelog_is_what_its_data_say(tmp_path):
    shutil.copytree(ROOT / "changelogs", tmp_path / "changelogs")
    shutil.copy(ROOT / "galaxy.yml", tmp_path)
    subprocess.run([TOOLS / "antsibull-changelog", "generate"], cwd=tmp_path, check=True, capture_output=True)
    written = (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert written == (tmp_path / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert read("galaxy.yml")["version"] in read("changelogs/changelog.yaml")["releases"]
