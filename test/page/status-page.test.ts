import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Browser, type Page, startBrowser, type View } from './browser.ts';
import { TOO_FAINT } from './contrast.ts';
import { type PageFixture, pageFixture } from './page-fixture.ts';
import { overflow, picture } from './picture.ts';
import { decodePng } from './png.ts';

const DESKTOP: View = { width: 1280, height: 900, scheme: 'light', scripts: true };
const PHONE: View = { width: 360, height: 740, scheme: 'dark', scripts: true };

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

/** Opens the page once the agent has written every status. */
async function open({ url }: PageFixture, view: View): Promise<Page> {
  const page = await browser.page(view);
  await page.open(url);
  await page.until("document.body.innerText.includes('Up, and the ledger agrees')", 20_000);
  return page;
}

const brightness = ([red, green, blue]: readonly [number, number, number]): number => (red + green + blue) / 3;

test.concurrent('a desktop with a light scheme: the page is complete and legible, and violates no policy', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  const text = await page.text();
  for (const words of [
    'lo-dz001',
    '(endpoint-lost)',
    'What to do:',
    'sessions up',
    'until the balance is used up',
    'came up in the last hour',
    'VRF and neighbor',
    'Signature',
    'Last problem',
    'Recent events',
  ])
    expect(text).toContain(words);
  const shown = await picture(page, 'status-page-desktop');
  expect(brightness(shown.at(4, 4))).toBeGreaterThan(230);
  expect(shown.colors()).toBeGreaterThan(100);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
});

test.concurrent('a phone with a dark scheme: the page does not scroll sideways, and its tables keep their roles', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  const shown = await picture(page, 'status-page-phone');
  expect(brightness(shown.at(4, 4))).toBeLessThan(40);
  expect([shown.width, shown.colors() > 100]).toEqual([360, true]);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
  const roles = await page.roles();
  expect(['banner', 'main', 'navigation', 'contentinfo', 'table', 'columnheader', 'rowheader'].filter((role) => !roles.has(role))).toEqual(
    [],
  );
});

test.concurrent('a session that goes down appears without a reload of the page, and folded groups stay folded', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  await page.evaluate("window.mark = 'same page'; document.querySelector('#users-up summary').click()");
  fixture.disconnect(1);
  await page.until("document.querySelector('#users-down .down') !== null", 15_000);
  expect(await page.evaluate("[window.mark, document.querySelector('#users-up').open]")).toEqual(['same page', false]);
  expect(await page.text()).toContain('session is down');
  expect(page.complaints).toEqual([]);
});

test.concurrent('a screen reader announces a changed verdict, and no update that changes durations alone', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  for (let updates = 0; updates < 2; updates += 1) {
    await page.evaluate("window.shown = document.querySelector('header time').dateTime");
    await page.until("document.querySelector('header time').dateTime !== window.shown", 15_000);
  }
  expect(await page.evaluate("document.querySelector('#news').textContent")).toBe('');
  for (const user of [0, 1, 2]) fixture.disconnect(user);
  await page.until("/^3 of 3 users are down.*What to do/.test(document.querySelector('#news').textContent)", 15_000);
  expect([(await page.roles()).has('status'), page.complaints]).toEqual([true, []]);
});

test.concurrent('without scripts the page is as complete, and reloads itself', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, { ...PHONE, scheme: 'light', scripts: false });
  expect(await page.text()).not.toContain('Down, and the ledger agrees');
  expect(await page.evaluate(overflow)).toBe(0);
  const shown = decodePng(await page.screenshot());
  expect([brightness(shown.at(4, 4)) > 230, shown.colors() > 100]).toEqual([true, true]);
  fixture.disconnect(1);
  await page.until("document.body.innerText.includes('Down, and the ledger agrees')", 20_000);
});

test.concurrent('without scripts the search finds a user by its client IP, and a state shows its users only', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, { ...PHONE, scripts: false });
  const rows = "[...document.querySelectorAll('details.users tbody tr')].map((row) => row.children[2].innerText)";
  const all = await page.evaluate(rows);
  if (!Array.isArray(all)) throw new Error('the page has no users');
  expect(all.length).toBe(3);
  // The page reloads and takes away what is typed; this one waits for a minute.
  await page.evaluate("document.querySelector('noscript a').click()");
  await page.until("location.search === '?page=1' && document.querySelector('meta[http-equiv=refresh]').content === '60'");
  await page.evaluate(`document.querySelector('#q').value = ${JSON.stringify(all[1])}; document.querySelector('form').submit()`);
  await page.until("location.search.startsWith('?q=') && document.readyState === 'complete'");
  expect(await page.evaluate(rows)).toEqual([all[1]]);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
  await picture(page, 'search-phone');
  fixture.disconnect(2);
  await page.open(`${fixture.url}?state=down`);
  await page.until("document.querySelector('details.users tbody tr') !== null || void location.reload()", 20_000);
  expect(await page.evaluate(rows)).toEqual([all[2]]);
});

test.concurrent('what is typed into the search survives an update of the page', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, DESKTOP);
  await page.evaluate("document.querySelector('#q').value = '10.9'");
  fixture.disconnect(1);
  await page.until("document.querySelector('#users-down .down') !== null", 15_000);
  expect(await page.evaluate("document.querySelector('#q').value")).toBe('10.9');
});

test.concurrent("a tap on a user's key opens its page, as legible", async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  await page.evaluate("document.querySelector('#users-up a').click()");
  await page.until("document.querySelector('.facts') !== null && document.readyState === 'complete'");
  const text = await page.text();
  for (const words of ['The session is up, and the ledger agrees', 'From the switch to the ledger', 'confirmed', '← lo-dz001'])
    expect(text).toContain(words);
  expect([await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([0, [], []]);
  await picture(page, 'user-page-phone');
});

test.concurrent('a browser with the token as Basic password reads the page and its updates', async () => {
  await using fixture = await pageFixture('open sesame');
  const page = await open({ ...fixture, url: fixture.url.replace('//', '//any:open%20sesame@') }, DESKTOP);
  fixture.disconnect(2);
  await page.until("document.querySelector('#users-down .down') !== null", 20_000);
  expect([await page.evaluate("document.querySelector('#stale').hidden"), page.complaints]).toEqual([true, []]);
});

test.concurrent('the page warns when the agent no longer answers', async () => {
  await using fixture = await pageFixture();
  const page = await open(fixture, PHONE);
  await fixture.stopAgent();
  await page.until("document.querySelector('#stale').innerText.includes('does not answer')", 15_000);
  expect(await page.evaluate(overflow)).toBe(0);
});
