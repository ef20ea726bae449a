"""A socket in the place of the master's is not talked to."""

import contextlib
import os
import socket
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import host
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli


@pytest.fixture
def listener(tmp_path):
    """A socket that answers to all; what it was asked."""
    path, asked = str(tmp_path / "master.sock"), []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(10)

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                # Whoever finds that this is not the master hangs up.
                with connection, contextlib.suppress(BrokenPipeError):
                    if question := connection.makefile().read():
                        asked.append(question)
                    connection.sendall(b"3.0.11\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path, asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.fixture
def service(monkeypatch, tmp_path):
    """Put this process into a service with another main process, or with this one."""
    cgroup = tmp_path / str(os.getpid()) / "cgroup"
    cgroup.parent.mkdir()
    cgroup.write_text("1:cpu:/\n0::/system.slice/haproxy.service\n")
    main = []
    real = host.is_main_process
    monkeypatch.setattr(cli, "_checked", set())
    monkeypatch.setattr(
        host.commands,
        "read_output",
        lambda *command: f"MainPID={main[-1]}\n" if command[-1] == "haproxy.service" else "",
    )
    monkeypatch.setattr(host, "is_main_process", lambda pid: real(pid, tmp_path))
    return main


def test_a_worker_in_the_masters_place_is_told_nothing(listener, service):
    path, asked = listener
    service.append(os.getpid() + 1)
    with pytest.raises(cli.RuntimeFailure, match="not the socket of HAProxy's master"):
        cli.ask(path, "set ssl cert a <<\nkey\n")
    assert asked == []
    assert not cli.answers(path)


def test_the_master_is_asked_about_once(listener, service):
    path, asked = listener
    service.append(os.getpid())
    assert cli.ask(path, "show version") == "3.0.11\n"
    service.append(os.getpid() + 1)
    cli.ask(path, "show version")
    assert len(asked) == 2


def test_a_process_of_no_service_is_asked(listener, service, tmp_path):
    path, _asked = listener
    (tmp_path / str(os.getpid()) / "cgroup").write_text("0::/user.slice/session-1.scope\n")
    assert cli.ask(path, "show version") == "3.0.11\n"
    (tmp_path / str(os.getpid()) / "cgroup").unlink()
    assert cli.answers(path)
