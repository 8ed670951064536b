import { describe, expect, test } from 'vitest';
import type { RpcFault } from '../../localnet/ledger/faults.ts';
import type { FaultPatch } from '../../localnet/ledger/index.ts';
import type { FindingCode } from '../../src/observability/index.ts';
import { DeviceStatus, lamports } from '../../src/serviceability/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { FAULT_TABLE } from '../support/fault-table.ts';
import { codesOf, MINUTE_MS, suffer, type VirtualAgent, virtualAgent } from '../support/virtual-agent.ts';

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

type OperatorCase = readonly [
  what: string,
  code: FindingCode | 'none',
  options: Parameters<typeof virtualAgent>[1],
  begin: (agent: VirtualAgent) => void,
  end: (agent: VirtualAgent) => void,
];

const allUsers = (change: 'connect' | 'disconnect') => (agent: VirtualAgent) =>
  agent.users.forEach((user) => void agent.localnet[change](user));
const device = (changes: Parameters<VirtualAgent['localnet']['ledger']['admin']['changeDevice']>[1]) => (agent: VirtualAgent) =>
  agent.localnet.ledger.admin.changeDevice(agent.localnet.device, changes);
const funds = (amount: number) => (agent: VirtualAgent) => agent.localnet.ledger.admin.fund(PUBLISHER.address, lamports(amount));
const firstUser = ({ users: [first] }: VirtualAgent) => {
  if (first === undefined) throw new Error('the localnet has no users');
  return first;
};
const PUBLISHER = signerNumber(7);
const RICH = 10_000_000_000;

/** What an operator tried while the page was green. A grace, or the reading of the device once a minute, comes on top of the minute. */
const OPERATOR_CASES: readonly OperatorCase[] = [
  ['5 of 5 users go', 'users-all-down', {}, allUsers('disconnect'), allUsers('connect')],
  ['0 of 5 users connect', 'users-all-down', { isConnected: false }, () => undefined, allUsers('connect')],
  [
    'the device is drained',
    'device-not-activated',
    {},
    device({ status: DeviceStatus.drained }),
    device({ status: DeviceStatus.activated }),
  ],
  [
    'another key becomes the publisher',
    'authority-lost',
    {},
    device({ metricsPublisher: signerNumber(8).address }),
    device({ metricsPublisher: PUBLISHER.address }),
  ],
  ['the balance is nearly used up', 'balance-nearly-empty', {}, funds(20_000), funds(RICH)],
  ['the balance is below worker.minBalance', 'out-of-funds', { limits: { minBalance: lamports(50_000) } }, funds(20_000), funds(RICH)],
  [
    'the spend limit is used up',
    'spend-limit-reached',
    { limits: { maxTransactionsPerMinute: 2 } },
    ({ localnet, users }) => users.slice(0, 2).forEach((user) => void localnet.disconnect(user)),
    ({ localnet, users }) => users.slice(0, 2).forEach((user) => void localnet.connect(user)),
  ],
  ['a user without a tunnel is banned', 'none', {}, (agent) => agent.localnet.ledger.admin.banUser(firstUser(agent)), () => undefined],
];

describe('the verdict names what an operator meets, and is ok again after it', () => {
  test.for(OPERATOR_CASES)('%s: %s', async ([, code, options, begin, end], { onTestFinished }) => {
    const agent = await virtualAgent(onTestFinished, options);
    await agent.pass(MINUTE_MS / 2);
    begin(agent);
    const seen = new Set<FindingCode>();
    await agent.pass(2 * MINUTE_MS, () => {
      for (const found of codesOf(agent.status())) seen.add(found);
      return seen.has(code as FindingCode);
    });
    expect(code === 'none' ? [...seen] : seen.has(code)).toEqual(code === 'none' ? [] : true);
    end(agent);
    await agent.pass(2 * MINUTE_MS, () => agent.status().verdict === 'ok');
    expect(codesOf(agent.status())).toEqual([]);
  });
});

function spare(patch: FaultPatch | undefined) {
  return ({ spareFaults }: VirtualAgent): void => (patch === undefined ? spareFaults?.clear() : spareFaults?.set(patch));
}

/** Something of two fails: the other serves. */
const SPARE_CASES: readonly OperatorCase[] = [
  ['an endpoint of two fails', 'endpoint-lost', { hasSpares: true }, spare({ rpc: [{ kind: 'unavailable' }] }), spare(undefined)],
  ['an endpoint of two lags behind the other', 'endpoint-lost', { hasSpares: true }, spare({ lagSlots: 100 }), spare(undefined)],
  [
    'a source of two fails',
    'source-lost',
    { hasSpares: true },
    (agent) => void agent.begin({ kind: 'http-status', status: 503 }),
    (agent) => agent.localnet.switchFaults.clear(),
  ],
];

/** The endpoint's trial, after it failed, takes a minute more. */
describe('the verdict names what a spare covers', () => {
  test.for(SPARE_CASES)('%s: %s', async ([, code, options, begin, end], { onTestFinished }) => {
    const agent = await virtualAgent(onTestFinished, options);
    await agent.pass(MINUTE_MS / 2);
    begin(agent);
    await agent.pass(MINUTE_MS, () => codesOf(agent.status()).includes(code as FindingCode));
    expect([agent.status().verdict, codesOf(agent.status())]).toEqual(['warning', [code]]);
    await agent.pass(MINUTE_MS);
    end(agent);
    await agent.pass(MINUTE_MS, () => agent.status().verdict === 'ok');
    expect(codesOf(agent.status())).toEqual([]);
  });
});

test.for([0, 6, 12, 18, 24, 30])(
  'a ledger that stands still is named within a minute though no write waits, %i s after the users were read',
  async (seconds, { onTestFinished }) => {
    const agent = await virtualAgent(onTestFinished);
    await agent.pass(MINUTE_MS + seconds * 1_000);
    const end = agent.begin({ frozen: true });
    const isNamed = (): boolean => codesOf(agent.status()).some((code) => code === 'ledger-stands-still' || code === 'ledger-lag');
    await agent.pass(MINUTE_MS, isNamed);
    expect(isNamed()).toBe(true);
    await agent.pass(2 * MINUTE_MS);
    expect(codesOf(agent.status())).toEqual(['ledger-stands-still']);
    end();
    await agent.pass(MINUTE_MS, () => agent.status().verdict === 'ok');
    expect(codesOf(agent.status())).toEqual([]);
  },
);

test.for<RpcFault>([
  { kind: 'error', code: -32_601, message: 'Method not found' },
  { kind: 'rate-limited' },
  { kind: 'unavailable' },
  { kind: 'reset' },
])('an endpoint without block times ($kind) costs no finding, and leaves no lag behind', async (fault, { onTestFinished }) => {
  const agent = await virtualAgent(onTestFinished);
  await agent.pass(MINUTE_MS);
  const endLag = agent.begin({ lagSlots: 100 });
  await agent.pass(MINUTE_MS, () => codesOf(agent.status()).includes('ledger-lag'));
  expect(codesOf(agent.status())).toEqual(['ledger-lag']);
  endLag();
  agent.begin({ rpc: [{ ...fault, methods: ['getBlockTime'] }] });
  await agent.pass(MINUTE_MS);
  const seen = new Set<FindingCode>();
  await agent.pass(MINUTE_MS, () => {
    for (const code of codesOf(agent.status())) seen.add(code);
    return false;
  });
  expect([[...seen], agent.status().ledgerLag, agent.status().endpoints.map(({ state }) => state)]).toEqual([[], null, ['ok']]);
});
