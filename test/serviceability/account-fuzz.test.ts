import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/lib/index.ts';
import { type Account, AccountType, type AccountValues, decodeAccount, encodeAccount } from '../../src/serviceability/index.ts';
import { ACCOUNT_TYPES, someAccount } from './account-builders.ts';

/** More of them, a million in continuous integration, with the environment variable. */
const INPUTS = Number(process.env.DZD_FUZZ_INPUTS ?? 20_000);
const SEED = Number(process.env.DZD_FUZZ_SEED ?? 19);

/** No layout has more bytes than this without any element in its vectors: what encoding adds to an account that ends early. */
const LONGEST_EMPTY = 260;
/** Counts that overflow, that are just too large, and that are huge but fit into 32 bits when multiplied. */
const BAD_COUNTS = [0xffff_ffff, 0x8000_0000, 0x0800_0000, 0x0400_0001, 1_000_000, 64, 2];

const random = seededRandom(SEED);
const upTo = (end: number): number => Math.floor(random() * end);

/** Whole accounts to damage; those of bytes alone rarely get past their first vector. */
const whole = ACCOUNT_TYPES.flatMap((type) =>
  fc
    .sample<AccountValues[typeof type]>(someAccount[type] as fc.Arbitrary<AccountValues[typeof type]>, { seed: SEED, numRuns: 30 })
    .map((value) => encodeAccount({ type, value } as Account)),
);

function nextInput(): Uint8Array {
  const type = ACCOUNT_TYPES[upTo(ACCOUNT_TYPES.length)] ?? 'user';
  if (random() < 0.3) return Uint8Array.from({ length: 1 + upTo(400) }, (_, index) => (index === 0 ? AccountType[type] : upTo(256)));
  const model = whole[upTo(whole.length)] ?? Uint8Array.of(7);
  const data = new Uint8Array(1 + upTo(model.length + 40));
  data.set(model.subarray(0, data.length));
  const view = new DataView(data.buffer);
  for (let damage = upTo(4); damage > 0; damage--) {
    const at = 1 + upTo(data.length);
    if (random() < 0.5 && at + 4 <= data.length) view.setUint32(at, BAD_COUNTS[upTo(BAD_COUNTS.length)] ?? 0, true);
    else if (at < data.length) data[at] = upTo(256);
  }
  return data;
}

test(`${INPUTS} damaged accounts are read without an error, without believing a count, and given back byte by byte`, () => {
  const hits = new Map<string, number>();
  for (let input = 0; input < INPUTS; input++) {
    const data = nextInput();
    const problem = problemWith(data, hits);
    if (problem !== undefined) expect.fail(`input ${input} of seed ${SEED}: ${problem}\n${Buffer.from(data).toString('hex')}`);
  }
  expect([...hits.keys()].sort()).toEqual([...ACCOUNT_TYPES].sort());
  expect([...hits.values()].reduce((sum, count) => sum + count, 0)).toBe(INPUTS);
}, 600_000);

function problemWith(data: Uint8Array, hits: Map<string, number>): string | undefined {
  try {
    const account = decodeAccount(data);
    // The program refuses a GlobalState whose list is longer than its data, so it is no GlobalState here either. Its bytes are kept.
    const isRefused = account.type === 'unknown' && data[0] === AccountType.globalState;
    const name = isRefused ? 'globalState' : account.type;
    hits.set(name, (hits.get(name) ?? 0) + 1);
    if (isRefused) return Buffer.compare(encodeAccount(account), data) === 0 ? undefined : 'it is not given back';
    if (account.type === 'unknown') return 'the type is not recognized';
    const { type, value } = account;
    const grown = encodeAccount({ type, value } as Account).length - data.length;
    if (grown > LONGEST_EMPTY) return `${grown} bytes came out of nothing`;
    return Buffer.compare(encodeAccount(account), data) === 0 ? undefined : 'it is not given back';
  } catch (error) {
    return String(error);
  }
}
