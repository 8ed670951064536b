import { describe, expect, test } from 'vitest';
import type { Localnet } from '../../localnet/index.ts';
import type { FaultPatch } from '../../localnet/ledger/index.ts';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type Address, ipv4, lamports } from '../../src/serviceability/index.ts';
import { type AgentBed, HANGING, makeBed, PATIENTLY, SLOT_MS, settledBed, signerNumber } from '../support/agent-bed.ts';

/** What was just changed on the ledger is what everybody sees by then. */
const confirmed = () => systemClock.sleep(3 * SLOT_MS);

/** Nothing was written that is not so, and nothing broke. */
function expectHonest({ told }: AgentBed): void {
  expect(told('defect', 'rejected', 'halted')).toEqual([]);
}

describe.concurrent('a switch that', PATIENTLY, () => {
  const faults: readonly [string, SwitchFault][] = [
    ['refuses connections', { kind: 'refuse' }],
    ['hangs', { kind: 'hang' }],
    ['is too slow', { kind: 'slow', delayMs: 15_000 }],
    ['answers HTML', { kind: 'garbage' }],
    ['is cut off in its answer', { kind: 'cut' }],
    ['answers with wrong types', { kind: 'wrong-types' }],
    ['answers with no VRF at all', { kind: 'empty' }],
    ['answers 503', { kind: 'http-status', status: 503 }],
    ['says that BGP is inactive', { kind: 'command-error', code: 1000, errors: ['BGP inactive'] }],
  ];
  test.for(faults)('%s makes nobody down, is told once, and is read again afterwards', async ([, fault], { onTestFinished }) => {
    const bed = await settledBed(onTestFinished, ['hang', 'slow'].includes(fault.kind) ? HANGING : {});
    const landed = bed.told('landed').length;
    const end = bed.localnet.switchFaults.begin(fault);
    bed.localnet.disconnect(bed.user(2));
    await bed.until('the source lost', () => bed.told('source').length === 1);
    await systemClock.sleep(1_200);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expect(bed.told('landed').length).toBe(landed);
    end();
    await bed.until('the truth after it', () => bed.ledgerSays()[2] === 'down');
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'down', 'up']);
    expect(bed.told('source')).toEqual(['source eapi lost', 'source eapi back']);
    expectHonest(bed);
  });

  test.for([
    ['cannot read one VRF', { kind: 'vrf-failing', vrf: 'vrf2' }],
    ['does not show one VRF', { kind: 'vrf-missing', vrf: 'vrf2' }],
  ] as const)('%s holds the users of that one, and goes on with the others', async ([, fault], { onTestFinished }) => {
    const bed = await settledBed(onTestFinished);
    const end = bed.localnet.switchFaults.begin(fault);
    for (const n of [0, 1]) bed.localnet.disconnect(bed.user(n)); // vrf1, vrf2
    await bed.until('the user of vrf1 down', () => bed.ledgerSays()[0] === 'down');
    await systemClock.sleep(1_000);
    expect(bed.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    end();
    await bed.until('the user of vrf2 down', () => bed.ledgerSays()[1] === 'down');
    expectHonest(bed);
  });

  test('fails on its first source is read by the second, and nobody notices on the ledger', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished, { sources: ['eapi', 'snmp'] });
    bed.localnet.switchFaults.begin({ kind: 'http-status', status: 500 });
    bed.localnet.disconnect(bed.user(1));
    await bed.until('one down', () => bed.ledgerSays()[1] === 'down');
    expect(bed.told('source')).toEqual(['source eapi lost']);
    expect(bed.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectHonest(bed);
  });

  test('reboots makes everybody down once, and up again', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished, { users: 12 });
    bed.localnet.sim.reboot();
    await bed.until('everybody down', () => bed.ledgerSays().every((status) => status === 'down'));
    for (const user of bed.users) bed.localnet.connect(user);
    await bed.until('everybody up', () => bed.ledgerSays().every((status) => status === 'up'));
    expectHonest(bed);
  });
});

