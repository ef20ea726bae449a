"""A change of a live HAProxy ends in the state and the routing of a process that starts with the same file.

Each pair is the configuration of before and a random change of it. The seed is the same every day; with
REALTIME_EDGE_SEED and REALTIME_EDGE_PAIRS in the environment, the test tries others.
"""

import difflib
import hashlib
import os
import random
import re
import socket
import ssl
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli, servers
from live import LiveEdge, Node, every_version, free_port, get, wait_for

PAIRS = int(os.environ.get("REALTIME_EDGE_PAIRS", "300"))
SEED = int(os.environ.get("REALTIME_EDGE_SEED", "1"))
NODES = ("n1", "n2", "n3", "n4", "n5")
BALANCE = ("roundrobin", "leastconn", "first", "source", "hdr(x-key)", "uri")
OPTIONS = (
    "check", "no-check", "check inter 1s", "backup", "no-backup", "disabled", "enabled", "weight 0", "weight 2", "maxconn 5",
    "maxconn 9", "cookie {name}", 'cookie "{name} x"', "id 77{number}", "no-check check", "check no-check", "slowstart 0",
    "on-marked-down shutdown-sessions", "error-limit 3", "inter 5s", "no-ssl", "pool-purge-delay 3s",
)  # fmt: skip
VALUES = ("weight 0", "weight 1", "weight 3", "maxconn 4", "maxconn 8", "disabled", "enabled")
LEVELS = ("check", "no-check", "maxconn 7", "weight 3", "inter 2s", "check inter 3s", "backup", "no-backup", "disabled")


class Generator:
    """Make random texts, and change them a little."""

    def __init__(self, seed, folder, nodes, pems):
        self.random, self.folder, self.nodes, self.pems = random.Random(seed), folder, nodes, pems
        self.port, self.tls = free_port(), free_port()
        (folder / "certificates").mkdir()

    def some(self, words, chance=0.5):
        return self.random.choice(words) if self.random.random() < chance else ""

    def server(self, name):
        options = [self.some(OPTIONS, 0.35).format(name=name, number=name[1:]) for _ in range(3)]
        quoted = f'"{name}"' if self.random.random() < 0.05 else name
        address = self.nodes[name].address
        if self.random.random() < 0.05:  # one that only a reload can change
            address = address.replace("127.0.0.1", "localhost")
        return " ".join(filter(None, [quoted, address, *options]))

    def backend(self):
        names = self.random.sample(NODES, self.random.randint(1, 5))
        return {
            "balance": self.random.choice(BALANCE[: self.random.choice((3, 6))]),
            "hash-type": self.some(("consistent", "consistent sdbm", "map-based"), 0.8),
            "default-server": self.some(LEVELS, 0.3),
            "option": self.some(("allbackups",), 0.2),
            "cookie": self.some(("NODE insert indirect nocache",), 0.3),
            "from": self.some(("base", "upper"), 0.4),
            "use-server": self.some(("n1 if { path /u }", "n2 if { path /u }"), 0.1),
            "kind": self.some(("listen",), 0.2) or "backend",
            "servers": [self.server(name) for name in names],
        }

    def begin(self):
        self.state = {
            "upper": self.some(LEVELS, 0.4),
            "base": self.some(LEVELS, 0.4),
            "last": self.some(LEVELS, 0.3),
            "queue": "5s",
            "one": self.backend(),
            "two": self.backend(),
            "map": {"/a": "one", "/b": "two"},
            "acl": ["/secret"],
            "certificates": {"a.pem": 0, "b.pem": 1},
        }

    def change(self):
        """Change one or two things."""
        for _ in range(self.random.randint(1, 2)):
            backend = self.state[self.random.choice(("one", "two"))]
            if self.random.random() < 0.6:
                self.change_servers(backend["servers"])
            else:
                self.change_others(backend)

    def change_servers(self, lines):
        where = self.random.choice("line value value add add remove remove order".split())
        place = self.random.randrange(len(lines))
        names = [line.split()[0].strip('"') for line in lines]
        free = [name for name in NODES if name not in names]
        if where == "line":
            lines[place] = self.server(names[place])
        elif where == "value":
            kept = re.sub(" (weight [0-9]+|maxconn [48]|disabled|enabled)$", "", lines[place])
            lines[place] = f"{kept} {self.random.choice(VALUES)}"
        elif where == "add" and free:
            lines.insert(self.random.randint(0, len(lines)), self.server(self.random.choice(free)))
        elif where == "remove" and len(lines) > 1:
            lines.pop(place)
        elif where == "order":
            self.random.shuffle(lines)

    def change_others(self, backend):
        where = self.random.choice("backend level map acl crt crt rest".split())
        if where == "backend":
            key = self.random.choice(
                ("balance", "hash-type", "default-server", "option", "cookie", "from", "use-server")
            )
            backend[key] = self.backend()[key]
        elif where == "level":
            self.state[self.random.choice(("upper", "base", "last"))] = self.some(LEVELS)
        elif where == "map":
            self.state["map"][self.random.choice(("/a", "/b", "/c d", "/e"))] = self.random.choice(("one", "two"))
        elif where == "acl":
            self.state["acl"] = self.random.sample(["/secret", "/x;y", "/q'r", '/s"t', "/b\\c", "/h#i"], 2)
        elif where == "rest":
            self.state["queue"] = self.random.choice(("5s", "6s"))
        else:
            certificates = self.state["certificates"]
            certificates[self.random.choice(("a.pem", "b.pem", "c.pem"))] = self.random.randrange(4)
            if self.random.random() < 0.4 and len(certificates) > 1:
                certificates.pop(self.random.choice(list(certificates)))

    def text(self):
        state = self.state

        def level(name, words):
            return f"defaults {name}\n" + (f"    default-server {words}\n" if words else "")

        timeouts = (
            "    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 1s\n    retries 0\n"
        )
        sections = [
            "global\n    stats timeout 60s\n",
            level("upper", state["upper"]) + timeouts,
            level("base from upper", state["base"]),
            level("last from upper", state["last"]),
            f"frontend web from upper\n    bind 127.0.0.1:{self.port}\n"
            f"    http-request deny deny_status 403 if {{ path -f {self.folder}/acl }}\n"
            f"    use_backend %[path,map({self.folder}/map,one)]\n",
            f"frontend tls from upper\n    bind 127.0.0.1:{self.tls} ssl crt {self.folder}/certificates\n"
            f"    timeout client {state['queue']}\n    default_backend one\n",
        ]
        for name in ("one", "two"):
            backend = state[name]
            lines = [f"{backend['kind']} {name}" + (f" from {backend['from']}" if backend["from"] else "")]
            for key in ("balance", "hash-type", "option", "cookie", "default-server"):
                lines += [f"    {key} {backend[key]}"] if backend[key] else []
            lines += [f"    server {line}" for line in backend["servers"]]
            named = backend["use-server"].split(" ")[0]
            if any(line.split()[0].strip('"') == named for line in backend["servers"]):
                lines.append(f"    use-server {backend['use-server']}")
            sections.append("\n".join(lines) + "\n")
        return "\n".join(sections)

    def write(self):
        """Write the files that the text names, and return its configuration."""
        (self.folder / "map").write_text("".join(f"{key} {value}\n" for key, value in self.state["map"].items()))
        (self.folder / "acl").write_text("".join(f"{line}\n" for line in self.state["acl"]))
        for path in (self.folder / "certificates").iterdir():
            if path.name not in self.state["certificates"]:
                path.unlink()
        for name, number in self.state["certificates"].items():
            (self.folder / "certificates" / name).write_text(self.pems[number])
        return parse(self.text())


