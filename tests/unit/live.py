"""A real HAProxy, master and worker, in a folder of its own, and nodes that tell who answers.

The binaries are those in `.cache/binaries/*/haproxy` (tools/binaries), of the environment (REALTIME_EDGE_HAPROXY, paths
separated by colons), and of the machine.
"""

import contextlib
import glob
import http.client
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import disk
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.runtime import cli

ROOT = Path(__file__).resolve().parents[2]


def find_binaries():
    """Version → path of each HAProxy that runs here."""
    stated = os.environ.get("REALTIME_EDGE_HAPROXY", "").split(":")
    paths = [*stated, *sorted(glob.glob(f"{ROOT}/.cache/binaries/*/haproxy")), shutil.which("haproxy") or ""]
    found = {}
    for path in filter(None, paths):
        with contextlib.suppress(OSError):
            said = subprocess.run([path, "-v"], capture_output=True, text=True, check=False).stdout
            if version := re.match(r"HAProxy version (\d+\.\d+\.\d+)", said):
                found.setdefault(version[1], path)
    return found


BINARIES = find_binaries()

_BRANCHES = {version.rpartition(".")[0] for version in BINARIES}
_MISSING = [branch for branch in ("2.6", "3.0", "3.2", "3.4") if branch not in _BRANCHES]

# Each one that runs here; those of the supported branches that do not are skipped, in words.
every_version = pytest.mark.parametrize(
    "version",
    [
        *sorted(BINARIES),
        *(pytest.param(branch, marks=pytest.mark.skip(reason=f"no HAProxy {branch} runs here")) for branch in _MISSING),
    ],
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Node(ThreadingHTTPServer):
    """A node that answers with its name, and knows the sessions that began here.

    `GET /begin?sid=S` begins a session, `GET /poll?sid=S` is held for a moment and is refused for one that began elsewhere.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name, address=("127.0.0.1", 0)):
        super().__init__(address, _Answers)
        self.name, self.sessions, self.hold = name, set(), 0.2
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        sid, status = parse_qs(url.query).get("sid", [""])[0], 200
        if url.path == "/begin":
            self.server.sessions.add(sid)
        elif url.path == "/poll":
            status = 200 if sid in self.server.sessions else 400
            time.sleep(self.server.hold if status == 200 else 0)
        body = self.server.name.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class NameServer(threading.Thread):
    """Answers each question of type A with the addresses, in another order each time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.addresses, self.answers, self.awake = [], 0, threading.Event()
        self.awake.set()
        self.start()

    def run(self):
        while True:
            try:
                question, asker = self.socket.recvfrom(2000)
            except OSError:
                return
            self.awake.wait()
            end = question.index(b"\0", 12) + 5
            wanted = question[end - 4 : end - 2] == b"\0\1"
            turn = self.answers % max(1, len(self.addresses))
            found = self.addresses[turn:] + self.addresses[:turn] if wanted else []
            records = b"".join(b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 1, 4) + socket.inet_aton(one) for one in found)
            head = question[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(found), 0, 0)
            with contextlib.suppress(OSError):
                self.socket.sendto(head + question[12:end] + records, asker)
            self.answers += 1


class LiveEdge:
    """Run HAProxy for a target in this folder; the caller has written the file."""

    def __init__(self, version, folder):
        self.folder = Path(folder)
        self.target = disk.Target(
            path=str(self.folder / "haproxy.cfg"),
            binary=BINARIES[version],
            link="",
            master=str(self.folder / "master.sock"),
            state=str(self.folder),
            group=-1,
        )
        self.process = None

    def start(self):
        command = [self.target.binary, "-Ws", "-f", self.target.path, "-S", f"{self.target.master},mode,600"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while not cli.answers(self.target.master) or not self.has_worker():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < limit, (self.folder / "log").read_text()
            time.sleep(0.02)

    def has_worker(self):
        try:
            return cli.tell(self.target.master, cli.serving_worker(self.target.master), "show info")
        except cli.RuntimeFailure:
            return False

    def reload(self):
        before = cli.serving_worker(self.target.master)
        cli.reload(self.target.master)
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            with contextlib.suppress(cli.RuntimeFailure):
                if cli.serving_worker(self.target.master) != before and self.has_worker():
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def ask(self, command, worker=0):
        return cli.tell(self.target.master, cli.workers(self.target.master)[worker].pid, command)

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Poller(threading.Thread):
    """A client that polls its session all the time; `refused` are the answers other than 200."""

    def __init__(self, port, sid, cookie=""):
        super().__init__(daemon=True)
        self.port, self.sid, self.cookie = port, sid, cookie
        self.polls, self.refused, self.over = 0, [], threading.Event()
        answer = self.get(f"/begin?sid={sid}")
        assert answer[0] == 200, answer
        self.node = answer[1]
        self.start()

    def get(self, path):
        return get(self.port, path, {"Cookie": self.cookie} if self.cookie else {})

    def run(self):
        while not self.over.is_set():
            answer = self.get(f"/poll?sid={self.sid}")
            self.polls += 1
            if answer[0] != 200:
                self.refused.append(answer)

    def stop(self):
        self.over.set()
        self.join(10)


def get(port, path, headers=None):
    """Status and body of one request; 0 and the error without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def wait_for(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.02)
