import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/lib/index.ts';
import { FAULT_TABLE, type FaultCase } from '../support/fault-table.ts';
import { suffer, virtualAgent } from '../support/virtual-agent.ts';

const PAIRS = 60 * Number(process.env.DZD_FUZZ_SCALE ?? 1);
const random = seededRandom(20_261_130);
const harmful = FAULT_TABLE.filter(({ findings }) => findings.length > 0);
const all = harmful.flatMap((first, n) => harmful.slice(n + 1).map((second) => [first, second] as const));
const chosen = all
  .map((pair) => ({ pair, order: random() }))
  .sort((a, b) => a.order - b.order)
  .slice(0, PAIRS);

/** Whether the two do not hide each other: one is the switch's, and the other is found without a user that is seen to leave. */
const areApart = (faults: readonly FaultCase[]): boolean =>
  faults.some(({ name }) => name.startsWith('switch')) &&
  faults.some(({ name, findings }) => name.startsWith('ledger') && !findings.includes('writes-not-landing'));

/**
 * Every `of`th pair from the `part`th on. Each part is a file, since it waits for most of its time, and a process has one virtual agent at a time:
 * work of others would look like a request that hangs.
 */
export function describeFaultPairs(part: number, of: number): void {
  describe('the verdict names faults of localnet in pairs, and is ok again within a minute of their end', () => {
    test.for(chosen.filter((_, n) => n % of === part - 1).map(({ pair }) => [pair.map(({ name }) => name).join(' and '), pair] as const))(
      'faults: %s',
      // On a busy machine, an answer that comes late looks like one that never comes.
      { retry: 2 },
      async ([, pair], { onTestFinished }) => {
        const source = pair.find((row) => row.source !== undefined)?.source;
        const agent = await virtualAgent(onTestFinished, source === undefined ? {} : { source });
        const { named, after, ledgerSays } = await suffer(agent, pair);
        expect(named.filter(Boolean).length).toBeGreaterThanOrEqual(areApart(pair) ? 2 : 1);
        expect({ after, ledgerSays }).toEqual({ after: [], ledgerSays: 'down' });
      },
    );
  });
}
