"""Whatever is put in, the answer is one clear error or a sound text: never a traceback, never a line more than asked for.

The module itself is run, on data of every shape at every place. Its HAProxy refuses everything, so that a live file can
only change by mistake.
"""

import io
import json
import os
from contextlib import redirect_stdout
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services import edge
from ansible_collections.realtime.edge.plugins.modules import haproxy_config, haproxy_server
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

# A hostile word, and words that mean something to HAProxy or to YAML.
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "a\nuser root",
            "a\rb",
            "a\x00b",
            "\x1b[2J",
            "#",
            "a # b",
            "\\",
            "a\\",
            "'",
            '"',
            '"a',
            "${",
            '"$',
            '"${A',
            "%[",
            "{",
            "}",
            "\u00a0",
            "a\u2028b",
            "\u0085",
            "\ud800",
            "é",
            "🐟",
            ".if",
            ".endif",
            "global",
            "frontend x",
            "no",
            "{{ x }}",
            "a" * 5000,
            "../../etc/passwd",
            "/",
            "-",
            "--",
            ":",
            "@",
            "http-request",
            "server",
            "bind",
            "true",
            "",
            " ",
            "\t",
            "a\tb",
        ]
    ),
)
SCALARS = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.integers(10**30, 10**40))
KEYS = st.one_of(
    WORDS, st.sampled_from(["name", "address", "port", "option", "timeout", "server", "acl", "stats", "use_backend"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
KINDS = st.one_of(
    st.sampled_from(sorted(syntax.SECTIONS)), st.sampled_from(["defaults x", "frontend y from x", "newkind"]), WORDS
)
SECTIONS = st.one_of(
    st.dictionaries(
        KINDS,
        st.one_of(
            VALUES, st.dictionaries(KEYS, st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=4)), max_size=3)
        ),
        max_size=3,
    ),
    st.lists(st.dictionaries(KINDS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=2), max_size=3),
    VALUES,
)
SERVICE = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.just("chat"), VALUES),
        "hosts": st.one_of(st.just(["a.example.com"]), VALUES),
        "servers": st.one_of(st.just(["10.0.0.1:80"]), st.just({"group": "nodes", "port": 80}), VALUES),
        "certificate": VALUES,
        "health": st.one_of(st.just("/x"), VALUES),
        "socketio": st.one_of(
            st.just({}),
            VALUES,
            st.dictionaries(
                st.sampled_from(["path", "transports", "affinity", "servers", "flash"]), VALUES, max_size=3
            ),
        ),
    },
)
EDGE = edge.Edge((":80",), (":443",), (), (":843",), "", "/c", "/l", "/r", (3, 0), 20000)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def attempt(function, *arguments):
    """What the function returns and no problems, or nothing and at least one."""
    try:
        return function(*arguments), []
    except ConfigurationError as error:
        return None, error.problems


def sound(configuration):
    """The text has these directives and no others, each in a line of its own."""
    if configuration is None:
        return
    text = syntax.render(configuration)
    assert not [char for char in text if (ord(char) < 32 and char not in "\n\t") or ord(char) == 127]
    text.encode()
    shown = [line for line in text.split("\n") if line.strip(" \t") and not line.strip(" \t").startswith("#")]
    wanted = [
        line for section in configuration.sections for line in (section.header, *(d.text for d in section.directives))
    ]
    # Lines before the first section have no header.
    assert [line.strip(" \t") for line in shown] == [line.strip(" \t") for line in wanted if line]
    read = syntax.parse(text, rendered=True)
    known = [section for section in configuration.sections if section.kind in syntax.SECTIONS]
    if len(known) == len(configuration.sections):
        assert read == configuration


@given(SECTIONS)
@MANY
def test_sections_are_sound_or_an_error(data):
    configuration, problems = attempt(assemble.assemble, EDGE, [store.Fragment(store.OWNER, [], data)])
    assert all(problem.startswith("haproxy_sections") for problem in problems), problems
    sound(configuration)


