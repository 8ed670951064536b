import { describe, expect, test } from 'vitest';
import { AgentError, epochMs } from '../../src/lib/index.ts';
import { createLogger, jsonLine, type LoggerOptions } from '../../src/observability/index.ts';

const NOON = Date.UTC(2026, 10, 20, 12, 0, 1);
const LOCAL_NOON = new Date(NOON).toTimeString().slice(0, 8);

function logTo(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = createLogger({ level: 'info', format: 'json', destination, clock: { wall: () => epochMs(NOON) }, ...options });
  return { log, lines, json: () => lines.map((line) => JSON.parse(line)) };
}

const unreachable = () =>
  new AgentError(
    'EAPI__UNREACHABLE',
    { endpoint: 'https://sw', problem: 'refused', password: 'hunter2' },
    { cause: new Error('ECONNREFUSED') },
  );

describe('JSON lines', () => {
  test('a JSON line has level, time, text and fields', () => {
    const { log, json } = logTo();
    log.info('status written', { user: 'A', slot: 5n, lamports: 2n ** 63n, from: 'up', vrfs: ['default'] });
    expect(json()).toEqual([
      {
        level: 'info',
        time: '2026-11-20T12:00:01.000Z',
        user: 'A',
        slot: 5,
        lamports: '9223372036854775808',
        from: 'up',
        vrfs: ['default'],
        msg: 'status written',
      },
    ]);
  });

  test.each(['json', 'journald', 'pretty'] as const)('invisible characters of a switch are escaped in a log in %s', (format) => {
    const { log, lines } = logTo({ format });
    log.info('peer \u202eup\u200b', { description: 'USER\u2066-5\ufeff', error: new Error('\u200fno') });
    expect(lines.join('')).not.toMatch(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/);
    for (const shown of ['\\u202eup\\u200b', 'USER\\u2066-5\\ufeff', '\\u200fno']) expect(lines.join('')).toContain(shown);
  });

  test('lines below the configured level are not written', () => {
    const { log, json } = logTo({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(json().map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'c'],
      ['error', 'd'],
    ]);
  });

  test('a line carries its fields, and a bigint is a number', () => {
    const { log, json } = logTo();
    log.info('read', { source: 'eapi', slot: 7n, vrf: 'vrf1' });
    expect(json()).toMatchObject([{ source: 'eapi', slot: 7, vrf: 'vrf1', msg: 'read' }]);
  });

  test('an AgentError is logged with code, class and remedy, and without its context', () => {
    const { log, lines, json } = logTo();
    log.error('poll failed', { error: unreachable() });
    expect(json()[0].error).toEqual({
      message: 'eAPI at https://sw cannot be reached: refused: ECONNREFUSED',
      code: 'EAPI__UNREACHABLE',
      class: 'retry-later',
      remedy: expect.stringContaining('management api http-commands'),
    });
    expect(lines.join()).not.toContain('hunter2');
  });

  test('an unexpected error is logged with its stack', () => {
    const { log, json } = logTo();
    log.error('defect', { error: new TypeError('x is undefined') });
    expect(json()[0].error).toEqual({ message: 'x is undefined', stack: expect.stringContaining('logger.test.ts') });
  });

  test('a field with a secret name is never logged', () => {
    const { log, lines } = logTo();
    log.info('login', { password: 'hunter2', source: { community: 'hunter2', name: 'a' } });
    expect(lines.join()).not.toContain('hunter2');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ password: '[hidden]', source: { community: '[hidden]', name: 'a' } });
  });

  test('a secret is hidden at any depth', () => {
    const { log, json } = logTo();
    log.info('login', { source: { snmp: { user: 'a', password: 'hunter2' } } });
    expect(json()[0].source).toEqual({ snmp: { user: 'a', password: '[hidden]' } });
  });

  test('a secret is hidden inside a list, and an error there has its message', () => {
    const { log, json } = logTo();
    log.info('login', {
      users: [{ name: 'a', password: 'hunter2' }],
      errors: [new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none' })],
    });
    expect(json()[0].users).toEqual([{ name: 'a', password: '[hidden]' }]);
    expect(json()[0].errors).toMatchObject([{ code: 'LEDGER__NO_ENDPOINT' }]);
  });

  test('a date is written as text', () => {
    const { log, json } = logTo();
    log.info('read', { at: new Date(0) });
    expect(json()[0].at).toBe('1970-01-01T00:00:00.000Z');
  });

  test('a value that contains itself is cut off, and the line is written', () => {
    const { log, json } = logTo();
    const source: Record<string, unknown> = { password: 'hunter2' };
    source.self = source;
    log.info('login', { source });
    expect(json()[0]).toMatchObject({ msg: 'login', source: { password: '[hidden]', self: { password: '[hidden]' } } });
    expect(JSON.stringify(json())).not.toContain('hunter2');
    expect(JSON.stringify(json())).toContain('[deeper]');
  });
});

test('in JSON small bigints are numbers and large ones strings, which no reader rounds', () => {
  expect(jsonLine({ slot: 415_000_000n, rtt: 2n ** 64n - 1n })).toBe('{"slot":415000000,"rtt":"18446744073709551615"}\n');
});

describe('pretty lines', () => {
  test('a pretty line has time, level, text and fields', () => {
    const { log, lines } = logTo({ format: 'pretty' });
    log.info('status written', { user: 'A', slot: 5n, reason: 'two words', empty: '', vrfs: ['a'] });
    log.warn('slow');
    expect(lines).toEqual([
      `${LOCAL_NOON} INFO  status written user=A slot=5 reason="two words" empty="" vrfs=["a"]\n`,
      `${LOCAL_NOON} WARN  slow\n`,
    ]);
  });

  test('with colors the levels of warnings and errors stand out, and nothing else', () => {
    const { log, lines } = logTo({ format: 'pretty', color: true });
    log.info('calm');
    log.warn('odd');
    log.error('bad');
    expect(lines.map((line) => line.slice(9).trimEnd())).toEqual([
      'INFO  calm',
      '\u001b[33mWARN \u001b[0m odd',
      '\u001b[31mERROR\u001b[0m bad',
    ]);
  });

  test('a pretty line shows the remedy of an error', () => {
    const { log, lines } = logTo({ format: 'pretty' });
    log.error('poll failed', { error: unreachable() });
    expect(lines).toEqual([
      `${LOCAL_NOON} ERROR poll failed error="eAPI at https://sw cannot be reached: refused: ECONNREFUSED" code=EAPI__UNREACHABLE ` +
        'remedy="check that `management api http-commands` is on, in this VRF, and that address and port are right; a Unix socket also needs `protocol unix-socket` there"\n',
    ]);
  });

  test('text from a switch cannot break or color a pretty line', () => {
    const { log, lines } = logTo({ format: 'pretty' });
    log.info('a\nb\u001b[31m', { description: 'x\r\n12:00:01 ERROR forged', csi: 'a\u009b2J' });
    expect(lines).toEqual([`${LOCAL_NOON} INFO  a\\x0ab\\x1b[31m description="x\\r\\n12:00:01 ERROR forged" csi=a\\x9b2J\n`]);
  });

  test('the frames of an unexpected error follow its pretty line', () => {
    const { log, lines } = logTo({ format: 'pretty' });
    log.error('defect', { error: new TypeError('x is undefined') });
    expect(lines[0]?.split('\n').slice(0, 2)).toEqual([
      `${LOCAL_NOON} ERROR defect error="x is undefined"`,
      expect.stringMatching(/^ {4}at .*logger\.test\.ts/),
    ]);
  });
});
