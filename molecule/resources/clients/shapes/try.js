'use strict';
// Try clients of all shapes at an edge, several times each: try.js ADDRESS KIND TIMES, or ADDRESS flood SOCKETS. The
// certificate of the edge is in NODE_EXTRA_CA_CERTS. Prints a line of JSON: the nodes that answered, or what went wrong.

const dns = require('node:dns');
const net = require('node:net');
const https = require('node:https');

const [address, kind, times] = process.argv.slice(2);

// All names are the edge's, whichever client asks.
dns.lookup = (name, options, done = options) =>
  options.all ? done(null, [{ address, family: net.isIP(address) }]) : done(null, address, net.isIP(address));

const { createClient } = require('graphql-ws');
const mqtt = require('mqtt');
const signalr = require('@microsoft/signalr');
const SockJS = require('sockjs-client');
const WebSocket = require('ws');

/** One promise for an outcome and all ways to fail, with a limit of 20 s. */
const within = (executor) => new Promise((resolve, reject) => {
  const limit = setTimeout(() => reject(new Error('waited 20 s')), 20_000);
  const end = (how) => (value) => { clearTimeout(limit); how(value); };
  executor(end(resolve), end((error) => reject(error?.message ? error : new Error(String(error)))));
});

const kinds = {
  /** A plain WebSocket, whose first message says the node: an echo of bytes comes back as they are. */
  ws: () => within((resolve, reject) => {
    const socket = new WebSocket('wss://feed.test/ws');
    const sent = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    let node;
    socket.on('error', reject);
    socket.on('message', (data) => {
      if (!node) {
        node = data.toString();
        return socket.send(sent);
      }
      socket.close();
      return data.equals(sent) ? resolve(node) : reject(new Error('another echo'));
    });
  }),

  /** A subscription over graphql-ws: three values. */
  graphql: () => within((resolve, reject) => {
    const client = createClient({ url: 'wss://feed.test/graphql', webSocketImpl: WebSocket, retryAttempts: 0 });
    const seen = [];
    client.subscribe({ query: 'subscription { node }' }, {
      next: ({ data }) => seen.push(data.node),
      error: reject,
      complete: () => {
        client.dispose();
        if (seen.length === 3) resolve(seen[0]);
        else reject(new Error(`${seen.length} values`));
      },
    });
  }),

  /** MQTT over a WebSocket: a message to oneself, on a topic of one's own. */
  mqtt: () => within((resolve, reject) => {
    const client = mqtt.connect('wss://feed.test/mqtt', { reconnectPeriod: 0 });
    client.on('error', reject);
    client.on('connect', () => client.subscribe(client.options.clientId, () =>
      client.publish(client.options.clientId, 'hello')));
    client.on('message', (topic, payload) => {
      resolve(payload.toString());
      client.end(true);
    });
  }),

  ...Object.fromEntries(['websocket', 'xhr-streaming', 'xhr-polling'].map((transport) => [
    `sockjs-${transport}`,
    /** SockJS: three messages, each of which has to reach the node of the session. */
    () => within((resolve, reject) => {
      const socket = new SockJS('https://feed.test/sockjs', null, { transports: [transport] });
      const nodes = new Set();
      let count = 0;
      socket.onopen = () => socket.send('1');
      socket.onclose = (event) => reject(new Error(`${event.code} ${event.reason}`));
      socket.onmessage = ({ data }) => {
        nodes.add(data.split(' ')[0]);
        if (++count < 3) return socket.send(String(count));
        socket.onclose = null;
        socket.close();
        return nodes.size === 1 ? resolve([...nodes][0]) : reject(new Error('several nodes'));
      };
    }),
  ])),

  ...Object.fromEntries(['WebSockets', 'ServerSentEvents', 'LongPolling'].map((transport) => [
    `signalr-${transport}`,
    /** SignalR: negotiate, connect, call: the node that negotiates is the only one that knows the connection. */
    async () => {
      const hub = new signalr.HubConnectionBuilder()
        .withUrl('https://hub.test/hub', { transport: signalr.HttpTransportType[transport] })
        .configureLogging(signalr.LogLevel.None)
        .build();
      await hub.start();
      const node = await hub.invoke('whoami');
      await hub.stop();
      return node;
    },
  ])),

  /** Server-sent events: the first has to come before the last is sent. */
  sse: () => within((resolve, reject) => {
    https.get('https://feed.test/events', (response) => {
      const arrived = [];
      response.on('data', (data) => arrived.push([Date.now(), data.toString()]));
      response.on('error', reject);
      response.on('end', () => (arrived.length > 1 && arrived.at(-1)[0] - arrived[0][0] > 1000
        ? resolve(arrived[0][1].split(' ')[1])
        : reject(new Error('all at once'))));
    }).on('error', reject);
  }),

  upload: () => within((resolve, reject) => upload('/upload/film', resolve, reject)),
  /** The same where a body has to arrive in time: what the edge answers. */
  'upload-elsewhere': () => within((resolve, reject) => upload('/elsewhere', resolve, reject)),

  ...Object.fromEntries(['polling', 'websocket'].flatMap((transport) => [
    [`socketio4-${transport}`, () => socketio('client-4', 'https://chat.test', { transports: [transport] })],
    [`socketio4-slashless-${transport}`, () =>
      socketio('client-4', 'https://chat.test', { transports: [transport], addTrailingSlash: false })],
    [`socketio2-${transport}`, () => socketio('client-2', 'https://chat.test', { transports: [transport] })],
    [`bare-${transport}`, () => socketio('client-4', 'https://bare.test', { transports: [transport] })],
    [`plain-${transport}`, () => socketio('client-4', 'http://chat.test', { transports: [transport] })],
  ])),

  named: () => within((resolve, reject) => {
    https.get('https://named.test/', (response) => {
      let text = '';
      response.on('data', (data) => { text += data; });
      response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text).node) : reject(new Error(text))));
    }).on('error', reject);
  }),
};

