"""Secrets of every kind are planted in a configuration, and no output of any module shows one of them.

An output is all that a module prints: result, diff, warnings, errors, and the arguments that -vvv shows.
"""

import io
import json
from contextlib import redirect_stdout

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.modules import haproxy_certificate, haproxy_config, haproxy_explain

# Each secret has this word.
PLANTED = "hunter2"

GLOBAL = [
    "setenv DB_PASS hunter2-a",
    "setenv COOKIE_SALT 'hunter2 b'",
    "presetenv REDISCLI_AUTH hunter2-c",
    r"setenv API_TOKEN hunter2\ with\ blanks",
    "setenv SENTRY_DSN https://hunter2d@sentry.example.com/1",
    "cluster-secret hunter2-e",
]
RULES = [
    'http-request set-header Authorisation "Basic hunter2-f"',
    r"http-request set-header X-Hub-Signature-256 sha256\ hunter2",
    "http-request set-query token=hunter2-g&%[query]",
    "http-request set-var(txn.sum) req.hdr(x),hmac(sha256,hunter2-h)",
    'http-request deny unless { req.hdr(authorization) -m str "Bearer hunter2-i" }',
    "bind 127.0.0.1:0 tcp-md5sig hunter2-j",
    "stats auth admin:hunter2-k",
]
CHECKS = [
    r"tcp-check send AUTH\ hunter2-l\r\n",
    "tcp-check send-lf 'AUTH user hunter2-m'",
    "tcp-check send-binary 68hunter2-n",
    "http-check send meth POST uri /login body user=a&pw=hunter2-o",
    r"option httpchk GET / HTTP/1.1\r\nX-Api-Key:\ hunter2-p\r\nHost:\ x",
    "server a 10.0.0.1:80 check",
]
SECTIONS = {
    "global": GLOBAL,
    "userlist": {"ops": ["user tiger insecure-password hunter2-q"]},
    "frontend": {"web": RULES},
    "backend": {"api": CHECKS},
}
LINES = [*GLOBAL, *RULES, *CHECKS[:-1], "user tiger insecure-password hunter2-q"]

# As people write a file by hand: with lines that are taken out.
FILE = "\n".join(
    [
        "global",
        *(f"    {line}" for line in GLOBAL),
        *(f"    # {line}" for line in GLOBAL),
        "",
        "frontend web",
        *(f"    {line}  # was: {line}" for line in RULES),
        "    # the old password is hunter2-r",
        "    mode http",
        "",
        "backend api",
        *(f"    {line}" for line in CHECKS),
        "",
    ]
)


@pytest.fixture
def run(tmp_path):
    """Run a module: all that it prints. Its HAProxy quotes each directive that it reads; at the level ALERT it refuses."""
    binary, level_file = tmp_path / "bin", tmp_path / "level"
    binary.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -v ] && { echo HAProxy version 3.0.11; exit; }\n'
        '[ "$1" = -dKall ] && exit\n'
        f"level=$(cat {level_file})\n"
        'grep -n "^ *[^ #]" "$3" | while IFS=: read -r number line; do\n'
        "echo \"[$level]  (1) : config : parsing [$3:$number] : unknown '$line'.\" >&2; done\n"
        "[ $level = WARNING ]\n"
    )
    binary.chmod(0o755)

    def run(module, level="WARNING", **arguments):
        level_file.write_text(level)
        said = io.StringIO()
        arguments = {key: value for key, value in arguments.items() if value is not None}
        with patch_module_args({"_ansible_diff": True, **arguments}), redirect_stdout(said), pytest.raises(SystemExit):
            module.main()
        return said.getvalue()

    return run


@pytest.fixture
def configure(run, tmp_path):
    """Run `haproxy_config`."""

    def configure(level="WARNING", **arguments):
        own = {"binary": "bin", "state_directory": "", "master_socket": "m"}
        paths = {"path": "haproxy.cfg", **({} if "fragment" in arguments or "version" in arguments else own)}
        places = {option: str(tmp_path / name) for option, name in paths.items()}
        stats = {} if "fragment" in arguments else {"stats_bind": ""}
        return run(haproxy_config, level, **{**places, **stats, **arguments})

    return configure


def test_what_is_applied(configure, tmp_path):
    (tmp_path / "haproxy.cfg").write_text(FILE)
    said = configure(sections=SECTIONS)
    answer = json.loads(said)
    assert answer["changed"]
    assert len(answer["haproxy_warnings"]) > len(LINES)
    assert "userlist ops" in said
    assert PLANTED not in said
    assert PLANTED in (tmp_path / "haproxy.cfg").read_text()
    # Others replace each secret: the file before has them, the arguments do not.
    said = configure(sections=json.loads(json.dumps(SECTIONS).replace(PLANTED, "another1")))
    assert "another secret" in said
    assert PLANTED not in said
    assert "another1" not in said


def test_what_is_refused_by_haproxy(configure):
    said = configure(level="ALERT", sections=SECTIONS)
    assert len(json.loads(said)["problems"]) > len(LINES)
    assert PLANTED not in said


def test_what_is_rendered(configure):
    said = configure(state="rendered", version="3.2", sections=SECTIONS)
    assert "tcp-check send ********" in json.loads(said)["rendered"]
    assert PLANTED not in said


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("fault", [" 'open", ' "open', "\\", " # more", "\nuser root", "\x00"])
def test_a_line_with_a_fault(configure, line, fault):
    said = configure(sections={"backend": {"x": [line + fault]}})
    assert json.loads(said)["failed"]
    assert PLANTED not in said


@pytest.mark.parametrize("line", LINES)
def test_a_line_beside_a_mistake(configure, line):
    keyword, _, rest = line.partition(" ")
    for sections in (
        {"backend": {"x": {keyword: rest}, "y": {"server": "a\nb"}}},
        {"backend": {"x": {keyword: [rest, {"a": None, "b": {"c": [["d"]]}}]}}},
        {"global": [line], "backend": [line]},
    ):
        said = configure(sections=sections)
        assert json.loads(said)["failed"], sections
        assert PLANTED not in said


def test_contributors_who_contradict_each_other(configure):
    assert json.loads(configure(sections=SECTIONS))["changed"]
    other = {"userlist": {"ops": ["user tiger insecure-password hunter2-other"]}}
    said = configure(fragment="shop", sections=other)
    assert "contradicts" in said
    assert PLANTED not in said


@pytest.mark.parametrize("level", ["WARNING", "ALERT"])
def test_the_page(run, tmp_path, level):
    (tmp_path / "haproxy.cfg").write_text(FILE)
    said = run(haproxy_explain, level, path=str(tmp_path / "haproxy.cfg"), binary=str(tmp_path / "bin"))
    assert json.loads(said)["refused"] is (level == "ALERT")
    assert len(json.loads(said)["problems"]) > len(LINES)
    assert PLANTED not in said


@pytest.mark.parametrize("part", ["pem", "certificate", "key", "chain", "ca"])
def test_a_certificate_that_is_none(run, tmp_path, part):
    said = run(
        haproxy_certificate,
        certificates=[{"name": "chat", part: "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"}],
        services=[{"name": "chat", "servers": ["10.0.0.1:80"], "password": "hunter2-s"}],
        directory=str(tmp_path / "certificates"),
        group="root",
        master_socket=str(tmp_path / "m"),
    )
    assert json.loads(said)["failed"]
    assert PLANTED not in said
