# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recognise the traffic of Socket.IO and learn its session ids.

Sources: the Engine.IO protocol, revisions 3 and 4 (handshake: `EIO=` in the query; session: `sid=`), the Socket.IO 0.9
specification (`/socket.io/1/[transport/session]`), RFC 6455 4.1 (`Upgrade: websocket`), Adobe's "Policy file changes in
Flash Player 9 and 10" (the policy of sockets).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..config.model import Directive

PATH = "/socket.io/"

# In the order in which a request is matched.
TRANSPORTS = ("flashsocket", "websocket", "polling")

# How a client is kept on the node that holds its session.
AFFINITIES = ("session", "cookie", "source", "none")

# A browser asks (CORS) before a handshake of another site; the node answers without a session.
_NO_PREFLIGHT = "!{ method OPTIONS }"

# The answer to a handshake of 0.9: `ID:HEARTBEAT:CLOSE:TRANSPORTS`, for JSONP within `io.j[0]("...")`.
_VERSION_09 = "^(io[^(]*.[^A-Za-z0-9_-])?([A-Za-z0-9_-]+):[0-9]*:[0-9]*:"

# The answer to a handshake of Engine.IO, from its fourth byte on.
_ENGINE_IO = "^.*sid[^A-Za-z0-9_,:-]*:[^A-Za-z0-9_-]*([A-Za-z0-9_-]+)"

# Session ids are 16 to 20 characters; longer ones are cut, so that a made-up id costs no memory.
SESSION_ID_LENGTH = 64

# The request of the Flash player before it opens a socket.
POLICY_REQUEST = b"<policy-file-request/>\0"


# What opens a session must not look like a part of one. HAProxy's `urlp` also splits a query at `;` and `?` and takes
# an empty value; Node splits it at `&`, decodes names, and opens a session for an empty id. So an id is what follows
# `&sid=`, no name has encoded letters, and a request of Socket.IO 0.9 names neither transport nor id in its query: a
# later node would take it for a handshake, whatever its path says.
_SESSION_IN_QUERY = "query -m reg (^|&)sid=[^&]"
_DISGUISED_NAME = "[?](.*&)?[^=&]*%(4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])"
IN_SESSION = "query -m reg (^|&)(transport|EIO|sid)="
"""The condition for a query that opens a session of Engine.IO or is part of one, as Node reads it."""

_OTHER_PROTOCOL = "^[^?]*/1(/?|/[a-z-]+/[^?]+)[?](.*&)?(transport|sid)="


class Names(NamedTuple):
    """The names in one service's rules: the service, its Socket.IO path, its affinity table."""

    service: str
    path: str
    table: str


# A request of Socket.IO 0.9, by its path: the handshake, or a transport and the session id.
VERSION_0_9 = r"/1(/?|/[a-z-]+/.+)$"


def reject_disguised_sessions(sockets: str) -> list[Directive]:
    """Return the frontend rule that refuses what a node may take for a handshake and the edge for something else.

    `sockets` is the condition for requests in the path of a service's Socket.IO.
    """
    disguised = f"{{ pathq -m reg -i '{_DISGUISED_NAME}' '{_OTHER_PROTOCOL}' }}"
    return [Directive.of("limits", f"http-request deny deny_status 400 if {sockets} {disguised}", "haproxy_services")]


def find_session(names: Names, transport: str) -> list[Directive]:
    """Return backend rules that find the session id of a request; one without it is marked as a handshake."""
    pattern = re.escape(names.path.rstrip("/"))
    version_09 = f"http-request set-var(txn.sid) {_id_in_path(names)} if {{ path_reg ^{pattern}/1/[a-z-]+/. }}"
    in_query = f"http-request set-var(txn.sid) urlp(sid) if {{ {_SESSION_IN_QUERY} }}"
    lines = [version_09] if transport == "flashsocket" else [in_query, version_09]
    # All without a session's id count: a node may open one for a request that does not look like a handshake.
    lines.append(f"http-request set-var(txn.handshake) bool(true) if !{{ var(txn.sid) -m found }} {_NO_PREFLIGHT}")
    return [Directive.of("affinity", line) for line in lines]


def flashsocket_condition(names: Names) -> str:
    """Return the condition for a request of the Flash movie, in HTTP or TCP mode."""
    return f"path_beg {names.path.rstrip('/')}/1/flashsocket/"


def _id_in_path(names: Names) -> str:
    # /socket.io/1/TRANSPORT/ID: the id is field 5, one more for each level of the path.
    return f"path,field({names.path.rstrip('/').count('/') + 4},/)"


