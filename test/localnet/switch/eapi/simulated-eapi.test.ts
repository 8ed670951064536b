import { existsSync } from 'node:fs';
import { Client } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createSimulatedEapi,
  createSimulatedSwitch,
  createSwitchFaults,
  type SimulatedEapi,
  type SimulatedSwitch,
} from '../../../../localnet/switch/index.ts';
import { type Clock, epochMs, monotonicMs, systemClock } from '../../../../src/lib/index.ts';

const USER = { username: 'admin', password: 'only-for-this-test' };
const BASIC = { authorization: `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}` };
const START = 1_790_000_000_000;

/** A clock that stands still. */
const stopped: Clock = { monotonic: () => monotonicMs(0), wall: () => epochMs(START), sleep: systemClock.sleep };

let sim: SimulatedSwitch;
let face: SimulatedEapi;
let url: string;
let socketPath: string;
const faults = createSwitchFaults();

beforeEach(async () => {
  sim = createSimulatedSwitch({ clock: stopped, hostname: 'chi-dz1' });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000, description: 'USER-500', rttUs: 4_287 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000 });
  sim.establish('vrf1', '169.254.0.1');
  face = createSimulatedEapi({ switch: sim, faults, credentials: USER, eosQuirks: { jitter: false } });
  ({ url, socketPath } = await face.start());
});
afterEach(async () => {
  faults.clear();
  await face.stop();
});

/** Posts to the face as curl would. */
async function post(path: string, body: string, headers: Record<string, string> = BASIC): Promise<Response> {
  return fetch(`${url}${path}`, { method: 'POST', body, headers });
}

async function runCmds(cmds: readonly unknown[], params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const request = { jsonrpc: '2.0', method: 'runCmds', id: 'test', params: { version: 1, cmds, ...params } };
  return (await post('/command-api', JSON.stringify(request))).json();
}

describe('simulated eAPI', () => {
  test('the eAPI of the simulated switch answers the summary as EOS does', async () => {
    const head = { routerId: expect.stringMatching(/^100\.0\.0\.\d+$/), asn: '65342' };
    const counters = { version: 4, inMsgQueue: 0, outMsgQueue: 0, msgReceived: expect.any(Number), msgSent: expect.any(Number) };
    expect(await runCmds(['show ip bgp summary vrf all'], { timestamps: true })).toEqual({
      jsonrpc: '2.0',
      id: 'test',
      result: [
        {
          vrfs: {
            default: { ...head, vrf: 'default', peers: {} },
            vrf1: {
              ...head,
              vrf: 'vrf1',
              peers: {
                '169.254.0.1': {
                  ...counters,
                  description: 'USER-500',
                  asn: '65000',
                  prefixAccepted: 1,
                  prefixReceived: 1,
                  prefixAdvertised: 180,
                  upDownTime: 1_790_000_000.000_273,
                  underMaintenance: false,
                  peerState: 'Established',
                },
                '169.254.0.3': {
                  ...counters,
                  asn: '65000',
                  prefixAccepted: 0,
                  prefixReceived: 0,
                  prefixAdvertised: 0,
                  upDownTime: 1_790_000_000.000_273,
                  underMaintenance: false,
                  peerState: 'Active',
                },
              },
            },
          },
          _meta: { execStartTime: START / 1_000, execDuration: expect.any(Number) },
        },
      ],
    });
  });

  test('the eAPI of the simulated switch answers one VRF, the default one when none is named, and not one that it does not have', async () => {
    expect(await runCmds(['show ip bgp summary'])).toHaveProperty('result.0.vrfs.default');
    expect(await runCmds(['show ip bgp summary vrf vrf1'])).not.toHaveProperty('result.0.vrfs.default');
    expect(await runCmds(['show ip bgp summary vrf vrf9'])).toMatchObject({
      error: { code: 1000, data: [{ errors: ["VRF 'vrf9' is not active"] }] },
    });
  });

  test('the eAPI of the simulated switch answers the detail of a neighbor with its TCP session, a few kilobytes of it', async () => {
    const answer = await runCmds(['show ip bgp neighbors 169.254.0.1 vrf vrf1']);
    expect(answer).toMatchObject({
      result: [{ vrfs: { vrf1: { peerList: [{ peerAddress: '169.254.0.1', state: 'Established', peerTcpInfo: { sndRtt: 4_287 } }] } } }],
    });
    expect(JSON.stringify(answer).length).toBeGreaterThan(2_500);
    expect(await runCmds(['show ip bgp neighbors 169.254.0.3 vrf vrf1'])).not.toHaveProperty('result.0.vrfs.vrf1.peerList.0.peerTcpInfo');
    expect(await runCmds(['show ip bgp neighbors 169.254.0.9 vrf vrf1'])).toHaveProperty('result.0.vrfs.vrf1.peerList', []);
  });

  test('the eAPI of the simulated switch answers about itself', async () => {
    expect(await runCmds(['show version', 'show hostname', 'show vrf', 'show clock', 'enable'])).toMatchObject({
      result: [
        { modelName: 'cEOSLab', bootupTimestamp: START / 1_000, uptime: 0 },
        { hostname: 'chi-dz1', fqdn: 'chi-dz1' },
        { vrfs: { default: { vrfState: 'up' }, vrf1: { vrfState: 'up' } } },
        { utcTime: START / 1_000, localTime: { year: 2026, month: 9, dayOfMonth: 21 } },
        {},
      ],
    });
  });

  test('the eAPI of the simulated switch answers in text when asked to', async () => {
    const answer = await runCmds(['show ip bgp summary vrf vrf1'], { format: 'text' });
    expect(answer).toHaveProperty(
      'result.0.output',
      expect.stringMatching(/VRF vrf1\n.*AS number 65342\n.*\n {2}169\.254\.0\.1 .* Estab\n/),
    );
  });

  test('the eAPI of the simulated switch stops at the command that fails, and gives what came before it', async () => {
    expect(await runCmds(['show hostname', { cmd: 'bad command' }, 'show version'])).toEqual({
      jsonrpc: '2.0',
      id: 'test',
      error: {
        code: 1002,
        message: "CLI command 2 of 3 'bad command' failed: invalid command",
        data: [{ hostname: 'chi-dz1', fqdn: 'chi-dz1' }, { errors: ["Invalid input (at token 0: 'bad')"] }],
      },
    });
  });

  test('the eAPI of the simulated switch goes on behind the command that fails when asked to', async () => {
    const answer = await runCmds(['bad', 'show hostname'], { stopOnError: false });
    expect(answer).toMatchObject({ error: { code: 1002, data: [{ errors: [expect.any(String)] }, { hostname: 'chi-dz1' }] } });
  });

  test.each([
    ['show tech-support', 1003],
    [{ cmd: 'show version', revision: 9 }, 1004],
    ['configure', 1005],
  ])('the eAPI of the simulated switch refuses %j with code %d', async (command, code) => {
    expect(await runCmds([command])).toHaveProperty('error.code', code);
  });

  test.each([
    ['{', -32_700, 'Parse error'],
    ['[]', -32_600, 'Invalid request'],
    ['{"jsonrpc":"2.0","method":"runCommands","id":1}', -32_601, 'Method not found'],
    [
      '{"jsonrpc":"2.0","method":"runCmds","id":1,"params":{"cmds":["show vrf"],"fast":true}}',
      -32_602,
      "runCmds() got an unexpected keyword argument 'fast'",
    ],
    ['{"jsonrpc":"2.0","method":"runCmds","id":1,"params":{"cmds":[7]}}', -32_602, 'a command must be text or have cmd'],
  ])('the eAPI of the simulated switch refuses the request %s', async (body, code, message) => {
    expect(await (await post('/command-api', body)).json()).toMatchObject({ error: { code, message, data: [] } });
  });
});

