#!/usr/bin/env node
'use strict';
// Try one transport of one Socket.IO generation with several sessions, each request on a connection of its own.

const { Edge, options, reason, stop, within } = require('../edge.js');
const { Official, reach } = require('./official.js');
const { Http1, Http2 } = require('./transport.js');
const { EngineSession, Session09 } = require('./wire.js');

const values = options('generations/try.js', `
  --generation N                0.9, 1, 2, 3 or 4
  --transport NAME              one of its transports; a wrong one tells the right ones
  --path PATH                   Socket.IO's path (/socket.io/)
  --sessions N                  how many at once (4)
  --quick                       no message of a megabyte
  --json                        one JSON object instead of text

Exit status: 0 when it works, 1 when it does not, 2 when it could not be tried.`, {
  generation: { type: 'string' },
  transport: { type: 'string' },
  path: { type: 'string', default: '/socket.io/' },
  sessions: { type: 'string', default: '4' },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});

const edge = new Edge(values);

/** What a browser's WebTransport does with an edge that has none; Node has no WebTransport. */
class UnreachableTransport {
  closed = Promise.reject(new Error('Opening handshake failed.'));

  ready = new Promise(() => {});
}

/** A cell: the name that the node has for the transport, who tries it, and how a session of it is opened. */
const official = (seen, how, check) => ({
  seen,
  client: 'official client',
  check,
  async open(generation) {
    const session = new Official();
    return [session, session.open(edge, generation, how)];
  },
});
const wire = (seen, open) => ({ seen, client: 'on the wire', open });

const version09 = (transport, seen = transport) => wire(seen, async () => {
  const session = new Session09(new Http1(edge), values.path);
  return [session, session.open(transport)];
});

const engine = (transport, Via = Http1) => {
  const seen = transport === 'websocket' ? 'websocket' : 'polling';
  return wire(seen, async (generation) => {
    const session = new EngineSession(new Via(edge), values.path);
    return [session, session.open(Number(generation) < 3 ? 3 : 4, transport)];
  });
};

const deflates = (wanted) => (session) => expect(session.deflates === wanted,
  wanted ? 'permessage-deflate was not agreed upon' : 'permessage-deflate was agreed upon unasked');
const POLLING = { transports: ['polling'] };
const WEBSOCKET = { transports: ['websocket'], perMessageDeflate: false };

