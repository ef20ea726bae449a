'use strict';
// What the clients share: where the edge is, how to trust it, and connections of the official client.

const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { parseArgs } = require('node:util');
const { io } = require('socket.io-client');

const OPTIONS = {
  url: { type: 'string' },
  host: { type: 'string' },
  also: { type: 'string', multiple: true, default: [] },
  ca: { type: 'string' },
  insecure: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '10' },
};

const USAGE = `
  --url https://ADDRESS[:PORT]  where the edge answers
  --host NAME                   ask for this host (Host header and SNI) at that address
  --also ADDRESS                another edge of that host, and another: each connection begins with the next of them
  --ca FILE                     trust the certificates in this PEM file
  --insecure                    trust any certificate
  --timeout SECONDS             for one connection or one answer (10)`;

/** Parse the command line; a mistake in it ends the process with status 2. */
function options(script, usage, more = {}) {
  try {
    const { values } = parseArgs({ options: { ...OPTIONS, help: { type: 'boolean' }, ...more } });
    if (values.help) {
      console.log(`Usage: node ${script} --url URL [options]\n${usage}\n${USAGE}`);
      process.exit(0);
    }
    if (!values.url) throw new Error('--url is missing');
    values.timeout = Number(values.timeout) * 1000;
    return values;
  } catch (error) {
    stop(`${script}: ${error.message} (--help tells the options)`);
  }
}

/** End with status 2: nothing could be tried. */
function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** An edge at an address of its own, asked for by a host name that need not resolve to it. */
class Edge {
  constructor({ url, host, also, ca, insecure, timeout, 'keep-alive': keepAlive = false }) {
    this.url = new URL(url);
    this.address = this.url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.url.hostname = host || this.url.hostname;
    this.timeout = timeout;
    const edges = [this.address, ...also];
    // As a name with several addresses: Node tries one after the other, from a different one each time.
    const several = (name, how, done) => {
      edges.push(edges.shift());
      const found = edges.map((address) => ({ address, family: net.isIP(address) }));
      if (how.all) done(null, found);
      else done(null, found[0].address, found[0].family);
    };
    const one = (name, how, done) => dns.lookup(this.address, how, done);
    const lookup = also.length ? several : one;
    // Every request has a connection of its own: what belongs together must not rest on keep-alive.
    // A busy machine takes longer than Node's quarter of a second for an address.
    this.connection = { keepAlive, autoSelectFamilyAttemptTimeout: timeout, ...(host && { lookup }) };
    this.trust = { ca: ca && fs.readFileSync(ca), rejectUnauthorized: !insecure };
  }

  agent(protocol = this.url.protocol) {
    return protocol === 'https:'
      ? new https.Agent({ ...this.connection, ...this.trust })
      : new http.Agent(this.connection);
  }

  /** GET a path of the edge: {status, headers, body}. */
  get(path, { protocol = this.url.protocol, port = this.url.port, headers } = {}) {
    const { request } = protocol === 'https:' ? https : http;
    const target = { protocol, hostname: this.url.hostname, port, path, headers, agent: this.agent(protocol) };
    return within(this.timeout, 'an answer', (resolve, reject) =>
      request(target, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      }).on('error', reject).end());
  }

  /** A new client of the official kind, with a session and connections of its own and, unless asked for, no cookies. */
  client(more = {}) {
    return io(this.url.origin, {
      forceNew: true,
      reconnection: false,
      withCredentials: false,
      timeout: this.timeout,
      agent: this.agent(),
      ...this.trust,
      ...more,
    });
  }

  /** Wait until a client is connected and the node has said who it is: that greeting. */
  connected(client) {
    return within(this.timeout, 'a session', (resolve, reject) => {
      client.once('hello', resolve);
      client.once('connect_error', (error) => reject(new Error(reason(error))));
      client.once('disconnect', (why, details) => reject(new Error(reason(details, why))));
    });
  }

  /** Send an event and wait for its acknowledgement. */
  ask(client, event, ...payload) {
    return client.timeout(this.timeout).emitWithAck(event, ...payload);
  }
}

/** A promise that gives up after some milliseconds and says what it waited for. */
function within(milliseconds, what, executor) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds / 1000} s for ${what}`)), milliseconds);
  });
  return Promise.race([new Promise(executor), limit]).finally(() => clearTimeout(timer));
}

/** One line for an error of the client or of Node, with the cause that the client hides in other places. */
function reason(error, fallback = 'failed') {
  const text = error?.errors?.[0]?.message || error?.message || fallback;
  const { description, context } = error ?? {};
  const body = String(context?.responseText ?? '').split('\n')[0].replace(/^Error: /, '').slice(0, 100);
  const status = description > 0 && `status ${description}`; // a number for polling, an event for websocket
  const detail = [status, body, description?.error?.message].filter(Boolean).join(', ');
  return detail ? `${text}: ${detail}` : text;
}

module.exports = { Edge, options, reason, stop, within };
