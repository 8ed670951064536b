/*
 * Whether the embedded ledger keeps up with what is measured on it.
 *
 *   allocate and release: a bitmap of 32,768 slots that is 1 %, 50 % and 99 % full, its taken slots drawn at random or all at the start
 *   transactions: signed ones, verified and executed one after the other in blocks
 *   status updates: SetUserBGPStatus, 19 a transaction as the agent packs them
 *
 * All figures are by processor time: on a machine that does other work, too, they last longer than they cost.
 */
import { createHash } from 'node:crypto';
import { createLocalLedger, createSigner, parseTransaction, signTransaction } from '../localnet/ledger/index.ts';
import { seededRandom } from '../src/lib/index.ts';
import {
  type Address,
  type Instruction,
  lamports,
  nanoseconds,
  parseNetworkV4,
  setUserBgpStatusInstruction,
  ZERO_ADDRESS,
} from '../src/serviceability/index.ts';
import * as rfc11 from '../src/serviceability/rfc11/index.ts';
import { createVirtualClock } from '../test/support/virtual-clock.ts';
import { type Bench, type Emit, median } from './support/bench.ts';

const SLOTS = 32_768;
const FILLS = [0.01, 0.5, 0.99];
const USERS_A_TRANSACTION = 19;

const bench: Bench = async (emit, { quick, runs = quick ? 2 : 9 }) => {
  for (const fill of FILLS) {
    measureBitmap(emit, fill, 'from the start', runs);
    measureBitmap(emit, fill, 'at random', runs);
  }
  measureTransactions(emit, quick ? 200 : 2_000);
};

export default bench;

function measureBitmap(emit: Emit, fill: number, how: 'from the start' | 'at random', runs: number): void {
  const random = seededRandom(11);
  const extension: rfc11.ResourceExtension = {
    associatedWith: ZERO_ADDRESS,
    idAllocations: [],
    ipAllocations: [rfc11.newIpBlockBitmap({ blockType: 'userTunnelNet', ...rfc11.UNRESERVED }, parseNetworkV4('169.254.0.0/16'))],
    interfaceCount: 0,
  };
  const pool = rfc11.networkPool(extension, 'userTunnelNet');
  if (pool === undefined) throw new Error('the extension has no tunnel networks');
  const taken = Math.floor(SLOTS * fill);
  while (pool.allocatedCount < taken) {
    if (how === 'from the start') pool.allocate();
    else pool.mark(Math.floor(random() * SLOTS));
  }
  const pairs = 20_000;
  const nanos = Array.from({ length: runs }, () => {
    const startedAt = processorMs();
    for (let n = 0; n < pairs; n += 1) {
      const slot = pool.allocate();
      if (slot !== undefined) pool.release(slot);
    }
    return ((processorMs() - startedAt) / pairs) * 1e6;
  });
  emit({ n: SLOTS, metric: `allocate and release, ${fill * 100} % full ${how}`, value: Math.round(median(nanos)), unit: 'ns' });
}

function measureTransactions(emit: Emit, transactions: number): void {
  const ledger = createLocalLedger({ random: seededRandom(1), clock: createVirtualClock() });
  const publisher = createSigner(createHash('sha256').update('publisher').digest());
  const customer = createSigner(createHash('sha256').update('customer').digest());
  for (const { address } of [publisher, customer]) ledger.admin.fund(address, lamports(1_000_000_000_000n));
  const { programId, bank } = ledger;
  const device = ledger.admin.createDevice({ metricsPublisher: publisher.address, dzPrefixes: [parseNetworkV4('198.19.64.0/19')] });
  ledger.admin.createExtension(device);

  const count = Math.min(3_000, transactions);
  let startedAt = processorMs();
  const users = Array.from({ length: count }, () => ledger.admin.createUser({ device }));
  emit({ n: count, metric: 'CreateAndActivateUser', value: rate(count, startedAt), unit: '1/s' });

  const status = (user: Address, n: number): Instruction =>
    setUserBgpStatusInstruction({ programId, device, user, metricsPublisher: publisher.address, status: 'up', rttNs: nanoseconds(n) });
  const run = (metric: string, batch: number): number => {
    const wires = Array.from({ length: Math.ceil(transactions / batch) }, (_, n) =>
      Array.from({ length: batch }, (_, at) => status(users[(n * batch + at) % users.length] ?? device, n + 1)),
    );
    let landed = 0;
    const end = bank.onLanded(({ result }) => {
      if (result.err === null) landed += 1;
    });
    const from = processorMs();
    for (const instructions of wires) {
      bank.include((blockhash) => parseTransaction(signTransaction(publisher, blockhash, instructions)));
    }
    const perSecond = rate(wires.length, from);
    end();
    if (landed !== wires.length) throw new Error(`${metric}: only ${landed} of ${wires.length} landed`);
    return perSecond;
  };
  emit({ n: transactions, metric: 'transactions of one update', value: run('single', 1), unit: '1/s' });
  emit({
    n: transactions,
    metric: `SetUserBGPStatus updates, ${USERS_A_TRANSACTION} a transaction`,
    value: run('packed', USERS_A_TRANSACTION) * USERS_A_TRANSACTION,
    unit: '1/s',
  });

  startedAt = processorMs();
  for (const user of users) ledger.admin.deleteUser(user);
  emit({ n: count, metric: 'DeleteUser', value: rate(count, startedAt), unit: '1/s' });
}

/** Milliseconds of processor time that this process has had. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const rate = (count: number, startedAt: number): number => Math.round((count / (processorMs() - startedAt)) * 1_000);
