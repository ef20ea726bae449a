"""What a host lacks for the connections of an edge is told with its numbers, is set where asked, and goes back."""

import os

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.promises import Promises
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import kernel
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import ConfigurationError

SMALL = {
    "net/core/somaxconn": "4096\n",
    "net/ipv4/ip_local_port_range": "32768\t60999\n",
    "fs/file-max": "9223372036854775807\n",
}
QUEUE, PORTS = "net.core.somaxconn", "net.ipv4.ip_local_port_range"
FEW, MANY = Promises(5_000, 2_500), Promises(100_000, 40_000)


@pytest.fixture
def host(tmp_path):
    """Make a host with the kernel's usual settings and 4 GB of memory."""
    for name, value in SMALL.items():
        path = tmp_path / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    (tmp_path / "proc/meminfo").write_text("MemTotal:        4000000 kB\nMemFree:  1 kB\n")
    return tmp_path


def file_of(host):
    path = host / "etc/sysctl.d/60-realtime-edge.conf"
    return path.read_text() if path.exists() else ""


def make_it_so(host, promises=MANY, asked=True):
    """Do what the role does; return what it did."""
    found = kernel.compare_kernel(promises, asked, host)
    return kernel.set_kernel(found.settings, False, host) if found.differs else None


def test_a_host_that_has_enough_is_left_alone(host):
    found = kernel.compare_kernel(FEW, True, host)
    assert found == kernel.Kernel([], False, [], {}, False)
    assert kernel.describe_lacks(found, FEW) == []


def test_what_is_missing_is_told_with_its_numbers(host):
    found = kernel.compare_kernel(MANY, False, host)
    (said,) = kernel.describe_lacks(found, MANY)
    assert "100,000 connections" in said
    assert "6.6 GB of memory, and it has 4.0 GB" in said
    assert f"{QUEUE} for 30,000, and it is 4096" in said
    assert f"{PORTS} for 40,000, and it is 32768 60999" in said
    assert "haproxy_kernel: true" in said
    assert not found.differs, "it was not asked for"


def test_what_will_be_set_is_no_warning_but_memory_is(host):
    (said,) = kernel.describe_lacks(kernel.compare_kernel(MANY, True, host), MANY)
    assert "memory" in said
    assert QUEUE not in said
    assert "haproxy_kernel" not in said


def test_what_is_set_and_is_not_enough_is_told_too(host):
    """One node may get more connections than the edge has ports."""
    promises = Promises(50_000, 60_000)
    make_it_so(host, promises)
    assert make_it_so(host, promises) is None
    (said,) = kernel.describe_lacks(kernel.compare_kernel(promises, True, host), promises)
    assert f"{PORTS} for 60,000, and it is 10000 65535" in said
    assert "`sources`" in said
    assert QUEUE not in said


def test_it_is_set_at_once_and_for_the_next_boot_and_then_nothing_is_to_do(host):
    changes, refused = make_it_so(host)
    assert not refused
    assert changes[0] == f"{QUEUE}: 4096 becomes 30000"
    assert kernel.read_kernel(QUEUE, host) == "30000"
    assert kernel.read_kernel(PORTS, host) == "10000 65535"
    assert f"# 4096\n{QUEUE} = 30000\n" in file_of(host)
    assert "file-max" not in file_of(host), "it was enough"
    assert make_it_so(host) is None


def test_check_mode_tells_and_writes_nothing(host):
    changes, _refused = kernel.set_kernel(kernel.compare_kernel(MANY, True, host).settings, True, host)
    assert len(changes) == 3
    assert not file_of(host)
    assert kernel.read_kernel(QUEUE, host) == "4096"


def test_a_boot_without_the_file_is_noticed(host):
    make_it_so(host)
    (host / "proc/sys/net/core/somaxconn").write_text("4096")
    assert make_it_so(host) == ([f"{QUEUE}: 4096 becomes 30000"], [])


