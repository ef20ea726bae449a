"""The page of the edge, in a real browser: it shows, follows and explains, alone and for everybody."""

from __future__ import annotations

import gzip
import html
import json
import re

import pytest

testinfra_hosts = ["ansible://edges"]


def look(browser, page, *options):
    """What the browser saw of a page on this machine."""
    there = f"/tmp/{page.name}"
    browser.ansible("copy", f"src={page} dest={there} mode=0644", check=False, become=False)
    done = browser.run(" ".join(("node /srv/browser/explain.js --page", there, *options)))
    assert done.rc == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def explain(edge, browser, tmp_path, text, *options):
    """Explain a file that is not the deployed one: what the module said, the page, what the browser saw."""
    edge.host.check_output("printf %%s %s > /root/other.cfg", text)
    said = edge.module("haproxy_explain", path="/root/other.cfg", title="other")
    assert "html" in said, said
    page = tmp_path / "other.html"
    page.write_text(said["html"], encoding="utf-8")
    return said, said["html"], look(browser, page, *options)


@pytest.fixture(scope="module")
def page(play, tmp_path_factory):
    """The page of the deployed file, as the playbook writes it."""
    folder = tmp_path_factory.mktemp("explained")
    done = play({"explain_folder": str(folder)}, playbook="explain")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "observability-edge.html"


@pytest.fixture(scope="module")
def seen(browser, page):
    """What the browser saw of it."""
    return look(browser, page)


def test_it_works_from_a_file_and_fetches_nothing(seen):
    assert seen["fetched"] == []
    assert seen["troubles"] == []
    assert seen["title"].startswith("observability-edge")


def test_it_shows_the_deployed_file(edge, seen):
    assert seen["lines"] == edge.host.file("/etc/haproxy/haproxy.cfg").content_string.count("\n")


def test_every_goal_can_be_highlighted(edge, seen):
    goals = {choice: state for choice, state in seen["goals"].items() if choice.startswith("goal:")}
    assert {"goal:tls", "goal:redirect", "goal:websocket", "goal:polling", "goal:flashsocket", "goal:affinity"} <= set(
        goals
    )
    for choice, state in goals.items():
        assert state["on"] > 0, choice
        assert state["shown"], f"{choice}: nothing highlighted is in the window"
        assert state["address"] == f"#{choice.replace(':', '=', 1).replace('/', '%2F')}"
        assert state["said"], choice
        assert state["dimmed"] != seen["begin"]["dimmed"], f"{choice}: the rest does not step back"


def test_the_ways_of_requests_are_drawn(seen):
    ways = {choice[5:]: state for choice, state in seen["goals"].items() if choice.startswith("path:")}
    assert {"chat_http", "chat_polling", "chat_websocket", "chat_flashsocket"} <= set(ways)
    for name, state in ways.items():
        assert len(state["ways"]) == 1, name
        assert state["on"] >= state["ways"][0], f"{name}: each station has a line"
    # Flash looks at the first bytes before anything else.
    assert ways["chat_websocket"]["ways"] == [5]


def test_it_can_be_used_by_keyboard(seen):
    first, second, out = seen["keyboard"]
    assert first["chosen"].startswith("goal:")
    assert second["chosen"].startswith("goal:")
    assert first["chosen"] != second["chosen"]
    assert second["on"] > 0
    assert (out["chosen"], out["on"], out["said"]) == ("all:", 0, "")


def test_an_address_chooses_what_is_highlighted(seen):
    assert seen["addresses"]["#goal=websocket"]["chosen"] == "goal:websocket"
    assert seen["addresses"]["#goal=websocket"]["shown"]
    assert seen["addresses"]["#path=chat_polling"]["ways"] == [5]
    assert seen["addresses"]["#goal=nothing"]["chosen"] == "all:"


def test_each_keyword_leads_to_its_place_in_the_manual_of_this_version(edge, seen):
    # What the package brings: the text that docs.haproxy.org is made from.
    manual = gzip.decompress(edge.host.file("/usr/share/doc/haproxy/configuration.txt.gz").content).decode()
    summary, text = manual.split("\n1. Quick reminder about HTTP\n", 1)
    contents = set(re.findall(r"^(\d+(?:\.\d+)*)\.? +\S", summary, re.MULTILINE))
    starts = [(found[1], found.start()) for found in re.finditer(r"^(\d+(?:\.\d+)*)\. .+\n-+$", text, re.MULTILINE)]
    ends = [start for _section, start in starts[1:]] + [len(text)]
    bodies = {section: text[start:end] for (section, start), end in zip(starts, ends)}
    assert len(seen["links"]) > 100
    for words, address in seen["links"]:
        site, _hash, anchor = address.partition("#")
        assert site == "https://docs.haproxy.org/3.0/configuration.html"
        section, _dash, keyword = anchor.replace("%20", " ").partition("-")
        assert section in contents, f"{words}: the manual has no section {section}"
        if keyword:
            assert re.search(rf"(?m)^{re.escape(keyword)}\b", bodies[section]), f"{section} does not describe {keyword}"


def test_it_has_no_serious_fault_for_people_with_disabilities(seen):
    assert len(seen["faults"]) == 6
    serious = {
        where: [fault for fault in faults if fault["impact"] in ("serious", "critical")]
        for where, faults in seen["faults"].items()
    }
    assert not any(serious.values()), serious


def test_it_fits_a_telephone(seen):
    assert seen["overflows"] <= 0


def test_what_looks_like_html_is_shown_and_not_run(edge, browser, tmp_path):
    evil = "<script>window.ran=1;alert(1)</script><img/src=x onerror=window.ran=2>"
    lines = ("# ?", "frontend ?", "    # ?", "    acl ? path ?", "    default_backend ?", "backend ?", "")
    text = "\n".join(lines).replace("?", evil)
    _said, page, seen = explain(edge, browser, tmp_path, text, "--quick")
    assert html.escape(evil) in page
    assert (seen["ran"], seen["dialogs"], seen["fetched"], seen["troubles"]) == (None, [], [], [])


def test_a_file_that_haproxy_refuses_has_the_message_at_its_line(edge, browser, tmp_path):
    text = "global\n    maxcon 5\n\nfrontend a\n    bind :8081\n    mod http\n"
    said, page, seen = explain(edge, browser, tmp_path, text, "--quick")
    assert said["refused"]
    assert [problem.split(":")[0] for problem in said["problems"]] == ["line 2", "line 6"]
    for number, word in ((2, "maxcon"), (6, "mod")):
        (line,) = re.findall(rf'id="L{number}" .*?</span></span>', page)
        assert f"unknown keyword &#x27;{word}&#x27;" in line
    assert seen["troubles"] == []


def test_a_file_of_somebody_else_is_explained_by_the_manual_alone(edge, browser, tmp_path):
    text = "listen web\n    mode http\n    bind :8081\n    stats auth admin:SECRET\n    server a 10.0.0.1:80 check\n"
    said, page, _seen = explain(edge, browser, tmp_path, text, "--quick")
    assert (said["goals"], said["paths"], said["changed"]) == ([], ["web"], False)
    assert "3.0/configuration.html#4.2-stats%20auth" in page
    assert "SECRET" not in json.dumps(said)


def test_a_file_that_is_not_there_is_told(edge):
    said = edge.module("haproxy_explain", path="/none/haproxy.cfg")
    assert said["msg"] == "path: /none/haproxy.cfg cannot be read: No such file or directory"
