import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Account, createAccount, executeTransaction } from '../../../localnet/ledger/runtime.ts';
import { createPrograms, programAccounts } from '../../../localnet/ledger/serviceability.ts';
import { type Address, findNetwork, type Instruction, lamports, slot, ZERO_ADDRESS } from '../../../src/serviceability/index.ts';
import { compile } from '../rfc11/compile.ts';

/** An account in the corpus; null where there is none. */
type CorpusAccount = { readonly owner: Address; readonly lamports: number; readonly data: string } | null;

/** A row of deployed-program.corpus.jsonl.gz; README.md describes it. */
interface CorpusCase {
  readonly name: string;
  /** The Clock's; absent where the transaction did not land. */
  readonly slot?: number;
  readonly payer: Address;
  readonly instructions: readonly (Omit<Instruction, 'programId' | 'data'> & { readonly data: string })[];
  readonly landed: boolean;
  readonly err: unknown;
  readonly accounts: Readonly<Record<Address, { readonly before: CorpusAccount; readonly after?: CorpusAccount }>>;
}

const PROGRAM = findNetwork('localnet')?.programId ?? ZERO_ADDRESS;
const corpus = gunzipSync(readFileSync(new URL('deployed-program.corpus.jsonl.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n')
  .map((line): CorpusCase => JSON.parse(line));
const PROGRAMS = { deployed: createPrograms(PROGRAM, 'deployed'), rfc11: createPrograms(PROGRAM, 'rfc11') };

const toAccount = ({ owner, lamports: balance, data }: NonNullable<CorpusAccount>): Account =>
  createAccount(owner, new Uint8Array(Buffer.from(data, 'hex')), lamports(balance));
const toCorpus = ({ owner, lamports: balance, data }: Account): CorpusAccount => ({
  owner,
  lamports: Number(balance),
  data: Buffer.from(data).toString('hex'),
});

/** What localnet makes of the case, in the corpus's terms. */
function outcomeOf(
  row: CorpusCase,
  program: keyof typeof PROGRAMS,
): Pick<CorpusCase, 'landed' | 'err'> & { readonly after: Record<string, CorpusAccount> } {
  const accounts = new Map<Address, Account>(programAccounts(PROGRAM));
  for (const [address, { before }] of Object.entries(row.accounts))
    if (before !== null) accounts.set(address as Address, toAccount(before));
  const instructions = row.instructions.map(({ data, ...rest }) => ({ ...rest, programId: PROGRAM, data: Buffer.from(data, 'hex') }));
  const result = executeTransaction(compile(instructions, row.payer), {
    slot: slot(row.slot ?? 0),
    programs: PROGRAMS[program],
    readAccount: (address) => accounts.get(address),
  });
  const after: Record<string, CorpusAccount> = {};
  if (result.kind === 'not-executable') return { landed: false, err: result.err, after };
  for (const [address, account] of result.writes) after[address] = toCorpus(account);
  return { landed: true, err: result.err, after };
}

/** What the deployed program made of it. */
function expectedOf({ landed, err, accounts }: CorpusCase): ReturnType<typeof outcomeOf> {
  const after: Record<string, CorpusAccount> = {};
  for (const [address, account] of Object.entries(accounts)) if (account.after !== undefined) after[address] = account.after;
  return { landed, err, after };
}

const inOrder = ({ after, ...rest }: ReturnType<typeof outcomeOf>) => ({
  ...rest,
  after: Object.entries(after).sort(([a], [b]) => (a < b ? -1 : 1)),
});

const different = (program: keyof typeof PROGRAMS): readonly string[] =>
  corpus
    .filter((row) => JSON.stringify(inOrder(outcomeOf(row, program))) !== JSON.stringify(inOrder(expectedOf(row))))
    .map(({ name }) => name);

test('localnet makes of every row of the corpus what the deployed program made of it, to the byte and lamport', () => {
  expect(corpus).toHaveLength(2_464);
  expect(different('deployed')).toEqual([]);
});

test('with RFC-11, only slots are kept that the deployed program cuts', () => {
  // Exactly as many surplus bytes as RFC-11's slots: freeing the user's resources needs them.
  expect(different('rfc11')).toEqual(['full user cut 344']);
  const row = corpus.find(({ name }) => name === 'full user cut 344');
  const user = row?.instructions[0]?.accounts[0]?.address;
  expect(row).toBeDefined();
  if (row === undefined || user === undefined) return;
  const [kept, cut] = [outcomeOf(row, 'rfc11').after[user]?.data, expectedOf(row).after[user]?.data];
  expect(kept?.slice(0, cut?.length)).toBe(cut);
  expect(kept?.slice(cut?.length)).toBe(row.accounts[user]?.before?.data.slice(cut?.length));
});
