"""An edge goes from the package to a build, and back, under live sockets."""

from __future__ import annotations

import pytest
import yaml
from resources.edge import PROJECT

testinfra_hosts = ["ansible://package-edge12"]

RELEASE = yaml.safe_load((PROJECT / ".cache/release.yml").read_text())
BUILD = {"haproxy_install_method": "source", "haproxy_build_cache": str(PROJECT / ".cache/archives"), **RELEASE}
PACKAGE = "2.6.12"


def serving(edge):
    """The version of the worker that serves."""
    return dict(line.split(": ", 1) for line in edge.ask("show info").splitlines() if ": " in line)["Version"]


@pytest.fixture
def run(edge, play):
    """Run a playbook for this edge; at the end it has the package again, and no build."""
    only = ["--limit", edge.variables["inventory_hostname"]]
    yield lambda variables, playbook: play(variables, *only, playbook=playbook)
    done = play({}, *only)
    assert done.returncode == 0, done.stdout
    assert serving(edge).startswith(PACKAGE)
    edge.host.check_output("rm -rf /opt/haproxy /var/lib/haproxy/previous.json")


def test_from_the_package_to_a_build_and_back_no_socket_is_lost(edge, hold, run, wait_until):
    sockets, polling = hold(10, "websocket"), hold(10, "polling")
    assert serving(edge).startswith(PACKAGE)
    for playbook, variables, version in (("upgrade", BUILD, RELEASE["haproxy_version"]), ("rollback", {}, PACKAGE)):
        done = run(variables, playbook)
        assert done.returncode == 0, done.stdout
        assert serving(edge).startswith(version), playbook
        # Before HAProxy 3.0 the affinity table goes another way at a reload: what polls may have to begin anew.
        assert "so its tables are lost" in done.stdout
        wait_until("those that poll are there", lambda: polling.ping()["answered"] == 10)
    assert sockets.ping()["answered"] == 10
    assert not sockets.of("disconnect")


@pytest.fixture
def started_otherwise(edge):
    """A HAProxy that its service has started by the path of the package, as the role did before it had the symlink."""
    unit, folder = "/etc/systemd/system/haproxy.service", "/run/systemd/system/haproxy.service.d"
    other = "sed -n s,^ExecStart=/usr/local,ExecStart=/usr,p %s | sed '1i [Service]\\nExecStart=' >%s/path.conf"
    edge.host.check_output(f"mkdir -p %s && {other}", folder, unit, folder)
    edge.host.check_output("systemctl daemon-reload && systemctl restart haproxy")
    yield
    edge.host.check_output("rm -r %s && systemctl daemon-reload && systemctl restart haproxy", folder)


def test_a_build_that_a_reload_cannot_bring_is_refused_before_it_is_installed(edge, run, started_otherwise):
    worker = edge.worker()
    done = run(BUILD, "upgrade")
    assert done.returncode != 0
    assert "was started as /usr/sbin/haproxy: a reload executes that again" in done.stdout
    assert "haproxy_allow_restart: true" in done.stdout
    assert not edge.host.file("/opt/haproxy").exists
    assert (edge.worker(), serving(edge)[: len(PACKAGE)]) == (worker, PACKAGE)
