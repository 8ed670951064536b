import {
  AccountType,
  type Address,
  addressOf,
  BgpStatus,
  decodeSetUserBgpStatus,
  formatNetworkV4,
  SET_USER_BGP_STATUS,
  type User,
  validateUser,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { type Derive, decodeUserWithSlots, encodeUserWithSlots } from '../../src/serviceability/rfc11/index.ts';
import { createRfc11Processors } from '../rfc11/processors.ts';
import { createDerivations } from '../rfc11/state.ts';
import type { LedgerProgram } from './admin.ts';
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

/** What SetUserBGPStatus takes from a Device account, read as the program (0.34.0) reads it. */
interface OnChainDevice {
  readonly isDevice: boolean;
  readonly metricsPublisherPk: Address;
  /** Elements of the first vector, which is empty as soon as one of its elements is malformed. */
  readonly deprecatedInterfaces: number;
  /** Elements of the second vector. */
  readonly interfaces: number;
  /** Heap bytes that the program allocates for it; its allocator never frees. */
  readonly heapBytes: number;
}

/** Bytes of one element in the program's memory: `InterfaceDeprecated`, `Interface` and `FlexAlgoNodeSegment`. */
const DEPRECATED_SIZE = 72;
const INTERFACE_SIZE = 88;
const SEGMENT_SIZE = 34;
/** The program reserves at most this much for a vector before it has read an element. */
const MAX_RESERVED_BYTES = 4096;
/** The smallest capacity to which a vector grows. */
const MIN_CAPACITY = 4;
/** The buffers of 8, 16, 32 and 64 bytes in which the program encodes one interface. */
const ENCODING_BUFFERS = 120;
/** Size and version, before an interface's body. */
const PREFIX_LENGTH = 3;
/** An interface's fields between its name and its segments. */
const FIXED_FIELDS_AFTER_NAME = 33;

/**
 * Reads a Device as the program does, which differs from clients where the account is malformed. A field that cannot be read becomes its default,
 * and the next one is read from where the failed read stopped: the fields after a malformed vector are read from its middle.
 */
export function readDeviceOnChain(data: Uint8Array): OnChainDevice {
  const reader = new BorshReader(data);
  const isDevice = reader.u8() === AccountType.device;
  // Owner, index, bump seed, location, exchange, type, public address, status.
  for (const length of [32, 16, 1, 32, 32, 1, 4, 1]) reader.skip(length);
  reader.text();
  reader.vector(5, () => reader.network());
  const metricsPublisherPk = reader.key() ?? ZERO_ADDRESS;
  reader.skip(32);
  reader.text();
  const textBefore = reader.textBytes;
  const deprecatedInterfaces = reader.vector(DEPRECATED_SIZE, () => readDeprecatedInterface(reader)) ?? 0;
  const nameBytes = reader.textBytes - textBefore;
  // The counters between the two vectors.
  for (const length of [4, 2, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2]) reader.skip(length);
  const interfaces = reader.vector(INTERFACE_SIZE, () => readInterface(reader)) ?? 0;
  if (interfaces === 0) reader.heapBytes += rebuiltBytes(deprecatedInterfaces, nameBytes);
  return { isDevice, metricsPublisherPk, deprecatedInterfaces, interfaces, heapBytes: reader.heapBytes };
}

/** Heap of the second vector where an older account has only the first: the program rebuilds it, and encodes each element for its size. */
function rebuiltBytes(count: number, nameBytes: number): number {
  let bytes = nameBytes + count * ENCODING_BUFFERS;
  for (let capacity = MIN_CAPACITY; count > 0; capacity *= 2) {
    bytes += capacity * INTERFACE_SIZE;
    if (capacity >= count) break;
  }
  return bytes;
}

/** Each field must be readable, and each enum and bool a known one; false otherwise. */
function readDeprecatedInterface(reader: BorshReader): boolean {
  const layout = reader.u8();
  if (layout === undefined) return false;
  if (layout === 0) return reader.enum(6) && reader.text() && reader.enum(2) && reader.enum(3) && reader.skip(2) && readAddressing(reader);
  // An unknown layout becomes a default interface, and its bytes are not skipped.
  if (layout > 3) return true;
  const isReadable =
    reader.enum(6) &&
    reader.text() &&
    reader.enum(2) &&
    reader.enum(5) &&
    reader.enum(1) &&
    reader.enum(3) &&
    reader.skip(8) &&
    reader.skip(8) &&
    reader.skip(2) &&
    reader.enum(1) &&
    reader.skip(2) &&
    readAddressing(reader);
  return isReadable && (layout < 3 || readSegments(reader) !== undefined);
}

/** The last fields of every layout: network, segment, and whether it is a tunnel endpoint. */
const readAddressing = (reader: BorshReader): boolean => reader.network() && reader.skip(2) && reader.enum(1);

/** Fields of the body that cannot be read become defaults; only a body that does not fit ends the vector. */
function readInterface(reader: BorshReader): boolean {
  const size = reader.u16();
  if (size === undefined || !reader.skip(1)) return false;
  const body = reader.bytes(Math.max(0, size - PREFIX_LENGTH));
  if (body === undefined) return false;
  const fields = new BorshReader(body);
  fields.skip(1);
  fields.text();
  fields.skip(FIXED_FIELDS_AFTER_NAME);
  readSegments(fields);
  reader.heapBytes += body.length + fields.heapBytes;
  return true;
}

const readSegments = (reader: BorshReader): number | undefined => reader.vector(SEGMENT_SIZE, () => reader.skip(SEGMENT_SIZE));

/** Reads borsh from where the last read stopped. A read that fails for want of bytes consumes what is left. */
class BorshReader {
  /** Heap bytes allocated so far. */
  heapBytes = 0;
  /** Lengths of the texts so far. */
  textBytes = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(length: number): boolean {
    return this.#take(length) !== undefined;
  }

  bytes(length: number): Uint8Array | undefined {
    const at = this.#take(length);
    return at === undefined ? undefined : this.#bytes.subarray(at, at + length);
  }

  u8(): number | undefined {
    const at = this.#take(1);
    return at === undefined ? undefined : this.#view.getUint8(at);
  }

  u16(): number | undefined {
    const at = this.#take(2);
    return at === undefined ? undefined : this.#view.getUint16(at, true);
  }

  key(): Address | undefined {
    const bytes = this.bytes(32);
    return bytes === undefined ? undefined : addressOf(bytes);
  }

  /** An enum or a bool: one byte, at most `last`. */
  enum(last: number): boolean {
    const byte = this.u8();
    return byte !== undefined && byte <= last;
  }

  /** Four bytes and a prefix length of at most 32. */
  network(): boolean {
    return this.skip(4) && this.enum(32);
  }

  /** False when it is too long for the account or not UTF-8. A length that lies counts on the heap for the bytes that are there. */
  text(): boolean {
    const length = this.#u32();
    if (length === undefined) return false;
    const present = Math.min(length, this.#bytes.length - this.#offset);
    this.heapBytes += present;
    this.textBytes += present;
    const bytes = this.bytes(length);
    return bytes !== undefined && isUtf8(bytes);
  }

  /** The number of elements of `size` bytes in memory; undefined when `element` fails for one of them. */
  vector(size: number, element: () => boolean): number | undefined {
    const count = this.#u32();
    if (count === undefined) return undefined;
    let capacity = count === 0 ? 0 : Math.max(1, Math.min(count, Math.floor(MAX_RESERVED_BYTES / size)));
    this.heapBytes += capacity * size;
    for (let read = 0; read < count; read += 1) {
      if (!element()) return undefined;
      if (read < capacity) continue;
      capacity = Math.max(MIN_CAPACITY, capacity * 2);
      this.heapBytes += capacity * size;
    }
    return count;
  }

  #u32(): number | undefined {
    const at = this.#take(4);
    return at === undefined ? undefined : this.#view.getUint32(at, true);
  }

  /** The offset of the next `length` bytes; undefined, and at the end, when there are fewer. */
  #take(length: number): number | undefined {
    const at = this.#offset;
    const isThere = at + length <= this.#bytes.length;
    this.#offset = isThere ? at + length : this.#bytes.length;
    return isThere ? at : undefined;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

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
