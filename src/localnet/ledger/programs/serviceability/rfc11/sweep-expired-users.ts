import {
  type AccessPass,
  AccessPassStatus,
  decodeAccessPass,
  encodeAccessPass,
  UNSPECIFIED_IPV4,
  UserStatus,
} from '../../../../../serviceability/index.ts';
import { decodeUserWithSlots, encodeUserWithSlots } from '../../../../../serviceability/rfc11/index.ts';
import { InstructionFailure } from '../../../runtime/index.ts';
import { type Held, heldAt, isVacant, overwrite, signerAt } from './accounts.ts';
import { type Frame, fail, refuse } from './frame.ts';

const MOST_USERS = 10;

/**
 * SweepExpiredUsers: accounts access pass, up to ten users, caller. Permissionless, idempotent, and releases nothing. Users that are gone, that belong
 * to another pass or are not activated are passed over, so that a sweep cannot fail for what happened while it was under way.
 */
export function sweepExpiredUsers(frame: Frame): void {
  const { context } = frame;
  if (context.accounts.length < 2) throw new InstructionFailure('NotEnoughAccountKeys');
  signerAt(context, context.accounts.length - 1);
  const users = context.accounts.slice(1, -1);
  if (users.length > MOST_USERS) refuse('InvalidArgument');
  const pass = heldAt(context, 0, decodeAccessPass);
  if (pass.value.lastAccessEpoch >= context.epoch) fail('AccessPassNotExpired');
  if (pass.value.status !== AccessPassStatus.expired) {
    overwrite(frame, pass.address, encodeAccessPass({ ...pass.value, status: AccessPassStatus.expired }));
  }

  let swept = 0;
  for (const [index, { address }] of users.entries()) {
    if (isVacant(context, address)) continue;
    const user = heldAt(context, 1 + index, decodeUserWithSlots);
    if (!belongsTo(user.value, pass) || user.value.value.status !== UserStatus.activated) continue;
    const { value, slots } = user.value;
    overwrite(frame, address, encodeUserWithSlots({ value: { ...value, status: UserStatus.outOfCredits }, slots }));
    swept += 1;
  }
  context.log(`Marked ${swept} users as OutOfCredits`);
}

/** A user from before RFC-11 does not say which pass it has; its owner's pass for its address, or for any, is taken as it. */
function belongsTo({ value: user, slots }: ReturnType<typeof decodeUserWithSlots>, { address, value: pass }: Held<AccessPass>): boolean {
  if (slots !== undefined) return slots.accessPassPk === address;
  return user.owner === pass.userPayer && (pass.clientIp === UNSPECIFIED_IPV4 || pass.clientIp === user.clientIp);
}
