import {
  type AccountReader,
  AccountType,
  AccountWriter,
  absentAs,
  bool,
  type Fields,
  ipv4,
  key,
  network,
  networks,
  openAccount,
  readFields,
  statusField,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  u128,
  vector,
  writeFields,
} from './borsh.ts';

/** A flex-algo segment of an interface: its topology and the segment's number. */
export interface FlexAlgoNodeSegment extends Fields<typeof SEGMENT_LAYOUT> {}

const SEGMENT_LAYOUT = { topology: key, nodeSegmentIdx: u16 };

/** The fields of the first interface layout. */
export interface BasicInterface extends Fields<typeof BASIC_INTERFACE_LAYOUT> {}

const BASIC_INTERFACE_LAYOUT = {
  status: u8,
  name: text,
  interfaceType: u8,
  loopbackType: u8,
  vlanId: u16,
  ipNet: network,
  nodeSegmentIdx: u16,
  userTunnelEndpoint: bool,
};

/** The fields of every later layout. */
export interface FullInterface extends Fields<typeof INTERFACE_LAYOUT> {}

/** In every layout but the first. */
export const INTERFACE_LAYOUT = {
  status: u8,
  name: text,
  interfaceType: u8,
  cyoa: u8,
  dia: u8,
  loopbackType: u8,
  /** Bits a second. */
  bandwidth: u64,
  /** Committed rate, bits a second. */
  cir: u64,
  mtu: u16,
  routingMode: u8,
  vlanId: u16,
  ipNet: network,
  nodeSegmentIdx: u16,
  userTunnelEndpoint: bool,
};

/** Followed by the segments of flexible algorithms. */
const SEGMENTED_LAYOUT = /* @__PURE__ */ (() => ({ ...INTERFACE_LAYOUT, flexAlgoNodeSegments: vector(struct(SEGMENT_LAYOUT), 34) }))();

/** An element of the first, unversioned vector; `layout` is its discriminant. The program no longer writes layout 3, but some accounts have it. */
export type DeprecatedInterface =
  | ({ readonly layout: 0 } & BasicInterface)
  | ({ readonly layout: 1 | 2 } & FullInterface)
  | ({ readonly layout: 3; readonly flexAlgoNodeSegments: readonly FlexAlgoNodeSegment[] } & FullInterface);

/** An interface of version 4, or of a later one: those only append fields. */
export interface KnownInterface extends FullInterface {
  readonly kind: 'known';
  /** Absent for version 4. */
  readonly version?: number;
  readonly flexAlgoNodeSegments: readonly FlexAlgoNodeSegment[];
  /** Bytes of this element after its known fields: those of a later version. */
  readonly surplus: Uint8Array;
}

/** An interface of an earlier version, or whose fields do not fit its size: its bytes after the version. */
export interface UnknownInterface {
  readonly kind: 'unknown';
  readonly version: number;
  readonly body: Uint8Array;
}

/** An element of the second vector. Each is size-prefixed, so readers can skip unknown versions. */
export type DeviceInterface = KnownInterface | UnknownInterface;

/** A device's two interface vectors, for old and new readers. */
export interface InterfaceVectors {
  readonly deprecatedInterfaces: readonly DeprecatedInterface[];
  readonly interfaces: readonly DeviceInterface[];
}

/**
 * Whether a device's two interface vectors differ in length. The deployed program aborts every instruction that reads such a device,
 * including SetUserBGPStatus.
 */
export function interfacesDisagree({ deprecatedInterfaces, interfaces }: InterfaceVectors): boolean {
  return interfaces.length > 0 && interfaces.length !== deprecatedInterfaces.length;
}

/** A device's interfaces: the second vector, or the first one converted to the current layout if there is no second. */
export function currentInterfaces({ deprecatedInterfaces, interfaces }: InterfaceVectors): readonly DeviceInterface[] {
  return interfaces.length > 0 ? interfaces : deprecatedInterfaces.map(modernized);
}