/** A body of two parts with three seconds between them. */
function upload(path, resolve, reject) {
  const request = https.request(`https://feed.test${path}`, { method: 'POST' }, (response) => {
    response.resume();
    response.on('end', () => resolve(String(response.statusCode)));
  });
  request.on('error', reject);
  request.write('first ');
  setTimeout(() => request.end('last'), 3000);
}

/** A session of Socket.IO with three questions, each answered by the node that it was opened on. */
function socketio(client, url, options) {
  return within((resolve, reject) => {
    const socket = require(client)(url, { forceNew: true, reconnection: false, ...options });
    socket.on('connect_error', reject);
    socket.on('hello', async (node) => {
      for (let count = 0; count < 3; count++) {
        const answered = await new Promise((answer) => { socket.emit('whoami', answer); });
        if (answered !== node) return reject(new Error(`${answered} instead of ${node}`));
      }
      resolve(node);
      return socket.close();
    });
    socket.on('disconnect', reject); // after `resolve` it means nothing
  });
}

/** Hold many sockets at once: how many were answered, and by what the others failed. */
async function flood(count) {
  const sockets = [];
  const failed = {};
  let open = 0;
  const one = () => within((resolve, reject) => {
    const socket = new WebSocket('wss://ranges.test/ws');
    sockets.push(socket);
    socket.on('error', reject);
    socket.on('close', reject);
    socket.on('message', resolve);
  }).then(() => { open++; }, (error) => { failed[error.message] = (failed[error.message] ?? 0) + 1; });
  const batch = 50;
  for (let begun = 0; begun < count; begun += batch) {
    await Promise.all(Array.from({ length: Math.min(batch, count - begun) }, one));
  }
  const still = sockets.filter((socket) => socket.readyState === WebSocket.OPEN).length;
  return { open, still, failed };
}

async function main() {
  if (kind === 'flood') return flood(Number(times));
  const found = await Promise.allSettled(Array.from({ length: Number(times) }, () => kinds[kind]()));
  const failures = found.filter(({ status }) => status === 'rejected').map(({ reason }) => String(reason?.message ?? reason));
  return { nodes: [...new Set(found.map(({ value }) => value).filter(Boolean))].sort(), failures };
}

main().then((result) => {
  console.log(JSON.stringify(result));
  process.exit();
});
