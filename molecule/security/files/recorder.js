'use strict';
// A node that records the requests it parses, and parses as leniently as Node can be told to: what an edge lets through,
// it falls for. GET /recorded tells them all, and begins anew.

const http = require('node:http');

let seen = [];

const server = http.createServer({ insecureHTTPParser: true }, (request, response) => {
  if (request.url === '/recorded') {
    response.end(JSON.stringify(seen));
    seen = [];
    return;
  }
  const record = { request: `${request.method} ${request.url}`, headers: request.rawHeaders, body: '' };
  seen.push(record);
  request.on('data', (piece) => (record.body += piece.toString('latin1')));
  request.on('end', () => response.end(`${record.request}\n`));
});
server.keepAliveTimeout = 75_000;
server.listen(3001);
