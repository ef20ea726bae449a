# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What we say about a configuration of ours: one text a purpose, one note a setting that deserves it."""

from __future__ import annotations

import re

# Purpose, as directives carry it → title and text. The order is that of the page.
GOALS: dict[str, tuple[str, str]] = {
    "http": (
        "Ordinary requests",
        "Pages, scripts and APIs: everything that is not Socket.IO. They go to whichever node is next.",
    ),
    "redirect": (
        "HTTP to HTTPS",
        "Plain HTTP gets one answer: the same address by HTTPS, path and query kept. The port of the Host header "
        "is HTTP's, so it does not come along.",
    ),
    "tls": (
        "TLS",
        "TLS ends here, with the versions and ciphers that Mozilla recommends. The first certificate answers "
        "clients that name no host; the folder holds all others. Browsers are told to come by HTTPS only.",
    ),
    "http/3": (
        "HTTP/3",
        "The same service over QUIC. Clients that came by TCP are told where it is and remember it for a day. It "
        "carries polling; WebSockets go on over TCP.",
    ),
    "routing": (
        "Routing",
        "Which service a request belongs to, by its Host header; and where it goes when nothing else fits.",
    ),
    "transports": (
        "Telling transports apart",
        "Socket.IO's requests are known by their path. A handshake names its protocol (EIO=), or has the path of "
        "Socket.IO 0.9; a request of a session carries the session's id.",
    ),
    "polling": (
        "Polling",
        "A node holds a poll for up to 25 seconds before it answers. The timeouts of client and server are twice "
        "that and more, or every poll would end as an error.",
    ),
    "websocket": (
        "WebSocket",
        "An upgraded connection stays for hours and is silent between heartbeats. From the upgrade on, only the "
        "tunnel's timeout counts; a connection that one side has closed is let go after ten seconds.",
    ),
    "flashsocket": (
        "Flash sockets",
        "The Flash movies of Socket.IO 0.9. They ask for a policy in plain text before they speak TLS, so an "
        "entrance looks at the first bytes of each connection and hands everything else on.",
    ),
    "policy": (
        "Flash policy",
        "The Flash player asks for permission before it opens a socket: 23 bytes, on port 843 or on the port it "
        "is about to use. Nothing else begins like that, neither HTTP nor TLS.",
    ),
    "affinity": (
        "Affinity",
        "A session stays on the node that opened it, without cookies. The id is read from the handshake's answer "
        "and found again in each request. At a reload the old worker hands its table to the new one; edges of the "
        "same services tell each other.",
    ),
    "balance": (
        "Balancing",
        "How a node is chosen for what has none yet: short requests in turn, long-lived sockets where fewest are open.",
    ),
    "health": (
        "Health",
        "Each node is asked every two seconds. Three failures take it out, one good answer takes it back: after a "
        "start of HAProxy nobody should wait for three.",
    ),
    "forwarding": (
        "The client's address",
        "What the application learns about the client. Whatever the client says about itself in these headers is "
        "replaced.",
    ),
    "client certificates": (
        "Client certificates",
        "Who has no certificate of the authority that is named is turned away. The application learns whose it is.",
    ),
    "origins": (
        "Origins",
        "Whose pages may open sockets here: browsers send cookies along with a WebSocket to wherever a page says.",
    ),
    "characters": (
        "Forbidden characters",
        "Control characters in a header, and blanks or a fragment in a URL, are forbidden by HTTP. HAProxy lets some "
        "through, depending on its version; a node may end the header or the path there.",
    ),
    "paths": (
        "Plain paths",
        "A path that is written in disguise could pass a rule here and mean something else to the application.",
    ),
    "acme": (
        "Certificates by ACME",
        "An authority that is to issue a certificate asks for a token by plain HTTP. The answer is that token and the "
        "thumbprint of the account, so it needs no file and no other program. Where HAProxy's own client obtains the "
        "certificates, which is experimental, the authority, the account's key and what it sees to are named here too.",
    ),
    "limits": (
        "Limits",
        "What one client, and all of them together, may take: connections, requests, sessions, time. A connection too "
        "many is refused, a request too many is told when to come again.",
    ),
    "statistics": (
        "Statistics",
        "The statistics page and Prometheus' metrics, each backend with a line of its own. They listen on a "
        "private address.",
    ),
    "logging": (
        "Logging",
        "One line a request, to the journal: where it came from and went, how long each step took, and how it ended.",
    ),
    "reload": (
        "Reloads",
        "At a reload, connections stay on the old worker until they end by themselves, however many reloads there are.",
    ),
    "runtime": (
        "Runtime API",
        "The socket by which servers, weights and certificates are changed and read without a reload.",
    ),
    "marker": (
        "Marker",
        "Names this configuration. The worker that serves repeats it when asked: so a run sees whether the file "
        "was loaded.",
    ),
    "protocol": (
        "Protocol",
        "HAProxy reads requests, not only bytes.",
    ),
}

