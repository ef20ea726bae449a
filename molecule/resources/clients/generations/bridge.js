#!/usr/bin/env node
'use strict';
// Carry plain WebSockets from a port of this machine to an edge, over HTTP/1.1 or HTTP/2, with TLS. Frames pass as they
// are: for clients, such as a conformance suite, that speak neither. Tells its port, and ends with its standard input.

const crypto = require('node:crypto');
const http = require('node:http');
const { pipeline } = require('node:stream');
const { Edge, options } = require('../edge.js');
const { Http1, Http2 } = require('./transport.js');

const values = options('generations/bridge.js', '  --http VERSION                1 or 2', { http: { type: 'string' } });
const via = new (values.http === '2' ? Http2 : Http1)(new Edge(values));

const EXTENSIONS = 'sec-websocket-extensions';

function accept(key) {
  return crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

async function carry(request, client, head) {
  const { [EXTENSIONS]: offered, 'sec-websocket-key': key } = request.headers;
  const opened = await via.upgrade(request.url, offered && { [EXTENSIONS]: offered });
  const stream = opened.socket ?? opened;
  const agreed = opened.headers[EXTENSIONS];
  client.write(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept(key)}`, ...(agreed ? [`${EXTENSIONS}: ${agreed}`] : []), '', ''].join('\r\n'));
  if (opened.head?.length) client.write(opened.head);
  if (head.length) stream.write(head);
  const over = () => { client.destroy(); stream.destroy(); };
  pipeline(client, stream, over);
  pipeline(stream, client, over);
}

const server = http.createServer();
server.on('upgrade', (request, client, head) => {
  client.on('error', () => {});
  carry(request, client, head).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    client.destroy();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
