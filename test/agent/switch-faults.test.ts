import { describe, expect, test } from 'vitest';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { expectNoFailure, HANGING, PATIENTLY, settledFixture } from '../support/agent-fixture.ts';

describe.concurrent('switch faults', PATIENTLY, () => {
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
  test.for(faults)(
    'rule 20: a switch that %s makes no user Down, is reported once, and is read again afterwards',
    async ([, fault], { onTestFinished }) => {
      const fixture = await settledFixture(onTestFinished, ['hang', 'slow'].includes(fault.kind) ? HANGING : {});
      const landed = fixture.eventsOf('landed').length;
      const end = fixture.localnet.switchFaults.begin(fault);
      fixture.localnet.disconnect(fixture.user(2));
      await fixture.until('the source lost', () => fixture.eventsOf('source').length === 1);
      await systemClock.sleep(1_200);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      expect(fixture.eventsOf('landed').length).toBe(landed);
      end();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[2] === 'down');
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'down', 'up']);
      expect(fixture.eventsOf('source')).toEqual(['source eapi lost', 'source eapi back']);
      expectNoFailure(fixture);
    },
  );

  test.for([
    ['cannot read one VRF', { kind: 'vrf-failing', vrf: 'vrf2' }],
    ['does not show one VRF', { kind: 'vrf-missing', vrf: 'vrf2' }],
  ] as const)('rule 3: a switch that %s holds the users of that VRF and goes on with the others', async ([, fault], { onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const end = fixture.localnet.switchFaults.begin(fault);
    for (const n of [0, 1]) fixture.localnet.disconnect(fixture.user(n)); // vrf1, vrf2
    await fixture.until('the user of vrf1 down', () => fixture.ledgerSays()[0] === 'down');
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    end();
    await fixture.until('the user of vrf2 down', () => fixture.ledgerSays()[1] === 'down');
    expectNoFailure(fixture);
  });

  test('a switch that fails on its first source is read by the second', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { sources: ['eapi', 'snmp'] });
    fixture.localnet.switchFaults.begin({ kind: 'http-status', status: 500 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.eventsOf('source')).toEqual(['source eapi lost']);
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectNoFailure(fixture);
  });

  test('a switch that reboots makes all users Down once, and Up again', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 12 });
    fixture.localnet.sim.reboot();
    await fixture.until('all users down', () => fixture.ledgerSays().every((status) => status === 'down'));
    for (const user of fixture.users) fixture.localnet.connect(user);
    await fixture.until('all users up', () => fixture.ledgerSays().every((status) => status === 'up'));
    expectNoFailure(fixture);
  });
});
