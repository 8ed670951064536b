import { expect, test } from 'vitest';
import { createSimulatedSwitch } from '../../../localnet/switch/index.ts';
import { systemClock } from '../../../src/lib/index.ts';

function layListenedSwitch() {
  const sim = createSimulatedSwitch({ clock: systemClock });
  const told: string[] = [];
  const end = sim.onChange(({ kind, neighbor: { vrf, address, state } }) => told.push(`${kind} ${vrf} ${address} ${state}`));
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  return { sim, told, end };
}

test('each change of a session is reported once, in order, and no other call is reported', () => {
  const { sim, told } = layListenedSwitch();
  sim.establish('vrf1', '169.254.0.1');
  sim.establish('vrf1', '169.254.0.1');
  sim.drop('vrf1', '169.254.0.1', 'idle', 'Admin');
  sim.drop('vrf1', '169.254.0.1', 'idle', 'MaxPath');
  sim.reboot();
  sim.unconfigure('vrf1', '169.254.0.1');
  sim.unconfigure('vrf1', '169.254.0.1');
  expect(told).toEqual([
    'configured vrf1 169.254.0.1 active',
    'state vrf1 169.254.0.1 established',
    'state vrf1 169.254.0.1 idle',
    'state vrf1 169.254.0.1 active',
    'removed vrf1 169.254.0.1 active',
  ]);
});

test('removing a VRF removes its neighbors', () => {
  const { sim, told } = layListenedSwitch();
  sim.removeVrf('vrf1');
  expect(told.at(-1)).toBe('removed vrf1 169.254.0.1 active');
});

test('an ended listener is not called', () => {
  const { sim, told, end } = layListenedSwitch();
  end();
  sim.establish('vrf1', '169.254.0.1');
  expect(told).toEqual(['configured vrf1 169.254.0.1 active']);
});
