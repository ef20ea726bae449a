"""Entries of maps and ACLs are those that HAProxy reads: its own line ends and blanks, any bytes."""

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, files, maps
from fake import FakeEdge

# Content of a file → entries of a map, entries of an ACL (tried with HAProxy 3.0.11: `show map`, `show acl`).
CONTENTS = [
    (b"/k1 caf\xe9\n", ("/k1 caf\udce9",), ("/k1 caf\udce9",)),
    ("a b\u2028c\nd\u0085 e\n".encode(), ("a b\u2028c", "d\u0085 e"), ("a b\u2028c", "d\u0085 e")),
    (b"a\x0cb c\x0b\n", ("a\x0cb c\x0b",), ("a\x0cb c\x0b",)),
    (b"a b\rc d\r\ne\rf\n", ("a b", "e "), ("a b", "e")),
    (b"a b\x00c\nd e\n", ("a b", "d e"), ("a b", "d e")),
    (b"# no\n # yes\n\t\n \r\n", ("# yes",), ("# yes",)),
    (b" a \t b c \t\nd\n", ("a b c", "d "), ("a \t b c \t", "d")),
    ("\u00a0a\u3000b c\u00a0\n".encode(), ("\u00a0a\u3000b c\u00a0",), ("\u00a0a\u3000b c\u00a0",)),
]


@pytest.mark.parametrize(("content", "of_map", "of_acl"), CONTENTS)
def test_entries_are_what_haproxy_reads(tmp_path, content, of_map, of_acl):
    path = tmp_path / "a.map"
    path.write_bytes(content)
    for rule, expected in ((f"set-header X %[path,map({path})]", of_map), (f"deny if {{ path -f {path} }}", of_acl)):
        configuration = data.from_data({"frontend": {"web": {"http-request": rule}}})
        assert files.find_files(configuration).patterns[str(path)].entries == expected


def test_a_line_longer_than_haproxys_buffer_is_left_to_a_reload(tmp_path):
    path = tmp_path / "a.map"
    path.write_bytes(b"a " + b"x" * 20000 + b"\n")
    configuration = data.from_data({"frontend": {"web": {"http-request": f"set-header X %[path,map({path})]"}}})
    found = files.find_files(configuration)
    assert (found.patterns, found.reload_only) == ({}, (str(path),))


@pytest.fixture
def edge(target, monkeypatch):
    monkeypatch.setattr(apply, "_RELOAD_TIMEOUT", 10.0)
    fake = FakeEdge(target)
    yield fake
    fake.stop()


@pytest.mark.parametrize("content", [content for content, _map, _acl in CONTENTS] + [b"", b"k \xc3\xa9" * 400 + b"\n"])
def test_any_map_is_given_once(target, edge, tmp_path, content):
    table = tmp_path / "hosts.map"
    table.write_bytes(b"old 1\n")
    rule = f"set-header X %[path,map({table})]"
    wanted = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0", "http-request": rule}}})
    apply.apply(wanted, target)
    table.write_bytes(content)
    assert apply.apply(wanted, target).action == "runtime"
    assert edge.patterns[str(table)] == list(files.find_files(wanted).patterns[str(table)].entries)
    assert apply.apply(wanted, target).action == "unchanged"


def test_a_payload_is_counted_in_bytes(target, edge):
    edge.worker = lambda command, _payload: "New version created: 1" if command.startswith("prepare") else ""
    maps.replace_patterns(target.master, 7, "map", "/a.map", ["k " + "\U0001f41f" * 1000] * 30)
    assert max(len(asked.encode()) for asked in edge.asked) < 16384
    maps.replace_patterns(target.master, 7, "acl", "/a.lst", ["a <<", "\u2028 <<x"])
    (added,) = (asked for asked in edge.asked if "add acl" in asked)
    assert added == "@!7 add acl @1 /a.lst a\\ \\<\\<; @!7 add acl @1 /a.lst \u2028\\ \\<\\<x"


def test_an_answer_that_never_ends_is_an_error(target, edge, monkeypatch):
    monkeypatch.setattr(cli, "ANSWER_SIZE", 100_000)
    edge.answer = lambda _question: "x" * 1_000_000
    with pytest.raises(cli.RuntimeFailure, match=r"did not end its answer to `show proc`"):
        cli.workers(target.master)
    monkeypatch.setattr(cli, "ANSWER_TIME", -1.0)
    edge.answer = lambda _question: "x"
    with pytest.raises(cli.RuntimeFailure, match="did not end its answer"):
        cli.workers(target.master)


def test_any_byte_goes_out_and_comes_back(target, edge):
    edge.answer = lambda question: question
    assert cli.ask(target.master, "caf\udce9 \u2028") == "caf\udce9 \u2028\n"
    edge.answer = lambda _question: "caf\udce9"
    with pytest.raises(cli.RuntimeFailure) as raised:
        cli.run_command(target.master, 7, "set map x")
    assert str(raised.value).encode().endswith(rb"caf\xe9")
