"""An authority that accepts every connection and answers none, but that it names its own addresses at /dir."""

import http.server
import json
import ssl
import time

HERE = "https://10.213.11.30:14001"


class Silent(http.server.BaseHTTPRequestHandler):
    """Answers /dir alone."""

    def do_GET(self) -> None:
        """Say where everything is, or nothing."""
        if self.path != "/dir":
            time.sleep(3600)
        text = json.dumps(
            {name: f"{HERE}/{name}" for name in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")}
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    do_HEAD = do_POST = do_GET


server = http.server.ThreadingHTTPServer(("", 14001), Silent)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/cert.pem", "/srv/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
