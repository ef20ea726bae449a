"""A configuration is made to serve, or nothing changes. The HAProxy here is a stand-in with a real socket."""

import contextlib
import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import (
    apply,
    disk,
    marker,
    preflight,
    worker,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli
from fake import FakeEdge, files, read

ONE = data.from_data({"global": {"maxconn": 100}, "frontend": {"web": {"bind": "127.0.0.1:0"}}})
TWO = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0", "maxconn": 5}}})


@pytest.fixture
def edge(target, monkeypatch):
    """An edge that serves ONE."""
    assert apply.apply(ONE, target).action == "start"
    monkeypatch.setattr(apply, "_RELOAD_TIMEOUT", 10.0)
    edge = FakeEdge(target)
    edge.answer("reload")
    edge.reloads = 0
    yield edge
    edge.stop()


def test_a_first_run_writes_and_asks_for_a_start(target):
    outcome = apply.apply(ONE, target)
    assert (outcome.action, outcome.before, outcome.warnings) == ("start", "", [])
    assert outcome.reasons[0] == f"{target.path} does not exist yet"
    assert "frontend web" in read(target.path)
    assert os.stat(target.path).st_mode & 0o777 == 0o640
    assert os.readlink(target.link) == target.binary
    assert apply.apply(ONE, target).action == "unchanged"


def test_the_marker_joins_the_global_section(target):
    after = apply.apply(ONE, target).after
    assert after.count("\nglobal\n") == 1
    assert re.search(rf"global\n    # marker\n    setenv {marker.MARKER} [\w-]+\n\n    maxconn 100\n", after)


def test_check_mode_writes_nothing(target):
    outcome = apply.apply(ONE, target, apply.ApplyOptions(check_mode=True))
    assert outcome.action == "start"
    assert "frontend web" in outcome.after
    assert not os.path.exists(target.path)
    assert not os.path.lexists(target.link)


def test_check_mode_on_a_bare_host_says_that_nothing_was_checked(target):
    os.unlink(target.binary)
    assert apply.apply(ONE, target, apply.ApplyOptions(check_mode=True)).checked is False
    with pytest.raises(ConfigurationError, match="no HAProxy at"):
        apply.apply(ONE, target)


def test_a_difference_is_a_reload_and_then_nothing(target, edge):
    outcome = apply.apply(TWO, target)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert outcome.reasons == [
        "global is gone",
        "frontend web: `maxconn` is new or changed (haproxy_sections.frontend.web.maxconn)",
    ]
    assert read(target.good) == read(target.path)
    assert (apply.apply(TWO, target).action, edge.reloads) == ("unchanged", 1)


WRITTEN = {
    "global": {"maxconn": 100, "hard-stop-after": "1h"},
    "frontend": {"web": {"mode": "http", "bind": "127.0.0.1:0", "timeout": {"client": "5s", "client-fin": "1s"}}},
    "backend": {"api": {"mode": "http", "default-server": "check", "server": ["b 10.0.0.2:1", "a 10.0.0.1:1"]}},
}
SORTED = json.loads(json.dumps(WRITTEN, sort_keys=True))


def test_data_whose_keys_were_sorted_are_no_change(target, edge, tmp_path):
    def record(written):
        return ((str(tmp_path / "fragments.d" / "edge.json"), json.dumps(written)),)

    apply.apply(data.from_data(WRITTEN), target, records=record(WRITTEN))
    text, reloads = read(target.path), edge.reloads
    assert list(SORTED["frontend"]["web"]) != list(WRITTEN["frontend"]["web"])
    outcome = apply.apply(in_sections_order(SORTED), target, records=record(SORTED))
    assert (outcome.action, outcome.reasons, edge.reloads, read(target.path)) == ("unchanged", [], reloads, text)
    # A server more needs no reload either.
    api = {**SORTED["backend"]["api"], "server": [*SORTED["backend"]["api"]["server"], "c 10.0.0.3:1"]}
    more = in_sections_order({**SORTED, "backend": {"api": api}})
    assert apply.apply(more, target).action == "runtime"


def in_sections_order(written):
    return data.from_data([{kind: written[kind]} for kind in WRITTEN])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["default-server check", "server a 127.0.0.1:1"], ["server a 127.0.0.1:1", "default-server check"]),
        (["acl a path /", "acl b path /b"], ["acl b path /b", "acl a path /"]),
        (["option httplog", "log-format %ci"], ["log-format %ci", "option httplog"]),
    ],
)
def test_an_order_that_matters_is_a_change(target, edge, before, after):
    def configuration(lines):
        return data.from_data([{"listen": {"web": ["mode http", "bind 127.0.0.1:0", *lines]}}])

    apply.apply(configuration(before), target)
    assert apply.apply(configuration(after), target).action == "reload"