describe.concurrent('a ledger that', PATIENTLY, () => {
  const faults: readonly [string, FaultPatch][] = [
    ['resets connections', { rpc: [{ kind: 'reset' }] }],
    ['answers 429', { rpc: [{ kind: 'rate-limited', retryAfterSeconds: 1 }] }],
    ['answers 503', { rpc: [{ kind: 'unavailable' }] }],
    ['hangs', { rpc: [{ kind: 'hang' }] }],
    ['answers HTML', { rpc: [{ kind: 'html' }] }],
    ['is cut off in its answers', { rpc: [{ kind: 'truncate' }] }],
    ['produces no blocks', { frozen: true }],
    ['lags', { lagSlots: 200 }],
    ['has an internal error', { rpc: [{ kind: 'error', code: -32_603, message: 'internal error' }] }],
    [
      'cannot list accounts',
      { rpc: [{ kind: 'error', code: -32_010, message: 'excluded from account secondary indexes', methods: ['getProgramAccounts'] }] },
    ],
  ];
  test.for(faults)('%s loses nothing: what changed meanwhile is right soon after', async ([, fault], { onTestFinished }) => {
    // A view from before the fault is too old to write on by the time that a Down is believed.
    const bed = await settledBed(onTestFinished, {
      timing: { viewMaxAgeMs: 600 },
      policy: { downGraceMs: 700 },
      ...(fault.rpc?.some(({ kind }) => kind === 'hang') ? HANGING : {}),
    });
    bed.localnet.ledger.faults.set(fault);
    bed.localnet.disconnect(bed.user(0));
    bed.localnet.disconnect(bed.user(3));
    await systemClock.sleep(800);
    bed.localnet.connect(bed.user(3));
    await systemClock.sleep(800);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    bed.localnet.ledger.faults.clear();
    await bed.until('the truth after it', () => bed.ledgerSays()[0] === 'down' && bed.ledgerSays()[3] === 'up');
    expect(bed.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    // A fault is told when it comes and when it goes, not at each request.
    expect(bed.told('endpoint', 'ledger view').length).toBeLessThanOrEqual(6);
    expectHonest(bed);
  });

  test.for([
    ['owner', 'wrong-owner', 'LEDGER__DEVICE_WRONG_OWNER'],
    ['type', 'wrong-type', 'LEDGER__NOT_A_DEVICE'],
  ] as const)('answers accounts of another %s is not believed, and is again afterwards', async ([, kind, code], { onTestFinished }) => {
    const bed = await settledBed(onTestFinished);
    bed.localnet.ledger.faults.set({ account: { kind } });
    await bed.until('the halt', () => bed.told('halted').length === 1);
    bed.localnet.disconnect(bed.user(0));
    await systemClock.sleep(1_000);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    bed.localnet.ledger.faults.clear();
    await bed.until('the truth after it', () => bed.ledgerSays()[0] === 'down');
    expect(bed.told('halted', 'rejected', 'defect')).toEqual([`halted ${code}`]);
  });

  test('loses every other transaction still gets every status, each once', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished, { users: 40 });
    bed.localnet.ledger.faults.set({ dropProbability: 0.5, duplicateProbability: 0.3 });
    for (const user of bed.users) bed.localnet.disconnect(user);
    await bed.until('everybody down', () => bed.told('landed').length >= 80);
    expect(bed.ledgerSays()).toEqual(Array(40).fill('down'));
    expect(bed.told('landed').length).toBe(80);
    expectHonest(bed);
  });

  test('forgets blockhashes early gets fresh ones', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished);
    bed.localnet.ledger.faults.set({ blockhashLifetime: 0 });
    bed.localnet.disconnect(bed.user(1));
    await bed.until('an attempt in vain', () => bed.told('failed', 'expired').length >= 1);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    bed.localnet.ledger.faults.set({ blockhashLifetime: 150 });
    await bed.until('one down', () => bed.ledgerSays()[1] === 'down');
    expect(bed.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectHonest(bed);
  });

  test('fails at its first endpoint is reached through the second', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished, { endpoints: 1, ...HANGING });
    bed.localnet.ledger.faults.set({ rpc: [{ kind: 'hang' }] });
    bed.localnet.disconnect(bed.user(1));
    await bed.until('one down', () => bed.ledgerSays()[1] === 'down');
    expect(bed.told('endpoint')).toEqual(['endpoint number 0 lost']);
    expectHonest(bed);
  });
});

