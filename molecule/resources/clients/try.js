#!/usr/bin/env node
'use strict';
// Try every way into an edge with the official client, and tell what works, through which node, and how fast.

const http2 = require('node:http2');
const tls = require('node:tls');
const { Edge, options, reason, stop, within } = require('./edge.js');

const values = options('try.js', `
  --json                        one JSON object instead of a table
  --table                       a table (the default)
  --http-port PORT              where plain HTTP is redirected to HTTPS (80)
  --no-redirect                 there is no such port

Exit status: 0 when every way works, 1 when one does not, 2 when nothing answers.`, {
  json: { type: 'boolean' },
  table: { type: 'boolean' },
  'http-port': { type: 'string', default: '80' },
  redirect: { type: 'boolean', default: true },
  'no-redirect': { type: 'boolean', default: false },
});

const edge = new Edge(values);
const secure = edge.url.protocol === 'https:';
const SAMPLES = 5;

// A way into the edge: its name, whom it is tried with, and an asynchronous function that resolves to
// {node, samples} (round-trip times in milliseconds) or throws what went wrong.
const WAYS = [
  { name: 'http', label: 'HTTP/1.1', client: 'request', attempt: request },
  secure && { name: 'http2', label: 'HTTP/2', client: 'request', attempt: requestHttp2 },
  secure && !values['no-redirect'] &&
    { name: 'redirect', label: 'HTTP → HTTPS', client: 'request', attempt: redirect },
  { name: 'polling', label: 'polling', client: 'socket.io 4', attempt: () => session(['polling']) },
  { name: 'websocket', label: 'websocket', client: 'socket.io 4', attempt: () => session(['websocket']) },
  { name: 'upgrade', label: 'polling → websocket', client: 'socket.io 4', attempt: () => session(['polling', 'websocket']) },
].filter(Boolean);

async function request() {
  let node;
  const samples = await sample(async () => {
    const { status, headers } = await edge.get('/healthz');
    expect(status === 200, `status ${status}`);
    node = headers['x-node'];
  });
  return { node, samples };
}

async function requestHttp2() {
  const socket = tls.connect({
    host: edge.address, port: edge.url.port || 443, servername: servername(), ALPNProtocols: ['h2'], ...edge.trust,
  });
  const connection = http2.connect(edge.url.origin, { createConnection: () => socket });
  try {
    let node;
    const once = () => within(edge.timeout, 'an answer', (resolve, reject) => {
      connection.once('error', reject);
      const stream = connection.request({ ':path': '/healthz' }).on('error', reject);
      stream.on('response', (headers) => {
        node = headers['x-node'];
        if (headers[':status'] === 200) resolve();
        else reject(new Error(`status ${headers[':status']}`));
      });
      stream.resume();
    });
    const samples = await sample(once);
    expect(socket.alpnProtocol === 'h2', 'not offered when the connection is made (ALPN)');
    return { node, samples };
  } finally {
    connection.destroy();
  }
}

/** Plain HTTP leads to the same path and query over TLS; the port that was asked is left behind. */
async function redirect() {
  const port = values['http-port'];
  const path = '/some/path?with=query&and=more';
  const wanted = edge.url.origin + path;
  const headers = { Host: `${edge.url.hostname}:${port}` };
  const samples = await sample(async () => {
    const { status, headers: { location } } = await edge.get(path, { protocol: 'http:', port, headers });
    expect(status === 301, `status ${status} instead of 301`);
    expect(location === wanted, `leads to ${location} instead of ${wanted}`);
  });
  return { samples };
}

/** A session that starts with the first transport and ends on the last, as the server sees it too. */
async function session(transports) {
  const [first, last] = [transports[0], transports.at(-1)];
  const client = edge.client({ transports });
  try {
    const upgraded = first !== last && within(2 * edge.timeout, `the upgrade to ${last}`, (resolve) => {
      client.io.once('open', () => client.io.engine.once('upgrade', resolve));
    });
    if (upgraded) upgraded.catch(() => {}); // it is awaited below, unless the session fails before
    const { node, transport } = await edge.connected(client);
    expect(upgraded || transport === first, `started on ${transport}`);
    await upgraded;
    const samples = await sample(async () => {
      const here = await edge.ask(client, 'ping-node');
      expect(here.node === node, `moved from ${node} to ${here.node}`);
      expect(here.transport === last, `runs on ${here.transport}`);
    });
    const sent = Buffer.from([0, 1, 2, 127, 128, 255]);
    const text = 'text with “quotes”, 雪 and 🙂';
    expect(sent.equals(await edge.ask(client, 'echo', sent)), 'binary data came back changed');
    expect(text === await edge.ask(client, 'echo', text), 'text came back changed');
    return { node, samples };
  } finally {
    client.disconnect();
  }
}

function servername() {
  return /^[\d.]+$|:/.test(edge.url.hostname) ? undefined : edge.url.hostname;
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** Repeat an action; the milliseconds of each. */
async function sample(action) {
  const samples = [];
  while (samples.length < SAMPLES) {
    const start = performance.now();
    await action();
    samples.push(performance.now() - start);
  }
  return samples;
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

async function row({ name, label, client, attempt }) {
  try {
    const { node = null, samples } = await attempt();
    return { name, label, client, works: true, node, round_trip_ms: Number(median(samples).toFixed(1)), error: null };
  } catch (error) {
    return { name, label, client, works: false, node: null, round_trip_ms: null, error: reason(error) };
  }
}

function table(rows) {
  const colours = process.stdout.isTTY && !process.env.NO_COLOR;
  const paint = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  const cells = [
    ['TRANSPORT', 'CLIENT', 'WORKS', 'NODE', 'ROUND TRIP'],
    ...rows.map((r) => [
      r.label, r.client, r.works ? 'yes' : 'no', r.node ?? '-', r.works ? `${r.round_trip_ms.toFixed(1)} ms` : '-',
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  return cells.map((line, number) => {
    const padded = line.map((cell, column) => (column === 4 ? cell.padStart(widths[4]) : cell.padEnd(widths[column])));
    if (number === 0) return paint('1', padded.join('  '));
    const { works, error } = rows[number - 1];
    padded[2] = paint(works ? '32' : '31;1', padded[2]);
    return padded.join('  ') + (error ? `  ${paint('31', error)}` : '');
  }).join('\n');
}

async function main() {
  await edge.get('/healthz').catch((error) => {
    const place = `${values.url}${values.host ? ` as ${values.host}` : ''}`;
    const text = reason(error);
    if (/certificate|altnames/.test(text)) stop(`${place} is not trusted: ${text} (see --ca and --insecure)`);
    stop(`Nothing answers at ${place}: ${text}`);
  });
  const rows = [];
  for (const way of WAYS) rows.push(await row(way));
  console.log(values.json ? JSON.stringify({ url: edge.url.origin, address: edge.address, rows }) : table(rows));
  process.exit(rows.every(({ works }) => works) ? 0 : 1);
}

main();
