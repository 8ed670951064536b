import { type AccessPass, type Address, UNLIMITED_EPOCH, UNSPECIFIED_IPV4, type User, UserType } from '../../../serviceability/index.ts';

const MOST_USERS = 65_535;

/** The pass without one of its users. */
export function withOneLess(pass: AccessPass, { userType }: User): AccessPass {
  const isMulticast = userType === UserType.multicast;
  return {
    ...pass,
    connectionCount: Math.max(0, pass.connectionCount - 1),
    unicastUserCount: Math.max(0, pass.unicastUserCount - (isMulticast ? 0 : 1)),
    multicastUserCount: Math.max(0, pass.multicastUserCount - (isMulticast ? 1 : 0)),
  };
}

/** A pass for any client address, without an end, for as many users as a pass can count. */
export const foundationPass = (owner: Address, bumpSeed: number): AccessPass => ({
  owner,
  bumpSeed,
  accessPassType: { kind: 'prepaid' },
  clientIp: UNSPECIFIED_IPV4,
  userPayer: owner,
  lastAccessEpoch: UNLIMITED_EPOCH,
  connectionCount: 0,
  status: 0,
  mgroupPubAllowlist: [],
  mgroupSubAllowlist: [],
  flags: 0,
  tenantAllowlist: [],
  unicastUserCount: 0,
  maxUnicastUsers: MOST_USERS,
  multicastUserCount: 0,
  maxMulticastUsers: MOST_USERS,
});
