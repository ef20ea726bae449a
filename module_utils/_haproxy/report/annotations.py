# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the explanations of the page: a text for each purpose, notes on single settings."""

from __future__ import annotations

import re

# Purpose, as directives carry it → title and text. The order is that of the page.
GOALS: dict[str, tuple[str, str]] = {
    "http": (
        "Ordinary requests",
        "Pages, scripts and APIs: all requests that are not Socket.IO. Each goes to the next node in turn.",
    ),
    "redirect": (
        "HTTP to HTTPS",
        "Plain HTTP requests are redirected to the same address over HTTPS, with path and query. The port of the Host "
        "header is dropped, as it is the one for HTTP.",
    ),
    "tls": (
        "TLS",
        "TLS ends here, with the versions and ciphers that Mozilla recommends. Clients that name no host get the first "
        "certificate; the folder holds all others. HSTS makes browsers use HTTPS only.",
    ),
    "http/3": (
        "HTTP/3",
        "The same service over QUIC. Responses over TCP announce it (alt-svc), and clients remember it for a day. It "
        "carries polling; WebSockets stay on TCP.",
    ),
    "routing": (
        "Routing",
        "Host and path of a request select its service, by the longest entry of a map. A request that fits none gets "
        "421.",
    ),
    "transports": (
        "Telling transports apart",
        "Socket.IO requests are recognised by their path. A handshake names its protocol (EIO=), or has the path of "
        "Socket.IO 0.9; a request of a session carries the session id.",
    ),
    "polling": (
        "Polling",
        "A node holds a poll for up to 25 seconds before it answers. The client and server timeouts are at least twice "
        "that; with shorter ones, polls would end with an error.",
    ),
    "websocket": (
        "WebSocket",
        "An upgraded connection stays open for hours and is idle between heartbeats. After the upgrade only the "
        "tunnel timeout counts; a connection that one side has closed ends after ten seconds.",
    ),
    "flashsocket": (
        "Flash sockets",
        "Connections of Socket.IO 0.9's Flash movies. They request a policy in plain text before TLS begins, so a TCP "
        "front end inspects the first bytes of each connection and forwards everything else.",
    ),
    "policy": (
        "Flash policy",
        "The Flash player requests a policy before it opens a socket: 23 bytes, on port 843 or on the port of the "
        "socket. Neither HTTP nor TLS begins with these bytes.",
    ),
    "affinity": (
        "Affinity",
        "A session stays on the node that opened it, without cookies. A table stores the session id from the response "
        "to the handshake, and each later request is matched with it. At a reload the old worker sends its table to "
        "the new one; edges with the same services share it.",
    ),
    "balance": (
        "Balancing",
        "How the node of a new session is chosen: short requests in turn, long-lived sockets on the node with the "
        "fewest connections.",
    ),
    "servers": (
        "Nodes from the DNS",
        "The DNS says which nodes a service has; HAProxy asks again and again, and no run is needed when they change.",
    ),
    "canary": (
        "Canary",
        "Nodes of another version get a share of new sessions, which then stay there. Share and nodes are in a map, so "
        "that they change without a reload. When too many of these sessions fail, no new one goes there any more.",
    ),
    "health": (
        "Health",
        "Each node is checked every two seconds. Three failures take it out of service, one success puts it back, so "
        "that clients need not wait for three checks after HAProxy starts.",
    ),
    "forwarding": (
        "The client's address",
        "Headers that report the client's address to the application. Values that the client itself has sent in these "
        "headers are replaced.",
    ),
    "client certificates": (
        "Client certificates",
        "Clients without a certificate signed by this CA are rejected. The application gets the certificate's subject.",
    ),
    "origins": (
        "Origins",
        "The sites whose pages may open sockets here. Without this rule any page could open one with the user's "
        "cookies, as browsers send them along with a WebSocket.",
    ),
    "characters": (
        "Forbidden characters",
        "HTTP forbids control characters, blanks and a fragment in a URL. HAProxy accepts some of them, depending on "
        "its version; a node may end the path at such a character.",
    ),
    "headers": (
        "Forbidden headers",
        "A request names one plain host, and at most one origin: applications could read another one than the rules "
        "here. `Connection` names no header of the edge, which a node would then remove. No header has control "
        "characters, at which a node may end it.",
    ),
    "paths": (
        "Plain paths",
        "A path with encoded or repeated characters could pass a rule here and mean something else to the application.",
    ),
    "acme": (
        "Certificates by ACME",
        "Before a CA issues a certificate it requests a token by plain HTTP. The response is that token and the "
        "thumbprint of the account, so it needs no file and no other program. If HAProxy's own client obtains the "
        "certificates, which is experimental, the CA, the account's key and the certificates are configured here, too.",
    ),
    "limits": (
        "Limits",
        "Limits for one client and for all together: connections, requests, sessions, time. Excess connections are "
        "refused; excess requests get 429 with the time after which to retry.",
    ),
    "statistics": (
        "Statistics",
        "The statistics page and the metrics for Prometheus, for each backend. They listen on a private address.",
    ),
    "logging": (
        "Logging",
        "One line for each request, to the journal: client, server, duration of each step, and how it ended.",
    ),
    "reload": (
        "Reloads",
        "At a reload, connections stay on the old worker until client or server ends them, even over many reloads.",
    ),
    "runtime": (
        "Runtime API",
        "The socket that shows and changes servers, weights and certificates without a reload.",
    ),
    "marker": (
        "Marker",
        "Identifies this configuration. The serving worker reports the marker that it has loaded, so a run sees "
        "whether the file was loaded.",
    ),
    "protocol": (
        "Protocol",
        "HAProxy parses HTTP requests instead of forwarding bytes.",
    ),
    "draining": (
        "Servers that leave",
        "Removed from the configuration, and still with sessions: they get no new clients, and a run takes them out "
        "when their last session has ended.",
    ),
}

