import { AgentError, type EpochMs, epochMs, isRecord } from '../lib/index.ts';
import {
  AccountDataError,
  AccountType,
  type Address,
  addressBytes,
  isAddress,
  type Lamports,
  lamports,
  type Slot,
  slot,
  USER_DEVICE_OFFSET,
} from '../serviceability/index.ts';

/** The content of an answer does not have the shape that the method documents. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function asRecord(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Malformed(`${what} is ${kindOf(value)}, not an object`);
  return value;
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(`${what} is ${kindOf(value)}, not a list`);
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Malformed(`${what} is ${kindOf(value)}, not text`);
  return value;
}

/** A count that JSON carries without loss. */
export function asCount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Malformed(`${what} is ${kindOf(value)}, not a whole number`);
  return value;
}

/** The `{context: {slot}, value}` in which most methods wrap their answer. */
export function asSlotted(result: unknown): { readonly slot: Slot; readonly value: unknown } {
  const wrapper = asRecord(result, 'the result');
  const at = asCount(asRecord(wrapper.context, 'context').slot, 'context.slot');
  if (!('value' in wrapper)) throw new Malformed('the result has no value');
  return { slot: slot(at), value: wrapper.value };
}

/**
 * The bytes of `[text, "base64"]`, the form of accounts in JSON-RPC. Node's decoder skips invalid characters, so the length shows whether all
 * were valid.
 */
export function asBase64Data(value: unknown, what: string): Buffer {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string' || value[1] !== 'base64') {
    throw new Malformed(`${what} is not [text, "base64"]`);
  }
  const text = value[0];
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const data = Buffer.from(text, 'base64');
  if (text.length % 4 !== 0 || data.length !== (text.length / 4) * 3 - padding) throw new Malformed(`${what} is not whole base64`);
  return data;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object') return 'an object';
  return value === undefined ? 'missing' : `a ${typeof value}`;
}

/** An account as getMultipleAccounts has it. */
export interface AccountInfo {
  readonly owner: Address;
  readonly lamports: Lamports;
  readonly data: Uint8Array;
}

/** The decoded account; undefined if it is missing, or belongs to another program or type. */
export function decodeOwned<T>(
  account: Pick<AccountInfo, 'owner' | 'data'> | null | undefined,
  programId: Address,
  decode: (data: Uint8Array) => T,
): T | undefined {
  if (account?.owner !== programId) return undefined;
  try {
    return decode(account.data);
  } catch (error) {
    if (error instanceof AccountDataError) return undefined;
    throw error;
  }
}

/** The error of a transaction in Solana's own JSON shape, e.g. `{"InstructionError":[3,{"Custom":8}]}` or `"BlockhashNotFound"`. */
export type TransactionErrorJson = string | { readonly [kind: string]: unknown };

export interface SignatureStatus {
  readonly slot: Slot;
  /** `processed` may still be forked away; the worker takes `confirmed` and `finalized` for final. */
  readonly confirmationStatus: 'processed' | 'confirmed' | 'finalized';
  readonly err: TransactionErrorJson | null;
}

export interface SimulationResult {
  readonly slot: Slot;
  readonly err: TransactionErrorJson | null;
  readonly logs: readonly string[];
  /** Absent when the node does not report it. */
  readonly unitsConsumed?: number;
}

/** getEpochInfo. */
export function readEpochInfo(result: unknown): { readonly slot: Slot; readonly blockHeight: bigint } {
  const info = asRecord(result, 'the epoch info');
  return { slot: slot(asCount(info.absoluteSlot, 'absoluteSlot')), blockHeight: BigInt(asCount(info.blockHeight, 'blockHeight')) };
}

/** getGenesisHash: 32 bytes of base58. */
export function readGenesisHash(result: unknown): string {
  if (!isAddress(result)) throw new Malformed('the genesis hash is not 32 bytes of base58');
  return result;
}

/** getLatestBlockhash. */
export function readBlockhash(result: unknown): { readonly slot: Slot; readonly blockhash: string; readonly lastValidBlockHeight: bigint } {
  const { slot: at, value } = asSlotted(result);
  const { blockhash, lastValidBlockHeight } = asRecord(value, 'value');
  if (!isAddress(blockhash)) throw new Malformed('the blockhash is not 32 bytes of base58');
  return { slot: at, blockhash, lastValidBlockHeight: BigInt(asCount(lastValidBlockHeight, 'lastValidBlockHeight')) };
}

/** getBalance. */
export function readBalance(result: unknown): { readonly slot: Slot; readonly value: Lamports } {
  const { slot: at, value } = asSlotted(result);
  return { slot: at, value: lamports(asCount(value, 'the balance')) };
}

/** getBlockTime. Null where the node has none for the slot. */
export function readBlockTime(result: unknown): EpochMs | undefined {
  return readTime(result, 'the block time');
}

