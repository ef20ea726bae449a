#!/usr/bin/env node
'use strict';
// Keep clients connected and tell, one JSON object a line, what happens to each of them, each with `at`, in ms since 1970:
//
//   {"event": "connect" | "reconnect", "id": 7, "node": "node1", "sid": "…", "transport": "websocket",
//    "resumed": true}
//   {"event": "disconnect", "id": 7, "reason": "transport close", "cause": "…"}
//
// Lines on standard input: `ping` asks every client's node and answers {"event": "ping", "answered": N, "failed": N,
// "per_node": {…}, "p99_ms": 2.5}; `stop`, like the end of the input, closes all clients and ends with {"event": "stop"}.

const https = require('node:https');
const readline = require('node:readline');
const { Edge, options, reason } = require('./edge.js');

const values = options('hold.js', `
  --clients N                   how many (1)
  --transport NAME              websocket (the default) or polling; polling,websocket for one after the other
  --keep-alive                  the requests of a client share its connections, as in a browser
  --keep-session                resume the last TLS session also after a connection that failed, as a browser; Node forgets it
  --delay SECONDS               wait before a client first tries to come back (0.2)
  --retry SECONDS               longest wait between two tries (1)`, {
  clients: { type: 'string', default: '1' },
  transport: { type: 'string', default: 'websocket' },
  'keep-alive': { type: 'boolean', default: false },
  'keep-session': { type: 'boolean', default: false },
  delay: { type: 'string', default: '0.2' },
  retry: { type: 'string', default: '1' },
});

/** Node's agent, which resumes TLS sessions by itself; `resumed` tells of the last handshake whether it did. */
class Agent extends https.Agent {
  createConnection(options, done) {
    const kept = values['keep-session'] && this.session && { session: this.session };
    const connection = super.createConnection({ ...options, ...kept }, done);
    connection.on('session', (session) => { this.session = session; });
    connection.once('secureConnect', () => { this.resumed = connection.isSessionReused(); });
    return connection;
  }
}

const edge = new Edge(values);
const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...more })}\n`);
const clients = Array.from({ length: Number(values.clients) }, (_, id) => hold(id));

function hold(id) {
  const agent = new Agent({ ...edge.connection, ...edge.trust });
  const client = edge.client({
    agent,
    transports: values.transport.split(','),
    reconnection: true,
    reconnectionDelay: Number(values.delay) * 1000,
    reconnectionDelayMax: Number(values.retry) * 1000,
  });
  let before = false;
  client.on('hello', ({ node, sid, transport }) => {
    tell(before ? 'reconnect' : 'connect', { id, node, sid, transport, resumed: agent.resumed });
    before = true;
  });
  client.on('disconnect', (why, details) => {
    tell('disconnect', { id, reason: why, cause: reason(details, why) });
    // A node that shuts down says goodbye, after which the client waits to be told to come back.
    if (why === 'io server disconnect') client.connect();
  });
  return client;
}

async function ping() {
  const times = [];
  const answers = await Promise.allSettled(clients.map(async (client) => {
    const began = performance.now();
    const answer = await edge.ask(client, 'ping-node');
    times.push(performance.now() - began);
    return answer;
  }));
  const nodes = answers.filter(({ status }) => status === 'fulfilled').map(({ value }) => value.node);
  const perNode = {};
  for (const node of nodes) perNode[node] = (perNode[node] || 0) + 1;
  const p99 = times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1];
  tell('ping', { answered: nodes.length, failed: answers.length - nodes.length, per_node: perNode, p99_ms: p99 });
}

let stopped = false;

function stop() {
  if (stopped) return;
  stopped = true;
  for (const client of clients) client.off('disconnect').disconnect();
  tell('stop');
  setTimeout(() => process.exit(0), 100); // lets the goodbyes leave
}

readline.createInterface({ input: process.stdin })
  .on('line', (line) => ({ ping, stop })[line.trim()]?.())
  .on('close', stop);
