#!/usr/bin/env node
'use strict';
// Look at the application's page with a real browser, and tell what a person would see of it, as one JSON object.
//
//   --url URL            the page, with ?transports=...
//   --address ADDRESS    where its host is
//   --key SHA256         of the public key to trust, in base64
//   --http VERSION       1, 2 or 3: what the browser may use
//   --screenshot FILE    where a picture of it goes
//   --fallback           tell too which transport a client ends on that tries WebTransport first

const { parseArgs } = require('node:util');
const { chromium } = require('playwright-core');

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(['url', 'address', 'key', 'http', 'screenshot'].map((name) => [name, { type: 'string' }])),
    fallback: { type: 'boolean', default: false },
  },
});
const { hostname, port } = new URL(values.url);

const HTTP = {
  1: ['--disable-http2', '--disable-quic'],
  2: ['--disable-quic'],
  3: ['--enable-quic', `--origin-to-force-quic-on=${hostname}:${port || 443}`],
};

/** What the page says when its session runs; waits for a measured round trip, which is an acknowledged event. */
async function session(page) {
  await page.waitForSelector('#state.connected');
  await page.waitForFunction(() => /ms$/.test(document.getElementById('trip').textContent));
  return page.evaluate(() => ({
    node: document.getElementById('node').textContent,
    transport: socket.io.engine.transport.name, // eslint-disable-line no-undef
    shown: document.getElementById('state').textContent,
    trip: document.getElementById('trip').textContent,
    upgraded: document.getElementById('rail').classList.contains('run'),
    protocols: [...new Set(performance.getEntriesByType('resource').map(({ nextHopProtocol }) => nextHopProtocol))],
  }));
}

/** The transport of another session of this page, which prefers what the edge cannot have. */
function fallback(page) {
  return page.evaluate(() => new Promise((resolve) => {
    // eslint-disable-next-line no-undef
    const client = io({ forceNew: true, transports: ['webtransport', 'websocket', 'polling'], tryAllTransports: true });
    client.on('connect', () => resolve(client.io.engine.transport.name));
  }));
}

async function main() {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    args: [
      '--no-sandbox', // the container is one
      `--host-resolver-rules=MAP ${hostname} ${values.address}`,
      `--ignore-certificate-errors-spki-list=${values.key}`,
      ...HTTP[values.http],
    ],
  });
  const troubles = [];
  const pages = [];
  try {
    // Each in a context of its own, like a person of its own. Of three, two are on the same node of two.
    const visit = async () => {
      const page = await (await browser.newContext({ viewport: { width: 1000, height: 900 } })).newPage();
      page.on('pageerror', (error) => troubles.push(error.message));
      page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
      await page.goto(values.url);
      pages.push({ page, ...await session(page) });
    };
    await Promise.all([visit(), visit(), visit()]);
    const [first] = pages;
    if (new URL(values.url).searchParams.get('transports') === 'polling,websocket') {
      for (const { page } of pages) await page.waitForSelector('#rail.run');
    }
    const friends = pages.filter(({ node }) => node === first.node);
    const pair = friends.length > 1 ? friends : pages.filter(({ node }) => node !== first.node);
    const text = `Is anybody there? (${process.pid})`;
    await pair[0].page.fill('#text', text);
    await pair[0].page.click('#say button');
    const heard = [];
    for (const { page, node } of pair) {
      await page.locator('#said li', { hasText: text }).waitFor();
      heard.push(node);
    }
    const sessions = await Promise.all(pages.map(({ page }) => session(page)));
    if (values.screenshot) await pair[0].page.screenshot({ path: values.screenshot });
    const seen = { sessions, heard, troubles: troubles.splice(0), browser: browser.version() };
    if (values.fallback) Object.assign(seen, { fallback: await fallback(pair[0].page), refused: troubles });
    console.log(JSON.stringify(seen));
  } catch (error) {
    const seen = await Promise.all(pages.map(({ page }) => page.innerText('#history').catch(String)));
    console.log(JSON.stringify({ error: error.message, troubles, seen }));
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

main();
