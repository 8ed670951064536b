import type { Address, NetworkV4 } from './units.ts';

/** A flex-algo segment of an interface: its topology and the segment's number. */
export interface FlexAlgoNodeSegment {
  readonly topology: Address;
  readonly nodeSegmentIdx: number;
}

/** What the first layout of an interface holds. */
export interface BasicInterface {
  readonly status: number;
  readonly name: string;
  readonly interfaceType: number;
  readonly loopbackType: number;
  readonly vlanId: number;
  readonly ipNet: NetworkV4;
  readonly nodeSegmentIdx: number;
  readonly userTunnelEndpoint: boolean;
}

/** What every later layout holds. */
export interface FullInterface extends BasicInterface {
  readonly cyoa: number;
  readonly dia: number;
  /** Bits a second. */
  readonly bandwidth: bigint;
  /** Committed rate, bits a second. */
  readonly cir: bigint;
  readonly mtu: number;
  readonly routingMode: number;
}

/** An element of the first, unversioned vector; `layout` is its discriminant. Layout 3 is no longer written, but some accounts have it. */
export type DeprecatedInterface =
  | ({ readonly layout: 0 } & BasicInterface)
  | ({ readonly layout: 1 | 2 } & FullInterface)
  | ({ readonly layout: 3; readonly flexAlgoNodeSegments: readonly FlexAlgoNodeSegment[] } & FullInterface);

/** An interface of a layout that this SDK knows (version 4). */
export interface KnownInterface extends FullInterface {
  readonly kind: 'known';
  readonly flexAlgoNodeSegments: readonly FlexAlgoNodeSegment[];
  /** Bytes of this element after the fields that are known. */
  readonly surplus: Uint8Array;
}

/** An interface of another version, or one whose fields do not fit its size: its bytes after the version, as they are. */
export interface UnknownInterface {
  readonly kind: 'unknown';
  readonly version: number;
  readonly body: Uint8Array;
}

/** An element of the second vector, which says its size, so that one of an unknown version can be passed over. */
export type DeviceInterface = KnownInterface | UnknownInterface;

/** The two vectors of interfaces that a device has, for old and new readers. */
export interface InterfaceVectors {
  readonly deprecatedInterfaces: readonly DeprecatedInterface[];
  readonly interfaces: readonly DeviceInterface[];
}

/**
 * Whether the two vectors of a device contradict each other in length. The deployed program aborts every instruction that reads such a
 * device, SetUserBGPStatus included.
 */
export function interfacesDisagree({ deprecatedInterfaces, interfaces }: InterfaceVectors): boolean {
  return interfaces.length > 0 && interfaces.length !== deprecatedInterfaces.length;
}

/** The interfaces of a device: the second vector, or the first in today's form for a device from before there was a second one. */
export function currentInterfaces({ deprecatedInterfaces, interfaces }: InterfaceVectors): readonly DeviceInterface[] {
  return interfaces.length > 0 ? interfaces : deprecatedInterfaces.map(modernized);
}

/** The values that the program itself fills in for what the first layout lacks. */
const ABSENT_IN_FIRST_LAYOUT = { cyoa: 0, dia: 0, bandwidth: 0n, cir: 0n, mtu: 9000, routingMode: 0 } as const;

function modernized({ layout, ...fields }: DeprecatedInterface): KnownInterface {
  return { ...ABSENT_IN_FIRST_LAYOUT, flexAlgoNodeSegments: [], surplus: new Uint8Array(), ...fields, kind: 'known' };
}
