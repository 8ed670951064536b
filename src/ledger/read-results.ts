import { isAddress, type Lamports, lamports, type Slot, slot } from '../serviceability/index.ts';
import { asArray, asBase64Data, asCount, asRecord, asSlotted, asText, Malformed } from './json.ts';
import type { AccountInfo, SignatureStatus, SimulationResult, TransactionErrorJson } from './ledger-rpc.ts';

/** getEpochInfo. */
export function readEpochInfo(result: unknown): { readonly slot: Slot; readonly blockHeight: bigint } {
  const info = asRecord(result, 'the epoch info');
  return { slot: slot(asCount(info.absoluteSlot, 'absoluteSlot')), blockHeight: BigInt(asCount(info.blockHeight, 'blockHeight')) };
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

/** Nothing lands after the slot that an answer is of. Believed, it would pass for newer than every view of the ledger for as long as it is ahead. */
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
  if (confirmationStatus != null) throw new Malformed('a confirmationStatus that is none');
  return confirmations === null ? 'finalized' : 'processed';
}

/** A transaction's error, `null` for none: a name, or an object of one kind. */
export function readTransactionError(value: unknown): TransactionErrorJson | null {
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
  return { err: readTransactionError(value.err), logs, ...(units == null ? {} : { unitsConsumed: asCount(units, 'unitsConsumed') }) };
}
