import { getCompiledTransactionMessageDecoder, getTransactionDecoder } from '@solana/kit';
import bs58 from 'bs58';
import { AgentError, type Clock } from '../../src/lib/index.ts';
import type { LedgerRpc, SendOutcome, SignatureStatus, TransactionErrorJson } from '../../src/rpc/index.ts';
import { type Address, address, decodeSetUserBgpStatus, lamports, slot } from '../../src/serviceability/index.ts';

export interface SeenWrite {
  readonly user: Address;
  readonly status: 'unknown' | 'up' | 'down';
  readonly rttNs: bigint;
}

export interface SeenTransaction {
  readonly signature: string;
  readonly writes: readonly SeenWrite[];
  readonly skipPreflight: boolean;
  readonly at: number;
}

/** What becomes of a transaction that was sent. */
export interface Fate {
  /** The answer to the sender; accepted by default. */
  readonly outcome?: SendOutcome;
  /** Slots until it is confirmed; 2 by default. */
  readonly landsAfterSlots?: number | 'never';
}

const SLOT_MS = 400;

/** A ledger on a virtual clock that confirms what it receives, records every write in order, and fails as its `state` says. */
export function createFakeLedger(clock: Clock) {
  const start = 10_000;
  const sends: SeenTransaction[] = [];
  const landings = new Map<
    string,
    { readonly slot: number; readonly writes: readonly SeenWrite[]; readonly err: TransactionErrorJson | null }
  >();
  const history: (SeenWrite & { readonly slot: number })[] = [];
  const refused = new Map<Address, string | Readonly<Record<string, unknown>>>();
  const calls: string[] = [];
  const state = {
    /** Every method throws while this is set. */
    outage: undefined as AgentError | undefined,
    refuseAll: undefined as TransactionErrorJson | undefined,
    unitsPerWrite: 10_000 as number | undefined,
    fate: (_: SeenTransaction): Fate => ({}),
    /** Slots by which the ledger was rolled back. */
    rollbackSlots: 0,
    /** Confirmation status of every included transaction. */
    confirmationStatus: 'confirmed' as SignatureStatus['confirmationStatus'],
    /** Slots by which the context slot of a blockhash is too high. */
    blockhashSlotsAhead: 0,
  };
  const now = (): number => start + Math.floor(clock.monotonic() / SLOT_MS) - state.rollbackSlots;

  const failureOf = (writes: readonly SeenWrite[], prefix: number): TransactionErrorJson | null => {
    if (state.refuseAll !== undefined) return state.refuseAll;
    const index = writes.findIndex(({ user }) => refused.has(user));
    const user = writes[index]?.user;
    return user === undefined ? null : { InstructionError: [index + prefix, refused.get(user)] };
  };
  const land = (): void => {
    for (const [signature, landing] of landings) {
      if (landing.slot > now() || landedSignatures.has(signature)) continue;
      landedSignatures.add(signature);
      if (landing.err === null) for (const write of landing.writes) history.push({ ...write, slot: landing.slot });
    }
  };
  const landedSignatures = new Set<string>();
  const enter = (method: string): void => {
    calls.push(method);
    if (state.outage !== undefined) throw state.outage;
    land();
  };
  const statusOf = (signature: string): SignatureStatus | null => {
    const landing = landings.get(signature);
    if (landing === undefined || landing.slot > now()) return null;
    return { slot: slot(landing.slot), confirmationStatus: state.confirmationStatus, err: landing.err };
  };

  const rpc: LedgerRpc = {
    async usersOfDevice() {
      throw new Error('the fake ledger has no accounts');
    },
    async accounts() {
      throw new Error('the fake ledger has no accounts');
    },
    async balance() {
      return lamports(1_000_000_000);
    },
    async latestBlockhash() {
      enter('latestBlockhash');
      const blockHeight = BigInt(now() - 100);
      // Of this slot: 32 bytes that begin with it.
      const bytes = new Uint8Array(32);
      new DataView(bytes.buffer).setUint32(0, now());
      return {
        slot: slot(now() + state.blockhashSlotsAhead),
        blockhash: bs58.encode(bytes),
        blockHeight,
        lastValidBlockHeight: blockHeight + 150n,
      };
    },
    async sendTransaction(attempts, { skipPreflight }) {
      enter('sendTransaction');
      const attempt = attempts.begin('the fake ledger');
      const { writes, prefix, signature } = decodeWire(attempts.wire);
      const seen: SeenTransaction = { signature, writes, skipPreflight, at: clock.monotonic() };
      sends.push(seen);
      const { outcome, landsAfterSlots = 2 } = state.fate(seen);
      const err = failureOf(writes, prefix);
      const end = (ended: SendOutcome): SendOutcome => {
        attempts.end(attempt, ended);
        return attempts.outcome();
      };
      if (outcome === undefined && err !== null && !skipPreflight) return end({ kind: 'rejected', err, logs: [] });
      if (landsAfterSlots !== 'never' && outcome?.kind !== 'not-sent' && outcome?.kind !== 'rejected' && !landings.has(signature)) {
        landings.set(signature, { slot: now() + landsAfterSlots, writes, err });
      }
      return end(outcome ?? { kind: 'accepted' });
    },
    async simulateTransaction(wire) {
      enter('simulateTransaction');
      const { writes, prefix } = decodeWire(wire);
      const err = failureOf(writes, prefix);
      const units = state.unitsPerWrite;
      return { slot: slot(now()), err, logs: [], ...(units === undefined ? {} : { unitsConsumed: units * writes.length }) };
    },
    async signatureStatuses(signatures) {
      enter('signatureStatuses');
      return { slot: slot(now()), statuses: signatures.map(statusOf) };
    },
    async checkExpiry(signatures) {
      enter('checkExpiry');
      return { blockHeight: BigInt(now() - 100), statuses: signatures.map(statusOf) };
    },
    async recentSlotTimeMs() {
      return SLOT_MS;
    },
    blockTime: () => Promise.resolve(undefined),
    slotProgress: () => undefined,
    noteConfirmation: () => undefined,
    async close() {},
  };
  return {
    rpc,
    state,
    sends,
    refused,
    calls,
    slot: now,
    history() {
      land();
      return history;
    },
  };
}

/** An outage as the endpoints report it. */
export const ledgerOutage = (): AgentError => new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });

/** Decodes with a library that the agent does not build transactions with. */
function decodeWire(wire: Uint8Array): { readonly writes: readonly SeenWrite[]; readonly prefix: number; readonly signature: string } {
  const { messageBytes, signatures } = getTransactionDecoder().decode(wire);
  const message = getCompiledTransactionMessageDecoder().decode(messageBytes);
  if (message.version !== 'legacy') throw new Error('not a legacy message');
  const writes: SeenWrite[] = [];
  let prefix = 0;
  for (const { accountIndices = [], data = new Uint8Array() } of message.instructions) {
    const user = message.staticAccounts[accountIndices[0] ?? -1];
    const args = decodeSetUserBgpStatus(Uint8Array.from(data));
    if (user === undefined || args === undefined) prefix += 1;
    else writes.push({ user: address(user), ...args });
  }
  const [signature] = Object.values(signatures);
  return { writes, prefix, signature: bs58.encode(signature ?? new Uint8Array()) };
}
