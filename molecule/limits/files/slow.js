'use strict';
// An application that keeps each request waiting until /release is asked for; /waiting tells how many there are.

const http = require('node:http');

let waiting = [];

http.createServer((request, response) => {
  if (request.url === '/waiting') {
    response.end(String(waiting.length));
  } else if (request.url === '/release') {
    for (const held of waiting) held.end('at last\n');
    waiting = [];
    response.end();
  } else {
    waiting.push(response);
    response.on('close', () => { waiting = waiting.filter((held) => held !== response); });
  }
}).listen(3001);
