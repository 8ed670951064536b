import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createV3Session } from 'net-snmp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSimulatedSnmp, encodeAnswer, pduOf } from '../../../localnet/switch/snmp.ts';
import { TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import { decodeV3, encodeV3, type SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import { createSimulatedSwitch, createSwitchFaults } from '../../../localnet/switch/switch.ts';
import type { NeighborSnapshot } from '../../../src/bgp/index.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import type { SnmpUser } from '../../../src/collector/snmp/session.ts';
import { createSnmpSource } from '../../../src/collector/snmp/source.ts';
import { netSnmpUser } from '../../../src/collector/snmp/usm-filter.ts';
import { type Clock, epochMs, isAgentError, systemClock } from '../../../src/lib/index.ts';

const signal = new AbortController().signal;

const USER: SnmpUser & SimulatedSnmpUser = {
  name: 'telemetry',
  auth: { protocol: 'sha', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
};

interface Laid {
  readonly sim: ReturnType<typeof createSimulatedSwitch>;
  readonly port: number;
  pass(ms: number): void;
}

/** A simulated agent with this user: VRF `default` with one session that waits, `vrf1` with one that is up. */
async function prepareAgent(user: SimulatedSnmpUser = USER): Promise<Laid> {
  let ahead = 0;
  const clock: Clock = { ...systemClock, wall: () => epochMs(systemClock.wall() + ahead) };
  const sim = createSimulatedSwitch({ clock });
  sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 65_000 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000, description: 'USER-501' });
  sim.establish('vrf1', '169.254.0.3');
  const agent = createSimulatedSnmp({ switch: sim, faults: createSwitchFaults(), community: 'unused', user });
  const { port } = await agent.start();
  onTestFinished(() => agent.stop());
  return {
    sim,
    port,
    pass(ms) {
      ahead += ms;
    },
  };
}

function sourceAs(
  user: SnmpUser,
  port: number,
  options: { readonly vrfs?: readonly string[]; readonly timeoutMs?: number; readonly mib?: 'bgp4' } = {},
): SwitchSource {
  const source = createSnmpSource({
    name: 'snmp',
    host: '127.0.0.1',
    port,
    user,
    vrfs: ['default', 'vrf1'],
    timeoutMs: 2_000,
    maxRows: 100,
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => source.close());
  return source;
}

const statesOf = ({ vrfs }: NeighborSnapshot): Record<string, string> =>
  Object.fromEntries(
    [...vrfs].map(([vrf, reading]) => [
      vrf,
      reading.kind === 'failed'
        ? reading.problem
        : [...reading.neighbors.values()].map(({ address, state }) => `${address} ${state}`).join(),
    ]),
  );
const TRUTH = { default: '169.254.0.1 active', vrf1: '169.254.0.3 established' };

test.each([
  ['md5', 'aes'],
  ['sha', 'aes'],
  ['sha', 'aes256b'],
  ['sha', 'aes256r'],
  ['md5', 'aes256b'],
  ['sha224', 'aes256r'],
  ['sha256', 'aes256b'],
  ['sha384', 'aes'],
  ['sha512', 'aes256r'],
] as const)('reads each VRF in its context, with %s and %s', async (auth, priv) => {
  const user = { ...USER, auth: { ...USER.auth, protocol: auth }, priv: { ...USER.priv, protocol: priv } };
  const { port } = await prepareAgent(user);
  expect(statesOf(await sourceAs(user, port).collect(signal))).toEqual(TRUTH);
});

describe('a restart', () => {
  test('an agent that restarts between two polls is read with its new boots', async () => {
    const { sim, port, pass } = await prepareAgent();
    const source = sourceAs(USER, port);
    pass(86_400_000);
    expect(statesOf(await source.collect(signal))).toEqual(TRUTH);
    sim.reboot();
    sim.establish('vrf1', '169.254.0.3');
    expect(statesOf(await source.collect(signal))).toEqual(TRUTH);
    pass(3_600_000);
    expect(statesOf(await source.collect(signal))).toEqual(TRUTH);
  });
});

describe('a refused user', () => {
  const refusalOf = async (user: SnmpUser): Promise<string> => {
    const { port } = await prepareAgent();
    const error: unknown = await sourceAs(user, port)
      .collect(signal)
      .catch((thrown: unknown) => thrown);
    return isAgentError(error) ? `${error.code}: ${error.message.replace(String(port), 'PORT')}` : String(error);
  };

  test('a refused user is one line: unknown, wrong password, other protocol, privacy, level', async () => {
    expect(await refusalOf({ ...USER, name: 'unknown' })).toBe('SNMP__USER_UNKNOWN: the SNMP agent at 127.0.0.1:PORT has no user unknown');
    const wrongPassword = 'SNMP__WRONG_PASSWORD: the SNMP agent at 127.0.0.1:PORT refuses the authentication of user telemetry';
    expect(await refusalOf({ ...USER, auth: { protocol: 'sha', password: 'other-words' } })).toBe(wrongPassword);
    expect(await refusalOf({ ...USER, auth: { ...USER.auth, protocol: 'md5' } })).toBe(wrongPassword);
    expect(await refusalOf({ ...USER, priv: { protocol: 'aes', password: 'other-words' } })).toBe(
      'SNMP__WRONG_PRIVACY: the SNMP agent at 127.0.0.1:PORT and user telemetry cannot decrypt each other: it announces its engine, and answers no request',
    );
    expect(await refusalOf({ name: USER.name, auth: USER.auth })).toBe(
      'SNMP__LEVEL_REFUSED: the SNMP agent at 127.0.0.1:PORT refuses this security level to user telemetry',
    );
  });

  test('an error about a user never shows a password', async () => {
    const { port } = await prepareAgent();
    const error: unknown = await sourceAs({ ...USER, auth: { protocol: 'sha', password: 'other-words' } }, port)
      .collect(signal)
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)).includes('words')).toBe(false);
  });

  test('a context that the agent lacks is failed where it is configured', async () => {
    const { port } = await prepareAgent();
    expect(statesOf(await sourceAs(USER, port, { vrfs: ['default', 'vrf9'] }).collect(signal))).toEqual({
      default: TRUTH.default,
      vrf9: 'the agent refuses this context',
    });
  });

  test.each([
    [{ ...USER, name: '' }, 'a name has 1 to 32 octets'],
    [{ ...USER, auth: { protocol: 'sha', password: 'short' } }, 'the authentication password has fewer than 8 characters'],
    [{ ...USER, priv: { protocol: 'aes', password: 'short' } }, 'the privacy password has fewer than 8 characters'],
    [{ name: 'telemetry', priv: USER.priv }, 'privacy needs authentication'],
    [{ ...USER, priv: { protocol: 'des', password: 'private-words' } }, 'the OpenSSL of this Node.js has no DES; use aes'],
  ] satisfies readonly (readonly [SnmpUser, string])[])('a user that no agent could accept is refused at once', (user, problem) => {
    expect(() => sourceAs(user, 161)).toThrow(`SNMPv3 user ${user.name} cannot be used: ${problem}`);
  });
});

