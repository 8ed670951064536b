import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerTo, encodeAnswer } from '../../../localnet/switch/snmp.ts';
import type { MibObject } from '../../../localnet/switch/snmp-mibs.ts';
import { decodeResponse } from '../../../src/collector/snmp/message.ts';
import { BGP4_MIB } from '../../../src/collector/snmp/mibs.ts';
import type { SnmpSession } from '../../../src/collector/snmp/session.ts';
import { walkPeerTable } from '../../../src/collector/snmp/walk.ts';
import { epochMs } from '../../../src/lib/index.ts';
import { type Cells, peerTable } from './scripted-agent.ts';

const signal = new AbortController().signal;

/** A session with an agent that ends each answer after as many values as `lengths` says in turn, though never before one of each column. */
function sessionWith(objects: readonly MibObject[], lengths: readonly number[]): SnmpSession {
  let asked = 0;
  return {
    async request({ oids, ...request }) {
      const maxRepetitions = request.kind === 'get-bulk' ? request.maxRepetitions : 0;
      const asking = { kind: request.kind, community: 'telemetry', requestId: 1, oids, nonRepeaters: 0, maxRepetitions };
      const length = Math.max(oids.length, lengths[asked % lengths.length] ?? 0);
      asked += 1;
      return decodeResponse(encodeAnswer(asking, answerTo(asking, objects).slice(0, length))).varbinds;
    },
    close() {},
  };
}

const address = fc.ipV4();
const cells: fc.Arbitrary<Cells> = fc.record(
  {
    state: fc.integer({ min: 1, max: 6 }),
    remoteAs: fc.integer({ min: 1, max: 65_535 }),
    transitions: fc.nat({ max: 2 ** 32 - 1 }),
    seconds: fc.nat({ max: 2 ** 32 - 1 }),
  },
  { requiredKeys: [] },
);

test('a walk reads every cell of a table once, whatever its holes and wherever the agent ends its answers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(address, cells, { maxKeys: 40 }),
      fc.array(fc.nat({ max: 60 }), { minLength: 1 }),
      async (table, lengths) => {
        const options = { session: sessionWith(peerTable(table), lengths), mib: BGP4_MIB, maxRows: 40, now: () => epochMs(0) };
        const { rows } = await walkPeerTable(options, signal);
        const read = [...rows.values()].map((row) => [
          row.address,
          Object.fromEntries([...row.cells].map(([column, cell]) => [column, cell])),
        ]);
        const expected = Object.entries(table).flatMap(([index, { state, remoteAs, transitions, seconds }]) => {
          const row = {
            ...(state === undefined ? {} : { state: { kind: 'integer', value: state } }),
            ...(remoteAs === undefined ? {} : { remoteAs: { kind: 'integer', value: remoteAs } }),
            ...(transitions === undefined ? {} : { establishedTransitions: { kind: 'unsigned', type: 'counter32', value: transitions } }),
            ...(seconds === undefined ? {} : { establishedTime: { kind: 'unsigned', type: 'gauge32', value: seconds } }),
          };
          return Object.keys(row).length === 0 ? [] : [[index, row] as const];
        });
        expect(Object.fromEntries(read)).toEqual(Object.fromEntries(expected));
      },
    ),
  );
});
