import { addressBytes, ZERO_ADDRESS } from '../address.ts';
import {
  AccountReader,
  AccountWriter,
  type FieldCodec,
  type Fields,
  ipv4,
  ipv4Bytes,
  key,
  type Layout,
  networks,
  option,
  readFields,
  struct,
  text,
  u8,
  u8Bytes,
  u16,
  u32,
  u64,
  utf8,
  vector,
  writeFields,
} from '../borsh.ts';
import { findProgramAddress, type ProgramAddress } from '../pda.ts';
import { type Address, decodeBase64, type Ipv4 } from '../units.ts';
import { type ResourceTypeName, resourceTypeOfLabel } from './resource-extension.ts';

/*
 * RFC-11's account addresses. Users have their deployed addresses (userAddress); the others are derived from their identity, not from an index:
 * links from their two devices, interfaces from names, groups from addresses, devices from codes.
 */

/** Derives an address from seeds: findProgramAddress, or a caching version of it. */
export type Derive = (seeds: readonly Uint8Array[], programId: Address) => ProgramAddress;

/** The pools of a device, or of the network for the zero address. Seeds `["resource_ext", …]`, without the prefix of all others. */
export function resourceExtensionAddress(
  programId: Address,
  associatedWith: Address = ZERO_ADDRESS,
  derive: Derive = findProgramAddress,
): ProgramAddress {
  return derive([utf8('resource_ext'), addressBytes(associatedWith)], programId);
}

/** Independent of the order of the devices: the seeds are their keys, sorted. */
export function linkAddress(programId: Address, deviceA: Address, deviceB: Address, derive: Derive = findProgramAddress): ProgramAddress {
  const devices = [addressBytes(deviceA), addressBytes(deviceB)].sort(compareBytes);
  return derive([DOUBLEZERO, utf8('link'), ...devices], programId);
}

/** Throws ServiceabilityError `PDA__BAD_SEEDS` for a name above 32 bytes. */
export function interfaceAddress(programId: Address, device: Address, name: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('interface'), addressBytes(device), utf8(name)], programId);
}

/** A multicast group, by its group address. */
export function multicastGroupAddress(programId: Address, group: Ipv4, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('multicast'), ipv4Bytes(group)], programId);
}

/** RFC-11 defines no seeds for devices, and its instruction has no account for an index counter. Throws like interfaceAddress. */
export function deviceAddress(programId: Address, code: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('device'), utf8(code)], programId);
}

/** A user's deployed address, with a caching `derive` if given. */
export function userAddress(programId: Address, clientIp: Ipv4, userType: number, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('user'), ipv4Bytes(clientIp), u8Bytes(userType)], programId);
}

/** As deployed, like userAddress. */
export const globalStateAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('globalstate')], programId);

/** As deployed, like userAddress. */
export const globalConfigAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('config')], programId);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

const DOUBLEZERO = utf8('doublezero');

/** RFC-11's instructions. RFC-11 does not number them, so they start at 160, apart from all deployed ones. The number is the first data byte. */
export const Rfc11Instruction = {
  CreateResourceExtension: 160,
  AllocateResource: 161,
  ReleaseResource: 162,
  SetResourceState: 163,
  BackfillEntitySlots: 164,
  CreateAndActivateDevice: 165,
  CreateAndActivateUser: 166,
  CreateAndActivateLink: 167,
  CreateAndActivateInterface: 168,
  CreateAndActivateMulticastGroup: 169,
  DeleteUser: 170,
  DeleteLink: 171,
  DeleteDevice: 172,
  DeleteInterface: 173,
  DeleteMulticastGroup: 174,
  BanUser: 175,
  SweepExpiredUsers: 176,
  UpdateDeviceContributor: 177,
} as const;

/** The names of RFC-11's instructions. */
export type Rfc11InstructionName = keyof typeof Rfc11Instruction;

/** The instruction's name; undefined for any other number. */
export function rfc11InstructionName(number: number): Rfc11InstructionName | undefined {
  for (const name of Object.keys(Rfc11Instruction)) if (isName(name) && Rfc11Instruction[name] === number) return name;
  return undefined;
}

const isName = (name: string): name is Rfc11InstructionName => Object.hasOwn(Rfc11Instruction, name);

