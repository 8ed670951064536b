import { expect, test } from 'vitest';
import { createSwitchFaults } from '../../../localnet/switch/index.ts';

test('a fault holds from its beginning to its end', () => {
  const faults = createSwitchFaults();
  const over = faults.begin({ kind: 'slow', delayMs: 20 });
  expect(faults.current('slow')).toEqual({ kind: 'slow', delayMs: 20 });
  over();
  over();
  expect(faults.current('slow')).toBeUndefined();
});

test('of two of a kind the later one shows, and the earlier one again when that is over', () => {
  const faults = createSwitchFaults();
  faults.begin({ kind: 'slow', delayMs: 20 });
  const over = faults.begin({ kind: 'slow', delayMs: 90 });
  expect(faults.current('slow')?.delayMs).toBe(90);
  over();
  expect(faults.current('slow')?.delayMs).toBe(20);
});

test('a fault of one VRF is of no other, and of no other kind', () => {
  const faults = createSwitchFaults();
  faults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
  faults.begin({ kind: 'vrf-failing', vrf: 'vrf2' });
  expect([faults.affects('vrf-failing', 'vrf1'), faults.affects('vrf-failing', 'vrf3'), faults.affects('vrf-missing', 'vrf1')]).toEqual([
    true,
    false,
    false,
  ]);
});

test('all of them end at once', () => {
  const faults = createSwitchFaults();
  faults.begin({ kind: 'hang' });
  faults.begin({ kind: 'vrf-missing', vrf: 'vrf1' });
  faults.clear();
  expect(faults.active()).toEqual([]);
});
