'use strict';
// Socket.IO on the wire, for the transports that no official client speaks on Node: what a browser's page or a Flash
// movie would send. A session emits `hello` and the other events of the application, and `lost` with a reason.
//
// Sources: the Engine.IO protocol, revisions 3 and 4; the Socket.IO protocol, revisions 3 to 5; the specification of
// Socket.IO 0.9 (socket.io-spec).

const { EventEmitter } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { read } = require('./transport.js');

class Session extends EventEmitter {
  constructor(via, path) {
    super();
    this.via = via; // Http1 or Http2
    this.path = path;
    this.pending = new Map(); // id of an acknowledgement → what waits for it
    this.posts = Promise.resolve();
  }

  /** Send an event and wait for its acknowledgement. */
  ask(event, ...values) {
    return new Promise((resolve) => {
      const id = this.pending.size + 1;
      this.pending.set(id, resolve);
      this.event(id, event, values);
    });
  }

  say(text) {
    this.event(undefined, 'say', [text]);
  }

  lose(error) {
    if (!this.closed) this.emit('lost', error?.message ?? String(error));
    this.close();
  }

  close() {
    this.closed = true;
    this.socket?.close();
    this.stream?.destroy();
  }

  get(query) {
    return this.via.start('GET', `${this.address}${query}`).then(async (response) => [await read(response), response]);
  }

  /** One POST after the other. */
  post(body, type) {
    this.posts = this.posts
      .then(() => this.via.start('POST', `${this.address}${this.query}`, body, { 'content-type': type }))
      .then(read)
      .catch((error) => this.lose(error));
  }

  /** Ask again and again; each answer goes to `take`. */
  async poll(take) {
    while (!this.closed) {
      take(...await this.get(this.query));
    }
  }
}

