import { expect, test } from 'vitest';
import { runLocalnetCommandLine } from '../../localnet/commands.ts';
import type { CommandIo } from '../../src/cli/command.ts';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { expectDocumented } from '../support/documented-output.ts';
import { jsonLines } from './command-fixture.ts';

test('an interrupted demo ends with 0 and counts the changes that were not written', async () => {
  const life = createAbortController();
  const stdout: string[] = [];
  const io: CommandIo = {
    stdout: {
      write: (text) => {
        stdout.push(text);
        // The first session comes up, and nothing is written yet.
        life.abort(new Stopped('SIGINT'));
      },
      isTerminal: false,
      columns: undefined,
    },
    stderr: { write: () => undefined, isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: life.signal,
    version: '1.2.3',
  };
  const exitCode = await runLocalnetCommandLine(['demo', '--users', '3', '--seed', '7', '--output', 'json'], io);
  expectDocumented('demo', stdout.join(''));
  expect([exitCode, jsonLines(stdout.join('')).at(-1)]).toEqual([
    0,
    expect.objectContaining({ event: 'summary', users: 3, mismatches: 3 }),
  ]);
});
