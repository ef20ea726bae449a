"""The edge runs what was built from source, and has no compiler."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://edges"]


@pytest.fixture(scope="module")
def binary(host):
    return host.file("/usr/local/sbin/haproxy")


def test_the_service_starts_a_build_of_its_own_prefix(host, edge, binary):
    assert binary.is_symlink
    assert binary.linked_to.startswith("/opt/haproxy/")
    # Root put it there, and nobody else can change it.
    assert (host.file(binary.linked_to).user, host.file(binary.linked_to).mode & 0o022) == ("root", 0)
    # What serves is what is there.
    assert f"Version: {host.check_output('%s -v', binary.path).split()[2]}" in edge.ask("show info")


@pytest.mark.parametrize("feature", ["OPENSSL", "LUA", "PCRE2_JIT", "QUIC", "PROMEX"])
def test_has(host, binary, feature):
    assert f"+{feature}" in host.check_output("%s -vv", binary.path).split()


@pytest.mark.parametrize("tool", ["cc", "gcc", "make"])
def test_no_compiler_on_the_edge(host, tool):
    assert not host.exists(tool)