class Fresh:
    """A process that has just started with the file of the live one, on ports of its own."""

    def __init__(self, edge, generator, folder):
        self.socket, self.port, self.tls = str(folder / "fresh.sock"), free_port(), free_port()
        text = Path(edge.target.path).read_text()
        text = text.replace(f"127.0.0.1:{generator.port}", f"127.0.0.1:{self.port}")
        text = text.replace(f"127.0.0.1:{generator.tls}", f"127.0.0.1:{self.tls}")
        text = text.replace("stats timeout 60s", f"stats socket {self.socket} level admin\n    stats timeout 60s")
        (folder / "fresh.cfg").write_text(text)
        command = [edge.target.binary, "-db", "-f", str(folder / "fresh.cfg")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: cli.answers(self.socket) or self.process.poll() is not None)
        assert self.process.poll() is None, text

    def ask(self, command):
        return cli.ask(self.socket, command).strip("\n")

    def stop(self):
        self.process.kill()
        self.process.wait()
        Path(self.socket).unlink(missing_ok=True)


def state(ask, folder):
    """What a worker knows of its servers, and of the files that it has loaded."""
    stats = ask("show stat -1 4 -1").lstrip("# ").splitlines()
    columns = stats[0].split(",")
    rows = [dict(zip(columns, line.split(","))) for line in stats[1:]]
    found = {(row["pxname"], row["svname"]): {key: row.get(key) for key in ("slim", "cookie", "bck")} for row in rows}
    for line in ask("show servers state").splitlines()[2:]:
        row = line.split()
        # Bit 0x04 of the admin state tells what was in the file at the start; bit 0x04 of the check: it is enabled.
        shown = {"address": row[4], "admin": int(row[6]) & 0x29, "weight": row[7], "checked": int(row[13]) & 4}
        found[row[1], row[3]].update(shown, port=row[18])
    for what in ("map", "acl"):
        answer = ask(f"show {what} {folder}/{what}")
        found[what] = sorted(line.split(" ", 1)[1] for line in answer.splitlines() if " " in line)
    for path in re.findall(r"^\*?/.*$", ask("show ssl cert"), re.MULTILINE):
        shown = re.search(r"^(?:SHA1 FingerPrint: .*|Status: Empty)", ask(f"show ssl cert {path}"), re.MULTILINE)
        found[path] = shown and shown[0]
    return found