def test_nothing_is_lowered(host):
    make_it_so(host)
    assert make_it_so(host, FEW) is None, "fewer connections need less, and keep what they have"
    (host / "proc/sys/net/core/somaxconn").write_text("65535")  # someone else's
    make_it_so(host)
    assert kernel.read_kernel(QUEUE, host) == "65535"
    assert QUEUE not in file_of(host), "it is theirs, and enough"


@pytest.mark.parametrize(
    "taken_back", [lambda host: make_it_so(host, asked=False), lambda host: kernel.set_kernel({}, False, host)]
)
def test_what_was_before_comes_back(host, taken_back):
    make_it_so(host)
    make_it_so(host, Promises(200_000, 40_000))
    taken_back(host)
    assert kernel.read_kernel(QUEUE, host) == "4096"
    assert kernel.read_kernel(PORTS, host) == "32768 60999"
    assert not file_of(host)
    assert make_it_so(host, asked=False) is None


def test_what_somebody_has_changed_meanwhile_stays(host):
    make_it_so(host)
    (host / "proc/sys/net/core/somaxconn").write_text("50000")
    make_it_so(host, asked=False)
    assert kernel.read_kernel(QUEUE, host) == "50000"


def test_what_is_read_only_is_told_and_left(host, monkeypatch):
    writable = os.access
    monkeypatch.setattr(kernel.os, "access", lambda path, mode: "somaxconn" not in str(path) and writable(path, mode))
    found = kernel.compare_kernel(MANY, True, host)
    (said,) = kernel.describe_lacks(found, MANY)
    assert f"read-only here (in a container it is its host's): {QUEUE} = 30000" in said
    assert PORTS not in said
    make_it_so(host)
    assert QUEUE not in file_of(host)
    assert make_it_so(host) is None


def test_what_the_kernel_refuses_is_told_and_not_kept(host):
    path = host / "proc/sys/net/core/somaxconn"
    path.unlink()
    path.mkdir()
    _changes, refused = kernel.set_kernel({QUEUE: "30000", PORTS: "10000 65535"}, False, host)
    assert refused == [f"{QUEUE} = 30000: Is a directory"]
    assert QUEUE not in file_of(host)
    assert kernel.read_kernel(PORTS, host) == "10000 65535"


def test_tracked_connections_count_where_they_are_tracked(host):
    assert "nf_conntrack" not in "".join(kernel.compare_kernel(MANY, False, host).lacks)
    (host / "proc/sys/net/netfilter").mkdir()
    (host / "proc/sys/net/netfilter/nf_conntrack_max").write_text("65536")
    assert (
        "net.netfilter.nf_conntrack_max for 220,000, and it is 65536" in kernel.compare_kernel(MANY, False, host).lacks
    )


@pytest.mark.parametrize(
    "content", ["", "nonsense\n", "net.core.somaxconn = 9\n", "# \nnet.core.somaxconn = \n", "\xe9\n"]
)
def test_a_damaged_file_is_written_anew(host, content):
    (host / "etc/sysctl.d").mkdir(parents=True)
    (host / "etc/sysctl.d/60-realtime-edge.conf").write_text(content, encoding="utf-8")
    make_it_so(host)
    assert f"# 4096\n{QUEUE} = 30000\n" in file_of(host)


@pytest.mark.parametrize(
    ("name", "value"), [("net.core.somaxconn", "many"), ("../etc/passwd", "1"), ("a b", "1"), ("a", "")]
)
def test_what_is_no_setting_is_refused(host, name, value):
    with pytest.raises(ConfigurationError, match="a number is expected"):
        kernel.set_kernel({QUEUE: "30000", name: value}, False, host)
    assert kernel.read_kernel(QUEUE, host) == "4096"


def test_an_empty_host_lacks_nothing(tmp_path):
    assert kernel.compare_kernel(MANY, True, tmp_path) == kernel.Kernel([], False, [], {}, False)
