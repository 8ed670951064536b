import { ZERO_ADDRESS } from './address.ts';
import { isGloballyRoutable, isLinkLocal, UNSPECIFIED_IPV4 } from './ipv4.ts';
import { type User, UserStatus } from './user.ts';

/** Tunnel ids are allocated from 500 up to this, exclusive. */
const TUNNEL_ID_END = 4596;

/**
 * The checks that the program makes on every write of a User, in its order: the code of the first that fails (see PROGRAM_ERRORS), or
 * undefined. A user that fails one can get no BGP status until the account is mended. Users being deleted or banned are not checked.
 */
export function validateUser(user: User): number | undefined {
  if (user.status === UserStatus.deleting || user.status === UserStatus.banned) return undefined;
  if (user.devicePk === ZERO_ADDRESS) return 6;
  if (!isGloballyRoutable(user.clientIp)) return 26;
  if (!isGloballyRoutable(user.dzIp)) return 27;
  if (!isLinkLocal(user.tunnelNet.address)) return 28;
  if (user.tunnelId >= TUNNEL_ID_END) return 29;
  if (user.tunnelEndpoint !== UNSPECIFIED_IPV4 && !isGloballyRoutable(user.tunnelEndpoint)) return 80;
  return undefined;
}