/** What a JSON-P answer calls its function with. */
function padded(body) {
  const [, argument] = /^[^(]*\((".*")\);?$/s.exec(String(body)) ?? [];
  if (argument === undefined) throw new Error(`no JSON-P answer: ${String(body).slice(0, 60)}`);
  return JSON.parse(argument);
}

const FORM = 'application/x-www-form-urlencoded';

// Socket.IO 0.9

class Session09 extends Session {
  /** `transport` as in the path: jsonp-polling, htmlfile or flashsocket. */
  async open(transport) {
    this.jsonp = transport === 'jsonp-polling';
    this.query = this.jsonp ? `?t=${Date.now()}&i=0` : `?t=${Date.now()}`;
    this.address = `${this.path}1/`;
    const [body] = await this.get(this.jsonp ? `?t=${Date.now()}&jsonp=0` : this.query);
    [this.id] = (this.jsonp ? padded(body) : String(body)).split(':');
    this.address = `${this.path}1/${transport}/${this.id}`;
    const failed = (error) => this.lose(error);
    if (transport === 'flashsocket') {
      await delay(Math.random() * 50); // movies start when they are loaded, in any order
      this.socket = await this.via.websocket(this.address, (text) => this.receive(text), failed);
    } else if (this.jsonp) {
      this.poll((answer) => this.receive(padded(answer))).catch(failed);
    } else {
      this.htmlfile().catch(failed);
    }
  }

  /** An endless page, each message a script in it. */
  async htmlfile() {
    this.stream = await this.via.start('GET', `${this.address}${this.query}`);
    let page = '';
    for await (const chunk of this.stream.setEncoding('utf8')) {
      page += chunk;
      let end;
      while ((end = page.indexOf('</script>')) >= 0) {
        const [, message] = /<script>_\((".*")\);$/s.exec(page.slice(0, end)) ?? [];
        page = page.slice(end + '</script>'.length);
        if (message) this.receive(JSON.parse(message));
      }
    }
  }

  /** Several messages come as \ufffdLENGTH\ufffdMESSAGE each. */
  receive(text) {
    const messages = text.startsWith('\ufffd') ? text.split(/\ufffd\d+\ufffd/).slice(1) : [text];
    for (const message of messages) {
      const [, type, , data] = /^(\d):([^:]*):[^:]*:?(.*)$/s.exec(message) ?? [];
      if (type === '5') {
        const { name, args } = JSON.parse(data);
        this.emit(name, ...(args ?? []));
      } else if (type === '6') {
        const [, id, values] = /^(\d+)\+?(.*)$/s.exec(data);
        this.pending.get(Number(id))(...JSON.parse(values || '[]'));
      } else if (type === '2') this.send('2::');
      else if (type === '0' || type === '7') this.lose(`the node refused: ${message}`);
    }
  }

  event(id, name, args) {
    this.send(`5:${id === undefined ? '' : `${id}+`}::${JSON.stringify({ name, args })}`);
  }

  send(message) {
    if (this.socket) this.socket.send(message);
    else if (this.jsonp) this.post(`d=${encodeURIComponent(JSON.stringify(message))}`, FORM);
    else this.post(message, 'text/plain;charset=UTF-8');
  }
}

// Socket.IO 1 and later, on Engine.IO

class EngineSession extends Session {
  /** `revision` of Engine.IO, 3 or 4; `transport`: polling, jsonp or websocket. */
  async open(revision, transport) {
    this.revision = revision;
    this.jsonp = transport === 'jsonp';
    this.address = this.path;
    const failed = (error) => this.lose(error);
    if (transport === 'websocket') {
      const query = `?EIO=${revision}&transport=websocket`;
      this.socket = await this.via.websocket(this.path + query, (packet) => this.receive(packet), failed);
      return;
    }
    this.query = `?EIO=${revision}&transport=polling${this.jsonp ? '&j=0&b64=1' : ''}`;
    const take = (body, response) => this.take(body, response);
    take(...await this.get(this.query));
    this.poll(take).catch(failed);
  }

  take(body, response) {
    const binary = response.headers['content-type'].startsWith('application/octet-stream');
    const packets = binary ? bytes(body) : this.packets(this.jsonp ? padded(body) : String(body));
    for (const packet of packets) this.receive(packet);
  }

  /** The packets of a text. */
  packets(text) {
    const base64 = (packet) => (/^b/.test(packet) ? Buffer.from(packet.slice(5 - this.revision), 'base64') : packet);
    if (this.revision === 4) return text.split('\x1e').map(base64);
    const packets = [];
    for (let rest = text; rest;) {
      const colon = rest.indexOf(':');
      const end = colon + 1 + Number(rest.slice(0, colon));
      packets.push(base64(rest.slice(colon + 1, end)));
      rest = rest.slice(end);
    }
    return packets;
  }

  receive(packet) {
    if (Buffer.isBuffer(packet)) this.attachment(packet);
    else if (packet[0] === '0') this.opened(JSON.parse(packet.slice(1)));
    else if (packet[0] === '1') this.lose('the node closed the session');
    else if (packet[0] === '2') this.send([`3${packet.slice(1)}`]);
    else if (packet[0] === '4') this.message(packet.slice(1));
  }

  opened({ sid }) {
    this.id = sid;
    this.query += `&sid=${sid}`;
    if (this.revision === 4) this.send(['40']); // before, the node connected the client by itself
  }

  message(text) {
    const [, type, attachments, id, data] = /^(\d)(?:(\d+)-)?(\d*)(.*)$/s.exec(text);
    if (type === '1' || type === '4') this.lose(`the node refused: ${text}`);
    if (!'2356'.includes(type)) return;
    const values = JSON.parse(data);
    if (Number(attachments)) this.incomplete = { type, id, values };
    else this.deliver(type, id, values);
  }

  /** Our values hold at most one attachment, as a value of its own. */
  attachment(data) {
    const { type, id, values } = this.incomplete;
    this.deliver(type, id, values.map((value) => (value?._placeholder ? data : value)));
  }

  deliver(type, id, values) {
    if (type === '2' || type === '5') this.emit(...values);
    else this.pending.get(Number(id))(...values);
  }

  event(id, name, values) {
    const attachments = values.filter(Buffer.isBuffer);
    const text = JSON.stringify([name, ...values.map((value) => (
      Buffer.isBuffer(value) ? { _placeholder: true, num: attachments.indexOf(value) } : value))]);
    const type = attachments.length ? `5${attachments.length}-` : '2';
    this.send([`4${type}${id ?? ''}${text}`, ...attachments]);
  }

  send(packets) {
    if (this.socket) packets.forEach((packet) => this.socket.send(packet));
    else if (this.revision === 3 && !this.jsonp && packets.some(Buffer.isBuffer)) {
      this.post(Buffer.concat(packets.map(framed)), 'application/octet-stream');
    } else {
      const texts = packets.map((packet) => (
        Buffer.isBuffer(packet) ? (this.revision === 3 ? 'b4' : 'b') + packet.toString('base64') : packet));
      const body = this.revision === 4 ? texts.join('\x1e') : texts.map((text) => `${text.length}:${text}`).join('');
      if (this.jsonp) this.post(`d=${encodeURIComponent(body)}`, FORM);
      else this.post(body, 'text/plain;charset=UTF-8');
    }
  }
}

/** Engine.IO 3, binary framing: 0 for text or 1 for bytes, the digits of the length, 255, the packet. */
function framed(packet) {
  const isText = typeof packet === 'string';
  const data = isText ? Buffer.from(packet) : Buffer.concat([Buffer.of(4), packet]);
  return Buffer.concat([Buffer.of(isText ? 0 : 1, ...[...String(data.length)].map(Number), 255), data]);
}

function bytes(body) {
  const packets = [];
  for (let rest = body; rest.length;) {
    const mark = rest.indexOf(255);
    const length = Number([...rest.subarray(1, mark)].join(''));
    const data = rest.subarray(mark + 1, mark + 1 + length);
    packets.push(rest[0] === 0 ? data.toString() : data.subarray(1));
    rest = rest.subarray(mark + 1 + length);
  }
  return packets;
}

module.exports = { EngineSession, Session09 };
