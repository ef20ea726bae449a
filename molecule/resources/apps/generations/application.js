'use strict';
// What the applications of all generations do alike: which requests they answer, and the events of their sockets.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const node = process.env.NODE_NAME || os.hostname();

/** Messages may be this long, in bytes: longer ones close the connection, which looks like a fault of the proxy. */
const LONGEST_MESSAGE = 5e6;

const HANDSHAKE = /^\/socket\.io\/(1\/?)?\?(?!.*sid=)/;

/** Let the body of a response come later than its head, as it does from a node that is far away. */
function delayBody(response) {
  const { end } = response;
  response.end = (...body) => {
    response.flushHeaders();
    setTimeout(() => end.apply(response, body), 50);
    return response;
  };
}

const page = fs.readFileSync(path.join(__dirname, 'public', 'index.html'));

/** Ordinary requests: the page, whether we are well, and an answer that is held as long as one wishes. */
function answer(request, response) {
  const [pathname, query] = request.url.split('?');
  const seconds = new URLSearchParams(query).get('seconds');
  const send = (status, type, body) => {
    response.writeHead(status, { 'Content-Type': type, 'X-Node': node });
    response.end(body);
  };
  if (pathname === '/') send(200, 'text/html; charset=utf-8', page);
  else if (pathname === '/healthz') send(200, 'text/plain', 'ok');
  else if (pathname === '/whoami') send(200, 'application/json', JSON.stringify({ node }));
  else if (pathname === '/hold') setTimeout(send, 1000 * seconds, 200, 'text/plain', 'held');
  else send(404, 'text/plain', 'not found\n');
}

/** Serve HTTP on a port; Socket.IO is attached before, by `attach(server)`. */
function serve(port, attach) {
  const server = http.createServer(answer);
  server.keepAliveTimeout = 75_000; // longer than a proxy keeps an idle connection, so that the proxy closes first
  attach(server);
  server.prependListener('request', (request, response) => {
    if (HANDSHAKE.test(request.url)) delayBody(response);
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit());
  server.listen(port, () => console.log(`${node} listens on port ${port}`));
}

/** Answer a socket; `all` emits to every socket of this node, `transport()` names the socket's transport. */
function converse(socket, all, transport) {
  socket.on('ping-node', (acknowledge) => acknowledge({ node, transport: transport() }));
  socket.on('echo', (payload, acknowledge) => acknowledge(payload));
  socket.on('say', (text) => all.emit('said', { from: socket.id, node, text }));
  socket.emit('hello', { node, transport: transport(), sid: socket.id });
}

/** Serve a generation from 1 on: `socketio` is its module. */
function application(port, socketio) {
  serve(port, (server) => {
    const io = socketio(server, { maxHttpBufferSize: LONGEST_MESSAGE, perMessageDeflate: { threshold: 1024 } });
    io.on('connection', (socket) => converse(socket, io, () => socket.conn.transport.name));
  });
}

module.exports = { LONGEST_MESSAGE, application, converse, serve };
