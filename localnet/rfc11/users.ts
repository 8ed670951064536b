import {
  type AccessPass,
  AccessPassStatus,
  BgpStatus,
  DeviceStatus,
  decodeAccessPass,
  decodeDevice,
  decodeTenant,
  encodeAccessPass,
  encodeDevice,
  formatNetworkV4,
  nanoseconds,
  slot,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserStatus,
  UserType,
  validateUser,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  type CreateUserArgs,
  decodeUserWithSlots,
  encodeUserWithSlots,
  idPool,
  networkPool,
  type Rfc11Arguments,
  userAddress,
} from '../../src/serviceability/rfc11/index.ts';
import { accountAt, writeProgramAccount } from '../ledger/program-accounts.ts';
import { InstructionFailure } from '../ledger/runtime.ts';
import {
  allocate,
  close,
  countedOn,
  createAt,
  derivedAt,
  extensionAt,
  type Frame,
  fail,
  type Held,
  heldAt,
  heldByUser,
  isVacant,
  NO_USER_SLOTS,
  type OpenExtension,
  overwrite,
  poolOf,
  refuse,
  releaseAll,
  requireFoundation,
  signerAt,
  withUserCounted,
} from './state.ts';

const LAST_CYOA_TYPE = 5;
const TENANT_INDEX = 6;

/** CreateAndActivateUser: accounts user, device, the device's extension, access pass, payer; System program, and a tenant where there is one. */
export function createAndActivateUser(frame: Frame, args: Rfc11Arguments['CreateAndActivateUser']): void {
  const { context, derive } = frame;
  const payer = signerAt(context, 4);
  accountAt(context, 5);
  if (args.userType > UserType.multicast || args.cyoaType > LAST_CYOA_TYPE) refuse('InvalidArgument');
  const { address, bump } = userAddress(context.programId, args.clientIp, args.userType, derive);
  derivedAt(context, 0, address);
  if (!isVacant(context, address)) fail('AccountAlreadyExists');
  const device = heldAt(context, 1, decodeDevice);
  if (device.value.status !== DeviceStatus.activated) refuse('InvalidStatus');
  const pass = heldAt(context, 3, decodeAccessPass);
  if (pass.value.userPayer !== payer.address) refuse('NotAllowed');
  requirePassAllows(pass.value, args, context.epoch);
  const tenantPk = readTenant(frame, pass.value);

  const target = extensionAt(frame, 2, device.address);
  const { tunnelId, tunnelNet, dzIp, ...slots } = allocateForUser(frame, target);
  const { accessPassType } = pass.value;
  const user: User = {
    owner: pass.value.userPayer,
    index: 0n,
    bumpSeed: bump,
    userType: args.userType,
    tenantPk,
    devicePk: device.address,
    cyoaType: args.cyoaType,
    clientIp: args.clientIp,
    dzIp,
    tunnelId,
    tunnelNet,
    status: UserStatus.activated,
    publishers: [],
    subscribers: [],
    validatorPubkey: accessPassType.kind === 'solana-validator' ? accessPassType.key : ZERO_ADDRESS,
    tunnelEndpoint: args.tunnelEndpoint,
    tunnelFlags: 0,
    bgpStatus: BgpStatus.unknown,
    lastBgpUpAt: slot(0),
    lastBgpReportedAt: slot(0),
    bgpRttNs: nanoseconds(0),
    feedPks: [],
  };
  const invalid = validateUser(user);
  if (invalid !== undefined) throw new InstructionFailure({ Custom: invalid });
  target.save();
  createAt(frame, address, payer, encodeUserWithSlots({ value: user, slots: { ...slots, accessPassPk: pass.address } }));
  writeProgramAccount(context, accountAt(context, 3), payer, encodeAccessPass(countedOn(pass.value, user, 1)));
  overwrite(frame, device.address, encodeDevice(withUserCounted(device.value, user, 1)));
}

/** Takes a tunnel id, a tunnel network and a DoubleZero address, in RFC-11's order, with a log line. */
function allocateForUser(frame: Frame, target: OpenExtension) {
  const tunnelIdSlot = allocate(frame, target, 'tunnelId');
  const tunnelNetSlot = allocate(frame, target, 'userTunnelNet');
  const dzIpSlot = allocate(frame, target, 'dzIp');
  const tunnelId = poolOf(idPool(target.extension, 'tunnelId')).idOf(tunnelIdSlot);
  const tunnelNet = networkPool(target.extension, 'userTunnelNet')?.networkOf(tunnelNetSlot) ?? fail('SlotOutOfRange');
  const dzIp = networkPool(target.extension, 'dzIp')?.networkOf(dzIpSlot)?.address ?? fail('SlotOutOfRange');
  frame.context.log(
    `Allocated tunnel_net: ${formatNetworkV4(tunnelNet)} (slot ${tunnelNetSlot}), dz_ip: ${dzIp} (slot ${dzIpSlot}), tunnel_id: ${tunnelId} (slot ${tunnelIdSlot})`,
  );
  return { tunnelId, tunnelNet, dzIp, tunnelIdSlot, tunnelNetSlot, dzIpSlot };
}

