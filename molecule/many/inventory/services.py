#!/usr/bin/env python3
"""Print the services of the edge for Ansible: a thousand, all on the same two nodes; every tenth has pages only."""

import json

COUNT = 1000

services = [
    {
        "name": f"s{number}",
        "hosts": [f"s{number}.test"],
        "certificate": "s0",
        "origins": [f"https://s{number}.test", f"https://*.apps{number}.test"],
        # Each of the two nodes is checked 2,800 times.
        "servers": {"group": "chat_nodes", "port": 3000, "inter": "60s"},
        **({"socketio": False} if number % 10 == 5 else {}),
    }
    for number in range(COUNT)
]
print(json.dumps({"edges": {"vars": {"haproxy_services": services}}, "_meta": {"hostvars": {}}}))
