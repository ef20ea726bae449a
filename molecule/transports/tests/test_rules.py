"""No rule of a service is there by habit: without any one of them something stops working."""

from __future__ import annotations

import copy
import re

testinfra_hosts = ["ansible://edges"]

SERVICE = re.compile(r"\bg(09|1|2|3|4|4cookie)(?![0-9a-z.])")

# What the sections of services say about Socket.IO; the same line of all services counts as one rule.
SECTION = re.compile(r"frontend https$|backend NAME_")
RULE = re.compile(
    r"acl (?!NAME_host)|http-request (set-var\(txn|pause|lua)|use_backend |tcp-response |stick (match|store)|cookie "
)

# Quick cells, which tell most in the least time: (generation, transport, backends that serve it).
CELLS = [
    ("4", "polling", {"polling"}),
    ("1", "polling", {"polling"}),
    ("4", "upgrade", {"polling", "websocket"}),
    ("4", "upgrade, cookie", {"polling", "websocket"}),
    ("0.9", "jsonp-polling", {"polling"}),
    ("0.9", "websocket", {"polling", "websocket"}),
    ("0.9", "flashsocket", {"polling", "flashsocket"}),
]

# So many sessions that they do not end up on their nodes by chance.
QUICKLY = ["--quick", "--sessions", "12", "--timeout", "8"]

# Rules whose purpose takes more than a quick cell, and what shows it.
SHOWN_ELSEWHERE = {
    "wait_for_table": "test_a_reload_loses_no_polling_session, in the scenario default",
    "http-request pause": "test_a_reload_loses_no_polling_session, in the scenario default",
    "set-var(txn.path)": "test_a_session_can_be_followed_in_the_log, in the scenario observed",
    "accept if !": "none: it spares the answers of polls the wait for a body that only handshakes need",
}


def lines(text):
    """Yield each line of the file with the rule in it: (section, line) with NAME for the service, or None."""
    section = ""
    for line in text.splitlines():
        general = SERVICE.sub("NAME", line).strip()
        if line and not line.startswith((" ", "#")):
            section = general
        yield line, (section, general) if SECTION.match(section) and RULE.match(general) else None


def without(text, taken):
    """Take a rule out of the file, in whichever service it is."""
    return "".join(f"{line}\n" for line, rule in lines(text) if rule != taken)


def first_red(edge, attempt):
    """What does not work through this edge, or nothing."""
    ordinary = copy.copy(edge)
    ordinary.name = "g4.test"
    if (status := ordinary.get("/healthz").status) != 200:
        return f"an ordinary request: status {status}"
    for generation, transport, wanted in CELLS:
        result = attempt(edge, generation, transport, *QUICKLY)
        if not result["works"]:
            return f"{generation} {transport}: {result['error'].splitlines()[0]}"
        if set(result["backends"]) != {f"{result['service']}_{name}" for name in wanted}:
            return f"{generation} {transport}: served by {', '.join(result['backends'])}"
    return None


def test_taking_out_any_rule_turns_a_cell_red(edge, second_edge, attempt):
    assert first_red(second_edge(lambda text: text), attempt) is None, "with all rules everything has to work"
    text = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    needed, idle = [], []
    for rule in dict.fromkeys(rule for _, rule in lines(text) if rule):
        try:
            second = second_edge(lambda text, rule=rule: without(text, rule))
        except AssertionError:
            red = "HAProxy refuses the file"  # other lines need this one
        else:
            red = first_red(second, attempt)
        print(f"{rule[0]}: {rule[1]}\n    {red or 'nothing turned red'}")
        if red:
            needed.append(rule)
        elif not any(word in rule[1] for word in SHOWN_ELSEWHERE):
            idle.append(rule)
    assert len(needed) > 15, "the rules were not found in the file"
    assert not idle
