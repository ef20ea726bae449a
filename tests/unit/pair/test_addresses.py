"""The addresses that edges share, as they are asked for."""

from __future__ import annotations

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import EdgeError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import addresses

EDGES = {"edge1": "10.0.0.11", "edge2": "10.0.0.12"}
WEB = {"name": "web", "addresses": ["10.0.0.10/24", "fd00::10/64"], "router_id": 51, "prefer": "edge1"}


def test_addresses_are_read():
    assert addresses.read_shared([WEB], EDGES) == [addresses.Shared("web", ("10.0.0.10", "fd00::10"))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "no good"}, "keepalived_addresses[0].name: 'no good' is no name"),
        ({"router_id": 256}, "keepalived_addresses[0].router_id: a number from 1 to 255"),
        ({"router_id": None}, "keepalived_addresses[0].router_id: a number from 1 to 255"),
        ({"prefer": "edge3"}, "keepalived_addresses[0].prefer: edge3 is none of the edges edge1, edge2"),
        ({"addresses": ["10.0.0.300/24"]}, "keepalived_addresses[0].addresses[0]: 10.0.0.300/24 is no address"),
        ({"addresses": ["10.0.0.11/24"]}, "keepalived_addresses[0].addresses[0]: 10.0.0.11 is an edge's own address"),
        ({"addresses": ["fd00::10/64"]}, "keepalived_addresses[0].addresses: at least one IPv4 address"),
        ({"addresses": []}, "keepalived_addresses[0].addresses: at least one IPv4 address"),
    ],
)
def test_a_mistake_is_told_by_its_place(change, told):
    with pytest.raises(EdgeError) as error:
        addresses.read_shared([{**WEB, **change}], EDGES)
    assert [problem for problem in error.value.problems if problem.startswith(told)]


def test_two_cannot_be_one():
    with pytest.raises(EdgeError) as error:
        addresses.read_shared([WEB, WEB], EDGES)
    assert [problem.split(": ")[1] for problem in error.value.problems] == [
        "name web is there twice",
        "router_id 51 is there twice",
        "addresses 10.0.0.10 is there twice",
        "addresses fd00::10 is there twice",
    ]


def test_an_address_is_shared_by_two():
    with pytest.raises(EdgeError, match="at least two edges"):
        addresses.read_shared([WEB], {"edge1": "10.0.0.11"})


def test_edges_talk_in_one_family():
    with pytest.raises(EdgeError, match="of one family"):
        addresses.read_shared([WEB], {"edge1": "10.0.0.11", "edge2": "fd00::2"})


def test_what_is_announced_is_told_in_words(tmp_path):
    (tmp_path / "announced").write_text("198.51.100.40 0 0\n198.51.100.41 1 0\n2001:db8:40::1 2 0\n")
    assert addresses.format_announced(addresses.report_announced(str(tmp_path))) == [
        "198.51.100.40: announced to no router; since 1970-01-01T00:00:00+00:00",
        "198.51.100.41: announced to 1 router; since 1970-01-01T00:00:00+00:00",
        "2001:db8:40::1: announced to 2 routers; since 1970-01-01T00:00:00+00:00",
    ]
    assert addresses.report_announced(str(tmp_path / "none")) == {}


INTERFACE = addresses.Interface("eth0", "02:00:00:00:00:0b", "fe80::b", "10.0.0.11", {"10.0.0.11": "eth0"})
SHARED = [addresses.Shared("web", ("10.0.0.10", "fd00::10"))]


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host with this configuration of keepalived, on a network where these answer for addresses."""
    is_ours = addresses.is_ours

    def make(configuration=None, strangers=()):
        path = tmp_path / "keepalived.conf"
        if configuration is not None:
            path.write_text(configuration)
        monkeypatch.setattr(addresses, "is_ours", lambda: is_ours(str(path)))
        monkeypatch.setattr(addresses.neighbours, "find_strangers", lambda *_asked: dict(strangers))

    return make


def problems(interface=INTERFACE, probe=True):
    try:
        addresses.preflight(SHARED, EDGES, interface, probe)
    except EdgeError as error:
        return error.problems
    return []


def test_a_keepalived_of_somebody_else_is_told(host):
    host("vrrp_instance mine {\n}\n")
    (told,) = problems()
    assert "somebody else has configured keepalived on this host" in told
    host(f"# {addresses.BANNER}: changes here are lost.\n")
    assert problems() == []


def test_an_address_that_is_in_use_is_told(host):
    host(strangers={"10.0.0.10": {"02:00:00:00:00:99"}, "fd00::10": {"02:00:00:00:00:98"}})
    assert [told.split(": ", 1)[1].split(",")[0] for told in problems()] == [
        "10.0.0.10 is in use: 02:00:00:00:00:99 answers for it",
        "fd00::10 is in use: 02:00:00:00:00:98 answers for it",
    ]
    assert problems(probe=False) == []


def test_an_address_that_the_host_has_by_other_means_is_told(host):
    there = INTERFACE._replace(addresses={**INTERFACE.addresses, "10.0.0.10": "eth0"})
    host()
    (told,) = problems(there)
    assert "this host has 10.0.0.10 on eth0 already" in told
    host(addresses.BANNER)  # keepalived has put it there
    assert problems(there) == []
