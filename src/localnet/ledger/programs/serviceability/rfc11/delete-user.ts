import {
  type AccessPass,
  decodeAccessPass,
  encodeAccessPass,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserStatus,
} from '../../../../../serviceability/index.ts';
import { decodeUserWithSlots, encodeUserWithSlots, type UserSlots } from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { close, type Held, heldAt, overwrite, requireFoundation, signerAt } from './accounts.ts';
import { extensionAt, type OpenExtension } from './extensions.ts';
import { type Frame, fail, refuse } from './frame.ts';
import { countedOn, releaseUser } from './user-slots.ts';

interface HeldUser {
  readonly address: User['owner'];
  readonly user: User;
  readonly slots: UserSlots;
  readonly pass: Held<AccessPass>;
  readonly target: OpenExtension;
}

/** DeleteUser: accounts user, device, the device's extension, access pass, authority. */
export function deleteUser(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 4);
  const { address, user, slots, pass, target } = readUser(frame);
  if (pass.value.userPayer !== authority.address) refuse('NotAllowed');
  // A banned user gave everything back when it was banned, and counts no longer.
  if (user.status !== UserStatus.banned) {
    releaseUser(frame, target, user, slots);
    target.save();
    overwrite(frame, pass.address, encodeAccessPass(countedOn(pass.value, user, -1)));
  }
  close(frame, address, authority);
}

/** BanUser: accounts user, device, the device's extension, access pass, authority; GlobalState. The BGP fields stay as they are, as deployed. */
export function banUser(frame: Frame): void {
  const { context } = frame;
  requireFoundation(frame, signerAt(context, 4), 5);
  const { address, user, slots, pass, target } = readUser(frame);
  if (user.status === UserStatus.banned) refuse('InvalidStatus');
  releaseUser(frame, target, user, slots);
  target.save();
  overwrite(frame, pass.address, encodeAccessPass(countedOn(pass.value, user, -1)));
  const banned: User = {
    ...user,
    status: UserStatus.banned,
    tunnelNet: UNSPECIFIED_NETWORK,
    tunnelId: 0,
    dzIp: UNSPECIFIED_IPV4,
  };
  const none: UserSlots = { tunnelIdSlot: 0, tunnelNetSlot: 0, dzIpSlot: 0, accessPassPk: slots.accessPassPk };
  overwrite(frame, address, encodeUserWithSlots({ value: banned, slots: none }));
}

/** The user with its device's extension and its own access pass; neither may be another's. */
function readUser(frame: Frame): HeldUser {
  const { context } = frame;
  const { address, value } = heldAt(context, 0, decodeUserWithSlots);
  const { value: user, slots } = value;
  if (slots === undefined) fail('SlotsNotTracked');
  if (accountAt(context, 1).address !== user.devicePk) refuse('UserDeviceMismatch');
  const target = extensionAt(frame, 2, user.devicePk);
  const pass = heldAt(context, 3, decodeAccessPass);
  if (pass.address !== slots.accessPassPk) refuse('AccessPassUnauthorized');
  return { address, user, slots, pass, target };
}
