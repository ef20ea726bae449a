'use strict';
// Socket.IO 0.9 was written for Node 0.4 to 0.10; a current Node needs a little help.

process.EventEmitter = require('node:events').EventEmitter; // gone since Node 7

const { LONGEST_MESSAGE, converse, serve } = require('../application');
const socketio = require('socket.io');

serve(3009, (server) => {
  // All options here: some are read before `set` could change them.
  const { sockets, transports } = socketio.listen(server, {
    transports: ['websocket', 'flashsocket', 'htmlfile', 'xhr-polling', 'jsonp-polling'],
    'destroy buffer size': LONGEST_MESSAGE,
    'log level': 1,
  });
  sockets.on('connection', (socket) => converse(socket, sockets, () => transports[socket.id].name));
});