/** The program's own defaults for the fields that the first layout lacks. */
const ABSENT_IN_FIRST_LAYOUT = { cyoa: 0, dia: 0, bandwidth: 0n, cir: 0n, mtu: 9000, routingMode: 0 } as const;

function modernized({ layout, ...fields }: DeprecatedInterface): KnownInterface {
  return { ...ABSENT_IN_FIRST_LAYOUT, flexAlgoNodeSegments: [], surplus: new Uint8Array(), ...fields, kind: 'known' };
}

/** Byte values of Device.status in the program (2 is retired); any other byte is kept as it is. */
export const DeviceStatus = {
  pending: 0,
  activated: 1,
  deleting: 3,
  rejected: 4,
  drained: 5,
  deviceProvisioning: 6,
  linkProvisioning: 7,
} as const;

/** The program's default for an older account: pending. */
const healthField = /* @__PURE__ */ absentAs(1, u8);

/**
 * The Device account (type 5). A field that the account is too short to hold reads as zero, but for the program's defaults: status activated,
 * health pending.
 */
export interface Device extends Fields<typeof HEAD_LAYOUT>, InterfaceVectors, Fields<typeof COUNTERS_LAYOUT> {
  /**
   * Present when an interface vector has an unknown layout: the account's bytes from that vector on. That vector and all later fields hold
   * defaults, not values from the ledger.
   */
  readonly unreadTail?: UnreadTail;
}

/** The fields before the interface vectors. */
const HEAD_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  locationPk: key,
  exchangePk: key,
  deviceType: u8,
  publicIp: ipv4,
  status: statusField,
  code: text,
  dzPrefixes: networks,
  /** The telemetry key: the only signer from which the program accepts SetUserBGPStatus for users of this device. */
  metricsPublisherPk: key,
  contributorPk: key,
  mgmtVrf: text,
};

/** Between the two interface vectors. */
const COUNTERS_LAYOUT = {
  referenceCount: u32,
  usersCount: u16,
  maxUsers: u16,
  deviceHealth: healthField,
  desiredStatus: u8,
  unicastUsersCount: u16,
  multicastSubscribersCount: u16,
  /** 0 is unlimited. */
  maxUnicastUsers: u16,
  maxMulticastSubscribers: u16,
  reservedSeats: u16,
  multicastPublishersCount: u16,
  maxMulticastPublishers: u16,
};

/** The unreadable part of a Device account. */
export interface UnreadTail {
  readonly from: 'deprecatedInterfaces' | 'interfaces';
  readonly bytes: Uint8Array;
}

/** The size-prefixed layout that the program writes now. */
const CURRENT_VERSION = 4;
/** u16 size, counting itself, and u8 version. */
const PREFIX_LENGTH = 3;
/** The shortest element of the first vector: a discriminant and a basic interface without a name. */
const SHORTEST_DEPRECATED = 18;

function writeDeprecatedInterface(writer: AccountWriter, element: DeprecatedInterface): void {
  writer.u8(element.layout);
  if (element.layout === 0) writeFields(BASIC_INTERFACE_LAYOUT, writer, element);
  else if (element.layout === 3) writeFields(SEGMENTED_LAYOUT, writer, element);
  else writeFields(INTERFACE_LAYOUT, writer, element);
}

function writeInterface(writer: AccountWriter, element: DeviceInterface): void {
  const { version = CURRENT_VERSION } = element;
  const body = element.kind === 'known' ? knownBody(element) : element.body;
  writer
    .u16(PREFIX_LENGTH + body.length)
    .u8(version)
    .raw(body);
}

function knownBody(element: DeviceInterface & { kind: 'known' }): Uint8Array {
  const writer = new AccountWriter();
  writeFields(SEGMENTED_LAYOUT, writer, element);
  return writer.raw(element.surplus).finish();
}

