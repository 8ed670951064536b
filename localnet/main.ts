#!/usr/bin/env node
import { requireWorkingDirectory } from '../src/cli/working-directory.ts';

requireWorkingDirectory('dzd-localnet');

// Not awaited: the single executable is CommonJS, which has no `await` outside of functions.
void Promise.all([import('../src/cli/process.ts'), import('./commands.ts')]).then(([{ runProcess }, { runLocalnetCommandLine }]) =>
  runProcess(runLocalnetCommandLine),
);
