import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createSession, createV3Session, ObjectType, type Session, Version2c } from 'net-snmp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSimulatedSnmp, type TrapTarget } from '../../../localnet/switch/snmp.ts';
import type { SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import { createSimulatedSwitch, createSwitchFaults } from '../../../localnet/switch/switch.ts';
import type { TriggerState } from '../../../src/collector/index.ts';
import type { SnmpUser } from '../../../src/collector/snmp/session.ts';
import { createTrapTrigger, type TrapTrigger, type TrapTriggerOptions } from '../../../src/collector/snmp/traps.ts';
import { netSnmpUser } from '../../../src/collector/snmp/usm-filter.ts';
import { monotonicMs, seededRandom, systemClock } from '../../../src/lib/index.ts';

const USER: SnmpUser & SimulatedSnmpUser = {
  name: 'telemetry',
  auth: { protocol: 'sha', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
};
const V2C = { community: 'telemetry' };
const V3 = { user: USER };

type Listening = TrapTrigger & { readonly port: number; triggers(): number };

async function listen(
  credentials: typeof V2C | typeof V3,
  extra: Partial<Pick<TrapTriggerOptions, 'from' | 'clock'>> = {},
): Promise<Listening> {
  const options: TrapTriggerOptions = {
    name: 'traps',
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    random: seededRandom(1),
    ...credentials,
    ...extra,
  };
  const receiver = createTrapTrigger(options);
  onTestFinished(() => receiver.close());
  let triggers = 0;
  receiver.start(() => {
    triggers += 1;
  }, new AbortController().signal);
  await expect.poll(() => receiver.listening()).toBeDefined();
  return { ...receiver, port: receiver.listening()?.port ?? 0, triggers: () => triggers };
}

const idle = { triggered: 0, unrelated: 0, wrongSource: 0, malformed: 0, refused: 0, shed: 0 };

async function send(port: number, ...datagrams: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const datagram of datagrams) await new Promise((sent) => socket.send(datagram, port, '127.0.0.1', sent));
  socket.close();
}

/** net-snmp as the sender: an implementation that is not ours. */
function sender(port: number, as: 'v2c' | 'v3', options: { readonly community?: string; readonly user?: SnmpUser } = {}): Session {
  const common = { trapPort: port, port, retries: 0, timeout: 10_000 };
  const session =
    as === 'v2c'
      ? createSession('127.0.0.1', options.community ?? 'telemetry', { ...common, version: Version2c })
      : createV3Session('127.0.0.1', netSnmpUser(options.user ?? USER), common);
  onTestFinished(() => void session.close());
  return session;
}

const STATE = [{ oid: '1.3.6.1.2.1.15.3.1.2.169.254.0.1', type: ObjectType.Integer, value: 3 }];
const inform = (session: Session, oid: string): Promise<Error | null> =>
  new Promise((resolve) => session.inform(oid, STATE, (error) => resolve(error)));
const trap = (session: Session, oid: string): Promise<Error | null> =>
  new Promise((resolve) => session.trap(oid, STATE, (error) => resolve(error)));

describe('the traps of the simulated switch', () => {
  async function prepareSwitch(receiver: Listening, target: Pick<TrapTarget, 'form' | 'version'>) {
    const sim = createSimulatedSwitch({ clock: systemClock });
    const agent = createSimulatedSnmp({ switch: sim, faults: createSwitchFaults(), community: 'telemetry', user: USER });
    await agent.start();
    onTestFinished(() => agent.stop());
    agent.sendTrapsTo({ host: '127.0.0.1', port: receiver.port, ...target });
    return sim;
  }

  test.each([
    { version: '2c', form: 'rfc4273' },
    { version: '2c', form: 'rfc1657' },
    { version: '2c', form: 'arista' },
    { version: '3', form: 'rfc4273' },
    { version: '3', form: 'arista' },
  ] as const)(
    'the traps of the simulated switch over v$version as $form trigger once when a session comes up, once when it is lost, never for another state',
    async (target) => {
      const receiver = await listen(target.version === '3' ? V3 : V2C);
      const sim = await prepareSwitch(receiver, target);
      sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
      sim.establish('vrf1', '169.254.0.1');
      await expect.poll(() => receiver.triggers()).toBe(1);
      sim.drop('vrf1', '169.254.0.1', 'idle');
      await expect.poll(() => receiver.triggers()).toBe(2);
      sim.drop('vrf1', '169.254.0.1', 'active');
      sim.establish('vrf1', '169.254.0.1');
      await expect.poll(() => receiver.triggers()).toBe(3);
      expect(receiver.counts()).toEqual({ ...idle, triggered: 3 });
    },
  );

  test('the traps of the simulated switch of an IPv6 neighbor come in Arista’s form only', async () => {
    const receiver = await listen(V2C);
    const sim = await prepareSwitch(receiver, { form: 'rfc4273', version: '2c' });
    sim.configure({ vrf: 'default', address: '2001:db8::1', remoteAs: 65_000 });
    sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 65_000 });
    sim.establish('default', '2001:db8::1');
    sim.establish('default', '169.254.0.1');
    await expect.poll(() => receiver.triggers()).toBe(1);
    expect(receiver.counts()).toEqual({ ...idle, triggered: 1 });
  });
});

