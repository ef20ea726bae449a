'use strict';
// WebSocket without Socket.IO: no heartbeat, no timeouts of its own. What a request gets is said by its path:
//
//   /deaf      a WebSocket that does not notice when the other side ends it
//   /leaving   one that the server ends at once, on its side only
//   others     a WebSocket that echoes

const { createHash } = require('node:crypto');
const { WebSocketServer } = require('ws');
const { LONGEST_MESSAGE, serve } = require('../application');

serve(3010, (server) => {
  const limits = { maxPayload: 20 * LONGEST_MESSAGE, maxFragments: 0 };
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, ...limits });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {}); // it is closed with the code that the error deserves
  });

  server.on('upgrade', (request, socket, head) => {
    if (!['/deaf', '/leaving'].includes(request.url)) {
      sockets.handleUpgrade(request, socket, head, (upgraded) => sockets.emit('connection', upgraded));
      return;
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.on('error', () => {}).resume();
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
      + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
    if (request.url === '/leaving') socket.end();
  });
});
