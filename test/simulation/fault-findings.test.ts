import { describe, expect, test } from 'vitest';
import { FAULT_TABLE } from '../support/fault-table.ts';
import { codesOf, MINUTE_MS, suffer, virtualAgent } from '../support/virtual-agent.ts';

describe('the verdict names each fault of localnet within a minute, and is ok again within a minute of its end', () => {
  test.for(FAULT_TABLE.map((row) => [row.name, row] as const))('fault: %s', async ([, row], { onTestFinished }) => {
    const agent = await virtualAgent(onTestFinished, row.source === undefined ? {} : { source: row.source });
    await agent.pass(MINUTE_MS);
    expect(codesOf(agent.status())).toEqual([]);
    const { named, all, after, ledgerSays } = await suffer(agent, [row]);
    expect(named).toEqual([row.findings.length > 0]);
    if (row.findings.length === 0) expect(all).toEqual([]);
    expect({ after, ledgerSays }).toEqual({ after: [], ledgerSays: 'down' });
  });
});
