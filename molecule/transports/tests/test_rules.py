"""No rule of a service is there by habit: without any one of them something stops working."""

from __future__ import annotations

import copy
import json
import re

from resources.engineio import GENERATIONS, Client, PollingChannel, make_context, read_target

testinfra_hosts = ["ansible://edges"]

SERVICE = re.compile(r"\bg(09|1|2|3|4|4cookie)(?![0-9a-z.])")

# What the sections of services say about Socket.IO; the same line of all services counts as one rule. Not of these:
# headers and origins (scenario security asks for them), and the first look-up of a route, which only spares most
# requests the second.
SECTION = re.compile(r"frontend https$|backend NAME_")
RULE = re.compile(
    r"http-request (set-var\(txn\.(?!path|cors|odd|route\) base,)|lua)"
    r"|use_backend |tcp-response |stick (match|store)|cookie "
)
# A rule for requests that stands in the backends of several transports counts as one.
TRANSPORT = re.compile(r"(?<=backend NAME_)(polling|websocket|flashsocket)$")

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

# On the edge: sends a packet of each session, and lets the edge know the session only when no answer has come for a
# while. Tells what was answered.
LATE = """
import json, socket, ssl, sys
port, admin, sessions = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
answers = []
for sid, server in sessions:
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="g4.test") as users:
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        users.sendall(f"POST {path} HTTP/1.1\\r\\nHost: g4.test\\r\\nContent-Length: 2\\r\\n\\r\\n40".encode())
        try:
            users.settimeout(0.1)
            answer = users.recv(4096)
        except TimeoutError:
            with socket.socket(socket.AF_UNIX) as operators:
                operators.connect(admin)
                operators.sendall(f"set table affinity/g4 key {sid} data.server_id {server}\\n".encode())
                operators.recv(100)
            users.settimeout(30)
            answer = users.recv(4096)
        answers.append(answer.decode()[9:12])
print(json.dumps(answers))
"""


def lines(text):
    """Yield each line of the file with the rule in it: (section, line) with NAME for the service, or None."""
    section = ""
    for line in text.splitlines():
        general = SERVICE.sub("NAME", line).strip()
        if line and not line.startswith((" ", "#")):
            section = general
        of = TRANSPORT.sub("TRANSPORT", section) if general.startswith("http-request ") else section
        yield line, (of, general) if SECTION.match(section) and RULE.match(general) else None


def without(text, taken):
    """Take a rule out of the file, in whichever service it is."""
    return "".join(f"{line}\n" for line, rule in lines(text) if rule != taken)


def learned_late(edge, second):
    """What is answered on a second edge to sessions that it hears of late, as from its predecessor after a reload."""
    place = read_target("https://g4.test/", edge.address, context=make_context(ca_path=str(edge.ca)))
    known = {}
    for _ in range(12):
        with Client(place) as client:
            known[PollingChannel(client, GENERATIONS["4"]).sid] = None
    for sid, server in re.findall(r"key=(\S+) .*server_id=(\d+)", edge.ask("show table affinity/g4")):
        if sid in known:
            known[sid] = server
    # In an order that taking turns does not follow.
    sessions = json.dumps(sorted(known.items(), key=lambda session: session[1]))
    admin = f"{second.sockets}/admin.sock"
    return json.loads(edge.host.check_output("python3 -c %s %s %s %s", LATE, str(second.port), admin, sessions))


def first_red(edge, second, attempt):
    """What does not work through the second edge, or nothing; the first one has all rules."""
    ordinary = copy.copy(second)
    ordinary.name = "g4.test"
    if (status := ordinary.get("/healthz").status) != 200:
        return f"an ordinary request: status {status}"
    if (status := ordinary.get("/socket.io/socket.io.js").status) != 200:
        return f"the client's script: status {status}"
    for generation, transport, wanted in CELLS:
        result = attempt(second, generation, transport, *QUICKLY)
        if not result["works"]:
            return f"{generation} {transport}: {result['error'].splitlines()[0]}"
        if set(result["backends"]) != {f"{result['service']}_{name}" for name in wanted}:
            return f"{generation} {transport}: served by {', '.join(result['backends'])}"
    # Both backends may have taken the same turns, and sessions came to their nodes without a rule: now they do not.
    cookie = copy.copy(second)
    cookie.name = "g4cookie.test"
    cookie.get("/socket.io/?EIO=4&transport=websocket", Connection="upgrade", Upgrade="websocket")
    if not (result := attempt(second, "4", "upgrade, cookie", *QUICKLY))["works"]:
        return f"4 upgrade, cookie: {result['error'].splitlines()[0]}"
    answers = learned_late(edge, second)
    return f"sessions that are learned late: {answers}" if set(answers) != {"200"} else None


def test_taking_out_any_rule_turns_a_cell_red(edge, second_edge, attempt):
    assert first_red(edge, second_edge(lambda text: text), attempt) is None, "with all rules everything has to work"
    text = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
    needed, idle = [], []
    for rule in dict.fromkeys(rule for _, rule in lines(text) if rule):
        try:
            second = second_edge(lambda text, rule=rule: without(text, rule))
        except AssertionError:
            red = "HAProxy refuses the file"  # other lines need this one
        else:
            red = first_red(edge, second, attempt)
        print(f"{rule[0]}: {rule[1]}\n    {red or 'nothing turned red'}")
        if red:
            needed.append(rule)
        else:
            idle.append(rule)
    assert len(needed) > 15, "the rules were not found in the file"
    assert not idle
