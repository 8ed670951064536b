import { expect, test } from 'vitest';
import { createLocalnet } from '../../localnet/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { systemClock } from '../../src/lib/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';

/** More than the listeners from which Node suspects a leak. */
const AT_ONCE = 12;
const LATE_MS = 200;

test('twelve answers that are late at once make Node warn of no leak', async ({ onTestFinished }) => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const localnet = createLocalnet({ users: 2, publisher: signerNumber(7).address });
  onTestFinished(() => localnet.stop());
  const { rpcUrl, eapiUrl, grpc, snmp } = await localnet.start();
  localnet.ledger.faults.set({ rpc: [{ kind: 'delay', delayMs: LATE_MS }] });
  localnet.switchFaults.begin({ kind: 'slow', delayMs: LATE_MS });
  const slot = async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getSlot', params: [] });
    return (await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status;
  };
  const options = { clock: systemClock, timeoutMs: 30_000 };
  const openings = [
    () => createEapiSource({ ...options, endpoint: eapiUrl }),
    () => createEapiSource({ ...options, endpoint: `grpc://${grpc.host}:${grpc.port}` }),
    () => createSnmpSource({ ...options, ...snmp, name: 'snmp', vrfs: ['default'], maxRows: 1_000 }),
  ];
  const poll = async (open: (typeof openings)[number]) => {
    const source = open();
    onTestFinished(() => source.close());
    return (await source.collect(new AbortController().signal)).vrfs.get('default')?.kind;
  };
  const many = <T>(ask: () => Promise<T>): readonly Promise<T>[] => Array.from({ length: AT_ONCE }, ask);
  expect(new Set(await Promise.all(many(slot)))).toEqual(new Set([200]));
  for (const open of openings) expect(new Set(await Promise.all(many(() => poll(open))))).toEqual(new Set(['collected']));
  // Node warns in a later turn.
  await systemClock.sleep(0);
  expect(warnings).toEqual([]);
});
