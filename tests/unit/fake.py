"""A HAProxy's master CLI over a real socket, with a worker that loads the file as HAProxy does, as far as is needed."""

import contextlib
import csv
import hashlib
import io
import os
import re
import socket
import ssl
import threading
import time

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.syntax import parse
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import marker

STATE = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)


class FakeEdge:
    """Loads the file at a reload unless it is told to refuse; `asked` are all commands so far.

    `refuse_commands`: beginnings of commands that are refused; `ignore_commands`: of those that are taken and not done.
    `sessions`: server → how many. `resyncs`: the flags that `show peers` tells, one after the other.
    """

    def __init__(self, target):
        self.target = target
        self.file = target.path
        self.serving = ""
        self.refuse = False
        self.silent = False
        self.version = "3.0.11-1"
        self.reloads = 0
        self.failed = 0
        self.old_workers = 1
        self.asked = []
        self.refuse_commands = ()
        self.ignore_commands = ()
        self.hang = ()
        self.held = []
        self.sessions = {}
        self.servers = {}
        self.certificates = {}
        self.authorities = {}
        self.variables = {}
        self.started = 0
        self.open = None
        self.patterns = {}
        self.versions = {}
        self.resyncs = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(target.master)
        self.socket.listen(100)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            stream = connection.makefile("rw", encoding="utf-8", errors="surrogateescape", newline="")
            question = stream.read()
            if question.startswith(self.hang or "\0"):
                self.held.append((connection, stream))
                continue
            with connection, stream, contextlib.suppress(OSError):
                stream.write(self.answer(question.removesuffix("\n")) + "\n")

    def answer(self, question):
        self.asked.append(question)
        if question == "show proc":
            # The serving worker has seen the refused reloads; others only drain.
            rows = [f"1 master 9 [failed: {self.failed}] 0d01h00m00s 3.0.11", "# old workers"]
            rows += [f"{100 + n} worker {8 + n} 0d0{n % 10}h59m00s 3.0.11" for n in range(self.old_workers)]
            return "\n".join([*rows, f"7 worker {self.failed} 0d00h00m09s {self.version}"])
        if question == "reload":
            return self.reload()
        question = question.removeprefix("experimental-mode on; ")
        if question.startswith("@!7 "):
            commands, _, payload = question[4:].partition("\n")
            return "\n".join(self.worker(one.removesuffix(" <<"), payload) for one in commands.split("; @!7 "))
        return "CurrConns: 3" if "show info" in question else "3.0.11"

    def reload(self):
        self.reloads += 1
        if self.refuse:
            self.failed += 1
            return "" if self.silent else "Success=0\n--\n[ALERT]    (7) : Starting frontend web: cannot bind socket"
        self.load()
        return "" if self.silent else "Success=1\n--\n[NOTICE] (7) : Loading success."

    def load(self):
        with open(self.target.path) as file:
            text = file.read()
        self.serving = re.search(rf"{marker.MARKER} (\S+)", text)[1]
        self.servers, self.certificates, self.patterns = {}, {}, {}
        self.authorities, self.variables = {}, {}
        self.started = int(time.time()) + 1
        for section in parse(text).sections:
            for line in section.directives:
                if line.keyword == "server":
                    self.add(
                        f"{section.key[1]}/{line.arguments[0]}",
                        line.arguments[1:],
                        "disabled" in line.arguments,
                        loaded=True,
                    )
                for before, word in zip(line.arguments, line.arguments[1:]):
                    if before in ("ca-file", "crl-file"):
                        self.authorities[word] = fingerprints(read(word))
                    if before == "crt-list":
                        self.authorities.update(
                            (name, fingerprints(read(name)))
                            for name in re.findall(r"c[ar]l?-file ([^ \]]+)", read(word))
                        )
                    if before == "crt":
                        names = (
                            [os.path.join(word, n) for n in sorted(os.listdir(word))] if os.path.isdir(word) else [word]
                        )
                        self.certificates.update((name, fingerprint(read(name))) for name in names)
                for path in re.findall(r"map\w*\((/[^,)]+)", line.text):
                    self.patterns[path] = map_entries(read(path))

    def add(self, place, words, maintenance, loaded=False):
        host, _, port = words[0].rpartition(":")
        options = dict(zip(words, words[1:]))
        backend = place.partition("/")[0]
        taken = {server["id"] for (owner, _name), server in self.servers.items() if owner == backend}
        self.servers[tuple(place.split("/"))] = {
            "id": int(options.get("id") or next(number for number in range(1, 99999) if number not in taken)),
            "addr": host.strip("[]"),
            "port": port,
            "weight": options.get("weight", "1"),
            "maxconn": options.get("maxconn", "0"),
            "admin": (5 if loaded else 1) if maintenance else 0,
            "checks": 2 if maintenance and not loaded else 6,
            "options": words[1:],
        }

    def worker(self, command, payload):  # noqa: C901 # a branch for each command
        if command.startswith(self.refuse_commands or "\0"):
            return "Not allowed at this moment."
        if command.startswith(self.ignore_commands or "\0"):
            return ""
        words = command.split()
        two, three = " ".join(words[:2]), " ".join(words[:3])
        if command == "show env HAPROXY_CFGFILES":
            return f"HAPROXY_CFGFILES={self.file}"
        if two == "show env":
            return f"{words[2]}={self.serving}" if self.serving else "Variable not found"
        if command == "show peers":
            flags = self.resyncs.pop(0) if self.resyncs else "0x11000003"
            return (
                f"0x55f0c: [27/Nov/2026:20:00:00] id=affinity disabled=0 flags={flags} resync_timeout=5s task_calls=9"
            )
        if two == "show info":
            return f"CurrConns: 42\nStart_time_sec: {self.started}"
        if command == "show tls-keys":
            return read(self.target.path)
        if three == "set ssl tls-key":
            return "TLS ticket key updated!"
        if two == "set var":
            self.variables[words[2]] = words[3].removeprefix("str(").removesuffix(")")
            return ""
        if two == "get var":
            known = self.variables.get(words[2])
            return f"{words[2]}: type=str value=<{known}>" if known else "Variable not found."
        if two == "show stat":
            rows = io.StringIO()
            writer = csv.writer(rows)
            writer.writerow(["# pxname", "svname", "scur", "slim"])
            for (backend, name), server in self.servers.items():
                limit = "" if server["maxconn"] == "0" else server["maxconn"]
                writer.writerow([backend, name, self.sessions.get(name, 0), limit])
            return rows.getvalue()
        if two in ("show sess", "shutdown session"):
            return self.session(words)
        if three == "show servers state":
            rows = [
                f"3 {backend} {s['id']} {name} {s['addr']} 2 {s['admin']} {s['weight']} 1 17 6 3 3 {s['checks']} 0 0 0 - {s['port']} - 0 0 - - 0"
                for (backend, name), s in self.servers.items()
            ]
            return "\n".join(["1", f"# {STATE}", *rows])
        if two == "add server":
            self.add(words[2], words[3:], True)
            return "New server registered."
        if (
            two in ("enable server", "enable health", "set server", "del server", "shutdown sessions")
            or three == "set maxconn server"
        ):
            return self.server(two, words)
        if words[1:2] in (["ssl"], ["map"], ["acl"]) or words[:2] in (["show", "map"], ["show", "acl"]):
            return self.ssl(words, payload) if words[1] == "ssl" else self.lookup(words, payload)
        return "Unknown command"

    def session(self, words):
        live = {
            f"0x{number:x}{one}": (backend, name)
            for number, (backend, name) in enumerate(self.servers)
            for one in range(self.sessions.get(name, 0))
        }
        if words[0] == "shutdown":
            name = live[words[2]][1]
            self.sessions = {**self.sessions, name: self.sessions[name] - 1}
            self.sessions = {name: count for name, count in self.sessions.items() if count}
            return ""
        if len(words) == 2:
            lines = [
                f"{one}: proto=tcpv4 src=10.9.9.9:{one} fe=web be={b} srv={s} ts=00" for one, (b, s) in live.items()
            ]
            return "\n".join(lines)
        backend, name = live.get(words[2], ("-", "-"))
        return f"{words[2]}: id=2 proto=tcpv4 source=10.9.9.9:{words[2]}\n  backend={backend} (id=3)\n  server={name} (id=1)"

    def server(self, two, words):
        name = words[3] if two in ("shutdown sessions", "set maxconn") else words[2]
        server = self.servers.get(tuple(name.split("/")))
        if server is None:
            return "No such server."
        if two == "enable health":
            server["checks"] = 6
        elif two == "enable server":
            server["admin"] &= 4
        elif two == "set maxconn":
            server["maxconn"] = words[4]
        elif two == "shutdown sessions":
            self.sessions.pop(name.split("/")[1], None)
        elif two == "del server":
            if self.sessions.get(name.split("/")[1]) or not server["admin"] & 1:
                return "Server still has connections attached to it, cannot remove it."
            del self.servers[tuple(name.split("/"))]
            return "Server deleted."
        elif two == "set server" and words[3] == "addr":
            server["addr"], server["port"] = words[4], words[6]
            return "IP changed from '1' to '2' by 'stats socket command'"
        elif two == "set server" and words[3] == "weight":
            server["weight"] = words[4]
        elif two == "set server":
            server["admin"] = {"ready": 0, "maint": 1, "drain": 8}[words[4]] | server["admin"] & 4
        return ""

    def ssl(self, words, payload):
        what, path = " ".join(words[:3]), words[-1]
        if words == ["show", "ssl", "cert"]:
            return "\n".join(["# filename", *self.certificates])
        if what == "show ssl cert":
            found = self.certificates.get(path)
            return (
                f"Filename: {path}\nSHA1 FingerPrint: {found[0]}" + "\nChain Subject: x" * found[1]
                if found
                else "Not found"
            )
        if what.endswith(("ca-file", "crl-file")):
            return self.trust(words, payload)
        if what == "new ssl cert":
            self.certificates[path] = ("", 0)
            return f"New empty certificate store '{path}'!"
        if what == "set ssl cert":
            self.open = fingerprint(payload)
            return f"Transaction created for certificate {path}!"
        if what == "commit ssl cert":
            self.certificates[path] = self.open
            return f"Committing {path}\nSuccess!"
        if what == "add ssl crt-list":
            return "Inserting\nSuccess!"
        if what == "del ssl crt-list":
            return "Entry deleted in crtlist"
        if what == "del ssl cert":
            self.certificates.pop(path, None)
            return f"Certificate '{path}' deleted!"
        return ""

    def trust(self, words, payload):
        what, kind, path = words[0], words[2], words[-1]
        if what == "show":
            prints = self.authorities.get(path)
            lines = [f"SHA1 FingerPrint: {one}" for one in (prints or ()) if kind == "ca-file"]
            return "Not found!" if prints is None else "\n".join([f"Filename: {path}", "Status: Used", *lines])
        if what in ("set", "add"):
            self.open = [*(self.open if what == "add" else ()), *fingerprints(payload)]
            return f"transaction {'created' if what == 'set' else 'updated'} for CA {path}!"
        if what == "commit":
            self.authorities[path] = self.open
            return f"Committing {path}\nSuccess!"
        return ""

    def lookup(self, words, payload):
        what, path = words[0], words[-1]
        if what == "show":
            found = self.patterns.get(path)
            return "Unknown map identifier." if found is None else "\n".join(f"0x1 {entry}" for entry in found)
        if what == "prepare":
            self.versions[path] = []
            return "New version created: 1"
        if what == "add":
            self.versions[path] += [line for line in payload.split("\n") if line]
        if what == "commit":
            self.patterns[path] = self.versions.pop(path)
        return ""


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def map_entries(text):
    """As pat_ref_read_from_file_smp in HAProxy's pattern.c."""
    lines = [re.split("[\r\0]", line)[0].lstrip(" \t") for line in text.split("\n") if line[:1] != "#"]
    pairs = [re.fullmatch(r"([^ \t]*)[ \t]*(.*?)[ \t]*", line, re.DOTALL) for line in lines if line]
    return [f"{pair[1]} {pair[2]}" for pair in pairs]


def fingerprints(pem):
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return [hashlib.sha1(ssl.PEM_cert_to_DER_cert(block)).hexdigest().upper() for block in blocks]


def fingerprint(pem):
    found = fingerprints(pem)
    return (found[0], len(found) - 1) if found else ("", 0)


def files(target):
    return read(target.path), os.readlink(target.link)
