import { describe, expect, test } from 'vitest';
import type { SimulatedSwitch, SwitchFaults } from '../../localnet/switch/switch.ts';
import { type LedgerUser, observeUsers } from '../../src/bgp/index.ts';
import type { SwitchSource } from '../../src/collector/index.ts';
import { userNumber } from '../support/bgp-builders.ts';

/** What the rules need of the contract's bed: `USER-500` Established and `USER-501` not in vrf1, `USER-510` Established in the default VRF. */
export interface RulesFixture {
  readonly source: SwitchSource;
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
}

export interface RulesHarness {
  readonly failsByVrf?: boolean;
  readonly readsDescriptions?: boolean;
  readonly seesSessionsThatAreDown?: boolean;
}

const inVrf1 = (n: number, net: string): LedgerUser => userNumber(n, { net, tunnelId: 500 + n, expectedVrf: 'vrf1' });
const CONNECTED = inVrf1(0, '169.254.0.0/31');
const WAITING = inVrf1(1, '169.254.0.2/31');
const MULTICAST = userNumber(10, { net: '169.254.8.0/31', tunnelId: 510, expectedVrf: 'default' });

/** The rules of seeing that a source can break, each read through the pure domain: what a poll of this source says of a user. */
export function describeRulesOfSeeing(fixture: () => RulesFixture, harness: RulesHarness): void {
  const signal = new AbortController().signal;
  const seen = async (...users: readonly LedgerUser[]): Promise<readonly string[]> => {
    const { byUser } = observeUsers(users, await fixture().source.collect(signal), () => undefined);
    return users.map(({ pubkey }) => {
      const observation = byUser.get(pubkey);
      return observation?.kind === 'unobserved' ? observation.reason : (observation?.kind ?? 'missing');
    });
  };

  describe('the rules of seeing', () => {
    test('rule 1: up and down are two values, and what cannot be read is neither', async () => {
      expect(await seen(CONNECTED, WAITING, MULTICAST)).toEqual(['up', 'down', 'up']);
      const over = fixture().faults.begin({ kind: 'empty' });
      await expect(fixture().source.collect(signal)).rejects.toBeInstanceOf(Error);
      over();
      expect(await seen(CONNECTED)).toEqual(['up']);
    });

    test.runIf(harness.failsByVrf !== false)('rule 1: a VRF that fails speaks for none of its users, and for no other’s', async () => {
      fixture().faults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
      expect(await seen(CONNECTED, WAITING, MULTICAST)).toEqual(['vrf-not-collected', 'vrf-not-collected', 'up']);
    });

    test('rule 2: a neighbor is known by VRF and address, and of two at one address the one that is up speaks', async () => {
      fixture().sim.configure({ vrf: 'vrf2', address: '169.254.0.1', remoteAs: 65_000 });
      fixture().sim.configure({ vrf: 'default', address: '169.254.0.3', remoteAs: 65_000 });
      fixture().sim.establish('default', '169.254.0.3');
      // A description outranks the state where the source has it: USER-501 in vrf1 is the one that waits.
      expect(await seen(CONNECTED, WAITING)).toEqual(['up', harness.readsDescriptions === false ? 'up' : 'down']);
    });

    test('rule 2: the client side of the tunnel comes before the device side', async () => {
      fixture().sim.configure({ vrf: 'vrf2', address: '169.254.4.2', remoteAs: 65_000 });
      fixture().sim.establish('vrf2', '169.254.4.2');
      const onDeviceSide = userNumber(7, { net: '169.254.4.2/31', tunnelId: 507, expectedVrf: 'vrf2' });
      expect(await seen(onDeviceSide)).toEqual(['up']);
    });

    test('rule 3: nobody at the address is down only where every VRF was read', async () => {
      const gone = inVrf1(40, '169.254.0.80/31');
      expect(await seen(gone)).toEqual(['down']);
      fixture().faults.begin(harness.failsByVrf === false ? { kind: 'vrf-missing', vrf: 'vrf1' } : { kind: 'vrf-failing', vrf: 'vrf1' });
      expect(await seen(gone, MULTICAST)).toEqual(['vrf-not-collected', 'up']);
    });

    test('rule 4: up is Established and nothing on the way to it', async () => {
      const onTheWay = [5, 7, 9, 11].map((last) => inVrf1(last, `169.254.0.${last - 1}/31`));
      expect(await seen(...onTheWay)).toEqual(['down', 'down', 'down', 'down']);
      for (const last of [5, 7, 9, 11]) fixture().sim.establish('vrf1', `169.254.0.${last}`);
      expect(await seen(...onTheWay)).toEqual(['up', 'up', 'up', 'up']);
    });

    test('rule 5: of two users with one tunnel_net neither is known by what this source saw', async () => {
      expect(await seen(CONNECTED, inVrf1(60, '169.254.0.0/31'), MULTICAST)).toEqual(['tunnel-net-shared', 'tunnel-net-shared', 'up']);
    });

    test('rule 6: no neighbor of this source is matched loosely by a tunnel_net that is no /31', async () => {
      const loose = ['0.0.0.0/0', '169.254.0.0/30', '169.254.0.1/32'].map((net, n) => inVrf1(70 + n, net));
      expect(await seen(...loose)).toEqual(['tunnel-net-invalid', 'tunnel-net-invalid', 'tunnel-net-invalid']);
    });

    test('rule 8: a second look is one at the switch, not at what was read before', async () => {
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['up', 'up']);
      fixture().sim.drop('vrf1', '169.254.0.1');
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['down', 'up']);
      fixture().sim.establish('vrf1', '169.254.0.1');
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['up', 'up']);
    });
  });
}
