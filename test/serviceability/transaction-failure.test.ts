import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  describeTransactionFailure,
  PROGRAM_ERRORS,
  parseTransactionFailure,
  programError,
  programErrorName,
} from '../../src/serviceability/index.ts';

test.each([
  [
    { InstructionError: [3, { Custom: 8 }] },
    { kind: 'program-error', instructionIndex: 3, code: 8, name: 'NotAllowed' },
    "instruction 3 failed with NotAllowed (8): the signer may not do this; for a BGP status: it is not the device's metrics publisher, or the user belongs to another device",
  ],
  [
    { InstructionError: [0, { Custom: 6000 }] },
    { kind: 'program-error', instructionIndex: 0, code: 6000, name: 'unknown(6000)' },
    'instruction 0 failed with unknown(6000) (6000): this software does not know the code',
  ],
  [
    { InstructionError: [1, 'ProgramFailedToComplete'] },
    { kind: 'instruction-error', instructionIndex: 1, name: 'ProgramFailedToComplete' },
    'instruction 1 failed with ProgramFailedToComplete',
  ],
  [
    { InstructionError: [2, { BorshIoError: 'Unknown' }] },
    { kind: 'instruction-error', instructionIndex: 2, name: 'BorshIoError', detail: 'Unknown' },
    'instruction 2 failed with BorshIoError: Unknown',
  ],
  ['BlockhashNotFound', { kind: 'transaction-error', name: 'BlockhashNotFound' }, 'the transaction was refused with BlockhashNotFound'],
  [
    { InsufficientFundsForRent: { account_index: 0 } },
    { kind: 'transaction-error', name: 'InsufficientFundsForRent', accountIndex: 0 },
    'the transaction was refused with InsufficientFundsForRent (account 0)',
  ],
  [
    { DuplicateInstruction: 4 },
    { kind: 'transaction-error', name: 'DuplicateInstruction', instructionIndex: 4 },
    'the transaction was refused with DuplicateInstruction (instruction 4)',
  ],
])('%j is understood', (json, failure, line) => {
  expect(parseTransactionFailure(json)).toEqual(failure);
  expect(describeTransactionFailure(parseTransactionFailure(json))).toBe(line);
});

test.each([
  null,
  7,
  true,
  '',
  'not a name',
  [],
  ['InstructionError', [0, { Custom: 8 }]],
  {},
  { InstructionError: [0, { Custom: 8 }], Another: 1 },
  { InstructionError: 'Custom' },
  { InstructionError: [] },
  { InstructionError: [-1, { Custom: 8 }] },
  { InstructionError: ['0', { Custom: 8 }] },
  { InstructionError: [0, null] },
  { InstructionError: [0, {}] },
])('%j is kept as unrecognized', (json) => {
  expect(parseTransactionFailure(json)).toEqual({ kind: 'unrecognized', json });
});

test('a custom code that is no number is an instruction error, not a code', () => {
  expect(parseTransactionFailure({ InstructionError: [0, { Custom: -8 }] })).toEqual({
    kind: 'instruction-error',
    instructionIndex: 0,
    name: 'Custom',
    detail: '-8',
  });
});

test('no value makes the parsing fail, and every failure has one short line', () => {
  const someError = fc.oneof(
    fc.anything(),
    fc.json({ maxDepth: 4 }).map((text): unknown => JSON.parse(text)),
    fc.tuple(fc.nat(30), fc.anything()).map((InstructionError) => ({ InstructionError })),
    fc.dictionary(fc.constantFrom('InstructionError', 'Custom', 'InsufficientFundsForRent', 'Other'), fc.anything()),
  );
  fc.assert(
    fc.property(someError, (json) => {
      expect(describeTransactionFailure(parseTransactionFailure(json)).length).toBeLessThan(400);
    }),
    { numRuns: 1000 },
  );
});

test('the program has the errors 1 to 104, each with a name of its own and a meaning', () => {
  expect(PROGRAM_ERRORS.map(({ code }) => code)).toEqual(Array.from({ length: 104 }, (_, index) => index + 1));
  expect(new Set(PROGRAM_ERRORS.map(({ name }) => name)).size).toBe(104);
  expect(PROGRAM_ERRORS.filter(({ explanation }) => explanation.length < 10)).toEqual([]);
});

test('an error is found by its code', () => {
  expect([2, 3, 4, 5, 6, 8, 26, 63, 80, 91, 104].map(programErrorName)).toEqual([
    'InvalidLocationPubkey',
    'InvalidExchangePubkey',
    'InvalidDeviceAPubkey',
    'InvalidDeviceZPubkey',
    'InvalidDevicePubkey',
    'NotAllowed',
    'InvalidClientIp',
    'AllocationFailed',
    'InvalidTunnelEndpoint',
    'MetroMismatch',
    'EdgeSeatIsMulticastOnly',
  ]);
  expect([0, 105, -1, 1.5].map(programError)).toEqual([undefined, undefined, undefined, undefined]);
});