describe.concurrent('a key or a device that', PATIENTLY, () => {
  test("is not the device's publisher: said once, nothing written", async ({ onTestFinished }) => {
    const bed = await makeBed(onTestFinished, { signer: signerNumber(8) });
    for (const user of bed.users) bed.localnet.connect(user);
    bed.agent.start();
    await systemClock.sleep(1_500);
    expect(bed.lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH']);
    expect(bed.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('is replaced stops the writing, and writes again once it is named again', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished);
    const { admin } = bed.localnet.ledger;
    admin.changeDevice(bed.localnet.device, { metricsPublisher: signerNumber(8).address });
    await bed.until('the halt', () => bed.told('halted').length === 1);
    bed.localnet.disconnect(bed.user(0));
    await systemClock.sleep(1_000);
    expect(bed.ledgerSays()[0]).toBe('up');
    admin.changeDevice(bed.localnet.device, { metricsPublisher: signerNumber(7).address });
    await bed.until('down at last', () => bed.ledgerSays()[0] === 'down');
    await bed.until('the resumption', () => bed.told('resumed').length === 1);
    expect(bed.told('halted', 'resumed', 'rejected')).toEqual(['halted LEDGER__PUBLISHER_MISMATCH', 'resumed']);
  });

  test.for<readonly [string, string, (localnet: Localnet) => Address]>([
    ['does not exist', 'LEDGER__DEVICE_UNKNOWN', () => signerNumber(9).address],
    [
      'is a user',
      'LEDGER__NOT_A_DEVICE',
      (bed: AgentBed['localnet']) => [...bed.ledger.admin.users().keys()][0] ?? signerNumber(9).address,
    ],
    ['belongs to another program', 'LEDGER__DEVICE_WRONG_OWNER', () => signerNumber(7).address],
  ])('%s: said once, nothing written', async ([, code, device], { onTestFinished }) => {
    const bed = await makeBed(onTestFinished, { device });
    bed.agent.start();
    await systemClock.sleep(1_000);
    expect(bed.told('halted')).toEqual([`halted ${code}`]);
    expect(bed.localnet.ledger.bank.counters.received).toBe(0);
    expect(bed.told('defect')).toEqual([]);
  });

  test('has no money: said once, and writing goes on when it has some', async ({ onTestFinished }) => {
    const bed = await makeBed(onTestFinished);
    const publisher = signerNumber(7).address;
    bed.localnet.ledger.admin.fund(publisher, lamports(0));
    await confirmed();
    for (const user of bed.users) bed.localnet.connect(user);
    bed.agent.start();
    await bed.until('the halt', () => bed.told('halted').length === 1);
    await systemClock.sleep(1_200);
    expect(bed.told('halted')).toEqual(['halted WRITE__NO_FUNDS']);
    bed.localnet.ledger.admin.fund(publisher, lamports(1_000_000_000));
    await bed.until('everybody up', () => bed.told('landed').length === 4);
    expect(bed.told('resumed')).toEqual(['resumed']);
  });
});

describe.concurrent('a user that', PATIENTLY, () => {
  test('is deleted between decision and landing takes nobody else with it', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished, { users: 6 });
    bed.localnet.ledger.faults.set({ delaySlots: 8 });
    for (const n of [1, 2, 4]) bed.localnet.disconnect(bed.user(n));
    await bed.until('a transaction in flight', () => bed.told('sent').some((line) => line.includes('u2 down')));
    bed.localnet.removeUser(bed.user(2));
    bed.localnet.ledger.faults.clear();
    await bed.until('the others down', () => bed.ledgerSays()[1] === 'down' && bed.ledgerSays()[4] === 'down');
    expect(bed.told('rejected').length).toBeLessThanOrEqual(1);
    expect(bed.told('defect', 'halted')).toEqual([]);
  });

  test('the program refuses is told once and left alone, and written at once when its account changes', async ({ onTestFinished }) => {
    const bed = await makeBed(onTestFinished);
    const { admin } = bed.localnet.ledger;
    admin.changeUser(bed.user(1), { dzIp: ipv4('10.0.0.1') });
    await confirmed();
    for (const user of bed.users) bed.localnet.connect(user);
    bed.agent.start();
    await bed.until('the others up', () => [0, 2, 3].every((n) => bed.ledgerSays()[n] === 'up'));
    await systemClock.sleep(800);
    expect(bed.told('rejected')).toEqual(['rejected u1 up: WRITE__USER_REJECTED']);
    admin.changeUser(bed.user(1), { dzIp: ipv4('198.18.0.77') });
    await bed.until('it is up too', () => bed.ledgerSays()[1] === 'up');
  });

  test('shares its tunnel_net with another is held, and so is the other', async ({ onTestFinished }) => {
    const bed = await settledBed(onTestFinished);
    const first = bed.localnet.ledger.admin.user(bed.user(0));
    if (first === undefined) throw new Error('no first user');
    bed.localnet.ledger.admin.changeUser(bed.user(2), { tunnelNet: first.tunnelNet });
    await systemClock.sleep(600);
    bed.localnet.disconnect(bed.user(0));
    await systemClock.sleep(1_000);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expectHonest(bed);
  });
});
