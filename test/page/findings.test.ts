import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStatusServer, statusPage, userPage } from '../../src/observability/http/index.ts';
import type { AgentStatus, UserReport, Verdict } from '../../src/observability/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { FINDING_CASES } from '../support/finding-cases.ts';
import { agentStatus, NOW, userReport } from '../support/status-builders.ts';
import { type Browser, type Page, startBrowser } from './browser.ts';
import { TOO_FAINT } from './contrast.ts';
import { overflow, picture } from './picture.ts';

const VIEWS = [
  { name: 'desktop-light', width: 1280, height: 900, scheme: 'light', scripts: true },
  { name: 'desktop-dark', width: 1280, height: 900, scheme: 'dark', scripts: true },
  { name: 'phone-light', width: 360, height: 740, scheme: 'light', scripts: true },
  { name: 'phone-dark', width: 360, height: 740, scheme: 'dark', scripts: true },
] as const;

/** Backgrounds of the box, as the style has them. */
const BOX: Readonly<Record<Verdict, Readonly<Record<'light' | 'dark', readonly number[]>>>> = {
  ok: { light: [0xe3, 0xf4, 0xea], dark: [0x10, 0x29, 0x1d] },
  warning: { light: [0xfd, 0xf1, 0xd8], dark: [0x2e, 0x24, 0x10] },
  critical: { light: [0xfc, 0xe4, 0xe2], dark: [0x36, 0x16, 0x13] },
};
const SIGNS: Readonly<Record<Verdict, string>> = { ok: '✓', warning: '!', critical: '✗' };

let browser: Browser;
let url: string;
let stop: () => Promise<void>;
let shown: AgentStatus = agentStatus();
let pages: readonly Page[];

beforeAll(async () => {
  browser = await startBrowser();
  const server = createStatusServer({
    host: '127.0.0.1',
    port: 0,
    board: { read: () => shown, readWithoutUsers: () => shown },
    metrics: { text: async () => '', contentType: 'text/plain' },
    page: statusPage,
    userPage,
    staleAfterMs: 30_000,
  });
  url = `http://127.0.0.1:${await server.start()}`;
  stop = () => server.stop();
  pages = await Promise.all(VIEWS.map((view) => browser.page(view)));
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await stop?.();
});

test.for(FINDING_CASES)('the page shows the findings of %s, light and dark, on a desktop and on a phone', async ([name, changes]) => {
  shown = agentStatus(changes);
  const { verdict, findings } = shown;
  for (const [index, view] of VIEWS.entries()) {
    const page = pages[index];
    if (page === undefined) throw new Error('no page');
    await page.open(`${url}/status`);
    const box = String(await page.evaluate("document.querySelector('#verdict').innerText"));
    // Exactly the findings: each with its sentence, its remedy, since when, and its runbook; nothing else.
    for (const { text, remedy, since, code } of findings) {
      for (const words of [
        text,
        `What to do: ${remedy.replaceAll('`', '')}`,
        `${new Date(since).toISOString().slice(11, 19)} UTC (${code})`,
      ])
        expect(box).toContain(words);
    }
    expect(await page.evaluate('[...document.querySelectorAll(\'#verdict a[href^="/runbooks/"]\')].map((link) => link.pathname)')).toEqual(
      findings.map(({ runbook }) => `/runbooks/${runbook}`),
    );
    expect(String(await page.evaluate('document.title')).slice(0, 1)).toBe(SIGNS[verdict]);
    const [left, top] = await corner(page);
    const file = await picture(page, `${view.name}-${name.replaceAll(/\W+/g, '-')}`);
    expect({ view: view.name, box: file.at(left + 12, top + 4) }).toEqual({ view: view.name, box: BOX[verdict][view.scheme] });
    expect([file.width, await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([view.width, 0, [], []]);
  }
});

const NEUTRAL = { light: [0xff, 0xff, 0xff], dark: [0x17, 0x1b, 0x20] };
const down = { observation: 'down', ledger: { ...userReport(0).ledger, status: 'down', rttNs: 0n } } as const;

test.for<[string, Partial<UserReport>, typeof NEUTRAL | (typeof BOX)[Verdict]]>([
  ['up on both sides', {}, BOX.ok],
  ['down on both sides', down, BOX.warning],
  ['unobserved', { observation: 'unobserved', because: 'vrf-not-collected', neighbor: null }, BOX.warning],
  ['rejected by the program', { parked: 'NotAllowed', parkedSince: NOW }, BOX.critical],
  ['banned', { ...down, observation: 'unobserved', because: 'tunnel-net-invalid', neighbor: null, accountStatus: 'banned' }, NEUTRAL],
])('the page of a user that is %s has its color, light and dark, on a desktop and on a phone', async ([name, changes, colors]) => {
  const lastWrite = { to: 'up', reason: 'change', signature: 'S'.repeat(88), slot: slot(7), at: NOW - 60_000, latencyMs: 900 };
  shown = agentStatus({ users: [userReport(0, { lastWrite, ...changes }), userReport(1), userReport(2)] });
  for (const [index, view] of VIEWS.entries()) {
    const page = pages[index];
    if (page === undefined) throw new Error('no page');
    await page.open(`${url}/status/users/${userReport(0).user}`);
    const file = await picture(page, `${view.name}-user-${name.replaceAll(/\W+/g, '-')}`);
    const [left, top] = await corner(page);
    expect({ view: view.name, box: file.at(left + 12, top + 4) }).toEqual({ view: view.name, box: colors[view.scheme] });
    expect([file.width, await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([view.width, 0, [], []]);
  }
});

test('the runbook of a finding opens from the page, legible, light and dark, on a desktop and on a phone', async () => {
  shown = agentStatus({
    writesStalled: { code: 'WRITE__NOT_LANDING', since: NOW, message: 'rate limit exceeded', remedy: 'add an endpoint' },
  });
  for (const [index, view] of VIEWS.entries()) {
    const page = pages[index];
    if (page === undefined) throw new Error('no page');
    await page.open(`${url}/status`);
    await page.evaluate("document.querySelector('#verdict a').click()");
    await page.until("document.querySelector('h1')?.innerText === 'DzdWritesNotLanding' && document.readyState === 'complete'");
    const file = await picture(page, `${view.name}-runbook`);
    expect([file.width, await page.evaluate(overflow), await page.evaluate(TOO_FAINT), page.complaints]).toEqual([view.width, 0, [], []]);
  }
});

/** Of the box, from the corner of the page. */
async function corner(page: Page): Promise<readonly [left: number, top: number]> {
  const at = await page.evaluate(
    "(({ left, top }) => [left + scrollX, top + scrollY])(document.querySelector('#verdict').getBoundingClientRect())",
  );
  if (!Array.isArray(at)) throw new Error('the page has no box');
  return [Math.round(Number(at[0])), Math.round(Number(at[1]))];
}
