"""What playbooks tell and decide on the controller, before an edge leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/keepalived"
VARS = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path):
    """Run a playbook, which fails, for two edges that have nothing: what it says, in one line."""

    def start(playbook, asked):
        inventory = tmp_path / "inventory.yml"
        hosts = {name: {"ansible_connection": "local"} for name in ("edge1", "edge2")}
        inventory.write_text(yaml.safe_dump({"edges": {"hosts": hosts}}))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                f"--inventory={inventory}",
                f"playbooks/{playbook}.yml",
                "-e",
                asked,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return " ".join((done.stdout + done.stderr).split())

    return start


@pytest.mark.parametrize(
    ("playbook", "asked", "told"),
    [
        ("leave", "leave_rate=0", "leave_rate: 0 is no number of sessions a second"),
        ("leave", "leave_rate=fast", "leave_rate: fast is no number of sessions a second"),
        ("reboot", "reboot_rate=1001", "reboot_rate: 1001 is no number of sessions a second"),
        ("reboot", "reboot_wait=1h", "reboot_wait: 1h is no number of seconds"),
        ("reboot", "reboot_edges=edge1", "reboot_edges: a list of edges, each of them one of edge1, edge2"),
        ("reboot", '{"reboot_edges": ["edge3"]}', "reboot_edges: a list of edges, each of them one of edge1, edge2"),
        ("reboot", "reboot_tasks=/nowhere.yml", "reboot_tasks: there is no file /nowhere.yml"),
    ],
)
def test_what_is_none_is_told_first(run, playbook, asked, told):
    said = run(playbook, asked)
    assert told in said
    assert "Nothing has changed." in said
    assert "changed=1" not in said


@pytest.mark.parametrize(
    ("playbook", "asked"),
    [("leave", "leave_edge=edge1"), ("leave", "leave_rate=0.5"), ("reboot", '{"reboot_edges": ["edge1"]}')],
)
def test_without_a_mistake_the_edges_are_looked_at(run, playbook, asked):
    assert "edge1 is no IP address" in run(playbook, asked)


def value(name, edges, addresses, **more):
    """What a variable of the role is for these edges and addresses (name → where it is at home)."""
    variables = {
        **{key: trust_as_template(text) for key, text in VARS.items()},
        "groups": {"edges": edges},
        "keepalived_group": "edges",
        "keepalived_addresses": [{"name": key, "prefer": home} for key, home in addresses.items()],
        "hostvars": {edge: {"haproxy_address": f"10.0.0.{number}"} for number, edge in enumerate(edges, 1)},
        **more,
    }
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template(f"{{{{ {name} }}}}"))


def test_the_addresses_of_an_edge_that_dies_go_to_several():
    homes = {"a": "one", "b": "one", "c": "two", "d": "one"}
    assert value("keepalived_orders", ["one", "two", "three"], homes) == {
        "a": ["one", "two", "three"],
        "b": ["one", "three", "two"],
        "c": ["two", "one", "three"],
        "d": ["one", "two", "three"],
    }


def test_two_edges_have_each_other():
    homes = {"web": "one", "second": "two", "third": "one"}
    orders = {"web": ["one", "two"], "second": ["two", "one"], "third": ["one", "two"]}
    assert value("keepalived_orders", ["one", "two"], homes) == orders


def takers(states, leaving, homes):
    """Who could take each address: `states` are those of the addresses at each edge, None where keepalived does not run."""
    hostvars = {}
    for number, (edge, there) in enumerate(states.items(), 1):
        seen = {"active": there is not None, "addresses": {name: {"state": (there or {}).get(name)} for name in homes}}
        hostvars[edge] = {"haproxy_address": f"10.0.0.{number}", "keepalived_seen": seen}
    more = {"hostvars": hostvars, "ansible_play_hosts": list(states), "keepalived_leaving": leaving}
    return value("keepalived_takers", list(states), homes, **more)


HOMES = {"web": "three"}


@pytest.mark.parametrize(
    ("states", "found"),
    [
        # One that is back is at home, and comes before the others.
        ({"one": {"web": "MASTER"}, "two": {"web": "BACKUP"}, "three": {"web": "BACKUP"}}, ["three", "two"]),
        ({"one": {"web": "MASTER"}, "two": {"web": "BACKUP"}, "three": {"web": "FAULT"}}, ["two"]),
        ({"one": {"web": "MASTER"}, "two": {"web": "BACKUP"}, "three": None}, ["two"]),
        ({"one": {"web": "MASTER"}, "two": {"web": "FAULT"}, "three": None}, []),
    ],
)
def test_an_address_goes_to_the_edge_that_vrrp_gives_it_to(states, found):
    assert takers(states, "one", HOMES) == {"web": found}


def test_an_edge_is_able_to_take_one_address_and_not_another():
    states = {
        "one": {"web": "MASTER", "second": "MASTER"},
        "two": {"web": "BACKUP", "second": "FAULT"},
        "three": {"web": "FAULT", "second": "BACKUP"},
    }
    homes = {"web": "one", "second": "one"}
    assert takers(states, "one", homes) == {"web": ["two"], "second": ["three"]}


def test_keepalived_has_that_order():
    lines = (ROLE / "templates/keepalived.conf.j2").read_text(encoding="utf-8").splitlines()
    (priority,) = (line.strip() for line in lines if line.strip().startswith("priority"))
    (expression,) = re.findall(r"^priority {{ (.*) }}$", priority)
    edges, homes = ["one", "two", "three"], {"web": "two", "second": "two"}
    found = {
        edge: [value(expression, edges, homes, inventory_hostname=edge, item={"name": name}) for name in homes]
        for edge in edges
    }
    assert found == {"two": [200, 200], "one": [199, 198], "three": [198, 199]}


def seen(name, **edges):
    """What a variable of the role is after all edges were seen: `edges` are those that hold `web`, and their ticket keys."""
    hostvars = {
        edge: {"keepalived_seen": {"addresses": {"web": {"held": held}}, "ticket_keys": keys}}
        for edge, (held, keys) in edges.items()
    }
    more = {"hostvars": hostvars, "ansible_play_hosts": list(edges)}
    return value(name, list(edges), {"web": "one"}, **more)


@pytest.mark.parametrize(
    ("one", "two", "found"),
    [(True, False, []), (False, False, []), (True, True, ["web is held by one and two at once"])],
)
def test_an_address_with_two_holders_is_told(one, two, found):
    assert seen("keepalived_contested", one=(one, []), two=(two, [])) == found


@pytest.mark.parametrize(("keys", "differ"), [(["a", "b"], False), (["b", "c"], True), ([], True)])
def test_different_ticket_keys_are_told(keys, differ):
    assert seen("keepalived_ticket_keys_differ", one=(True, ["a", "b"]), two=(False, keys)) is differ
