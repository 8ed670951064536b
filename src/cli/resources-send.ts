import { AgentError, type Clock, isAgentError, systemClock } from '../lib/index.ts';
import { count } from '../observability/index.ts';
import { type Signer, signInstructions } from '../publisher/index.ts';
import { type LedgerRpc, SendAttempts } from '../rpc/index.ts';
import { describeTransactionFailure, type Instruction, parseTransactionFailure, type Slot, slot } from '../serviceability/index.ts';
import { BlockhashCache } from '../worker/index.ts';
import type { CommandIo } from './command.ts';

/*
 * Sends instructions that may be repeated, and confirms them:
 *
 *   instructions ──► packed by size ──► up to 16 in flight ──► status: confirmed ──► progress
 *                          ▲                    ├── expired, proven by the block height
 *                          │                    └── rejected, but some of it is done already: by another run
 *                          └────────── again, with a new blockhash
 */

/** An instruction, and what it does in a few words. */
export interface LabeledInstruction {
  readonly label: string;
  readonly instruction: Instruction;
}

/** Bytes of a transaction in a packet (IPv6's MTU of 1,280 less headers). */
const MAX_TRANSACTION_BYTES = 1_232;
/** The runtime gives each instruction 200,000 compute units, and a transaction 1.4 million. */
const MAX_INSTRUCTIONS = 7;
const KEY_BYTES = 32;

/** Packs instructions into transactions, in their order. Pure. Throws RangeError for an instruction that is too large. */
export function packTransactions(instructions: readonly LabeledInstruction[], payer: string): readonly (readonly LabeledInstruction[])[] {
  const packed: LabeledInstruction[][] = [];
  for (const each of instructions) {
    if (bytesOf([each], payer) > MAX_TRANSACTION_BYTES) throw new RangeError(`${each.label} does not fit a transaction`);
    const last = packed.at(-1);
    if (last !== undefined && last.length < MAX_INSTRUCTIONS && bytesOf([...last, each], payer) <= MAX_TRANSACTION_BYTES) last.push(each);
    else packed.push([each]);
  }
  return packed;
}

/** A legacy transaction: signature and its count, header, keys, blockhash, instructions. Counts up to 127 take one byte, up to 16,383 two. */
function bytesOf(instructions: readonly LabeledInstruction[], payer: string): number {
  const keys = new Set([payer]);
  let bytes = 1 + 64 + 3 + 1 + KEY_BYTES + 1;
  for (const { instruction } of instructions) {
    keys.add(instruction.programId);
    for (const { address } of instruction.accounts) keys.add(address);
    bytes += 1 + 1 + instruction.accounts.length + (instruction.data.length > 127 ? 2 : 1) + instruction.data.length;
  }
  return bytes + keys.size * KEY_BYTES;
}

export interface SendOptions {
  readonly rpc: Pick<LedgerRpc, 'latestBlockhash' | 'sendTransaction' | 'signatureStatuses' | 'checkExpiry'>;
  readonly clock: Clock;
  readonly signer: Signer;
  /** Each group begins when the one before is confirmed. */
  readonly groups: readonly (readonly LabeledInstruction[])[];
  /** Returns which instructions of a rejected transaction remain: another run may have sent some. Without it, all remain. */
  readonly stillNeeded?: (instructions: readonly LabeledInstruction[], signal: AbortSignal) => Promise<readonly LabeledInstruction[]>;
  readonly onProgress: (confirmed: number, total: number) => void;
}

const IN_FLIGHT = 16;
const POLL_MS = 400;
const RESEND_MS = 2_000;
const BLOCKHASH_MAX_AGE_MS = 10_000;
/** After which a status that stays absent is compared with the block height. A blockhash is valid for 150 blocks, a minute at 400 ms. */
const EXPIRY_CHECK_MS = 30_000;
/** How long the ledger may fail to answer before the command gives up. */
const PATIENCE_MS = 30_000;
const MAX_EXPIRIES = 3;

/** The payer has no account, or not enough for the fee or to keep its own account. */
const CANNOT_PAY: readonly string[] = ['AccountNotFound', 'InsufficientFundsForFee', 'InsufficientFundsForRent'];

interface Waiting {
  readonly instructions: readonly LabeledInstruction[];
  /** How often it has expired. */
  readonly expiries: number;
}

interface InFlight extends Waiting {
  readonly attempts: SendAttempts;
  readonly lastValidBlockHeight: bigint;
  readonly sentAt: number;
  resentAt: number;
}

/**
 * Sends everything and returns the slot of the newest confirmation, undefined for nothing to send. Throws AgentError: RESOURCES__REJECTED when the program
 * refuses an instruction, RESOURCES__INTERRUPTED when the ledger stops answering or taking transactions; and the signal's reason.
 * Whatever was confirmed stays.
 */
