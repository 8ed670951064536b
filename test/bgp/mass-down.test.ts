import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, detectMassDown, type Observation, reconcileMassDown } from '../../src/bgp/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';

type Kind = 'up' | 'down' | 'unobserved';

/** Of users 0, 1, 2, … in this order. */
function observations(...kinds: readonly Kind[]): ReadonlyMap<Address, Observation> {
  return new Map(kinds.map((kind, n): [Address, Observation] => [keyNumber(n), observation(kind)]));
}

function observation(kind: Kind): Observation {
  switch (kind) {
    case 'up':
      return { kind: 'up', at: { vrf: 'vrf1', address: '169.254.0.1', source: 'test', changedAtToleranceMs: 0, neighbor: NEIGHBOR } };
    case 'down':
      return { kind: 'down' };
    case 'unobserved':
      return { kind: 'unobserved', reason: 'switch-not-read' };
  }
}

const NEIGHBOR = { address: '169.254.0.1', state: 'established' } as const;
const allWereUp = () => true;
const times = (count: number, kind: Kind): readonly Kind[] => Array(count).fill(kind);
const summary = (of: ReadonlyMap<Address, Observation>) =>
  [...of.values()].map((one) => (one.kind === 'unobserved' ? `unobserved: ${one.reason}` : one.kind));

describe('mass down', () => {
  test('rule 8: a mass is at least ten users and half of those that were up', () => {
    const size = (...kinds: readonly Kind[]) => detectMassDown(observations(...kinds), allWereUp, DEFAULT_POLICY)?.wentDown.length;
    expect(size(...times(9, 'down'))).toBeUndefined();
    expect(size(...times(10, 'down'))).toBe(10);
    expect(size(...times(10, 'down'), ...times(10, 'up'))).toBe(10);
    expect(size(...times(10, 'down'), ...times(11, 'up'))).toBeUndefined();
  });

  test('rule 8: users that were down before and unobserved users do not count as having gone down', () => {
    const wasUp = (user: Address) => user !== keyNumber(0);
    expect(detectMassDown(observations(...times(10, 'down')), wasUp, DEFAULT_POLICY)).toBeUndefined();
    const seen = detectMassDown(observations(...times(10, 'down'), ...times(5, 'unobserved')), allWereUp, DEFAULT_POLICY);
    expect([seen?.wentDown.length, seen?.wereUp]).toEqual([10, 15]);
  });

  test('rule 8: the confirmation poll decides user by user, and a user it does not observe is unobserved', () => {
    const mass = { wentDown: [0, 1, 2].map(keyNumber), wereUp: 4 };
    const second = observations('down', 'up', 'unobserved', 'down');
    expect(summary(reconcileMassDown(mass, second))).toEqual(['down', 'up', 'unobserved: mass-down-unconfirmed']);
  });

  test('rule 8: without a confirmation poll all users of the mass are unobserved', () => {
    const mass = { wentDown: [0, 1].map(keyNumber), wereUp: 3 };
    expect(summary(reconcileMassDown(mass, undefined))).toEqual(['unobserved: mass-down-unconfirmed', 'unobserved: mass-down-unconfirmed']);
  });
});
