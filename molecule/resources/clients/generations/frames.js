'use strict';
// WebSocket frames (RFC 6455, section 5) as a client writes and reads them, on any stream of bytes.

const crypto = require('node:crypto');

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

function encode(opcode, payload) {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  if (head.length > 2) head[1] = head.length === 4 ? 126 : 127;
  head[1] |= 0x80; // what a client sends is masked
  const mask = crypto.randomBytes(4);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ mask[index & 3]));
  return Buffer.concat([head, mask, masked]);
}

/** Read frames from a stream: calls `message` with a string or a Buffer, `closed` once with the reason. */
function frames(stream, head, message, closed) {
  let unread = head;
  let parts = [];
  let kind = TEXT;

  function take() {
    if (unread.length < 2) return false;
    let length = unread[1] & 0x7f;
    const start = length < 126 ? 2 : length === 126 ? 4 : 10;
    if (unread.length < start) return false;
    if (start === 4) length = unread.readUInt16BE(2);
    if (start === 10) length = Number(unread.readBigUInt64BE(2));
    if (unread.length < start + length) return false;
    const [final, opcode] = [unread[0] & 0x80, unread[0] & 0x0f];
    const payload = unread.subarray(start, start + length);
    unread = unread.subarray(start + length);
    if (opcode === CLOSE) closed(`closed with code ${payload.length ? payload.readUInt16BE(0) : 'none'}`);
    else if (opcode === PING) stream.write(encode(PONG, payload));
    else if (opcode !== PONG) {
      if (opcode) kind = opcode;
      parts.push(payload);
      if (final) {
        const whole = Buffer.concat(parts);
        parts = [];
        message(kind === TEXT ? whole.toString() : whole);
      }
    }
    return true;
  }

  function read(chunk) {
    unread = Buffer.concat([unread, chunk]);
    while (take());
  }
  stream.on('data', read);
  stream.on('error', (error) => closed(error.message));
  stream.on('close', () => closed('the connection ended'));
  read(Buffer.alloc(0));
  return {
    send: (data) => stream.write(typeof data === 'string' ? encode(TEXT, Buffer.from(data)) : encode(BINARY, data)),
    close: () => stream.destroy(),
  };
}

module.exports = { frames };
