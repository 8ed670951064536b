import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { openEndpoints, readNetworkUsers, type SingleEndpoint } from '../../src/rpc/index.ts';
import { calm, DEVICE, key, PROGRAM, slotted, userEntry } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

let fakes: readonly [FakeEndpoint, FakeEndpoint];
let endpoints: readonly SingleEndpoint[];
beforeEach(async () => {
  fakes = [await fakeEndpoint(), await fakeEndpoint()];
  endpoints = openEndpoints({ urls: fakes.map(({ url }) => url), clock: systemClock, timeoutMs: 10_000 });
});
afterEach(async () => {
  await Promise.all([...endpoints, ...fakes].map((part) => part.close()));
  expect(fakes.flatMap(({ unexpected }) => unexpected)).toEqual([]);
});

const read = () => readNetworkUsers({ endpoints, programId: PROGRAM }, calm());
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(JSON.stringify, (error) => error.message.replaceAll(/:\d+/g, ':PORT'));

test('users of a network are read by account type alone', async () => {
  fakes[0].on('getProgramAccounts', slotted(70, [userEntry(11), userEntry(12, { devicePk: key(9), tunnelId: 501 })]));
  const { slot, users } = await read();
  expect([slot, [...users].map(([pubkey, { user }]) => [pubkey, user.devicePk])]).toEqual([
    70n,
    [
      [key(11), DEVICE],
      [key(12), key(9)],
    ],
  ]);
  expect(fakes[0].calls.map(({ params }) => params[1])).toEqual([
    { encoding: 'base64', commitment: 'confirmed', withContext: true, filters: [{ memcmp: { offset: 0, bytes: '8' } }] },
  ]);
  expect(fakes[1].calls).toEqual([]);
});

test('after an answer with one wrong account the next endpoint is asked', async () => {
  fakes[0].on('getProgramAccounts', slotted(70, [userEntry(11), { pubkey: 'nonsense' }]));
  fakes[1].on('getProgramAccounts', slotted(71, [userEntry(11)]));
  expect((await read()).slot).toBe(71n);
});

test('the error names the problem of each endpoint when none can answer', async () => {
  fakes[0].on('getProgramAccounts', { status: 503 });
  fakes[1].on('getProgramAccounts', { result: 'nothing of the kind' });
  expect(await failure(read())).toBe(
    'no ledger endpoint could answer: the ledger endpoint http://127.0.0.1:PORT cannot serve getProgramAccounts: HTTP status 503; ' +
      'malformed response to getProgramAccounts from the ledger endpoint http://127.0.0.1:PORT: no context with a slot',
  );
});

test('each endpoint is asked for its slot', async () => {
  fakes[0].on('getEpochInfo', { result: { absoluteSlot: 77, blockHeight: 70 } });
  fakes[1].on('getEpochInfo', { result: { absoluteSlot: 'late' } });
  const [first, second] = endpoints;
  expect(await first?.probe(calm())).toEqual({ slot: 77n, latencyMs: expect.any(Number) });
  expect(await failure(second?.probe(calm()) ?? Promise.resolve())).toMatch(
    /^malformed response to getEpochInfo from .*: absoluteSlot is a string, not a whole number$/,
  );
});
