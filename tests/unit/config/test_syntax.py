"""HAProxy's text is read and written without losing or gaining anything."""

import re
import string

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import diff, syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.keywords import is_keyword
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
    Directive,
    Section,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.words import quote, split, unquote
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report.manual_data import MANUALS
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.text(alphabet=string.printable.replace("\x0b", "").replace("\x0c", "").replace("\n", "").replace("\r", ""))
KEYWORDS = st.from_regex(r"\A[a-z][a-z0-9_.-]{0,20}\Z").filter(lambda word: word not in syntax.SECTIONS)
PURPOSES = st.sampled_from(["", "tls", "affinity", "health check", "two\nlines", "two\n\nparts"])
DIRECTIVES = st.builds(Directive, KEYWORDS, st.lists(WORDS.map(quote), max_size=4).map(tuple), PURPOSES, st.just(""))
SECTIONS = st.builds(
    Section,
    st.sampled_from(["frontend", "backend", "listen", "peers"]),
    KEYWORDS,
    st.lists(DIRECTIVES, max_size=6).map(tuple),
)


@given(st.lists(SECTIONS, max_size=4).map(lambda found: Configuration(tuple(found))))
def test_what_is_rendered_is_read_back(configuration):
    assert syntax.parse(syntax.render(configuration)) == configuration


@given(WORDS)
def test_a_quoted_value_is_one_word_and_means_itself(value):
    (word,) = split(quote(value))
    assert unquote(word) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server a 10.0.0.1:80 check", ["server", "a", "10.0.0.1:80", "check"]),
        (
            "set-header X %[src]\tif  { src 10.0.0.0/8 }",
            ["set-header", "X", "%[src]", "if", "{", "src", "10.0.0.0/8", "}"],
        ),
        ('string "a b" c', ["string", '"a b"', "c"]),
        (r"a\ b 'c \' d", [r"a\ b", r"'c \'", "d"]),
        (r'"a \" b"', [r'"a \" b"']),
        (r"x\#y", [r"x\#y"]),
    ],
)
def test_words_keep_their_spelling(text, words):
    assert split(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nuser root", "line break"),
        ("a\x00b", "control character"),
        ("redirect location /a#b", "comment"),
        ('string "never closed', "never closed"),
        ("ends with \\", "backslash"),
    ],
)
def test_what_would_become_something_else_is_refused(text, said):
    with pytest.raises(ConfigurationError, match=said):
        split(text)


def test_a_file_that_people_wrote_is_understood():
    configuration = syntax.parse(
        """
# Our edge
global
  maxconn 100 # enough

defaults web
  timeout client 5s

frontend main from web
  # who may come in
  acl inside src 10.0.0.0/8 192.168.0.0/16
  use_backend 'app' if inside
"""
    )
    assert [section.header for section in configuration.sections] == [
        "global",
        "defaults web",
        "frontend main from web",
    ]
    main = configuration.section("frontend", "main")
    assert main.directives[0] == Directive("acl", ("inside", "src", "10.0.0.0/8", "192.168.0.0/16"), "who may come in")
    assert configuration.sections[0].directives[0].text == "maxconn 100"


def test_a_broken_file_is_told_by_its_line():
    with pytest.raises(ConfigurationError, match="line 3: the quote"):
        syntax.parse("global\n  maxconn 5\n  log 'a b\n")


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        (r"a\ b", "a b"),
        (r"\\1\1", r"\1\1"),
        (r"\t\x41\x4g", "\tA\\x4g"),
        (r"'a\b $x'", r"a\b $x"),
        (r'"a\"b\$c\\d"', r'a"b$c\d'),
        (r"\$a", r"\$a"),
        ("a'b'\"c\"", "abc"),
        (r"\#\'\"", "#'\""),
    ],
)
def test_a_word_means_what_haproxy_makes_of_it(word, meaning):
    assert unquote(word) == meaning


@pytest.mark.parametrize("blank", ["\u00a0", "\u2028", "\u0085", "\u3000"])
def test_only_haproxys_blanks_are_blanks(blank):
    assert split(f"a b{blank}c") == ["a", f"b{blank}c"]
    assert syntax.parse(f"global\n log {blank}a\n").sections[0].directives[0].arguments == (f"{blank}a",)


def test_what_haproxy_reads_is_read_the_same():
    # There is no continuation of lines; a carriage return ends one; a form feed is a blank.
    text = "global\r\n  log a \\\r\n\tlog\fb # c\n  log 'x # y'z\\ w\n"
    assert [line.text for line in syntax.parse(text).sections[0].directives] == [
        "log a \\",
        "log b",
        "log 'x # y'z\\ w",
    ]


def test_a_section_that_is_not_known_yet_is_one_in_a_text_of_ours_only():
    sections = (Section("global"), Section("novelty", "x", (Directive("deep", ("blue",)),)))
    configuration = Configuration(sections, banner=syntax.BANNER)
    text = syntax.render(configuration)
    assert syntax.parse(text) == configuration
    assert "novelty" in diff.compare("", text, "x", "MARKER")[1]["after_header"]
    with pytest.raises(ConfigurationError, match=r"^line 4: 'novelty' is no section or keyword that is known here"):
        syntax.parse("# mine\nglobal\n\nnovelty x\n    deep blue\n")
    assert len(syntax.parse("global\n  novelty x\n").sections[0].directives) == 1


