'use strict';
// The official client of each generation, with the same face as the sessions of wire.js.

const dns = require('node:dns');
const { EventEmitter } = require('node:events');
const https = require('node:https');
const tls = require('node:tls');
const { reason } = require('../edge.js');

const MODULES = { 0.9: 'client-0.9', 1: 'client-1', 2: 'client-2', 3: 'client-3', 4: 'socket.io-client' };

/** Make the whole process reach the edge by its name: the old clients have no options for that. */
function reach(edge) {
  const { lookup } = dns;
  dns.lookup = (name, ...rest) => lookup(name === edge.url.hostname ? edge.address : name, ...rest);
  if (edge.trust.ca) tls.setDefaultCACertificates([edge.trust.ca.toString()]);
  // Every request has a connection of its own: what belongs together must not rest on keep-alive.
  https.globalAgent = new https.Agent({ keepAlive: false });
  delete globalThis.WebSocket; // a current Node has one, which the old clients would take for a browser's
}

class Official extends EventEmitter {
  /** `how`: options of the client; `upgrades`: wait for the upgrade to WebSocket. */
  async open(edge, generation, { upgrades, ...how }) {
    const client = require(MODULES[generation]);
    const common = generation === '0.9'
      ? { 'force new connection': true, reconnect: false }
      : { forceNew: true, reconnection: false, timeout: edge.timeout };
    const socket = (client.connect ?? client)(edge.url.origin, { ...common, ...how });
    this.socket = socket;
    const lose = (error) => !this.closed && this.emit('lost', typeof error === 'string' ? error : reason(error));
    for (const event of ['error', 'connect_error', 'connect_failed', 'disconnect']) socket.on(event, lose);
    for (const event of ['hello', 'said']) socket.on(event, (...values) => this.emit(event, ...values));
    if (upgrades) {
      await new Promise((resolve, reject) => {
        this.once('lost', (why) => reject(new Error(why)));
        socket.on('connect', () => {
          const engine = socket.io.engine;
          if (engine.transport.name === 'websocket') resolve();
          else engine.once('upgrade', resolve);
        });
      });
    }
  }

  /** The id of the session, as requests carry it. */
  get id() {
    return this.socket.io?.engine.id ?? this.socket.socket.sessionid;
  }

  /** Whether the WebSocket compresses (permessage-deflate was agreed upon). */
  get deflates() {
    const extensions = this.socket.io.engine.transport.ws?.extensions ?? '';
    return JSON.stringify(extensions).includes('permessage-deflate');
  }

  ask(event, ...values) {
    return new Promise((resolve) => { this.socket.emit(event, ...values, resolve); });
  }

  say(text) {
    this.socket.emit('say', text);
  }

  close() {
    this.closed = true;
    this.socket.disconnect();
  }
}

module.exports = { Official, reach };