describe('notifications of net-snmp', () => {
  test.each(['v2c', 'v3'] as const)('over %s, a trap of net-snmp triggers, and an inform triggers and is acknowledged', async (version) => {
    const receiver = await listen(version === 'v3' ? V3 : V2C);
    const session = sender(receiver.port, version);
    expect(await trap(session, '1.3.6.1.2.1.15.0.2')).toBeNull();
    expect(await inform(session, '1.3.6.1.4.1.30065.4.1.0.1')).toBeNull();
    await expect.poll(() => receiver.triggers()).toBe(2);
  });

  test('informs that are not of BGP are acknowledged and do not trigger', async () => {
    const receiver = await listen(V2C);
    const session = sender(receiver.port, 'v2c');
    for (const oid of ['1.3.6.1.6.3.1.1.5.3', '1.3.6.1.2.1.15.0.3', '1.3.6.1.2.1.15.0', '1.3.6.1.2.1.15.0.1.0'])
      expect(await inform(session, oid)).toBeNull();
    expect([receiver.triggers(), receiver.counts()]).toEqual([0, { ...idle, unrelated: 4 }]);
  });
});

describe('accepted senders', () => {
  test('an inform with another community neither triggers nor is acknowledged', async () => {
    const receiver = await listen(V2C);
    const session = sender(receiver.port, 'v2c', { community: 'public' });
    await trap(session, '1.3.6.1.2.1.15.0.2');
    await expect.poll(() => receiver.counts()).toEqual({ ...idle, refused: 1 });
    expect(receiver.triggers()).toBe(0);
  });

  test.each([
    ['another user', { ...USER, name: 'another' }],
    ['another password', { ...USER, auth: { protocol: 'sha', password: 'other-words' } }],
    ['another password of privacy', { ...USER, priv: { protocol: 'aes', password: 'other-words' } }],
    ['a user without privacy', { name: USER.name, auth: USER.auth }],
    ['a user without anything', { name: USER.name }],
  ] satisfies readonly (readonly [string, SnmpUser])[])('a notification with %s does not trigger', async (_, user) => {
    const receiver = await listen(V3);
    void inform(sender(receiver.port, 'v3', { user }), '1.3.6.1.2.1.15.0.2');
    await expect.poll(() => receiver.counts().refused).toBeGreaterThan(0);
    expect([receiver.triggers(), receiver.counts().triggered]).toEqual([0, 0]);
  });

  test('a receiver with a user ignores communities, and one with a community ignores users', async () => {
    const [v2c, v3] = [await listen(V2C), await listen(V3)];
    await trap(sender(v3.port, 'v2c'), '1.3.6.1.2.1.15.0.2');
    void inform(sender(v2c.port, 'v3'), '1.3.6.1.2.1.15.0.2');
    await expect.poll(() => v3.counts()).toEqual({ ...idle, malformed: 1 });
    await expect.poll(() => v2c.counts()).toEqual({ ...idle, malformed: 1 });
  });

  test('only allowed addresses trigger where they are configured', async () => {
    const [ours, others] = [await listen(V2C, { from: ['127.0.0.1'] }), await listen(V2C, { from: ['192.0.2.1'] })];
    for (const { port } of [ours, others]) await trap(sender(port, 'v2c'), '1.3.6.1.2.1.15.0.2');
    await expect.poll(() => ours.counts()).toEqual({ ...idle, triggered: 1 });
    await expect.poll(() => others.counts()).toEqual({ ...idle, wrongSource: 1 });
  });
});

