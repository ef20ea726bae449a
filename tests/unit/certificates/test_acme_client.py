"""What HAProxy's own ACME client has obtained is kept, never swapped back; what it cannot obtain is told."""

import datetime
import time

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.certificates import acme_client, pem
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Configuration
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import plan
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import certificates, cli, files
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.acme import Order

UTC = datetime.timezone.utc
NOW = datetime.datetime.now(UTC)
ORDER = Order("chat", ("chat.test",))
SAYS = "# certificate\tsection\tstate\texpiration\tin\tscheduled\tin\n{path}\tedge\t{state}\t-\t-\t2027-01-01T00:00:00Z\t-\n"


def made(age, days=90, names=("chat.test",), stand_in=False):
    """A bundle that is `age` days old; its text says what it is."""
    subject = f"O={pem.SELF_SIGNED_BY}" if stand_in else "CN=chat.test"
    begin = NOW - datetime.timedelta(days=age)
    text = f"{subject} {age} {days} {names}"
    own = pem.Certificate(subject, subject, names, begin, begin + datetime.timedelta(days=days), text)
    return pem.Bundle(text, (own,))


class Edge:
    """A worker with one certificate, and what the disk has."""

    def __init__(self, folder):
        self.path = str(folder / "chat.pem")
        self.live, self.state, self.version = None, "Scheduled", "3.4.7"
        self.asked, self.journal, self.refuses, self.renews, self.sessions = [], "", "", None, {}
        self.bundles, self.remembered = {}, []

    def read(self, path, listed):
        text = acme_client._certificate_text(path)
        return files.CertificateFile(text, 0, text, listed) if text else None

    def disk(self, bundle):
        with open(self.path, "w") as file:
            file.write(bundle.text)
        self.bundles[bundle.text] = bundle

    def serve(self, bundle):
        self.live = bundle
        self.bundles[bundle.text] = bundle

    def tell(self, _master, _pid, command):
        self.asked.append(command)
        if command == "acme status":
            if self.renews and self.state == "Running":
                self.serve(self.renews)
                self.state = "Scheduled"
            return SAYS.format(path=self.path, state=self.state)
        if command.startswith("acme renew"):
            self.state = "Running" if not self.refuses else self.state
            return self.refuses
        if command.startswith("show sess older"):
            return "\n".join(f"{key}: proto=?" for key in self.sessions)
        if command.startswith("show sess 0x"):
            return f"frontend={self.sessions[command.split()[-1]]} (id=1)"
        return ""


@pytest.fixture
def edge(monkeypatch, tmp_path):
    edge = Edge(tmp_path)
    monkeypatch.setattr(cli, "answers", lambda _master: True)
    monkeypatch.setattr(cli, "workers", lambda _master: [cli.Worker(7, False, 0, 9, edge.version)])
    monkeypatch.setattr(
        certificates, "read_certificate", lambda *_: edge.live and certificates.LoadedCertificate(edge.live.text, 0)
    )
    monkeypatch.setattr(certificates, "dump_certificate", lambda *_: edge.live.text)
    monkeypatch.setattr(cli, "tell", edge.tell)
    monkeypatch.setattr(files, "read_certificate_file", edge.read)
    monkeypatch.setattr(
        certificates, "remember", lambda _master, _pid, path, text: edge.remembered.append((path, text))
    )
    monkeypatch.setattr(acme_client, "_read_bundle", edge.bundles.get)
    monkeypatch.setattr(acme_client, "_PAUSE", 0)
    monkeypatch.setattr(acme_client.commands, "read_output", lambda *_, **__: edge.journal.format(edge.path))
    return edge


def read(edge):
    with open(edge.path) as file:
        return file.read()


@pytest.mark.parametrize(
    ("disk", "live", "kept"),
    [
        pytest.param(made(80), made(0), True, id="renewed in the process"),
        pytest.param(made(9, stand_in=True), made(10), True, id="the first one, after a stand-in"),
        pytest.param(made(0), made(80), False, id="somebody has put a newer one on the disk"),
        pytest.param(made(80), made(0, stand_in=True), False, id="a stand-in of the process"),
    ],
)
def test_the_disk_gets_what_the_process_is_ahead_with(edge, disk, live, kept):
    edge.disk(disk)
    edge.serve(live)
    assert list(acme_client.keep_renewed("master", None, [edge.path], check_mode=True)) == [edge.path] * kept
    assert read(edge) == disk.text
    assert list(acme_client.keep_renewed("master", None, [edge.path])) == [edge.path] * kept
    assert read(edge) == (live if kept else disk).text
    # The next run is not to take the file for one that has changed since.
    assert edge.remembered == [(edge.path, live.text)] * kept