@given(
    st.one_of(st.lists(st.one_of(SERVICE, VALUES), max_size=3), VALUES),
    st.dictionaries(st.one_of(WORDS, st.just("nodes")), VALUES, max_size=2),
)
@MANY
def test_services_are_sound_or_an_error(described, groups):
    configuration, _problems = attempt(assemble.assemble, EDGE, [store.Fragment("shop", described, {}, groups)])
    sound(configuration)


@given(
    st.binary(max_size=300)
    | st.lists(WORDS, max_size=30).map(lambda words: "\n".join(words).encode(errors="surrogatepass"))
)
@MANY
def test_any_file_can_be_read_or_is_told_by_its_line(content):
    text = content.decode(errors="surrogateescape")
    configuration, problems = attempt(syntax.parse, text)
    assert all(problem.startswith("line ") for problem in problems)
    data, _problems = attempt(to_data, configuration or Configuration())
    again, _problems = attempt(from_data, data or {})
    if again:
        assert from_data(to_data(again)) == again


def test_a_mapping_within_itself_is_an_error():
    endless = {}
    endless["server"] = endless
    for data in ({"backend": {"x": endless}}, {"backend": endless}, endless):
        with pytest.raises(ConfigurationError):
            from_data(data)
    with pytest.raises(ConfigurationError, match="not plain YAML data"):
        store.fragment_text(store.Fragment("x", [], endless))


@pytest.fixture
def place(tmp_path):
    """A live configuration, and a HAProxy that refuses all others."""
    binary = tmp_path / "haproxy"
    binary.write_text(
        "#!/bin/sh\n[ \"$1\" = -v ] && { echo HAProxy version 3.0.11; exit; }\necho '[ALERT] (1) : config : no.' >&2; exit 1\n"
    )
    binary.chmod(0o755)
    (tmp_path / "haproxy.cfg").write_text("# live\n")
    folder = tmp_path / "fragments.d"
    folder.mkdir()
    return tmp_path


# Where a test before has loaded the controller's part of Ansible, 2.19 refuses lone surrogates before a module has them.
CHECK = "ansible.module_utils._internal._json._profiles._string_encoding_check_enabled"


def run(module=haproxy_config, **arguments):
    """Run the module: what it answers, and whether it failed."""
    said = io.StringIO()
    unchecked = mock.patch(CHECK, return_value=False)
    with patch_module_args(arguments), redirect_stdout(said), unchecked, pytest.raises(SystemExit) as ended:
        module.main()
    answer = json.loads(said.getvalue())
    assert bool(ended.value.code) is bool(answer.get("failed"))
    assert "Traceback" not in said.getvalue()
    assert "exception" not in answer
    return answer


def live(place):
    return {str(path): path.read_bytes() for path in (place / "haproxy.cfg", *(place / "fragments.d").iterdir())}


JSONABLE = st.fixed_dictionaries(
    {},
    optional={
        "sections": SECTIONS,
        "services": st.lists(st.one_of(SERVICE, VALUES), max_size=2),
        "groups": st.dictionaries(WORDS, VALUES, max_size=2),
        "fragment": WORDS,
    },
)


@example(options={"services": [], "fragment": "\ud800"})
@given(options=JSONABLE)
@settings(MANY, max_examples=200)
def test_the_module_answers_and_leaves_the_live_file(place, options):
    before = live(place)
    base = {"path": str(place / "haproxy.cfg"), "state_directory": str(place), "master_socket": str(place / "m.sock")}
    owner = (
        {"binary": str(place / "haproxy"), "certificates": str(place)}
        if options.get("fragment", "edge") == "edge"
        else {}
    )
    answer = run(**base, **owner, **options)
    if answer.get("failed"):
        assert answer["msg"]
        answer["msg"].encode()
        assert live(place) == before
    else:  # waits for an owner
        assert answer["action"] == "unchanged"
        for path in (place / "fragments.d").iterdir():
            path.unlink()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"services": [',
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"\xff\xfe",
        b"{}",
        b'{"services": 5, "sections": 1, "groups": 2, "settings": 3}',
        b"[" * 100000,
        b'{"a":' * 50000,
        b"\x00" * 100,
        b'{"services": [], "groups": {}, "settings": []}',
    ],
)
def test_a_damaged_fragment_is_told_and_stops_everybody_else(place, content):
    damaged = place / "fragments.d" / "shop.json"
    damaged.write_bytes(content)
    before = live(place)
    answer = run(path=str(place / "haproxy.cfg"), binary=str(place / "haproxy"), sections={})
    assert f"{damaged} is damaged" in answer["msg"]
    assert "state: absent" in answer["msg"]
    assert live(place) == before
    assert run(path=str(place / "haproxy.cfg"), fragment="shop", sections={})["changed"]


