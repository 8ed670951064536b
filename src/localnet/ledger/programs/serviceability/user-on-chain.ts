import { BgpStatus, decodeUser, type User, UserStatus } from '../../../../serviceability/index.ts';

const STATUS_OFFSET = 131;
const LAST_USER_TYPE = 3;
const LAST_CYOA_TYPE = 5;

/**
 * A User as the program itself reads it. It differs from clients in its defaults: an enum byte that it does not know becomes the enum's
 * default, and a status that is missing or unknown is Activated.
 */
export function readUserOnChain(data: Uint8Array): User {
  const user = decodeUser(data);
  return {
    ...user,
    userType: user.userType > LAST_USER_TYPE ? 0 : user.userType,
    cyoaType: user.cyoaType > LAST_CYOA_TYPE ? 0 : user.cyoaType,
    status: data.length <= STATUS_OFFSET || user.status > UserStatus.outOfCredits ? UserStatus.activated : user.status,
    bgpStatus: user.bgpStatus > BgpStatus.down ? BgpStatus.unknown : user.bgpStatus,
  };
}
