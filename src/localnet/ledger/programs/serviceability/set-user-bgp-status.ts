import {
  BgpStatus,
  decodeDevice,
  decodeSetUserBgpStatus,
  interfacesDisagree,
  type User,
  validateUser,
} from '../../../../serviceability/index.ts';
import { decodeUserWithSlots, encodeUserWithSlots } from '../../../../serviceability/rfc11/index.ts';
import { type InstructionContext, InstructionFailure } from '../../runtime/index.ts';
import { BASE_UNITS, heapFor, UNITS_PER_DEVICE_BYTE, UNITS_PER_USER_BYTE } from './compute-model.ts';
import { assertOrPanic } from './panic.ts';
import { accountAt, decodeOrFail, programData, writeProgramAccount } from './program-accounts.ts';
import { readUserOnChain } from './user-on-chain.ts';

const NOT_ALLOWED = { Custom: 8 };

/**
 * SetUserBGPStatus (106) as deployed; RFC-19 is the intent. Nothing is compared with the record's present state: any status, slot or repetition
 * is taken, of a user in whatever status, and a payload that makes no sense is read as Unknown.
 */
export function setUserBgpStatus(context: InstructionContext): void {
  const args = decodeSetUserBgpStatus(context.data);
  if (args === undefined) throw new InstructionFailure('InvalidInstructionData');
  context.log(`Instruction: SetUserBGPStatus(bgp_status: ${args.status}, bgp_rtt_ns: ${args.rttNs})`);
  context.consume(BASE_UNITS);

  const user = accountAt(context, 0);
  const device = accountAt(context, 1);
  const payer = accountAt(context, 2);
  accountAt(context, 3); // the system program must be named, but only paying rent needs it to be the system program
  assertOrPanic(context, payer.isSigner, 'Metrics publisher must be a signer');
  const userData = programData(context, user, 'User', { writable: true });
  const deviceData = programData(context, device, 'Device', { writable: false });

  context.consume(deviceData.length * UNITS_PER_DEVICE_BYTE);
  assertOrPanic(context, heapFor(userData.length, deviceData.length) <= context.heapBytes, 'memory allocation failed, out of memory');
  const deviceState = decodeOrFail(decodeDevice, deviceData);
  assertOrPanic(context, !interfacesDisagree(deviceState), 'interface vectors differ in length');
  if (deviceState.metricsPublisherPk !== payer.address) throw new InstructionFailure(NOT_ALLOWED);

  context.consume(userData.length * UNITS_PER_USER_BYTE);
  const before = decodeOrFail(readUserOnChain, userData);
  if (before.devicePk !== device.address) throw new InstructionFailure(NOT_ALLOWED);

  const bgpStatus = BgpStatus[args.status];
  const after: User = {
    ...before,
    bgpStatus,
    // Each Up moves it, not only a change to Up as RFC-19 words it.
    lastBgpUpAt: args.status === 'up' ? context.slot : before.lastBgpUpAt,
    lastBgpReportedAt: context.slot,
    bgpRttNs: args.rttNs,
  };
  const invalid = validateUser(after);
  if (invalid !== undefined) throw new InstructionFailure({ Custom: invalid });
  // The deployed program knows no slot fields, and would cut them off; here they stay, or the user's resources could never be given back.
  const { slots } = decodeOrFail(decodeUserWithSlots, userData);
  writeProgramAccount(context, user, payer, encodeUserWithSlots({ value: after, slots }));
}
