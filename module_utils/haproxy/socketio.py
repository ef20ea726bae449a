# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What we know of Socket.IO: how to tell its traffic apart, and how a proxy learns a session id.

Sources: the Engine.IO protocol, revisions 3 and 4 (handshake: `EIO=` in the query; session: `sid=`), the Socket.IO 0.9
specification (`/socket.io/1/[transport/session]`), RFC 6455 4.1 (`Upgrade: websocket`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .model import Directive

PATH = "/socket.io/"

# In the order in which a request is matched.
TRANSPORTS = ("flashsocket", "websocket", "polling")

# How a client is kept on the node that holds its session.
AFFINITIES = ("session", "cookie", "source", "none")

# Session ids are 16 to 20 characters; longer ones are cut, so that a made-up id costs no memory.
SESSION_ID_LENGTH = 64


class Names(NamedTuple):
    """What one service's rules are called: the service, its ACLs' condition prefix, its path, its affinity table."""

    service: str
    condition: str
    path: str
    table: str

    def acl(self, what: str) -> str:
        """The name of the service's ACL for `what`."""
        return f"{self.service}_{what}"


def recognise(names: Names, flash: bool, session: bool) -> list[Directive]:
    """Frontend lines that tell the service's Socket.IO traffic apart, and find the session id of a request.

    A handshake names its protocol (`EIO=`, or the path of 0.9); the client's script on the same path is neither a
    handshake nor of a session, and is ordinary HTTP.
    """
    root = names.path.rstrip("/")
    depth = root.count("/") + 4  # /socket.io/1/TRANSPORT/ID: the id is field 5, one more for each level of the path
    pattern = re.escape(root)
    io, handshake = names.acl("socketio"), names.acl("handshake")
    lines = [
        ("transports", f"acl {io} path_beg {names.path}"),
        ("transports", f"acl {handshake} urlp(EIO) -m found"),
        ("transports", f"acl {handshake} path_reg ^{pattern}/1/?$"),
        ("transports", f"acl {names.acl('session')} urlp(sid) -m found"),
        ("transports", f"acl {names.acl('session')} path_reg ^{pattern}/1/[a-z-]+/."),
        ("websocket", f"acl {names.acl('websocket')} hdr(upgrade) -i websocket"),
    ]
    if flash:
        lines.append(("flashsocket", f"acl {names.acl('flashsocket')} path_beg {root}/1/flashsocket/"))
    if session:
        this = f"if {names.condition}{io}"
        lines += [
            ("affinity", f"http-request set-var(txn.sid) urlp(sid) {this} {{ urlp(sid) -m found }}"),
            (
                "affinity",
                f"http-request set-var(txn.sid) path,field({depth},/) {this} {{ path_reg ^{pattern}/1/[a-z-]+/. }}",
            ),
            (
                "affinity",
                f"http-request set-var(txn.handshake) bool(true) {this} {handshake} "
                f"!{names.acl('session')} !{{ hdr(upgrade) -m found }}",
            ),
        ]
    return [_line(purpose, text) for purpose, text in lines]


# For HAProxy before 3.2, which has no `http-request pause`.
LUA = """-- After a reload the affinity table reaches the new worker some milliseconds late: a request waits for it.
core.register_action("wait_for_table", {"http-req"}, function() core.msleep(400) end)
"""


def wait_for_table(names: Names, lua: bool) -> Directive:
    """Frontend line: after a reload the table reaches the new worker some milliseconds late; `lua` where 3.2 is not."""
    return _line(
        "affinity",
        f"http-request {'lua.wait_for_table' if lua else 'pause 400ms'} if {names.condition}{names.acl('socketio')} "
        f"{{ var(txn.sid) -m found }} !{{ var(txn.sid),in_table({names.table}) }}",
    )


def route(names: Names, transport: str) -> str:
    """The condition, without `if`, under which a request belongs to the transport."""
    io = names.condition + names.acl("socketio")
    if transport == "polling":
        return f"{io} {names.acl('handshake')} or {io} {names.acl('session')}"
    return f"{io} {names.acl(transport)}"


def follow(names: Names) -> Directive:
    """Backend line: a request that carries a session id goes to the node that opened the session."""
    return _line("affinity", f"stick match var(txn.sid) table {names.table} if {{ var(txn.sid) -m found }}")


def learn(names: Names) -> list[Directive]:
    """Backend lines: the session id is read from the handshake's answer, and remembered with the node that gave it.

    `stick store-response` runs before `http-response` rules, so the body has to be waited for on the TCP level.
    Bodies: `0{"sid":"ID",...}` (Engine.IO 3 and 4, JSONP with \\" around), `ID:60:60:transports` (0.9, with
    `io.j[0]("ID:...` for JSONP).
    """
    handshake = "{ var(txn.handshake) -m bool }"
    table = f"table {names.table} if {handshake}"
    engine = r"""res.body,'regsub("^.*sid[^:]*:[^A-Za-z0-9_-]*([A-Za-z0-9_-]+).*$","\1")' """.strip()
    version_09 = r"""res.body,'regsub("^(io[^(]*.[^A-Za-z0-9_-])?([A-Za-z0-9_-]+):.*$","\2")' """.strip()
    return [
        _line("affinity", "tcp-response inspect-delay 2s"),
        _line("affinity", "tcp-response content accept if !" + handshake),
        _line("affinity", "tcp-response content accept if { res.body -m sub : }"),
        _line("affinity", f"stick store-response {engine} {table} {{ res.body -m sub sid }}"),
        _line("affinity", f"stick store-response {version_09} {table} !{{ res.body -m sub sid }}"),
    ]


def _line(purpose: str, text: str) -> Directive:
    # The texts above are ours and already words; only the two regular expressions hold quotes, and no blanks.
    keyword, *arguments = text.split()
    return Directive(keyword, tuple(arguments), purpose)
