import { expect, test } from 'vitest';
import {
  type Account,
  createAccount,
  executeTransaction,
  type InstructionContext,
  type Program,
  rentExemptMinimum,
} from '../../../localnet/ledger/runtime.ts';
import { createPrograms, programAccounts } from '../../../localnet/ledger/serviceability.ts';
import { SYSTEM_PROGRAM } from '../../../localnet/ledger/transaction.ts';
import { type Address, lamports, slot } from '../../../src/serviceability/index.ts';
import { compile } from '../rfc11/compile.ts';
import { CUSTOMER, key, PROGRAM } from '../rfc11/rfc11-world.ts';

const OWN = key('own account');
const FOREIGN = key('foreign account');

/** What Solana says to a program that does this with its own writable account, a foreign one, and the payer, who signs. */
function outcomeOf(misbehave: (context: InstructionContext) => void, ownIsWritable = true): unknown {
  const program: Program = { builtin: false, execute: misbehave };
  const accounts = new Map<Address, Account>([
    ...programAccounts(PROGRAM),
    [OWN, createAccount(PROGRAM, new Uint8Array(10))],
    [FOREIGN, createAccount(key('another program'), new Uint8Array(10))],
    [CUSTOMER, createAccount(SYSTEM_PROGRAM, new Uint8Array(), lamports(1_000_000_000))],
  ]);
  const metas = [
    { address: OWN, signer: false, writable: ownIsWritable },
    { address: FOREIGN, signer: false, writable: true },
    { address: CUSTOMER, signer: true, writable: true },
  ];
  const result = executeTransaction(compile([{ programId: PROGRAM, accounts: metas, data: new Uint8Array() }], CUSTOMER), {
    slot: slot(100),
    programs: new Map([...createPrograms(PROGRAM), [PROGRAM, program]]),
    readAccount: (address) => accounts.get(address),
  });
  if (result.kind === 'not-executable' || result.err === null) return null;
  return typeof result.err === 'object' && 'InstructionError' in result.err ? result.err.InstructionError[1] : result.err;
}

const change = (address: Address, by: (account: Account) => Partial<Account>) => (context: InstructionContext) =>
  context.write(address, { ...context.read(address), ...by(context.read(address)) });
const pay = (address: Address, amount: bigint) => change(address, (account) => ({ lamports: lamports(account.lamports + amount) }));

test.each([
  ['writes its own account', change(OWN, () => ({ data: new Uint8Array(10) })), true, null],
  ['writes its own account though read-only', change(OWN, () => ({ data: new Uint8Array(10) })), false, 'ReadonlyDataModified'],
  ["writes another program's account", change(FOREIGN, () => ({ data: new Uint8Array(10) })), true, 'ExternalAccountDataModified'],
  ["takes another program's lamports", pay(FOREIGN, -1n), true, 'ExternalAccountLamportSpend'],
  ["takes the payer's lamports without asking the System program", pay(CUSTOMER, -1n), true, 'ExternalAccountLamportSpend'],
  ['makes lamports', pay(OWN, 1n), true, 'UnbalancedInstruction'],
  ['loses lamports', pay(OWN, -1n), true, 'UnbalancedInstruction'],
  ['moves lamports of a read-only account', pay(OWN, -1n), false, 'ReadonlyLamportChange'],
  ["takes another's account as its own", change(FOREIGN, () => ({ owner: PROGRAM })), true, 'ModifiedProgramId'],
  ['writes an account that it was not given', change(key('elsewhere'), () => ({ data: new Uint8Array(1) })), true, 'MissingAccount'],
] as const)('a program that %s', (_, misbehave, writable, expected) => {
  expect(outcomeOf(misbehave, writable)).toBe(expected);
});

test('a program may give its lamports away', () => {
  const gift = rentExemptMinimum(10);
  expect(
    outcomeOf((context) => {
      pay(OWN, -gift)(context);
      pay(CUSTOMER, gift)(context);
    }),
  ).toBeNull();
});
