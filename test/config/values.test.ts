import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configProblems, formatDuration, loadConfig, loadSecret, nearest, parseDuration } from '../../src/config/index.ts';
import { isAgentError } from '../../src/lib/index.ts';
import { temporaryFile } from './temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5h', 5_400_000],
    ['0.25s', 250],
    ['10m', 600_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['5', '', 's', '5 s', '-5s', '5S', '1h30m', '0.5ms', '1e3s', '5sec', '99999999999s', '5s\n', ' 5s'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  test('a printed duration parses back to the same time', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('random input', () => {
  test('any text as configuration is accepted or refused with one-line problems', () => {
    const yaml = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.json({ maxDepth: 4 }),
      fc
        .record({ env: fc.constant('devnet'), device: fc.constant(DEVICE), collector: fc.jsonValue(), log: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    const refusedOrAccepted = (text: string): boolean => {
      try {
        loadConfig({ file: temporaryFile(text), environment: {} });
        return true;
      } catch (error) {
        return configProblems(error).length > 0 && configProblems(error).every((line) => !line.includes('\n'));
      }
    };
    fc.assert(
      fc.property(yaml, (text) => refusedOrAccepted(text)),
      { numRuns: 150 },
    );
  });
});

describe('secret files', () => {
  const problem = (content: string | Uint8Array): string => {
    try {
      loadSecret('passwordFile', temporaryFile(content));
      return 'accepted';
    } catch (error) {
      return isAgentError(error) ? `${error.code} ${String(error.context.problem)}` : 'another error';
    }
  };

  test('a secret file holds one line, without its line end', () => {
    expect(loadSecret('passwordFile', temporaryFile('hunter 2 \r\n'))).toEqual({ value: 'hunter 2 ', warnings: [] });
  });

  test.each([
    ['', 'CONFIG__SECRET_UNREADABLE it is empty'],
    ['\n', 'CONFIG__SECRET_UNREADABLE it is empty'],
    ['one\ntwo\n', 'CONFIG__SECRET_UNREADABLE it is not one line of text'],
    [Uint8Array.of(0xff, 0x41), 'CONFIG__SECRET_UNREADABLE it is not one line of text'],
    ['a'.repeat(1_025), 'CONFIG__SECRET_UNREADABLE it is longer than 1024 bytes'],
    ['\uFEFF', 'CONFIG__SECRET_UNREADABLE it is empty'],
    [Buffer.from('\uFEFFhunter2\n', 'utf16le'), 'CONFIG__SECRET_UNREADABLE it is UTF-16 text; save it as UTF-8'],
    [Buffer.from('\uFEFFhunter2\n', 'utf16le').swap16(), 'CONFIG__SECRET_UNREADABLE it is UTF-16 text; save it as UTF-8'],
    [Buffer.from('hunter2\n', 'utf16le'), 'CONFIG__SECRET_UNREADABLE it is UTF-16 text; save it as UTF-8'],
    [Buffer.from('hunter2\n', 'utf16le').swap16(), 'CONFIG__SECRET_UNREADABLE it is UTF-16 text; save it as UTF-8'],
  ])('%#', (content, expected) => expect(problem(content)).toBe(expected));

  test('a byte order mark is no part of the secret', () => {
    expect(loadSecret('passwordFile', temporaryFile('\uFEFFhunter2\r\n')).value).toBe('hunter2');
  });

  test('a secret file that other users can read is a warning', () => {
    const file = temporaryFile('hunter2\n', { mode: 0o604 });
    expect(loadSecret('passwordFile', file).warnings).toEqual([
      `the file of passwordFile, ${file} is readable by other users of this host; run: chmod 400 ${file}`,
    ]);
  });
});

describe('suggestions', () => {
  test.each([
    ['intervall', 'interval'],
    ['downgrace', 'downGrace'],
    ['poll_interval', 'pollInterval'],
    ['tiemout', 'timeout'],
    ['zzzz', undefined],
    ['a', undefined],
  ])('%s', (text, expected) => expect(nearest(text, ['interval', 'downGrace', 'pollInterval', 'timeout'])).toBe(expected));
});
