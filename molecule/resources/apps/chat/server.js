'use strict';
// A Socket.IO 4 application that tells which node answered, and over which transport.
//
//   PORT       port to listen on (3000)
//   NODE_NAME  the name this node answers with (the host's name)

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { Server } = require('socket.io');

const node = process.env.NODE_NAME || os.hostname();
const port = Number(process.env.PORT || 3000);
const page = fs.readFileSync(path.join(__dirname, 'public', 'index.html'));

/** Who asked, as the edge in front of us tells it: {address, secure}. */
function caller(headers) {
  return { address: headers['x-forwarded-for'], secure: headers['x-forwarded-proto'] === 'https' };
}

function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const send = (status, type, body) => {
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Node': node });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (!['GET', 'HEAD'].includes(request.method)) {
    send(405, 'text/plain', 'only GET and HEAD\n');
  } else if (pathname === '/') {
    send(200, 'text/html; charset=utf-8', page);
  } else if (pathname === '/healthz') {
    send(200, 'text/plain', 'ok');
  } else if (pathname === '/whoami') {
    send(200, 'application/json', JSON.stringify({ node, url: request.url, ...caller(request.headers) }));
  } else {
    send(404, 'text/plain', 'not found\n');
  }
}

const server = http.createServer(answer);
server.keepAliveTimeout = 75_000; // longer than a proxy keeps an idle connection, so that the proxy closes first

// Larger messages than this close the connection, which looks like a fault of the proxy.
const io = new Server(server, { maxHttpBufferSize: 5e6 });

io.on('connection', (socket) => {
  const transport = () => socket.conn.transport.name;
  /** Answer an acknowledged event; a client that asks for no acknowledgement gets none. */
  const on = (event, reply) =>
    socket.on(event, (...args) => {
      const acknowledge = args.pop();
      if (typeof acknowledge === 'function') acknowledge(reply(...args));
    });

  socket.emit('hello', { node, transport: transport(), sid: socket.conn.id, ...caller(socket.handshake.headers) });
  on('ping-node', () => ({ node, transport: transport() }));
  on('echo', (payload) => payload);
  socket.on('say', (text) => {
    io.emit('said', { from: socket.id, node, text: String(text).slice(0, 500) });
  });
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    io.close(); // disconnects the clients and stops listening
    server.closeIdleConnections();
  });
}

server.listen(port, () => console.log(`${node} listens on port ${port}`));
