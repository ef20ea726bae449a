'use strict';
// One worker: applications of many kinds on one port, which tell which worker answered. `server.js PORT [KIND]`; of the
// kind `bare` is a server without pages, of the kind `old` one with Socket.IO 2.

const http = require('node:http');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const Broker = require('aedes');
const { GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
const { useServer } = require('graphql-ws/lib/use/ws');
const sockjs = require('sockjs');
const { WebSocketServer, createWebSocketStream } = require('ws');

const [port, kind = 'all'] = process.argv.slice(2);
const node = `${kind}-${port}`;

/** Socket.IO of the generation that this worker has. */
function attachSocketIO(server) {
  const options = { addTrailingSlash: false };
  const io = kind === 'old' ? require('socket.io-2')(server) : new (require('socket.io').Server)(server, options);
  io.on('connection', (socket) => {
    socket.on('whoami', (acknowledge) => acknowledge(node));
    socket.emit('hello', node);
  });
}

/** WebSockets by path: an echo that begins with the node's name, GraphQL, MQTT. */
function attachWebSockets(server) {
  const plain = new WebSocketServer({ noServer: true });
  plain.on('connection', (socket) => {
    socket.send(node);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });

  const graphql = new WebSocketServer({ noServer: true, handleProtocols: () => 'graphql-transport-ws' });
  const answers = async function* () { for (let count = 0; count < 3; count++) yield { node }; };
  const field = { type: GraphQLString };
  useServer({ schema: new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { node: { ...field, resolve: () => node } } }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: { node: { ...field, subscribe: answers } } }),
  }) }, graphql);

  const broker = new Broker({ id: node });
  const mqtt = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  mqtt.on('connection', (socket) => broker.handle(createWebSocketStream(socket)));

  const hub = new WebSocketServer({ noServer: true });
  hub.on('connection', (socket, request) => {
    const connection = connections.get(new URL(request.url, 'http://x').searchParams.get('id'));
    if (!connection) return socket.close();
    connection.send = (text) => socket.send(text);
    socket.on('message', (data) => connection.receive(data.toString()));
  });

  const servers = { '/ws': plain, '/graphql': graphql, '/mqtt': mqtt, '/hub': hub };
  server.on('upgrade', (request, socket, head) => {
    const found = servers[request.url.split('?')[0]];
    if (found) found.handleUpgrade(request, socket, head, (client) => found.emit('connection', client, request));
  });
}

/** SignalR's connections by id: as much of its protocol (JSON, version 1) as a call of `whoami` needs. */
const connections = new Map();
const END = '\x1e';

class Connection {
  constructor() {
    this.waiting = [];
  }

  /** Take messages of the client: the handshake, and calls. */
  receive(text) {
    for (const message of text.split(END).filter(Boolean).map(JSON.parse)) {
      if (message.protocol) this.send(`{}${END}`);
      else if (message.type === 1) {
        this.send(JSON.stringify({ type: 3, invocationId: message.invocationId, result: node }) + END);
      }
    }
  }

  /** Keep an answer until the client has a channel for it. */
  send(text) {
    this.waiting.push(text);
    this.arrived?.();
  }
}

/** SignalR over requests: negotiation, messages of the client, server-sent events or a poll. */
async function answerHub(request, response, url) {
  if (url.pathname === '/hub/negotiate') {
    const id = randomUUID();
    connections.set(id, new Connection());
    const transports = ['WebSockets', 'ServerSentEvents', 'LongPolling'];
    return send(response, 200, {
      negotiateVersion: 1,
      connectionId: id,
      connectionToken: id,
      availableTransports: transports.map((transport) => ({ transport, transferFormats: ['Text'] })),
    });
  }
  const connection = connections.get(url.searchParams.get('id'));
  if (!connection) return send(response, 404, 'No Connection with that ID');
  if (request.method === 'POST') {
    connection.receive(await bodyOf(request));
    return send(response, 200, '');
  }
  if (request.method === 'DELETE') return send(response, 202, '');
  if ((request.headers.accept ?? '').includes('event-stream')) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(':\r\n\r\n');
    connection.send = (text) => response.write(`data: ${text}\r\n\r\n`);
    return connection.waiting.splice(0).forEach(connection.send);
  }
  if (connection.polled && !connection.waiting.length) {
    await new Promise((resolve) => { connection.arrived = resolve; });
  }
  connection.polled = true; // the first poll is answered at once
  return send(response, 200, connection.waiting.splice(0).join(''));
}

/** Events a second apart, the first at once. */
function answerEvents(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let count = 0;
  const next = () => {
    response.write(`data: ${node} ${++count}\n\n`);
    if (count < 3) setTimeout(next, 1000);
    else response.end();
  };
  next();
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://x');
  if (url.pathname.startsWith('/hub')) return answerHub(request, response, url);
  if (url.pathname === '/events') return answerEvents(response);
  if (url.pathname.startsWith('/upload/') || url.pathname === '/upload') {
    return send(response, 200, { node, length: (await bodyOf(request)).length });
  }
  return send(response, 200, { node, path: request.url, headers: request.headers });
}

function send(response, status, body) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/json' });
  response.end(text);
}

async function bodyOf(request) {
  let text = '';
  request.on('data', (data) => { text += data; });
  await once(request, 'end');
  return text;
}

const server = http.createServer();
server.keepAliveTimeout = 75_000; // longer than a proxy keeps an idle connection, so that the proxy closes first
if (kind === 'all') {
  server.on('request', (request, response) => {
    if (!/^\/(sockjs|socket\.io)/.test(request.url)) answer(request, response);
  });
  attachWebSockets(server);
  const echo = sockjs.createServer({ log: () => {}, prefix: '/sockjs' });
  echo.on('connection', (connection) => connection?.on('data', (text) => connection.write(`${node} ${text}`)));
  echo.installHandlers(server);
}
attachSocketIO(server);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit());
server.listen(Number(port), () => console.log(`${node} listens`));