HISTORY = {"services": [], "sections": {}, "groups": {}, "settings": {}}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("shop", {**HISTORY, "format": 2}, "of a newer realtime.edge (format 2, and this one reads up to 1)"),
        ("shop", {**HISTORY, "format": 2, "services": {}}, "of a newer realtime.edge"),
        ("shop", {**HISTORY, "format": "x"}, "is damaged"),
        ("shop", {**HISTORY, "format": 0}, "is damaged"),
        (
            "shop",
            {**HISTORY, "routes": [], "more": 1},
            "of another version of realtime.edge: unknown here: more, routes",
        ),
        ("edge", {**HISTORY, "settings": {"listen": {}}}, "settings.listen: unknown here"),
        ("edge", {**HISTORY, "settings": {"tls": {"newer": 1}}}, "settings.tls.newer: unknown here"),
        ("edge", {**HISTORY, "settings": {"binds": {"http": 5}}}, "settings.binds.http: a value of type list"),
        ("edge", {**HISTORY, "settings": {"binds": {"http": [5]}}}, "settings.binds.http[0]: a value of type str"),
        ("edge", {**HISTORY, "settings": {"group": 5}}, "settings.group: a value of type str"),
        ("edge", {**HISTORY, "settings": {"master_socket": None}}, "settings.master_socket: a value is expected"),
        ("edge", {**HISTORY, "settings": {"state_directory": []}}, "settings.state_directory: a value of type path"),
    ],
)
@pytest.mark.parametrize("module", [haproxy_config, haproxy_server], ids=["haproxy_config", "haproxy_server"])
def test_a_fragment_of_another_version_is_told(place, name, content, said, module):
    path = place / "fragments.d" / f"{name}.json"
    path.write_text(json.dumps(content))
    before = live(place)
    fragment = "blog" if name == "edge" else "edge"
    asked = {"name": "n1"} if module is haproxy_server else {"fragment": fragment, "sections": {}}
    answer = run(module, path=str(place / "haproxy.cfg"), **asked)
    assert answer["msg"].startswith(f"{path} is ")
    assert said in answer["msg"]
    assert "othing has changed" in answer["msg"]
    assert live(place) == before


def test_a_fragment_of_before_the_formats_is_read(place):
    (place / "fragments.d" / "shop.json").write_text(json.dumps(HISTORY))
    assert run(path=str(place / "haproxy.cfg"), fragment="blog", sections={})["fragments"] == ["blog", "shop"]
    assert json.loads((place / "fragments.d" / "blog.json").read_text())["format"] == 1


def nested(depth, inner):
    for _ in range(depth):
        inner = {"a": inner} if depth % 2 else [inner]
    return inner


