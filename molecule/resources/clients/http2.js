#!/usr/bin/env node
'use strict';
// Keep HTTP/2 connections open and ask through each of them, one JSON object a line:
//
//   {"event": "connect", "id": 7}    {"event": "disconnect", "id": 7, "cause": "…"}
//   {"event": "failed", "id": 7, "cause": "…"}   a request that each connection makes every few seconds: idle ones are closed
//
// Lines on standard input: `ping` has every connection make a request and answers {"event": "ping", "answered": N,
// "failed": N}; `stop`, like the end of the input, closes all of them and ends with {"event": "stop"}.

const http2 = require('node:http2');
const readline = require('node:readline');
const { Edge, options, within } = require('./edge.js');

const values = options('http2.js', `
  --clients N                   how many connections (1)
  --path PATH                   what to ask for (/)`, {
  clients: { type: 'string', default: '1' },
  path: { type: 'string', default: '/' },
});

const edge = new Edge(values);
const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
let stopped = false;

const clients = Array.from({ length: Number(values.clients) }, (_, id) => {
  const session = http2.connect(edge.url.origin, { ...edge.connection, ...edge.trust });
  let cause = 'closed';
  session.on('connect', () => tell('connect', { id, node: 'http2' }));
  session.on('goaway', (code) => { cause = `GOAWAY ${code}`; });
  session.on('error', (error) => { cause = error.message; });
  session.on('close', () => stopped || tell('disconnect', { id, cause }));
  return session;
});
const EVERY = 5000;

const ask = (session) => within(edge.timeout, 'an answer', (resolve, reject) => {
  const stream = session.request({ ':path': values.path });
  stream.on('response', (headers) => { stream.status = headers[':status']; });
  stream.on('error', reject);
  stream.on('end', () => (stream.status === 200 ? resolve() : reject(new Error(`status ${stream.status}`))));
  stream.resume().end();
});

setInterval(() => clients.forEach((session, id) => session.closed
  || ask(session).catch((error) => stopped || tell('failed', { id, cause: error.message }))), EVERY).unref();

async function ping() {
  const answers = await Promise.allSettled(clients.map(async (session) => ask(session)));
  const answered = answers.filter(({ status }) => status === 'fulfilled').length;
  tell('ping', { answered, failed: answers.length - answered });
}

function stop() {
  if (stopped) return;
  stopped = true;
  for (const session of clients) session.destroy();
  tell('stop');
}

readline.createInterface({ input: process.stdin })
  .on('line', (line) => ({ ping, stop })[line.trim()]?.())
  .on('close', stop);
