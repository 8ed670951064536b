import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leadsToJournal, openLog, reportFailure } from '../../src/cli/process.ts';
import { AgentError } from '../../src/lib/index.ts';
import { temporaryFolder } from '../config/temporary-files.ts';

function output(kind: { readonly isTerminal?: boolean; readonly isJournal?: boolean } = {}) {
  const lines: string[] = [];
  return { lines, stderr: { write: (text: string) => void lines.push(text), isTerminal: false, columns: undefined, ...kind } };
}

test('the journal is recognized by device and inode, and a redirection is not', () => {
  const descriptor = openSync(join(temporaryFolder(), 'stream'), 'w');
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  expect([
    leadsToJournal(descriptor, { JOURNAL_STREAM: `${dev}:${ino}` }),
    leadsToJournal(descriptor, { JOURNAL_STREAM: `${dev}:${ino + 1n}` }),
    leadsToJournal(descriptor, { JOURNAL_STREAM: 'nonsense' }),
    leadsToJournal(descriptor, {}),
  ]).toEqual([true, false, false, false]);
  closeSync(descriptor);
  expect(leadsToJournal(descriptor, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(false);
});

test('a line for the journal is a priority followed by JSON', () => {
  const { lines, stderr } = output({ isJournal: true });
  const log = openLog({ level: 'debug', format: 'auto' }, { stderr });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('words', { user: 'A\n<0>B' });
  expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<6>', '<4>', '<3>']);
  expect(lines.map((line) => JSON.parse(line.slice(3)).msg)).toEqual(['words', 'words', 'words', 'words']);
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
});

test.for([
  [{ isTerminal: true, isJournal: true }, 'auto', /^\d\d:\d\d:\d\d INFO /],
  [{}, 'auto', /^\{"level":"info"/],
  [{ isJournal: true }, 'json', /^\{"level":"info"/],
  [{}, 'journald', /^<6>\{"level":"info"/],
] as const)('standard error %o with the format %s has the expected lines', ([kind, format, expected]) => {
  const { lines, stderr } = output(kind);
  openLog({ level: 'info', format }, { stderr }).info('words');
  expect(lines.join('')).toMatch(expected);
});

test('the failure of a command has the priority of an error in the journal', () => {
  const { lines, stderr } = output({ isJournal: true });
  const { signal } = new AbortController();
  reportFailure(new AgentError('CONFIG__USAGE', { problem: 'unknown option --foo' }), { stderr, signal });
  reportFailure(new Error('a defect'), { stderr, signal });
  expect(lines.map((line) => line.slice(0, 17))).toEqual(['<3>dzd-telemetry:', '<3>dzd-telemetry:', '<3>{"level":"erro']);
});
