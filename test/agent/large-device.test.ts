import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { makeBed, PATIENTLY, SLOT_MS } from '../support/agent-bed.ts';

test(
  'a device with so many interfaces that a write runs out of heap is written all the same, with more heap',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const bed = await makeBed(onTestFinished);
    bed.localnet.ledger.admin.changeDevice(bed.localnet.device, { interfaces: 80 });
    await systemClock.sleep(3 * SLOT_MS);
    for (const user of bed.users) bed.localnet.connect(user);
    bed.agent.start();
    await bed.until('everybody landed', () => bed.told('landed').length === 4);
    expect(bed.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expect(bed.told('failed', 'rejected', 'halted', 'defect')).toEqual([expect.stringMatching(/^failed transaction \w+ ran out of heap$/)]);
  },
);