/** A u32 count and its elements; undefined when one is unreadable, or when the count exceeds what fits. */
function readAll<T>(reader: AccountReader, shortest: number, read: (reader: AccountReader) => T | undefined): readonly T[] | undefined {
  const count = reader.u32();
  if (reader.cut || count * shortest > reader.remaining) return undefined;
  const elements: T[] = [];
  while (elements.length < count) {
    const element = read(reader);
    if (element === undefined || reader.cut) return undefined;
    elements.push(element);
  }
  return elements;
}

/** Undefined for an unknown layout, whose end is unknown, too. */
function readDeprecated(reader: AccountReader): DeprecatedInterface | undefined {
  const layout = reader.u8();
  switch (layout) {
    case 0:
      return { layout, ...readFields(BASIC_INTERFACE_LAYOUT, reader) };
    case 1:
    case 2:
      return { layout, ...readFields(INTERFACE_LAYOUT, reader) };
    case 3:
      return { layout, ...readFields(SEGMENTED_LAYOUT, reader) };
    default:
      return undefined;
  }
}

/** Undefined when its size does not fit. Unknown versions are kept as bytes. */
function readInterface(reader: AccountReader): DeviceInterface | undefined {
  const length = reader.u16() - PREFIX_LENGTH;
  const version = reader.u8();
  if (length < 0 || length > reader.remaining) return undefined;
  const body = reader.window(length);
  if (version >= CURRENT_VERSION) {
    const fields = readFields(SEGMENTED_LAYOUT, body);
    const known: KnownInterface = { kind: 'known', ...fields, surplus: body.copy(body.remaining) };
    if (!body.cut) return version === CURRENT_VERSION ? known : { ...known, version };
  }
  return { kind: 'unknown', version, body: body.all() };
}

/**
 * Reads a Device account (type 5). The fields that decide who may write for the device precede its interfaces, so they are always readable.
 * Throws only AccountDataError, when the data is empty or of another type.
 */
export function decodeDevice(data: Uint8Array): Device {
  const reader = openAccount(data, 'device');
  const head = readFields(HEAD_LAYOUT, reader);
  const deprecated = readOrKeep(data, reader, 'deprecatedInterfaces', SHORTEST_DEPRECATED, readDeprecated);
  const counters = readFields(COUNTERS_LAYOUT, reader);
  const current = readOrKeep(data, reader, 'interfaces', PREFIX_LENGTH, readInterface);
  const unreadTail = deprecated.unreadTail ?? current.unreadTail;
  const device = { ...head, deprecatedInterfaces: deprecated.elements, ...counters, interfaces: current.elements };
  return unreadTail === undefined ? device : { ...device, unreadTail };
}

/**
 * The account's bytes; an unread tail is written back unchanged. Throws ServiceabilityError for a value that its field cannot hold.
 */
export function encodeDevice(device: Device): Uint8Array {
  const writer = new AccountWriter().u8(AccountType.device);
  writeFields(HEAD_LAYOUT, writer, device);
  if (device.unreadTail?.from === 'deprecatedInterfaces') return writer.raw(device.unreadTail.bytes).finish();
  writer.vector(device.deprecatedInterfaces, (element) => writeDeprecatedInterface(writer, element));
  writeFields(COUNTERS_LAYOUT, writer, device);
  if (device.unreadTail !== undefined) return writer.raw(device.unreadTail.bytes).finish();
  return writer.vector(device.interfaces, (element) => writeInterface(writer, element)).finish();
}

/** Reads an interface vector, or ends the account before it and keeps its bytes. Older accounts have no such vector. */
function readOrKeep<T>(
  data: Uint8Array,
  reader: AccountReader,
  from: UnreadTail['from'],
  shortest: number,
  read: (reader: AccountReader) => T | undefined,
): { readonly elements: readonly T[]; readonly unreadTail?: UnreadTail } {
  if (reader.remaining === 0) {
    reader.cutHere();
    return { elements: [] };
  }
  const start = reader.offset;
  const elements = readAll(reader, shortest, read);
  if (elements !== undefined) return { elements };
  reader.cutHere();
  return { elements: [], unreadTail: { from, bytes: new Uint8Array(data.subarray(start)) } };
}
