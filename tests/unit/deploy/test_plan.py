"""What can be done at run time is done at run time, read back, and done by a reload where it does not work."""

import base64
import dataclasses
import os
import re
import subprocess
import threading

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import ConfigurationError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, disk
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, closing, servers
from fake import FakeEdge, files, read

OPTIONS = "check inter 2s"


def configuration(*servers, **more):
    backend = {"balance": "roundrobin", "default-server": OPTIONS, "server": list(servers), **more}
    web = {"bind": "127.0.0.1:0", "default_backend": "chat"}
    return data.from_data({"frontend": {"web": web}, "backend": {"chat": backend}})


N1, N2, N3 = "n1 10.0.0.1:3000", "n2 10.0.0.2:3000", "n3 10.0.0.3:3000"
ONE = configuration(N1, N2)


@pytest.fixture
def edge(target, monkeypatch):
    """An edge that serves two servers."""
    monkeypatch.setattr(apply, "_RELOAD_TIMEOUT", 10.0)
    monkeypatch.setattr(servers, "_QUIET", 0.05)
    apply.apply(ONE, target)
    edge = FakeEdge(target)
    edge.load()
    yield edge
    edge.stop()


def change(target, wanted, **more):
    """Apply, and expect that a second run has nothing to do."""
    outcome = apply.apply(wanted, target, **more)
    assert apply.apply(wanted, target).action == "unchanged"
    return outcome


def test_a_server_is_added_with_its_defaults_and_its_checks(target, edge):
    sent = change(target, configuration(N1, N2, N3 + " weight 5"))
    assert (sent.action, edge.reloads) == ("runtime", 0)
    assert sent.steps[0].commands == (
        "add server chat/n3 10.0.0.3:3000 check inter 2s weight 5",
        "enable health chat/n3",
        "enable server chat/n3",
    )
    assert edge.servers["chat", "n3"]["admin"] == 0
    assert N3 in read(target.path) == read(target.good) or N3 in read(target.good)


def test_the_plan_is_the_same_in_check_mode_and_touches_nothing(target, edge):
    wanted = configuration("n1 10.0.0.9:3000 weight 7 maxconn 20 disabled")
    edge.sessions = {"n1": 5, "n2": 3}
    before = files(target)
    foreseen = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True))
    assert files(target) == before
    assert not [asked for asked in edge.asked if "set " in asked or "del " in asked]
    done = apply.apply(wanted, target)
    assert (foreseen.action, foreseen.steps, foreseen.reasons) == (done.action, done.steps, done.reasons)
    assert [(step.commands[0], step.sessions) for step in foreseen.steps] == [
        ("set server chat/n1 addr 10.0.0.9 port 3000", 5),
        ("set server chat/n1 weight 7", 5),
        ("set maxconn server chat/n1 20", 5),
        ("set server chat/n1 state maint", 5),
        ("set server chat/n2 weight 0", 3),
    ]


def test_a_removed_server_drains_and_goes_with_its_last_session(target, edge):
    edge.sessions = {"n2": 3}
    wanted = configuration(N1)
    outcome = apply.apply(wanted, target)
    assert (outcome.action, outcome.draining) == ("runtime", ("chat/n2",))
    assert (edge.servers["chat", "n2"]["weight"], edge.servers["chat", "n2"]["admin"]) == ("0", 0)
    assert "    # draining\n    server n2 10.0.0.2:3000 weight 0\n" in read(target.path) == read(target.good)
    again = apply.apply(wanted, target)
    assert (again.action, again.draining, edge.sessions) == ("unchanged", ("chat/n2",), {"n2": 3})
    edge.sessions = {}
    ended = apply.apply(wanted, target)
    assert (ended.action, ended.draining) == ("runtime", ())
    assert ended.reasons == ["server chat/n2 is removed when it has no sessions left"]
    assert ("chat", "n2") not in edge.servers
    assert "n2" not in read(target.path)
    assert (apply.apply(wanted, target).action, edge.reloads) == ("unchanged", 0)


def test_an_idle_server_goes_while_another_is_busy(target, edge):
    change(target, configuration(N1, N2, N3))
    edge.sessions = {"n2": 3}
    outcome = apply.apply(configuration(N1), target)
    assert (outcome.action, outcome.draining) == ("runtime", ("chat/n2",))
    assert sorted(edge.servers) == [("chat", "n1"), ("chat", "n2")]
    assert "n2" in read(target.path)
    assert "n3" not in read(target.path)


