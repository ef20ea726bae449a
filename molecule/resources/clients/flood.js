#!/usr/bin/env node
'use strict';
// Poll with session ids that nobody has given out, as fast as the edge answers, over a bounded number of connections.
// Tells how many answers had which status: {"400": 120000}.

const crypto = require('node:crypto');
const http2 = require('node:http2');
const tls = require('node:tls');
const { Edge, options } = require('./edge.js');

const values = options('flood.js', `
  --requests N                  how many (1000)
  --connections N               at once, each with a hundred requests under way (10)`, {
  requests: { type: 'string', default: '1000' },
  connections: { type: 'string', default: '10' },
  json: { type: 'boolean', default: true },
});

const edge = new Edge(values);
const STREAMS = 100; // as many as HAProxy takes on one connection

let left = Number(values.requests);
const answers = {};

function ask(connection) {
  return new Promise((resolve) => {
    const sid = crypto.randomBytes(15).toString('base64url');
    const stream = connection.request({ ':path': `/socket.io/?EIO=4&transport=polling&sid=${sid}` });
    const told = (answer) => { answers[answer] = (answers[answer] || 0) + 1; };
    stream.on('response', ({ ':status': status }) => told(status));
    stream.on('error', ({ code }) => told(code));
    stream.on('close', resolve);
    stream.resume();
  });
}

async function stream(connection) {
  while (left > 0) {
    left -= 1;
    await ask(connection);
  }
}

async function connect() {
  const { address, url, trust } = edge;
  const connection = http2.connect(url.origin, {
    createConnection: () => tls.connect({
      host: address, port: url.port || 443, servername: url.hostname, ALPNProtocols: ['h2'], ...trust,
    }),
  });
  await Promise.all(Array.from({ length: STREAMS }, () => stream(connection)));
  connection.destroy();
}

Promise.all(Array.from({ length: Number(values.connections) }, connect))
  .then(() => console.log(JSON.stringify(answers)));
