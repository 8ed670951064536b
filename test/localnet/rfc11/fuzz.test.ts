import { describe, expect, test } from 'vitest';
import { parseTransaction } from '../../../localnet/ledger/index.ts';
import { MalformedTransaction } from '../../../localnet/ledger/transaction.ts';
import type { AccountMeta, Address, Instruction } from '../../../src/serviceability/index.ts';
import { RFC11_ERRORS } from '../../../src/serviceability/rfc11/index.ts';
import { createRandomLife, type RandomLife } from './random-life.ts';
import {
  CUSTOMER,
  client,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  key,
  newUser,
  OPERATOR,
  OUTSIDER,
  PROGRAM,
  userAt,
} from './rfc11-world.ts';

/** 100,000 in CI, which asks other fuzz tests for more; fewer here, so that everybody's `npm test` stays short. */
const INPUTS = Math.min(100_000, Number(process.env.DZD_FUZZ_INPUTS ?? 2_000));
const SEEDS = [1, 2, 3, 4];

/** Errors that Solana's runtime has names for; everything else must be one of the program's or RFC-11's own. */
const RUNTIME_ERRORS = [
  'ComputationalBudgetExceeded',
  'ExternalAccountDataModified',
  'ExternalAccountLamportSpend',
  'InvalidAccountData',
  'InvalidAccountOwner',
  'InvalidArgument',
  'InvalidInstructionData',
  'InvalidRealloc',
  'InvalidSeeds',
  'MaxSeedLengthExceeded',
  'MissingAccount',
  'MissingRequiredSignature',
  'NotEnoughAccountKeys',
  'PrivilegeEscalation',
  'ProgramFailedToComplete',
  'ReadonlyDataModified',
  'ReadonlyLamportChange',
];
const isKnown = (err: string): boolean => {
  const name = err.replace(/^instruction \d+: /, '');
  const code = /^Custom (\d+)$/.exec(name)?.[1];
  return RUNTIME_ERRORS.includes(name) || RFC11_ERRORS.some((error) => error.name === name) || (code !== undefined && Number(code) <= 104);
};

type Mutation = (instruction: Instruction) => Instruction;

function mutationsOf({ random, next, world }: RandomLife): readonly Mutation[] {
  const whole = (end: number): number => Math.floor(random() * end);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => whole(256));
  const anyAddress = (): Address => {
    const known = [...world.accounts.keys()];
    return random() < 0.1 ? key(`unknown ${whole(1_000)}`) : (known[whole(known.length)] ?? PROGRAM);
  };
  const withAccounts = (change: (accounts: readonly AccountMeta[]) => readonly AccountMeta[]): Mutation => {
    return (instruction) => ({ ...instruction, accounts: change(instruction.accounts) });
  };
  const withOne = (change: (meta: AccountMeta) => AccountMeta): Mutation =>
    withAccounts((accounts) => {
      const at = whole(accounts.length);
      return accounts.map((meta, index) => (index === at ? change(meta) : meta));
    });
  return [
    (instruction) => instruction,
    (instruction) => ({ ...instruction, data: Uint8Array.of(160 + whole(20), ...bytes(whole(60))) }),
    (instruction) => ({ ...instruction, data: bytes(whole(40)) }),
    (instruction) => ({ ...instruction, data: instruction.data.subarray(0, whole(instruction.data.length + 1)) }),
    (instruction) => ({ ...instruction, data: Uint8Array.of(...instruction.data, ...bytes(1 + whole(20))) }),
    (instruction) => {
      const data = new Uint8Array(instruction.data);
      if (data.length > 0) data[whole(data.length)] = whole(256);
      return { ...instruction, data };
    },
    // A vector that says that it has four billion elements.
    (instruction) => ({ ...instruction, data: Uint8Array.of(instruction.data[0] ?? 160, 0xff, 0xff, 0xff, 0xff, ...bytes(whole(20))) }),
    (instruction) => ({ ...instruction, data: next().data }),
    withOne((meta) => ({ ...meta, address: anyAddress() })),
    withOne((meta) => ({ ...meta, signer: !meta.signer })),
    withOne((meta) => ({ ...meta, writable: !meta.writable })),
    withAccounts((accounts) => accounts.slice(0, whole(accounts.length))),
    withAccounts((accounts) => accounts.map((meta) => ({ ...meta, signer: false }))),
    withAccounts((accounts) => {
      const repeated = accounts[whole(accounts.length)];
      return repeated === undefined ? accounts : accounts.map((meta) => (random() < 0.5 ? repeated : meta));
    }),
    withAccounts((accounts) => accounts.toSorted(() => random() - 0.5)),
    withAccounts((accounts) => [...accounts, { address: anyAddress(), signer: false, writable: true }]),
  ];
}