def test_a_reload_tells_who_leaves_and_keeps_who_has_sessions(target, edge):
    edge.sessions = {"n2": 3}
    wanted = configuration(N1, timeout={"server": "5s"})
    foreseen = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True))
    outcome = apply.apply(wanted, target)
    assert (foreseen.action, foreseen.draining) == (outcome.action, outcome.draining) == ("reload", ("chat/n2",))
    told = "server chat/n2 is removed: it gets no new clients, and stays until its last session ends (3 live sessions)"
    assert told in foreseen.reasons
    assert told in outcome.reasons
    assert edge.servers["chat", "n2"]["weight"] == "0"
    assert (apply.apply(wanted, target).action, edge.reloads) == ("unchanged", 1)


def test_a_drain_time_holds_across_a_reload(target, edge):
    edge.sessions = {"n2": 3}
    wanted = configuration(N1, timeout={"server": "5s"})
    outcome = apply.apply(wanted, target, apply.ApplyOptions(drain_time=0.3))
    assert (outcome.action, outcome.draining, edge.sessions) == ("reload", (), {})
    assert ("chat", "n2") not in edge.servers
    assert "n2" not in read(target.path) == outcome.after
    assert apply.apply(wanted, target).action == "unchanged"


def test_a_server_that_only_a_reload_removes_stays_as_long_as_it_has_sessions(target, edge):
    static = {"balance": "static-rr"}
    change(target, configuration(N1, N2, **static))
    edge.sessions = {"n2": 3}
    outcome = apply.apply(configuration(N1, **static), target)
    assert (outcome.action, outcome.draining, edge.servers["chat", "n2"]["weight"]) == ("reload", ("chat/n2",), "0")
    assert apply.apply(configuration(N1, **static), target).action == "unchanged"
    edge.sessions = {}
    assert change(target, configuration(N1, **static)).action == "reload"
    assert ("chat", "n2") not in edge.servers


def test_a_backend_that_goes_with_its_sessions_is_told(target, edge):
    edge.sessions = {"n1": 4}
    wanted = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0"}}})
    reasons = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True)).reasons
    assert "backend chat goes with all its servers: polling sessions end there (4 live sessions)" in reasons


def test_a_server_that_drains_keeps_its_options_when_the_defaults_change(target, edge):
    edge.sessions = {"n2": 3}
    backend = {"balance": "roundrobin", "default-server": "check ssl verify none", "server": N1}
    web = {"bind": "127.0.0.1:0", "default_backend": "chat"}
    outcome = apply.apply(data.from_data({"frontend": {"web": web}, "backend": {"chat": backend}}), target)
    assert (outcome.action, outcome.draining) == ("reload", ("chat/n2",))
    assert f"server n2 10.0.0.2:3000 no-check no-ssl {OPTIONS} maxconn 0 weight 0\n" in read(target.path)


def test_the_line_of_a_server_that_drains_is_explained_even_without_comments(target, edge):
    edge.sessions = {"n2": 3}
    apply.apply(dataclasses.replace(configuration(N1), comments=False), target)
    assert "    # draining\n    server n2 " in read(target.path)


def test_sessions_are_shut_down_only_after_the_time_that_is_given(target, edge):
    edge.sessions = {"n2": 3}
    outcome = apply.apply(configuration(N1), target, apply.ApplyOptions(drain_time=0.3))
    assert (outcome.action, outcome.draining, edge.sessions) == ("runtime", (), {})
    assert ("chat", "n2") not in edge.servers
    assert sum("shutdown session 0x" in question for question in edge.asked) == 3
    assert not any("shutdown sessions" in question for question in edge.asked)


def test_a_server_that_comes_back_while_it_drains_goes_on(target, edge):
    edge.sessions = {"n2": 3}
    apply.apply(configuration(N1), target)
    outcome = change(target, ONE)
    assert (outcome.action, edge.reloads) == ("runtime", 0)
    assert outcome.reasons == ["server chat/n2 gets weight 1 (3 live sessions)"]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (configuration(N1, N2 + " backup"), "backend chat: server n2: its options"),
        (
            configuration(N1, N2, timeout={"server": "5s"}),
            "backend chat: `timeout server` is new or changed (haproxy_sec",
        ),
        (configuration(N1, N2, "n3 node.example:3000"), "backend chat: `server n3` is new"),
        (configuration(N1, N2, balance="static-rr"), "backend chat: `balance` is new or changed"),
        (configuration(N1, N2, **{"use-server": "n1 if TRUE"}), "backend chat: `use-server` is new"),
    ],
)
def test_a_reload_has_its_reason(target, edge, wanted, reason):
    foreseen = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True))
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads, foreseen.reasons) == ("reload", 1, outcome.reasons)
    assert any(said.startswith(reason) for said in outcome.reasons), outcome.reasons
    assert (outcome.connections, outcome.steps) == (42, ())