/** getMultipleAccounts with base64 encoding; as many as were asked for. */
export function readAccounts(
  result: unknown,
  expected: number,
): { readonly slot: Slot; readonly accounts: readonly (AccountInfo | null)[] } {
  const { slot: at, value } = asSlotted(result);
  const accounts = asArray(value, 'the list of accounts');
  if (accounts.length !== expected) throw new Malformed(`${accounts.length} accounts for ${expected} addresses`);
  return { slot: at, accounts: accounts.map((account, index) => (account === null ? null : readAccount(account, `account ${index + 1}`))) };
}

function readAccount(value: unknown, what: string): AccountInfo {
  const { owner, lamports: balance, data } = asRecord(value, what);
  if (!isAddress(owner)) throw new Malformed(`the owner of ${what} is not an address`);
  return { owner, lamports: lamports(asCount(balance, `the lamports of ${what}`)), data: asBase64Data(data, `the data of ${what}`) };
}

/** getSignatureStatuses; as many as were asked for. */
export function readStatuses(
  result: unknown,
  expected: number,
): { readonly slot: Slot; readonly statuses: readonly (SignatureStatus | null)[] } {
  const { slot: at, value } = asSlotted(result);
  const statuses = asArray(value, 'the list of statuses');
  if (statuses.length !== expected) throw new Malformed(`${statuses.length} statuses for ${expected} signatures`);
  return { slot: at, statuses: statuses.map((status) => (status === null ? null : readStatus(status, at))) };
}

/** Nothing lands after the slot of the answer. Such a status would count as newer than every view of the ledger. */
function readStatus(value: unknown, answeredAt: Slot): SignatureStatus {
  const status = asRecord(value, 'a status');
  const landedIn = slot(asCount(status.slot, 'the slot of a status'));
  if (landedIn > answeredAt) throw new Malformed(`a status of slot ${landedIn} in an answer of slot ${answeredAt}`);
  return {
    slot: landedIn,
    confirmationStatus: readCommitment(status),
    err: readTransactionError(status.err),
  };
}

/** Nodes before 1.4 had no confirmationStatus; `confirmations: null` means rooted in all of them. */
function readCommitment({ confirmationStatus, confirmations }: Readonly<Record<string, unknown>>): SignatureStatus['confirmationStatus'] {
  if (confirmationStatus === 'processed' || confirmationStatus === 'confirmed' || confirmationStatus === 'finalized')
    return confirmationStatus;
  if (confirmationStatus != null) throw new Malformed('an unknown confirmationStatus');
  return confirmations === null ? 'finalized' : 'processed';
}

/** A transaction's error, `null` for none: a name, or an object of one kind. */
function readTransactionError(value: unknown): TransactionErrorJson | null {
  if (value === null || (typeof value === 'string' && value !== '')) return value;
  return asRecord(value, 'the error of a transaction');
}

/** simulateTransaction, and the `data` of a preflight failure, which has the same shape. */
export function readSimulation(result: unknown): SimulationResult {
  const { slot: at, value } = asSlotted(result);
  return { slot: at, ...readSimulated(asRecord(value, 'the simulation')) };
}

export function readSimulated(value: Readonly<Record<string, unknown>>): Omit<SimulationResult, 'slot'> {
  const logs = value.logs == null ? [] : asArray(value.logs, 'the logs').map((line) => asText(line, 'a log line'));
  const units = value.unitsConsumed;
  return { err: readTransactionError(value.err), logs, unitsConsumed: units == null ? undefined : asCount(units, 'unitsConsumed') };
}

/** Accounts of a program, all of one slot. */
export interface OwnedAccounts {
  readonly slot: Slot;
  readonly accounts: ReadonlyMap<Address, Uint8Array>;
}

/**
 * Reads getProgramAccounts (base64, withContext) by hand: the usual decoders block the event loop for 150 ms at 3,600 accounts. An account of
 * another program, or one that `check` throws Malformed for, is an error that names it: an endpoint that sends one wrong account cannot be
 * trusted to have sent all the right ones.
 *
 * `known`: the addresses of the answer before; checking base58 is half of the work.
 */
export function readOwnedAccounts(
  result: unknown,
  { endpoint, programId }: { readonly endpoint: string; readonly programId: Address },
  check: (data: Buffer) => void = () => undefined,
  known: ReadonlyMap<Address, unknown> = new Map(),
): OwnedAccounts {
  const { slot, value } = asSlotted(result);
  const accounts = new Map<Address, Uint8Array>();
  const isKnown = (text: unknown): text is Address => known.has(text as Address);
  for (const entry of asArray(value, 'the list of accounts')) {
    const { pubkey, account } = isRecord(entry) ? entry : ({} as Readonly<Record<string, unknown>>);
    if (!isKnown(pubkey) && !isAddress(pubkey)) throw new Malformed('an account without an address');
    try {
      const data = ownedData(account, programId);
      check(data);
      if (accounts.has(pubkey)) throw new Malformed('it is listed twice');
      accounts.set(pubkey, data);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new AgentError('LEDGER__BAD_ACCOUNT', { endpoint, account: pubkey, problem: error.message });
    }
  }
  return { slot, accounts };
}

