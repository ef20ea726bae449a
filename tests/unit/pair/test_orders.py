"""What is made sure of before an address moves."""

from __future__ import annotations

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import EdgeError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.pair import handover, orders
from pair_orders import RECEIVE, SOCKETS


def test_a_bind_to_the_address_itself_is_told(monkeypatch):
    """Then the kernel can't tell a listening socket from a connection."""
    monkeypatch.setattr(handover, "check", lambda order: None)
    orders.check_possible(RECEIVE, SOCKETS["any"])
    with pytest.raises(EdgeError) as error:
        orders.check_possible(RECEIVE, SOCKETS["bound"])
    assert len(error.value.problems) == 4
    assert "bind to [::]:443" in error.value.problems[3]


@pytest.mark.parametrize("action", ["receive", "leave"])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (RuntimeError("nft: Could not process rule: No such file or directory"), "the kernel can't do its part"),
        (FileNotFoundError("nft"), "nftables is missing"),
    ],
)
def test_a_host_that_cannot_do_its_part_is_told(monkeypatch, action, fault, told):
    """Of the old holder, which is to answer no ARP, and of the new one."""

    def refuse(order):
        if order["action"] == action:
            raise fault

    monkeypatch.setattr(handover, "check", refuse)
    with pytest.raises(EdgeError, match=told):
        orders.check_possible(RECEIVE, SOCKETS["any"])
