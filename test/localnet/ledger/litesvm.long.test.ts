import { expect, test } from 'vitest';
import { differences } from './litesvm-fixture.ts';

test('5,000 random transactions come out in LiteSVM as in localnet: error, fee, units and accounts', () => {
  expect(differences(1_000_000, 5_000)).toEqual([]);
});
