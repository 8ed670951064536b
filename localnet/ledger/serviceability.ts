import {
  AccountType,
  type Address,
  BgpStatus,
  decodeSetUserBgpStatus,
  formatNetworkV4,
  SET_USER_BGP_STATUS,
  type User,
  validateUser,
} from '../../src/serviceability/index.ts';
import { type Derive, decodeUserWithSlots, encodeUserWithSlots } from '../../src/serviceability/rfc11/index.ts';
import { createRfc11Processors } from '../rfc11/processors.ts';
import { createDerivations } from '../rfc11/state.ts';
import type { LedgerProgram } from './admin.ts';
import { readDeviceOnChain } from './on-chain-device.ts';
import {
  accountAt,
  assertOrPanic,
  BASE_UNITS,
  failToDeserialize,
  panic,
  programData,
  readUserOnChain,
  requireHeap,
  UNITS_PER_DEVICE_BYTE,
  UNITS_PER_USER_BYTE,
  writeProgramAccount,
} from './program-accounts.ts';
import { computeBudgetProgram, systemProgram } from './programs.ts';
import { type Account, createAccount, type InstructionContext, InstructionFailure, type Program } from './runtime.ts';
import { COMPUTE_BUDGET_PROGRAM, NATIVE_LOADER, SYSTEM_PROGRAM, UPGRADEABLE_LOADER } from './transaction.ts';

const NOT_ALLOWED = { Custom: 8 };
const TRAILING_LENGTH_DIFFERS = 'trailing interfaces length must match deprecated_interfaces length';

/**
 * SetUserBGPStatus (106) as deployed, by RFC-19. It ignores the record's current state: it accepts any status, slot or repetition, for a user in
 * any status. A malformed payload aborts it before anything else.
 */
function setUserBgpStatus(context: InstructionContext, keepsSlots: boolean): void {
  const args = decodeSetUserBgpStatus(context.data);
  if (args === undefined) panic(context, 'called `Result::unwrap()` on an `Err` value');
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
  const { isDevice, metricsPublisherPk, deprecatedInterfaces, interfaces, heapBytes } = readDeviceOnChain(deviceData);
  requireHeap(context, heapBytes);
  assertOrPanic(context, interfaces === 0 || interfaces === deprecatedInterfaces, TRAILING_LENGTH_DIFFERS);
  if (!isDevice) failToDeserialize(context, 'Device');
  if (metricsPublisherPk !== payer.address) throw new InstructionFailure(NOT_ALLOWED);

  context.consume(userData.length * UNITS_PER_USER_BYTE);
  if (userData[0] !== AccountType.user) failToDeserialize(context, 'User');
  const before = readUserOnChain(userData);
  requireHeap(context, heapBytes, before);
  if (before.devicePk !== device.address) throw new InstructionFailure(NOT_ALLOWED);

  const bgpStatus = BgpStatus[args.status];
  const after: User = {
    ...before,
    bgpStatus,
    // Every Up updates it, not only a change to Up as in RFC-19.
    lastBgpUpAt: args.status === 'up' ? context.slot : before.lastBgpUpAt,
    lastBgpReportedAt: context.slot,
    bgpRttNs: args.rttNs,
  };
  const invalid = validateUser(after);
  if (invalid !== undefined) {
    context.log(invalidField(after, invalid));
    throw new InstructionFailure({ Custom: invalid });
  }
  // The deployed program cuts off slot fields; with RFC-11 they stay, because freeing the user's resources needs them.
  const slots = keepsSlots ? decodeUserWithSlots(userData).slots : undefined;
  writeProgramAccount(context, user, payer, encodeUserWithSlots({ value: after, slots }));
}

/** The program's log line for the field that failed validation with this code. */
function invalidField(user: User, code: number): string {
  switch (code) {
    case 26:
      return `client_ip: ${user.clientIp}`;
    case 27:
      return `dz_ip: ${user.dzIp}`;
    case 28:
      return `tunnel_net: ${formatNetworkV4(user.tunnelNet)}`;
    case 29:
      return `tunnel_id: ${user.tunnelId}`;
    case 80:
      return `tunnel_endpoint: ${user.tunnelEndpoint}`;
    default:
      return `device_pk: ${user.devicePk}`;
  }
}

/** Runs one instruction; the context has the whole data, including the variant byte. */
type Processor = (context: InstructionContext) => void;

/** Instructions of the program, by variant: RFC-19's as deployed and, unless it is the deployed one, RFC-11's as drafted. */
function processorsOf(program: LedgerProgram, derive: Derive): ReadonlyMap<number, Processor> {
  const keepsSlots = program !== 'deployed';
  const deployed: readonly [number, Processor] = [SET_USER_BGP_STATUS, (context) => setUserBgpStatus(context, keepsSlots)];
  return new Map([deployed, ...(keepsSlots ? createRfc11Processors(derive) : [])]);
}

/** Deprecated variants of the deployed program. */
const DEPRECATED: ReadonlySet<number> = new Set([
  6, 7, 8, 9, 21, 22, 24, 25, 27, 29, 30, 32, 33, 35, 37, 38, 40, 41, 43, 45, 47, 48, 53, 72, 75, 77, 78,
]);
const DEPRECATED_ERROR = { Custom: 67 };
/** A former migration, kept as an instruction that does nothing and succeeds, with any accounts and data. */
const NO_OPERATION = 111;
const DISPATCH_UNITS = 300;

/**
 * The serviceability program: variant byte → processor. Variants of the deployed program that this ledger lacks fail like unknown ones, with a log
 * line; the administration builds the world instead.
 */
function createServiceabilityProgram(processors: ReadonlyMap<number, Processor>): Program {
  return {
    builtin: false,
    execute(context) {
      context.consume(DISPATCH_UNITS);
      const variant = context.data[0];
      const processor = variant === undefined ? undefined : processors.get(variant);
      if (processor !== undefined) return processor(context);
      if (variant === NO_OPERATION) return;
      if (variant !== undefined && DEPRECATED.has(variant)) throw new InstructionFailure(DEPRECATED_ERROR);
      context.log(`this ledger has no instruction ${variant ?? 'without data'}`);
      throw new InstructionFailure('InvalidInstructionData');
    },
  };
}

/** The programs of a ledger by address; `derive`, a shared cache, finds the addresses that theirs are. */
export function createPrograms(
  serviceability: Address,
  program: LedgerProgram = 'rfc11',
  derive: Derive = createDerivations(),
): ReadonlyMap<Address, Program> {
  return new Map([
    [SYSTEM_PROGRAM, systemProgram],
    [COMPUTE_BUDGET_PROGRAM, computeBudgetProgram],
    [serviceability, createServiceabilityProgram(processorsOf(program, derive))],
  ]);
}

/** The accounts that the programs themselves are. */
export function programAccounts(serviceability: Address): ReadonlyMap<Address, Account> {
  const executable = (owner: Address, data: Uint8Array): Account => ({ ...createAccount(owner, data), executable: true });
  return new Map([
    [SYSTEM_PROGRAM, executable(NATIVE_LOADER, new TextEncoder().encode('system_program'))],
    [COMPUTE_BUDGET_PROGRAM, executable(NATIVE_LOADER, new TextEncoder().encode('compute_budget_program'))],
    // The state tag of an upgradeable program, and the address of its program data, which this ledger does not have.
    [serviceability, executable(UPGRADEABLE_LOADER, Uint8Array.of(2, 0, 0, 0, ...new Uint8Array(32)))],
  ]);
}