def routing(port, tls, balances):
    """Who answers: by key where it is hashed, the first where order counts, all that take turns."""
    found = {}
    for path, balance in zip(("/a", "/b"), balances):
        if balance == "roundrobin":
            found[path] = {get(port, path) for _ in range(16)}
        elif balance == "leastconn":
            found[path] = get(port, path)[0]
        else:
            keys = range(8 if "hdr" in balance else 1)
            found[path] = [get(port, path, {"X-Key": str(key)}) for key in keys]
        found[path, "cookie"] = [get(port, path, {"Cookie": f"NODE={value}"})[0] for value in ("n1", "n2")]
    found["denied"] = [get(port, path)[0] for path in ("/secret", "/x;y", "/q'r", "/b\\c")]
    for name in ("a.test", "b.test", "unknown.test"):
        with socket.create_connection(("127.0.0.1", tls), timeout=10) as connection:
            context = ssl._create_unverified_context()
            with context.wrap_socket(connection, server_hostname=name) as secured:
                found[name] = hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()[:8]
    return found


def differences(generator, live, folder):
    """How the live process differs from one that has just started with its file."""
    fresh = Fresh(live, generator, folder)
    try:
        balances = [generator.state[generator.state["map"].get(path, "one")]["balance"] for path in ("/a", "/b")]
        ours, theirs = state(live.ask, folder), state(fresh.ask, folder)
        ours.update(routing(generator.port, generator.tls, balances))
        theirs.update(routing(fresh.port, fresh.tls, balances))
        return [
            f"{key}: {ours.get(key)}, but in a fresh process {theirs.get(key)}"
            for key in {**ours, **theirs}
            if ours.get(key) != theirs.get(key)
        ]
    finally:
        fresh.stop()


@pytest.fixture(scope="module")
def nodes():
    found = {name: Node(name) for name in NODES}
    yield found
    for node in found.values():
        node.close()


@pytest.fixture(scope="module")
def pems():
    """Two certificates for each of two names."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout - -out - -subj".split()
    )
    return [
        subprocess.run([*command, f"/CN={name}"], capture_output=True, text=True, check=True).stdout
        for name in ("a.test", "b.test", "a.test", "b.test")
    ]


@every_version
def test_a_changed_process_is_as_one_that_has_just_started(version, tmp_path, nodes, pems, monkeypatch):
    monkeypatch.setattr(servers, "_QUIET", 0.02)
    edge = LiveEdge(version, tmp_path)
    generator = Generator(SEED, tmp_path, nodes, pems)
    counts, found = Counter(), []
    try:
        generator.begin()
        apply.apply(generator.write(), edge.target)
        edge.start()
        for number in range(PAIRS):
            before = Path(edge.target.path).read_text()
            generator.change()
            wanted = generator.write()
            # That costs time: every second one.
            foreseen = apply.apply(wanted, edge.target, apply.ApplyOptions(check_mode=True)) if number % 2 else None
            outcome = apply.apply(wanted, edge.target, apply.ApplyOptions(max_old_workers=10**6))
            counts[outcome.action] += 1
            again = apply.apply(wanted, edge.target, apply.ApplyOptions(check_mode=True))
            wrong = differences(generator, edge, tmp_path)
            if foreseen and foreseen.action != outcome.action:
                wrong.append(f"foreseen: {foreseen.action}, {foreseen.reasons}")
            wrong += [f"then: {again.action}, {again.reasons}"] if again.action != "unchanged" else []
            if wrong:
                after = Path(edge.target.path).read_text()
                diff = "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=9))
                told = [f"pair {number}: {outcome.action}, {outcome.reasons}", *wrong, diff]
                found.append("\n  ".join(told))
                edge.reload()  # what follows begins anew
    finally:
        edge.stop()
    print(version, dict(counts))
    assert not found, f"{len(found)} of {PAIRS} pairs differ (seed {SEED}):\n\n" + "\n\n".join(found[:20])
    assert min(counts["runtime"], counts["reload"]) > PAIRS / 4
