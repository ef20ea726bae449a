#!/usr/bin/env node
'use strict';
// Many polling clients at once, each request on a connection of its own: do their sessions stay on their nodes?

const { Edge, options, reason } = require('./edge.js');

const values = options('affinity.js', `
  --clients N                   how many sessions at once (30)
  --requests N                  acknowledged events in each of them (10)
  --cookies                     keep cookies, as a browser does (default: none)
  --json                        one JSON object instead of text

Exit status: 0 when every session stayed on its node to the end, 1 when one did not.`, {
  clients: { type: 'string', default: '30' },
  requests: { type: 'string', default: '10' },
  cookies: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});

const edge = new Edge(values);
const result = { connected: 0, failed: 0, moved: 0, per_node: {}, errors: {} };

async function session() {
  const client = edge.client({ transports: ['polling'], withCredentials: values.cookies });
  const lost = new Promise((_, reject) => {
    client.on('disconnect', (why, details) => reject(new Error(reason(details, why))));
  });
  lost.catch(() => {}); // it is raced below, unless the session never starts
  try {
    const { node } = await edge.connected(client);
    result.connected += 1;
    result.per_node[node] = (result.per_node[node] || 0) + 1;
    for (let number = 0; number < Number(values.requests); number += 1) {
      const here = await Promise.race([edge.ask(client, 'ping-node'), lost]);
      if (here.node !== node) {
        result.moved += 1;
        break;
      }
    }
  } catch (error) {
    result.failed += 1;
    const text = reason(error);
    result.errors[text] = (result.errors[text] || 0) + 1;
  } finally {
    client.disconnect();
  }
}

async function main() {
  await Promise.all(Array.from({ length: Number(values.clients) }, session));
  if (values.json) console.log(JSON.stringify(result));
  else for (const [name, value] of Object.entries(result)) console.log(`${name}: ${JSON.stringify(value)}`);
  process.exit(result.failed || result.moved ? 1 : 0);
}

main();
