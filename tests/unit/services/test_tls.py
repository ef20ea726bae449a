"""A profile is Mozilla's word, a list of one's own is one's own, and the library is asked for nothing it has not."""

import base64
import os
import stat

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.binary import version
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import tickets
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import tls

OLD, NEW = ("openssl", (3, 0)), ("openssl", (3, 5))


def test_the_floor_of_each_profile():
    floors = {
        name: tls.resolve_profile(tls.Settings(name), OLD).options.split("ssl-min-ver ")[1] for name in tls.PROFILES
    }
    assert floors == {"modern": "TLSv1.3", "intermediate": "TLSv1.2", "old": "TLSv1.0"}


def test_intermediate_has_forward_secrecy_and_nothing_weak():
    ciphers = tls.resolve_profile(tls.Settings(), OLD).ciphers.split(":")
    assert all(cipher.startswith("ECDHE-") and ("GCM" in cipher or "POLY1305" in cipher) for cipher in ciphers)
    assert ciphers[0].startswith("ECDHE-ECDSA-")


@pytest.mark.parametrize(
    ("library", "settings", "first"),
    [
        (OLD, {}, "X25519"),
        (NEW, {}, "X25519MLKEM768"),
        (("openssl", (4, 0)), {}, "X25519MLKEM768"),
        (("aws-lc", (3, 5)), {}, "X25519"),
        (("", ()), {}, "X25519"),
        (NEW, {"post_quantum": False}, "X25519"),
        (NEW, {"profile": "custom", "curves": "P-521"}, "P-521"),
    ],
)
def test_the_first_group_is_hybrid_where_the_library_can(library, settings, first):
    assert tls.resolve_profile(tls.Settings(**settings), library).curves.split(":")[0] == first


def test_custom_takes_what_it_is_given_and_the_rest_from_intermediate():
    made = tls.resolve_profile(
        tls.Settings("custom", min_version="TLSv1.3", ciphersuites="TLS_AES_128_GCM_SHA256", tickets=False), OLD
    )
    assert made.options == "prefer-client-ciphers ssl-min-ver TLSv1.3 no-tls-tickets"
    assert (made.ciphersuites, made.ciphers) == ("TLS_AES_128_GCM_SHA256", tls.PROFILES["intermediate"].ciphers)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"profile": "moderm"}, "haproxy_tls.profile: there is no TLS profile 'moderm'; did you mean 'modern'?"),
        ({"ciphers": "AES128-SHA"}, "haproxy_tls.ciphers: the profile intermediate is Mozilla's as a whole"),
        ({"profile": "custom", "min_version": "1.2"}, "haproxy_tls.min_version: there is no version '1.2'"),
        ({"profile": "custom", "curves": "a b"}, "haproxy_tls.curves: one word is expected"),
        ({"profile": "custom", "ciphers": "a\nbind :1"}, "haproxy_tls.ciphers: one word is expected"),
        ({"hsts": 'a"\nX-Injected: 1'}, "haproxy_tls.hsts: the value of a header"),
    ],
)
def test_a_mistake_is_told_by_its_place(settings, problem):
    with pytest.raises(ConfigurationError) as caught:
        tls.resolve_profile(tls.Settings(**settings), OLD)
    assert caught.value.problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("said", "library"),
    [
        ("Running on OpenSSL version : OpenSSL 3.0.20 7 Apr 2026", ("openssl", (3, 0))),
        ("Running on SSL library version : OpenSSL 3.5.9 29 Sep 2026 (VERSIONS DIFFER!)", ("openssl", (3, 5))),
        ("Running on SSL library version : OpenSSL 1.1.1 (compatible; AWS-LC 1.29.0)", ("aws-lc", (1, 29))),
        ("Running on OpenSSL version : wolfSSL 5.7.0", ("wolfssl", (5, 7))),
        ("nothing of the kind", ("", ())),
    ],
)
def test_the_binary_says_which_library_it_runs_on(tmp_path, said, library):
    binary = tmp_path / "haproxy"
    binary.write_text(f"#!/bin/sh\necho 'HAProxy version 3.0.11'\necho '{said}'\n")
    binary.chmod(0o755)
    assert version.tls_library(str(binary)) == library
    assert version.tls_library(str(tmp_path / "nothing")) == ("", ())


# --- The keys of session tickets


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