def test_a_worker_that_still_learns_is_not_replaced(target, edge):
    """It would hand over nothing, and the sessions of its requests would be lost."""
    edge.resyncs = ["0x10000004", "0x0", "0x1", "0x28300003"]
    edge.asked.clear()
    assert apply.apply(TWO, target).action == "reload"
    before = edge.asked[: edge.asked.index("reload")]
    assert sum(command.endswith("show peers") for command in before) == 4


def test_a_worker_that_learns_for_ever_is_replaced_with_a_warning(target, edge, monkeypatch):
    monkeypatch.setattr(apply.cli, "TABLES_TIMEOUT", 0.2)
    edge.resyncs = ["0x0"] * 100
    outcome = apply.apply(TWO, target)
    assert outcome.action == "reload"
    assert "has not got its stick tables within 0.2 s" in outcome.warnings[-1]


def test_a_file_that_was_written_but_never_loaded_is_loaded(target, edge):
    edge.serving = "something else"
    outcome = apply.apply(ONE, target)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "serving worker has loaded another" in outcome.reasons[0]


@pytest.mark.parametrize("named", ["by its path", "in a folder"])
def test_a_changed_file_that_is_no_certificate_is_a_reload_with_its_reason(target, edge, tmp_path, named):
    folder = tmp_path / "certificates"
    folder.mkdir()
    certificate = folder / "site.pem"
    certificate.write_text("one")
    path = folder if named == "in a folder" else certificate
    secure = data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:0 ssl crt {path}"}}})
    apply.apply(secure, target)
    assert apply.apply(secure, target).action == "unchanged"
    certificate.write_text("two")
    outcome = apply.apply(secure, target)
    assert (outcome.action, edge.reloads) == ("reload", 2)
    assert "site.pem" in outcome.reasons[0]


def test_a_map_that_was_edited_by_hand_is_written_again_and_named(target, edge, tmp_path):
    path = tmp_path / "routes.map"
    text = data.from_data(
        {"frontend": {"web": {"bind": "127.0.0.1:0", "http-request": f"set-var(txn.a) path,map({path})"}}}
    )
    wanted = dataclasses.replace(text, files=((str(path), "/a one\n"),))
    apply.apply(wanted, target)
    path.write_text("/a one\n/b intruder\n")
    before = edge.reloads
    outcome = apply.apply(wanted, target)
    assert (outcome.action, edge.reloads) == ("runtime", before)
    assert outcome.reasons == [f"{path} was changed by hand; it is written again as HAProxy has it"]
    assert path.read_text() == "/a one\n"
    assert apply.apply(wanted, target).action == "unchanged"


def test_a_file_that_belongs_to_the_configuration_comes_along(target, edge, tmp_path):
    script = tmp_path / "edge.lua"
    text = data.from_data({"global": {"lua-load": str(script)}, "frontend": {"web": {"bind": "127.0.0.1:0"}}})
    wanted = dataclasses.replace(text, files=((str(script), "-- ours\n"),))
    assert apply.apply(wanted, target, apply.ApplyOptions(check_mode=True)).action == "reload"
    assert not script.exists()
    apply.apply(wanted, target)
    assert script.read_text() == "-- ours\n"
    assert apply.apply(wanted, target).action == "unchanged"
    script.write_text("-- changed by hand\n")
    assert apply.apply(wanted, target).reasons == [f"{script} is missing or has been changed"]
    assert script.read_text() == "-- ours\n"


def test_what_haproxys_acme_client_has_obtained_is_kept_before_a_reload(target, edge, monkeypatch):
    kept = []
    monkeypatch.setattr(
        apply.acme_client, "keep_renewed", lambda master, _group, _ordered: kept.append((master, edge.reloads))
    )
    apply.apply(ONE, target)
    assert not kept
    apply.apply(TWO, target, apply.ApplyOptions(check_mode=True))
    assert not kept
    apply.apply(TWO, target)
    assert kept == [(target.master, 0)]


