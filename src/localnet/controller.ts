import type { VrfName } from '../bgp/index.ts';
import { type Address, tunnelSides, type User, UserStatus, UserType, ZERO_ADDRESS } from '../serviceability/index.ts';
import type { SimulatedSwitch } from './dzd/index.ts';
import type { WorldAdmin } from './ledger/index.ts';

/** Where the controller configures a user on its device. */
export interface UserSession {
  readonly vrf: VrfName;
  /** The neighbor's address: the client side of the tunnel. */
  readonly address: string;
}

export interface LocalnetController {
  /** Brings the switch's configuration in line with the ledger, as a DZD's controller does with each push. */
  sync(): void;
  /** Undefined for a user that has no tunnel, or is none. */
  sessionOf(user: Address): UserSession | undefined;
}

/** AS number of the users' side of every tunnel. */
const USER_ASN = 65_000;

/**
 * Stands in for the DoubleZero controller: each activated user gets a passive neighbor `USER-<tunnel_id>` on the client side of its tunnel, unicast
 * in `vrf<tenant.vrf_id>` (vrf1 without a tenant), multicast in the default VRF; neighbors of users that are gone are removed.
 */
export function createLocalnetController({
  admin,
  device,
  sim,
}: {
  readonly admin: WorldAdmin;
  readonly device: Address;
  readonly sim: SimulatedSwitch;
}): LocalnetController {
  const ours = new Map<string, UserSession>();
  const vrfOf = (user: User): VrfName => {
    if (user.userType === UserType.multicast) return 'default';
    return `vrf${(user.tenantPk === ZERO_ADDRESS ? undefined : admin.tenant(user.tenantPk)?.vrfId) ?? 1}`;
  };
  const sessionFor = (user: User): UserSession | undefined => {
    const sides = tunnelSides(user.tunnelNet);
    return sides === undefined || user.status !== UserStatus.activated ? undefined : { vrf: vrfOf(user), address: sides.clientSide };
  };
  const keyOf = ({ vrf, address }: UserSession, user: User): string => `${vrf}|${address}|${user.tunnelId}`;

  return {
    sync() {
      const wanted = new Map<string, { readonly session: UserSession; readonly user: User }>();
      for (const user of admin.users(device).values()) {
        const session = sessionFor(user);
        if (session !== undefined) wanted.set(keyOf(session, user), { session, user });
      }
      for (const [key, { vrf, address }] of ours) {
        if (wanted.has(key)) continue;
        sim.unconfigure(vrf, address);
        ours.delete(key);
      }
      for (const [key, { session, user }] of wanted) {
        if (ours.has(key)) continue;
        sim.configure({ ...session, remoteAs: USER_ASN, description: `USER-${user.tunnelId}` });
        ours.set(key, session);
      }
    },
    sessionOf(address) {
      const user = admin.user(address);
      return user === undefined || user.devicePk !== device ? undefined : sessionFor(user);
    },
  };
}
