"""One look says what has to be done and what stands in the way: it sees all that the modules would see, and changes nothing."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.promises import Promises
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy.kernel import Kernel
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import manage as fragments
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import compare
from ansible_collections.realtime.edge.plugins.modules import haproxy_compare

SECRET = "pass-the-salt"
HOST = {"installed": True, "user": True, "binary": "/nonexistent/haproxy", "file_descriptors": 4000, "files": {}}


@pytest.fixture
def edge(tmp_path, monkeypatch):
    """Compare with an edge in a folder, where no HAProxy runs; `said` is what the parts would return."""
    monkeypatch.setattr(haproxy_compare, "gather_host", lambda *_wanted: dict(HOST))
    options = {
        "certificate": {"directory": str(tmp_path / "certificates"), "group": "root"},
        "configuration": {"path": str(tmp_path / "haproxy.cfg"), "state_directory": str(tmp_path)},
    }

    monkeypatch.setattr(compare, "check_host", lambda _installation: [])

    def run(certificate=None, configuration=None, **more):
        arguments = {
            **more,
            "certificate": {**options["certificate"], **(certificate or {})},
            "configuration": {**options["configuration"], **(configuration or {})},
        }
        printed = io.StringIO()
        with patch_module_args(arguments), redirect_stdout(printed), pytest.raises(SystemExit):
            haproxy_compare.main()
        return json.loads(printed.getvalue()), printed.getvalue()

    return run


@pytest.fixture
def unchanged(monkeypatch):
    """Let both parts be as wanted; returns what the configuration was compared for."""
    requests = []

    def manage(request):
        requests.append(request)
        return {"changed": False, "action": "unchanged", "reasons": [], "draining": [], "warnings": ["soon"]}

    monkeypatch.setattr(fragments, "manage", manage)
    return requests


def test_what_is_as_wanted_is_returned_and_nothing_is_written(edge, unchanged, tmp_path, monkeypatch):
    warned = []
    monkeypatch.setattr(haproxy_compare.Module, "warn", lambda _module, text: warned.append(text))
    (tmp_path / "haproxy.cfg").write_text("global\n")
    (tmp_path / "last-known-good.cfg").write_text("global\n")
    before = sorted(tmp_path.iterdir())
    found, _ = edge()
    assert found["as_wanted"] is True
    assert found["certificates"]["certificates"] == []
    assert found["configuration"]["action"] == "unchanged"
    assert warned == ["soon"]
    assert unchanged[0].check_mode is True
    # What only the host knows is what the configuration is compared with.
    assert unchanged[0].parameters["binary"] == HOST["binary"]
    assert unchanged[0].parameters["file_descriptors"] == HOST["file_descriptors"]
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_good_text_and_servers_that_drain_are_something_to_do(edge, unchanged, tmp_path, monkeypatch):
    (tmp_path / "haproxy.cfg").write_text("global\n")
    found = edge()[0]
    assert (found["as_wanted"], found["configuration"]) == (False, None)
    (tmp_path / "last-known-good.cfg").write_text("global\n")
    assert edge()[0]["configuration"] is not None
    done = {"changed": False, "draining": ["chat/n1"]}
    monkeypatch.setattr(fragments, "manage", lambda _request: done)
    assert edge()[0]["configuration"] is None


def test_a_difference_leaves_both_to_their_modules(edge, unchanged, tmp_path):
    (tmp_path / "haproxy.cfg").write_text("global\n")
    (tmp_path / "last-known-good.cfg").write_text("global\n")
    found, _ = edge(certificate={"certificates": [{"name": "chat"}]})
    assert (found["certificates"], found["configuration"]) == (None, None)
    # The configuration is checked with what the other module will write.
    (path,) = unchanged[0].foreseen
    assert path == str(tmp_path / "certificates/chat.pem")
    assert "PRIVATE KEY" in unchanged[0].foreseen[path]


def test_what_the_kernel_lacks_is_something_to_do_where_asked_and_else_told(edge, tmp_path, monkeypatch):
    """By the promises of the configuration that is wanted; where nothing else is to be done, it is not told again."""
    warned, asked = [], []
    monkeypatch.setattr(haproxy_compare.Module, "warn", lambda _module, text: warned.append(text))
    result = {"changed": False, "draining": [], "promises": {"connections": 100_000, "node_connections": 9}}
    monkeypatch.setattr(fragments, "manage", lambda _request: dict(result))

    def compare_kernel(promises, wanted):
        asked.append(promises)
        settings = {"net.core.somaxconn": "30000"} if wanted else {}
        return Kernel([] if wanted else ["net.core.somaxconn"], not wanted, [], settings, wanted)

    monkeypatch.setattr(compare, "compare_kernel", compare_kernel)
    for name in ("haproxy.cfg", "last-known-good.cfg"):
        (tmp_path / name).write_text("global\n")
    found, _ = edge(kernel=True)
    assert (found["as_wanted"], found["kernel"]) == (False, {"net.core.somaxconn": "30000"})
    assert asked == [Promises(100_000, 9)]
    found, _ = edge()
    assert (found["as_wanted"], found["kernel"], warned) == (True, None, [])
    result["changed"] = True
    found, _ = edge()
    assert (found["kernel"], len(warned)) == (None, 1)
    assert "100,000 connections" in warned[0]


def test_check_mode_says_what_both_modules_would_do(edge, tmp_path):
    found, printed = edge({"certificates": [{"name": "chat"}]}, _ansible_check_mode=True)
    assert found["certificates"]["certificates"][0]["stand_in"] is True
    assert found["configuration"]["changed"] is True
    assert found["as_wanted"] is False
    assert "PRIVATE KEY" not in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["installed", "user"])
def test_without_a_binary_or_its_user_both_modules_start(edge, unchanged, monkeypatch, missing):
    monkeypatch.setattr(haproxy_compare, "gather_host", lambda *_wanted: {**HOST, missing: False})
    found, _ = edge()
    assert (found["certificates"], found["configuration"]) == (None, None)


def test_a_binary_without_our_users_checks_the_certificates_that_will_be_there(edge, unchanged, monkeypatch):
    """Debian's HAProxy, before the role."""
    monkeypatch.setattr(haproxy_compare, "gather_host", lambda *_wanted: {**HOST, "user": False})
    edge(certificate={"certificates": [{"name": "chat"}]})
    assert [Path(path).name for path in unchanged[0].foreseen] == ["chat.pem"]


