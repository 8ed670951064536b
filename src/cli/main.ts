#!/usr/bin/env node
import { keepHeapSmall } from './small-heap.ts';

// Before anything else is loaded, the parser of the command line first: spaces that have grown by then stay as large.
if (process.argv.includes('run')) keepHeapSmall();

// Not awaited: the single executable is CommonJS, which has no `await` outside of functions.
void import('./commands.ts').then(({ runCommands }) => runCommands());
