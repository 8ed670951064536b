import { afterEach, expect, test } from 'vitest';
import type { SimulatedEapiOptions } from '../../../localnet/switch/index.ts';
import type { EapiCredentials, EapiSourceOptions } from '../../../src/collector/index.ts';
import { type EapiBed, layEapiBed, never, USER } from './fixture.ts';

let fixture: EapiBed;
afterEach(() => fixture.end());

async function with401Face(credentials: EapiCredentials, face: Partial<SimulatedEapiOptions> = {}): Promise<EapiBed> {
  fixture = await layEapiBed({ credentials: USER, ...face }, (): Partial<EapiSourceOptions> => ({ credentials, timeoutMs: 10_000 }));
  return fixture;
}

const SESSION: EapiCredentials = { ...USER, login: 'session' };
const BASIC: EapiCredentials = { ...USER, login: 'basic' };
const WRONG = { username: 'telemetry', password: 'wrong' };

test('a login session is opened once for many polls, over one connection', async () => {
  const { source, face } = await with401Face(SESSION);
  for (let poll = 0; poll < 5; poll += 1) await source.collect(never);
  expect(face.stats()).toMatchObject({ logins: 1, requests: 6, connections: 1 });
});

test('a login session is opened once for polls that begin together', async () => {
  const { source, face } = await with401Face(SESSION);
  await Promise.all([source.collect(never), source.collect(never), source.collect(never)]);
  expect(face.stats()).toMatchObject({ logins: 1, requests: 4 });
});

test('a login session that has expired is opened again, once, without the poll noticing', async () => {
  const { source, face } = await with401Face(SESSION);
  await source.collect(never);
  face.expireSessions();
  await Promise.all([source.collect(never), source.collect(never)]);
  expect(face.stats().logins).toBe(2);
});

test('a login session that cannot be opened ends the poll after one login, and the next poll tries again', async () => {
  const { source, face } = await with401Face({ ...WRONG, login: 'session' });
  const refusal = { code: 'EAPI__UNAUTHORIZED', message: `eAPI at ${fixture.url} refuses user telemetry: HTTP 401` };
  await expect(source.collect(never)).rejects.toMatchObject(refusal);
  expect(face.stats()).toMatchObject({ logins: 1, requests: 1 });
  await expect(source.collect(never)).rejects.toMatchObject(refusal);
  expect(face.stats()).toMatchObject({ logins: 2, requests: 2 });
});

test('a login session that is refused even when it is new ends the poll after one more login', async () => {
  const { source, face } = await with401Face(SESSION, { sessionLifetimeMs: 0 });
  await expect(source.collect(never)).rejects.toMatchObject({ code: 'EAPI__UNAUTHORIZED' });
  expect(face.stats()).toMatchObject({ logins: 2, requests: 4 });
});

test('a login session is ended when the source is closed', async () => {
  const { source, face } = await with401Face(SESSION);
  await source.collect(never);
  await source.close();
  expect({ open: face.openSessions(), logouts: face.stats().logouts }).toEqual({ open: 0, logouts: 1 });
});

test('a login session that was never opened is not ended', async () => {
  const { source, face } = await with401Face(SESSION);
  await source.close();
  expect(face.stats().requests).toBe(0);
});

test('a login session that the switch cannot end does not keep the source from closing', async () => {
  const { source, faults } = await with401Face(SESSION);
  await source.collect(never);
  faults.begin({ kind: 'refuse' });
  await expect(source.close()).resolves.toBeUndefined();
});

test('basic authentication goes with each request, and opens no session', async () => {
  const { source, face } = await with401Face(BASIC);
  await source.collect(never);
  await source.collect(never);
  await source.close();
  expect(face.stats()).toMatchObject({ logins: 0, logouts: 0, requests: 2 });
});

test('basic authentication with a wrong password ends the poll after one request', async () => {
  const { source, face } = await with401Face({ ...WRONG, login: 'basic' });
  await expect(source.collect(never)).rejects.toMatchObject({ code: 'EAPI__UNAUTHORIZED', context: { user: 'telemetry', status: 401 } });
  expect(face.stats().requests).toBe(1);
});

test('basic authentication never shows the password in an error', async () => {
  const { source } = await with401Face({ ...WRONG, login: 'basic' });
  const error = await source.collect(never).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain('wrong');
});

test('without credentials nothing is sent, and the refusal says so', async () => {
  fixture = await layEapiBed({ credentials: USER });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({ message: `eAPI at ${fixture.url} refuses user (none): HTTP 401` });
});

test('a Unix socket asks for no credentials, and is sent none', async () => {
  fixture = await layEapiBed({ credentials: USER }, ({ socketPath }) => ({ endpoint: `unix://${socketPath}`, credentials: SESSION }));
  await expect(fixture.source.collect(never)).resolves.toMatchObject({ vrfs: expect.any(Map) });
  expect(fixture.face.stats().logins).toBe(0);
});
