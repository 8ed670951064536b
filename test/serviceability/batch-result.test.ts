import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSendResponse, parseSignatureStatus } from '../../src/serviceability/index.ts';
import { keyOf } from './builders.ts';

const batch = { users: [keyOf(1), keyOf(2), keyOf(3)], prefixInstructions: 1 };
const preflight = (err: unknown, rest: object = {}): unknown => ({
  jsonrpc: '2.0',
  id: 1,
  error: { code: -32002, message: 'Transaction simulation failed', data: { err, logs: ['Program log: no'], unitsConsumed: 5, ...rest } },
});
const notAllowed = { kind: 'program-error', instructionIndex: 2, code: 8, name: 'NotAllowed' };

test('a preflight names the user whose instruction failed', () => {
  expect(parseSendResponse(preflight({ InstructionError: [2, { Custom: 8 }] }), batch)).toEqual({
    kind: 'user-failed',
    user: keyOf(2),
    index: 1,
    failure: notAllowed,
    logs: ['Program log: no'],
  });
});

test.each([
  ['an instruction that asks for compute units', { InstructionError: [0, 'InvalidInstructionData'] }, 'instruction-error'],
  ['an instruction that the batch does not have', { InstructionError: [4, 'InvalidAccountData'] }, 'instruction-error'],
  ['the whole transaction', 'BlockhashNotFound', 'transaction-error'],
  ['an unknown error', { Strange: { deep: [1] } }, 'transaction-error'],
  ['no error at all', 17, 'unrecognized'],
])('a preflight that failed for %s belongs to no user', (_, err, failure) => {
  expect(parseSendResponse(preflight(err), batch)).toMatchObject({ kind: 'batch-failed', failure: { kind: failure } });
});

test.each([
  [
    { jsonrpc: '2.0', id: 1, result: '5sig' },
    { kind: 'accepted', signature: '5sig' },
  ],
  [preflight('AlreadyProcessed'), { kind: 'already-landed' }],
  [
    { error: { code: -32005, message: 'Node is behind by 42 slots' } },
    { kind: 'refused', code: -32005, message: 'Node is behind by 42 slots' },
  ],
  [{ error: { code: -32002, message: 'no data' } }, { kind: 'refused', code: -32002, message: 'no data' }],
  [{ error: { code: -32003 } }, { kind: 'refused', code: -32003, message: '' }],
])('%j is understood', (json, result) => {
  expect(parseSendResponse(json, batch)).toEqual(result);
});

test.each([null, 'html', [], {}, { result: 7 }, { error: 'x' }, { error: { code: '1' } }])('%j is no answer to a send', (json) => {
  expect(parseSendResponse(json, batch)).toEqual({ kind: 'malformed', json });
});

test('logs that are no logs are left out', () => {
  expect(parseSendResponse(preflight('AccountNotFound', { logs: null }), batch)).toMatchObject({ logs: [] });
  expect(parseSendResponse(preflight('AccountNotFound', { logs: ['a', 1, 'b'] }), batch)).toMatchObject({ logs: ['a', 'b'] });
});

test('a transaction that landed and failed names the user whose instruction failed', () => {
  const status = { slot: 77, confirmations: 1, err: { InstructionError: [2, { Custom: 8 }] }, confirmationStatus: 'confirmed' };
  expect(parseSignatureStatus(status, batch)).toEqual({ kind: 'user-failed', user: keyOf(2), index: 1, failure: notAllowed, slot: 77n });
});

test.each([
  [null, { kind: 'not-found' }],
  [
    { slot: 5, err: null, confirmationStatus: 'processed' },
    { kind: 'landed', slot: 5n, commitment: 'processed' },
  ],
  [
    { slot: 5, err: null, confirmationStatus: 'finalized', confirmations: null },
    { kind: 'landed', slot: 5n, commitment: 'finalized' },
  ],
])('the status %j is understood', (json, result) => {
  expect(parseSignatureStatus(json, batch)).toEqual(result);
});

test.each([7, [], {}, { slot: -1, err: null }, { slot: 5, err: null }, { slot: 5, err: null, confirmationStatus: 'sure' }])(
  '%j is no status',
  (json) => {
    expect(parseSignatureStatus(json, batch)).toEqual({ kind: 'malformed', json });
  },
);

test('no JSON makes the parsing fail', () => {
  fc.assert(
    fc.property(fc.anything(), (json) => {
      expect(parseSendResponse(json, batch)).toHaveProperty('kind');
      expect(parseSendResponse(preflight(json), batch)).toHaveProperty('kind');
      expect(parseSignatureStatus(json, batch)).toHaveProperty('kind');
      expect(parseSignatureStatus({ slot: 1, err: json }, batch)).toHaveProperty('kind');
    }),
    { numRuns: 500 },
  );
});
