'use strict';
// The clients and the node of sockets.py: node sockets.js NODE_PORT EDGE_PORT HOST
//
// A line `KIND NUMBER` on standard input opens so many through the edge, one after the other; `open` answers it.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const readline = require('node:readline');
const tls = require('node:tls');

const [, , nodePort, edgePort, host] = process.argv;
const POLLING = '/socket.io/?EIO=4&transport=polling';
const WEBSOCKET = '/socket.io/?EIO=4&transport=websocket';
const CLASSIC = 'X25519';
// The key exchange that browsers prefer, where the OpenSSL of this Node has it (3.5).
const GROUPS = parseFloat(process.versions.openssl) < 3.5 ? CLASSIC : `X25519MLKEM768:${CLASSIC}`;
// What a browser sends with each request.
const FIELDS = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  accept: '*/*',
  'accept-language': 'en-US,en;q=0.5',
  'accept-encoding': 'gzip, deflate, br',
  origin: `https://${host}`,
  cookie: 'theme=dark; session=0123456789abcdef',
};
const UPGRADE = {
  upgrade: 'websocket',
  connection: 'upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
// More than the buffers hold on the way to a client that does not read.
const FLOOD = Buffer.alloc(32 << 20);

const opened = [];
let shared;
let told = 0;

async function connect(protocol, groups = GROUPS) {
  const socket = tls.connect({
    host: '127.0.0.1', port: edgePort, servername: host, rejectUnauthorized: false, ecdhCurve: groups, ALPNProtocols: [protocol],
  });
  opened.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket, path, more) {
  const fields = Object.entries({ host, ...FIELDS, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
  const said = String((await once(socket, 'data'))[0]);
  if (!/^HTTP\/1.1 (101|200) /.test(said)) throw new Error(said);
  return said;
}

async function exchange(stream) {
  stream.write('x'.repeat(100));
  await once(stream, 'data');
}

async function websocket(groups) {
  const socket = await connect('http/1.1', groups);
  await ask(socket, WEBSOCKET, UPGRADE);
  await exchange(socket);
}

const KINDS = {
  websocket: () => websocket(GROUPS),
  classic: () => websocket(CLASSIC),

  async h2() {
    const socket = await connect('h2');
    const session = http2.connect(`https://${host}`, { createConnection: () => socket });
    await once(session, 'remoteSettings');
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': WEBSOCKET, 'sec-websocket-version': '13', ...FIELDS,
    });
    const [answer] = await once(stream, 'response');
    if (answer[':status'] !== 200) throw new Error(JSON.stringify(answer));
    await exchange(stream);
  },

  // The node has the request, and has nothing to tell.
  async held() {
    const socket = await connect('http/1.1');
    const [, sid] = /"sid":"([^"]+)/.exec(await ask(socket, POLLING));
    const arrives = once(node, 'poll');
    socket.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    await arrives;
  },

  // The client has its answer; its connection waits for the next request.
  async between() {
    await ask(await connect('http/1.1'), POLLING);
  },

  // The client has its answer, and no connection.
  async session() {
    shared ??= await connect('http/1.1');
    await ask(shared, POLLING);
  },

  // The client does not read what the node sends.
  async stuck() {
    const socket = await connect('http/1.1');
    await ask(socket, `${WEBSOCKET}&flood=1`, UPGRADE);
    socket.pause();
  },
};

const node = http.createServer((request, response) => {
  if (request.url.includes('sid=')) {
    node.emit('poll');
    return;
  }
  told += 1;
  response.end(`0{"sid":"${String(told).padStart(20, 'S')}","upgrades":["websocket"]}`);
});
node.on('upgrade', (request, socket) => {
  socket.on('error', () => {});
  // RFC 6455, 1.3. HAProxy looks at it, for clients of HTTP/2.
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  if (request.url.includes('flood=')) socket.write(FLOOD);
  else socket.on('data', (data) => socket.write(data));
});
node.keepAliveTimeout = 75_000;

node.listen(Number(nodePort), '127.0.0.1', 4096, async () => {
  console.log('open');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [kind, number] = line.split(' ');
    for (let done = 0; done < Number(number); done += 1) await KINDS[kind]();
    console.log('open');
  }
  process.exit();
});
