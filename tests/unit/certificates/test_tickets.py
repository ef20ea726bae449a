"""The keys of session tickets are made, rotated and given to the worker, and never shown."""

import base64
import os
import stat

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import tickets
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli


@pytest.fixture
def worker(monkeypatch):
    """A worker that has the keys of one file; what it was told."""
    told = []

    def tell(_master, _pid, command, *_more):
        told.append(command)
        return (
            "# id secret\n# 0 (/etc/haproxy/ticket-keys)\n" if command == "show tls-keys" else "TLS ticket key updated!"
        )

    monkeypatch.setattr(cli, "answers", lambda _master: True)
    monkeypatch.setattr(cli, "serving_worker", lambda _master: 7)
    monkeypatch.setattr(cli, "tell", tell)
    return told


def keys(path):
    return path.read_text().split()


def test_keys_are_made_once_for_root_and_the_group(tmp_path, worker):
    path = tmp_path / "keys"
    assert tickets.provide_keys(path, os.getgid(), 100, "master") == ("made", [])
    assert [len(base64.b64decode(key)) for key in keys(path)] == [80, 80, 80]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = keys(path)
    assert tickets.provide_keys(path, os.getgid(), 100, "master") == ("", [])
    assert keys(path) == before
    assert worker == []


def test_a_new_key_comes_last_and_the_oldest_goes(tmp_path, worker):
    path = tmp_path / "keys"
    tickets.provide_keys(path, os.getgid(), 100, "master")
    before = keys(path)
    os.utime(path, (0, 0))
    assert tickets.provide_keys(path, os.getgid(), 100, "master", check_mode=True) == ("rotated", [])
    assert keys(path) == before
    tickets.provide_keys(path, os.getgid(), 100, "master")
    assert keys(path)[:2] == before[1:]
    assert worker == ["show tls-keys"]  # it has other keys than these


def test_the_worker_gets_the_new_key(tmp_path, worker, monkeypatch):
    path = tmp_path / "keys"
    tickets.provide_keys(path, os.getgid(), 0, "master")
    monkeypatch.setattr(
        cli,
        "tell",
        lambda *said: (
            worker.append(said[2]) or f"# 0 ({path})"
            if said[2] == "show tls-keys"
            else worker.append(said[2]) or "TLS ticket key updated!"
        ),
    )
    assert tickets.provide_keys(path, os.getgid(), 0, "master") == ("rotated", [])
    assert worker[-1] == f"set ssl tls-key {path} {keys(path)[-1]}"


def test_a_worker_that_does_not_answer_is_told_without_the_key(tmp_path, monkeypatch):
    path = tmp_path / "keys"
    tickets.provide_keys(path, os.getgid(), 0, "master")

    def tell(_master, _pid, command, *_more):
        if command == "show tls-keys":
            return f"# 0 ({path})"
        raise cli.RuntimeFailure(f"did not answer {command}")

    monkeypatch.setattr(cli, "answers", lambda _master: True)
    monkeypatch.setattr(cli, "serving_worker", lambda _master: 7)
    monkeypatch.setattr(cli, "tell", tell)
    outcome = tickets.provide_keys(path, os.getgid(), 0, "master")
    assert "only after its next reload" in outcome.warnings[0]
    assert not any(key in outcome.warnings[0] for key in keys(path))


@pytest.mark.parametrize("damage", ["", "not base64\n" * 3, "YQ==\n" * 3])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    path = tmp_path / "keys"
    path.write_text(damage)
    assert tickets.provide_keys(path, os.getgid(), 100, "/nonexistent").action == "made"
    assert len(keys(path)) == 3