describe('forged answers', () => {
  /** Stands between the source and the agent, and changes what the agent says. */
  async function prepareMiddleman(port: number, change: (answer: Buffer, count: number) => readonly Buffer[]): Promise<number> {
    const inside = createSocket('udp4');
    const outside = createSocket('udp4');
    let count = 0;
    let asker = 0;
    outside.on('message', (request, from) => {
      asker = from.port;
      inside.send(request, port, '127.0.0.1');
    });
    inside.on('message', (answer) => {
      count += 1;
      for (const datagram of change(answer, count)) outside.send(datagram, asker, '127.0.0.1');
    });
    for (const socket of [inside, outside]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      onTestFinished(() => void socket.close());
    }
    return outside.address().port;
  }

  test('answers that are neither encrypted nor authentic are ignored, which net-snmp alone would accept', async () => {
    const { port } = await prepareAgent();
    const through = await prepareMiddleman(port, (answer, count) => (count === 1 ? [answer] : [forged(answer), answer]));
    expect(await askedByNetSnmp(through)).toEqual([6]);

    const another = await prepareMiddleman(port, (answer, count) => (count === 1 ? [answer] : [forged(answer), answer]));
    const source = sourceAs(USER, another, { vrfs: ['default'], mib: 'bgp4' });
    expect(statesOf(await source.collect(signal))).toEqual({ default: TRUTH.default });
    expect(source.dropCounters?.().malformed).toBeGreaterThan(0);
  });

  test('answers with a single flipped bit are ignored', async () => {
    const { port } = await prepareAgent();
    // The discovery passes; of every later answer one octet of the encrypted part is another.
    const through = await prepareMiddleman(port, (answer, count) => {
      const turned = Buffer.from(answer);
      const at = turned.length - 20;
      turned[at] = (turned[at] ?? 0) ^ 1;
      return [count === 1 ? answer : turned];
    });
    await expect(sourceAs(USER, through, { vrfs: ['default'], timeoutMs: 1_000 }).collect(signal)).rejects.toMatchObject({
      code: expect.stringMatching(/^SNMP__WRONG_/),
    });
  });
});

const STATE = [1, 3, 6, 1, 2, 1, 15, 3, 1, 2, 169, 254, 0, 1];

/** An answer to the same message, without any security, in which the session is up. */
function forged(answer: Buffer): Buffer {
  const { messageId, engineId, at, userName } = decodeV3(answer);
  const request = { kind: 'get', community: '', requestId: 1, oids: [], nonRepeaters: 0, maxRepetitions: 0 } as const;
  const up = [2, 9, 15, 16].map((column) => ({ oid: STATE.with(9, column), type: column < 15 ? TYPE.integer : TYPE.gauge32, value: 6 }));
  const pdu = pduOf(encodeAnswer(request, up));
  return encodeV3({ messageId, engineId, at, userName, security: { level: 'noAuthNoPriv' }, context: '', pdu });
}

/** The library as it comes. */
async function askedByNetSnmp(port: number): Promise<unknown> {
  const session = createV3Session('127.0.0.1', netSnmpUser(USER), { port, retries: 0, timeout: 10_000 });
  onTestFinished(() => void session.close());
  const columns = [2, 9, 15, 16].map((column) => STATE.with(9, column).join('.'));
  return new Promise((resolve) =>
    session.get(columns, (error, varbinds) => resolve(error ?? varbinds?.slice(0, 1).map(({ value }) => value))),
  );
}
