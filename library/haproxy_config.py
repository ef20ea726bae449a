#!/usr/bin/python
# Copyright: realtime.edge contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: assemble, check and apply the configuration of an HAProxy edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_config
short_description: Assemble, check and apply the configuration of an HAProxy edge
version_added: 1.0.0
description:
  - Assembles one configuration from services (Socket.IO applications described in a few words) and from sections
    under HAProxy's own keywords. There is no list of keywords to outgrow - HAProxy's manual is the manual.
  - Several contributors can share an edge. Each has a fragment of its own, kept on the host; the file is always
    assembled from all of them, the owner's first, then by name.
  - The installed binary checks the new text before anything is replaced. The file is written atomically, and a running
    HAProxy is reloaded through its master CLI, whose answer is read. A refused reload puts the file back that serves.
  - Servers, the contents of certificates and of the files of maps and ACLs are changed at run time, without a reload;
    what the process says of itself is compared with what is wanted, before and after. What needs a reload is told,
    with the directive and its section. Check mode tells the same in advance.
  - HAProxy is never started, stopped or restarted by this module.
options:
  fragment:
    description:
      - Whose part O(services) and O(sections) are. C(edge) is the part of whoever owns the edge, which is the role;
        other roles and plays choose a name of their own, such as that of their application.
      - Letters, digits, C(_), C(-) and C(.), 63 at most. The fragment is kept in C(fragments.d) beside O(path),
        readable by root alone.
      - Two fragments of one section add up their rules, binds and servers. Where they give one setting two values, or
        one server, ACL or address two meanings, that is an error that names both.
      - A fragment on a host without the owner's is kept until the owner comes.
      - The settings of the edge (all options from O(binds) on, but O(path) and O(restart)) are the owner's; where they
        are not given, those that the owner gave last are used.
    type: str
    default: edge
  state:
    description:
      - V(present) makes O(services) and O(sections) this fragment's part of the configuration. What it asked for before
        and does not any more is gone.
      - V(absent) takes the fragment out again, without a trace.
      - V(rendered) returns the text and touches nothing. It needs neither a host nor a binary
        (C(delegate_to=localhost)), and knows of no other fragments.
      - V(parsed) returns O(running_config) as data for O(sections).
      - V(gathered) returns the file at O(path) as data for O(sections). With O(base_settings=false) such data give the
        same configuration again, so that a server that was configured by hand can be adopted. They contain the
        secrets of the file - a reason for C(no_log).
    type: str
    choices: [present, absent, rendered, parsed, gathered]
    default: present
  running_config:
    description: The text of an HAProxy configuration, for O(state=parsed).
    type: str
  warnings_fatal:
    description: Whether a warning of HAProxy about a new configuration is an error.
    type: bool
    default: false
  sections:
    description:
      - Anything else, under HAProxy's own keywords - section kind, name, keyword, value. It adds to the sections
        that services make, and its single values replace the base settings.
      - For example C({"frontend":{"web":{"bind":":8080"}}}). The sections C(global) and C(defaults) have no name;
        a named C(defaults) is written C("defaults NAME"), and C("NAME from DEFAULTS") is a name too.
      - A scalar is one line, C(true) the bare keyword, C(false) its negation with C(no), C(null) nothing. A list
        is one line each, in order. A mapping is one line a key. A mapping in one of those gives the options of
        one line, C(name), C(address) and C(port) first.
      - Where the order of different keywords matters, or for conditions (C(.if)), a section is a list - of such
        mappings, of whole lines as in HAProxy's manual, and of comments (C("# ...")), which stand above what
        follows.
      - Rules are written in the order in which HAProxy evaluates their kinds, whatever the order here; within a
        kind their order is kept.
      - A list of mappings of sections serves where a kind is needed twice.
      - Quotes, C(\\) and C("$VARIABLE") in a value are HAProxy's. A value is one line; an unquoted C(#) is
        refused.
    type: raw
    default: {}
  groups:
    description:
      - Members of the inventory groups that O(services) and O(peers) name, each a mapping with C(name) and C(address).
        Read from the inventory by default.
    type: dict
    default: {}
  compared:
    description:
      - What M(realtime.edge.haproxy_compare) returned as C(configuration). If it is not null, nothing is to change,
        and it is the result, without a connection to the host.
    type: dict
  binds:
    description: Bind addresses of the two frontends of the services, and of what belongs to them.
    type: dict
    suboptions:
      http:
        description: Where plain HTTP is redirected to HTTPS.
        type: list
        elements: str
        default: [':80']
      https:
        description: Where TLS is terminated.
        type: list
        elements: str
        default: [':443']
      quic:
        description:
          - Where HTTP/3 is served as well, such as V(quic4@:443). Clients that came by TCP learn of it
            (C(Alt-Svc)). Needs an HAProxy that was built with QUIC.
        type: list
        elements: str
        default: []
      policy:
        description: Where the Flash player asks for its policy. Used with flash sockets only.
        type: list
        elements: str
        default: [':843', ':10843']
  stats_bind:
    description:
      - Bind address of the statistics page and of the Prometheus metrics (C(/metrics)). Empty for none.
      - Defaults to V(127.0.0.1:8404).
    type: str
  base_settings:
    description:
      - Whether to start from the role's base configuration (logging, limits, timeouts, TLS, stats). V(false) for
        a configuration that is complete in itself, such as an adopted one.
      - Defaults to V(true). Without it, the file holds what contributors wrote, and the marker of this module.
    type: bool
  comments:
    description:
      - Whether comments in the configuration file say what each line is for.
      - Defaults to V(true). M(realtime.edge.haproxy_explain) reads these comments, and explains nothing without
        them.
    type: bool
  tls:
    description: TLS settings of the edge. Settings that are not named here have their defaults.
    type: dict
    suboptions:
      profile:
        description:
          - Which of Mozilla's recommendations (version 5.7) the edge follows. V(custom) is V(intermediate) with
            C(min_version), C(ciphers), C(ciphersuites) and C(curves) of your own.
        type: str
        choices: [modern, intermediate, old, custom]
        default: intermediate
      min_version:
        description: Minimum version of TLS. With V(custom) only.
        type: str
        choices: [TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3]
      ciphers:
        description: Ciphers up to TLS 1.2, in OpenSSL's words. With V(custom) only.
        type: str
      ciphersuites:
        description: Cipher suites of TLS 1.3. With V(custom) only.
        type: str
      curves:
        description: Groups of the key exchange. With V(custom) only.
        type: str
      post_quantum:
        description:
          - Whether the hybrid key exchange X25519MLKEM768 is offered first, where the TLS library has it.
        type: bool
        default: true
      hsts:
        description: Value of C(Strict-Transport-Security). Empty for none.
        type: str
        default: max-age=63072000
      tickets:
        description: Whether sessions resume by tickets. Their keys survive a reload.
        type: bool
        default: true
  acme_thumbprint:
    description:
      - Thumbprint of an ACME account's key (RFC 8555, section 8.1); empty for none. The edge then answers any HTTP
        challenge of this account.
    type: str
  acme:
    description:
      - Certificates by ACME for the services whose certificates C(haproxy_certificates) does not have. Empty for
        none.
      - HAProxy's own client obtains them, from HAProxy 3.2 on. HAProxy calls it experimental.
      - It needs the key of the account, C(acme-account.key) beside O(path), which
        M(realtime.edge.haproxy_certificate) installs. M(realtime.edge.haproxy_acme) orders and keeps the
        certificates.
    type: dict
    suboptions:
      directory:
        description: Directory URL of the CA, such as V(https://acme-v02.api.letsencrypt.org/directory).
        type: str
        default: ''
      contact:
        description:
          - Addresses for messages of the CA, such as V(mailto:ops@example.com). HAProxy's own client uses the
            first.
        type: list
        elements: str
        default: []
      terms_agreed:
        description: Whether you agree to the terms of service of the CA.
        type: bool
        default: false
      validate_certs:
        description: Whether the certificate of the CA's own server is checked.
        type: bool
        default: true
      orders:
        description: The certificates to obtain.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the file in O(certificates), without C(.pem).
            type: str
            required: true
          hosts:
            description: Host names it is for.
            type: list
            elements: str
            required: true
  limits:
    description:
      - Limits of one client address (of IPv6, a /64) and of all clients. Rates of an address are counted over
        10 seconds. V(0) is no limit. Limits that are not named here have their defaults.
      - Excess connections are refused; excess requests get 429 and C(Retry-After). See C(docs/hardening.md).
    type: dict
    suboptions:
      connections:
        description: Concurrent connections of an address.
        type: int
        default: 4000
      connection_rate:
        description: New connections of an address, and hence TLS handshakes.
        type: int
        default: 4000
      request_rate:
        description: Requests of an address.
        type: int
        default: 10000
      session_rate:
        description: New Socket.IO sessions of an address.
        type: int
        default: 2000
      total_handshake_rate:
        description: TLS handshakes of all clients per second. Others wait.
        type: int
        default: 0
      total_connection_rate:
        description: New connections of all clients per second. Others wait.
        type: int
        default: 0
      request_timeout:
        description:
          - Seconds for a TLS handshake (HAProxy 3.0 and newer), and for a request with the first 16 kB of its
            body.
        type: int
        default: 10
      url_length:
        description: Maximum length of a URL in bytes. A longer one gets 414.
        type: int
        default: 8192
      server_requests:
        description: Concurrent ordinary requests of a server. Others wait for up to 30 seconds, then get 503.
        type: int
        default: 1000
      server_sockets:
        description:
          - Concurrent sockets and polls of a server, for each transport, over all workers and all edges that are peers.
        type: int
        default: 10000
      rebalance_rate:
        description:
          - Sockets a second that all edges close together, at most, by themselves, when a node has had less than half
            of its share for 30 seconds, until no node has more than its share. By default they close none.
        type: int
        default: 0
      shared:
        description:
          - Whether the rates of an address count over all edges that are peers. Its concurrent connections are each
            edge's own.
        type: bool
        default: false
      exempt:
        description: Addresses and networks that the limits of an address do not apply to.
        type: list
        elements: str
        default: []
  trusted_proxies:
    description: Upstream proxies trusted to report the client's address. None by default.
    type: dict
    suboptions:
      addresses:
        description: Their addresses and networks.
        type: list
        elements: str
        default: []
      protocol:
        description: How they report the client's address.
        type: str
        choices: [proxy_protocol, x_forwarded_for]
        default: proxy_protocol
  peers:
    description:
      - The edges of the same services. They share their tables of Socket.IO sessions, so that a session continues
        when its edge fails. Empty for an edge that is alone.
    type: dict
    suboptions:
      name:
        description: Name of this edge in the group.
        type: str
      group:
        description:
          - The inventory group of all of them, this edge included. Each is reached at its C(haproxy_address),
            like a server.
        type: str
      port:
        description:
          - Port on which each of them listens for the others. Before HAProxy 3.0 an edge that is alone listens to
            itself on a port of loopback, 8405 or this one, if there is neither a group nor a certificate.
        type: int
        default: 8406
      certificate:
        description:
          - Name of an entry of C(haproxy_certificates), a self-signed certificate with its key, the same on all
            of them. It authenticates the edges to each other.
        type: str
  ticket_keys:
    description:
      - File of the keys of session tickets, which M(realtime.edge.haproxy_certificate) writes. Defaults to
        V(/etc/haproxy/ticket-keys).
    type: path
  certificates:
    description: Folder of the certificates, one C(NAME.pem) each. Defaults to V(/etc/haproxy/certificates).
    type: path
  path:
    description: The configuration file.
    type: path
    default: /etc/haproxy/haproxy.cfg
  binary:
    description: Path of the HAProxy binary that checks and runs the configuration. Defaults to V(/usr/sbin/haproxy).
    type: path
  link:
    description:
      - The symlink that the service starts, when it does not start O(binary) itself. It is switched to O(binary)
        together with the file.
    type: path
  version:
    description: Version to write for, where O(binary) is not there to be asked (check mode on a bare host).
    type: str
  master_socket:
    description: The master CLI. Defaults to V(/run/haproxy/master.sock).
    type: path
  runtime_socket:
    description: The Runtime API of the worker. Defaults to V(/run/haproxy/admin.sock).
    type: path
  state_directory:
    description: Where the last known good configuration is kept. Defaults to V(/var/lib/haproxy).
    type: path
  group:
    description: The group that may read the configuration. Defaults to V(haproxy).
    type: str
  file_descriptors:
    description: How many file descriptors the service may have; C(maxconn) follows from it. Defaults to V(20000).
    type: int
  restart:
    description:
      - Whether the caller may restart a service that cannot be reloaded, which ends its connections. It is one that
        this collection did not start, or one whose master CLI is gone.
    type: bool
    default: false
  drain_time:
    description:
      - Seconds that the sessions of a removed server have to end on their own before they are closed, one after the
        other. By default they are never closed, and a later run removes the drained server.
      - With it, a reload that would leave more old workers than allowed closes the sessions of the oldest one first.
    type: int
  drain_rate:
    description:
      - Sessions a second that an edge closes, at most, where a drain time lets it close some. It may be less than one.
    type: float
    default: 20
  max_old_workers:
    description:
      - Maximum number of old workers, which serve the sockets they had before a reload. From four fifths of it
        there is a warning. At the maximum a reload is refused, unless a drain time allows it to end the oldest one.
    type: int
    default: 20
attributes:
  check_mode:
    description: The text is assembled and, where the binary is there, checked; nothing is written.
    support: full
  diff_mode:
    description: Each section that differs, before and after; passwords, keys and tokens are masked.
    support: full
  idempotent:
    description: An edge that serves this configuration is left alone.
    support: full
seealso:
  - name: HAProxy configuration manual
    description: The keywords of O(sections).
    link: https://docs.haproxy.org/
author:
  - realtime.edge contributors (@realtime-edge)
extends_documentation_fragment:
  - realtime.edge.services
"""

EXAMPLES = r"""
- name: Put an edge in front of two Socket.IO nodes
  realtime.edge.haproxy_config:
    services:
      - name: chat
        hosts: [chat.example.com]
        servers: ["10.0.0.11:3000", "10.0.0.12:3000"]
        health: /healthz

- name: Serve Socket.IO 0.9 to Flash movies too, and HTTP/3 to browsers
  realtime.edge.haproxy_config:
    services:
      - name: chat
        servers: ["10.0.0.11:3000", "10.0.0.12:3000"]
        socketio:
          transports: [polling, websocket, flashsocket]
    binds:
      quic: ["quic4@:443"]

- name: Write any configuration under HAProxy's own keywords
  realtime.edge.haproxy_config:
    sections:
      global:
        maxconn: 5000
      frontend:
        web:
          bind: ":8080"
          default_backend: api
      backend:
        api:
          balance: leastconn
          server:
            - api1 10.0.0.1:8080 check
            - {name: api2, address: 10.0.0.2, port: 8080, check: true, weight: 10}

- name: Where order matters, a section is a list
  realtime.edge.haproxy_config:
    sections:
      global:
        - .if feature(QUIC)
        - limited-quic
        - .endif
        - maxconn: 5000
      backend:
        api:
          - "# the first two are slower"
          - default-server: weight 10
            server: [old1 10.0.0.1:80, old2 10.0.0.2:80]
          - default-server: weight 100
            server: [new1 10.0.0.3:80]

# In the role of an application, on an edge that another role owns
- name: Put the shop behind the edge
  realtime.edge.haproxy_config:
    fragment: shop
    sections:
      frontend:
        https:
          use_backend: shop if { hdr(host),host_only shop.example.com }
      backend:
        shop:
          server: s1 10.0.1.1:8080 check

- name: Take the shop away again
  realtime.edge.haproxy_config:
    fragment: shop
    state: absent

- name: See what would be written, in a pipeline, without the host
  realtime.edge.haproxy_config:
    state: rendered
    services: "{{ haproxy_services }}"
    version: 3.2.26
  delegate_to: localhost
  register: edge

- name: Read a file that was written by hand
  realtime.edge.haproxy_config:
    state: gathered
  register: found
  no_log: true

- name: Adopt it; nothing changes
  realtime.edge.haproxy_config:
    sections: "{{ found.gathered }}"
    base_settings: false
"""

RETURN = r"""
action:
  description:
    - V(unchanged); V(runtime) where the running process takes the change; V(reload); or V(start) where no HAProxy runs
      yet that could be reloaded.
    - A run can change a fragment alone, with nothing to change for HAProxy; RV(reasons) say so then.
  type: str
  returned: state is present or absent
  sample: reload
reasons:
  description: Why the action is needed.
  type: list
  elements: str
  returned: state is present or absent
  sample: ["/etc/haproxy/haproxy.cfg differs from what is wanted"]
commands:
  description: What is changed at run time, each with the commands (never a key) and the sessions that live on it.
  type: list
  elements: dict
  returned: state is present or absent
  sample: [{"what": "server chat/n2 gets weight 5", "commands": ["set server chat/n2 weight 5"], "sessions": 12}]
connections:
  description: Connections of the serving worker. A reload leaves them with it until they end.
  type: int
  returned: state is present or absent
draining:
  description: Removed servers that serve their last sessions, in any worker. They stay in the file, with weight 0.
  type: list
  elements: str
  returned: state is present or absent
workers:
  description: Before the change, the serving worker and then the old ones, each with C(pid), C(uptime) in seconds,
    C(version) and its C(connections). Empty where none runs.
  type: list
  elements: dict
  returned: state is present or absent
takes_over:
  description:
    - The HAProxy of the service that this collection did not start, and that a restart of the service replaces. Its
      C(pid), its C(listeners), and the C(connections) of clients that end with it. Empty where there is none.
    - One with listeners and connections is an error, unless O(restart=true).
  type: dict
  returned: state is present or absent
  sample: {"pid": 812, "listeners": ["*:80"], "connections": 12}
checked:
  description: Whether the installed binary has checked the text; not so in check mode on a bare host.
  type: bool
  returned: state is present or absent
path:
  description: The configuration file.
  type: str
  returned: state is present or absent
fragments:
  description: All fragments of the edge, in the order in which they are merged.
  type: list
  elements: str
  returned: state is present or absent
  sample: [edge, blog, shop]
haproxy_warnings:
  description: HAProxy's warnings about a new text, each with its place.
  type: list
  elements: str
  returned: state is present or absent
rendered:
  description: The text of the configuration; passwords, keys and tokens are masked.
  type: str
  returned: O(state=rendered)
parsed:
  description:
    - The text as data for O(sections).
    - An item is a section, or before the first one a line (V(.if true)) or a comment. A section is a mapping where the
      order of its keys is free, else a list.
  type: list
  elements: raw
  returned: O(state=parsed)
gathered:
  description:
    - The file as data for O(sections).
    - An item is a section, or before the first one a line (V(.if true)) or a comment. A section is a mapping where the
      order of its keys is free, else a list.
  type: list
  elements: raw
  returned: O(state=gathered)
promises:
  description: >-
    What the limits of the configuration allow - C(connections) of clients (C(maxconn)), and C(node_connections), those
    to one address and port of a node; 0 where nothing says how many.
  type: dict
  returned: state is present or absent
  sample: {connections: 50000, node_connections: 12000}
probes:
  description:
    - How to probe each of O(services) on the edge itself. C(url), C(address), C(http_address), C(path) and
      C(transports) are options of M(realtime.edge.socketio_probe); C(name) is the service, and C(skip) the reason why
      it cannot be probed, empty where it can.
  type: list
  elements: dict
  returned: state is present, absent or rendered
problems:
  description: What has to be mended, each with its place in the YAML.
  type: list
  elements: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.config.model import ConfigurationError
from ..module_utils._haproxy.fragments.arguments import OPTIONS
from ..module_utils._haproxy.fragments.manage import Request, manage


class Module(AnsibleModule):
    """Keeps its arguments to itself: they may hold secrets, which can't be told apart before they are understood."""

    def _log_invocation(self) -> None:
        """Write nothing to the host's log."""


def main() -> None:
    """Run the module."""
    module = Module(
        argument_spec=OPTIONS, required_if=[("state", "parsed", ["running_config"])], supports_check_mode=True
    )
    try:
        result = manage(Request(module.params, module.check_mode, module._diff, module.no_log_values.update))
    except ConfigurationError as error:
        module.fail_json(msg="\n".join(error.problems), problems=error.problems)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
