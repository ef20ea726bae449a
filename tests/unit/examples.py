"""Services and an edge that many tests begin with."""

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.edge import Edge

GROUPS = {
    "chat_nodes": [{"name": "app1", "address": "10.0.0.1"}, {"name": "app2", "address": "10.0.0.2"}],
    "nobody": [],
}
CHAT = {"name": "chat", "hosts": ["chat.example.com"], "servers": {"group": "chat_nodes", "port": 3000}}
FLASH = {**CHAT, "socketio": {"transports": ["polling", "websocket", "flashsocket"]}}


def edge(version=(3, 2), quic=(), **more):
    return Edge(
        http=(":80",),
        https=(":443",),
        quic=quic,
        policy=(":843", ":10843"),
        stats_bind="127.0.0.1:8404",
        certificates="/etc/haproxy/certificates",
        lua="/etc/haproxy/edge.lua",
        runtime_socket="/run/haproxy/admin.sock",
        version=version,
        descriptors=20000,
        **more,
    )
