'use strict';
// Requests of a browser's or a Flash movie's kind, each on a connection of its own, over HTTP/1.1 or HTTP/2.

const crypto = require('node:crypto');
const http2 = require('node:http2');
const https = require('node:https');
const tls = require('node:tls');
const { frames } = require('./frames.js');

/** HTTP/1.1 to an edge (see ../edge.js). */
class Http1 {
  constructor(edge) {
    this.edge = edge;
  }

  /** Start a request: a promise of the response, whose body is still to be read. */
  start(method, path, body, headers = {}) {
    const { url } = this.edge;
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      https.request({
        protocol: 'https:', hostname: url.hostname, port: url.port, method, path,
        headers: { ...headers, ...length }, agent: this.edge.agent(),
      }, (response) => {
        if (response.statusCode === 200) resolve(response);
        else refuse(response, response.statusCode, reject);
      })
        .on('upgrade', ({ headers: agreed }, socket, head) => resolve({ socket, head, headers: agreed }))
        .on('error', reject)
        .end(body);
    });
  }

  /** Ask for a WebSocket: {socket, head, headers}. */
  upgrade(path, headers = {}) {
    return this.start('GET', path, undefined, {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
      ...headers,
    });
  }

  /** Open a WebSocket: {send, close}; see frames.js for the callbacks. */
  async websocket(path, message, closed) {
    const { socket, head } = await this.upgrade(path);
    return frames(socket, head, message, closed);
  }
}

/** HTTP/2 to an edge; a WebSocket is an extended CONNECT (RFC 8441). */
class Http2 {
  constructor(edge) {
    this.edge = edge;
  }

  async connect() {
    const { address, url, trust } = this.edge;
    const createConnection = () => tls.connect({
      host: address, port: url.port || 443, servername: url.hostname, ALPNProtocols: ['h2'], ...trust,
    });
    const connection = http2.connect(url.origin, { createConnection });
    await new Promise((resolve, reject) => connection.once('remoteSettings', resolve).once('error', reject));
    return connection;
  }

  start(method, path, body, headers = {}) {
    return this.open({ ':method': method, ':path': path, ...headers }, (stream) => stream.end(body));
  }

  async open(headers, send) {
    const connection = await this.connect();
    return new Promise((resolve, reject) => {
      const stream = connection.request(headers, { endStream: false });
      stream.on('close', () => connection.destroy());
      stream.on('error', reject);
      stream.on('response', (answered) => {
        const status = answered[':status'];
        stream.headers = answered;
        if (status === 200) resolve(stream);
        else refuse(stream, status, reject);
      });
      send(stream);
    });
  }

  /** Ask for a WebSocket: its stream. */
  upgrade(path, headers = {}) {
    const connect = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13' };
    return this.open({ ...connect, ...headers }, () => {});
  }

  async websocket(path, message, closed) {
    const stream = await this.upgrade(path);
    return frames(stream, Buffer.alloc(0), message, closed);
  }
}

async function refuse(response, status, reject) {
  const body = await read(response).catch((error) => error.message);
  reject(new Error(`status ${status}: ${String(body).slice(0, 100)}`));
}

/** The whole body of a response. */
async function read(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}

module.exports = { Http1, Http2, read };
