import * as litesvm from 'litesvm/dist/internal.js';
import { createLocalLedger } from '../../../localnet/ledger/index.ts';
import { encodeAllocate, encodeAssign, encodeCreateAccount, encodeTransfer } from '../../../localnet/ledger/programs.ts';
import { type Account, createAccount, EMPTY_ACCOUNT, findLockProblem } from '../../../localnet/ledger/runtime.ts';
import {
  COMPUTE_BUDGET_PROGRAM,
  createSigner,
  decodeBase58,
  type Ed25519Signer,
  encodeBase58,
  hasValidSignatures,
  MalformedTransaction,
  type ParsedTransaction,
  parseTransaction,
  SYSTEM_PROGRAM,
  type TransactionErrorJson,
} from '../../../localnet/ledger/transaction.ts';
import { seededRandom } from '../../../src/lib/index.ts';
import { type Address, addressBytes, addressOf, lamports } from '../../../src/serviceability/index.ts';
import { createTestClock } from './ledger-fixture.ts';

/** What a transaction came to, in terms that both machines have. */
interface Outcome {
  /** null, or the error as JSON-RPC gives it. */
  readonly err: unknown;
  /** By address; only those that changed. */
  readonly changes: Readonly<Record<string, string>>;
  readonly units: number;
}

/** A compiled message before it has a blockhash and signatures. */
export interface Sketch {
  readonly version: 'legacy' | 0;
  readonly header: readonly [signatures: number, readonlySigned: number, readonlyUnsigned: number];
  readonly keys: readonly Address[];
  readonly instructions: readonly { readonly program: number; readonly accounts: readonly number[]; readonly data: Uint8Array }[];
  /** An old blockhash, one that never was, or the newest. */
  readonly blockhash: 'newest' | 'expired' | 'unknown';
  /** The first signature is of nothing. LiteSVM ends the process on packets that it cannot decode, so these are not tried. */
  readonly isForged: boolean;
}

const SIGNERS: readonly Ed25519Signer[] = Array.from({ length: 8 }, (_, index) => createSigner(new Uint8Array(32).fill(index + 1)));
const BY_ADDRESS = new Map(SIGNERS.map((signer) => [signer.address, signer]));
export const SIGNING: readonly Address[] = SIGNERS.map(({ address }) => address);