export async function sendInstructions(options: SendOptions, signal: AbortSignal): Promise<Slot | undefined> {
  const groups = options.groups.map((group) => packTransactions(group, options.signer.address));
  const sender = new Sender(
    options,
    groups.reduce((sum, group) => sum + group.length, 0),
  );
  for (const group of groups) await sender.send(group, signal);
  return sender.newestSlot;
}

class Sender {
  readonly #options: SendOptions;
  readonly #total: number;
  #confirmed = 0;
  /** A preflight on a node that lags would not see what was just confirmed, so each group begins with a new blockhash at the latest. */
  readonly #blockhashes: BlockhashCache;
  /** Since when the ledger has not answered. */
  #failingSince: number | undefined;
  newestSlot: Slot | undefined;

  constructor(options: SendOptions, total: number) {
    this.#options = options;
    this.#total = total;
    this.#blockhashes = new BlockhashCache(options.rpc, options.clock, BLOCKHASH_MAX_AGE_MS);
  }

  async send(transactions: readonly (readonly LabeledInstruction[])[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const waiting: Waiting[] = transactions.map((instructions) => ({ instructions, expiries: 0 }));
    const inFlight = new Set<InFlight>();
    this.#report();
    while (waiting.length > 0 || inFlight.size > 0) {
      try {
        await this.#submitAll(inFlight, waiting, signal);
        await this.#poll(inFlight, waiting, signal);
        this.#failingSince = undefined;
      } catch (error) {
        signal.throwIfAborted();
        this.#endure(error);
      }
      if (waiting.length > 0 || inFlight.size > 0) await clock.sleep(POLL_MS, signal);
    }
  }

  /** Fills the room in flight. What could not be sent waits again; the first error is thrown when all have ended, a rejection before others. */
  async #submitAll(inFlight: Set<InFlight>, waiting: Waiting[], signal: AbortSignal): Promise<void> {
    const batch = waiting.splice(0, IN_FLIGHT - inFlight.size);
    if (batch.length > 0)
      await this.#blockhashes.get(signal).catch((error: unknown) => {
        waiting.unshift(...batch.splice(0));
        throw error;
      });
    const errors: unknown[] = [];
    const rejected: (readonly [Waiting, AgentError])[] = [];
    await Promise.all(
      batch.map((each) =>
        this.#submit(each, signal).then(
          (sent) => inFlight.add(sent),
          (error: unknown) => {
            if (isAgentError(error) && error.code === 'RESOURCES__REJECTED') rejected.push([each, error]);
            else {
              waiting.push(each);
              errors.push(error);
            }
          },
        ),
      ),
    );
    for (const [index, [each, rejection]] of rejected.entries())
      await this.#onRejection(each, rejection, waiting, signal).catch((error: unknown) => {
        waiting.push(...rejected.slice(index + 1).map(([later]) => later));
        throw error;
      });
    if (errors.length > 0) throw errors[0];
  }

  /** Throws the rejection, unless another run did some of the transaction; then the rest waits again. */
  async #onRejection(each: Waiting, rejection: AgentError, waiting: Waiting[], signal: AbortSignal): Promise<void> {
    const { instructions } = each;
    const needed =
      (await this.#options.stillNeeded?.(instructions, signal).catch((error: unknown) => {
        waiting.push(each);
        throw error;
      })) ?? instructions;
    if (needed.length === instructions.length) throw rejection;
    if (needed.length > 0) waiting.unshift({ ...each, instructions: needed });
    else this.#count();
  }

  async #submit({ instructions, expiries }: Waiting, signal: AbortSignal): Promise<InFlight> {
    const { rpc, clock, signer } = this.#options;
    const { blockhash, lastValidBlockHeight } = await this.#blockhashes.get(signal);
    const { wire } = signInstructions({ signer, blockhash, instructions: instructions.map(({ instruction }) => instruction) });
    const attempts = new SendAttempts(wire);
    // A node from before the newest confirmation would refuse what builds on it.
    const outcome = await rpc.sendTransaction(attempts, { skipPreflight: false, minContextSlot: this.newestSlot }, signal);
    if (outcome.kind === 'rejected' && outcome.err !== 'BlockhashNotFound') throw this.#rejection(outcome.err, instructions, outcome.logs);
    if (outcome.kind === 'rejected' || outcome.kind === 'not-sent') {
      this.#blockhashes.invalidate();
      throw outcome.error ?? new Error('a node does not know the blockhash yet');
    }
    const now = clock.monotonic();
    return { instructions, attempts, lastValidBlockHeight, sentAt: now, resentAt: now, expiries };
  }

  async #poll(inFlight: Set<InFlight>, waiting: Waiting[], signal: AbortSignal): Promise<void> {
    const { rpc, clock } = this.#options;
    const all = [...inFlight];
    if (all.length === 0) return;
    const { statuses } = await rpc.signatureStatuses(
      all.map(({ attempts }) => attempts.signature),
      signal,
    );
    for (const [index, each] of all.entries()) {
      const status = statuses[index] ?? null;
      const now = clock.monotonic();
      if (status !== null && status.err !== null) {
        inFlight.delete(each);
        await this.#onRejection(each, this.#rejection(status.err, each.instructions), waiting, signal);
      } else if (status !== null && status.confirmationStatus !== 'processed') {
        inFlight.delete(each);
        this.#confirm(status.slot);
      } else if (status === null && now - each.sentAt > EXPIRY_CHECK_MS && (await this.#isExpired(each, signal))) {
        inFlight.delete(each);
        const { error } = each.attempts.outcome();
        const words = error === undefined ? '' : `: ${error.message}`;
        if (each.expiries >= MAX_EXPIRIES) throw this.#interruption(`a transaction expired ${MAX_EXPIRIES + 1} times${words}`);
        waiting.unshift({ instructions: each.instructions, expiries: each.expiries + 1 });
        this.#blockhashes.invalidate();
      } else if (status === null && now - each.resentAt > RESEND_MS) {
        each.resentAt = now;
        await rpc.sendTransaction(each.attempts, { skipPreflight: true }, signal);
      }
    }
  }

  /** True when it can never land; false also when it has landed meanwhile, which the next poll shows. */
  async #isExpired({ attempts, lastValidBlockHeight }: InFlight, signal: AbortSignal): Promise<boolean> {
    const { blockHeight, statuses } = await this.#options.rpc.checkExpiry([attempts.signature], signal);
    return statuses[0] === null && blockHeight > lastValidBlockHeight;
  }

  #confirm(at: Slot): void {
    if (this.newestSlot === undefined || at > this.newestSlot) this.newestSlot = slot(at);
    this.#count();
  }

  #count(): void {
    this.#confirmed += 1;
    this.#report();
  }

  #report(): void {
    this.#options.onProgress(this.#confirmed, this.#total);
  }

  /** A ledger that does not answer is asked again for a while. */
  #endure(error: unknown): void {
    if (isAgentError(error) && error.code.startsWith('RESOURCES__')) throw error;
    if (!(error instanceof Error)) throw error;
    const now = this.#options.clock.monotonic();
    this.#failingSince ??= now;
    if (now - this.#failingSince > PATIENCE_MS) throw this.#interruption(error.message, error);
  }

  #interruption(problem: string, cause?: Error): AgentError {
    return new AgentError('RESOURCES__INTERRUPTED', { confirmed: this.#confirmed, total: this.#total, problem }, { cause });
  }

  #rejection(err: unknown, instructions: readonly LabeledInstruction[], logs: readonly string[] = []): AgentError {
    const failure = parseTransactionFailure(err);
    const label =
      'instructionIndex' in failure && failure.instructionIndex !== undefined ? instructions[failure.instructionIndex]?.label : undefined;
    // The System program uses the same number for another error than the serviceability program.
    const shortage = logs.find((line) => /^Transfer: insufficient lamports \d+, need \d+$/.test(line));
    const isPoor = shortage !== undefined || (failure.kind === 'transaction-error' && CANNOT_PAY.includes(failure.name));
    const reason = shortage ?? describeTransactionFailure(failure);
    const problem = `${label === undefined ? '' : `${label}: `}${isPoor ? `the key ${this.#options.signer.address} cannot pay: ` : ''}${reason}`;
    return new AgentError('RESOURCES__REJECTED', { confirmed: this.#confirmed, total: this.#total, problem });
  }
}

/**
 * Sends everything with a progress bar on a terminal's standard error. Undefined when the command was interrupted, which standard error then says;
 * throws like sendInstructions otherwise.
 */
export async function sendWithProgress(
  options: Pick<SendOptions, 'rpc' | 'signer' | 'groups' | 'stillNeeded'>,
  { stderr, signal }: Pick<CommandIo, 'stderr' | 'signal'>,
): Promise<{ readonly confirmed: number; readonly newestSlot: Slot | undefined } | undefined> {
  let confirmed = 0;
  const onProgress = (done: number, total: number): void => {
    confirmed = done;
    if (stderr.isTerminal) stderr.write(progressBar(done, total));
  };
  try {
    const newestSlot = await sendInstructions({ ...options, clock: systemClock, onProgress }, signal);
    return { confirmed, newestSlot };
  } catch (error) {
    if (!signal.aborted) throw error;
    stderr.write(
      `\ndzd-telemetry: interrupted after ${count(confirmed, 'confirmed transaction')}; run the same command again to continue\n`,
    );
    return undefined;
  } finally {
    if (stderr.isTerminal) stderr.write('\n');
  }
}

const BAR_WIDTH = 30;

/** Redraws its line. */
function progressBar(done: number, total: number): string {
  const filled = total === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * done) / total);
  return `\r[${'#'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${done}/${total} transactions\u001b[K`;
}
