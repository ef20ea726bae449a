"""What a run that is killed leaves in a real HAProxy, and a reload that takes long."""

import contextlib
import hashlib
import re
import socket
import ssl
import subprocess

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import certificates, cli
from live import LiveEdge, every_version, free_port, wait_for


def pem(name):
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout - -out - -subj".split()
    )
    return subprocess.run([*command, f"/CN={name}"], capture_output=True, text=True, check=True).stdout


def served(port, name):
    context = ssl._create_unverified_context()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()


def own(text):
    block = text[text.index("-----BEGIN CERTIFICATE") :]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest()


@every_version
def test_an_addition_that_was_killed_is_completed_or_leaves_nothing(version, tmp_path, monkeypatch):
    """At each command of the addition."""
    folder, port, edge = tmp_path / "certificates", free_port(), LiveEdge(version, tmp_path)
    folder.mkdir()
    (folder / "a.pem").write_text(pem("a.test"))
    wanted = parse(f"frontend web\n mode http\n timeout client 5s\n bind 127.0.0.1:{port} ssl crt {folder}\n")
    more, tell = pem("more.test"), certificates.tell

    def apply_until(command):
        """Apply, and be killed before this command of the Runtime API."""

        def killed(master, pid, text, payload=""):
            if text.startswith(command):
                raise KeyboardInterrupt
            return tell(master, pid, text, payload)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(certificates, "tell", killed)
            apply.apply(wanted, edge.target)
            pytest.fail(f"no {command}")

    apply.apply(wanted, edge.target)
    edge.start()
    worker = cli.serving_worker(edge.target.master)
    try:
        for command in ("set ssl cert", "commit ssl cert", "add ssl crt-list"):
            for stays in (True, False):
                (folder / "more.pem").write_text(more)
                apply_until(command)
                if not stays:
                    (folder / "more.pem").unlink()
                outcome = apply.apply(wanted, edge.target)
                assert outcome.action == "runtime" or (outcome.action == "unchanged" and not stays), (
                    command,
                    outcome.reasons,
                )
                assert (served(port, "more.test") == own(more)) is stays, command
                assert apply.apply(wanted, edge.target).action == "unchanged"
                (folder / "more.pem").unlink(missing_ok=True)
                gone = apply.apply(wanted, edge.target)
                assert gone.action in ("runtime", "unchanged"), gone.reasons
                assert "more.pem" not in edge.ask("show ssl cert"), command
        assert cli.serving_worker(edge.target.master) == worker
    finally:
        edge.stop()


@every_version
@pytest.mark.parametrize("fails", [False, True], ids=["taken in the end", "refused in the end"])
def test_a_long_reload_is_not_known_yet_and_a_further_run_finds_out(version, tmp_path, monkeypatch, fails):
    script, port, edge = tmp_path / "slow.lua", free_port(), LiveEdge(version, tmp_path)
    # `haproxy -c` is quick: only the process that is to serve waits for the file, and may fail then.
    script.write_text(
        f"""
        local reloading = io.open("{tmp_path}/reloading")
        while reloading and not io.open("{tmp_path}/go on") do end
        if reloading and io.open("{tmp_path}/fail") then error("it fails") end
        """
    )
    text = f"global\n lua-load {script}\nfrontend web\n mode http\n timeout client 5s\n bind 127.0.0.1:{port}\n"
    apply.apply(parse(text), edge.target)
    edge.start()
    wanted = parse(f"{text} maxconn 77\n")
    if fails:
        (tmp_path / "fail").touch()
    check = apply.run_haproxy_check

    def checked(*arguments):
        (tmp_path / "reloading").unlink(missing_ok=True)
        found = check(*arguments)
        (tmp_path / "reloading").touch()
        return found

    monkeypatch.setattr(apply, "run_haproxy_check", checked)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(apply, "_RELOAD_TIMEOUT", 1.0)
            patch.setattr(cli, "TIMEOUT", 1.0)
            patch.setattr(cli, "SOON", 1.0)
            with pytest.raises(ConfigurationError, match="it is not known yet whether it will serve"):
                apply.apply(wanted, edge.target)
        assert "maxconn 77" in (tmp_path / "haproxy.cfg").read_text()
        (tmp_path / "go on").touch()
        wait_for(lambda: cli.answers(edge.target.master) and edge.has_worker())
        if not fails:
            wait_for(
                lambda: apply.apply(wanted, edge.target, apply.ApplyOptions(check_mode=True)).action == "unchanged"
            )
            return
        with pytest.raises(ConfigurationError, match="the refused text"):
            apply.apply(wanted, edge.target)
        assert "maxconn 77" not in (tmp_path / "haproxy.cfg").read_text()
    finally:
        edge.stop()


@pytest.fixture
def other(tmp_path):
    """Another binary for a HAProxy, which tells in the file `ran` when it is executed."""

    def make(binary):
        path = tmp_path / "other"
        path.write_text(f'#!/bin/sh\ncase $* in *" -c "*) ;; *) touch {tmp_path}/ran ;; esac\nexec {binary} "$@"\n')
        path.chmod(0o755)
        return str(path)

    return make


@every_version
def test_a_reload_is_refused_that_would_execute_the_binary_of_before(version, tmp_path, other):
    edge, link = LiveEdge(version, tmp_path), tmp_path / "link"
    wanted = parse(f"frontend web\n mode http\n timeout client 5s\n bind 127.0.0.1:{free_port()}\n http-request deny\n")
    apply.apply(wanted, edge.target)
    edge.start()
    try:
        before, worker = (tmp_path / "haproxy.cfg").read_text(), cli.serving_worker(edge.target.master)
        target = edge.target._replace(binary=other(edge.target.binary), link=str(link))
        for check_mode in (True, False):
            with pytest.raises(ConfigurationError, match=r"a reload executes that again, and not \S*/other") as refused:
                apply.apply(wanted, target, apply.ApplyOptions(check_mode=check_mode))
            assert "haproxy_allow_restart: true" in str(refused.value)
        assert not link.is_symlink()
        assert (tmp_path / "haproxy.cfg").read_text() == before
        assert cli.serving_worker(target.master) == worker
        outcome = apply.apply(wanted, target, apply.ApplyOptions(restart=True))
        assert outcome.action == "start"
        assert any("it is restarted, and its" in reason for reason in outcome.reasons)
    finally:
        edge.stop()


@every_version
def test_a_reload_brings_another_binary_by_the_link_that_the_service_starts(version, tmp_path, other, monkeypatch):
    edge, link = LiveEdge(version, tmp_path), tmp_path / "link"
    wanted = parse(f"frontend web\n mode http\n timeout client 5s\n bind 127.0.0.1:{free_port()}\n http-request deny\n")
    # The binary here may be a script that names the libraries, and the path by which HAProxy is started then is another.
    if found := re.search(r"LD_LIBRARY_PATH=(\S+) exec (\S+)", read_script(edge.target.binary)):
        monkeypatch.setenv("LD_LIBRARY_PATH", found[1])
        edge.target = edge.target._replace(binary=found[2])
    target = edge.target._replace(link=str(link))
    apply.apply(wanted, target)
    edge.target = edge.target._replace(binary=str(link))
    edge.start()
    try:
        outcome = apply.apply(wanted, target._replace(binary=other(target.binary)))
        assert outcome.action == "reload"
        assert (tmp_path / "ran").exists()
        assert edge.has_worker()
    finally:
        edge.stop()


def read_script(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1000)
