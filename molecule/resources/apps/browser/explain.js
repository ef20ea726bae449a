#!/usr/bin/env node
'use strict';
// Open a page of haproxy_explain with a real browser, use it as people do, and tell what happened, as one JSON object.
//
//   --page FILE          the page
//   --quick              only open it and take the times
//   --screenshots DIR    where pictures of it go
//   --prefix NAME        what their names begin with

const { parseArgs } = require('node:util');
const path = require('node:path');
const axe = require('axe-core');
const { chromium } = require('playwright-core');

const { values } = parseArgs({
  options: {
    page: { type: 'string' },
    quick: { type: 'boolean' },
    screenshots: { type: 'string' },
    prefix: { type: 'string', default: 'explain' },
  },
});
const address = `file://${path.resolve(values.page)}`;

/** Whether something highlighted is in the window. */
const inView = () =>
  [...document.querySelectorAll('.on')].some((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top < innerHeight && bottom > 0;
  });

/** What is highlighted at this moment, as a person and as a screen reader would notice. */
const state = () => {
  const on = [...document.querySelectorAll('.on')];
  return {
    chosen: document.querySelector('input:checked').value,
    address: location.hash,
    on: on.length,
    shown: window.inView(),
    said: document.getElementById('bar').hidden ? '' : document.querySelector('output').textContent,
    ways: [...document.querySelectorAll('.way:not([hidden])')].map((way) => way.children.length),
    dimmed: getComputedStyle(document.querySelector('.line:not(.on) .k') ?? document.body).color,
  };
};

/** Milliseconds until a choice is on the screen. */
const choose = (value) =>
  new Promise((resolve) => {
    const input = [...document.querySelectorAll('input')].find((choice) => choice.value === value);
    const begin = performance.now();
    input.click();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
  });

async function times(page) {
  const [opened] = await page.evaluate(() => performance.getEntriesByType('navigation').map((entry) => entry.loadEventEnd));
  const choices = await page.evaluate(() => [...document.querySelectorAll('input')].map((choice) => choice.value));
  const goals = choices.filter((choice) => choice.startsWith('goal:'));
  const ways = choices.filter((choice) => choice.startsWith('path:'));
  const highlighted = {};
  for (const choice of [...goals, ways.at(0), ways.at(-1), 'all:'].filter(Boolean)) {
    highlighted[choice] = await page.evaluate(choose, choice);
  }
  return { opened, highlighted };
}

async function faults(page) {
  await page.evaluate(axe.source); // not an inline script: the policy of the page would refuse one
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 3).map(({ html }) => html) }));
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox'], // the container is one
  });
  const report = { troubles: [], fetched: [], dialogs: [] };
  const open = async (hash = '', options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
    const page = await context.newPage();
    page.on('pageerror', (error) => report.troubles.push(error.message));
    page.on('console', (message) => message.type() === 'error' && report.troubles.push(message.text()));
    page.on('dialog', (dialog) => { report.dialogs.push(dialog.message()); dialog.dismiss(); });
    page.on('request', (request) => request.url().split('#')[0] === address || report.fetched.push(request.url()));
    await page.addInitScript(`window.inView = ${inView}`);
    await page.goto(address + hash);
    return page;
  };
  const picture = async (page, name) =>
    values.screenshots && page.screenshot({ path: path.join(values.screenshots, `${values.prefix}-${name}.png`) });
  try {
    const page = await open();
    report.times = await times(page);
    report.ran = await page.evaluate(() => window.ran ?? null); // what no text of a configuration may set
    if (!values.quick) {
      report.title = await page.title();
      report.lines = await page.locator('.line').count();
      report.links = await page.evaluate(() =>
        [...document.querySelectorAll('.line a[href^="https:"]')].map((link) => [link.textContent, link.href]));
      report.begin = await page.evaluate(state);
      report.goals = {};
      const choices = await page.evaluate(() => [...document.querySelectorAll('input')].map((choice) => choice.value));
      for (const choice of choices) {
        await page.locator(`input[value="${choice}"]`).check();
        if (choice.startsWith('goal:')) await page.waitForFunction(inView, null, { timeout: 5000 }).catch(() => {});
        report.goals[choice] = await page.evaluate(state);
      }
      // By keyboard: into the choices, down, on with the buttons, and out.
      await page.evaluate(() => { document.querySelector('input').click(); scrollTo(0, 0); });
      await page.locator('input[value="all:"]').focus();
      report.keyboard = [];
      for (const key of ['ArrowDown', 'ArrowDown', 'Escape']) {
        await page.keyboard.press(key);
        report.keyboard.push(await page.evaluate(state));
      }
      // By address, as a link that somebody sent.
      report.addresses = {};
      for (const hash of ['#goal=websocket', '#path=chat_polling', '#goal=nothing', '#L3']) {
        const other = await open(hash);
        await other.waitForTimeout(100);
        report.addresses[hash] = await other.evaluate(state);
        await other.close();
      }
      report.faults = {};
      for (const colorScheme of ['light', 'dark']) {
        for (const [name, hash] of [['all', ''], ['goal', '#goal=affinity'], ['path', '#path=chat_polling']]) {
          const other = await open(hash, { colorScheme });
          await other.waitForTimeout(100);
          report.faults[`${colorScheme} ${name}`] = await faults(other);
          await picture(other, `${colorScheme}-${name}`);
          await other.close();
        }
      }
      const narrow = await open('', { viewport: { width: 390, height: 844 } });
      report.overflows = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await picture(narrow, 'narrow');
    }
    report.browser = browser.version();
  } catch (error) {
    report.error = error.message;
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(report));
}

main();
