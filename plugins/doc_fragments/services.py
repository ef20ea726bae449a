# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of the option `services`, in the words of the role's variable `haproxy_services`."""

from __future__ import annotations


class ModuleDocFragment:
    """Document the option for the modules that have it."""

    DOCUMENTATION = r"""
options:
  services:
    description:
      - The applications behind the edge. Each becomes a backend for ordinary requests and one for each Socket.IO
        transport.
      - Unknown keys and wrong values are errors that name the YAML path and suggest what was probably meant.
    type: list
    elements: raw
    default: []
    suboptions:
      name:
        description:
          - Name of the service. Its backends, its statistics and, by default, its certificate are named after it.
        type: str
        required: true
      hosts:
        description:
          - Host names of the service, such as V(chat.example.com) or V(*.example.com). Without any, it answers every
            host.
        type: list
        elements: str
        default: []
      path:
        description:
          - Path of the service below its hosts, such as V(/chat/), so that several services share a host; the longest
            path that a request begins with counts. It begins and ends with a slash.
        type: str
        default: /
      strip_path:
        description:
          - Whether C(path) is taken off for the servers, which then find it in C(X-Forwarded-Prefix).
        type: bool
        default: false
      certificate:
        description:
          - Name of an entry of C(haproxy_certificates), or a list of names for an ECDSA and an RSA certificate.
            Defaults to the name of the service.
        type: raw
      client_ca:
        description:
          - Name of a CA in C(haproxy_certificates). Clients then need a certificate of this CA. Needs C(hosts).
        type: str
      origins:
        description:
          - Origins of the pages that may open sockets, such as V(https://chat.example.com), V(https://*.example.com),
            V(capacitor://localhost), V(file://) or V(null). Without any, all may.
        type: list
        elements: str
      servers:
        description:
          - The servers, as a list of C(address:port), of sockets such as C(unix@/run/app.sock), or of mappings with
            C(name), C(address), C(port) and HAProxy's server options, such as C(weight) and C(slowstart).
          - Or C({group, port}), the hosts of an inventory group, each reached at its C(haproxy_address), else its
            C(ansible_host), else its name, with its C(haproxy_weight).
          - C(ports) instead of C(port), a list or a range such as V(3000-3003), makes a server of each port.
          - C(sources), a list of addresses of the edge, makes a server of each, for more than 28,000
            connections to a node.
          - Or C({dns, port}), the addresses of a name, or C({srv}), the SRV records of a name. HAProxy follows them
            without a run. C(records) is the most there may be, C(resolvers) a section of that kind; by default, the
            name servers of the host answer.
        type: raw
        required: true
      canary:
        description:
          - Servers of another version, which get a share of the service's new sessions. A session stays where it began,
            whatever the share. Sessions are those of Socket.IO, sockets, and, of a service without either, visitors
            (C(affinity=cookie)); other requests stay with C(servers).
          - When too many of these sessions fail, HAProxy withdraws the canary - no new session goes there any more, on
            no edge, until C(share) is set anew.
        type: dict
        suboptions:
          servers:
            description:
              - The servers of that version, as a list or C({group, port}), like the service's C(servers). Each gets its
                part by its weight.
            type: raw
            required: true
          share:
            description:
              - Percentage of new sessions, 0 to 100. It changes without a reload.
            type: int
            required: true
          max_errors:
            description:
              - Percentage of new sessions that may fail within 30 seconds, by an answer of 500 or above, before the
                canary is withdrawn. V(100) never withdraws it.
            type: int
            default: 10
          min_sessions:
            description:
              - Number of new sessions within 30 seconds below which nothing is decided.
            type: int
            default: 20
      health:
        description:
          - Path of the health check, or V(false) to check the connection only. By default the path of Socket.IO, which
            answers without opening a session, or V(/) where there is none.
        type: raw
      websocket:
        description:
          - Whether the service has WebSockets outside Socket.IO, such as those of ws, graphql-ws, Phoenix or MQTT. They
            get a backend of their own and count as sockets, not as requests.
        type: bool
        default: false
      plain_http:
        description:
          - Whether port 80 serves the service, too, instead of redirecting to HTTPS, for devices that cannot do TLS.
            Or a list of paths below the service's C(path), such as V([/device/]), that port 80 serves.
        type: raw
        default: false
      streamed_uploads:
        description:
          - Whether the body of a request may take longer than C(haproxy_limits.request_timeout), as that of a stream
            does. Or a list of paths below the service's C(path), such as V([/upload/]).
        type: raw
        default: false
      balance:
        description:
          - Algorithm that chooses a server, in all backends of the service. By default V(leastconn) for sockets and
            V(roundrobin) for requests. Another one can be set in C(haproxy_sections), for the backend.
        type: str
        choices: [roundrobin, leastconn, random, first, static-rr]
      affinity:
        description:
          - How a client stays on its server outside Socket.IO, such as one of SignalR. V(cookie) sets a cookie,
            V(source) uses the client's address.
        type: str
        choices: [none, cookie, source]
        default: none
      key:
        description:
          - The part of a request that chooses its server, by consistent hashing, so that a room, a tenant or a shard
            has its server. One of C(query), C(header), C(cookie) with a name, or C(segment) with the number of a
            segment of the path as servers see it. A session of Socket.IO stays where it was opened.
        type: dict
        suboptions:
          query:
            description: Name of a parameter of the query.
            type: str
          header:
            description: Name of a header.
            type: str
          cookie:
            description: Name of a cookie.
            type: str
          segment:
            description: Number of a segment of the path, V(1) for the first.
            type: int
      socketio:
        description: How the service speaks Socket.IO, or V(false) for a service without Socket.IO.
        type: raw
        default: {}
        suboptions:
          path:
            description: Path of Socket.IO below the service's C(path). It begins and ends with a slash.
            type: str
            default: /socket.io/
          eio:
            description:
              - Revision of Engine.IO whose requests the service takes, V(3) for Socket.IO 1 and 2 or V(4) for 3 and
                4. All others are for the service without C(eio) that has the same hosts and the same path of Socket.IO.
            type: int
            choices: [3, 4]
          transports:
            description: Transports that clients may use. V(flashsocket) needs V(polling).
            type: list
            elements: str
            choices: [polling, websocket, flashsocket]
            default: [polling, websocket]
          affinity:
            description:
              - How a client stays on the server that holds its session.
              - V(session) follows the session ID of Socket.IO, V(cookie) sets a cookie, V(source) uses the client's
                address.
            type: str
            choices: [session, cookie, source, none]
            default: session
          servers:
            description:
              - Servers for Socket.IO alone, in the form of the service's C(servers). By default, the service's
                C(servers).
            type: raw
          flash:
            description: Settings for V(flashsocket).
            type: dict
            suboptions:
              policy_servers:
                description:
                  - Servers that answer the Flash player's request for a policy, in the form of C(servers). By default,
                    the edge answers.
                type: raw
              legacy_tls:
                description:
                  - Name of an entry of C(haproxy_certificates) with an RSA key. The edge then accepts the TLS 1.0 of
                    Flash movies, on a bind of its own.
                type: str
"""
