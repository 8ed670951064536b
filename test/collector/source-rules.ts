import { describe, expect, test } from 'vitest';
import type { SimulatedSwitch, SwitchFaults } from '../../localnet/switch/switch.ts';
import { type LedgerUser, observeUsers } from '../../src/bgp/index.ts';
import type { SwitchSource } from '../../src/collector/index.ts';
import { userNumber } from '../support/bgp-builders.ts';

/** The neighbors that the rules need: `USER-500` Established and `USER-501` not in vrf1, `USER-510` Established in the default VRF. */
export interface RulesFixture {
  readonly source: SwitchSource;
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
}

export interface RulesHarness {
  readonly failsByVrf?: boolean;
  readonly seesSessionsThatAreDown?: boolean;
}

const inVrf1 = (n: number, net: string): LedgerUser => userNumber(n, { net, tunnelId: 500 + n, expectedVrf: 'vrf1' });
const CONNECTED = inVrf1(0, '169.254.0.0/31');
const WAITING = inVrf1(1, '169.254.0.2/31');
const MULTICAST = userNumber(10, { net: '169.254.8.0/31', tunnelId: 510, expectedVrf: 'default' });

/** The rules that a source can break, checked through the pure domain: a poll of this source, observed for a user. */
export function describeObservationRules(fixture: () => RulesFixture, harness: RulesHarness): void {
  const signal = new AbortController().signal;
  const seen = async (...users: readonly LedgerUser[]): Promise<readonly string[]> => {
    const { byUser } = observeUsers(users, await fixture().source.collect(signal), () => undefined);
    return users.map(({ pubkey }) => {
      const observation = byUser.get(pubkey);
      return observation?.kind === 'unobserved' ? observation.reason : (observation?.kind ?? 'missing');
    });
  };

  describe('the observation rules', () => {
    test('rule 1: up and down are two values, and an unreadable switch is neither', async () => {
      expect(await seen(CONNECTED, WAITING, MULTICAST)).toEqual(['up', 'down', 'up']);
      const over = fixture().faults.begin({ kind: 'empty' });
      await expect(fixture().source.collect(signal)).rejects.toBeInstanceOf(Error);
      over();
      expect(await seen(CONNECTED)).toEqual(['up']);
    });

    test.runIf(harness.failsByVrf !== false)(
      'rule 1: the users of a failed VRF are unobserved, and those of the others are observed',
      async () => {
        fixture().faults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
        expect(await seen(CONNECTED, WAITING, MULTICAST)).toEqual(['vrf-not-collected', 'vrf-not-collected', 'up']);
      },
    );

    test('rule 2: a neighbor is identified by VRF and address, and the one in the expected VRF decides', async () => {
      fixture().sim.configure({ vrf: 'vrf2', address: '169.254.0.1', remoteAs: 65_000 });
      fixture().sim.configure({ vrf: 'default', address: '169.254.0.3', remoteAs: 65_000 });
      fixture().sim.establish('default', '169.254.0.3');
      // The waiting user is expected in vrf1. Its session is down there, which a source of sockets does not show.
      expect(await seen(CONNECTED, WAITING)).toEqual(['up', harness.seesSessionsThatAreDown === false ? 'up' : 'down']);
    });

    test('rule 2: the client side of the tunnel comes before the device side', async () => {
      fixture().sim.configure({ vrf: 'vrf2', address: '169.254.4.2', remoteAs: 65_000 });
      fixture().sim.establish('vrf2', '169.254.4.2');
      const onDeviceSide = userNumber(7, { net: '169.254.4.2/31', tunnelId: 507, expectedVrf: 'vrf2' });
      expect(await seen(onDeviceSide)).toEqual(['up']);
    });

    test('rule 3: a user without a neighbor is down only where every VRF was read', async () => {
      const gone = inVrf1(40, '169.254.0.80/31');
      expect(await seen(gone)).toEqual(['down']);
      fixture().faults.begin(harness.failsByVrf === false ? { kind: 'vrf-missing', vrf: 'vrf1' } : { kind: 'vrf-failing', vrf: 'vrf1' });
      expect(await seen(gone, MULTICAST)).toEqual(['vrf-not-collected', 'up']);
    });

    test('rule 4: up is Established, and no state before it', async () => {
      const onTheWay = [5, 7, 9, 11].map((last) => inVrf1(last, `169.254.0.${last - 1}/31`));
      expect(await seen(...onTheWay)).toEqual(['down', 'down', 'down', 'down']);
      for (const last of [5, 7, 9, 11]) fixture().sim.establish('vrf1', `169.254.0.${last}`);
      expect(await seen(...onTheWay)).toEqual(['up', 'up', 'up', 'up']);
    });

    test('rule 5: two users with one tunnel_net are both unobserved', async () => {
      expect(await seen(CONNECTED, inVrf1(60, '169.254.0.0/31'), MULTICAST)).toEqual(['tunnel-net-shared', 'tunnel-net-shared', 'up']);
    });

    test('rule 6: a user with a tunnel_net that is not a /31 is unobserved', async () => {
      const loose = ['0.0.0.0/0', '169.254.0.0/30', '169.254.0.1/32'].map((net, n) => inVrf1(70 + n, net));
      expect(await seen(...loose)).toEqual(['tunnel-net-invalid', 'tunnel-net-invalid', 'tunnel-net-invalid']);
    });

    test('rule 8: a confirmation poll reads the switch, not the earlier snapshot', async () => {
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['up', 'up']);
      fixture().sim.drop('vrf1', '169.254.0.1');
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['down', 'up']);
      fixture().sim.establish('vrf1', '169.254.0.1');
      expect(await seen(CONNECTED, MULTICAST)).toEqual(['up', 'up']);
    });
  });
}
