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


def a_key(letter):
    return base64.b64encode(letter * 80).decode()


def test_edges_that_get_the_same_keys_have_the_same_names(tmp_path, worker):
    edges = [tmp_path / "one", tmp_path / "two"]
    for path in edges:
        tickets.provide_keys(path, os.getgid(), 100, "master")
    before = [tickets.describe_keys(path)["names"] for path in edges]
    assert not {*before[0]} & {*before[1]}
    given = [a_key(letter) for letter in (b"a", b"b", b"c")]
    for path in edges:
        assert tickets.provide_keys(path, os.getgid(), 100, "master", shared=given).action == "rotated"
    assert keys(edges[0]) == keys(edges[1]) == given
    for path in edges:
        assert tickets.provide_keys(path, os.getgid(), 100, "master", shared=[a_key(b"d")]).action == "rotated"
        assert keys(path) == [*given[1:], a_key(b"d")]
    names = [tickets.describe_keys(path)["names"] for path in edges]
    assert names[0] == names[1]
    assert not any(name in "".join(keys(edges[0])) for name in names[0])


def test_an_edge_that_shares_keys_rotates_none_of_its_own(tmp_path, worker):
    path = tmp_path / "keys"
    assert tickets.provide_keys(path, os.getgid(), 100, "master", shared=[]).action == "made"
    os.utime(path, (0, 0))
    assert tickets.provide_keys(path, os.getgid(), 100, "master", shared=[]).action == ""
    assert tickets.describe_keys(path)["age"] > 100


def test_a_missing_file_has_no_names(tmp_path):
    assert tickets.describe_keys(tmp_path / "keys") == {"names": [], "age": 0}


def test_the_worker_gets_all_keys_that_are_new(tmp_path, worker, monkeypatch):
    path = tmp_path / "keys"
    tickets.provide_keys(path, os.getgid(), 100, "master")
    told = []

    def tell(_master, _pid, command, *_more):
        told.append(command)
        return f"# 0 ({path})" if command == "show tls-keys" else "TLS ticket key updated!"

    monkeypatch.setattr(cli, "tell", tell)
    given = [a_key(letter) for letter in (b"a", b"b", b"c")]
    tickets.provide_keys(path, os.getgid(), 100, "master", shared=given)
    assert [command for command in told if command.startswith("set")] == [
        f"set ssl tls-key {path} {key}" for key in given
    ]