/** The error in Rust's debug form, such as `InstructionError(0, Custom(1))`, as JSON-RPC gives it. LiteSVM exports no names at run time. */
function errorOf(failed: litesvm.FailedTransactionMetadata): unknown {
  const text = /\{ err: (.*?), meta: TransactionMetadata/s.exec(failed.toString())?.[1] ?? failed.toString();
  const [, index, cause = ''] = /^InstructionError\((\d+), (.*)\)$/.exec(text) ?? [];
  if (index !== undefined) {
    const custom = /^Custom\((\d+)\)$/.exec(cause)?.[1];
    return { InstructionError: [Number(index), custom === undefined ? cause : { Custom: Number(custom) }] };
  }
  const rent = /^InsufficientFundsForRent \{ account_index: (\d+) \}$/.exec(text)?.[1];
  if (rent !== undefined) return { InsufficientFundsForRent: { account_index: Number(rent) } };
  const duplicate = /^DuplicateInstruction\((\d+)\)$/.exec(text)?.[1];
  return duplicate === undefined ? text : { DuplicateInstruction: Number(duplicate) };
}

const textOf = ({ owner, lamports: balance, data }: Pick<Account, 'owner' | 'lamports' | 'data'>): string =>
  balance === 0n ? 'none' : `${owner} ${balance} ${Buffer.from(data).toString('hex')}`;

/**
 * SIMD-0392, which the corpus of the deployed program disagrees with: there, an account below rent exemption may go on paying, and may not shrink.
 * Every other feature of LiteSVM is on.
 */
const RELAX_POST_EXEC_MIN_BALANCE_CHECK = 'BY4JhHLahVzS9ynfDz4exzGPbVXhFmJvEyMWsXbDBqME' as Address;

/** Both machines side by side, with the same accounts. */
export function createPair() {
  const vm = new litesvm.LiteSvm();
  const features = litesvm.FeatureSet.allEnabled();
  features.deactivate(addressBytes(RELAX_POST_EXEC_MIN_BALANCE_CHECK));
  vm.setFeatureSet(features);
  const { bank } = createLocalLedger({ clock: createTestClock(), random: seededRandom(1) });
  bank.begin();
  const expired = { vm: vm.latestBlockhash(), localnet: bank.replica().view('processed').latestBlockhash().blockhash };
  vm.expireBlockhash();
  bank.advance(151);

  const vmAccount = (address: Address): string => {
    const found = vm.getAccount(addressBytes(address));
    return found === null ? 'none' : textOf({ owner: addressOf(found.owner()), lamports: lamports(found.lamports()), data: found.data() });
  };
  const bankAccount = (address: Address): string => textOf(bank.account(address) ?? EMPTY_ACCOUNT);

  function changesOf(addresses: readonly Address[], read: (address: Address) => string, run: () => Omit<Outcome, 'changes'>): Outcome {
    const before = addresses.map(read);
    const result = run();
    const changes = addresses.flatMap((address, index) => (read(address) === before[index] ? [] : [[address, read(address)] as const]));
    return { ...result, changes: Object.fromEntries(changes) };
  }

  return {
    put(address: Address, account: Account | undefined): void {
      const { lamports: balance, data, owner, executable, rentEpoch } = account ?? EMPTY_ACCOUNT;
      vm.setAccount(addressBytes(address), new litesvm.Account(balance, data, addressBytes(owner), executable, rentEpoch));
      bank.putAccount(address, account);
    },
    /** The same message, with the blockhash of each machine. */
    run(
      sketch: Sketch,
      addresses: readonly Address[],
    ): { readonly vm: Outcome; readonly localnet: Outcome; repeat(): { readonly vm: unknown; readonly localnet: unknown } } {
      const unknown = encodeBase58(new Uint8Array(32).fill(9));
      vm.expireBlockhash();
      bank.advance();
      const hashes = {
        newest: { vm: vm.latestBlockhash(), localnet: bank.replica().view('processed').latestBlockhash().blockhash },
        expired,
        unknown: { vm: unknown, localnet: unknown },
      }[sketch.blockhash];
      const forVm = packetOf(sketch, hashes.vm);
      const forLocalnet = packetOf(sketch, hashes.localnet);
      const runVm = () => runOnVm(vm, sketch, forVm);
      const runLocalnet = () => runOnLocalnet(bank, forLocalnet);
      return {
        vm: changesOf(addresses, vmAccount, runVm),
        localnet: changesOf(addresses, bankAccount, runLocalnet),
        repeat: () => ({ vm: runVm().err, localnet: runLocalnet().err }),
      };
    },
  };
}

function runOnVm(vm: litesvm.LiteSvm, { version }: Sketch, packet: Uint8Array): Omit<Outcome, 'changes'> {
  try {
    const result = version === 'legacy' ? vm.sendLegacyTransaction(packet) : vm.sendVersionedTransaction(packet);
    if (!(result instanceof litesvm.FailedTransactionMetadata)) return { err: null, units: Number(result.computeUnitsConsumed()) };
    return { err: errorOf(result), units: Number(result.meta().computeUnitsConsumed()) };
  } catch (error) {
    return { err: `malformed: ${String(error)}`, units: 0 };
  }
}

function runOnLocalnet(bank: ReturnType<typeof createLocalLedger>['bank'], packet: Uint8Array): Omit<Outcome, 'changes'> {
  const refused = (err: TransactionErrorJson | string): Omit<Outcome, 'changes'> => ({ err, units: 0 });
  let transaction: ParsedTransaction;
  try {
    transaction = parseTransaction(packet);
  } catch (error) {
    if (!(error instanceof MalformedTransaction)) throw error;
    return refused(error.stage === 'sanitize' ? 'SanitizeFailure' : 'malformed');
  }
  // A node finds a key that is there twice when it decodes the transaction, before it verifies signatures.
  if (findLockProblem(transaction) === 'AccountLoadedTwice') return refused('AccountLoadedTwice');
  if (!hasValidSignatures(transaction)) return refused('SignatureFailure');
  const simulated = bank.simulate(transaction, bank.replica().view('processed'));
  if (simulated.kind === 'not-executable') return refused(simulated.err);
  bank.submit(transaction);
  bank.advance();
  const landed = bank.replica().status(transaction.signature)?.landed.result;
  if (landed === undefined) return refused('lost');
  return { err: landed.err, units: landed.unitsConsumed };
}

function packetOf({ version, header, keys, instructions, isForged }: Sketch, blockhash: string): Uint8Array {
  const bytes: number[] = version === 0 ? [0x80] : [];
  bytes.push(...header);
  pushLength(bytes, keys.length);
  for (const key of keys) bytes.push(...addressBytes(key));
  bytes.push(...(decodeBase58(blockhash) ?? []));
  pushLength(bytes, instructions.length);
  for (const { program, accounts, data } of instructions) {
    bytes.push(program);
    pushLength(bytes, accounts.length);
    bytes.push(...accounts);
    pushLength(bytes, data.length);
    bytes.push(...data);
  }
  if (version === 0) bytes.push(0);
  const message = Uint8Array.from(bytes);
  const signatures = keys.slice(0, header[0]).map((key) => BY_ADDRESS.get(key)?.sign(message) ?? new Uint8Array(64));
  if (isForged) signatures[0] = new Uint8Array(64).fill(1);
  return Uint8Array.from([signatures.length, ...signatures.flatMap((signature) => [...signature]), ...message]);
}

function pushLength(bytes: number[], length: number): void {
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
}

export const plain = (balance: bigint): Account => createAccount(EMPTY_ACCOUNT.owner, new Uint8Array(), lamports(balance));

const DATA_ACCOUNTS: readonly Address[] = Array.from({ length: 3 }, (_, index) => addressOf(new Uint8Array(32).fill(100 + index)));
const ABSENT_PROGRAM = addressOf(new Uint8Array(32).fill(200));
const OTHER_PROGRAM = addressOf(new Uint8Array(32).fill(201));
/** Every address whose account may change. An account without lamports is none in localnet, and one that is not executable in LiteSVM. */
const TOUCHED: readonly Address[] = [...SIGNING, ...DATA_ACCOUNTS];

const RENT_EXEMPT = 890_880n;
const BALANCES = [
  0n,
  1n,
  5_000n,
  10_000n,
  RENT_EXEMPT - 1n,
  RENT_EXEMPT,
  RENT_EXEMPT + 5_000n,
  2n * RENT_EXEMPT,
  1_000_000_000n,
  1_000_000_000n,
];
const AMOUNTS = [
  0n,
  1n,
  5_000n,
  RENT_EXEMPT - 1n,
  RENT_EXEMPT,
  2n * RENT_EXEMPT,
  80_000_000n,
  100_000_000n,
  999_995_000n,
  (1n << 64n) - 1n,
];
const SPACES = [0, 1, 10, 1_000, 10_240, 10 * 1024 * 1024, 10 * 1024 * 1024 + 1, 2 ** 40];

/** Random accounts, and a random transaction on them: all that a seed decides. */
export function randomCase(seed: number): {
  readonly accounts: ReadonlyMap<Address, Account | undefined>;
  readonly sketch: Sketch;
  readonly repeats: boolean;
} {
  const random = seededRandom(seed);
  const chance = (probability: number): boolean => random() < probability;
  const below = (end: number): number => Math.floor(random() * end);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };

  const accounts = new Map<Address, Account | undefined>(TOUCHED.map((address) => [address, undefined]));
  const randomAccount = (): Account | undefined => {
    const balance = chance(0.5) ? 1_000_000_000n : pick(BALANCES);
    if (balance === 0n) return undefined;
    const data = chance(0.1) ? new Uint8Array(pick([1, 10, 80])).fill(7) : new Uint8Array();
    return createAccount(chance(0.08) ? OTHER_PROGRAM : EMPTY_ACCOUNT.owner, data, lamports(balance));
  };
  for (const address of [...SIGNING, ...DATA_ACCOUNTS]) accounts.set(address, randomAccount());
  const payer = pick(SIGNING);
  if (chance(0.8)) accounts.set(payer, plain(1_000_000_000n));

  const keys: Address[] = [payer];
  const signed = new Set<Address>([payer]);
  const wanted = new Set<Address>([payer]);
  const instructions: { program: Address; accounts: readonly Address[]; data: Uint8Array }[] = [];
  const useSigner = (address: Address): Address => {
    if (chance(0.96) && SIGNING.includes(address)) signed.add(address);
    if (chance(0.95)) wanted.add(address);
    return address;
  };
  const usePlain = (address: Address): Address => {
    if (chance(0.95)) wanted.add(address);
    return address;
  };
  const anyone = (): Address => pick([...SIGNING, ...SIGNING, ...DATA_ACCOUNTS, payer]);
  const absentSigner = (): Address => {
    const address = pick(SIGNING);
    if (address !== payer && chance(0.5)) accounts.set(address, undefined);
    return address;
  };
  const existing = (address: Address): Address => {
    if (accounts.get(address) === undefined) accounts.set(address, plain(RENT_EXEMPT));
    return address;
  };
  const cut = (data: Uint8Array): Uint8Array => (chance(0.02) ? data.subarray(0, below(data.length)) : data);
  const kinds: readonly (() => void)[] = [
    () =>
      void instructions.push({
        program: SYSTEM_PROGRAM,
        accounts: [useSigner(anyone()), usePlain(anyone())],
        data: cut(encodeTransfer(pick(AMOUNTS))),
      }),
    () =>
      void instructions.push({
        program: SYSTEM_PROGRAM,
        accounts: [useSigner(payer), usePlain(anyone())],
        data: cut(encodeTransfer(pick(AMOUNTS))),
      }),
    () =>
      void instructions.push({
        program: SYSTEM_PROGRAM,
        accounts: [useSigner(chance(0.6) ? payer : anyone()), useSigner(absentSigner())],
        data: cut(encodeCreateAccount(pick(AMOUNTS), pick(SPACES), pick([OTHER_PROGRAM, SYSTEM_PROGRAM]))),
      }),
    () => void instructions.push({ program: SYSTEM_PROGRAM, accounts: [useSigner(anyone())], data: cut(encodeAllocate(pick(SPACES))) }),
    () =>
      void instructions.push({
        program: SYSTEM_PROGRAM,
        accounts: [useSigner(anyone())],
        data: cut(encodeAssign(pick([OTHER_PROGRAM, SYSTEM_PROGRAM]))),
      }),
    () =>
      void instructions.push({
        program: SYSTEM_PROGRAM,
        accounts: chance(0.5) ? [] : [useSigner(anyone())],
        data: encodeTransfer(pick(AMOUNTS)),
      }),
    () => void instructions.push({ program: COMPUTE_BUDGET_PROGRAM, accounts: [], data: cut(budgetRequest(below)) }),
    () =>
      void instructions.push({
        program: chance(0.5) ? ABSENT_PROGRAM : existing(pick(DATA_ACCOUNTS)),
        accounts: [usePlain(anyone())],
        data: Uint8Array.of(1),
      }),
  ];
  const weights = [6, 4, 4, 2, 2, 1, 4, 0.4];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let count = 1 + below(4); count > 0; count -= 1) {
    let at = random() * total;
    const index = weights.findIndex((weight) => {
      at -= weight;
      return at < 0;
    });
    kinds[index]?.();
  }

  const all = new Set<Address>([payer, ...instructions.flatMap((one) => [...one.accounts, one.program])]);
  if (chance(0.1)) for (let extra = below(30); extra > 0; extra -= 1) all.add(addressOf(Uint8Array.from({ length: 32 }, () => below(256))));
  const programs = new Set(instructions.map(({ program }) => program));
  const isWritable = (address: Address): boolean => wanted.has(address) && (!programs.has(address) || chance(0.05));
  const group = (isSigned: boolean, writable: boolean): readonly Address[] =>
    [...all].filter((address) => signed.has(address) === isSigned && isWritableOnce(address) === writable);
  const writability = new Map([...all].map((address) => [address, address === payer || isWritable(address)]));
  function isWritableOnce(address: Address): boolean {
    return writability.get(address) === true;
  }
  const [signedWritable, signedReadonly, writable, readonly] = [
    group(true, true),
    group(true, false),
    group(false, true),
    group(false, false),
  ];
  keys.push(...signedWritable.filter((address) => address !== payer), ...signedReadonly, ...writable, ...readonly);
  if (chance(0.02)) keys.push(pick(keys));
  return {
    accounts,
    sketch: {
      version: chance(0.3) ? 0 : 'legacy',
      header: [signedWritable.length + signedReadonly.length, signedReadonly.length, readonly.length],
      keys,
      instructions: instructions.map(({ program, accounts: named, data }) => ({
        program: keys.indexOf(program),
        accounts: named.map((address) => keys.indexOf(address)),
        data,
      })),
      blockhash: chance(0.92) ? 'newest' : pick(['expired', 'unknown']),
      isForged: chance(0.03),
    },
    repeats: chance(0.1),
  };
}

