import { test } from 'vitest';
import { expectNewestToWin } from './worker-fixture.ts';

test('rule 17: whatever is desired and however the ledger behaves, a user has at most one unresolved status, and the newest one wins: more seeds', () =>
  expectNewestToWin(7, 30));