/** An id bitmap to create; see IdType. */
export interface IdBitmapArgs extends Fields<typeof ID_BITMAP> {}

const ID_BITMAP = { idType: u8, startOffset: u16, usableSlots: u16 };
const idBitmaps: FieldCodec<readonly IdBitmapArgs[]> = /* @__PURE__ */ vector(struct(ID_BITMAP), 5);

/** An IP block bitmap to create; see IpBlockType. The block itself comes from GlobalConfig or the device. */
export interface IpBlockArgs extends Fields<typeof IP_BLOCK> {}

const IP_BLOCK = { blockType: u8, reservedStart: u8, reservedEnd: u8 };
const ipBlocks: FieldCodec<readonly IpBlockArgs[]> = /* @__PURE__ */ vector(struct(IP_BLOCK), 3);

const slots = /* @__PURE__ */ vector(u32, 4);
const optionalU8 = /* @__PURE__ */ option(u8);
const optionalU16 = /* @__PURE__ */ option(u16);
const optionalU32 = /* @__PURE__ */ option(u32);

/** Each instruction's arguments after its number. */
export interface Rfc11Arguments extends Fields<typeof LAYOUTS> {}

/** Arguments of CreateAndActivateDevice. */
export type CreateDeviceArgs = Rfc11Arguments['CreateAndActivateDevice'];
/** Arguments of CreateAndActivateUser. */
export type CreateUserArgs = Rfc11Arguments['CreateAndActivateUser'];
/** Arguments of CreateAndActivateLink. */
export type CreateLinkArgs = Rfc11Arguments['CreateAndActivateLink'];
/** Arguments of CreateAndActivateInterface. */
export type CreateInterfaceArgs = Rfc11Arguments['CreateAndActivateInterface'];

const LAYOUTS = {
  CreateResourceExtension: { idBitmaps, ipBlocks },
  /** See ResourceType. */
  AllocateResource: { resourceType: u8 },
  ReleaseResource: { resourceType: u8, slot: u32 },
  SetResourceState: { resourceType: u8, slots },
  /** The slots of the entity's kind; `dzIpSlot` is NO_SLOT for a user whose DoubleZero address is outside the device's prefixes. */
  BackfillEntitySlots: {
    tunnelNetSlot: optionalU32,
    dzIpSlot: optionalU32,
    tunnelIdSlot: optionalU16,
    tunnelIdSlotB: optionalU16,
    multicastSlot: optionalU32,
  },
  CreateAndActivateDevice: {
    code: text,
    deviceType: u8,
    publicIp: ipv4,
    dzPrefixes: networks,
    metricsPublisher: key,
    mgmtVrf: text,
    /** Addresses kept back at the start of each prefix; RFC-11's 2 (network and gateway) without it. */
    dzIpReservedStart: optionalU8,
  },
  CreateAndActivateUser: { userType: u8, cyoaType: u8, clientIp: ipv4, tunnelEndpoint: ipv4 },
  CreateAndActivateLink: {
    code: text,
    linkType: u8,
    bandwidth: u64,
    mtu: u32,
    delayNs: u64,
    jitterNs: u64,
    sideAIfaceName: text,
    sideZIfaceName: text,
  },
  CreateAndActivateInterface: {
    name: text,
    /** See InterfaceType. */
    interfaceType: u8,
    loopbackType: u8,
    bandwidth: u64,
    mtu: u16,
    vlanId: u16,
    /** 1 if a loopback gets an address from the device's DzIp, else 0. */
    withDzIp: u8,
  },
  CreateAndActivateMulticastGroup: { code: text, maxBandwidth: u64, owner: key },
  DeleteUser: {},
  DeleteLink: {},
  DeleteDevice: {},
  DeleteInterface: {},
  DeleteMulticastGroup: {},
  BanUser: {},
  SweepExpiredUsers: {},
  UpdateDeviceContributor: {},
};

/** The layouts by a name that is known only at run time. */
const LAYOUT_OF: { readonly [Name in Rfc11InstructionName]: Layout<Rfc11Arguments[Name]> } = LAYOUTS;

