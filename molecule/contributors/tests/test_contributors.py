"""Several contributors share an edge: none knows of the others, none loses anything, each can go without a trace."""

from __future__ import annotations

import json
import threading

import pytest
from resources.edge import run_module

testinfra_hosts = ["ansible://edges"]

FILE = "/etc/haproxy/haproxy.cfg"


@pytest.fixture
def contribute(host):
    """Run the module for a contributor: its result, whether it fails or not."""

    def run(fragment, sections=None, **options):
        given = {"sections": sections} if sections is not None else {}
        return run_module(host, "haproxy_config", fragment=fragment, **given, **options)

    return run


def state(host):
    """The deployed file and the fragments, by their contents."""
    found = f"sha256sum {FILE} /etc/haproxy/fragments.d/* && stat -c %i {FILE}"
    return host.check_output(found)


def part(name):
    """A backend, a rule, and a server for a backend that all share."""
    return {
        "frontend": {"https": {"use_backend": f"{name} if {{ hdr(host) {name}.example.com }}"}},
        "backend": {
            name: {"http-request": f"return status 200 content-type text/plain string {name}"},
            "pool": {"balance": "leastconn", "server": f"{name} 127.0.0.1:8001"},
        },
    }


def answer(edge, host):
    """What the edge answers for this host at /."""
    return edge.get("/healthz", host=host)


def test_the_shop_is_reached_and_the_service_too(edge):
    assert answer(edge, "shop.example.com").getheader("X-Node") == "contributors-shop1"
    assert answer(edge, "any.example.com").getheader("X-Node") == "contributors-app1"


def test_fragments_are_for_root_alone(host):
    folder = host.file("/etc/haproxy/fragments.d")
    assert (folder.user, folder.mode) == ("root", 0o700)
    assert {host.file(f"{folder.path}/{name}").mode for name in folder.listdir()} == {0o600}
    assert sorted(folder.listdir()) == ["edge.json", "shop.json"]


def test_contributors_at_once_take_turns_and_leave_without_a_trace(host, edge, contribute):
    before = state(host)
    names = ["four", "one", "three", "two"]
    results = {}

    def all_at_once(**options):
        def run(name):
            results[name] = contribute(name, **(options or {"sections": part(name)}))

        threads = [threading.Thread(target=run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [results[name] for name in names]

    for result in all_at_once():
        assert result["action"] == "reload", result
    for name in names:
        assert answer(edge, f"{name}.example.com").text == name
    lines = host.check_output(f"grep -A99 '^backend pool' {FILE}").split("\n")
    servers = [line.split()[1] for line in lines[: lines.index("")] if line.strip().startswith("server")]
    assert servers == names  # in the order of the names, whoever came first
    for result in all_at_once():
        assert result["changed"] is False, result
    for result in all_at_once(state="absent"):
        assert result["action"] == "reload", result
    assert state(host).split("\n")[:-1] == before.split("\n")[:-1]
    assert contribute("one", state="absent")["changed"] is False


WRONG = {
    "two values": ({"backend": {"shop": {"balance": "source"}}}, ["shop.balance", "'balance leastconn'", "shop"]),
    "two servers": ({"backend": {"shop": {"server": "contributors-shop1 10.0.0.9:80"}}}, ["10.213.8.31:3000", "shop"]),
    "unknown keyword": ({"frontend": {"statistics": {"maxcon": 5}}}, ["frontend.statistics.maxcon", "did you mean"]),
    "unknown backend": ({"frontend": {"https": {"use_backend": "no if TRUE"}}}, ["frontend.https.use_backend", "'no'"]),
    "line break": ({"backend": {"blog": {"balance": "first\n  server x 127.0.0.1:1"}}}, ["blog.balance", "line break"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_names_its_place_and_changes_nothing(host, contribute, wrong):
    sections, said = WRONG[wrong]
    before = state(host)
    result = contribute("blog", sections)
    for words in ("fragment blog: sections.", *said):
        assert words in "\n".join(result["problems"])
    assert "Traceback" not in json.dumps(result)
    assert state(host) == before


def test_a_fragment_cut_in_half_stops_all_but_its_owner(host, contribute):
    before = state(host)
    path = "/etc/haproxy/fragments.d/shop.json"
    host.check_output(f"cp {path} /tmp/whole && head -c 100 /tmp/whole > {path}")
    try:
        cut = state(host)
        result = contribute("blog", part("blog"))
        assert "problems" in result
        assert f"{path} is damaged" in result["msg"]
        assert state(host) == cut
    finally:
        host.check_output(f"cat /tmp/whole > {path}")
    assert state(host) == before


def test_secrets_are_not_shown(host, contribute):
    sections = {"userlist": {"people": {"user": "ute insecure-password hunter2hunter2"}}}
    shown = host.ansible(
        "realtime.edge.haproxy_config",
        json.dumps({"fragment": "blog", "sections": sections}),
        check=True,
        diff=True,
        become=True,
        verbose=3,
    )
    assert "user ute insecure-password ********" in json.dumps(shown)
    assert "hunter2hunter2" not in json.dumps(shown)
    sections["userlist"]["people"]["user"] += " nonsense"
    refused = contribute("blog", {**sections, "frontend": {"https": {"maxcon": "hunter2hunter2"}}})
    assert "problems" in refused
    assert "hunter2hunter2" not in json.dumps(refused)
    assert host.run("journalctl --no-pager | grep -c hunter2hunter2").stdout.strip() == "0"