def test_what_is_kept_is_for_root_and_the_group(edge):
    edge.disk(made(80))
    edge.serve(made(0))
    acme_client.keep_renewed("master", None, [edge.path])
    assert acme_client.Path(edge.path).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("ordered", [[], ["/etc/haproxy/certificates/other.pem"]])
def test_the_process_does_not_choose_where_root_writes(edge, ordered):
    # A taken process names any path in `acme status`: none was ordered there.
    edge.disk(made(80))
    edge.serve(made(0))
    assert acme_client.keep_renewed("master", None, ordered) == {}
    assert read(edge) == made(80).text
    assert obtain(edge, order=Order("other", ("other.test",))).names == []
    assert read(edge) == made(80).text


def test_an_older_haproxy_is_not_asked(edge):
    edge.version = "3.0.11"
    assert acme_client.keep_renewed("master", None, [edge.path]) == {}
    assert edge.asked == []


def test_a_plan_never_swaps_the_older_file_back():
    path = "/etc/haproxy/certificates/chat.pem"
    found = files.Files({path: files.CertificateFile("old", 0, "PEM", "")}, {}, (), ())
    there = plan.Observed(certificates={path: certificates.LoadedCertificate("new", 1)})
    assert plan.make_plan(Configuration(), Configuration(), found, there).steps
    there = there._replace(ahead=frozenset([path]))
    assert plan.make_plan(Configuration(), Configuration(), found, there) == plan.Plan()


def obtain(edge, wait=5, check_mode=False, order=ORDER):
    return acme_client.obtain([order], acme_client.Path(edge.path).parent, 30, "master", None, wait, check_mode)


@pytest.mark.parametrize(
    ("disk", "due"),
    [
        (made(1), False),
        (made(61), True),
        (made(59), False),
        (made(0, stand_in=True, days=365), True),
        (made(0, names=("other.test",)), True),
    ],
)
def test_due_is_what_ends_soon_or_stands_in_or_lacks_a_name(edge, disk, due):
    edge.disk(disk)
    edge.serve(disk)
    edge.renews = made(-1)
    assert obtain(edge, check_mode=True).names == ["chat"] * due
    assert f"acme renew {edge.path}" not in edge.asked
    assert obtain(edge).names == ["chat"] * due
    assert read(edge) == (edge.renews if due else disk).text


def test_in_check_mode_on_a_bare_edge_everything_is_due(edge, monkeypatch):
    monkeypatch.setattr(cli, "answers", lambda _master: False)
    assert obtain(edge, check_mode=True) == (["chat"], [])


def failing(edge, wait=0.2, **about):
    edge.disk(made(89))
    edge.serve(made(89))
    for name, value in about.items():
        setattr(edge, name, value)
    return obtain(edge, wait)


def test_haproxys_own_words_are_told(edge, monkeypatch):
    edge.journal = "acme: {0}: Starting update.\nacme: {0}: no such name. Aborting. (1/5)\nacme: /other.pem: mine\n"
    told = failing(edge, refuses="Can't find the certificate\n")
    assert [fault.error for fault in told.faults] == ["HAProxy refused to order it: Can't find the certificate"]
    edge.refuses = ""
    answer = edge.tell

    def gives_up(*asked):
        said = answer(*asked)
        edge.state = "Scheduled"
        return said

    monkeypatch.setattr(cli, "tell", gives_up)
    told = obtain(edge)
    assert [(fault.order, fault.error) for fault in told.faults] == [(ORDER, "no such name")]


def test_nobody_waits_for_the_long_pauses(edge):
    edge.journal = (
        "acme: {0}: invalid HTTP status code 503 when getting directory URL, retrying in 27s (3/5 retries)...\n"
    )
    began = time.monotonic()
    (fault,) = failing(edge, wait=60).faults
    assert time.monotonic() - began < 30
    assert fault.error.startswith("invalid HTTP status code 503 when getting directory URL")
    assert "if the CA does not answer" in fault.error
    assert "HAProxy still tries" in fault.error


def test_an_authority_that_says_nothing_is_told_and_its_connection_ended(edge):
    (fault,) = failing(edge, sessions={"0x1": "<ACME>", "0x2": "https"}).faults
    assert "does not answer" in fault.error
    assert "shutdown session 0x1" in edge.asked
    assert "shutdown session 0x2" not in edge.asked


def test_a_certificate_that_haproxy_does_not_see_to(edge):
    edge.disk(made(89))
    told = obtain(edge, order=Order("other", ("other.test",)))
    assert "run the role first" in told.faults[0].error