describe('authentication', () => {
  const REQUEST = JSON.stringify({ jsonrpc: '2.0', method: 'runCmds', id: 1, params: { version: 1, cmds: ['show hostname'] } });

  test('over TCP a client needs the password, or the cookie of a login until it expires', async () => {
    expect((await post('/command-api', REQUEST, {})).status).toBe(401);
    expect((await post('/command-api', REQUEST, { authorization: 'Basic eDp5' })).status).toBe(401);
    expect((await post('/command-api', REQUEST)).status).toBe(200);
    const login = await post('/login', JSON.stringify(USER), {});
    const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    expect([login.status, cookie]).toEqual([200, expect.stringMatching(/^Session=./)]);
    expect((await post('/command-api', REQUEST, { cookie })).status).toBe(200);
    face.expireSessions();
    expect((await post('/command-api', REQUEST, { cookie })).status).toBe(401);
  });

  test('a wrong login and an ended session are rejected', async () => {
    expect((await post('/login', JSON.stringify({ ...USER, password: 'x' }), {})).status).toBe(401);
    expect((await post('/login', 'not json', {})).status).toBe(401);
    const cookie = (await post('/login', JSON.stringify(USER), {})).headers.get('set-cookie')?.split(';')[0] ?? '';
    await post('/logout', '{}', { cookie });
    expect([(await post('/command-api', REQUEST, { cookie })).status, face.openSessions()]).toEqual([401, 0]);
  });

  test('the Unix socket needs no authentication', async () => {
    const client = new Client('http://localhost', { socketPath });
    const { statusCode, body } = await client.request({ path: '/command-api', method: 'POST', body: REQUEST });
    expect([statusCode, await body.json()]).toMatchObject([200, { result: [{ hostname: 'chi-dz1' }] }]);
    await client.close();
  });

  test('HEAD shows whether eAPI is enabled', async () => {
    expect((await fetch(`${url}/command-api`, { method: 'HEAD', headers: BASIC })).status).toBe(200);
    expect((await fetch(`${url}/command-api`, { method: 'HEAD' })).status).toBe(401);
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${url}/command-api`, { headers: BASIC })).status).toBe(405);
  });
});

describe('start and stop', () => {
  test('the simulated eAPI counts requests', async () => {
    await runCmds(['show hostname', 'show hostname']);
    expect(face.stats()).toMatchObject({ requests: 1, logins: 0, commands: { 'show hostname': 2 } });
    expect(face.stats().bytesOut).toBeGreaterThan(50);
    face.resetStats();
    expect(face.stats()).toEqual({ requests: 0, logins: 0, logouts: 0, connections: 0, bytesIn: 0, bytesOut: 0, commands: {} });
  });

  test('start and stop can be repeated, and nothing is left behind', async () => {
    expect(await face.start()).toEqual({ url, socketPath });
    expect(existsSync(socketPath)).toBe(true);
    await face.stop();
    await face.stop();
    expect(existsSync(socketPath)).toBe(false);
    const again = await face.start();
    expect((await fetch(`${again.url}/command-api`, { method: 'HEAD', headers: BASIC })).status).toBe(200);
  });

  test('the simulated eAPI stops while a client waits for a slow response', async () => {
    faults.begin({ kind: 'slow', delayMs: 60_000 });
    const waiting = runCmds(['show hostname']).catch((error: unknown) => error);
    await expect.poll(() => face.stats().requests).toBe(1);
    await face.stop();
    expect(await waiting).toBeInstanceOf(Error);
  });
});
