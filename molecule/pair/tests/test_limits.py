"""An address has its rates at all edges together."""

from __future__ import annotations

import json

from conftest import HOME, OTHER

testinfra_hosts = ["ansible://pair-edge12"]

# 60 requests of an address in 10 s are let in (inventory/hosts.yml).
ASK = """
const https = require('node:https');
const [address, requests] = process.argv.slice(-2);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
const answers = {};
const ask = (left) => left && https.get({ host: address, path: '/', agent, headers: { host: 'chat' } }, (response) => {
  answers[response.statusCode] = (answers[response.statusCode] || 0) + 1;
  response.resume().on('end', () => (left > 1 ? ask(left - 1) : console.log(JSON.stringify(answers))));
});
ask(Number(requests));
"""


def test_requests_at_one_edge_count_at_the_other(pair, nodes, wait_until):
    node = nodes["pair-app1"]
    here, there = (pair.hosts[name].ansible.get_variables()["haproxy_address"] for name in (HOME, OTHER))
    own = node.ansible.get_variables()["haproxy_address"]
    for edge in pair.names:
        for of in pair.names:
            pair.tell(edge, f"clear table affinity/limits:connections.{of}")

    def ask(address, requests):
        return json.loads(node.check_output("node -e %s %s %s", ASK, address, str(requests)))

    assert ask(here, 40) == {"200": 40}
    wait_until("the other edge knows", lambda: f"key=::ffff:{own}" in known(pair, OTHER, HOME))
    # Some of the first 40 may be old when the last of these come.
    assert set(ask(there, 40)) == {"200", "429"}


def known(pair, edge, of):
    """What one edge knows of the clients of another."""
    return pair.tell(edge, f"show table affinity/limits:connections.{of}")