@pytest.mark.parametrize(("certificate", "configuration"), [({"nonsense": SECRET}, {}), ({}, {"nonsense": SECRET})])
def test_options_that_a_module_refuses_are_left_to_it(edge, certificate, configuration):
    found, printed = edge(certificate, configuration)
    assert found["configuration"] is None
    assert SECRET not in printed


@pytest.mark.parametrize(
    ("certificate", "configuration", "problem"),
    [
        ({"certificates": [{"name": "chat", "key": SECRET}]}, {}, "haproxy_certificates[0]: certificate is missing"),
        ({"services": [{"name": "chat", "server": SECRET}]}, {}, "haproxy_services[0].server: "),
        ({}, {"services": [{"name": "chat", "server": SECRET}]}, "haproxy_services[0].server: "),
    ],
)
def test_all_problems_are_told_at_once_without_a_secret(edge, monkeypatch, certificate, configuration, problem):
    monkeypatch.setattr(compare, "check_host", lambda _installation: ["this host: no systemd"])
    found, printed = edge(certificate, configuration)
    assert found["failed"] is True
    assert found["msg"].startswith("Nothing was changed")
    assert found["problems"][0] == "this host: no systemd"
    assert problem in str(found["problems"])
    assert SECRET not in printed


@pytest.mark.parametrize("base_settings", [True, False])
def test_what_the_role_s_service_could_not_start_with_is_refused(edge, base_settings):
    sections = {"global": {"chroot": "/var/lib/haproxy"}, "defaults": {"mode": "http"}}
    found, _ = edge(configuration={"sections": sections, "base_settings": base_settings})
    (problem,) = found["problems"]
    assert problem.startswith("haproxy_sections.global.chroot: ")
