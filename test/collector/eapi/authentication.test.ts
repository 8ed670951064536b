import { afterEach, expect, test } from 'vitest';
import type { SimulatedEapiOptions } from '../../../localnet/switch/index.ts';
import type { EapiCredentials } from '../../../src/collector/eapi/http.ts';
import type { EapiSourceOptions } from '../../../src/collector/eapi/source.ts';
import { type EapiFixture, never, startEapiFixture, USER } from './fixture.ts';

let fixture: EapiFixture;
afterEach(() => fixture.end());

async function with401Server(credentials: EapiCredentials, server: Partial<SimulatedEapiOptions> = {}): Promise<EapiFixture> {
  fixture = await startEapiFixture(
    { credentials: USER, ...server },
    (): Partial<EapiSourceOptions> => ({ credentials, timeoutMs: 10_000 }),
  );
  return fixture;
}

const SESSION: EapiCredentials = { ...USER, login: 'session' };
const BASIC: EapiCredentials = { ...USER, login: 'basic' };
const WRONG = { username: 'telemetry', password: 'wrong' };

test('a login session is opened once for many polls, over one connection', async () => {
  const { source, server } = await with401Server(SESSION);
  for (let poll = 0; poll < 5; poll += 1) await source.collect(never);
  // The login, five polls, and the reason of the one neighbor that is down.
  expect(server.stats()).toMatchObject({ logins: 1, requests: 7, connections: 1 });
});

test('a login session is opened once for polls that begin together', async () => {
  const { source, server } = await with401Server(SESSION);
  await Promise.all([source.collect(never), source.collect(never), source.collect(never)]);
  // Each of the three asks for the reason of the neighbor that is down.
  expect(server.stats()).toMatchObject({ logins: 1, requests: 7 });
});

test('a login session that has expired is opened again, once, without the poll noticing', async () => {
  const { source, server } = await with401Server(SESSION);
  await source.collect(never);
  server.expireSessions();
  await Promise.all([source.collect(never), source.collect(never)]);
  expect(server.stats().logins).toBe(2);
});

test('a login session that cannot be opened ends the poll after one login, and the next poll tries again', async () => {
  const { source, server } = await with401Server({ ...WRONG, login: 'session' });
  const refusal = { code: 'EAPI__UNAUTHORIZED', message: `eAPI at ${fixture.url} refuses user telemetry: HTTP 401` };
  await expect(source.collect(never)).rejects.toMatchObject(refusal);
  expect(server.stats()).toMatchObject({ logins: 1, requests: 1 });
  await expect(source.collect(never)).rejects.toMatchObject(refusal);
  expect(server.stats()).toMatchObject({ logins: 2, requests: 2 });
});

test('a login session that is refused even when it is new ends the poll after one more login', async () => {
  const { source, server } = await with401Server(SESSION, { sessionLifetimeMs: 0 });
  await expect(source.collect(never)).rejects.toMatchObject({ code: 'EAPI__UNAUTHORIZED' });
  expect(server.stats()).toMatchObject({ logins: 2, requests: 4 });
});

test('a login session is ended when the source is closed', async () => {
  const { source, server } = await with401Server(SESSION);
  await source.collect(never);
  await source.close();
  expect({ open: server.openSessions(), logouts: server.stats().logouts }).toEqual({ open: 0, logouts: 1 });
});

test('a login session that was never opened is not ended', async () => {
  const { source, server } = await with401Server(SESSION);
  await source.close();
  expect(server.stats().requests).toBe(0);
});

test('a login session that the switch cannot end does not keep the source from closing', async () => {
  const { source, faults } = await with401Server(SESSION);
  await source.collect(never);
  faults.begin({ kind: 'refuse' });
  await expect(source.close()).resolves.toBeUndefined();
});

test('basic authentication goes with each request, and opens no session', async () => {
  const { source, server } = await with401Server(BASIC);
  await source.collect(never);
  await source.collect(never);
  await source.close();
  expect(server.stats()).toMatchObject({ logins: 0, logouts: 0, requests: 3 });
});

test('basic authentication with a wrong password ends the poll after one request', async () => {
  const { source, server } = await with401Server({ ...WRONG, login: 'basic' });
  await expect(source.collect(never)).rejects.toMatchObject({ code: 'EAPI__UNAUTHORIZED', context: { user: 'telemetry', status: 401 } });
  expect(server.stats().requests).toBe(1);
});

test('basic authentication never shows the password in an error', async () => {
  const { source } = await with401Server({ ...WRONG, login: 'basic' });
  const error = await source.collect(never).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain('wrong');
});

test('without credentials nothing is sent, and the refusal says so', async () => {
  fixture = await startEapiFixture({ credentials: USER });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({
    message: `eAPI at ${fixture.url} refuses requests without a user: HTTP 401`,
  });
});

test('a Unix socket asks for no credentials, and is sent none', async () => {
  fixture = await startEapiFixture({ credentials: USER }, ({ socketPath }) => ({ endpoint: `unix://${socketPath}`, credentials: SESSION }));
  await expect(fixture.source.collect(never)).resolves.toMatchObject({ vrfs: expect.any(Map) });
  expect(fixture.server.stats().logins).toBe(0);
});
