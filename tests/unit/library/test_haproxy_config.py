"""The module for contributors: whoever comes first, nothing is lost; the edge's settings are its owner's."""

import io
import json
from contextlib import redirect_stdout

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.modules import haproxy_config

SHOP = {
    "frontend": {"web": {"use_backend": "shop if { path /shop }"}},
    "backend": {"shop": {"server": "a 10.0.0.9:80"}},
}
OWN = {
    "frontend": {"web": {"bind": "127.0.0.1:0", "default_backend": "rest"}},
    "backend": {"rest": {"server": "a 10.0.0.1:80"}},
}


@pytest.fixture
def run(tmp_path):
    """Run the module: what it answers. The HAProxy refuses a text with the word `wrong` and warns of `doubtful`."""
    binary = tmp_path / "bin"
    binary.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -v ] && { echo HAProxy version 3.0.11; exit; }\n'
        '[ "$1" = -dKall ] && exit\n'
        "grep -q doubtful \"$3\" && echo '[WARNING]  (1) : config : doubtful' >&2\n"
        "grep -q wrong \"$3\" && { echo '[ALERT]    (1) : config : wrong' >&2; exit 1; }\nexit 0\n"
    )
    binary.chmod(0o755)

    def run(check=False, diff=False, **arguments):
        arguments = {"path": str(tmp_path / "haproxy.cfg"), **arguments}
        if arguments.get("fragment", "edge") == "edge" and arguments.get("state", "present") == "present":
            places = {"state_directory": str(tmp_path), "master_socket": str(tmp_path / "m"), "stats_bind": ""}
            arguments = {"binary": str(binary), **places, **arguments}
        said = io.StringIO()
        arguments.update(_ansible_check_mode=check, _ansible_diff=diff)
        with patch_module_args(arguments), redirect_stdout(said), pytest.raises(SystemExit):
            haproxy_config.main()
        return json.loads(said.getvalue())

    return run


def test_a_contributor_who_comes_first_waits_for_the_owner(run, tmp_path):
    assert run(fragment="shop", sections=SHOP)["reasons"] == [
        f"{tmp_path}/fragments.d/shop.json is recorded; it changes nothing for HAProxy"
    ]
    assert run(fragment="shop", sections=SHOP)["changed"] is False
    assert not (tmp_path / "haproxy.cfg").exists()
    assert run(sections=OWN)["fragments"] == ["edge", "shop"]
    text = (tmp_path / "haproxy.cfg").read_text()
    assert "    # fragment shop\n    use_backend shop if { path /shop }\n" in text
    assert run(sections=OWN)["changed"] is run(fragment="shop", sections=SHOP)["changed"] is False


def test_a_contributor_goes_without_a_trace(run, tmp_path):
    run(sections=OWN)
    before = (tmp_path / "haproxy.cfg").read_text()
    assert run(fragment="shop", sections=SHOP)["changed"]
    assert run(fragment="shop", state="absent", check=True)["changed"]
    assert (tmp_path / "fragments.d" / "shop.json").exists()
    assert run(fragment="shop", state="absent")["changed"]
    assert (tmp_path / "haproxy.cfg").read_text() == before
    assert [path.name for path in (tmp_path / "fragments.d").iterdir()] == ["edge.json"]
    assert run(fragment="shop", state="absent")["changed"] is False


def test_what_is_refused_leaves_the_fragment_that_was(run, tmp_path):
    run(sections=OWN)
    run(fragment="shop", sections=SHOP)
    before = (tmp_path / "fragments.d" / "shop.json").read_text()
    assert run(fragment="shop", sections={"backend": {"shop": {"wrong": True}}})["problems"]
    assert run(fragment="blog", sections={"backend": {"shop": {"wrong": True}}})["problems"]
    assert (tmp_path / "fragments.d" / "shop.json").read_text() == before
    assert not (tmp_path / "fragments.d" / "blog.json").exists()


def test_the_settings_of_the_edge_are_its_owners(run):
    run(sections=OWN)
    assert "stats_bind: only fragment 'edge' may set" in run(fragment="shop", sections=SHOP, stats_bind=":1")["msg"]
    assert run(fragment="shop", sections=SHOP)["checked"]  # by the owner's binary


@pytest.mark.parametrize("rate", [0, -1, 1001, "nan"])
def test_a_rate_that_is_none_is_refused_before_anything_is_written(run, tmp_path, rate):
    said = run(sections=OWN, drain_rate=rate)
    assert said["problems"][0].startswith("drain_rate: ")
    assert "give the sockets a second that may be closed, such as 5" in said["msg"]
    assert not (tmp_path / "haproxy.cfg").exists()


def test_a_warning_is_one_or_an_error(run):
    doubtful = {**OWN, "global": {"doubtful": True}}
    assert "doubtful" in run(sections=doubtful, warnings_fatal=True)["msg"]
    assert run(sections=doubtful)["haproxy_warnings"] == ["doubtful"]


def test_nothing_of_a_secret_leaves_the_module(run):
    secret = {**OWN, "userlist": {"people": {"user": "ute insecure-password hunter2hunter2"}}}
    first = run(sections=secret, diff=True)
    assert "user ute insecure-password ********" in json.dumps(first["diff"])
    refused = run(sections={**secret, "global": {"wrong": "hunter2hunter2"}})
    rendered = run(sections=secret, state="rendered")
    for answer in (first, refused, rendered):
        assert "hunter2hunter2" not in json.dumps(answer)


@pytest.mark.parametrize(
    "sections",
    [
        {"userlist": {"people": "user ute insecure-password hunter2hunter2"}},
        {"userlist": {"people": {"user": [["ute insecure-password hunter2hunter2"]]}}},
        {"userlist": {"people": {"user": {"ute": {"password": "hunter2hunter2"}}, "#": 1}}},
        {"backend": {"x": {"http-request": "set-header Authorization hunter2hunter2\nx"}}},
        {"fronted": {"setenv": "DB_PASSWORD hunter2hunter2"}},
    ],
)
def test_nor_does_one_in_data_that_make_no_sense(run, sections):
    answer = run(sections=sections)
    assert answer["problems"]
    assert "hunter2hunter2" not in json.dumps(answer)


def test_a_text_is_read_and_rendered_without_a_host(run, tmp_path):
    parsed = run(state="parsed", running_config="backend a\n  server b 10.0.0.1:80\n  balance first\n")["parsed"]
    assert parsed == [{"backend": {"a": {"server": "b 10.0.0.1:80", "balance": "first"}}}]
    rendered = run(state="rendered", sections=parsed, base_settings=False)["rendered"]
    assert rendered == "backend a\n    server b 10.0.0.1:80\n    balance first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