HANDSHAKE = "{ var(txn.handshake) -m bool }"
"""The condition for a request to a backend of Socket.IO that may open a session (`find_session`)."""


def wait_for_table(names: Names) -> Directive:
    """Return the rule that waits for the affinity table to know the session of a request."""
    unknown = f"{_not_in(names.table)} {{ var(txn.sid) -m found }}"
    return Directive.of("affinity", f"http-request lua.wait_for_table {names.table} if {unknown}")


def ask_next_worker(names: Names, headers: str) -> Directive:
    """Return the rule of a worker that has been replaced: a session that it does not have is the next one's.

    The request goes there by a new connection; `headers` are those of the answer that says so.

    A client may still send one request on an idle connection (`option idle-close-on-response`), but the tables were
    handed over: the next worker would not know a session that begins here, nor does this one know those of the next.
    Only GET: clients on Node.js (xmlhttprequest-ssl) never end a POST that is redirected.
    """
    where = "hdr Location %[req.hdr(x-forwarded-proto)]://%[req.hdr(host)]%[pathq]"
    answer = f"return status 307 {where} hdr Cache-Control no-store {headers}"
    condition = f"{{ stopping }} {{ method GET }} {_not_in(names.table)}"
    return Directive.of("affinity", f"http-request {answer} if {condition}")


UNKNOWN = "{ var(txn.unknown) -m bool }"
"""The condition for a request whose session the affinity table does not have, also after a wait (waiting.script)."""


def _not_in(table: str) -> str:
    return f"!{{ var(txn.sid),in_table({table}) }}"


def follow_session(names: Names) -> Directive:
    """Return the backend line that sends a request with a session id to the node that opened the session."""
    return Directive.of("affinity", f"stick match var(txn.sid) table {names.table}")


def follow_flash_session(names: Names) -> list[Directive]:
    """Return lines of a backend in TCP mode that send the Flash movie to the node that opened its session."""
    return [
        Directive.of("affinity", f"tcp-request content set-var(txn.sid) {_id_in_path(names)}"),
        follow_session(names),
    ]


def policy_script(ports: Iterable[str]) -> str:
    """Return the Lua service `flash_policy`: Flash movies of any site may open sockets to these ports of the edge."""
    allowed = f'<allow-access-from domain="*" to-ports="{",".join(ports)}"/>'
    return f"""-- The policy that the Flash player asks for before it opens a socket.
core.register_service("flash_policy", "tcp", function(applet)
  applet:receive({len(POLICY_REQUEST)})
  applet:send('<?xml version="1.0"?><cross-domain-policy>{allowed}</cross-domain-policy>\\0')
end)
"""


def learn_session(names: Names) -> list[Directive]:
    """Return backend lines that read the session id from a handshake's answer and store it with the node.

    `stick store-response` runs before `http-response` rules, so a TCP rule has to wait for the body. It sets the same
    variable that every other request has, for the log too.
    An error (`{"code":1,...}`) has another status, or none of these forms.
    Bodies: `0{"sid":"ID",...}` (Engine.IO 3 and 4, JSONP with \\" around), `ID:60:60:transports` (0.9, with
    `io.j[0]("ID:...` for JSONP). Browsers with Socket.IO 1 get binary framing: a zero byte, the digits of the
    length as bytes, 255. A text ends at a zero byte, so three bytes are left out; no form needs its first three. Only
    quotes and blanks stand between the name and its colon: an id may contain `sid`, too.
    """
    engine = rf"""res.body,bytes(3),'regsub("{_ENGINE_IO}.*$","\1")' """.strip()
    version_09 = rf"""res.body,'regsub("{_VERSION_09}.*$","\2")' """.strip()
    form = f"{{ res.body -m reg '{_VERSION_09}' }}"
    # Thanks to these conditions, no other answer waits for its body.
    opened = f"{HANDSHAKE} {{ status 200 }}"
    return [
        Directive.of("affinity", "tcp-response inspect-delay 2s"),
        Directive.of(
            "affinity", f"tcp-response content set-var(txn.sid) {engine} if {opened} {{ res.body,bytes(3) -m sub sid }}"
        ),
        Directive.of(
            "affinity",
            f"tcp-response content set-var(txn.sid) {version_09} if {opened} !{{ var(txn.sid) -m found }} {form}",
        ),
        Directive.of("affinity", f"stick store-response var(txn.sid) table {names.table} if {HANDSHAKE}"),
    ]
