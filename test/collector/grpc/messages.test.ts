import { expect, test } from 'vitest';
import { decodeShowResponse, encodeShowCommand, encodeWatchAll, namesPeer } from '../../../src/collector/grpc/messages.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const text = (value: string): string => Buffer.from(value).toString('hex');

test('RunShowCmdRequest has the command as field 1', () => {
  expect(Buffer.from(encodeShowCommand('show clock')).toString('hex')).toBe(`0a0a${text('show clock')}`);
});

test('BgpPeerWatchRequest asks for an acknowledgement, field 1, and for all, field 2', () => {
  expect(Buffer.from(encodeWatchAll()).toString('hex')).toBe('08011001');
});

test.each([
  ['a success with one response', `0a 06 0801 2202 ${text('{}')}`, { kind: 'answered', json: Buffer.from('{}') }],
  ['of several responses the last', `0a 0a 0801 2202 ${text('{}')} 2202 ${text('[]')}`, { kind: 'answered', json: Buffer.from('[]') }],
  ['with a field of a later release', `0a 09 0801 2202 ${text('{}')} 9a0600`, { kind: 'answered', json: Buffer.from('{}') }],
  ['a failure with code and text', `0a 08 0800 10ea07 1a01 ${text('x')}`, { kind: 'failed', code: 1_002, message: 'x' }],
  ['a failure that says nothing: false is not sent', '0a 00', { kind: 'failed', code: 0, message: '' }],
  ['a success without a response', '0a 02 0801', { kind: 'malformed', problem: 'it succeeded without a response' }],
  ['no response at all', '', { kind: 'malformed', problem: 'it contains no response' }],
  ['another message', '1201ff', { kind: 'malformed', problem: 'it contains no response' }],
  ['a message that is cut', '0a 06 0801 22', { kind: 'malformed', problem: 'it is not a RunShowCmdResponse' }],
  ['a number in the place of the response', '08 07', { kind: 'malformed', problem: expect.any(String) }],
  ['a web page', text('<!DOCTYPE html>'), { kind: 'malformed', problem: expect.any(String) }],
])('RunShowCmdResponse: %s', (_, hex, expected) => {
  expect(decodeShowResponse(bytes(hex))).toEqual(expected);
});

const key = `0a04${text('vrf1')}120b${text('169.254.0.1')}`;

test.each([
  ['a peer that was set', `1215 0a13 ${key}`, true],
  ['a peer that was removed', `1a15 0a13 ${key}`, true],
  ['a peer whose state changed', `2217 0a13 ${key} 1006`, true],
  ['an acknowledgement', '0a00', false],
  ['nothing', '', false],
  ['another message', 'ffffffff', false],
  ['a message that is cut', '2217 0a13', false],
])('BgpPeerWatchResponse: %s', (_, hex, expected) => {
  expect(namesPeer(bytes(hex))).toBe(expected);
});