/** Good in this epoch, for this client address, and not used up. */
function requirePassAllows(pass: AccessPass, { clientIp, userType }: CreateUserArgs, epoch: bigint): void {
  if (pass.clientIp !== UNSPECIFIED_IPV4 && pass.clientIp !== clientIp) refuse('AccessPassUnauthorized');
  if (pass.lastAccessEpoch < epoch) refuse('InvalidLastAccessEpoch');
  if (userType === UserType.multicast) {
    if (pass.multicastUserCount >= pass.maxMulticastUsers) refuse('AccessPassMaxMulticastUsersExceeded');
  } else if (pass.unicastUserCount >= pass.maxUnicastUsers) refuse('AccessPassMaxUnicastUsersExceeded');
}

/** The tenant that decides the user's VRF; a pass that lists tenants allows only those. */
function readTenant({ context }: Frame, { tenantAllowlist }: AccessPass): User['tenantPk'] {
  if (context.accounts.length <= TENANT_INDEX) return ZERO_ADDRESS;
  const { address } = heldAt(context, TENANT_INDEX, decodeTenant);
  if (tenantAllowlist.length > 0 && !tenantAllowlist.includes(address)) refuse('TenantNotInAccessPassAllowlist');
  return address;
}

/**
 * DeleteUser: accounts user, device, the device's extension, access pass, authority; GlobalState for a banned user, which only the foundation deletes:
 * its owner would otherwise end the ban by deleting the account and creating it again.
 */
export function deleteUser(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 4);
  const { address, user, holdings, device } = readUser(frame);
  // A banned user counts on its pass no longer, which may be closed by now.
  const pass = user.status === UserStatus.banned ? undefined : heldAt(context, 3, decodeAccessPass);
  if (pass === undefined) {
    if (context.accounts.length <= 5) refuse('NotAllowed');
    requireFoundation(frame, authority, 5);
  } else if (pass.value.userPayer !== authority.address) refuse('NotAllowed');
  releaseAll(frame, holdings);
  if (pass !== undefined) overwrite(frame, pass.address, encodeAccessPass(countedOn(pass.value, user, -1)));
  overwrite(frame, device.address, encodeDevice(withUserCounted(device.value, user, -1)));
  close(frame, address, authority);
}

/**
 * BanUser: accounts user, device, the device's extension, access pass, authority; GlobalState. The BGP fields stay as they are, and the account counts
 * on its device until it is deleted, as deployed.
 */
export function banUser(frame: Frame): void {
  const { context } = frame;
  requireFoundation(frame, signerAt(context, 4), 5);
  const { address, user, holdings } = readUser(frame);
  if (user.status === UserStatus.banned) refuse('InvalidStatus');
  const pass = heldAt(context, 3, decodeAccessPass);
  releaseAll(frame, holdings);
  overwrite(frame, pass.address, encodeAccessPass(countedOn(pass.value, user, -1)));
  const banned: User = {
    ...user,
    status: UserStatus.banned,
    tunnelNet: UNSPECIFIED_NETWORK,
    tunnelId: 0,
    dzIp: UNSPECIFIED_IPV4,
  };
  overwrite(frame, address, encodeUserWithSlots({ value: banned, slots: { ...NO_USER_SLOTS, accessPassPk: pass.address } }));
}

/** The user with its device's extension and its own access pass; neither may be another's. */
function readUser(frame: Frame) {
  const { context } = frame;
  const { address, value } = heldAt(context, 0, decodeUserWithSlots);
  const { value: user, slots } = value;
  if (slots === undefined) fail('SlotsNotTracked');
  if (accountAt(context, 1).address !== user.devicePk) refuse('UserDeviceMismatch');
  const device = heldAt(context, 1, decodeDevice);
  const target = extensionAt(frame, 2, user.devicePk);
  if (accountAt(context, 3).address !== slots.accessPassPk) refuse('AccessPassUnauthorized');
  return { address, user, device, holdings: heldByUser(target, user, slots) };
}

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
