import { expect, test } from 'vitest';
import { runLocalnetCommandLine } from '../../localnet/commands.ts';
import { createAbortController } from '../../src/lib/index.ts';
import { expectDocumented } from '../support/documented-output.ts';

test('dzd-localnet migrate-demo takes a network through all six phases, and the audit at its end finds nothing', async () => {
  const { exitCode, lines } = await migrateDemo('--users', '45', '--output', 'json');
  expectDocumented('migrate-demo', lines.join(''));
  const events = lines.map((line): Readonly<Record<string, unknown>> => JSON.parse(line));
  expect(events.map(({ event, phase }) => phase ?? event)).toEqual([1, 2, 3, 4, 5, 6, 'summary']);
  expect(events[0]?.done).toContain('DeleteUser of an old user: SlotsNotTracked');
  expect(events[3]?.done).toBe('45 of 45 users have their slots');
  // Of 57 users 10 were deleted; 11 are new, and one is banned.
  expect(events.at(-1)).toEqual({ event: 'summary', users: 58, activated: 57, created: 11, deleted: 10, clean: true });
  expect(exitCode).toBe(0);
}, 60_000);

test('the audit at the end of migrate-demo compares what the last phases changed, not the confirmed state before them', async () => {
  const { exitCode, lines } = await migrateDemo('--users', '30');
  // 42 activated users have a tunnel and its id, and 11 of them a DoubleZero address; 10 values are of links, loopbacks and groups.
  expect(lines.join('')).toContain(': 105 held values compared with 14 pools\n');
  expect(exitCode).toBe(0);
}, 60_000);

async function migrateDemo(...args: readonly string[]) {
  const lines: string[] = [];
  const exitCode = await runLocalnetCommandLine(['migrate-demo', ...args], {
    stdout: { write: (text) => void lines.push(text), isTerminal: false, columns: undefined },
    stderr: { write: () => undefined, isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: createAbortController().signal,
    version: '1.2.3',
  });
  return { exitCode, lines };
}
