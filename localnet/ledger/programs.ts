import { type Address, addressBytes, addressOf, lamports } from '../../src/serviceability/index.ts';
import { type Account, type AccountMeta, type InstructionContext, InstructionFailure, type Program } from './runtime.ts';
import { SYSTEM_PROGRAM } from './transaction.ts';

const UNITS = 150;

/** Its instructions take effect before the transaction runs (readComputeBudget); running them costs 150 units. */
export const computeBudgetProgram: Program = {
  builtin: true,
  execute(context) {
    context.consume(UNITS);
  },
};

const CREATE_ACCOUNT = 0;
const ASSIGN = 1;
const TRANSFER = 2;
const ALLOCATE = 8;

const ACCOUNT_ALREADY_IN_USE = { Custom: 0 };
const RESULT_WITH_NEGATIVE_LAMPORTS = { Custom: 1 };
const INVALID_ACCOUNT_DATA_LENGTH = { Custom: 3 };
const MAX_ACCOUNT_BYTES = 10 * 1024 * 1024;

/** The system program's CreateAccount, Assign, Transfer and Allocate; its other instructions are refused as InvalidInstructionData. */
export const systemProgram: Program = {
  builtin: true,
  execute(context) {
    context.consume(UNITS);
    const view = new DataView(context.data.buffer, context.data.byteOffset, context.data.byteLength);
    const tag = view.byteLength >= 4 ? view.getUint32(0, true) : undefined;
    if (tag === TRANSFER && view.byteLength >= 12) return transfer(context, view.getBigUint64(4, true));
    if (tag === CREATE_ACCOUNT && view.byteLength >= 52) {
      const owner = addressOf(context.data.subarray(20, 52));
      return createAccount(context, view.getBigUint64(4, true), Number(view.getBigUint64(12, true)), owner);
    }
    if (tag === ALLOCATE && view.byteLength >= 12) return allocate(context, Number(view.getBigUint64(4, true)));
    if (tag === ASSIGN && view.byteLength >= 36) return assign(context, addressOf(context.data.subarray(4, 36)));
    throw new InstructionFailure('InvalidInstructionData');
  },
};

/** The data of a Transfer: tag u32 LE, lamports u64 LE. */
export function encodeTransfer(amount: bigint): Uint8Array {
  const data = new Uint8Array(12);
  const view = new DataView(data.buffer);
  view.setUint32(0, TRANSFER, true);
  view.setBigUint64(4, amount, true);
  return data;
}

/** The data of a CreateAccount: tag u32 LE, lamports u64 LE, bytes u64 LE, owner. */
export function encodeCreateAccount(amount: bigint, space: number, owner: Address): Uint8Array {
  const data = new Uint8Array(52);
  const view = new DataView(data.buffer);
  view.setUint32(0, CREATE_ACCOUNT, true);
  view.setBigUint64(4, amount, true);
  view.setBigUint64(12, BigInt(space), true);
  data.set(addressBytes(owner), 20);
  return data;
}

/** The data of an Allocate: tag u32 LE, bytes u64 LE. */
export function encodeAllocate(space: number): Uint8Array {
  const data = encodeTransfer(BigInt(space));
  new DataView(data.buffer).setUint32(0, ALLOCATE, true);
  return data;
}

/** The data of an Assign: tag u32 LE, owner. */
export function encodeAssign(owner: Address): Uint8Array {
  const data = new Uint8Array(36);
  data[0] = ASSIGN;
  data.set(addressBytes(owner), 4);
  return data;
}

function transfer(context: InstructionContext, amount: bigint): void {
  const [from, to] = twoAccounts(context);
  if (!from.isSigner) {
    context.logRaw(`Transfer: \`from\` account ${from.address} must sign`);
    throw new InstructionFailure('MissingRequiredSignature');
  }
  move(context, from, to, amount, 'Transfer');
}

function createAccount(context: InstructionContext, amount: bigint, space: number, owner: Address): void {
  const [from, to] = twoAccounts(context);
  const existing = context.read(to.address);
  if (!to.isSigner || !from.isSigner) throw new InstructionFailure('MissingRequiredSignature');
  if (existing.lamports > 0n || existing.data.length > 0 || existing.owner !== SYSTEM_PROGRAM) {
    context.logRaw(`Create Account: account ${to.address} already in use`);
    throw new InstructionFailure(ACCOUNT_ALREADY_IN_USE);
  }
  if (space > MAX_ACCOUNT_BYTES) throw new InstructionFailure(INVALID_ACCOUNT_DATA_LENGTH);
  move(context, from, to, amount, 'Create Account');
  context.write(to.address, { ...context.read(to.address), owner, data: new Uint8Array(space) });
}

function allocate(context: InstructionContext, space: number): void {
  const { address, account } = ownAccount(context);
  if (account.data.length > 0) throw new InstructionFailure(ACCOUNT_ALREADY_IN_USE);
  if (space > MAX_ACCOUNT_BYTES) throw new InstructionFailure(INVALID_ACCOUNT_DATA_LENGTH);
  context.write(address, { ...account, data: new Uint8Array(space) });
}

function assign(context: InstructionContext, owner: Address): void {
  const { address, account } = ownAccount(context);
  context.write(address, { ...account, owner });
}

/** The instruction's only account, which must sign and belong to the system program. */
function ownAccount(context: InstructionContext): { readonly address: Address; readonly account: Account } {
  const [meta] = context.accounts;
  if (meta === undefined) throw new InstructionFailure('NotEnoughAccountKeys');
  const account = context.read(meta.address);
  if (!meta.isSigner) throw new InstructionFailure('MissingRequiredSignature');
  if (account.owner !== SYSTEM_PROGRAM) throw new InstructionFailure(ACCOUNT_ALREADY_IN_USE);
  return { address: meta.address, account };
}

function move(context: InstructionContext, from: AccountMeta, to: AccountMeta, amount: bigint, what: string): void {
  const source = context.read(from.address);
  if (source.data.length > 0) {
    context.logRaw(`${what}: \`from\` must not carry data`);
    throw new InstructionFailure('InvalidArgument');
  }
  if (source.owner !== SYSTEM_PROGRAM) throw new InstructionFailure('ExternalAccountLamportSpend');
  if (source.lamports < amount) {
    context.logRaw(`${what}: insufficient lamports ${source.lamports}, need ${amount}`);
    throw new InstructionFailure(RESULT_WITH_NEGATIVE_LAMPORTS);
  }
  if (amount > 0n && !(from.isWritable && to.isWritable)) throw new InstructionFailure('ReadonlyLamportChange');
  context.write(from.address, withBalance(source, source.lamports - amount));
  const target = context.read(to.address);
  context.write(to.address, withBalance(target, target.lamports + amount));
}

const withBalance = (account: Account, balance: bigint): Account => ({ ...account, lamports: lamports(balance) });

function twoAccounts({ accounts }: InstructionContext): readonly [AccountMeta, AccountMeta] {
  const [first, second] = accounts;
  if (first === undefined || second === undefined) throw new InstructionFailure('NotEnoughAccountKeys');
  return [first, second];
}
