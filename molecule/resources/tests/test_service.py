"""The service is hardened: no root, no open door, no key for anyone else."""

from __future__ import annotations

import json

import pytest

testinfra_hosts = ["ansible://edges"]


def test_runs_and_comes_back_after_a_boot(host):
    service = host.service("haproxy")
    assert service.is_running
    assert service.is_enabled


def test_neither_master_nor_worker_is_root(host):
    users = [process.user for process in host.process.filter(comm="haproxy")]
    assert len(users) >= 2
    assert set(users) == {"haproxy"}


@pytest.mark.parametrize(("name", "user", "group"), [("master", "root", "realtime-edge"), ("admin", *["haproxy"] * 2)])
def test_sockets_are_not_for_others(host, name, user, group):
    file = host.file(f"/run/haproxy/{name}.sock")
    assert file.is_socket
    assert (file.user, file.group, file.mode & 0o007) == (user, group, 0)


# What somebody can do who has taken a worker: here even without the sandbox of its unit.
TAKEN = """
import json, os, pathlib, socket
found = {"reached": [], "read": [], "written": []}
def works(what, name, act):
    try:
        act()
    except OSError:
        return
    found[what].append(name)
def connect(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
def everywhere(*folders):
    for folder in folders:
        for place, _folders, files in os.walk(folder):
            yield place, [os.path.join(place, file) for file in files]
for _place, files in everywhere("/run/haproxy", "/run/realtime-edge-agent"):
    for path in files:
        if pathlib.Path(path).is_socket():
            works("reached", path, lambda: connect(path))
works("reached", "/run/haproxy/master.sock", lambda: connect("/run/haproxy/master.sock"))
for place, files in everywhere("/etc", "/root", "/home", "/var", "/usr/local", "/opt", "/run/realtime-edge-agent"):
    works("written", place, lambda: os.close(os.open(place, os.O_TMPFILE | os.O_WRONLY)))
    for path in files:
        if os.path.isfile(path) and not os.path.islink(path):
            works("read", path, lambda: open(path, "rb").close())
            works("written", path, lambda: open(path, "ab").close())
for act in (os.unlink, lambda path: os.rename(path, path + "2"), lambda path: os.chmod(path, 0o666)):
    works("written", "/run/haproxy/master.sock", lambda: act("/run/haproxy/master.sock"))
print(json.dumps(found))
"""


def test_a_taken_worker_gets_nothing_that_it_does_not_have(edge, host):
    as_worker = "setpriv --reuid haproxy --regid haproxy --init-groups python3 -c %s"
    found = json.loads(host.check_output(as_worker, TAKEN))
    assert "/run/haproxy/master.sock" not in found["reached"]
    assert "/run/haproxy/admin.sock" in found["reached"]  # its own: the test would have seen the other one, too
    assert [path for path in found["written"] if not path.startswith("/var/tmp")] == []
    private = host.check_output("find /etc /root /home /var /opt -type f ! -perm -o=r").splitlines()
    readable = [path for path in private if path in found["read"]]
    assert "/etc/haproxy/haproxy.cfg" in readable
    assert [path for path in readable if not path.startswith(("/etc/haproxy/", "/var/lib/haproxy/"))] == []
    assert [path for path in readable if path.startswith("/etc/haproxy/fragments.d")] == []
    # Of keys there are those that it has in its memory.
    keys = host.check_output("grep -l 'PRIVATE KEY' " + " ".join(readable)).splitlines()
    assert keys
    assert set(keys) <= set(edge.ask("show ssl cert").splitlines())


def test_keys_are_for_root_and_the_group_of_the_service(host):
    folder = "/etc/haproxy/certificates"
    assert (host.file(folder).user, host.file(folder).group, host.file(folder).mode) == ("root", "haproxy", 0o750)
    keys = [host.file(path) for path in host.check_output("grep -l PRIVATE -r %s", folder).splitlines()]
    assert {(key.user, key.group, key.mode) for key in keys} == {("root", "haproxy", 0o640)}


def test_the_service_cannot_change_what_it_is_given(host):
    for path in ("/etc/haproxy", "/etc/haproxy/haproxy.cfg", "/etc/systemd/system/haproxy.service"):
        assert (host.file(path).user, host.file(path).mode & 0o022) == ("root", 0), path


def test_exposure_of_the_unit(host):
    # Tenths; Debian's own unit has 96.
    host.check_output("systemd-analyze security --no-pager --threshold=15 haproxy.service")


def test_haproxy_has_nothing_to_say_of_the_file(host):
    checked = host.run("haproxy -dW -c -f /etc/haproxy/haproxy.cfg")  # a warning is an error
    assert checked.rc == 0, checked.stderr


def test_statistics_are_private(edge):
    everywhere = [s for s in edge.host.socket.get_listening_sockets() if s in ("tcp://0.0.0.0:8404", "tcp://:::8404")]
    assert not everywhere
    for path in ("/metrics", "/;csv", "/stats", "/haproxy?stats"):
        assert "haproxy_" not in edge.get(path).text
        assert "svname" not in edge.get(path).text


def test_metrics_answer_on_the_private_bind(host):
    listening = host.socket.get_listening_sockets()
    private = next(s.removeprefix("tcp://") for s in listening if s.endswith(":8404"))
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())"
    assert "haproxy_backend_status{" in host.check_output("python3 -c %s http://%s/metrics", ask, private)
    assert 'realtime_edge_workers{state="serving"} 1' in host.check_output(
        "python3 -c %s http://%s/metrics/edge", ask, private
    )
    assert "chat_websocket,BACKEND" in host.check_output("python3 -c %s %s", ask, f"http://{private}/;csv")
