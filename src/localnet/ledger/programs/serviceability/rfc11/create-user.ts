import {
  type AccessPass,
  BgpStatus,
  DeviceStatus,
  decodeAccessPass,
  decodeDevice,
  decodeTenant,
  encodeAccessPass,
  nanoseconds,
  slot,
  UNSPECIFIED_IPV4,
  type User,
  UserStatus,
  UserType,
  validateUser,
  ZERO_ADDRESS,
} from '../../../../../serviceability/index.ts';
import { type CreateUserArgs, encodeUserWithSlots, type Rfc11Arguments, userAddress } from '../../../../../serviceability/rfc11/index.ts';
import { InstructionFailure } from '../../../runtime/index.ts';
import { accountAt, writeProgramAccount } from '../program-accounts.ts';
import { createAt, derivedAt, heldAt, isVacant, signerAt } from './accounts.ts';
import { allocate, extensionAt } from './extensions.ts';
import { type Frame, fail, refuse } from './frame.ts';
import { allocateForUser, countedOn } from './user-slots.ts';

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
  const { tunnelId, tunnelNet, dzIp, ...slots } = allocateForUser(frame, target, (type) => allocate(frame, target, type));
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
