"""The page shows the file as it is, explains what is ours, and runs nothing of it."""

import base64
import hashlib
import html
import html.parser
import json
import re
from dataclasses import replace

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import Configuration
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import render
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.errors import EdgeError
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import explain, explain_file, page
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report.annotations import GOALS, NOTES
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report.manual_data import MANUALS
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.edge import Edge
from hypothesis import given
from hypothesis import strategies as st

BANNER = "Managed by Ansible (realtime.edge). Changes made here are replaced by the next run."
NODES = ["10.0.0.1:3000", "10.0.0.2:3000"]
EVERY = ["polling", "websocket", "flashsocket"]
DESCRIBED = [
    {"name": "chat", "hosts": ["chat.example.com", "*.example.org"], "servers": NODES, "health": "/healthz"},
    {
        "name": "old",
        "servers": NODES,
        "socketio": {"transports": EVERY, "flash": {"legacy_tls": "old", "policy_servers": NODES}},
    },
    {
        "name": "shop",
        "hosts": ["shop.example.com"],
        "servers": NODES,
        "client_ca": "staff",
        "origins": ["https://shop.example.com"],
        "socketio": {"affinity": "cookie"},
    },
    {"name": "game", "hosts": ["game.example.com"], "servers": NODES, "socketio": {"affinity": "source"}},
    {"name": "cloud", "hosts": ["cloud.example.com"], "servers": {"dns": "nodes.example.com", "port": 3000}},
]


EDGE = Edge(
    http=(":80",),
    https=(":443",),
    quic=(),
    policy=(":843",),
    stats_bind="127.0.0.1:8404",
    certificates="/etc/haproxy/certificates",
    lua="/etc/haproxy/edge.lua",
    runtime_socket="/run/haproxy/admin.sock",
    version=(3, 0),
    descriptors=20000,
)


def assembled(version, described=DESCRIBED):
    edge = EDGE._replace(version=version, quic=("quic4@:443",) if version > (2, 6) else ())
    return assemble.assemble(edge, [store.Fragment(store.OWNER, described, {})])


def text_of(configuration):
    return render(Configuration(configuration.sections, BANNER))


OURS = text_of(assembled((3, 0)))