const MODERN = {
  jsonp: engine('jsonp'),
  websocket: official('websocket', WEBSOCKET, deflates(false)),
  upgrade: official('websocket', { transports: ['polling', 'websocket'], upgrades: true }),
  'permessage-deflate': official('websocket', { ...WEBSOCKET, perMessageDeflate: { threshold: 0 } }, deflates(true)),
};
const EARLY = {
  polling: engine('polling'), // on Node the official client never asks for binary framing
  'polling, base64': official('polling', { ...POLLING, forceBase64: true }),
  ...MODERN,
};
const LATE = {
  polling: official('polling', POLLING),
  ...MODERN,
  'websocket over HTTP/2': engine('websocket', Http2),
  'polling over HTTP/2': engine('polling', Http2),
};
const CELLS = {
  0.9: {
    websocket: official('websocket', WEBSOCKET),
    flashsocket: version09('flashsocket'),
    htmlfile: version09('htmlfile'),
    'xhr-polling': official('xhr-polling', { transports: ['xhr-polling'] }),
    'jsonp-polling': version09('jsonp-polling', 'jsonppolling'),
  },
  1: EARLY,
  2: EARLY,
  3: LATE,
  4: {
    ...LATE,
    'polling, cookie': official('polling', { ...POLLING, withCredentials: true }),
    'upgrade, cookie': official('websocket', {
      transports: ['polling', 'websocket'], upgrades: true, withCredentials: true,
    }),
    'webtransport first': official('websocket', {
      transports: ['webtransport', 'websocket', 'polling'], tryAllTransports: true,
    }),
  },
};

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** Repeat an action; the milliseconds of each. */
async function sample(action) {
  const samples = [];
  while (samples.length < 5) {
    const start = performance.now();
    await action();
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Open a session: {session, node, lost}; `lost` never resolves, and rejects when the session ends too early. */
async function start(cell) {
  const [session, opening] = await cell.open(values.generation);
  const lost = new Promise((_, reject) => session.on('lost', (why) => reject(new Error(why))));
  lost.catch(() => {}); // it is raced below
  const greeting = new Promise((resolve) => session.once('hello', resolve));
  const ready = within(edge.timeout, 'a session', (resolve, reject) => {
    Promise.all([greeting, opening]).then(resolve, reject);
  });
  const [{ node }] = await Promise.race([ready, lost]);
  cell.check?.(session);
  const asked = (...what) => Promise.race([
    lost,
    within(edge.timeout, `the answer to ${what[0]}`, (resolve, reject) => session.ask(...what).then(resolve, reject)),
  ]);
  return { session, node, asked };
}

async function stays(cell, { node, asked }) {
  return sample(async () => {
    const here = await asked('ping-node');
    expect(here.node === node, `moved from ${node} to ${here.node}`);
    expect(here.transport === cell.seen, `the node sees ${here.transport} instead of ${cell.seen}`);
  });
}

/** What one session says is heard by all sessions of its node, and by no other. */
async function broadcast(started) {
  const [{ session, node }] = started;
  const text = `said by ${process.pid}`;
  const heard = started.map((one) => within(edge.timeout, 'a broadcast', (resolve) => {
    one.session.on('said', (what) => {
      if (what.text === text) resolve(what.node);
    });
    if (one.node !== node) resolve(node);
  }));
  session.say(text);
  const nodes = await Promise.all(heard);
  expect(nodes.every((name) => name === node), `a broadcast of ${node} came from ${nodes}`);
}

/** A message that looks like the answer to somebody else's handshake does not move their session. */
async function unmoved(cell, [{ node, asked }, ...others]) {
  const other = others.find((one) => one.node !== node);
  if (!other) return;
  await asked('echo', `"sid":"${other.session.id}"`);
  await stays(cell, other);
}

async function exchange(cell) {
  const started = await Promise.all(Array.from({ length: Number(values.sessions) }, () => start(cell)));
  const samples = (await Promise.all(started.map((one) => stays(cell, one)))).flat();
  await broadcast(started);
  await unmoved(cell, started);
  const [{ asked }] = started;
  if (values.generation !== '0.9') {
    const sent = Buffer.from([0, 1, 2, 4, 127, 128, 254, 255]);
    const back = await asked('echo', sent);
    expect(Buffer.isBuffer(back) ? sent.equals(back) : sent.equals(Buffer.from(back)), 'binary data came back changed');
  }
  if (!values.quick) {
    const text = 'megabyte'.repeat(125_000);
    expect(text === await asked('echo', text), 'a message of 1 MB came back changed');
  }
  for (const { session } of started) session.close();
  const median = samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)];
  return { nodes: [...new Set(started.map(({ node }) => node))].sort(), round_trip_ms: Number(median.toFixed(1)) };
}

async function main() {
  const cell = CELLS[values.generation]?.[values.transport];
  if (!cell) {
    stop(`there is no such transport; there are ${Object.entries(CELLS)
      .flatMap(([generation, cells]) => Object.keys(cells).map((name) => `${generation} ${name}`)).join('; ')}`);
  }
  const tell = (result) => {
    const whole = { works: !result.error, error: null, client: cell.client, nodes: [], round_trip_ms: null, ...result };
    if (values.json) console.log(JSON.stringify(whole));
    else for (const [name, value] of Object.entries(whole)) console.log(`${name}: ${JSON.stringify(value)}`);
    process.exit(whole.works ? 0 : 1);
  };
  reach(edge);
  globalThis.WebTransport = UnreachableTransport;
  process.on('uncaughtException', (error) => tell({ error: reason(error) })); // old clients throw where nobody catches
  await exchange(cell).then(tell, (error) => tell({ error: reason(error) }));
}

main();
