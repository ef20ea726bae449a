"""TLS sessions resume at the other edge: both have the same ticket keys, rotated together and never shown."""

from __future__ import annotations

import base64
import secrets
import ssl

import pytest
from conftest import HOME, OTHER, Resumable

testinfra_hosts = ["ansible://pair-edge12"]

KEYS = "/etc/haproxy/ticket-keys"


def keys(pair):
    return {name: host.file(KEYS).content_string.split() for name, host in pair.hosts.items()}


@pytest.fixture
def shared(pair, play):
    """Both edges have the same keys, before and after."""

    def share():
        if len({tuple(one) for one in keys(pair).values()}) > 1:
            done = play({})
            assert done.returncode == 0, done.stdout

    share()
    yield
    share()


def own_address(pair, name):
    return pair.hosts[name].ansible.get_variables()["haproxy_address"]


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_sessions_resume_at_the_other_edge(pair, shared, version):
    for one, other in ((HOME, OTHER), (OTHER, HOME)):
        clients = Resumable(pair, own_address(pair, one), version)
        assert clients.resumed(own_address(pair, other)) >= 0.9 * clients.count


@pytest.mark.thorough
def test_with_keys_of_its_own_an_edge_resumes_no_session_of_the_other(pair, home, shared, play, playbook):
    """What edges without common keys do; the next run gives them common keys again."""
    own = [base64.b64encode(secrets.token_bytes(80)).decode() for _ in range(3)]
    for key in own:
        pair.tell(OTHER, f"set ssl tls-key {KEYS} {key}")
    pair.hosts[OTHER].check_output("printf '%%s\n' %s >%s", "\n".join(own), KEYS)
    assert Resumable(pair, own_address(pair, HOME)).resumed(own_address(pair, OTHER)) == 0
    assert "The edges have different TLS ticket keys" in playbook("leave", leave_edge=HOME).stdout
    playbook("return", return_edge=HOME)
    done = play({}, "--diff", "-vvv")
    assert done.returncode == 0, done.stdout
    now = keys(pair)
    assert now[HOME] == now[OTHER]
    assert not {*now[OTHER]} & {*own}
    assert not any(key in done.stdout or base64.b64decode(key).decode() in done.stdout for key in now[OTHER])
    clients = Resumable(pair, own_address(pair, HOME))
    assert clients.resumed(own_address(pair, OTHER)) >= 0.9 * clients.count


@pytest.mark.thorough
def test_the_edges_rotate_their_keys_together(pair, shared, play):
    before = keys(pair)[HOME]
    pair.hosts[HOME].check_output("touch --date='2 days ago' %s", KEYS)
    clients = Resumable(pair, own_address(pair, HOME))
    # A run without one of them leaves both as they are.
    assert play({}, "--limit", HOME).returncode == 0
    assert keys(pair) == {HOME: before, OTHER: before}
    assert play({}).returncode == 0
    now = keys(pair)
    assert now[HOME] == now[OTHER]
    assert now[HOME][:2] == before[1:]
    assert now[HOME][2] not in before
    # A ticket of before is still good, at the other edge too.
    assert clients.resumed(own_address(pair, OTHER)) >= 0.9 * clients.count
