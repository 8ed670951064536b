import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SwitchSource } from '../../src/collector/index.ts';
import type { SnmpUser } from '../../src/collector/snmp/session.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { createTrapTrigger, type TrapTrigger } from '../../src/collector/snmp/traps.ts';
import { isAgentError, seededRandom, systemClock } from '../../src/lib/index.ts';
import { type BgpLab, createBgpLab } from './bgp-lab.ts';

const USER = {
  name: 'telemetry',
  auth: { protocol: 'sha', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
} as const satisfies SnmpUser;
const STRONG = {
  name: 'strong',
  auth: { protocol: 'sha512', password: 'authentic-words-2' },
  priv: { protocol: 'aes', password: 'private-words-2' },
} as const satisfies SnmpUser;

/** Listens in the root namespace, to the lab alone. */
function receiver(credentials: { readonly community: string } | { readonly user: SnmpUser }): TrapTrigger {
  return createTrapTrigger({ name: 'traps', host: '0.0.0.0', port: 0, clock: systemClock, random: seededRandom(1), ...credentials });
}

const receivers = {
  trapOf2c: receiver({ community: 'telemetry' }),
  informOf2c: receiver({ community: 'telemetry' }),
  trapOf3: receiver({ user: USER }),
  informOf3: receiver({ user: USER }),
  foreign: receiver({ community: 'another' }),
};
type ReceiverName = keyof typeof receivers;
const triggers: Record<ReceiverName, number> = { trapOf2c: 0, informOf2c: 0, trapOf3: 0, informOf3: 0, foreign: 0 };

let lab: BgpLab | undefined;
const theLab = (): BgpLab => {
  if (lab === undefined) throw new Error('the lab is not there');
  return lab;
};

beforeAll(async () => {
  for (const [name, wakeUp] of Object.entries(receivers))
    wakeUp.start(() => {
      triggers[name as ReceiverName] += 1;
    }, new AbortController().signal);
  await vi.waitUntil(() => Object.values(receivers).every((wakeUp) => wakeUp.listening() !== undefined));
  const port = (name: ReceiverName): number => receivers[name].listening()?.port ?? 0;
  lab = createBgpLab({
    users: [
      { tunnelId: 500, tunnelNet: '169.254.0.0/31' },
      { tunnelId: 501, tunnelNet: '169.254.0.2/31' },
    ],
    snmpUsers: [
      { ...USER, auth: { ...USER.auth, protocol: 'SHA' }, priv: { ...USER.priv, protocol: 'AES' } },
      { ...STRONG, auth: { ...STRONG.auth, protocol: 'SHA-512' }, priv: { ...STRONG.priv, protocol: 'AES' } },
      { ...USER, name: 'open', auth: { ...USER.auth, protocol: 'SHA' }, priv: { ...USER.priv, protocol: 'AES' }, level: 'noauth' },
    ],
    traps: [
      { port: port('trapOf2c'), version: '2c', kind: 'trap' },
      { port: port('informOf2c'), version: '2c', kind: 'inform' },
      { port: port('trapOf3'), version: '3', kind: 'trap' },
      { port: port('informOf3'), version: '3', kind: 'inform' },
      { port: port('foreign'), version: '2c', kind: 'trap' },
    ],
  });
  await lab.start();
});

afterAll(async () => {
  await lab?.stop();
  for (const wakeUp of Object.values(receivers)) await wakeUp.close();
});

function sourceAs(user: SnmpUser, vrfs: readonly string[] = ['default']): SwitchSource {
  const { host, port } = theLab().snmp;
  return createSnmpSource({ name: 'snmp', host, port, user, vrfs, timeoutMs: 2_000, maxRows: 100, clock: systemClock });
}

async function states(source: SwitchSource): Promise<Record<string, string>> {
  const { vrfs } = await source.collect(AbortSignal.timeout(10_000));
  const reading = vrfs.get('default');
  return reading?.kind === 'collected' ? Object.fromEntries([...reading.neighbors].map(([address, { state }]) => [address, state])) : {};
}

const ESTABLISHED = { '169.254.0.1': 'established', '169.254.0.3': 'established' };

describe('SNMPv3 with a real snmpd', () => {
  test.each([USER, STRONG])('a real snmpd is read as $name, with $auth.protocol and $priv.protocol', async (user) => {
    const source = sourceAs(user);
    await expect.poll(() => states(source).catch(String), { timeout: 20_000 }).toEqual(ESTABLISHED);
    await source.close();
  });

  test.each([
    ['authentication alone', { name: 'open', auth: USER.auth }],
    ['neither authentication nor privacy', { name: 'open' }],
  ] satisfies readonly (readonly [string, SnmpUser])[])('reads with %s where the agent allows it', async (_, user) => {
    const source = sourceAs(user);
    await expect.poll(() => states(source).catch(String), { timeout: 20_000 }).toEqual(ESTABLISHED);
    await source.close();
  });

  test('a real snmpd is read after its restart, with another boot of its engine', async () => {
    const source = sourceAs(USER);
    await expect.poll(() => states(source).catch(String), { timeout: 20_000 }).toEqual(ESTABLISHED);
    await theLab().restartSnmpd();
    await expect.poll(() => states(source).catch(String), { timeout: 40_000 }).toEqual(ESTABLISHED);
    await source.close();
  });

  test.each([
    ['a user that it does not have', { ...USER, name: 'unknown' }, 'SNMP__USER_UNKNOWN'],
    ['a wrong password', { ...USER, auth: { protocol: 'sha', password: 'other-words' } }, 'SNMP__WRONG_PASSWORD'],
    ['another protocol of authentication', { ...USER, auth: { ...USER.auth, protocol: 'sha256' } }, 'SNMP__WRONG_PASSWORD'],
    ['a wrong password of privacy', { ...USER, priv: { protocol: 'aes', password: 'other-words' } }, 'SNMP__WRONG_PRIVACY'],
    ['no privacy', { name: USER.name, auth: USER.auth }, 'SNMP__VIEW_REFUSED'],
  ] satisfies readonly (readonly [string, SnmpUser, string])[])('a real snmpd refuses %s with one line', async (_, user, code) => {
    const source = sourceAs(user);
    const error: unknown = await source.collect(AbortSignal.timeout(10_000)).catch((thrown: unknown) => thrown);
    await source.close();
    expect(isAgentError(error) ? [error.code, error.message.includes('\n')] : error).toEqual([code, false]);
  });

  test('a context that a real snmpd lacks is failed where it is configured', async () => {
    const source = sourceAs(USER, ['default', 'vrf9']);
    const { vrfs } = await source.collect(AbortSignal.timeout(10_000));
    await source.close();
    expect(vrfs.get('default')?.kind).toBe('collected');
    expect(vrfs.get('vrf9')).toMatchObject({ kind: 'failed', source: 'snmp', problem: expect.any(String) });
  });
});

describe('notifications that bgpd sends through snmpd', () => {
  test('notifications of a real snmpd trigger for a lost session and a new one, as traps and informs of both versions', async () => {
    const receivedBy = ['trapOf2c', 'informOf2c', 'trapOf3', 'informOf3'] as const;
    const before = { ...triggers };
    const newTriggers = (): boolean[] => receivedBy.map((name) => triggers[name] > before[name]);
    await theLab().killClient(1);
    await expect.poll(newTriggers, { timeout: 20_000 }).toEqual([true, true, true, true]);
    Object.assign(before, triggers);
    await theLab().restartClient(1);
    await expect.poll(newTriggers, { timeout: 30_000 }).toEqual([true, true, true, true]);
  });

  test('notifications of a real snmpd do not trigger with another community', () => {
    expect([triggers.foreign, receivers.foreign.counts().triggered]).toEqual([0, 0]);
    expect(receivers.foreign.counts().refused).toBeGreaterThan(0);
  });
});
