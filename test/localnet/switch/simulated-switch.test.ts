import { expect, test } from 'vitest';
import { createSimulatedSwitch } from '../../../localnet/switch/index.ts';
import { systemClock } from '../../../src/lib/index.ts';

function layListenedSwitch() {
  const sim = createSimulatedSwitch({ clock: systemClock });
  const changes: string[] = [];
  const end = sim.onChange(({ kind, neighbor: { vrf, address, state } }) => changes.push(`${kind} ${vrf} ${address} ${state}`));
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  return { sim, changes, end };
}

test('each change of a session is reported once, in order, and no other call is reported', () => {
  const { sim, changes } = layListenedSwitch();
  sim.establish('vrf1', '169.254.0.1');
  sim.establish('vrf1', '169.254.0.1');
  sim.drop('vrf1', '169.254.0.1', 'idle', 'Admin');
  sim.drop('vrf1', '169.254.0.1', 'idle', 'MaxPath');
  sim.reboot();
  sim.unconfigure('vrf1', '169.254.0.1');
  sim.unconfigure('vrf1', '169.254.0.1');
  expect(changes).toEqual([
    'configured vrf1 169.254.0.1 active',
    'state vrf1 169.254.0.1 established',
    'state vrf1 169.254.0.1 idle',
    'state vrf1 169.254.0.1 active',
    'removed vrf1 169.254.0.1 active',
  ]);
});

test('removing a VRF removes its neighbors', () => {
  const { sim, changes } = layListenedSwitch();
  sim.removeVrf('vrf1');
  expect(changes.at(-1)).toBe('removed vrf1 169.254.0.1 active');
});

test('an ended listener is not called', () => {
  const { sim, changes, end } = layListenedSwitch();
  end();
  sim.establish('vrf1', '169.254.0.1');
  expect(changes).toEqual(['configured vrf1 169.254.0.1 active']);
});
