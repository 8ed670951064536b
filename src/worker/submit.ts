import type { StatusIntent } from '../bgp/index.ts';
import { isAgentError } from '../lib/index.ts';
import {
  buildTransaction,
  type ComputeRequest,
  type Packed,
  packNext,
  type SignedTransaction,
  type WaitingIntent,
} from '../publisher/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { WorkerContext } from './context.ts';
import { handleFailure } from './failures.ts';
import { type Allowance, LAMPORTS_PER_TRANSACTION } from './gate.ts';
import type { Blockhash, InFlightTransaction } from './in-flight.ts';

/** The next transaction's worth of what waits: users in the air left out, suspects apart, refreshes only where the budget has room. */
function nextToPack(context: WorkerContext): Packed | undefined {
  const allowance = context.budget.allowance();
  if (allowance === 'nothing') return undefined;
  const waiting = affordable(context, allowance);
  return packNext(
    context.bisector.select(waiting, ({ intent }) => intent.user),
    context.compute,
  );
}

function* affordable({ desired, flights }: WorkerContext, allowance: Allowance): Generator<WaitingIntent, void, void> {
  for (const each of desired.waiting(flights.has)) if (allowance === 'everything' || each.intent.reason === 'change') yield each;
}

/** Whether anything waits that is worth a transaction: what `nextToPack` would find, without packing it. */
export function hasWork({ desired, flights, budget }: WorkerContext): boolean {
  const allowance = budget.allowance();
  if (allowance === 'nothing') return false;
  return desired.some(
    ({ intent }) =>
      (intent.reason === 'change' || (allowance === 'everything' && intent.reason === 'refresh')) && !flights.has(intent.user),
  );
}

/** Sends transactions until nothing waits that may go. Throws nothing but what the signal throws. */
export async function submit(context: WorkerContext, isDraining: () => boolean, signal: AbortSignal): Promise<void> {
  const { gate, flights, timing, blockhashes, compute, budget, clock, reporter } = context;
  const maySubmit = (): boolean => !isDraining() && gate.isOpen && flights.size < timing.maxInFlight;
  while (maySubmit() && hasWork(context)) {
    let blockhash: Blockhash;
    try {
      blockhash = await blockhashes.get(signal);
      if (compute.needsMeasurement) await measureIfPossible(context, blockhash, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isAgentError(error)) throw error;
      gate.pause();
      return;
    }
    // After the last wait and not before: what goes out is what is wanted now (rule 18).
    const packed = maySubmit() ? nextToPack(context) : undefined;
    if (packed === undefined) return;
    const now = clock.monotonic();
    const flight: InFlightTransaction = {
      ...sign(context, packed.intents, packed.compute, blockhash),
      intents: packed.intents,
      slot: blockhash.slot,
      blockHeight: blockhash.blockHeight,
      lastValidBlockHeight: blockhash.lastValidBlockHeight,
      sentAt: now,
      lastSentAt: now,
      sends: 1,
    };
    flights.add(flight);
    budget.spend(LAMPORTS_PER_TRANSACTION);
    reporter.sent({ signature: flight.signature, intents: flight.intents });
    context.inBackground(firstSend(context, flight, signal));
    await clock.sleep(timing.sendStaggerMs, signal);
  }
}

function sign(
  { programId, device, signer }: WorkerContext,
  intents: readonly StatusIntent[],
  compute: ComputeRequest,
  { blockhash }: Blockhash,
): SignedTransaction {
  const writes = intents.map(({ user, to, rttNs }) => ({ user, status: to, rttNs }));
  return buildTransaction({ programId, device, signer, blockhash, writes, compute });
}

/** A node that can't simulate costs the limit, not the write. */
async function measureIfPossible(context: WorkerContext, blockhash: Blockhash, signal: AbortSignal): Promise<void> {
  try {
    await measure(context, blockhash, signal);
  } catch (error) {
    if (!isAgentError(error) || error.code !== 'LEDGER__UNSUPPORTED') throw error;
  }
}

/** A node that lags behind the view would refuse users that it does not know yet. */
function notBefore({ desired }: WorkerContext): { readonly minContextSlot?: Slot } {
  return desired.viewSlot === undefined ? {} : { minContextSlot: desired.viewSlot };
}

/** Simulates what would go out next: for its units and, for free, for a user that would fail it. */
async function measure(context: WorkerContext, blockhash: Blockhash, signal: AbortSignal): Promise<void> {
  const packed = nextToPack(context);
  if (packed === undefined) return;
  const transaction = sign(context, packed.intents, packed.compute, blockhash);
  const { err, unitsConsumed, logs } = await context.rpc.simulateTransaction(transaction.wire, signal, notBefore(context));
  if (err !== null) await handleFailure(context, { ...transaction, intents: packed.intents }, err, logs, signal);
  // A node that does not tell the units leaves the transaction without a limit.
  else if (unitsConsumed !== undefined) context.compute.learn(packed.intents.length, unitsConsumed);
}

async function firstSend(context: WorkerContext, flight: InFlightTransaction, signal: AbortSignal): Promise<void> {
  const { rpc, timing, gate, flights } = context;
  const outcome = await rpc.sendTransaction(flight.wire, { skipPreflight: timing.skipPreflight, ...notBefore(context) }, signal);
  switch (outcome.kind) {
    case 'accepted':
      gate.answered();
      return;
    case 'unknown':
      return;
    case 'not-sent':
      if (flight.sends > 1 || !flights.remove(flight)) return;
      gate.pause();
      context.reporter.withdrawn({ signature: flight.signature, intents: flight.intents });
      return;
    case 'rejected':
      // A rebroadcast may have reached a node meanwhile; then only its status, or its expiry, is proof.
      if (flight.sends === 1 && flights.remove(flight)) await handleFailure(context, flight, outcome.err, outcome.logs, signal);
  }
}