class Read(html.parser.HTMLParser):
    """What a browser would see: the elements, and the text of each line."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.lines, self.ids = [], [], {}, set()
        self._line, self._depth, self._skip = None, 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids.add(attributes.get("id"))
        if tag == "a":
            self.links.append(attributes["href"])
        if "data-n" in attributes:
            self._line, self._depth = attributes["data-n"], 0
            self.lines[self._line] = ""
        if self._line:
            self._depth += 1
            self._skip += attributes.get("class") == "msg"

    def handle_endtag(self, tag):
        if self._line:
            self._depth -= 1
            if not self._depth:
                self._line, self._skip = None, 0

    def handle_data(self, data):
        if self._line and not self._skip:
            self.lines[self._line] += data


def shown(text, **arguments):
    return page.render_page(explain.explain(text, **arguments), "edge1")


@pytest.mark.parametrize("version", ["2.6", "3.0", "3.2", "3.4"])
def test_every_keyword_that_we_write_has_its_place_in_the_manual_of_that_version(version):
    configuration = assembled(tuple(int(part) for part in version.split(".")))
    explained = explain.explain(text_of(configuration), version)
    for line in explained.lines:
        if line.words and not line.words[0].startswith("."):
            first = next(mark for mark in line.marks if mark.kind == "keyword")
            assert first.target.startswith(f"https://docs.haproxy.org/{version}/configuration.html#"), line.text
            assert line.text[first.start : first.end].split()[0] == line.words[0]
            place, _dash, keyword = first.target.partition("#")[2].replace("%20", " ").partition("-")
            assert not keyword or keyword in MANUALS[version][place].split("|")


@pytest.mark.parametrize("version", [(2, 6), (3, 0), (3, 2), (3, 4)])
def test_every_directive_that_we_write_has_a_purpose_that_is_explained(version):
    for section in assembled(version).sections:
        for directive in section.directives:
            assert directive.purpose in GOALS, f"{section.header}: {directive.text}"


def test_each_note_is_about_something_that_we_write():
    written = {
        line.text
        for version in ((3, 0), (3, 2))
        for section in assembled(version).sections
        for line in section.directives
    }
    assert [note for note in NOTES if not any(f"{line} ".startswith(f"{note} ") for line in written)] == []


def test_actions_options_and_samples_lead_to_the_manual_too():
    lines = (
        "frontend a\n"
        "    bind :443 ssl crt /x alpn h2\n"
        "    acl b path_beg /b\n"
        "    http-request set-header X-A %[req.hdr(host),lower] if b\n"
        "    use_backend c if { src 10.0.0.0/8 }\n"
        "backend c\n"
        "    server s 10.0.0.1:80 check inter 2s\n"
    )
    links = {link.partition("#")[2] for link in Read(shown(lines, version="3.0")).links}
    assert {
        *("5.1-ssl", "5.1-crt", "7.3.6-path", "4.4-set-header", "7.3.6-req.hdr", "7.3.1-lower", "7.3.3-src", "7.2"),
        *("5.2-check", "5.2-inter", "L3", "backend-c"),
    } <= links


def test_before_3_0_an_action_was_part_of_its_keyword():
    links = Read(shown("frontend a\n    http-request set-header A b\n", version="2.6.12")).links
    assert "https://docs.haproxy.org/2.6/configuration.html#4.2-http-request%20set-header" in links


@pytest.mark.parametrize(
    ("version", "manual"), [("3.0.11", "3.0"), ("3.1.2", "3.0"), ("3.5-dev4", "3.4"), ("2.4.0", "2.6"), ("", "3.4")]
)
def test_the_manual_is_that_of_the_version_or_the_nearest_older_one(version, manual):
    assert explain.explain("global\n", version).manual == manual


def test_links_inside_the_page_lead_somewhere():
    read = Read(shown(OURS, version="3.0"))
    inside = [link for link in read.links if link.startswith("#") and not link.startswith("#goal=")]
    assert inside
    assert [link for link in inside if link[1:] not in read.ids] == []


def test_goals_highlight_their_blocks():
    text = shown(OURS)
    for goal in ("tls", "redirect", "websocket", "flashsocket", "polling", "affinity", "health", "limits"):
        assert f'data-goal="{goal}"' in text
        assert f'value="goal:{goal}"' in text


def test_a_file_of_somebody_else_has_no_annotations():
    foreign = "global\n    # tls\n    maxconn 10\n"
    explained = explain.explain(foreign)
    assert explained.goals == {}
    assert not any(line.note for line in explained.lines)
    assert 'class="note"' not in page.render_page(explained, "edge1")


def path(key, text=OURS):
    return next(path for path in explain.explain(text).paths if path.key == key)


def test_the_way_of_a_websocket_goes_from_its_bind_to_its_servers():
    way = path("chat_websocket", text_of(assembled((3, 0), [DESCRIBED[0]])))
    assert (way.group, way.label) == ("chat", "WebSocket")
    assert [step.kind for step in way.hops] == ["listen", "condition", "backend", "servers"]
    assert way.hops[0].details[0] == ":443 · TLS · h2, http/1.1"
    assert "{ req.hdr(upgrade) -i websocket }" in way.hops[1].title
    assert any("map_beg(/etc/haproxy/routes.map)" in detail for detail in way.hops[1].details)
    assert way.hops[3].details == ("10.0.0.1_3000 10.0.0.1:3000", "10.0.0.2_3000 10.0.0.2:3000")
    lines = OURS.split("\n")
    assert all(lines[number - 1] for step in path("chat_websocket").hops for number in step.lines)


def test_what_a_backend_has_from_named_defaults_is_told_of_it():
    before, since = (text_of(assembled(version, [DESCRIBED[3]])) for version in ((3, 3), (3, 4)))
    for key in ("game_http", "game_polling"):
        old, new = (path(key, text).hops[-2:] for text in (before, since))
        assert [(hop.title, hop.details) for hop in new] == [(hop.title, hop.details) for hop in old]
    assert "balance source" in path("game_polling", since).hops[-2].details


def test_behind_the_entrance_for_flash_the_way_begins_at_the_entrance():
    way = path("old_flashsocket")
    assert [step.kind for step in way.hops] == ["tcp", "listen", "condition", "backend", "servers"]
    assert way.hops[0].title == "frontend flash"
    assert path("old_flashsocket_legacy").hops[0].kind == "tcp"
    # What only leads from the entrance to a frontend is no way of its own.
    assert not [way.key for way in explain.explain(OURS).paths if way.key.startswith("flash:http")]


def test_a_redirect_is_a_way_that_ends_with_an_answer():
    assert path("http").hops[-1].kind == "answer"


def test_a_listen_section_is_a_way_by_itself():
    way = path("db", "listen db\n    bind :5432\n    server a 10.0.0.1:5432\n")
    assert [step.kind for step in way.hops] == ["listen", "backend", "servers"]


def test_what_looks_like_html_is_shown_and_never_run():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"
    text = (
        f"# {evil}\nfrontend {evil}\n    # {evil}\n    default_backend {evil}\n    acl a path {evil}\n"
        f'backend "><script>alert(2)</script>\n    server {evil} 10.0.0.1:80\n'
    )
    made = page.render_page(
        explain.explain(text, messages=[("ALERT", evil, 3), ("WARNING", evil, 0)], owners={evil.split()[0]: evil}),
        evil,
        [evil],
        refused=True,
    )
    read = Read(made)
    assert read.tags.count("script") == 2, "ours, and the block of data"
    assert "img" not in read.tags
    assert list(read.lines.values()) == text.rstrip("\n").split("\n")


def test_a_name_in_the_data_of_the_ways_ends_no_script():
    evil = "a</script><img/src=x>"
    made = shown(
        f"frontend {evil}\n    bind :80\n    default_backend {evil}\nbackend {evil}\n    server a 10.0.0.1:80\n"
    )
    read = Read(made)
    assert "img" not in read.tags
    assert json.loads(re.search(r'id="ways">(.*?)</script>', made, re.DOTALL)[1])[0]["title"].endswith(evil)


def test_what_was_said_once_is_not_said_again():
    made = shown(OURS)
    said = [*NOTES.values(), *(f"<p>{text}</p>" for _title, text in GOALS.values() if text)]
    assert max(html.unescape(made).count(text) for text in said) == 1


def test_sections_and_names_that_come_twice_are_told_apart():
    made = shown(
        "defaults\n    mode http\ndefaults\n    mode tcp\nfrontend a\n    acl b path /\n    acl b path /c\n    monitor fail if b\n"
    )
    assert [made.count(f'id="defaults{more}"') for more in ("", "-2")] == [1, 1]
    assert 'href="#L6"' in made


def test_a_file_that_is_refused_without_a_word_is_refused():
    assert "HAProxy refuses this file" in page.render_page(explain.explain("global\n"), "e", (), True)


def test_the_policy_allows_this_style_and_this_script_alone():
    made = shown(OURS)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)[1]
    assert policy.startswith("default-src 'none'")
    for element in ("style", "script"):
        content = re.search(rf"<{element}>(.*?)</{element}>", made, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert " style=" not in made
    assert not re.search(r"\son[a-z]+=", made)
    assert not re.search(r"<(?!a )\w[^>]*(?:src|href)=(?!\"data:)", made)


def test_messages_of_haproxy_stand_at_their_lines():
    made = page.render_page(
        explain.explain("global\n    maxcon 5\n", messages=[("ALERT", "unknown keyword 'maxcon'", 2)]), "e", (), True
    )
    assert "HAProxy refuses this file" in made
    line = re.search(r'<span class="line bad" id="L2".*', made)[0]
    assert "unknown keyword &#x27;maxcon&#x27;" in line
    assert 'href="#L2"' in made


@pytest.mark.parametrize(
    "line",
    [
        "    user admin password $6$SECRET/hash",
        '    user admin insecure-password "SECRET with blanks" groups ops',
        "    stats auth admin:SECRET",
        "    setenv API_TOKEN SECRET",
        "    presetenv DB_PASSWORD 'SECRET text'",
        "    dynamic-cookie-key SECRET",
        "    cluster-secret SECRET",
        '    http-request set-header Authorization "Basic SECRET" if { path /a }',
        "    http-request set-header X-Api-Key SECRET",
        "    http-check send meth GET uri / hdr Authorization Basic\\ SECRET",
        "    option httpchk GET http://user:SECRET@host/",
        "    acl known req.hdr(authorization) -m str SECRET SECRET2",
        '    http-request deny unless { req.hdr(X-Api-Key) -m str "SECRET" }',
        "    http-request deny unless { http_auth_bearer -m str SECRET }",
        "    http-request set-var(txn.ok) req.hdr(x),hmac(sha256,SECRET),hex",
        '    http-request deny unless { var(txn.t),jwt_verify(txn.alg,"SECRET") 1 }',
        "    http-request set-var(txn.secret) str(SECRET)",
        "    http-request redirect location /x?token=SECRET&a=b",
        "    set-var proc.token str(SECRET)",
        "    # stats auth old:SECRET",
        "    acl known req.hdr(authorization) -m str long-SECRET-indeed SECRET",
    ],
)
def test_secrets_are_masked(line):
    made = shown(f"frontend a\n{line}\n")
    assert "SECRET" not in made
    assert "********" in made


def test_a_message_that_quotes_a_secret_does_not_tell_it():
    text = "userlist u\n    user admin insecure-password S3CRET bogus\n"
    explained = explain.explain(text, messages=[("ALERT", "unknown 'bogus' after 'S3CRET'", 2)])
    assert explained.problems == [("ALERT", "unknown 'bogus' after '********'", 2)]
    assert "S3CRET" not in page.render_page(explained, "e")


def test_what_contributors_wrote_is_marked():
    written = store.Fragment("shop", [], {"frontend": {"https": {"http-request": "deny if { path /x }"}}})
    described = store.Fragment("blog", [{"name": "blog", "hosts": ["b.example.com"], "servers": NODES}], {})
    owner = store.Fragment(store.OWNER, DESCRIBED[:1], {})
    configuration = assemble.assemble(EDGE, [owner, written, described])
    explained = explain.explain(text_of(configuration), owners={"blog": "blog"})
    owned = {line.owner: line.text.strip() for line in explained.lines if line.owner and line.words}
    assert owned["shop"] == "http-request deny if { path /x }"
    assert {part.name for part in explained.parts if any(line.owner == "blog" for line in part.lines)} == {
        "blog_http",
        "blog_polling",
        "blog_websocket",
    }
    assert "fragment shop" not in explained.goals
    assert 'value="owner:shop"' in page.render_page(explained, "edge1")


def test_without_comments_nothing_says_what_a_line_is_for():
    bare = render(replace(assembled((3, 0)), banner=BANNER, comments=False))
    assert not [line for line in bare.split("\n")[1:] if "#" in line]
    assert explain.explain(bare).goals == {}


@pytest.mark.parametrize(
    "text", ["", "\n", "frontend", "bind", '"', "a 'b", "\\", "backend b\\\n", "acl", "{ %[", "\x00\r"]
)
def test_what_is_no_configuration_is_shown_too(text):
    assert "</html>" in shown(text)


WORDS = st.sampled_from(
    "frontend backend listen peers # \" ' \\ { } if acl use_backend %[src] stick match var(a) bind ssl %[ ( , a \t <b> & -".split()
)


@given(st.lists(st.lists(WORDS, max_size=7), max_size=9), st.text(max_size=40))
def test_every_line_is_shown_as_it_is(lines, more):
    text = "\n".join([*(" ".join(words) for words in lines), re.sub(r"[\r\x00]", "", more)])
    read = Read(shown(text))
    expected = text.split("\n")
    if not expected[-1]:
        expected.pop()
    assert list(read.lines.values()) == expected


def test_a_page_is_written_where_it_differs_and_keeps_its_mode(tmp_path):
    dest = tmp_path / "page.html"
    assert explain_file.write_page(str(dest), "<p>", check_mode=True)
    assert not dest.exists()
    assert explain_file.write_page(str(dest), "<p>", check_mode=False)
    assert not explain_file.write_page(str(dest), "<p>", check_mode=False)
    dest.chmod(0o600)
    assert explain_file.write_page(str(dest), "<q>", check_mode=False)
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == ("<q>", 0o600)


def test_a_page_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(EdgeError, match=r"^dest: .*/none/page.html cannot be written: No such file or directory$"):
        explain_file.write_page(str(tmp_path / "none" / "page.html"), "<p>", check_mode=False)