def test_a_backend_that_takes_no_servers_at_run_time_is_reloaded(target, edge):
    change(target, configuration(N1, N2, balance="source"))
    outcome = change(target, configuration(N1, N2, N3, balance="source"))
    assert outcome.reasons == ["backend chat: server n3 is new, and `balance source` needs a reload to change servers"]
    consistent = {"balance": "source", "hash-type": "consistent"}
    change(target, configuration(N1, N2, **consistent))
    assert change(target, configuration(N1, N2, N3, **consistent)).action == "runtime"


def test_what_an_older_haproxy_does_not_take_at_run_time_is_foreseen(target, edge):
    wanted = configuration(N1, N2, N3 + " cookie n3")
    assert apply.apply(wanted, target, apply.ApplyOptions(check_mode=True)).action == "runtime"
    edge.version = "2.6.12-1+deb12u4"
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "needs a reload to add one with `cookie`" in outcome.reasons[0]


def test_a_reason_never_tells_a_value(target, edge):
    wanted = data.from_data({"userlist": {"u": {"user": "admin insecure-password hunter2"}}})
    both = type(ONE)((*ONE.sections, *wanted.sections))
    change(target, both)
    changed = data.from_data({"userlist": {"u": {"user": "admin insecure-password hunter3"}}})
    reasons = change(target, type(ONE)((*ONE.sections, *changed.sections))).reasons
    assert "hunter" not in str(reasons)


@pytest.mark.parametrize("words", ["no-check", "no-check check no-check", "no-backup", '"check" no-check'])
def test_an_option_and_its_opposite_are_neither(target, edge, words):
    # The worker is asked for no check that the file takes back.
    change(target, configuration(N1, f"{N2} {words}"))
    edge.servers["chat", "n2"]["checks"] = 6 if "no-check" not in words else 2
    outcome = apply.apply(configuration(N1, f"{N2} {words}"), target)
    assert (outcome.action, outcome.reasons) == ("unchanged", [])


def layered(*servers):
    text = """
        defaults upper
            mode http
            default-server check maxconn 7
        defaults base from upper
            timeout client 5s
        frontend web from base
            bind 127.0.0.1:0
            default_backend chat
        backend chat from base
            balance roundrobin
    """
    return parse(text + "".join(f"            server {server}\n" for server in servers))


def test_options_are_inherited_from_the_defaults_of_the_defaults(target, edge):
    apply.apply(layered(N1), target)
    # The stand-in does not know default-server.
    edge.servers["chat", "n1"]["maxconn"] = "7"
    outcome = apply.apply(layered(N1), target)
    assert (outcome.action, outcome.reasons) == ("unchanged", [])
    added = change(target, layered(N1, N2))
    assert added.steps[0].commands[:2] == ("add server chat/n2 10.0.0.2:3000 check maxconn 7", "enable health chat/n2")


def test_words_reach_the_runtime_api_as_haproxy_reads_them(target, edge):
    words = """alpn "h2,http/1.1" cookie 'a b;c' """
    added = change(target, configuration(N1, N2, N3 + " " + words))
    assert added.steps[0].commands[0].endswith("check inter 2s alpn h2,http/1.1 cookie a\\ b\\;c")
    assert change(target, configuration(N1, N2, N3 + " alpn h2,http/1.1 cookie a\\ b;c")).reasons == [
        "only the file differs: in comments, or in values that the worker has already"
    ]
    assert change(target, configuration(N1, N2, N3, 'n4 10.0.0.4:3000 cookie "${NAME}"')).action == "reload"


@pytest.mark.parametrize(
    ("balance", "before", "after", "reason"),
    [
        ("first", (N1, N2), (N2, N1), "`balance first` goes by the order of the servers"),
        ("first", (N1, N2), (N3, N1, N2), "`balance first` goes by the order of the servers"),
        ("source", (N1, N2), (N2, N3), "`balance source` chooses by the number of a server"),
        ("roundrobin", (N1 + " backup", N2 + " backup"), (N2 + " backup", N1 + " backup"), "the order of its `backup`"),
        ("roundrobin", (N1, N2 + " backup"), (N1, N3 + " backup", N2 + " backup"), "the order of its `backup`"),
    ],
)
def test_the_order_of_servers_counts_where_haproxy_goes_by_it(target, edge, balance, before, after, reason):
    more = {"balance": balance, "hash-type": "consistent"}
    change(target, configuration(*before, **more))
    foreseen = apply.apply(configuration(*after, **more), target, apply.ApplyOptions(check_mode=True))
    assert foreseen.action == "reload"
    assert any(reason in told for told in foreseen.reasons), foreseen.reasons
    assert change(target, configuration(*after, **more)).action == "reload"