@pytest.mark.parametrize("depth", [900, 901, 60])
@pytest.mark.parametrize("option", ["sections", "services", "groups"])
def test_what_is_nested_too_deeply_is_told(place, depth, option):
    def at_option(value):
        return {"services": [value], "groups": {"a": value}}.get(option, value)

    before = live(place)
    # Ansible's own limit for arguments is not far above.
    answer = run(path=str(place / "haproxy.cfg"), fragment="blog", **{option: at_option(nested(min(depth, 150), 1))})
    assert answer["msg"] == f"{option}: its values are nested more than 50 levels deep"
    assert live(place) == before
    path = place / "fragments.d" / "shop.json"
    path.write_text(json.dumps({**HISTORY, option: at_option(nested(depth, 1))}))
    assert f"{path} is damaged (nested too deeply)" in run(path=str(place / "haproxy.cfg"), fragment="blog")["msg"]


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_what_is_no_file_is_told_in_bounded_time(place, kind):
    make = {"fifo": os.mkfifo, "folder": os.mkdir, "link": lambda path: os.symlink(place / "target", path)}[kind]
    (place / "target").write_text("{}")
    words = {"fifo": "it is not a regular file", "folder": "Is a directory", "link": "a symbolic link"}[kind]
    path = place / "fragments.d" / "shop.json"
    make(path)
    answer = run(path=str(place / "haproxy.cfg"), fragment="blog")
    assert answer["msg"].startswith(f"{path} cannot be read: ")
    assert words in answer["msg"]
    (path.rmdir if kind == "folder" else path.unlink)()
    (place / "haproxy.cfg").unlink()
    make(place / "haproxy.cfg")
    binary = place / "haproxy"
    binary.write_text("#!/bin/sh\necho HAProxy version 3.0.11\n")
    answer = run(
        path=str(place / "haproxy.cfg"),
        binary=str(binary),
        state_directory=str(place),
        sections={"frontend": {"x": {"bind": "127.0.0.1:0"}}},
    )
    assert str(place / "haproxy.cfg") in answer["msg"]
    assert words in answer["msg"]
    assert (place / "target").read_text() == "{}"


PATHS = [
    "path",
    "binary",
    "certificates",
    "state_directory",
    "master_socket",
    "link",
    "ticket_keys",
    "group",
    "fragment",
]


@pytest.mark.parametrize("text", ["\ud800", "/x\udcff", "/x\x00y", "/x\ny"])
@pytest.mark.parametrize("option", PATHS)
def test_no_path_holds_what_cannot_be_encoded(place, option, text):
    base = {"path": str(place / "haproxy.cfg"), "binary": str(place / "haproxy"), "state_directory": str(place)}
    answer = run(**{**base, "services": [], option: text})
    assert answer["msg"].startswith(f"{option}: ")
    answer["msg"].encode()


@pytest.mark.parametrize("cut", range(0, 110, 7))
def test_a_fragment_cut_anywhere_is_damaged(place, cut):
    whole = store.fragment_text(store.Fragment("shop", [], {"backend": {"x": {"server": "a 10.0.0.1:80"}}}))
    (place / "fragments.d" / "shop.json").write_text(whole[: min(cut, len(whole) - 3)])
    assert "is damaged" in run(path=str(place / "haproxy.cfg"), binary=str(place / "haproxy"))["msg"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"global\n  log 'a\n",
        b"\xe4\xf6\n",
        b"\x00",
        b"frontend a\n bind :80\n\xff\n",
        b"global\n\tstats \\xzz\n",
    ],
)
@pytest.mark.parametrize("state", ["gathered", "present"])
def test_a_live_file_that_is_none(place, content, state):
    (place / "haproxy.cfg").write_bytes(content)
    before = live(place)
    answer = run(
        path=str(place / "haproxy.cfg"),
        state=state,
        **({"binary": str(place / "haproxy")} if state == "present" else {}),
    )
    if state == "present" or content == b"global\n\tstats \\xzz\n":
        assert answer.get("msg") or answer["gathered"]
    else:
        assert answer["msg"].startswith(str(place / "haproxy.cfg"))
    assert live(place) == before


@pytest.mark.parametrize("options", [{"binds": {"http": [""]}}, {"binds": {"http": []}}, {"binds": {"https": ["x\ny"]}}, {"stats_bind": "a\nb"}, {"stats_bind": "#"}, {"tls": {"profile": "x"}}, {"file_descriptors": -5}, {"certificates": "/a\nb"}, {"runtime_socket": "x"}, {"runtime_socket": ""}, {"version": "x"}, {"group": "\x00"}, {"path": ""}, {"path": "/nowhere/x"}, {"path": "/"}, {"binds": {"quic": ["x"]}}])  # fmt: skip
def test_settings_of_the_edge_that_are_none(place, options):
    base = {"path": str(place / "haproxy.cfg"), "binary": str(place / "haproxy"), "certificates": str(place)}
    before = live(place)
    chat = {"name": "chat", "servers": ["10.0.0.1:80"]}
    assert run(**{**base, "services": [chat], **options})["failed"]
    assert live(place) == before