/** The instruction's data. Throws ServiceabilityError `ENCODING__OUT_OF_RANGE` for an argument that its field cannot hold. */
export function encodeRfc11<Name extends Rfc11InstructionName>(name: Name, args: Rfc11Arguments[Name]): Uint8Array {
  const writer = new AccountWriter().u8(Rfc11Instruction[name]);
  writeFields<Rfc11Arguments[Name]>(LAYOUT_OF[name], writer, args);
  return writer.finish();
}

/** The arguments; undefined for data that is cut, too long, or of another instruction. Byte values are not validated. */
export function decodeRfc11<Name extends Rfc11InstructionName>(name: Name, data: Uint8Array): Rfc11Arguments[Name] | undefined {
  const reader = new AccountReader(data);
  if (reader.u8() !== Rfc11Instruction[name]) return undefined;
  const args = readFields<Rfc11Arguments[Name]>(LAYOUT_OF[name], reader);
  return reader.cut || reader.remaining > 0 ? undefined : args;
}

/*
 * What an instruction did, read from its log lines.
 */

/** One value that an instruction allocated, or one slot that it freed. */
export interface LoggedSlot {
  /** As logged: `tunnel_net`, `dz_ip`, `tunnel_id`, `tunnel_id_a`, `tunnel_id_b`, `segment_routing_id`, `multicast_ip` or `multicast`. */
  readonly resource: string;
  /** The address, network or number; absent for a freed slot, and where nothing was allocated. */
  readonly value?: string;
  /** Absent where there was none. */
  readonly slot?: number;
}

/**
 * What one log line of the program says.
 * - slot: one bitmap operation of a pool.
 * - allocated, deallocated: all that an instruction took or gave back, once.
 * - marked: SetResourceState.
 * - created, closed, backfilled: accounts.
 * - swept: how many users SweepExpiredUsers marked.
 * - returned: the slot that AllocateResource returns.
 */
export type Rfc11LogDetail =
  | { readonly kind: 'slot'; readonly operation: 'allocate' | 'release'; readonly resource: ResourceTypeName; readonly slot: number }
  | { readonly kind: 'allocated' | 'deallocated'; readonly slots: readonly LoggedSlot[] }
  | { readonly kind: 'marked'; readonly resource: ResourceTypeName; readonly slots: readonly number[] }
  | { readonly kind: 'created' | 'closed' | 'backfilled'; readonly accounts: readonly string[] }
  | { readonly kind: 'contributor'; readonly device: string; readonly from: string; readonly to: string }
  | { readonly kind: 'swept'; readonly users: number }
  | { readonly kind: 'returned'; readonly slot: number };

/** One instruction of RFC-11 in a transaction's logs. */
export interface Rfc11LogEntry {
  readonly instruction: Rfc11InstructionName;
  /** False for an instruction that failed: its details took no effect. Neither did those of the others in its transaction. */
  readonly succeeded: boolean;
  readonly details: readonly Rfc11LogDetail[];
}

const LOG = 'Program log: ';

/**
 * Reads the log lines of a transaction (`meta.logMessages` of getTransaction, `logs` of a subscription), so that an indexer follows allocations
 * without account data. Lines of other programs and lines of unknown form are skipped; logs that the node cut end early. Never throws.
 */
export function parseRfc11Logs(logs: readonly string[], programId: Address): readonly Rfc11LogEntry[] {
  const entries: { instruction: Rfc11InstructionName; succeeded: boolean; details: Rfc11LogDetail[] }[] = [];
  const callers: (readonly [program: string, entry: (typeof entries)[number] | undefined])[] = [];
  let current: (typeof entries)[number] | undefined;
  for (const line of logs) {
    const [, program = '', event = ''] = /^Program (\w{32,44}) (invoke|success|failed)\b/.exec(line) ?? [];
    const top = callers.at(-1);
    if (event === 'invoke') {
      callers.push([program, current]);
      current = undefined;
    } else if (event !== '' && top !== undefined) {
      if (current !== undefined) current.succeeded = event === 'success';
      current = top[1];
      callers.pop();
    } else if (top?.[0] === programId && line.startsWith(LOG)) {
      const text = line.slice(LOG.length);
      const name = instructionOf(text);
      if (name !== undefined) {
        current = { instruction: name, succeeded: false, details: [] };
        entries.push(current);
      } else if (current !== undefined) {
        const detail = detailOf(text);
        if (detail !== undefined) current.details.push(detail);
      }
    } else if (current !== undefined && line.startsWith(`Program return: ${programId} `)) {
      const slot = returnedSlot(line.slice(line.lastIndexOf(' ') + 1));
      if (slot !== undefined) current.details.push({ kind: 'returned', slot });
    }
  }
  return entries;
}

