'use strict';
// A Socket.IO 4 application whose nodes share their sessions by Redis: a client that lost its connection goes on at any of
// them, and gets what it has missed. Each node says a number to all clients of all nodes, the next one every few seconds.
//
//   PORT       port to listen on (3000)
//   NODE_NAME  the name this node answers with (the host's name): the Redis of NAME-app1 is NAME-redis
//   INTERVAL   milliseconds between two numbers (6000)

const http = require('node:http');
const os = require('node:os');
const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const { Server } = require('socket.io');

const node = process.env.NODE_NAME || os.hostname();
const redis = createClient({ url: `redis://${node.replace(/-[^-]*$/, '-redis')}:6379` });
redis.on('error', (error) => console.error(error.message));

/**
 * The adapter, which also notes how far the messages went before it read what a client has missed. Socket.IO sends a client
 * new messages a few milliseconds later only: what comes in between is lost.
 */
function adapter() {
  const create = createAdapter(redis);
  return function recovering(namespace) { // Socket.IO calls it with `new`
    const made = create(namespace);
    const restore = made.restoreSession.bind(made);
    made.restoreSession = async (pid, offset) => {
      const [last] = await redis.xRevRange('socket.io', '+', '-', { COUNT: 1 });
      const session = await restore(pid, offset);
      return { ...session, data: { read: last.id } };
    };
    return made;
  };
}

/** Send a recovered client once more what has come for all since then; it knows by the numbers what it has already. */
async function sendAgain(socket, say) {
  for (const { message } of await redis.xRange('socket.io', `(${socket.data.read}`, '+')) {
    const { packet, opts } = JSON.parse(message.data ?? '{}');
    if (packet && opts.rooms.length === 0) say(...packet.data);
  }
}

async function main() {
  await redis.connect();
  const server = http.createServer((_request, response) => response.end('ok'));
  server.keepAliveTimeout = 75_000; // longer than a proxy keeps an idle connection, so that the proxy closes first
  const io = new Server(server, {
    adapter: adapter(),
    connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
  });
  io.on('connection', (socket) => {
    // To this client only, and nothing that it would have to get later.
    const say = (...event) => io.local.to(socket.id).emit(...event);
    say('hello', { node });
    if (socket.recovered) sendAgain(socket, say);
    socket.on('ping-node', (acknowledge) => acknowledge({ node }));
  });
  const since = Date.now();
  let number = 0;
  setInterval(() => io.emit('number', { from: `${node} ${since}`, number: (number += 1) }), Number(process.env.INTERVAL || 6000));
  server.listen(Number(process.env.PORT || 3000), () => console.log(`${node} listens`));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
