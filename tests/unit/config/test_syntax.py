"""HAProxy's text is read and written without losing or gaining anything."""

import string

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import syntax
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (
    Configuration,
    ConfigurationError,
    Directive,
    Section,
)
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.words import quote, split, unquote
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.text(alphabet=string.printable.replace("\x0b", "").replace("\x0c", "").replace("\n", "").replace("\r", ""))
KEYWORDS = st.from_regex(r"\A[a-z][a-z0-9_.-]{0,20}\Z").filter(lambda word: word not in syntax.SECTIONS)
PURPOSES = st.sampled_from(["", "tls", "affinity", "health check"])
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


def test_a_section_that_is_not_known_yet_is_told_by_its_looks():
    configuration = Configuration((Section("global"), Section("novelty", "x", (Directive("deep", ("blue",)),))))
    assert syntax.parse(syntax.render(configuration)) == configuration
    (found,) = syntax.parse("backend a\nserver b 10.0.0.1:80\n\nbalance first\nretries 3\n").sections
    assert [line.keyword for line in found.directives] == ["server", "balance", "retries"]
    (found,) = syntax.parse("backend a\nbalance first\n  retries 3\n").sections
    assert [line.keyword for line in found.directives] == ["balance", "retries"]


def test_data_and_back():
    data = {
        "global": {"maxconn": 5000},
        "defaults": {"timeout": {"connect": "5s", "client": "60s"}, "option": ["httplog", "dontlognull"]},
        "frontend": {"metrics": {"bind": "127.0.0.1:8404", "stats": ["enable", "uri /"]}},
        "backend": {"api from web": {"server": [{"name": "a", "address": "2001:db8::1", "port": 80, "check": True}]}},
    }
    first = from_data(data)
    assert from_data(to_data(first)) == first