/** The slot that AllocateResource returns: four little-endian bytes of return data, as simulateTransaction and getTransaction give it in base64. */
export function returnedSlot(base64: string): number | undefined {
  const bytes = decodeBase64(base64);
  return bytes?.length === 4 ? new DataView(bytes.buffer).getUint32(0, true) : undefined;
}

function instructionOf(text: string): Rfc11InstructionName | undefined {
  const [, name = ''] = /^Instruction: (\w+)$/.exec(text) ?? [];
  return isName(name) ? name : undefined;
}

/** Each form of a log line, and how to read it. */
const FORMS: readonly (readonly [form: RegExp, read: (...groups: readonly string[]) => Rfc11LogDetail | undefined])[] = [
  [/^AllocateResource: (\w+) slot (\d+)$/, (label, slot) => slotDetail('allocate', label, slot)],
  [/^ReleaseResource: (\w+) slot (\d+)$/, (label, slot) => slotDetail('release', label, slot)],
  [
    /^SetResourceState: (\w+) marked \d+ slots(?:: ([\d, ]+))?(?:; \d+ were taken already)?$/,
    (label = '', slots = '') => {
      const resource = resourceTypeOfLabel(label);
      return resource && { kind: 'marked', resource, slots: numbersOf(slots) };
    },
  ],
  [/^Allocated (.*)$/s, (list = '') => ({ kind: 'allocated', slots: parts(list).flatMap(allocatedPart) })],
  [/^Deallocated slots: (.*)$/s, (list = '') => ({ kind: 'deallocated', slots: parts(list).flatMap(deallocatedPart) })],
  [/^Created\b(.*)$/s, (rest = '') => ({ kind: 'created', accounts: addressesIn(rest) })],
  [/^Closed\b(.*)$/s, (rest = '') => ({ kind: 'closed', accounts: addressesIn(rest) })],
  [/^Backfilled\b(.*)$/s, (rest = '') => ({ kind: 'backfilled', accounts: addressesIn(rest) })],
  [/^Contributor of (\w+): (\w+) -> (\w+)$/, (device = '', from = '', to = '') => ({ kind: 'contributor', device, from, to })],
  [/^Marked (\d+) users as OutOfCredits$/, (users) => ({ kind: 'swept', users: Number(users) })],
];

function detailOf(text: string): Rfc11LogDetail | undefined {
  for (const [form, read] of FORMS) {
    const match = form.exec(text);
    if (match !== null) return read(...match.slice(1));
  }
  return undefined;
}

function slotDetail(operation: 'allocate' | 'release', label = '', slot = ''): Rfc11LogDetail | undefined {
  const resource = resourceTypeOfLabel(label);
  return resource && { kind: 'slot', operation, resource, slot: Number(slot) };
}

const parts = (text: string): readonly string[] => text.split(', ');
const addressesIn = (text: string): readonly string[] => text.match(/\b[1-9A-HJ-NP-Za-km-z]{32,44}\b/g) ?? [];
const numbersOf = (text: string): readonly number[] => (text.match(/\d+/g) ?? []).map(Number);

/** `tunnel_net: 169.254.0.0/31 (slot 0)`; `none` in either place stands for nothing. */
function allocatedPart(part: string): readonly LoggedSlot[] {
  const [, resource, value, slot] = /^(\w+): (\S+)(?: \(slot (\w+)\))?$/.exec(part) ?? [];
  if (resource === undefined || value === undefined) return [];
  return [{ resource, ...(value !== 'none' && { value }), ...slotIn(slot) }];
}

/** `tunnel_id 0`, or `dz_ip none`. */
function deallocatedPart(part: string): readonly LoggedSlot[] {
  const [, resource, slot] = /^(\w+) (\w+)$/.exec(part) ?? [];
  return resource === undefined ? [] : [{ resource, ...slotIn(slot) }];
}

const slotIn = (text: string | undefined): { readonly slot?: number } => (/^\d+$/.test(text ?? '') ? { slot: Number(text) } : {});
