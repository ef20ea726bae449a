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
    description: Whether a warning of HAProxy's about the new text refuses it.
    type: bool
    default: false
  sections:
    description:
      - Section kind, name, keyword, value, as in
        C({"frontend":{"web":{"bind":":8080"}}}). The sections C(global) and C(defaults) have no name; a named
        C(defaults) is written C("defaults NAME"), and C("NAME from DEFAULTS") is a name too.
      - A scalar is one line, C(true) the bare keyword, C(false) its negation with C(no), C(null) nothing. A list is
        one line each, in order. A mapping is one line a key. A mapping in one of those gives the options of one line,
        C(name), C(address) and C(port) first.
      - Where the order of different keywords matters, or for conditions (C(.if)), a section is a list - of such
        mappings, of whole lines as in HAProxy's manual, and of comments (C("# ...")), which stand above what follows.
      - Rules are written in the order in which HAProxy evaluates their kinds, whatever the order here; within a kind
        their order is kept.
      - A list of mappings of sections serves where a kind is needed twice.
      - A single value (a timeout, C(maxconn)) replaces the role's default; rules, binds and servers add up.
      - Quotes, C(\\) and C("$VARIABLE") in a value are HAProxy's. A value is one line; an unquoted C(#) is refused.
    type: raw
    default: {}
  services:
    description:
      - The Socket.IO applications behind this edge. Each becomes a backend for ordinary requests and one for each
        transport.
      - Keys of a service are C(name), C(hosts) (none means every host), C(certificate) (by default the name; a
        list for an ECDSA and an RSA one), C(client_ca) (the name of a CA; clients need its certificate),
        C(origins) (of the pages that may open sockets, such as V(https://chat.example.com)), C(servers),
        C(health) (the path of the health check, V(/) by default, or C(false)), and C(socketio), with
        C(path), C(transports), C(affinity) (V(session), V(cookie), V(source) or V(none)), C(servers) of its own, and
        C(flash).
      - C(flash) is for a service whose C(transports) have V(flashsocket). Its C(policy_servers), in the form of
        C(servers), answer the Flash player's request for a policy; without them the edge does. Its C(legacy_tls), the
        name of a certificate with an RSA key, takes the TLS 1.0 of Flash movies on a listener of their own.
      - C(servers) is a list of C(address:port) or of mappings with C(name), C(address), C(port) and HAProxy's server
        options, or C({"group":"NAME","port":3000}) for a group of O(groups).
    type: list
    elements: raw
    default: []
  groups:
    description: Members of inventory groups that O(services) name, each a mapping with C(name) and C(address).
    type: dict
    default: {}
  binds:
    description: Addresses of the two frontends of the services, and of what belongs to them.
    type: dict
    suboptions:
      http:
        description: Where plain HTTP is redirected to HTTPS.
        type: list
        elements: str
        default: [":80"]
      https:
        description: Where TLS is terminated.
        type: list
        elements: str
        default: [":443"]
      quic:
        description:
          - Where HTTP/3 is served beside, such as V(quic4@:443). Clients that came by TCP are told so (C(Alt-Svc)).
          - The HAProxy in O(binary) must have been built with QUIC.
        type: list
        elements: str
        default: []
      policy:
        description: Where the Flash player asks for its policy; used with flash sockets only.
        type: list
        elements: str
        default: [":843", ":10843"]
  stats_bind:
    description: Address of the statistics page and the Prometheus metrics, V(127.0.0.1:8404) by itself; empty for none.
    type: str
  base_settings:
    description:
      - Whether the edge's own settings (logging, limits, timeouts, TLS, statistics) lie under what contributors ask
        for; V(true) by itself. Without them the file holds what contributors wrote, and the marker of this module.
    type: bool
  comments:
    description:
      - Whether the file says what each line is for; V(true) by itself. M(realtime.edge.haproxy_explain) reads these
        comments, and has nothing to explain without them.
    type: bool
  tls:
    description: What binds negotiate.
    type: dict
    suboptions:
      profile:
        description:
          - Which of Mozilla's recommendations (version 5.7) binds follow, or V(custom) for V(intermediate) with
            the four options below.
        type: str
        default: intermediate
      min_version:
        description: Oldest version of TLS, V(TLSv1.0) to V(TLSv1.3); with V(custom) only.
        type: str
        default: ""
      ciphers:
        description: Ciphers of TLS 1.2 and older, in OpenSSL's words; with V(custom) only.
        type: str
        default: ""
      ciphersuites:
        description: Cipher suites of TLS 1.3; with V(custom) only.
        type: str
        default: ""
      curves:
        description: Groups of the key exchange; with V(custom) only.
        type: str
        default: ""
      post_quantum:
        description: Whether the hybrid key exchange X25519MLKEM768 is offered first, where the TLS library has it.
        type: bool
        default: true
      hsts:
        description: The value of C(Strict-Transport-Security); empty for none.
        type: str
        default: max-age=63072000
      tickets:
        description: Whether sessions resume by tickets, whose keys are in O(ticket_keys).
        type: bool
        default: true
  acme_thumbprint:
    description:
      - Thumbprint of an ACME account's key (RFC 8555, section 8.1); empty for none. The edge then answers any HTTP
        challenge of this account.
    type: str
  acme:
    description:
      - What HAProxy's own ACME client is to do, from HAProxy 3.2 on. It is experimental, by HAProxy's own word.
      - Nothing comes of it as long as the key of the account, C(acme-account.key) beside O(path), is not there, which
        M(realtime.edge.haproxy_certificate) brings. M(realtime.edge.haproxy_acme) orders and keeps the certificates.
    type: dict
    suboptions:
      directory:
        description: The authority's address; needed.
        type: str
        default: ""
      contact:
        description: Addresses for the authority's messages; HAProxy's client tells the first.
        type: list
        elements: str
        default: []
      terms_agreed:
        description: Whether you agree to the authority's terms of service; HAProxy's client does so for you.
        type: bool
        default: false
      validate_certs:
        description: Whether the authority's own certificate is checked.
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
      - What one client address may take (of IPv6, a /64), and what all may. Rates of an address are counted over 10
        seconds. V(0) is no limit.
      - A connection too many is refused, a request too many answered with 429 and C(Retry-After).
    type: dict
    suboptions:
      connections:
        description: Connections of an address at a time.
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
        description: TLS handshakes of all in a second; more wait.
        type: int
        default: 0
      total_connection_rate:
        description: New connections of all in a second; more wait.
        type: int
        default: 0
      request_timeout:
        description: Seconds for a TLS handshake (from HAProxy 3.0 on), and for a request with 16 kB of its body.
        type: int
        default: 10
      url_length:
        description: Longest URL in bytes; a longer one is answered with 414.
        type: int
        default: 8192
      server_requests:
        description: Ordinary requests a server gets at a time; more wait for 30 seconds, then are answered with 503.
        type: int
        default: 1000
      server_sockets:
        description: Sockets and polls a server gets at a time, for each transport.
        type: int
        default: 10000
      exempt:
        description: Addresses and networks that the limits of an address are not for.
        type: list
        elements: str
        default: []
  trusted_proxies:
    description: Proxies before this edge that are believed whom they speak for.
    type: dict
    suboptions:
      addresses:
        description: Their addresses and networks.
        type: list
        elements: str
        default: []
      protocol:
        description: How they tell the client's address.
        type: str
        choices: [proxy_protocol, x_forwarded_for]
        default: proxy_protocol
  peers:
    description:
      - The other edges of the same services, with which this one shares what it knows of Socket.IO's sessions, so that
        a session goes on where its edge does not. Empty for an edge that is alone.
    type: dict
    suboptions:
      name:
        description: This edge's name in the group.
        type: str
      group:
        description: The group of O(groups) that has all of them, this one too.
        type: str
      port:
        description: Where each of them listens for the others.
        type: int
        default: 8406
      certificate:
        description:
          - The certificate that they know each other by, a file C(NAME.pem) in O(certificates) with its key. It is the
            same on all of them, and signed by itself.
        type: str
  ticket_keys:
    description:
      - The keys of session tickets, which M(realtime.edge.haproxy_certificate) writes; V(/etc/haproxy/ticket-keys) by
        itself.
    type: path
  certificates:
    description: Folder of the certificates, one C(NAME.pem) each; V(/etc/haproxy/certificates) by itself.
    type: path
  path:
    description: The configuration file.
    type: path
    default: /etc/haproxy/haproxy.cfg
  binary:
    description: The HAProxy that is to run this configuration; it checks it first. V(/usr/sbin/haproxy) by itself.
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
    description: The master CLI, V(/run/haproxy/master.sock) by itself.
    type: path
  runtime_socket:
    description: The Runtime API of the worker, V(/run/haproxy/admin.sock) by itself.
    type: path
  state_directory:
    description: Where the last known good configuration is kept, V(/var/lib/haproxy) by itself.
    type: path
  group:
    description: The group that may read the configuration, V(haproxy) by itself.
    type: str
  file_descriptors:
    description: How many file descriptors the service may have, V(20000) by itself; C(maxconn) follows from it.
    type: int
  restart:
    description:
      - Whether the caller restarts the service afterwards. Ports that an HAProxy outside our control holds are then
        no obstacle.
    type: bool
    default: false
  drain_time:
    description:
      - A removed server gets no new clients, and is gone when its last session has ended. This many seconds after that
        it is removed from, sessions that last longer are shut down. Without it they last as long as they like, and a
        later run takes the server away.
      - The same goes for the sessions of the oldest worker where a reload would leave more than O(max_old_workers);
        they are shut down one by one, spread over that time.
    type: int
  max_old_workers:
    description:
      - How many old workers, which serve the sockets they had before a reload, there may be. Before that many there is
        a warning; then a reload is refused, unless O(drain_time) allows to end the oldest one.
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
    defaults: false
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
  description: Removed servers that serve their last sessions.
  type: list
  elements: str
  returned: state is present or absent
workers:
  description: Before the change, the serving worker and then the old ones, each with C(pid), C(uptime) in seconds,
    C(version) and its C(connections). Not told where nothing differs.
  type: list
  elements: dict
  returned: state is present or absent
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
  description: The text as data for O(sections).
  type: list
  elements: dict
  returned: O(state=parsed)
gathered:
  description: The file as data for O(sections).
  type: list
  elements: dict
  returned: O(state=gathered)
problems:
  description: What has to be mended, each with its place in the YAML.
  type: list
  elements: str
  returned: failure
"""

import dataclasses
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._haproxy.binary import version
from ..module_utils._haproxy.config import diff, redact
from ..module_utils._haproxy.config.data import to_data
from ..module_utils._haproxy.config.model import Configuration, ConfigurationError
from ..module_utils._haproxy.config.syntax import parse, render
from ..module_utils._haproxy.deploy import apply, disk, marker
from ..module_utils._haproxy.fragments import contribute as contributors
from ..module_utils._haproxy.fragments import store
from ..module_utils._haproxy.fragments.assemble import assemble
from ..module_utils._haproxy.services import acme, definition, limits, peers, request_filter, tls
from ..module_utils._haproxy.services.edge import Edge


class Module(AnsibleModule):
    """Keeps its arguments to itself: they may hold secrets, which can't be told apart before they are understood."""

    def _log_invocation(self) -> None:
        """Write nothing to the host's log."""

    def assemble(self, contributions: list[store.Fragment], settings: dict[str, Any]) -> Configuration:
        """The configuration; from here on, no secret of it leaves the module, whatever is said of it."""
        groups: dict[str, Any] = next((part.groups for part in contributions if part.name == store.OWNER), {})
        wanted = edge(settings, self.params["path"], groups)
        configuration = assemble(wanted, contributions, settings["base_settings"])
        self.no_log_values.update(redact.all_secrets(configuration))
        return dataclasses.replace(configuration, comments=settings["comments"])


def edge(settings: dict[str, Any], path: str, groups: dict[str, Any]) -> Edge:
    """What all services share; `groups` are those that the owner names."""
    binds, trusted = settings["binds"], settings["trusted_proxies"].get("addresses", ())
    account_key = os.path.join(os.path.dirname(path), acme.ACCOUNT_KEY)
    client = acme.read_client(settings["acme"], account_key)
    thumbprint = settings["acme_thumbprint"] or (acme.account_thumbprint(account_key) if client.directory else "")
    return Edge(
        http=tuple(binds["http"]),
        https=tuple(binds["https"]),
        quic=tuple(binds["quic"]),
        policy=tuple(binds["policy"]),
        stats_bind=settings["stats_bind"],
        certificates=settings["certificates"],
        lua=os.path.join(os.path.dirname(path), "edge.lua"),
        metrics=os.path.join(os.path.dirname(path), "metrics.lua"),
        master_socket=settings["master_socket"],
        runtime_socket=settings["runtime_socket"],
        version=version.target_version(settings["binary"], settings["version"]),
        descriptors=settings["file_descriptors"],
        tls=tls.Settings(**settings["tls"]),
        library=version.tls_library(settings["binary"]),
        ticket_keys=settings["ticket_keys"],
        acme=thumbprint,
        client=client if thumbprint else acme.Client(),
        peers=definition.read_peers(settings["peers"], groups, settings["certificates"]),
        limits=limits.Limits(**{**settings["limits"], "exempt": tuple(settings["limits"].get("exempt", ()))}),
        proxies=request_filter.TrustedProxies(**{**settings["trusted_proxies"], "addresses": tuple(trusted)}),
        client_cas=os.path.join(os.path.dirname(path), "client-ca"),
        certificate_list=os.path.join(os.path.dirname(path), "certificates.list"),
    )


def contribute(module: Module) -> dict[str, Any]:
    """Make this fragment a part of the edge, or take it out."""
    parameters = module.params
    options = contributors.ApplyOptions(
        module.check_mode,
        parameters["restart"],
        parameters["warnings_fatal"],
        apply.Policy(parameters["drain_time"], parameters["max_old_workers"]),
    )
    own = {key: parameters[key] for key in store.SETTINGS if parameters[key] is not None}
    part = fragment(parameters, own)
    absent = parameters["state"] == "absent"
    done = contributors.contribute(parameters["path"], part, absent, module.assemble, options)
    result = {"path": parameters["path"], "fragments": done.fragments, "reasons": done.reasons}
    outcome = done.outcome
    if outcome is None:
        return {**result, "changed": bool(done.reasons), "action": "unchanged", "checked": False}
    for warning in outcome.warnings:
        module.warn(warning)
    if acme.is_introduced(outcome.before, outcome.after):
        module.warn(acme.EXPERIMENTAL)
    if module._diff:
        result["diff"] = diff.compare(outcome.before, outcome.after, parameters["path"], marker.MARKER)
    return {
        **result,
        "changed": bool(outcome.reasons),
        "action": outcome.action,
        "commands": [{"what": s.what, "commands": list(s.commands), "sessions": s.sessions} for s in outcome.steps],
        "connections": outcome.connections,
        "draining": list(outcome.draining),
        "workers": [
            {"pid": w.pid, "uptime": w.uptime, "version": w.version, "connections": w.sessions} for w in outcome.workers
        ],
        "checked": outcome.checked,
        "haproxy_warnings": outcome.warnings,
    }


def fragment(parameters: dict[str, Any], settings: dict[str, Any]) -> store.Fragment:
    """What is asked for here."""
    return store.Fragment(
        parameters["fragment"], parameters["services"], parameters["sections"], parameters["groups"], settings
    )


def rendered(module: Module) -> dict[str, Any]:
    """The text, without a host."""
    parameters = module.params
    settings = {key: default if parameters[key] is None else parameters[key] for key, default in store.SETTINGS.items()}
    if settings["version"]:
        settings["binary"] = ""  # one that happens to be here is not the one to write for
    if settings["acme"]:
        settings["acme_thumbprint"] = acme.UNKNOWN
    part = fragment(parameters, settings)
    return {"changed": False, "rendered": diff.mask_text(render(module.assemble([part], settings)))}


def parsed(module: Module) -> dict[str, Any]:
    """A text as data."""
    return {"changed": False, "parsed": to_data(parse(module.params["running_config"]))}


def gathered(module: Module) -> dict[str, Any]:
    """The file on this host as data."""
    try:
        text = marker.without_marker(disk.read_text(module.params["path"]))
        return {"changed": False, "gathered": to_data(parse(text))}
    except ConfigurationError as error:
        raise ConfigurationError(f"{module.params['path']}: {problem}" for problem in error.problems) from None


STATES = {"present": contribute, "absent": contribute, "rendered": rendered, "parsed": parsed, "gathered": gathered}


def plain(defaults: Any) -> dict[str, dict[str, Any]]:
    """An option for each field of a tuple that has all defaults."""
    return {name: {"type": type(value).__name__, "default": value} for name, value in defaults._asdict().items()}


def main() -> None:
    """Run the module."""
    address = {"type": "list", "elements": "str"}
    module = Module(
        argument_spec={
            "fragment": {"type": "str", "default": store.OWNER},
            "state": {"type": "str", "choices": list(STATES), "default": "present"},
            "running_config": {"type": "str"},
            "warnings_fatal": {"type": "bool", "default": False},
            "sections": {"type": "raw", "default": {}},
            "services": {"type": "list", "elements": "raw", "default": []},
            "groups": {"type": "dict", "default": {}},
            "binds": {
                "type": "dict",
                "options": {
                    "http": {"default": [":80"], **address},
                    "https": {"default": [":443"], **address},
                    "quic": {"default": [], **address},
                    "policy": {"default": [":843", ":10843"], **address},
                },
            },
            "stats_bind": {"type": "str"},
            "base_settings": {"type": "bool"},
            "comments": {"type": "bool"},
            "tls": {"type": "dict", "options": plain(tls.Settings())},
            "acme_thumbprint": {"type": "str"},
            "acme": {
                "type": "dict",
                "options": {
                    "directory": {"type": "str", "default": ""},
                    "contact": {"default": [], **address},
                    "terms_agreed": {"type": "bool", "default": False},
                    "validate_certs": {"type": "bool", "default": True},
                    "orders": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {"name": {"type": "str", "required": True}, "hosts": {"required": True, **address}},
                    },
                },
            },
            "limits": {
                "type": "dict",
                "options": {**plain(limits.Limits()), "exempt": {"default": [], **address}},
            },
            "trusted_proxies": {
                "type": "dict",
                "options": {
                    "addresses": {"default": [], **address},
                    "protocol": {"type": "str", "choices": list(request_filter.PROTOCOLS), "default": "proxy_protocol"},
                },
            },
            "peers": {
                "type": "dict",
                "options": {
                    "name": {"type": "str"},
                    "group": {"type": "str"},
                    "port": {"type": "int", "default": peers.PORT},
                    "certificate": {"type": "str"},
                },
            },
            "ticket_keys": {"type": "path"},
            "certificates": {"type": "path"},
            "path": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
            "binary": {"type": "path"},
            "link": {"type": "path"},
            "version": {"type": "str"},
            "master_socket": {"type": "path"},
            "runtime_socket": {"type": "path"},
            "state_directory": {"type": "path"},
            "group": {"type": "str"},
            "file_descriptors": {"type": "int"},
            "restart": {"type": "bool", "default": False},
            "drain_time": {"type": "int"},
            "max_old_workers": {"type": "int", "default": 20},
        },
        required_if=[("state", "parsed", ["running_config"])],
        supports_check_mode=True,
    )
    try:
        result = STATES[module.params["state"]](module)
    except ConfigurationError as error:
        asked = (module.params[option] for option in ("sections", "services", "running_config"))
        module.no_log_values.update(secret for data in asked for secret in redact.secrets_in_data(data))
        module.fail_json(msg="\n".join(error.problems), problems=error.problems)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
