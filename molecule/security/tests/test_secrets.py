"""A run of the role shows no secret: in no process list, no environment, nothing that it prints, and no log."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys

from conftest import KEYS, ROOT

# One is enough: what runs here is the same for all versions of HAProxy.
testinfra_hosts = ["ansible://security-edge13"]

PASSWORD = "S3cret-of-the-operator"

# Looks at these files of each process, over and over, until its input ends; tells all that it has seen.
WATCH = """
import os, select, sys
seen = set()
while not select.select([sys.stdin], [], [], 0.002)[0]:
    for process in filter(str.isdigit, os.listdir("/proc")):
        for what in sys.argv[1:]:
            try:
                with open(f"/proc/{process}/{what}", "rb") as file:
                    seen.add(file.read())
            except OSError:
                pass
sys.stdout.buffer.write(b"\\n".join(seen))
"""


@contextlib.contextmanager
def watched(edge):
    """What the processes of the edge and of this machine show meanwhile, of this machine the process list alone."""
    seen: list[str] = []
    ways = ["docker", "exec", "-i", edge.host.backend.host, "python3"], [sys.executable]
    watchers = [
        subprocess.Popen([*way, "-c", WATCH, *what], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for way, what in zip(ways, (["cmdline", "environ"], ["cmdline"]))
    ]
    try:
        yield seen
    finally:
        seen += [watcher.communicate()[0].decode(errors="replace").replace("\0", " ") for watcher in watchers]


def test_a_run_of_the_role_shows_no_secret(edge, row, renewed, tmp_path):
    keys = tmp_path / "keys"
    shutil.copytree(KEYS, keys)
    certificate, key = renewed("chat.test")
    (keys / "chat.pem").write_text(certificate + key)
    sections = {
        "userlist": {"ops": {"user": f"admin insecure-password {PASSWORD}"}},
        "backend": {
            "redis": {
                "mode": "tcp",
                "option": "tcp-check",
                "tcp-check": [rf"send AUTH\ {PASSWORD}-2\r\n", "expect string +OK"],
                "server": "redis 127.0.0.1:6379 check",
            }
        },
    }
    (tmp_path / "variables.json").write_text(json.dumps({"scenario_keys": str(keys), "haproxy_sections": sections}))

    def play(*arguments):
        command = ["ansible-playbook", "playbooks/site.yml", *arguments]
        done = subprocess.run(
            [*command, "--limit", edge.host.backend.host],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    try:
        with watched(edge) as seen:
            said = play("-e", f"@{tmp_path}/variables.json", "--diff", "-vvv")
            edge.host.check_output("env SHOWN=in-an-environment python3 -c pass in-a-list")
        deployed = edge.host.file("/etc/haproxy/certificates/chat.pem").content_string
        configuration = edge.host.file("/etc/haproxy/haproxy.cfg").content_string
        log = edge.host.check_output("journalctl --no-pager")
    finally:
        play()
    secrets = {PASSWORD, *(line for line in key.splitlines() if line and not line.startswith("-----"))}
    # It was all there to be seen, and the watchers see what is there for a moment.
    assert set(key.splitlines()) <= set(deployed.splitlines())
    assert PASSWORD in configuration
    assert "in-an-environment" in seen[0]
    assert "in-a-list" in seen[0]
    assert "variables.json" in seen[1]
    assert "userlist" in said
    shown = {"processes of the edge": seen[0], "processes here": seen[1], "the output": said, "the log": log}
    for where, text in shown.items():
        assert not [secret for secret in secrets if secret in text], where
    row(
        "Keys and passwords while the role runs",
        "in no process list, environment, output (`--diff -vvv`) or log",
        "they go through files of root's and pipes",
    )
