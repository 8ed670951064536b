import { expect, test } from 'vitest';
import { differences } from './litesvm-fixture.ts';

test('200 random transactions come out in LiteSVM as in localnet: error, fee, units and accounts', () => {
  expect(differences(1, 200)).toEqual([]);
});
