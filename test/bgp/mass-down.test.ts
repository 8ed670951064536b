import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, detectMassDown, type Observation, reconcileMassDown } from '../../src/bgp/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';

type Word = 'up' | 'down' | 'unobserved';

/** Of users 0, 1, 2, … in this order. */
function observations(...words: readonly Word[]): ReadonlyMap<Address, Observation> {
  return new Map(words.map((word, n): [Address, Observation] => [keyNumber(n), observation(word)]));
}

function observation(word: Word): Observation {
  switch (word) {
    case 'up':
      return { kind: 'up', at: { vrf: 'vrf1', address: '169.254.0.1', source: 'test', changedAtToleranceMs: 0, neighbor: NEIGHBOR } };
    case 'down':
      return { kind: 'down' };
    case 'unobserved':
      return { kind: 'unobserved', reason: 'switch-not-read' };
  }
}

const NEIGHBOR = { address: '169.254.0.1', state: 'established' } as const;
const everybodyWasUp = () => true;
const times = (count: number, word: Word): readonly Word[] => Array(count).fill(word);
const kinds = (of: ReadonlyMap<Address, Observation>) =>
  [...of.values()].map((one) => (one.kind === 'unobserved' ? `unobserved: ${one.reason}` : one.kind));

describe('a mass of users that went down', () => {
  test('is ten of them and half of those that were up, at least', () => {
    const size = (...words: readonly Word[]) => detectMassDown(observations(...words), everybodyWasUp, DEFAULT_POLICY)?.wentDown.length;
    expect(size(...times(9, 'down'))).toBeUndefined();
    expect(size(...times(10, 'down'))).toBe(10);
    expect(size(...times(10, 'down'), ...times(10, 'up'))).toBe(10);
    expect(size(...times(10, 'down'), ...times(11, 'up'))).toBeUndefined();
  });

  test('does not count users that were down before, nor those of whom nothing was seen', () => {
    const wasUp = (user: Address) => user !== keyNumber(0);
    expect(detectMassDown(observations(...times(10, 'down')), wasUp, DEFAULT_POLICY)).toBeUndefined();
    const seen = detectMassDown(observations(...times(10, 'down'), ...times(5, 'unobserved')), everybodyWasUp, DEFAULT_POLICY);
    expect([seen?.wentDown.length, seen?.wereUp]).toEqual([10, 15]);
  });

  test('is what the second look says, user by user; whom it cannot speak for is unobserved, and nobody else is touched', () => {
    const mass = { wentDown: [0, 1, 2].map(keyNumber), wereUp: 4 };
    const second = observations('down', 'up', 'unobserved', 'down');
    expect(kinds(reconcileMassDown(mass, second))).toEqual(['down', 'up', 'unobserved: mass-down-unconfirmed']);
  });

  test('is unobserved as a whole when there is no second look', () => {
    const mass = { wentDown: [0, 1].map(keyNumber), wereUp: 3 };
    expect(kinds(reconcileMassDown(mass, undefined))).toEqual(['unobserved: mass-down-unconfirmed', 'unobserved: mass-down-unconfirmed']);
  });
});