describe('whatever is sent', () => {
  test.each(SEEDS)(
    `is done whole or refused with a known error, and lamports are conserved (seed %i of ${SEEDS.length}, ${INPUTS} transactions in all)`,
    (seed) => {
      const life = createRandomLife(seed);
      const { world, random, next } = life;
      const mutations = mutationsOf(life);
      const payers = [CUSTOMER, OUTSIDER, OPERATOR, FOUNDATION];
      let [done, refused] = [0, 0];
      for (let input = 0; input < INPUTS / SEEDS.length; input++) {
        let instruction = next();
        for (let n = Math.floor(random() * 3); n > 0; n--)
          instruction = mutations[Math.floor(random() * mutations.length)]?.(instruction) ?? instruction;
        const payer = payers[Math.floor(random() * payers.length)] ?? CUSTOMER;
        world.fund(payer);
        const signers = new Set([payer, ...instruction.accounts.filter(({ signer }) => signer).map(({ address }) => address)]);
        const changed = world.watch();
        const before = world.lamports();
        const { err } = world.run(instruction, payer);
        expect(world.lamports(), `seed ${seed}, input ${input}`).toBe(before - 5_000n * BigInt(signers.size));
        if (err === null) {
          done += 1;
          continue;
        }
        refused += 1;
        expect(isKnown(err), `seed ${seed}, input ${input}: ${err}`).toBe(true);
        expect(changed(), `seed ${seed}, input ${input}: ${err}`).toEqual([]);
      }
      expect(Math.min(done, refused)).toBeGreaterThan(INPUTS / SEEDS.length / 40);
    },
    600_000,
  );
});

describe('by name', () => {
  const { world } = createRandomLife(5);
  const pass = world.pass();
  const device = [...world.accounts].find(([, { data }]) => data[0] === 5)?.[0] ?? PROGRAM;
  const good = newUser({ device, pass, clientIp: client(77) });

  test('65 accounts are too many to lock', () => {
    const extra = Array.from({ length: 60 }, (_, n) => ({ address: key(`extra ${n}`), signer: false, writable: false }));
    expect(world.run({ ...good, accounts: [...good.accounts, ...extra] }, CUSTOMER).err).toBe('"TooManyAccountLocks"');
  });

  test('a transaction of 1,233 bytes is cut by no reader: what is left of it does not parse', () => {
    expect(() => parseTransaction(new Uint8Array(1_233).fill(1))).toThrow(MalformedTransaction);
  });

  test('a stale address of the extension is refused: the seeds are those of its device', () => {
    const accounts = good.accounts.map((meta) => (meta.address === extensionOf(device) ? { ...meta, address: GLOBAL_EXTENSION } : meta));
    expect(world.run({ ...good, accounts }, CUSTOMER).err).toBe('InvalidSeeds');
  });

  test('an account that is named read-only where it is written is refused', () => {
    const accounts = good.accounts.map((meta) => (meta.address === extensionOf(device) ? { ...meta, writable: false } : meta));
    expect(world.run({ ...good, accounts }, CUSTOMER).err).toBe('ReadonlyDataModified');
    expect(world.exists(userAt(client(77)))).toBe(false);
  });

  test('a System program that is another one is refused', () => {
    const accounts = good.accounts.map((meta, index) => (index === 5 ? { ...meta, address: key('not the System program') } : meta));
    expect(world.run({ ...good, accounts }, CUSTOMER).err).toBe('MissingAccount');
  });
});
