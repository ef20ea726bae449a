"""Runs on the edge: changes of all kinds, made by the collection's own rooms; tells each one's plan and result.

    python3 change.py FOLDER OTHER_BINARY     FOLDER has the package `haproxy`, the rooms

One line of JSON a change: {"name", "expected", "foreseen", "action", "reasons", "seconds"}. A change that is killed is
followed by one that repairs.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, sys.argv[1])

from haproxy.config.model import Configuration, ConfigurationError
from haproxy.config.syntax import parse
from haproxy.deploy import apply, disk, marker
from haproxy.runtime import cli

PATH = "/etc/haproxy/haproxy.cfg"
LUA = "/etc/haproxy/edge.lua"
CERTIFICATES = "/etc/haproxy/certificates"
LINK = "/usr/local/sbin/haproxy"
BINARY = os.path.realpath(LINK)
SOURCE = BINARY != "/usr/sbin/haproxy"
TARGET = disk.Target(PATH, BINARY, LINK, "/run/haproxy/master.sock", "/var/lib/haproxy", os.stat(PATH).st_gid)
BASE = marker.without_marker(disk.read_text(PATH))


def run(text, target, check_mode=False):
    content = disk.read_text(LUA)
    wanted = parse(text)
    wanted = Configuration(wanted.sections, files=((LUA, content),) if LUA in text else ())
    with disk.exclusive_lock(target.path):
        return apply.apply(wanted, target, apply.ApplyOptions(check_mode=check_mode))


def change(name, expected, text, target=TARGET):
    """Apply a text; a refusal is the action `refused`."""
    began = time.monotonic()
    result = {"name": name, "expected": expected}
    try:
        result["foreseen"] = run(text, target, check_mode=True).action
        outcome = run(text, target)
        result.update(action=outcome.action, reasons=outcome.reasons)
    except ConfigurationError as error:
        # What only the reload finds out was foreseen as a reload.
        result.update(action="refused", reasons=error.problems)
        result.setdefault("foreseen", "refused")
    result["seconds"] = round(time.monotonic() - began, 2)
    print(json.dumps(result), flush=True)


def killed(room, function, text, after=False):
    """Apply a text in a process of its own that is killed when it calls this function, or when that has returned."""
    child = os.fork()
    if not child:
        original = getattr(room, function)

        def fatal(*arguments, **more):
            if after:
                original(*arguments, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(room, function, fatal)
        try:
            run(text, TARGET)
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        print(
            json.dumps({"name": f"{function} was to be killed", "expected": "killed", "action": "finished"}), flush=True
        )


def servers(text, change_line):
    """The text with each server line of app3 changed; one that becomes empty goes."""
    lines = (change_line(line) if re.match(r"\s+server zero-app3 ", line) else line for line in text.splitlines())
    return "\n".join(line for line in lines if line is not None) + "\n"


def limited():
    """The base with a limit for each server of pages. Those of sockets are set by the service beside HAProxy."""
    backend = r"(?m)^backend chat_http\b.*\n(?:[ #].*\n|\n)*"
    return re.sub(backend, lambda found: re.sub(r"(?m)^( +server .*)$", r"\1 maxconn 5000", found[0]), BASE)


def extra(options="", address="10.213.9.21"):
    """The base with one more server in each backend."""

    def more(found):
        return f"{found[1]}\n    server extra {address}:3000 {options}{cookie(found[1], 'extra')}"

    return re.sub(r"(?m)^(    server zero-app1 .*)$", more, BASE)


def cookie(line, name):
    return f" cookie {name}" if " cookie " in line else ""


def header(value, keyword="http-response"):
    return BASE.replace("\nfrontend https\n", f"\nfrontend https\n    {keyword} set-header X-Try {value}\n")


def certificate(name):
    path = f"{CERTIFICATES}/{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "9",
    ]
    made = subprocess.run(
        [*command, "-subj", f"/CN={name}", "-keyout", "-", "-out", "-"], capture_output=True, check=True
    )
    write(path, made.stdout)


def write(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.chmod(path + ".new", 0o640)
    shutil.chown(path + ".new", "root", "haproxy")
    os.replace(path + ".new", path)


def swap(other):
    """Another HAProxy in the place of this one: by the symlink, or as a package does it."""
    if SOURCE:
        return TARGET._replace(binary=other)
    shutil.copy2(other, BINARY + ".new")
    os.replace(BINARY + ".new", BINARY)
    return TARGET


def main():  # noqa: PLR0915 # one change after the other
    for weight in (5, 50, 2, 1):
        change(
            f"weight {weight}",
            "runtime",
            servers(BASE, lambda line, weight=weight: f"{line} weight {weight}"),
        )
    change("limit of connections", "runtime", limited())
    change("no limit", "runtime", BASE)
    change("nothing", "unchanged", BASE)
    for number in range(4):
        change("a server is added", "runtime", extra())
        change("it moves", "runtime", extra(address="10.213.9.22"))
        change("it goes into maintenance", "runtime", extra("disabled"))
        change("it is back, with a weight", "runtime", extra(f"weight {number + 2}"))
        change("it is removed", "runtime", BASE)
    change("a server with live sockets is removed", "runtime", servers(BASE, lambda _line: None))
    # On a busy machine a server of pages may still answer when the first run has waited long enough.
    change("what has no sessions is gone", "any", servers(BASE, lambda _line: None))
    change("it drains on", "unchanged", servers(BASE, lambda _line: None))
    change("it comes back", "runtime", BASE)
    path = f"{CERTIFICATES}/chat.pem"
    with open(path, "rb") as file:
        own_certificate = file.read()
    for _ in range(3):
        certificate("chat")
        change("a certificate is replaced", "runtime", BASE)
    write(path, own_certificate)
    change("the first certificate is back", "runtime", BASE)
    certificate("more")
    change("a certificate is added", "runtime", BASE)
    os.unlink(f"{CERTIFICATES}/more.pem")
    change("a certificate is removed", "runtime", BASE)

    mapped = header("%[path,map(/etc/haproxy/zero.map,none)] unless { path -f /etc/haproxy/zero.acl }", "http-request")
    write("/etc/haproxy/zero.map", b"/a 1\n")
    write("/etc/haproxy/zero.acl", b"/b\n")
    change("a rule with a map and an ACL", "reload", mapped)
    for count in (1000, 10, 5000):
        write("/etc/haproxy/zero.map", "".join(f"/{number} {count}\n" for number in range(count)).encode())
        change(f"{count} entries of the map", "runtime", mapped)
    write("/etc/haproxy/zero.acl", b"/c\n/d\n")
    change("entries of the ACL", "runtime", mapped)
    change("the rule goes", "reload", BASE)

    for number in range(3):
        change("another rule", "reload", header(f"v{number}"))
    change("a new listener", "reload", BASE + "\nfrontend more\n    bind 127.0.0.1:7778\n    http-request deny\n")
    change("no rule and no listener", "reload", BASE)
    for line in ("bogus", "bind", "timeout client never"):
        change(f"a broken configuration: {line}", "refused", BASE + f"\nfrontend wrong\n    bind :7779\n    {line}\n")
    with socket.create_server(("", 7780)):
        change("a port that is taken", "refused", BASE + "\nfrontend taken\n    bind :7780\n    http-request deny\n")
    nowhere = "\nfrontend wrong\n    bind /run/nowhere/a.sock\n    http-request deny\n"
    change("a socket in no folder: the reload is refused", "refused", BASE + nowhere)

    own = f"{BINARY}.kept"
    shutil.copy2(BINARY, own)
    for _ in range(2):
        change("another HAProxy", "reload", BASE, swap(sys.argv[2]))
        change("and back", "reload", BASE, TARGET if SOURCE else swap(own))

    at_run_time = extra("weight 7")
    for room, function, text, after in (
        (apply, "run_haproxy_check", at_run_time, True),
        (apply, "put_file", at_run_time, False),
        (apply, "put_file", at_run_time, True),
        (apply, "carry_out", at_run_time, False),
        (cli, "run_command", at_run_time, True),
        (apply, "carry_out", at_run_time, True),
        (apply, "_save_last_known_good", at_run_time, False),
        (apply, "put_file", header("killed"), True),
        (apply, "_reload_and_wait", header("killed"), False),
        (cli, "reload", header("killed"), True),
        (apply, "_save_last_known_good", header("killed"), False),
    ):
        killed(room, function, text, after)
        change(f"{'after' if after else 'before'} {function} was killed: the next run", "any", text)
        change("and the next has nothing to do", "unchanged", text)
        change("back", "any", BASE)
    change("nothing in the end", "unchanged", BASE)


main()
