"""One look says what has to be done: it sees all that the modules would see, changes nothing, and leaves errors to them."""

import io
import json
from contextlib import redirect_stdout

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import manage as fragments
from ansible_collections.realtime.edge.plugins.modules import haproxy_compare

SECRET = "pass-the-salt"
HOST = {"installed": True, "user": True, "binary": "/nonexistent/haproxy", "file_descriptors": 4000, "unit": ""}


@pytest.fixture
def edge(tmp_path, monkeypatch):
    """Compare with an edge in a folder, where no HAProxy runs; `said` is what the parts would return."""
    monkeypatch.setattr(haproxy_compare, "gather_host", lambda *_wanted: dict(HOST))
    options = {
        "certificate": {"directory": str(tmp_path / "certificates"), "group": "root"},
        "configuration": {"path": str(tmp_path / "haproxy.cfg"), "state_directory": str(tmp_path)},
    }

    def run(certificate=None, configuration=None):
        arguments = {
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
    assert edge()[0]["configuration"] is None
    (tmp_path / "last-known-good.cfg").write_text("global\n")
    assert edge()[0]["configuration"] is not None
    done = {"changed": False, "draining": ["chat/n1"]}
    monkeypatch.setattr(fragments, "manage", lambda _request: done)
    assert edge()[0]["configuration"] is None


def test_a_difference_ends_the_look_before_what_depends_on_it(edge, unchanged):
    found, _ = edge(certificate={"certificates": [{"name": "chat"}]})
    assert (found["certificates"], found["configuration"], unchanged) == (None, None, [])


@pytest.mark.parametrize("missing", ["installed", "user"])
def test_without_a_binary_or_its_user_nothing_is_compared(edge, unchanged, monkeypatch, missing):
    monkeypatch.setattr(haproxy_compare, "gather_host", lambda *_wanted: {**HOST, missing: False})
    found, _ = edge()
    assert (found["certificates"], found["configuration"], unchanged) == (None, None, [])


@pytest.mark.parametrize(
    ("certificate", "configuration"),
    [
        ({"nonsense": SECRET}, {}),
        ({"certificates": [{"name": "chat", "key": SECRET}]}, {}),
        ({"services": [{"name": "chat", "server": SECRET}]}, {}),
        ({}, {"nonsense": SECRET}),
        ({}, {"services": [{"name": "chat", "server": SECRET}]}),
        ({}, {"sections": {"userlist": {"staff": {"user": f"admin insecure-password {SECRET}"}}}}),
    ],
)
def test_errors_and_secrets_are_left_to_the_module_whose_options_are_wrong(edge, certificate, configuration):
    found, printed = edge(certificate, configuration)
    assert found["configuration"] is None
    assert found.get("failed") is None
    assert SECRET not in printed
