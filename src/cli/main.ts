#!/usr/bin/env node
import { keepHeapSmall } from './small-heap.ts';
import { requireWorkingDirectory } from './working-directory.ts';

// While modules load, nothing has begun that would have to end first. The program listens itself as soon as it runs.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(0);
  });
}
// These would end the process, or open a debugger in it.
for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined);

// Before anything else is loaded, the parser of the command line first: spaces that have grown by then stay as large.
if (process.argv.includes('run')) keepHeapSmall();

requireWorkingDirectory('dzd-telemetry');

// Not awaited: the single executable is CommonJS, which has no `await` outside of functions.
void import('./commands.ts').then(({ runCommands }) => runCommands());