# Beginning of a line → what is worth knowing about it. The longest beginning counts.
NOTES: dict[str, str] = {
    "maxconn": "Two file descriptors a connection: derived from how many the service may have.",
    "mworker-max-reloads": "From 3.3 on HAProxy would end old workers after 50 reloads, and their sockets with them.",
    "stats socket": (
        "expose-fd listeners hands open ports to the next worker, so that no connection is refused meanwhile."
    ),
    "localpeer": "By this name the next worker gets the tables at a reload, and other edges know this one.",
    "lua-load-per-thread": "A few lines of Lua for what this version of HAProxy cannot say in its own words.",
    "option redispatch": "A request whose node does not answer goes to another one.",
    "option http-no-delay": "Small messages are sent at once instead of being collected.",
    "option abortonclose": "A request whose client has gone is not passed on any more.",
    "option dontlognull": "Connections without a byte, such as health checks of others, are not logged.",
    "timeout http-request": "Time to send a complete request. It ends slow attacks; a held poll is not touched by it.",
    "timeout client": "Longer than a poll is held (25 s).",
    "timeout tunnel": "A socket that is silent for longer is gone: heartbeats come every 25 s.",
    "timeout client-fin": "Without it, half-closed sockets would stay for the tunnel's timeout.",
    "http-request lua.wait_for_table": (
        "After a reload the table arrives some milliseconds late: a known session waits for it."
    ),
    "http-request pause": "After a reload the table arrives some milliseconds late: a known session waits for it.",
    "http-request deny deny_status 400 unless": "Without a Host header there is nowhere to redirect to.",
    "stick store-response": "The table keeps the id together with the node that gave it.",
    "tcp-response content set-var(txn.sid)": (
        "The id is in the body of the handshake's answer. The second line reads that of Socket.IO 0.9."
    ),
    "log-format": (
        "HAProxy's own format with the TLS version and the first characters of the session id, and without the query, "
        "which holds all of it."
    ),
    "http-request set-var(txn.path)": "Socket.IO 0.9 has the session's id in its path: the beginning is logged.",
    "http-request track-sc2": "Counts requests of sessions that the affinity table does not know.",
    "lua-load": "Adds what HAProxy's own metrics lack: old workers, certificates, affinity misses.",
    "stick match": "The table names the server, so that one table serves all transports.",
    "tcp-response inspect-delay": "The body of a handshake is waited for; every other answer passes at once.",
    "http-check expect": "An answer that is not an error of the server counts as alive.",
    "use_backend flash:%[so_name]": "Everything else goes on to the frontend whose port it came to.",
}

# The part of a backend's name behind the service's → what a person calls it.
TRANSPORTS: dict[str, str] = {
    "http": "HTTP",
    "polling": "Polling",
    "websocket": "WebSocket",
    "flashsocket": "Flash socket",
    "flashsocket_legacy": "Flash socket, old TLS",
}

_BACKEND = re.compile(rf"(.+)_({'|'.join(sorted(TRANSPORTS, key=len, reverse=True))})")


def service_of(backend: str) -> tuple[str, str]:
    """The service and the transport that a backend's name says; the name and nothing where it is not one of ours."""
    found = _BACKEND.fullmatch(backend)
    return (found[1], found[2]) if found else (backend, "")