function budgetRequest(below: (end: number) => number): Uint8Array {
  const data = new Uint8Array(9);
  const view = new DataView(data.buffer);
  const tag = 1 + below(4);
  data[0] = below(30) === 0 ? below(256) : tag;
  const kib = 1_024;
  const values: Readonly<Record<number, readonly number[]>> = {
    1: [32 * kib, 33 * kib, 64 * kib, 256 * kib, 257 * kib, 100],
    2: [0, 149, 150, 450, 3_000, 200_000, 1_400_000, 2_000_000],
    4: [0, 100, 450, 32 * kib, 1_024 * kib, 64 * 1_024 * kib, 65 * 1_024 * kib],
  };
  const choices = values[tag] ?? [0];
  if (tag === 3) view.setBigUint64(1, [0n, 1n, 7n, 1_000n, 1_000_000n, 10n ** 9n, (1n << 64n) - 1n][below(7)] ?? 0n, true);
  else view.setUint32(1, choices[below(choices.length)] ?? 0, true);
  return tag === 3 ? data : data.subarray(0, 5);
}

/** LiteSVM takes a program that does not exist for an empty account; a validator has an error of its own for it. */
const isExplained = (vm: Outcome, localnet: Outcome): boolean =>
  vm.err === 'InvalidProgramForExecution' && localnet.err === 'ProgramAccountNotFound' && Object.keys(localnet.changes).length === 0;

/** Runs a case on both machines, and returns what differs without an explanation; undefined when nothing does. */
export function differenceOf(pair: ReturnType<typeof createPair>, seed: number): object | undefined {
  const { accounts, sketch, repeats } = randomCase(seed);
  for (const [address, account] of accounts) pair.put(address, account);
  const { repeat, vm, localnet } = pair.run(sketch, TOUCHED);
  if (isExplained(vm, localnet)) return undefined;
  const repeated = repeats ? repeat() : undefined;
  const isSame = JSON.stringify([vm, repeated?.vm]) === JSON.stringify([localnet, repeated?.localnet]);
  return isSame ? undefined : { seed, vm, localnet, repeated, sketch };
}

/** The differences of so many cases, from this seed on. */
export function differences(first: number, count: number): readonly object[] {
  const pair = createPair();
  return Array.from({ length: count }, (_, index) => differenceOf(pair, first + index) ?? []).flat();
}
