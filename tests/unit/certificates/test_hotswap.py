"""The running process serves what is on disk; what it serves already is left alone, and no key is in what is said."""

import hashlib
import ssl

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import hotswap
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import certificates, cli

FOLDER = "/etc/haproxy/certificates"
LEAF = "-----BEGIN CERTIFICATE-----\nTEVBRg==\n-----END CERTIFICATE-----\n"
CHAIN = "-----BEGIN CERTIFICATE-----\nQ0hBSU4=\n-----END CERTIFICATE-----\n"
PEM = f"{LEAF}{CHAIN}-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n"
GIVEN, NEVER, LATER = (
    certificates.LoadedText(certificates.digest(PEM)),
    certificates.LoadedText("", 1),
    certificates.LoadedText("", 2**40),
)
SERVED = certificates.LoadedCertificate(hashlib.sha1(ssl.PEM_cert_to_DER_cert(LEAF)).hexdigest(), 1, GIVEN)
OTHER = certificates.LoadedCertificate("0" * 40, 1, GIVEN)


@pytest.fixture
def live(monkeypatch):
    """Path → what the worker serves; and what was done to it."""

    class Live(dict):
        def __init__(self):
            super().__init__()
            self.done, self.refuse = [], ""

    live = Live()

    def act(what):
        def action(_master, _pid, path, *_more):
            live.done.append((what, path))
            if live.refuse:
                raise cli.RuntimeFailure(live.refuse)

        return action

    monkeypatch.setattr(cli, "answers", lambda _master: True)
    monkeypatch.setattr(cli, "serving_worker", lambda _master: 7)
    monkeypatch.setattr(certificates, "read_certificate", lambda _master, _pid, path: live.get(path))
    for what in ("replace", "add", "remove"):
        monkeypatch.setattr(certificates, f"{what}_certificate", act(what))
    return live


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "chat.pem"
    file.write_text(PEM)
    return str(file)


@pytest.mark.parametrize(
    ("there", "done"),
    [
        (SERVED, []),
        (OTHER, ["replace"]),
        (SERVED._replace(chain=0), ["replace"]),
        # HAProxy tells of a chain only how long it is, and whose: what it was given, or has read since, decides.
        (SERVED._replace(loaded=certificates.LoadedText("0" * 16)), ["replace"]),
        (SERVED._replace(loaded=LATER), []),
        (SERVED._replace(loaded=NEVER), ["replace"]),
        (None, ["add"]),
    ],
)
def test_only_what_differs_is_changed(live, path, there, done):
    live[path] = there
    result = hotswap.swap_certificates("master", [path], [], FOLDER)
    assert [what for what, _path in live.done] == done
    assert (result.served, result.changed, result.warnings) == ({path}, [path] if done else [], [])


def test_check_mode_foresees_and_does_nothing(live, path):
    live[path] = OTHER
    live["/gone.pem"] = OTHER
    result = hotswap.swap_certificates("master", [path, "/not/yet.pem"], ["/gone.pem"], FOLDER, check_mode=True)
    assert (result.changed, live.done) == ([path, "/gone.pem"], [])


def test_what_was_removed_is_served_no_longer(live):
    live["/gone.pem"] = OTHER
    assert hotswap.swap_certificates("master", [], ["/gone.pem", "/never.pem"], FOLDER).changed == ["/gone.pem"]
    assert live.done == [("remove", "/gone.pem")]


def test_a_refusal_is_a_warning_in_one_line(live, path):
    live[path] = OTHER
    live.refuse = f"it did not like this:\n{PEM}"
    result = hotswap.swap_certificates("master", [path], [], FOLDER)
    assert result.served == set()
    assert result.warnings == [
        "the running HAProxy has its certificates only after its next reload: it did not like this:"
    ]


def test_without_a_haproxy_nothing_is_wrong(path):
    assert hotswap.swap_certificates("/nonexistent", [path], [], FOLDER) == (set(), [], [])