def test_another_binary_is_a_reload_and_the_link_follows(target, edge, tmp_path):
    newer = tmp_path / "newer"
    newer.write_text("#!/bin/sh\nexit 0\n")
    newer.chmod(0o755)
    outcome = apply.apply(ONE, target._replace(binary=str(newer)))
    assert outcome.action == "reload"
    assert any("leads to" in reason for reason in outcome.reasons)
    assert os.readlink(target.link) == str(newer)


def test_what_haproxy_refuses_to_parse_changes_nothing(target, edge):
    before = files(target)
    wrong = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0", "wrong": True}}})
    with pytest.raises(ConfigurationError, match="wrong"):
        apply.apply(wrong, target)
    assert (files(target), edge.reloads) == (before, 0)


@pytest.mark.parametrize("silent", [False, True], ids=["from 2.7 on", "2.6"])
def test_a_refused_reload_is_undone(target, edge, silent):
    before = files(target)
    edge.refuse, edge.silent = True, silent
    with pytest.raises(ConfigurationError) as raised:
        apply.apply(TWO, target)
    said = str(raised.value)
    assert ("refused the reload" if silent else "cannot bind socket") in said
    assert target.rejected in said
    assert files(target) == before
    assert "maxconn 5" in read(target.rejected)
    edge.refuse = False
    assert apply.apply(TWO, target).action == "reload"
    assert not os.path.exists(target.rejected)


def test_a_reload_that_takes_longer_than_anybody_waits_is_not_known_yet_and_nothing_is_taken_back(
    target, edge, monkeypatch
):
    monkeypatch.setattr(apply, "_RELOAD_TIMEOUT", 0.3)
    monkeypatch.setattr(cli, "TIMEOUT", 0.2)
    edge.hang = "reload"
    with pytest.raises(ConfigurationError) as raised:
        apply.apply(TWO, target)
    said = str(raised.value)
    assert "it is not known yet" in said
    assert "Run again when the master answers" in said
    assert "nothing has changed" not in said
    assert "maxconn 5" in read(target.path)
    assert not os.path.exists(target.rejected)
    # It was taken after all: a further run finds it served.
    edge.hang = ()
    edge.load()
    assert apply.apply(TWO, target).action == "unchanged"
    assert edge.reloads == 0


def test_a_refused_reload_leaves_the_binary_that_serves(target, edge, tmp_path):
    newer = tmp_path / "newer"
    newer.write_text("#!/bin/sh\nexit 0\n")
    newer.chmod(0o755)
    edge.refuse = True
    before = files(target)
    with pytest.raises(ConfigurationError, match="refused the reload"):
        apply.apply(TWO, target._replace(binary=str(newer)))
    assert files(target) == before


