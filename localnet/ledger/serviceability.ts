import {
  BgpStatus,
  decodeDevice,
  decodeSetUserBgpStatus,
  interfacesDisagree,
  SET_USER_BGP_STATUS,
  type User,
  validateUser,
} from '../../src/serviceability/index.ts';
import { type Derive, decodeUserWithSlots, encodeUserWithSlots } from '../../src/serviceability/rfc11/index.ts';
import { createRfc11Processors } from '../rfc11/processors.ts';
import { createDerivations } from '../rfc11/state.ts';
import {
  accountAt,
  assertOrPanic,
  BASE_UNITS,
  decodeOrFail,
  heapFor,
  programData,
  readUserOnChain,
  UNITS_PER_DEVICE_BYTE,
  UNITS_PER_USER_BYTE,
  writeProgramAccount,
} from './program-accounts.ts';
import { type InstructionContext, InstructionFailure, type Program } from './runtime.ts';

const NOT_ALLOWED = { Custom: 8 };

/**
 * SetUserBGPStatus (106) as deployed; RFC-19 is the intent. Nothing is compared with the record's present state: any status, slot or repetition
 * is taken, of a user in whatever status, and a payload that makes no sense is read as Unknown.
 */
function setUserBgpStatus(context: InstructionContext): void {
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

/** Carries out one instruction of the program: the whole data, its variant byte included, is in the context. */
type Processor = (context: InstructionContext) => void;

/** Instructions of this ledger, by variant: RFC-19's as deployed, RFC-11's as drafted. */
const allProcessors = (derive: Derive): ReadonlyMap<number, Processor> =>
  new Map([[SET_USER_BGP_STATUS, setUserBgpStatus], ...createRfc11Processors(derive)]);

/** Variants that the deployed program keeps as tags only. */
const DEPRECATED: ReadonlySet<number> = new Set([
  6, 7, 8, 9, 21, 22, 24, 25, 27, 29, 30, 32, 33, 35, 37, 38, 40, 41, 43, 45, 47, 48, 53, 72, 75, 77, 78,
]);
const DEPRECATED_ERROR = { Custom: 67 };
const DISPATCH_UNITS = 300;

/**
 * The serviceability program: variant byte → processor. A variant that the deployed program knows and this ledger does not carry out is
 * answered like an unknown one, with a line that says so; the world is built through the administration instead.
 */
export function createServiceabilityProgram({
  derive = createDerivations(),
  processors = allProcessors(derive),
}: {
  /** Shared with whoever asks for the same addresses. */
  readonly derive?: Derive;
  readonly processors?: ReadonlyMap<number, Processor>;
} = {}): Program {
  return {
    builtin: false,
    execute(context) {
      context.consume(DISPATCH_UNITS);
      const variant = context.data[0];
      const processor = variant === undefined ? undefined : processors.get(variant);
      if (processor !== undefined) return processor(context);
      if (variant !== undefined && DEPRECATED.has(variant)) throw new InstructionFailure(DEPRECATED_ERROR);
      context.log(`this ledger has no instruction ${variant ?? 'without data'}`);
      throw new InstructionFailure('InvalidInstructionData');
    },
  };
}
