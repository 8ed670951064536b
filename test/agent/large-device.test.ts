import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { makeFixture, PATIENTLY, SLOT_MS } from '../support/agent-fixture.ts';

test(
  'rule 19: a write that runs out of heap on a device with many interfaces is sent again with more heap',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished);
    fixture.localnet.ledger.admin.changeDevice(fixture.localnet.device, { interfaces: 130 });
    await systemClock.sleep(3 * SLOT_MS);
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('all users confirmed', () => fixture.eventsOf('landed').length === 4);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expect(fixture.eventsOf('failed', 'rejected', 'halted', 'defect')).toEqual([
      expect.stringMatching(/^failed transaction \w+ ran out of heap$/),
    ]);
  },
);
