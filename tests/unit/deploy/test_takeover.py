"""A service that runs another HAProxy is taken over only if nobody is hurt, or it is allowed. Its process here is real."""

import os
import socket
import subprocess
import sys

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, listeners, preflight, takeover
from fake import read

SERVE = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:  # the worker
    print(listener.getsockname()[1], flush=True)
    accepted = listener.accept()
    print("accepted", flush=True)
sys.stdin.read()
"""
ALLOWED = apply.ApplyOptions(restart=True)


@pytest.fixture
def service(monkeypatch):
    """Let the service run a process that is not ours, and whose worker listens at a port: its pid and the port."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.port = int(process.stdout.readline())
        monkeypatch.setattr(takeover, "main_process", lambda _service: process.pid)
        yield process
        process.stdin.close()


@pytest.fixture
def wanted(service):
    """A configuration on the same port."""
    return data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:{service.port}"}}})


@pytest.fixture
def client(service):
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        assert service.stdout.readline() == "accepted\n"
        yield connection


@pytest.mark.parametrize("check_mode", [True, False])
def test_connections_are_not_ended_before_it_is_allowed(target, service, wanted, client, check_mode):
    with pytest.raises(ConfigurationError) as raised:
        apply.apply(wanted, target, apply.ApplyOptions(check_mode=check_mode))
    (said,) = raised.value.problems
    assert f"(process {service.pid}), which this role did not start" in said
    assert f"its listener 127.0.0.1:{service.port} and 1 connection of clients end" in said
    assert "haproxy_allow_restart: true" in said
    assert not os.path.exists(target.path)


def test_it_is_taken_over_where_that_is_allowed(target, service, wanted, client):
    outcome = apply.apply(wanted, target, ALLOWED)
    assert outcome.action == "start"
    assert f"it is replaced; its listener 127.0.0.1:{service.port} and 1 connection of clients end" in str(
        outcome.reasons
    )
    assert (outcome.replaced.pid, outcome.replaced.connections) == (service.pid, 1)
    assert "frontend web" in read(target.path)


def test_without_connections_it_is_taken_over_and_the_right_file_is_not_enough(target, service, wanted):
    first, second = (apply.apply(wanted, target) for _ in range(2))
    for outcome in (first, second):
        assert outcome.action == "start"
        assert f"its listener 127.0.0.1:{service.port} and no connections of clients end" in str(outcome.reasons)
    assert first.after == second.before


def test_a_file_by_hand_that_says_the_same_is_not_what_the_other_one_serves(target, service):
    with open(target.path, "w") as file:
        file.write("global\n    maxconn 100\n")
    os.symlink(target.binary, target.link)
    assert apply.apply(data.from_data({"global": {"maxconn": 100}}), target).action == "start"


def test_the_port_of_a_third_process_is_no_port_of_a_service_that_is_taken_over(target, service):
    with socket.create_server(("127.0.0.1", 0)) as third:
        port = third.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"already listens on port {port} .*\(process {os.getpid()}\)"):
            apply.apply(data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:{port}"}}}), target, ALLOWED)


def test_what_the_service_runs_for_this_file_and_socket_is_ours(target, service, monkeypatch):
    words = "\0".join(["haproxy", "-f", target.path, "-S", f"{target.master},mode,600"])
    original = takeover.read_text
    monkeypatch.setattr(takeover, "read_text", lambda path: words if path.endswith("/cmdline") else original(path))
    assert takeover.find_foreign(target) is None


def test_connections_are_counted_where_the_kernel_hides_what_the_process_has_open(
    target, service, wanted, client, monkeypatch
):
    family = takeover.process_family(service.pid)
    seen = listeners._links
    monkeypatch.setattr(listeners, "is_hidden", lambda pid: pid in family)
    monkeypatch.setattr(preflight, "is_hidden", lambda pid: pid in family)
    monkeypatch.setattr(listeners, "_links", lambda pid: set() if pid in family else seen(pid))
    with pytest.raises(ConfigurationError, match=rf"127.0.0.1:{service.port}.* 1 connection|listeners .*connection"):
        apply.apply(wanted, target)
    assert apply.apply(wanted, target, ALLOWED).replaced.connections >= 1


@pytest.mark.parametrize(
    ("words", "listens", "ours"),
    [
        (["-S", "{master},mode,600"], [], True),
        (["-S", "fd@3,level,admin"], ["{master}"], True),
        (["-S", "fd@3,level,admin"], ["/run/other.sock"], False),
        (["-S", "/run/other.sock"], ["{master}"], False),
    ],
)
def test_it_is_ours_by_the_socket_that_it_has_or_that_systemd_gave_it(target, monkeypatch, words, listens, ours):
    monkeypatch.setattr(
        takeover, "listens_for", lambda _service: [path.format(master=target.master) for path in listens]
    )
    words = [word.format(master=target.master) for word in words]
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "-f", target.path, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert takeover.is_ours(process.pid, target) is ours
        process.stdin.close()