def test_a_first_run_that_fails_leaves_nothing_behind(target, tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be written"):
        apply.apply(ONE, target._replace(link=str(tmp_path / "no such folder" / "haproxy")))
    assert not os.path.exists(target.path)


def test_a_refused_reload_leaves_the_script_that_serves(target, edge, tmp_path):
    script = tmp_path / "edge.lua"
    text = {"global": {"lua-load": str(script)}, "frontend": {"web": {"bind": "127.0.0.1:0"}}}
    first = dataclasses.replace(data.from_data(text), files=((str(script), "-- with what it uses\n"),))
    apply.apply(first, target)
    before = files(target)
    edge.refuse = True
    with pytest.raises(ConfigurationError, match="refused the reload"):
        apply.apply(dataclasses.replace(first, files=((str(script), "-- without\n"),)), target)
    assert script.read_text() == "-- with what it uses\n"
    assert files(target) == before


def test_after_a_refusal_what_serves_is_put_back_even_if_the_file_was_changed_by_hand(target, edge):
    apply.apply(ONE, target)
    edge.serving = ""
    apply.apply(ONE, target)  # now the last known good
    serving = read(target.path)
    with open(target.path, "a") as file:
        file.write("# by hand\n")
    edge.refuse = True
    with pytest.raises(ConfigurationError):
        apply.apply(TWO, target)
    assert read(target.path) == serving


def test_a_port_of_another_process_is_found_before_the_reload(target, edge):
    before = files(target)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = data.from_data({"frontend": {"web": {"bind": [f"127.0.0.1:{port}", "127.0.0.1:0"]}}})
        with pytest.raises(ConfigurationError, match=rf"haproxy_sections\.frontend\.web\.bind\[0\]: .* port {port}"):
            apply.apply(taken, target)
    assert (files(target), edge.reloads) == (before, 0)


def test_an_address_of_another_host_is_found_before_the_reload(target, edge):
    foreign = data.from_data({"frontend": {"web": {"bind": "192.0.2.1:80"}}})
    with pytest.raises(
        ConfigurationError, match=r"haproxy_sections\.frontend\.web\.bind: this host has no address 192"
    ):
        apply.apply(foreign, target)
    assert edge.reloads == 0


def test_a_port_that_the_edge_has_already_is_no_obstacle(target, edge):
    with socket.create_server(("127.0.0.1", 0)) as own:
        bind = {"bind": f"127.0.0.1:{own.getsockname()[1]}"}
        with open(target.path, "a") as file:
            file.write(f"frontend other\n    bind {bind['bind']}\n")
        assert apply.apply(data.from_data({"frontend": {"web": bind}}), target).action == "reload"


def test_a_full_disk_changes_nothing(target, edge, monkeypatch):
    before = files(target)

    replace = os.replace

    def full(source, destination):
        if destination == target.path:
            raise OSError(28, "No space left on device")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        apply.apply(TWO, target)
    assert (files(target), edge.reloads) == (before, 0)
    assert not [name for name in os.listdir(target.state) if name.startswith(".haproxy")]


def test_two_runs_take_turns(target, edge):
    def run():
        with disk.exclusive_lock(target.path):
            apply.apply(TWO, target)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert edge.reloads == 1


def test_a_record_changes_together_with_the_configuration(target, edge, tmp_path):
    path = tmp_path / "fragments.d" / "shop.json"
    apply.apply(TWO, target, apply.ApplyOptions(check_mode=True), records=((str(path), "{}\n"),))
    assert not path.exists()
    edge.refuse = True
    with pytest.raises(ConfigurationError, match="refused the reload"):
        apply.apply(TWO, target, records=((str(path), "{}\n"),))
    assert not path.exists()
    edge.refuse = False
    apply.apply(TWO, target, records=((str(path), "{}\n"),))
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("{}\n", 0o600)
    edge.refuse = True
    with pytest.raises(ConfigurationError, match="refused the reload"):
        apply.apply(ONE, target, records=((str(path), ""),))
    assert path.read_text() == "{}\n"


def test_a_record_that_changes_nothing_for_haproxy_is_written_without_a_reload(target, edge, tmp_path):
    path = tmp_path / "fragments.d" / "shop.json"
    outcome = apply.apply(ONE, target, records=((str(path), "{}\n"),))
    assert (outcome.action, edge.reloads, path.read_text()) == ("unchanged", 0, "{}\n")
    assert outcome.reasons == [f"{path} is recorded; it changes nothing for HAProxy"]
    assert apply.apply(ONE, target, records=((str(path), "{}\n"),)).reasons == []
    assert apply.apply(ONE, target, records=((str(path), ""),)).reasons
    assert not path.exists()


def test_a_file_that_says_the_same_in_other_words_is_adopted_as_it_is(target, tmp_path):
    written = "# by hand\nfrontend web\n\tbind   127.0.0.1:0\nglobal\n\tmaxconn 100 # enough\n"
    with open(target.path, "w") as file:
        file.write(written)
    os.symlink(target.binary, target.link)
    record = ((str(tmp_path / "fragments.d" / "edge.json"), "{}\n"),)
    outcome = apply.apply(ONE, target, records=record)
    assert (outcome.action, read(target.path)) == ("unchanged", written)
    assert apply.apply(ONE, target, records=record).reasons == []
    os.unlink(target.link)
    assert apply.apply(ONE, target, records=record).action == "start"
    assert os.readlink(target.link) == target.binary


def test_a_file_that_says_something_else_is_not_adopted(target):
    with open(target.path, "w") as file:
        file.write("frontend web\n bind 127.0.0.1:1\n")
    os.symlink(target.binary, target.link)
    assert apply.apply(ONE, target).action == "start"


def test_a_file_that_nobody_can_read_is_replaced(target, edge):
    with open(target.path, "w") as file:
        file.write("global\n log 'never closed\n")
    assert apply.apply(ONE, target).action == "reload"
    assert "never closed" not in read(target.path)


def test_a_haproxy_that_has_lost_its_socket_is_told_and_not_taken_for_none(target, monkeypatch):
    apply.apply(ONE, target)
    monkeypatch.setattr(worker, "_START", 0.0)
    lost = [sys.executable, "-c", "input()", "-Ws", "-f", target.path, "-S", f"{target.master},mode,600"]
    with subprocess.Popen(lost, stdin=subprocess.PIPE) as process:
        while not read(f"/proc/{process.pid}/cmdline"):
            time.sleep(0.01)  # it has begun, but has no arguments yet
        for configuration in (ONE, TWO):
            with pytest.raises(
                ConfigurationError, match=rf"process {process.pid}.*{target.master} does not answer.*restart"
            ):
                apply.apply(configuration, target)
        outcome = apply.apply(ONE, target, apply.ApplyOptions(restart=True))
        assert (outcome.action, len(outcome.reasons)) == ("start", 1)
        process.communicate(b"\n")
    assert apply.apply(ONE, target).action == "unchanged"


LISTEN = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def process_that_listens(*arguments):
    """A process with these arguments that listens at a port of 127.0.0.1: that port."""
    command = [sys.executable, "-c", LISTEN, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.mark.parametrize("foreign", [False, True])
def test_only_the_process_that_a_restart_ends_may_hold_a_port_of_ours(target, monkeypatch, foreign):
    """The file before has the port either way."""
    monkeypatch.setattr(worker, "_START", 0.0)
    arguments = [] if foreign else ["-Ws", "-f", target.path, "-S", f"{target.master},mode,600"]
    with process_that_listens(*arguments) as port:
        with open(target.path, "w") as file:
            file.write(f"frontend web\n    bind 127.0.0.1:{port}\n")
        wanted = data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:{port}", "maxconn": 5}}})
        expected = pytest.raises(ConfigurationError, match=rf"already listens on port {port} .*python")
        with expected if foreign else contextlib.nullcontext():
            assert apply.apply(wanted, target, apply.ApplyOptions(restart=True)).action == "start"


def test_more_connections_than_the_service_has_descriptors_for_are_refused_before_anything_is_written(target):
    many = data.from_data({"global": {"maxconn": 10001}, "frontend": {"web": {"bind": "127.0.0.1:0"}}})
    with pytest.raises(
        ConfigurationError,
        match=r"haproxy_sections.global.maxconn: 20029 file descriptors .* 10001 connections, 0 for checked servers, .* 20000 on this",
    ):
        apply.apply(many, target._replace(descriptors=20000))
    assert not os.path.exists(target.path)
    assert apply.apply(many, target).action == "start"


def listening(host, port=0):
    found = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    return found, found.getsockname()[1]


def test_an_address_of_ours_becomes_another_one_on_the_same_port():
    ours, port = listening("127.0.0.1")
    serving, wanted = (data.from_data({"frontend": {"web": {"bind": f"{host}:{port}"}}}) for host in ("127.0.0.1", ""))
    with ours:
        assert preflight.impossible_binds(wanted, serving) == []
        assert len(preflight.impossible_binds(wanted, data.from_data({}))) == 1
        theirs, _port = listening("127.0.0.2", port)
        with theirs:
            (problem,) = preflight.impossible_binds(wanted, serving)
    name = preflight.process_name(os.getpid())
    assert problem == (
        f"haproxy_sections.frontend.web.bind: another process already listens on port {port} (any address): {name} "
        f"(process {os.getpid()})"
    )


@pytest.mark.skipif(not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"), reason="a host without IPv6")
def test_an_edge_goes_from_ipv4_to_both():
    ours, port = listening("0.0.0.0")
    with ours:
        serving = data.from_data({"frontend": {"web": {"bind": f":{port}"}}})
        wanted = data.from_data({"frontend": {"web": {"bind": f"[::]:{port} v4v6"}}})
        assert preflight.impossible_binds(wanted, serving) == []
        assert len(preflight.impossible_binds(wanted, data.from_data({}))) == 1
