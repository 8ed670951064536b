import { expect, test } from 'vitest';
import { commandError, readEnvelope } from '../../../src/collector/eapi/client.ts';

const read = (answer: unknown, count = 1): unknown =>
  readEnvelope(typeof answer === 'string' ? answer : JSON.stringify(answer), 'id-1', count);
const answered = (result: unknown): unknown => ({ jsonrpc: '2.0', id: 'id-1', result });
const failed = (error: unknown): unknown => ({ jsonrpc: '2.0', id: 'id-1', error });

test('the answer to a runCmds has one result a command', () => {
  expect(read(answered([{ a: 1 }, { b: 2 }]), 2)).toEqual({ kind: 'answered', results: [{ a: 1 }, { b: 2 }] });
});

test('the answer to a runCmds may have a result as text that is JSON', () => {
  expect(read(answered(['{"a":1}']))).toEqual({ kind: 'answered', results: [{ a: 1 }] });
});

test('the answer to a runCmds with an error has the results before the failed command, and its reason', () => {
  const error = {
    code: 1002,
    message: "CLI command 2 of 3 'bad command' failed: invalid command",
    data: [{ a: 1 }, { errors: ["Invalid input (at token 1: 'bad')"] }],
  };
  expect(read(failed(error), 3)).toEqual({
    kind: 'answered',
    results: [{ a: 1 }],
    failure: { code: 1002, problem: "Invalid input (at token 1: 'bad')" },
  });
});

test.each([
  [
    { code: 1000, message: 'failed: could not run command', data: [{ errors: [''] }] },
    { code: 1000, problem: 'failed: could not run command' },
  ],
  [
    { code: 1000, message: 'failed', data: [] },
    { code: 1000, problem: 'failed' },
  ],
  [
    { code: 1000, message: 'failed' },
    { code: 1000, problem: 'failed' },
  ],
  [
    { code: 1000, message: 'failed', data: 'none' },
    { code: 1000, problem: 'failed' },
  ],
  [
    { code: 1000, message: 'failed', data: [{ vrfs: { vrf1: {} }, errors: ['timed out'] }] },
    { code: 1000, problem: 'timed out' },
  ],
  [
    { code: '1000', message: 7 },
    { code: 0, problem: 'no reason given' },
  ],
  [
    { code: 1005, message: "Command unauthorized 'enable input=hunter2': user has\ninsufficient permissions" },
    { code: 1005, problem: "Command unauthorized 'enable input=… user has insufficient permissions" },
  ],
])('the answer to a runCmds that is error %j gives its reason in one line without secrets', (error, failure) => {
  expect(read(failed(error))).toEqual({ kind: 'answered', results: [], failure });
});

test('data next to an error of a runCmds is not taken for an answer', () => {
  const result = [{ vrfs: { vrf1: { peers: {} } }, errors: ['BGP did not answer'] }];
  expect(read(answered(result))).toEqual({ kind: 'answered', results: [], failure: { code: 1000, problem: 'BGP did not answer' } });
});

test('an error of a runCmds without a text is not taken for an answer', () => {
  expect(read(answered([{ errors: [''] }]))).toEqual({
    kind: 'answered',
    results: [],
    failure: { code: 1000, problem: 'no reason given' },
  });
});

test.each([
  ['', 'it is empty'],
  ['[]', 'it is a list'],
  ['7', 'it is a number'],
  ['null', 'it is null'],
  ['{}', 'it answers another request'],
  [{ jsonrpc: '2.0', id: 'id-2', result: [{}] }, 'it answers another request'],
  [{ id: 'id-1' }, 'its result is missing'],
  [{ id: 'id-1', result: {} }, 'its result is an object'],
  [{ id: 'id-1', result: [] }, 'it has 0 results for 1 commands'],
  [{ id: 'id-1', result: [{}, {}] }, 'it has 2 results for 1 commands'],
  [{ id: 'id-1', result: [null] }, 'a result is null'],
  [{ id: 'id-1', result: ['["not an object"]'] }, 'a result is text that is not an object'],
  [{ id: 'id-1', error: 'no' }, 'its error is a string'],
  [{ id: 'id-1', error: { code: 1000, data: [7, { errors: ['x'] }] } }, 'a result is a number'],
])('the answer to a runCmds that is %j is malformed', (answer, problem) => {
  expect(read(answer)).toEqual({ kind: 'malformed', problem });
});

test.each([
  ['{"jsonrpc":"2.0","id":"id-1","result":[{"vrfs":{', 'malformed JSON at offset 48 (near ,"result":[{"vrfs":{)'],
  ['\u0000\u0001\u001b[31m', 'malformed JSON at offset 0 (near [31m)'],
  [{ id: 'id-1', result: ['not json'] }, 'malformed JSON at offset 0 (near not json)'],
])('the answer to a runCmds that is %j is malformed JSON, with the place and what is around it', (answer, problem) => {
  expect(read(answer)).toEqual({ kind: 'malformed-json', problem });
});

test.each([
  [1000, 'could not', 'EAPI__COMMAND_FAILED', 'eAPI at E could not run `C` (1000): could not'],
  [1000, 'BGP inactive', 'EAPI__NO_BGP', 'BGP is not running on the switch behind eAPI at E: BGP inactive'],
  [
    1000,
    'BGP is disabled for VRF default',
    'EAPI__NO_BGP',
    'BGP is not running on the switch behind eAPI at E: BGP is disabled for VRF default',
  ],
  [1001, 'oops', 'EAPI__COMMAND_INTERNAL_ERROR', 'eAPI at E had an internal error in `C` (1001): oops'],
  [1002, 'bad', 'EAPI__COMMAND_INVALID', 'eAPI at E does not know `C` (1002): bad'],
  [1003, 'text', 'EAPI__COMMAND_UNCONVERTED', 'eAPI at E has no JSON for `C` (1003): text'],
  [1004, 'rev', 'EAPI__COMMAND_INCOMPATIBLE', 'eAPI at E cannot answer `C` in this model version (1004): rev'],
  [1005, 'no', 'EAPI__COMMAND_UNAUTHORIZED', 'eAPI at E does not let this user run `C` (1005): no'],
  [-32_601, 'Method not found', 'EAPI__COMMAND_FAILED', 'eAPI at E could not run `C` (-32601): Method not found'],
])('a command that failed with code %d and “%s” is %s', (code, problem, expected, message) => {
  expect(commandError('E', 'C', { code, problem })).toMatchObject({ code: expected, message });
});
