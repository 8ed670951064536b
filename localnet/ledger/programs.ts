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
  payBySignature(context, from, to, amount);
}

/** In the system program's order: the account is allocated and assigned before it is paid for. */
function createAccount(context: InstructionContext, amount: bigint, space: number, owner: Address): void {
  const [from, to] = twoAccounts(context);
  if (context.read(to.address).lamports > 0n) {
    context.logRaw(`Create Account: account ${to.address} already in use`);
    throw new InstructionFailure(ACCOUNT_ALREADY_IN_USE);
  }
  allocateAt(context, to, space);
  assignTo(context, to, owner);
  payBySignature(context, from, to, amount);
}

function allocate(context: InstructionContext, space: number): void {
  allocateAt(context, oneAccount(context), space);
}

function assign(context: InstructionContext, owner: Address): void {
  assignTo(context, oneAccount(context), owner);
}

function allocateAt(context: InstructionContext, { address, isSigner }: AccountMeta, space: number): void {
  requireSignature(context, isSigner, `Allocate: 'to' account ${address} must sign`);
  const account = context.read(address);
  if (account.data.length > 0 || account.owner !== SYSTEM_PROGRAM) {
    context.logRaw(`Allocate: account ${address} already in use`);
    throw new InstructionFailure(ACCOUNT_ALREADY_IN_USE);
  }
  if (space > MAX_ACCOUNT_BYTES) {
    context.logRaw(`Allocate: requested ${space}, max allowed ${MAX_ACCOUNT_BYTES}`);
    throw new InstructionFailure(INVALID_ACCOUNT_DATA_LENGTH);
  }
  context.write(address, { ...account, data: new Uint8Array(space) });
}

/** An account that has this owner already stays as it is, signed or not. */
function assignTo(context: InstructionContext, { address, isSigner }: AccountMeta, owner: Address): void {
  const account = context.read(address);
  if (account.owner === owner) return;
  requireSignature(context, isSigner, `Assign: account ${address} must sign`);
  context.write(address, { ...account, owner });
}

function requireSignature(context: InstructionContext, isSigner: boolean, otherwise: string): void {
  if (isSigner) return;
  context.logRaw(otherwise);
  throw new InstructionFailure('MissingRequiredSignature');
}

function payBySignature(context: InstructionContext, from: AccountMeta, to: AccountMeta, amount: bigint): void {
  requireSignature(context, from.isSigner, `Transfer: \`from\` account ${from.address} must sign`);
  const source = context.read(from.address);
  if (source.data.length > 0) {
    context.logRaw('Transfer: `from` must not carry data');
    throw new InstructionFailure('InvalidArgument');
  }
  if (source.lamports < amount) {
    context.logRaw(`Transfer: insufficient lamports ${source.lamports}, need ${amount}`);
    throw new InstructionFailure(RESULT_WITH_NEGATIVE_LAMPORTS);
  }
  if (source.owner !== SYSTEM_PROGRAM && amount > 0n) throw new InstructionFailure('ExternalAccountLamportSpend');
  // Also for an amount of 0.
  if (!(from.isWritable && to.isWritable)) throw new InstructionFailure('ReadonlyLamportChange');
  context.write(from.address, withBalance(source, source.lamports - amount));
  const target = context.read(to.address);
  context.write(to.address, withBalance(target, target.lamports + amount));
}

const withBalance = (account: Account, balance: bigint): Account => ({ ...account, lamports: lamports(balance) });

function oneAccount({ accounts: [first] }: InstructionContext): AccountMeta {
  if (first === undefined) throw new InstructionFailure('MissingAccount');
  return first;
}

function twoAccounts({ accounts: [first, second] }: InstructionContext): readonly [AccountMeta, AccountMeta] {
  if (first === undefined || second === undefined) throw new InstructionFailure('MissingAccount');
  return [first, second];
}
