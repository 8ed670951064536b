#!/usr/bin/env node
import { runProcess } from '../src/cli/process.ts';
import { runLocalnetCommandLine } from './commands.ts';

// Not awaited: the single executable is CommonJS, which has no `await` outside of functions.
void runProcess(runLocalnetCommandLine);
