#!/usr/bin/env node
'use strict';
// Sockets that talk while the edge changes: each sends numbered messages and looks at what comes back. One line of JSON,
// {"ready": true}, when all are connected; when standard input ends, one with what was observed:
//
//   {"clients": N, "lost": {reason: N}, "sent": N, "answered": N, "out_of_order": N, "moved": N,
//    "requests": N, "refused": {reason: N}, "pause_ms": N}
//
// `requests` are new connections, each for one request, in a steady stream; `pause_ms` is the longest answer's time.

const { Edge, options, reason } = require('./edge.js');

const values = options('numbered.js', `
  --clients N                   how many sockets (1)
  --transport NAME              websocket (the default) or polling
  --cookies                     keep cookies, as a browser does
  --interval MS                 between two messages of a socket (5000)
  --stream MS                   between two new connections (0: none)`, {
  clients: { type: 'string', default: '1' },
  transport: { type: 'string', default: 'websocket' },
  cookies: { type: 'boolean', default: false },
  interval: { type: 'string', default: '5000' },
  stream: { type: 'string', default: '0' },
});

const edge = new Edge(values);
const interval = Number(values.interval);
const seen = { clients: 0, lost: {}, sent: 0, answered: 0, out_of_order: 0, moved: 0, requests: 0, refused: {}, pause_ms: 0 };
const count = (where, what) => { where[what] = (where[what] || 0) + 1; };
const pause = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
let stopping = false;

async function talk() {
  const client = edge.client({ transports: [values.transport], withCredentials: values.cookies });
  client.on('disconnect', (why, details) => stopping || count(seen.lost, reason(details, why)));
  const { node } = await edge.connected(client);
  seen.clients += 1;
  let expected = 1;
  const say = (number) => {
    if (stopping || !client.connected) return;
    const began = Date.now();
    seen.sent += 1;
    client.emit('echo', number, (answer) => {
      seen.answered += 1;
      seen.pause_ms = Math.max(seen.pause_ms, Date.now() - began);
      if (answer !== expected) seen.out_of_order += 1;
      expected = answer + 1;
    });
    if (number % 4 === 0) client.emit('ping-node', (answer) => { if (answer.node !== node) seen.moved += 1; });
    setTimeout(say, interval * (0.5 + Math.random()), number + 1);
  };
  setTimeout(say, interval * Math.random(), 1);
}

async function stream() {
  while (!stopping) {
    seen.requests += 1;
    edge.get('/healthz').then(
      ({ status }) => status === 200 || count(seen.refused, `status ${status}`),
      (error) => count(seen.refused, reason(error)),
    );
    await pause(Number(values.stream));
  }
}

async function main() {
  let left = Number(values.clients);
  const connect = async () => {
    while (left-- > 0) await talk();
  };
  await Promise.all(Array.from({ length: 10 }, connect));
  console.log(JSON.stringify({ ready: true, ...seen }));
  if (Number(values.stream)) stream();
  process.stdin.resume();
  await new Promise((resolve) => { process.stdin.on('end', resolve); });
  stopping = true;
  const limit = Date.now() + 60_000;
  while (seen.answered < seen.sent && Date.now() < limit) await pause(100);
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => {
  console.log(JSON.stringify({ error: reason(error), ...seen }));
  process.exit(1);
});