@pytest.mark.parametrize(
    ("balance", "before", "after"),
    [
        ("roundrobin", (N1, N2), (N2, N1)),
        ("first", (N1, N2), (N1, N2, N3)),
        ("source", (N1, N2, N3), (N1, N2)),
        ("source", (N1 + " id 7", N2 + " id 8"), (N2 + " id 8", N3 + " id 9")),
    ],
)
def test_the_order_of_servers_needs_no_reload_where_it_does_not_count(target, edge, balance, before, after):
    more = {"balance": balance, "hash-type": "consistent"}
    change(target, configuration(*before, **more))
    edge.reloads = 0
    assert (change(target, configuration(*after, **more)).action, edge.reloads) == ("runtime", 0)


def test_a_server_that_was_disabled_in_the_file_is_enabled_without_a_reload(target, edge):
    change(target, configuration(N1, N2 + " disabled", timeout={"server": "5s"}))
    assert edge.servers["chat", "n2"]["admin"] == 5
    edge.reloads = 0
    outcome = change(target, configuration(N1, N2, timeout={"server": "5s"}))
    assert (outcome.action, edge.reloads, edge.servers["chat", "n2"]["admin"]) == ("runtime", 0, 4)


def test_another_default_certificate_needs_a_reload(target, edge, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    for name in ("b", "c"):
        (folder / f"{name}.pem").write_text(pem(name))
    wanted = data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:0 ssl crt {folder}"}}})
    change(target, wanted)
    (folder / "a.pem").write_text(pem("a"))
    assert any("is the default certificate now" in reason for reason in change(target, wanted).reasons)
    (folder / "a.pem").unlink()
    assert change(target, wanted).action == "reload"
    (folder / "c.pem").unlink()
    assert change(target, wanted).action == "runtime"


def test_certificates_that_share_a_name_keep_their_order(target, edge, secure):
    wanted, folder = secure
    (folder / "other.pem").write_text(pem("other"))
    assert change(target, wanted).action == "runtime"
    (folder / "zz.pem").write_text(pem("one"))
    outcome = change(target, wanted)
    assert outcome.action == "reload"
    assert f"{folder}/zz.pem has changed and shares a name with {folder}/site.pem" in outcome.reasons[0]


@pytest.mark.parametrize(
    "what", ["set server chat/n1 weight 9", "set server chat/n1 state drain", "del server chat/n2"]
)
def test_a_worker_that_was_changed_by_somebody_else_is_put_right(target, edge, what):
    if what.startswith("del"):
        edge.worker("set server chat/n2 state maint", "")
    edge.worker(what, "")
    outcome = change(target, ONE)
    assert (outcome.action, edge.reloads) == ("runtime", 0)
    assert edge.servers["chat", "n1"]["weight"] == "1"


def test_a_refused_step_is_done_by_a_reload_and_said_so(target, edge):
    edge.refuse_commands, edge.old_workers, before = "add server", 4, edge.serving
    outcome = change(target, configuration(N1, N2, N3), options=apply.ApplyOptions(max_old_workers=5))
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "4 old workers still serve" in outcome.warnings[0]
    # Of another load, or the worker of before would pass for the new one.
    assert edge.serving.partition("-")[0] != before.partition("-")[0]
    assert "Not allowed at this moment" in outcome.reasons[-1]
    assert ("chat", "n3") in edge.servers


def test_a_step_that_did_not_happen_is_noticed_by_reading_back(target, edge):
    edge.ignore_commands = "set server chat/n1 weight"
    outcome = apply.apply(configuration(N1 + " weight 9", N2), target)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "after the commands the worker still lacks: server chat/n1 gets weight 9" in outcome.reasons[-1]


def test_when_step_and_reload_are_refused_everything_is_as_before(target, edge):
    before = files(target)
    edge.refuse_commands, edge.refuse = "add server", True
    with pytest.raises(ConfigurationError, match="refused the reload"):
        apply.apply(configuration(N1 + " weight 9", N2, N3), target)
    assert files(target) == before
    assert edge.servers["chat", "n1"]["weight"] == "1"
    edge.refuse_commands, edge.refuse = (), False
    assert apply.apply(ONE, target).action == "unchanged"


def test_what_was_interrupted_between_file_and_worker_is_finished(target, edge, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    wanted = configuration(N1 + " weight 9", N2, N3)
    with monkeypatch.context() as patch:
        patch.setattr(apply, "carry_out", killed)
        with pytest.raises(KeyboardInterrupt):
            apply.apply(wanted, target)
    assert N3 in read(target.path)
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("runtime", 0)
    assert len(outcome.steps) == 2


def test_a_server_whose_addition_was_interrupted_gets_its_health_checks(target, edge):
    edge.refuse_commands, edge.refuse = "enable", True
    with pytest.raises(ConfigurationError):
        apply.apply(configuration(N1, N2, N3), target)
    edge.refuse_commands, edge.refuse = (), False
    edge.worker("add server chat/n3 10.0.0.3:3000 check inter 2s", "")
    disk.write_file(
        target.path, apply.apply(configuration(N1, N2, N3), target, apply.ApplyOptions(check_mode=True)).after, -1
    )
    change(target, configuration(N1, N2, N3))
    assert edge.servers["chat", "n3"]["checks"] == 6


def test_what_was_interrupted_before_the_reload_is_reloaded(target, edge, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    wanted = configuration(N1 + " backup", N2)
    with monkeypatch.context() as patch:
        patch.setattr(apply, "_reload_and_wait", killed)
        with pytest.raises(KeyboardInterrupt):
            apply.apply(wanted, target)
    outcome = change(target, wanted)
    assert outcome.reasons == ["the file is right, but the serving worker has loaded another configuration"]
    assert edge.reloads == 1


def test_a_file_changed_by_hand_is_kept_shown_and_replaced(target, edge):
    with open(target.path, "a") as file:
        file.write("# mine\nfrontend mine\n    bind :99\n")
    mine = read(target.path)
    outcome = change(target, ONE)
    assert (outcome.action, edge.reloads, outcome.before) == ("reload", 1, mine)
    assert "changed by hand" in outcome.reasons[0]
    assert "frontend mine is gone" in outcome.reasons
    assert read(target.by_hand) == mine
    assert "mine" not in read(target.path)


def test_a_process_that_was_started_with_another_file_is_reloaded(target, edge):
    edge.serving = ""
    assert change(target, ONE).action == "reload"


def pem(name):
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout - -out - -subj".split()
    )
    return subprocess.run([*command, f"/CN={name}"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def secure(target, edge, tmp_path):
    """A configuration with a folder of certificates, and that folder."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "site.pem").write_text(pem("one"))
    wanted = data.from_data({"frontend": {"web": {"bind": f"127.0.0.1:0 ssl crt {folder}/site.pem crt {folder}"}}})
    change(target, wanted)
    edge.reloads = 0
    return wanted, folder


def test_certificates_are_replaced_added_and_removed_at_run_time(target, edge, secure):
    wanted, folder = secure
    (folder / "site.pem").write_text(pem("two"))
    (folder / "more.pem").write_text(pem("more"))
    foreseen = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True))
    assert "PRIVATE" not in str([(step.what, step.commands) for step in foreseen.steps])
    outcome = change(target, wanted)
    assert [step.what for step in outcome.steps] == [
        f"certificate {folder}/site.pem is replaced",
        f"certificate {folder}/more.pem is added",
    ]
    (folder / "more.pem").unlink()
    assert change(target, wanted).reasons == [f"certificate {folder}/more.pem is removed"]
    assert edge.reloads == 0


def test_another_chain_of_the_same_length_is_noticed(target, edge, secure):
    """HAProxy tells of a chain how long it is, and whose: a renewed authority in it has the same name."""
    wanted, folder = secure
    site, (one, two) = folder / "site.pem", (CHAIN.findall(pem(name))[0] + "\n" for name in ("authority", "authority"))
    own = site.read_text()
    site.write_text(own + one)
    assert change(target, wanted).reasons == [f"certificate {site} is replaced"]
    site.write_text(own + two)
    assert change(target, wanted).reasons == [f"certificate {site} is replaced"]
    # Nor is it forgotten with the worker: the next one has read it by itself.
    change(target, data.from_data({"frontend": {"more": {"bind": "127.0.0.1:0"}}}))
    change(target, wanted)
    site.write_text(own + one)
    assert change(target, wanted).reasons == [f"certificate {site} is replaced"]


CHAIN = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def ticket_keys(path):
    path.write_text("".join(f"{base64.b64encode(os.urandom(80)).decode()}\n" for _ in range(3)))
    path.chmod(0o640)
    return path.read_text()


@pytest.fixture
def mutual(target, edge, tmp_path):
    """A configuration whose crt-list asks clients for a certificate, and the folder of its files."""
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/chat.pem").write_text(pem("chat"))
    (tmp_path / "ca.pem").write_text("".join(CHAIN.findall(pem("staff"))))
    ticket_keys(tmp_path / "tickets")
    listed = f"{tmp_path}/certificates/chat.pem [ca-file {tmp_path}/ca.pem verify required] chat.test\n"
    bind = f"127.0.0.1:0 ssl crt-list {tmp_path}/list crt {tmp_path}/certificates tls-ticket-keys {tmp_path}/tickets"
    web = {"bind": bind, "use_backend": "x if { path /x }"}
    wanted = data.from_data({"frontend": {"web": web}, "backend": {"x": {"server": N1}}})
    wanted = dataclasses.replace(wanted, files=((f"{tmp_path}/list", listed),))
    change(target, wanted)
    edge.reloads = 0
    edge.asked.clear()
    return wanted, tmp_path


def test_an_authority_is_replaced_and_who_it_vouched_for_does_not_resume(target, edge, mutual):
    wanted, folder = mutual
    keys, path = (folder / "tickets").read_text(), folder / "ca.pem"
    path.write_text("".join(CHAIN.findall(pem("others"))))
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("runtime", 0)
    assert outcome.reasons[0] == f"CA file {path} is replaced"
    assert outcome.steps[0].commands == (
        f"del ssl crt-list {folder}/certificates {folder}/certificates/chat.pem",
        f"set ssl ca-file {path} <<",
        f"commit ssl ca-file {path}",
    )
    done = [question for question in edge.asked if " ssl " in question and "show" not in question]
    assert done.index(f"@!7 {outcome.steps[0].commands[0]}") < done.index(f"@!7 commit ssl ca-file {path}")
    # None of the old keys is left, in the file or in the worker.
    fresh = (folder / "tickets").read_text().split()
    assert not {*fresh} & {*keys.split()}
    assert [question.split()[-1] for question in done if "tls-key" in question] == fresh
    assert (folder / "tickets").stat().st_mode & 0o777 == 0o640


def test_an_authority_that_is_added_leaves_sessions_alone(target, edge, mutual):
    wanted, folder = mutual
    keys, path = (folder / "tickets").read_text(), folder / "ca.pem"
    path.write_text(path.read_text() + "\n" + "".join(CHAIN.findall(pem("others"))))
    assert change(target, wanted).reasons == [f"CA file {path} is replaced"]
    assert (folder / "tickets").read_text() == keys


def test_where_an_authority_goes_with_a_reload_nobody_resumes_either(target, edge, mutual):
    wanted, folder = mutual
    keys = (folder / "tickets").read_text()
    (folder / "ca.pem").write_text("".join(CHAIN.findall(pem("others"))))
    more = data.from_data({"frontend": {"more": {"bind": "127.0.0.1:0"}}})
    outcome = change(target, dataclasses.replace(wanted, sections=(*wanted.sections, *more.sections)))
    assert (outcome.action, edge.reloads, outcome.warnings) == ("reload", 1, [])
    assert not {*(folder / "tickets").read_text().split()} & {*keys.split()}


def test_an_authority_too_large_for_an_old_haproxy_is_a_reload_that_says_so(target, edge, mutual):
    wanted, folder = mutual
    large = "\n".join(block for _ in range(30) for block in CHAIN.findall(pem("large")))
    (folder / "ca.pem").write_text(large)
    foreseen = apply.apply(wanted, target, apply.ApplyOptions(check_mode=True))
    assert (foreseen.action, foreseen.warnings) == ("runtime", [])
    edge.version = "2.6.12-1"
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "this HAProxy version needs a reload for one of its size" in outcome.reasons[0]


def test_a_folder_that_another_bind_takes_too_keeps_its_certificate(target, edge, mutual):
    wanted, folder = mutual
    other = data.from_data({"frontend": {"other": {"bind": f"127.0.0.1:0 ssl crt {folder}/certificates"}}})
    wanted = dataclasses.replace(wanted, sections=(*wanted.sections, *other.sections))
    change(target, wanted)
    (folder / "ca.pem").write_text("".join(CHAIN.findall(pem("others"))))
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("reload", 2)
    assert "ca.pem" in outcome.reasons[0]


def test_revocations_are_given_anew_where_their_file_has_changed(target, edge, tmp_path):
    (tmp_path / "ca.pem").write_text("".join(CHAIN.findall(pem("staff"))))
    path = tmp_path / "crl.pem"

    def revoke(number):
        body = base64.b64encode(f"revoked: {number}".encode()).decode()
        path.write_text(f"-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n")

    revoke(1)
    (tmp_path / "site.pem").write_text(pem("one"))
    bind = f"127.0.0.1:0 ssl crt {tmp_path}/site.pem ca-file {tmp_path}/ca.pem crl-file {path} verify required"
    wanted = data.from_data({"frontend": {"web": {"bind": bind}}})
    change(target, wanted)
    revoke(2)
    outcome = change(target, wanted)
    assert (outcome.action, outcome.reasons, edge.reloads) == (
        "runtime",
        [f"CRL {path} is replaced"],
        1,
    )
    # HAProxy has no way to add to one.
    revoke("3" * 12000)
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("reload", 2)
    assert f"CRL {path} has changed, and this HAProxy version needs a reload" in outcome.reasons[0]


def test_an_authority_with_other_things_in_its_file_is_loaded_by_a_reload(target, edge, mutual):
    wanted, folder = mutual
    other = pem("others")
    (folder / "ca.pem").write_text(f"{other}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("reload", 1)
    assert "has changed, and only a reload can load it" in outcome.reasons[0]


def test_an_authority_whose_file_has_a_key_too_is_given_without_it(target, edge, mutual):
    wanted, folder = mutual
    (folder / "ca.pem").write_text(pem("others"))
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads) == ("runtime", 0)
    assert "PRIVATE KEY" not in str(edge.asked) + str(outcome.steps)


def test_a_map_gets_its_entries_in_one_transaction(target, edge, tmp_path):
    table = tmp_path / "hosts.map"
    table.write_text("# hosts\na.example  one\n")
    wanted = data.from_data(
        {"frontend": {"web": {"bind": "127.0.0.1:0", "http-request": f"set-header X %[path,map({table})]"}}}
    )
    change(target, wanted)
    table.write_text("".join(f"host{number}.example value of {number}\n" for number in range(2000)))
    outcome = change(target, wanted)
    assert (outcome.action, edge.reloads, len(edge.patterns[str(table)])) == ("runtime", 1, 2000)
    assert max(map(len, edge.asked)) < 16384


def routed(target, *names, tables=()):
    """Services that a map of the configuration's own routes to, each with an affinity table where it is asked for."""
    path = f"{target.path}.map"
    written = {
        "frontend": {"web": {"bind": "127.0.0.1:0", "use_backend": f"%[base,map_beg({path})] if TRUE"}},
        "backend": {name: {"balance": "roundrobin", "server": f"{name}1 10.0.0.1:3000"} for name in names},
        "peers": {"affinity": {"bind": "127.0.0.1:0", "table": [f"{name} type string size 1k" for name in tables]}},
    }
    text = "".join(f"{name}.example/ {name}\n" for name in names)
    return dataclasses.replace(data.from_data(written), files=((path, text),))


def test_a_map_of_the_configurations_own_changes_at_run_time(target, edge):
    wanted = routed(target, "a", "b")
    assert change(target, wanted).action == "reload"
    path = f"{target.path}.map"
    more = dataclasses.replace(wanted, files=((path, read(path) + "www.a.example/ a\n"),))
    foreseen = apply.apply(more, target, apply.ApplyOptions(check_mode=True))
    assert (foreseen.action, "www" in read(path)) == ("runtime", False)
    outcome = change(target, more)
    assert (outcome.action, outcome.reasons, edge.reloads) == (
        "runtime",
        [f"map {path}: 1 more (www.a.example/), 0 less"],
        1,
    )
    assert "www.a.example/ a" in edge.patterns[path]
    assert "www" in read(path)


def test_a_map_edited_by_hand_is_as_it_was_after_the_next_run(target, edge):
    wanted = routed(target, "a", "b")
    change(target, wanted)
    path = f"{target.path}.map"
    with open(path, "a") as file:
        file.write("intruder.example/ b\n")
    assert change(target, wanted).action == "runtime"
    assert (read(path), edge.reloads) == (wanted.files[0][1], 1)


def test_a_service_less_needs_no_reload(target, edge):
    change(target, routed(target, "a", "b", tables=("a", "b")))
    edge.sessions = {"b1": 2}
    outcome = change(target, routed(target, "a", tables=("a",)))
    assert (outcome.action, edge.reloads, outcome.draining) == ("runtime", 1, ("b/b1",))
    assert not any("b" in entry.split() for entry in edge.patterns[f"{target.path}.map"])
    # Its sockets stay until they end.
    assert ("b", "b1") in edge.servers
    edge.sessions = {}
    apply.apply(routed(target, "a", tables=("a",)), target)
    assert ("b", "b1") not in edge.servers
    # And one more does.
    assert change(target, routed(target, "a", "b", tables=("a", "b"))).action == "reload"


def test_servers_that_are_idle_do_not_wait_for_those_that_are_busy(target, edge):
    edge.sessions = {"n2": 3}
    assert change(target, configuration(N3)).draining == ("chat/n2",)
    assert ("chat", "n1") not in edge.servers


def test_a_backend_whose_servers_cannot_go_needs_a_reload(target, edge):
    wanted = routed(target, "a", "b")
    last = dataclasses.replace(wanted.sections[2], directives=(wanted.sections[2].directives[1],))
    fixed = data.from_data({"backend": {"b": {"balance": "static-rr"}}}).sections[0].directives
    change(
        target,
        dataclasses.replace(
            wanted,
            sections=(
                *wanted.sections[:2],
                dataclasses.replace(last, directives=(*fixed, *last.directives)),
                *wanted.sections[3:],
            ),
        ),
    )
    assert "backend b is gone" in change(target, routed(target, "a")).reasons


def test_a_map_that_rules_change_is_compared_with_the_file_that_was_loaded(target, edge, tmp_path):
    table = tmp_path / "seen.map"
    table.write_text("a 1\n")
    rules = [f"set-map({table}) %[src] 1", f"set-header X %[path,map({table})]"]
    wanted = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0", "http-request": rules}}})
    change(target, wanted)
    edge.patterns[str(table)].append("b 2")
    assert apply.apply(wanted, target).action == "unchanged"
    table.write_text("a 2\n")
    assert change(target, wanted).action == "reload"


def test_too_many_old_workers_are_warned_of_and_then_refused(target, edge):
    wanted, options = configuration(N1, N2, timeout={"server": "5s"}), apply.ApplyOptions(max_old_workers=5)
    edge.old_workers = 4
    before = files(target)
    assert "4 old workers still serve" in apply.apply(wanted, target, options._replace(check_mode=True)).warnings[0]
    edge.old_workers = 5
    with pytest.raises(ConfigurationError, match=r"5 old workers still serve, the oldest for 4 h, with 3 connections"):
        apply.apply(wanted, target, options)
    assert (files(target), edge.reloads) == (before, 0)
    allowed = apply.apply(wanted, target, options._replace(drain_time=0.1))
    assert (allowed.action, edge.reloads) == ("reload", 1)


@pytest.mark.parametrize(("left", "words"), [(0, ""), (2, "; 2 of them do not end")])
def test_the_oldest_worker_is_emptied_at_the_rate_that_is_told(target, edge, monkeypatch, left, words):
    asked = []

    def drain(_master, _belongs, rate, _of, pids):
        asked.append((rate, pids, edge.reloads))
        return closing.Drained(5, left)

    monkeypatch.setattr(closing, "drain", drain)
    edge.old_workers = 5
    wanted = configuration(N1, N2, timeout={"server": "5s"})
    options = apply.ApplyOptions(max_old_workers=5, drain_time=1.0, drain_rate=7.5)
    told = "its sessions are closed, 7.5 a second at most, as haproxy_drain_time allows"
    assert apply.apply(wanted, target, options._replace(check_mode=True)).warnings[0].endswith(told)
    assert asked == []
    assert apply.apply(wanted, target, options).warnings[0].endswith(told + words)
    assert asked == [(7.5, [104], 0)]


def test_what_was_done_in_part_is_told_where_the_rest_is_refused(target, edge):
    edge.old_workers = 5
    edge.refuse_commands = ("add server",)
    with pytest.raises(ConfigurationError) as error:
        apply.apply(configuration(N1, N2, N3), target, options=apply.ApplyOptions(max_old_workers=5))
    assert error.value.problems[0].startswith("done in part without a reload; the rest needs one")
    assert "5 old workers still serve" in error.value.problems[1]
    assert edge.reloads == 0


def test_the_worker_that_serves_is_never_emptied(target, edge):
    edge.old_workers = 0
    wanted, options = (
        configuration(N1, N2, timeout={"server": "5s"}),
        apply.ApplyOptions(drain_time=0.1, max_old_workers=0),
    )
    outcome = apply.apply(wanted, target, options)
    assert (outcome.action, outcome.warnings) == ("reload", [])
    assert not any("show sess" in question for question in edge.asked)


def test_a_master_that_answers_garbage_changes_nothing(target, edge):
    edge.answer = lambda _question: "\x00\xff garbage"
    before = files(target)
    with pytest.raises(ConfigurationError, match="has no worker"):
        apply.apply(configuration(N1), target)
    assert files(target) == before


def test_the_socket_of_another_haproxy_is_left_alone(target, edge):
    edge.file = "/etc/other.cfg"
    before = files(target)
    with pytest.raises(ConfigurationError, match=r"runs /etc/other\.cfg, not .*haproxy\.cfg"):
        apply.apply(configuration(N1), target)
    assert (files(target), edge.reloads) == (before, 0)
    assert apply.apply(configuration(N1), target, apply.ApplyOptions(restart=True)).action == "start"


def test_a_worker_that_hangs_changes_nothing(target, edge, monkeypatch):
    monkeypatch.setattr(cli, "SOON", 0.2)
    edge.hang = "@!7 show"
    before = files(target)
    with pytest.raises(ConfigurationError, match=r"did not answer .* Nothing has changed"):
        apply.apply(configuration(N1), target)
    assert files(target) == before


def test_runs_at_the_same_time_take_turns(target, edge):
    def run():
        with disk.exclusive_lock(target.path):
            outcomes.append(apply.apply(configuration(N1, N2, N3), target).action)

    outcomes = []
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["runtime", "unchanged", "unchanged", "unchanged"]


def test_a_full_disk_stops_a_change_before_the_worker_hears_of_it(target, edge, monkeypatch):
    before, replace = files(target), os.replace

    def full(source, destination):
        if destination == target.path:
            raise OSError(28, "No space left on device")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", full)
    record = os.path.join(target.state, "fragments.d", "edge.json")
    with pytest.raises(ConfigurationError, match="No space left on device"):
        apply.apply(configuration(N1, N2, N3), target, records=((record, "{}\n"),))
    assert files(target) == before
    assert not os.path.exists(record)
    assert ("chat", "n3") not in edge.servers
