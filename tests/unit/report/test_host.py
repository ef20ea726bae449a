"""What a host has of HAProxy is told without failing, whatever it lacks."""

import os
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import host
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build.recipe import BuildError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import host as host_report

CHECKSUM = "a" * 64


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Make commands that print a text; nothing else is on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name, text, code=0):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_a_bare_host(commands):
    found = host_report.gather_host(binary="/nonexistent/haproxy")
    assert set(found) == {
        *("distribution", "architecture", "tls", "user", "file_descriptors", "active", "enabled", "restart_pending"),
        *("binary", "installed", "version", "files", "agent", "tls_library"),
    }
    assert (found["installed"], found["version"], found["active"], found["enabled"]) == (False, "", False, False)
    assert found["file_descriptors"] > 0


def test_the_wanted_build(commands, tmp_path):
    build = {"version": "3.0.11", "checksum": CHECKSUM, "options": {}, "prefix": str(tmp_path)}
    found = host_report.gather_host(build=build)
    assert found["binary"] == f"{tmp_path}/3.0.11-{found['fingerprint']}/sbin/haproxy"
    assert found["installed"] is False
    other = host_report.gather_host(build={**build, "options": {"USE_LUA": False}})
    own = host_report.gather_host(build={**build, "openssl": {"version": "3.5.7", "checksum": CHECKSUM}})
    assert len({each["fingerprint"] for each in (found, other, own)}) == 3


def test_a_build_that_cannot_be_names_the_variable():
    with pytest.raises(BuildError, match="haproxy_version"):
        host_report.gather_host(
            build={"version": "three", "checksum": CHECKSUM, "options": {}, "prefix": "/opt/haproxy"}
        )


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/01 - https://haproxy.org/", "2.6.12"),
        ("HAProxy version 3.0.11 2025/06/03 - https://haproxy.org/", "3.0.11"),
        ("HAProxy version 3.5-dev4-abcdef 2026/11/01", "3.5-dev4"),
        ("HA-Proxy version 2.0.29 2022/05/13 - http://haproxy.org/", "2.0.29"),
        ("something else", ""),
    ],
)
def test_the_version_of_a_binary(commands, said, version):
    found = host_report.gather_host(binary=commands("haproxy", said))
    assert (found["version"], found["installed"]) == (version, bool(version))


def test_the_library_of_a_binary(commands):
    built = "HAProxy version 3.0.11\nBuilt with OpenSSL version : OpenSSL 3.0.20\n"
    said = f"{built}Running on OpenSSL version : OpenSSL 3.5.7 9 Jun 2026"
    assert host_report.gather_host(binary=commands("haproxy", said))["tls_library"] == "OpenSSL 3.5.7 9 Jun 2026"


def test_a_binary_that_does_not_run_is_not_installed(commands):
    assert host_report.gather_host(binary=commands("haproxy", "HAProxy version 3.0.11", code=127))["installed"] is False


def systemctl(commands, active, unit="enabled", started=0.0):
    """Stand in for systemctl; `started` is in seconds of the monotonic clock."""
    text = f"ActiveState={active}\nUnitFileState={unit}\nInactiveExitTimestampMonotonic={int(started * 1e6)}"
    commands("systemctl", text)


@pytest.mark.parametrize(
    ("active", "unit", "expected"),
    [
        ("active", "enabled", (True, True)),
        ("reloading", "disabled", (True, False)),
        ("inactive", "", (False, False)),
        ("failed", "enabled", (False, True)),
        ("activating", "static", (False, False)),
    ],
)
def test_the_service(commands, tmp_path, active, unit, expected):
    systemctl(commands, active, unit)
    found = host.service_state("haproxy", tmp_path / "none")
    assert (found["active"], found["enabled"]) == expected


def test_a_restart_is_pending_when_the_unit_is_newer_than_the_service(commands, tmp_path):
    unit = tmp_path / "haproxy.service"
    unit.touch()
    now = time.monotonic()
    systemctl(commands, "active", started=now - 5)
    assert host.service_state("haproxy", unit)["restart_pending"] is True
    os.utime(unit, (0, time.time() - 10))
    assert host.service_state("haproxy", unit)["restart_pending"] is False
    systemctl(commands, "inactive", started=0)
    unit.touch()
    assert host.service_state("haproxy", unit)["restart_pending"] is False


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("Max open files            1024                 20000                files", 20000),
        ("Max open files            1024                 1073741816           files", 1_048_576),
        ("Max open files            1024                 unlimited            files", 1_048_576),
    ],
)
def test_file_descriptors_are_the_hard_limit_within_reason(tmp_path, limits, expected):
    path = tmp_path / "limits"
    path.write_text(f"Limit                     Soft Limit           Hard Limit           Units\n{limits}\n")
    assert host.file_descriptors(path) == expected


def test_file_descriptors_where_process_1_is_hidden(tmp_path):
    assert 0 < host.file_descriptors(tmp_path / "none") <= 1_048_576


def test_users():
    assert host.has_user("root")
    assert not host.has_user("nobody-of-this-name")


def test_what_systemd_listens_at_for_a_service(commands):
    commands("systemctl", "Listen=/run/haproxy/master.sock (Stream)\nListen=127.0.0.1:80 (Datagram)")
    assert host.listens_for("haproxy") == ["/run/haproxy/master.sock", "127.0.0.1:80"]