def test_a_keyword_that_is_not_indented_begins_no_section():
    (found,) = syntax.parse("global\ndaemon\n\nmaxconn 100\n  log 127.0.0.1 local0\n").sections
    assert [line.text for line in found.directives] == ["daemon", "maxconn 100", "log 127.0.0.1 local0"]
    (found,) = syntax.parse("backend a\nserver b 10.0.0.1:80\n\nbalance first\n  retries 3\n").sections
    assert [line.keyword for line in found.directives] == ["server", "balance", "retries"]


def test_every_keyword_of_the_manuals_is_known():
    chapters = re.compile(r"3\.|4\.2|5\.3\.2|10\.1|11\.|12\.").match
    for sections in MANUALS.values():
        words = {name.split()[0] for chapter in filter(chapters, sections) for name in sections[chapter].split("|")}
        mistaken = {"tcp-resposne"}
        assert [word for word in words - syntax.SECTIONS - mistaken if not is_keyword(word)] == []


ESCAPED = r"acl java hdr_beg(user-agent) Java\ "


def test_an_escaped_blank_at_the_end_of_a_line_stays():
    configuration = syntax.parse(f"frontend a\n  {ESCAPED} \n")
    assert configuration.sections[0].directives[0].text == ESCAPED
    assert f"    {ESCAPED}\n" in syntax.render(configuration)
    for body in ({"acl": "java hdr_beg(user-agent) Java\\ "}, {"acl": "java hdr_beg(user-agent) Java\\ \n"}, [ESCAPED]):
        assert from_data({"frontend": {"a": body}}) == configuration
    assert from_data(to_data(configuration)) == configuration
    (section,) = from_data({"backend": {"a": {"server": [{"name": "a", "cookie": "b\\ "}]}}}).sections
    assert section.directives[0].text == "server a cookie b\\ "


# Lines as HAProxy 3.0.11 reads them (`haproxy -dC -c -f`).
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"log a\rb", "log a"),
        (b"\r log a", "log a"),
        (b"log \r a", "log a"),
        (b"log a\\ \rb", "log a\\ "),
        (b"log a\\", "log a\\"),
        (b"log a\\\r\n", "log a\\"),
        (b"log\x0ba\x0c", "log a"),
        ("log a\u2028b \u0085 \u00a0".encode(), "log a\u2028b \u0085 \u00a0"),
        (b"log caf\xe9", "log caf\udce9"),
    ],
)
def test_a_line_is_what_haproxy_reads(line, words):
    (section,) = syntax.parse(b"global\n  %s\n".replace(b"%s", line).decode(errors="surrogateescape")).sections
    assert [directive.text for directive in section.directives] == [words]


@pytest.mark.parametrize("text", ["log 'a\rb'", 'log "a\r"', "log a\0b", "# a\0"])
def test_what_no_haproxy_reads_is_told_by_its_line(text):
    with pytest.raises(ConfigurationError, match=r"^line 2: "):
        syntax.parse(f"global\n{text}\n")


def test_bytes_of_a_file_can_be_shown():
    (shown,) = diff.compare("global\n  log caf\udce9\n", "global\n", "x", "MARKER")
    assert shown["before"] == "global\n    log caf\\xe9\n"
    with pytest.raises(ConfigurationError) as raised:
        to_data(syntax.parse("global\n  log caf\udce9\n"))
    assert r"`log caf\xe9` cannot be written in YAML" in str(raised.value)


def test_comments_stay_or_are_named():
    text = """# nothing follows

# nor here
global
  ####
  # why
  #
  # and how
  ####
  maxconn 100 # enough
  maxpipes 5

  # lost

  maxconnrate 5
  # last
"""
    configuration, lost = syntax.read(text)
    purposes = [line.purpose for line in configuration.sections[0].directives]
    assert purposes == ["why\n\nand how\nenough", "why\n\nand how", ""]
    assert lost == (1, 3, 13, 16)
    assert "    # why\n    #\n    # and how\n    # enough\n    maxconn 100\n" in syntax.render(configuration)
    assert syntax.parse(syntax.render(configuration)) == configuration
    assert from_data(to_data(configuration)) == configuration
    assert syntax.read(f"# {syntax.BANNER}\n\nglobal\n").lost_comments == ()


def test_data_and_back():
    data = {
        "global": {"maxconn": 5000},
        "defaults": {"timeout": {"connect": "5s", "client": "60s"}, "option": ["httplog", "dontlognull"]},
        "frontend": {"metrics": {"bind": "127.0.0.1:8404", "stats": ["enable", "uri /"]}},
        "backend": {"api from web": {"server": [{"name": "a", "address": "2001:db8::1", "port": 80, "check": True}]}},
    }
    first = from_data(data)
    assert from_data(to_data(first)) == first
