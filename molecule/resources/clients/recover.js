#!/usr/bin/env node
'use strict';
// Clients whose sessions are to be recovered, of an application that says numbers to all of them. For each line on standard
// input, one line of JSON with what was observed so far; when the input ends, the clients leave.
//
//   {"ready": true, "connected": N, "nodes": {node: N}, "lost": N, "returned": N, "recovered": N, "missing": N, "twice": N,
//    "gaps": [text, …], "quiet": N, "tries": [ms, …]}
//
// `missing` are numbers that a client did not get although it got later ones of the same node (`gaps`: the first of them),
// `quiet` the clients that have got none yet, and `tries` when clients tried to come back, in milliseconds since 1970.

const readline = require('node:readline');
const { Edge, options, reason, within } = require('./edge.js');

const values = options('recover.js', `
  --clients N                   how many (1)
  --delay SECONDS               wait before a client first tries to come back (1, as the client's own)`, {
  clients: { type: 'string', default: '1' },
  delay: { type: 'string', default: '1' },
});

const edge = new Edge(values);
const seen = { lost: 0, returned: 0, recovered: 0, twice: 0, tries: [] };
const clients = [];

function come() {
  const client = edge.client({
    transports: ['websocket'],
    reconnection: true,
    reconnectionDelay: Number(values.delay) * 1000,
  });
  const heard = new Map();
  const one = { client, node: '', heard };
  clients.push(one);
  client.on('number', ({ from, number }) => {
    const before = heard.get(from);
    if (before === undefined) heard.set(from, { number, gaps: new Map() });
    else if (number > before.number) {
      for (let lost = before.number + 1; lost < number; lost += 1) before.gaps.set(lost, `${one.node} at ${Date.now()}`);
      before.number = number;
    } else if (!before.gaps.delete(number)) seen.twice += 1;
  });
  client.on('connect', () => {
    if (!one.node) return;
    seen.returned += 1;
    if (client.recovered) seen.recovered += 1;
  });
  client.on('disconnect', () => { seen.lost += 1; });
  client.io.on('reconnect_attempt', () => seen.tries.push(Date.now()));
  return within(edge.timeout, 'a session', (resolve) => {
    client.on('hello', ({ node }) => {
      one.node = node;
      resolve();
    });
  });
}

function observe(more = {}) {
  const nodes = {};
  const connected = clients.filter(({ client }) => client.connected);
  for (const { node } of connected) nodes[node] = (nodes[node] || 0) + 1;
  const quiet = clients.filter(({ heard }) => heard.size === 0).length;
  const gaps = [];
  for (const { heard } of clients) {
    for (const [from, found] of heard) {
      for (const [number, where] of found.gaps) gaps.push(`${number} of ${from}, on ${where}`);
    }
  }
  const lacking = { missing: gaps.length, gaps: gaps.slice(0, 5) };
  console.log(JSON.stringify({ ...more, connected: connected.length, nodes, quiet, ...lacking, ...seen }));
}

async function main() {
  let left = Number(values.clients);
  const connect = async () => {
    while (left-- > 0) await come();
  };
  await Promise.all(Array.from({ length: 20 }, connect));
  observe({ ready: true });
  readline.createInterface({ input: process.stdin })
    .on('line', () => observe())
    .on('close', () => process.exit(0));
}

main().catch((error) => {
  console.log(JSON.stringify({ error: reason(error) }));
  process.exit(1);
});
