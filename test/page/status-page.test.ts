import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Browser, type Page, startBrowser, type View } from './browser.ts';
import { TOO_FAINT } from './contrast.ts';
import { type PageFixture, pageFixture } from './page-fixture.ts';
import { decodePng } from './png.ts';

/** Where the screenshots are kept, for people to look at; nowhere unless told. */
const IMAGES = process.env.DZD_PAGE_IMAGES;

const DESKTOP: View = { width: 1280, height: 900, scheme: 'light', scripts: true };
const PHONE: View = { width: 360, height: 740, scheme: 'dark', scripts: true };

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

/** Opens the page once the agent has written everything that it sees. */
async function open({ url }: PageFixture, view: View): Promise<Page> {
  const page = await browser.page(view);
  await page.open(url);
  await page.until("document.body.innerText.includes('Up, and the ledger says so')", 20_000);
  return page;
}

async function picture(page: Page, name: string) {
  const file = await page.screenshot();
  if (IMAGES !== undefined) {
    mkdirSync(IMAGES, { recursive: true });
    writeFileSync(join(IMAGES, `${name}.png`), file);
  }
  return decodePng(file);
}

const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const brightness = ([red, green, blue]: readonly [number, number, number]): number => (red + green + blue) / 3;

test.concurrent('a desktop that likes light pages: everything is there, legible, and nothing breaks the policy', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  const text = await page.text();
  for (const words of [
    'lo-dz001',
    'One ledger endpoint is lost, others serve',
    'What to do:',
    'sessions up',
    'until it is empty',
    'came up in the last hour',
    'VRF and neighbor',
    'Signature',
    'Last problem',
    'Lately',
  ])
    expect(text).toContain(words);
  const shown = await picture(page, 'status-page-desktop');
  expect(brightness(shown.at(4, 4))).toBeGreaterThan(230);
  expect(shown.colours()).toBeGreaterThan(100);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
});

test.concurrent('a phone that likes dark pages: nothing to scroll sideways, and tables that a screen reader still knows', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  const shown = await picture(page, 'status-page-phone');
  expect(brightness(shown.at(4, 4))).toBeLessThan(40);
  expect([shown.width, shown.colours() > 100]).toEqual([360, true]);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
  const roles = await page.roles();
  expect(['banner', 'main', 'navigation', 'contentinfo', 'table', 'columnheader', 'rowheader'].filter((role) => !roles.has(role))).toEqual(
    [],
  );
});

test.concurrent('a session that goes down is on the page without loading it again, and what was folded stays so', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  await page.evaluate("window.mark = 'same page'; document.querySelector('#users-up summary').click()");
  fixture.disconnect(1);
  await page.until("document.querySelector('#users-down .down') !== null", 15_000);
  expect(await page.evaluate("[window.mark, document.querySelector('#users-up').open]")).toEqual(['same page', false]);
  expect(await page.text()).toContain('session is down');
  expect(page.complaints).toEqual([]);
});

test.concurrent('without scripts it is as complete, and loads itself again', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, { ...PHONE, scheme: 'light', scripts: false });
  expect(await page.text()).not.toContain('Down, and the ledger says so');
  expect(await page.evaluate(overflow)).toBe(0);
  const shown = decodePng(await page.screenshot());
  expect([brightness(shown.at(4, 4)) > 230, shown.colours() > 100]).toEqual([true, true]);
  fixture.disconnect(1);
  await page.until("document.body.innerText.includes('Down, and the ledger says so')", 20_000);
});

test.concurrent('one user: a tap on its key leads to all that is known of it, as legible', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  await page.evaluate("document.querySelector('#users-up a').click()");
  await page.until("document.querySelector('.facts') !== null && document.readyState === 'complete'");
  const text = await page.text();
  for (const words of ['The session is up, and the ledger says so', 'From the switch to the ledger', 'landed', '← lo-dz001'])
    expect(text).toContain(words);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
  await picture(page, 'user-page-phone');
});

test.concurrent('a browser that gave the token as its password reads the page, and goes on reading it', async () => {
  await using fixture = await pageFixture('open sesame');
  const page = await open({ ...fixture, url: fixture.url.replace('//', '//any:open%20sesame@') }, DESKTOP);
  fixture.disconnect(2);
  await page.until("document.querySelector('#users-down .down') !== null", 20_000);
  expect([await page.evaluate("document.querySelector('#stale').hidden"), page.complaints]).toEqual([true, []]);
});

test.concurrent('an agent that has gone is told of: old figures do not pass for new ones', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  await fixture.stopAgent();
  await page.until("document.querySelector('#stale').innerText.includes('does not answer')", 15_000);
  expect(await page.evaluate(overflow)).toBe(0);
});