# Beginning of a line → note. The longest matching beginning counts.
NOTES: dict[str, str] = {
    "maxconn": "A connection needs two file descriptors: derived from the number that the service may have.",
    "mworker-max-reloads": "From 3.3 on HAProxy by default ends old workers, and their sockets, after 50 reloads.",
    "stats socket": (
        "expose-fd listeners passes open ports to the next worker, so that no connection is refused during a reload."
    ),
    "localpeer": "The name by which the next worker gets the tables at a reload, and other edges know this one.",
    "lua-load-per-thread": "A short Lua script for rules that HAProxy has no keyword for.",
    "option redispatch": "If its node does not answer, a request goes to another one.",
    "option http-no-delay": "Small messages are sent at once instead of being collected.",
    "option abortonclose": "A queued request is dropped if its client has disconnected.",
    "option idle-close-on-response": (
        "At a reload, idle connections stay open until they have carried one more request, or were idle for the time "
        "of http-keep-alive: a client that sends at this moment is answered and not reset."
    ),
    "http-request return status 307": (
        "A worker that a reload has replaced leaves new sessions, and those that it does not know, to the next one, "
        "which could not learn them from here."
    ),
    "option dontlognull": "Connections without data, such as health checks of other systems, are not logged.",
    "timeout http-request": "Time to send a complete request. It ends slow attacks and does not affect a held poll.",
    "timeout client": "Longer than a poll is held (25 s).",
    "timeout tunnel": "A socket that is idle for longer is dead, as heartbeats come every 25 s.",
    "timeout client-fin": "Without it, half-closed sockets would stay for the tunnel timeout.",
    "http-request lua.wait_for_table": (
        "After a reload the table arrives late: a request of a session waits until it is there, for some seconds."
    ),
    "http-request lua.wait_for_servers": (
        "After a reload the DNS has yet to name the nodes: a request waits for one, for some seconds."
    ),
    "http-request deny deny_status 400 unless": "Without a Host header there is no address to redirect to.",
    "stick store-response": "The table stores the session id with the node that issued it.",
    "tcp-response content set-var(txn.sid)": (
        "The id is in the body of the response to the handshake. The second line reads that of Socket.IO 0.9."
    ),
    "log-format": (
        "HAProxy's default format plus the TLS version and the first characters of the session id, and without the "
        "query, which holds the whole id. Of a path of Socket.IO 0.9, which ends with the id, the beginning is logged."
    ),
    "http-request set-var(txn.route)": "The longest entry of the map that host and path begin with names the service.",
    "use_backend %[var(txn.route),field(1,:)]_websocket": "Only services whose route has this transport.",
    "tcp-request session set-var(sess.id)": "The id of each request begins with it and ends with the request's number.",
    "tcp-request session set-var(sess.address)": "The address as text, once for all requests of the connection.",
    "http-request set-var(txn.odd)": "One look at all headers: only what it finds is looked at in detail.",
    "http-request track-sc2": "Counts requests of sessions that the affinity table does not have.",
    "lua-load": "Adds metrics that HAProxy lacks: old workers, certificates, affinity misses.",
    "stick match": "The table names the server, so that one table serves all transports.",
    "tcp-response inspect-delay": "HAProxy waits for the body of a handshake; all other responses pass at once.",
    "http-check expect": "Any response that is not a server error counts as healthy.",
    "use_backend flash:%[so_name]": "Everything else goes to the frontend of the port that the client connected to.",
}

# The part of a backend's name after the service's → name of the transport for people.
TRANSPORTS: dict[str, str] = {
    "http": "HTTP",
    "polling": "Polling",
    "websocket": "WebSocket",
    "flashsocket": "Flash socket",
    "flashsocket_legacy": "Flash socket, old TLS",
}

_BACKEND = re.compile(rf"(.+)_({'|'.join(sorted(TRANSPORTS, key=len, reverse=True))})")


def service_of(backend: str) -> tuple[str, str]:
    """Return service and transport from a backend's name; the whole name and "" if it is not one of ours."""
    found = _BACKEND.fullmatch(backend)
    return (found[1], found[2]) if found else (backend, "")