describe('the trap receiver', () => {
  test('a trap receiver ignores other datagrams, and receives the next notification', async () => {
    const receiver = await listen(V2C);
    await send(receiver.port, Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(9_000, 0x30));
    await trap(sender(receiver.port, 'v2c'), '1.3.6.1.2.1.15.7.1');
    await expect.poll(() => receiver.counts()).toEqual({ ...idle, malformed: 3, triggered: 1 });
  });

  test('a trap receiver reads 500 a second, and sheds the rest', async () => {
    // Time stands still, so that all of it is one second.
    const clock = { ...systemClock, monotonic: () => monotonicMs(5_000) };
    const receiver = await listen(V2C, { clock });
    for (let part = 1; part <= 6; part += 1) {
      await send(receiver.port, ...Array.from({ length: 100 }, () => Buffer.from('noise')));
      await expect.poll(() => receiver.counts().malformed + receiver.counts().shed).toBe(100 * part);
    }
    expect(receiver.counts()).toEqual({ ...idle, malformed: 500, shed: 100 });
  });

  test('a trap receiver whose port is in use reports that once, listens when the port is free, and triggers for what it missed', async () => {
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    const states: TriggerState[] = [];
    let triggers = 0;
    const hurried = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(10, signal) };
    const receiver = createTrapTrigger({ name: 'traps', host: '127.0.0.1', port, clock: hurried, random: seededRandom(1), ...V2C });
    onTestFinished(() => receiver.close());
    receiver.start(
      () => {
        triggers += 1;
      },
      new AbortController().signal,
      (event) => states.push(event),
    );
    await expect.poll(() => states.length).toBe(1);
    await new Promise((closed) => other.close(() => closed(undefined)));
    await expect.poll(() => states.map(({ state }) => state)).toEqual(['lost', 'back']);
    expect(triggers).toBe(1);
    const [lost] = states;
    expect(lost?.state === 'lost' ? lost.error.message : undefined).toBe(
      `SNMP traps cannot be received at 127.0.0.1:${port}: bind EADDRINUSE 127.0.0.1:${port}`,
    );
  });

  test('a trap receiver closes twice, before it was started and after, and stops with its signal', async () => {
    const never = createTrapTrigger({ name: 'traps', host: '127.0.0.1', port: 0, clock: systemClock, random: seededRandom(1), ...V2C });
    await never.close();
    await never.close();
    const stopping = new AbortController();
    const receiver = createTrapTrigger({ name: 'traps', host: '127.0.0.1', port: 0, clock: systemClock, random: seededRandom(1), ...V3 });
    receiver.start(() => undefined, stopping.signal);
    await expect.poll(() => receiver.listening()).toBeDefined();
    stopping.abort(new Error('the agent stops'));
    await expect.poll(() => receiver.listening()).toBeUndefined();
    await receiver.close();
    await receiver.close();
  });
});