function ownedData(account: unknown, programId: Address): Buffer {
  if (!isRecord(account)) throw new Malformed('it has no account');
  const { owner, data } = account;
  if (owner !== programId) throw new Malformed(`it belongs to ${isAddress(owner) ? owner : 'no program'}, not to ${programId}`);
  return asBase64Data(data, 'its data');
}

const KEY_LENGTH = 32;

/** The check that an account is a User of this device. */
export function requireUserOf(device: Address): (data: Buffer) => void {
  const key = addressBytes(device);
  return (data) => {
    if (data.length < USER_DEVICE_OFFSET + KEY_LENGTH) throw new Malformed(`its ${data.length} bytes are too few for a user`);
    if (data[0] !== AccountType.user) throw new Malformed(`it is of type ${data[0]}, not a user`);
    if (data.compare(key, 0, KEY_LENGTH, USER_DEVICE_OFFSET, USER_DEVICE_OFFSET + KEY_LENGTH) !== 0)
      throw new Malformed('it is a user of another device');
  };
}

/** One transaction in the history of an address. */
export interface ListedTransaction {
  /** Base58. */
  readonly signature: string;
  readonly slot: Slot;
  readonly failed: boolean;
  /** When its block was made, by the ledger's own clock, to the second; undefined where the node does not know. */
  readonly at: EpochMs | undefined;
}

/** getSignaturesForAddress: the newest first, none newer than `atMost`, which belongs to the page before. */
export function readListed(result: unknown, atMost: Slot | undefined): readonly ListedTransaction[] {
  let last = atMost;
  return asArray(result, 'the list of signatures').map((value) => {
    const entry = asRecord(value, 'a signature');
    const at = slot(asCount(entry.slot, 'the slot of a signature'));
    if (last !== undefined && at > last) throw new Malformed(`slot ${at} is listed after slot ${last}, though the newest comes first`);
    last = at;
    return {
      signature: asText(entry.signature, 'signature'),
      slot: at,
      failed: readTransactionError(entry.err) !== null,
      at: readTime(entry.blockTime, 'blockTime'),
    };
  });
}

/** Seconds since 1970 that a Date can hold, or null. */
function readTime(value: unknown, what: string): EpochMs | undefined {
  if (value == null) return undefined;
  const seconds = asCount(value, what);
  if (seconds > 8_640_000_000_000) throw new Malformed(`${what} is ${seconds}, beyond all dates`);
  return epochMs(1_000 * seconds);
}

/** An instruction that another program called, by indexes into the account keys of its transaction. */
interface InnerInstruction {
  /** Index of the instruction that led to it. */
  readonly of: number;
  readonly programIdIndex: number;
  readonly accountIndexes: readonly number[];
  /** Base58. */
  readonly data: string;
}

/** The 10,240 bytes that a program may pass to another. Decoding base58 takes quadratic time. */
const MAX_BASE58 = 14_000;

function asBase58(value: unknown): string {
  const text = asText(value, 'data');
  if (text.length > MAX_BASE58 || /[^1-9A-HJ-NP-Za-km-z]/.test(text)) throw new Malformed('the data of an inner instruction is not base58');
  return text;
}

/** A transaction of the history. */
export interface StoredTransaction {
  readonly slot: Slot;
  readonly at: EpochMs | undefined;
  readonly failed: boolean;
  /** As it was sent. */
  readonly wire: Uint8Array;
  /** Accounts from lookup tables: those after the keys in the message. */
  readonly loaded: readonly Address[];
  readonly inner: readonly InnerInstruction[];
}

/** getTransaction with base64 encoding; undefined when the node does not have it. */
export function readStored(result: unknown): StoredTransaction | undefined {
  if (result === null) return undefined;
  const { slot: at, blockTime, transaction, meta: given } = asRecord(result, 'the transaction');
  const meta = asRecord(given, 'meta');
  const { writable = [], readonly = [] } = meta.loadedAddresses == null ? {} : asRecord(meta.loadedAddresses, 'loadedAddresses');
  const inner = meta.innerInstructions == null ? [] : asArray(meta.innerInstructions, 'innerInstructions');
  return {
    slot: slot(asCount(at, 'slot')),
    at: readTime(blockTime, 'blockTime'),
    failed: readTransactionError(meta.err) !== null,
    wire: asBase64Data(transaction, 'the transaction'),
    loaded: [...asArray(writable, 'writable'), ...asArray(readonly, 'readonly')].map((address) => {
      if (!isAddress(address)) throw new Malformed('a loaded address is not an address');
      return address;
    }),
    inner: inner.flatMap((value) => {
      const { index, instructions } = asRecord(value, 'inner instructions');
      const of = asCount(index, 'index');
      return asArray(instructions, 'instructions').map((each) => {
        const { programIdIndex, accounts, data } = asRecord(each, 'an inner instruction');
        const accountIndexes = asArray(accounts, 'accounts').map((account) => asCount(account, 'an account index'));
        return { of, programIdIndex: asCount(programIdIndex, 'programIdIndex'), accountIndexes, data: asBase58(data) };
      });
    }),
  };
}
