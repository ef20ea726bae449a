"""A host that no edge can be set up on says all that it lacks, before anything is installed."""

import os
from types import SimpleNamespace

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import requirements
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report.requirements import (
    Installation,
    check_host,
    find_hints,
)

NOTHING = Installation(missing=False)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The files of a host that has all."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return tmp_path


def test_a_host_that_has_all_is_no_problem(root):
    assert list(check_host(NOTHING, root)) == []


@pytest.mark.parametrize(
    ("os_release", "problem"),
    [
        (
            "ID=alpine\nVERSION_ID=3.19\n",
            "this host: alpine is not supported; these are, and newer ones: debian 12, ubun",
        ),
        ('ID=debian\nVERSION_ID="11"\n', "this host: debian 11 is not supported; 12 and newer ones are"),
        ('ID=ubuntu\nVERSION_ID="20.04"\n', "this host: ubuntu 20.04 is not supported; 22.04 and newer ones are"),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', ""),
        ('ID="rocky"\nVERSION_ID="9.4"\n', ""),
        ("ID=debian\n", ""),
    ],
)
def test_a_distribution_is_refused_by_name(root, os_release, problem):
    (root / "etc/os-release").write_text(os_release)
    found = list(check_host(NOTHING, root))
    assert len(found) == bool(problem)
    assert problem in "".join(found)


def test_all_that_a_host_lacks_is_told_at_once(root, monkeypatch):
    (root / "run/systemd/system").rmdir()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    full = SimpleNamespace(f_bavail=10, f_frsize=1_000_000, f_files=100_000, f_favail=5)
    monkeypatch.setattr(requirements.os, "statvfs", lambda _path: full)
    found = list(check_host(Installation(missing=True, builds=True, prefix=str(root / "opt/haproxy")), root))
    assert [text[:45] for text in found] == [
        "become: root is needed to set up an edge: bec",
        "this host: systemd does not run here, and the",
        f"this host: 10 MB are free below {root}"[:45],
        f"this host: the file system of {root} has room"[:45],
    ]
    assert "the installation may need 400" in found[2]


@pytest.fixture
def guarded(root, monkeypatch):
    """The files of a host whose SELinux is enforcing, and whose firewalls are on."""
    booleans = root / "sys/fs/selinux/booleans"
    booleans.mkdir(parents=True)
    (root / "sys/fs/selinux/enforce").write_text("1")
    (booleans / "haproxy_connect_any").write_text("0 0")
    (root / "etc/ufw").mkdir()
    (root / "etc/ufw/ufw.conf").write_text("LOGLEVEL=low\nENABLED=yes\n")
    monkeypatch.setattr(requirements, "read_output", lambda *_: "active\n")
    return root


def test_what_may_keep_clients_or_nodes_away_is_told_with_the_command_against_it(guarded):
    assert [hint.partition(": ")[2].split()[0] for hint in find_hints(packaged=True, root=guarded)] == [
        "setsebool",
        "firewall-cmd",
        "ufw",
    ]


@pytest.mark.parametrize(("file", "text"), [("enforce", "0"), ("booleans/haproxy_connect_any", "1 1")])
def test_selinux_that_lets_haproxy_go_on_is_not_told(guarded, file, text):
    (guarded / "sys/fs/selinux" / file).write_text(text)
    assert "SELinux" not in "".join(find_hints(packaged=True, root=guarded))


def test_a_build_is_not_confined(guarded):
    assert "SELinux" not in "".join(find_hints(packaged=False, root=guarded))


def test_a_host_without_any_of_it_has_no_hints(root, monkeypatch):
    monkeypatch.setattr(requirements, "read_output", lambda *_: "")
    assert list(find_hints(packaged=True, root=root)) == []
