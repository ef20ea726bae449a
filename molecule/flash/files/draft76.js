'use strict';
// Loaded before Socket.IO 0.9, which speaks draft 76 of WebSocket as on a Node of its time.

const crypto = require('node:crypto');
const http = require('node:http');

// Strings that were hashed without naming an encoding were Latin-1.
const { createHash } = crypto;
crypto.createHash = (...how) => {
  const hash = createHash(...how);
  const { update } = hash;
  hash.update = (data, encoding = 'latin1') => update.call(hash, data, encoding);
  return hash;
};

// The encoding of an upgraded connection could be set.
const { emit } = http.Server.prototype;
http.Server.prototype.emit = function (event, request, connection, ...rest) {
  if (event === 'upgrade') delete connection.setEncoding;
  return emit.call(this, event, request, connection, ...rest);
};
