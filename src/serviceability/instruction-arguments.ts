import {
  AccountReader,
  absentAs,
  bool,
  type FieldCodec,
  ipv4,
  key,
  type Layout,
  network,
  networks,
  option,
  text,
  u8,
  u16,
  u32,
  u64,
} from './borsh.ts';
import { decodeSetUserBgpStatus, SET_USER_BGP_STATUS, type SetUserBgpStatusArgs } from './instruction.ts';
import type { Address, Ipv4, NetworkV4 } from './units.ts';

/** Arguments of the deployed program's instructions that decodeInstruction reads, in the order of their bytes. */
export interface InstructionArguments {
  readonly SetGlobalConfig: {
    readonly localAsn: number;
    readonly remoteAsn: number;
    readonly deviceTunnelBlock: NetworkV4;
    readonly userTunnelBlock: NetworkV4;
    readonly multicastGroupBlock: NetworkV4;
    readonly nextBgpCommunity: number | undefined;
    readonly multicastPublisherBlock: NetworkV4;
  };
  readonly CreateDevice: {
    readonly code: string;
    readonly deviceType: number;
    readonly publicIp: Ipv4;
    readonly dzPrefixes: readonly NetworkV4[];
    readonly metricsPublisherPk: Address;
    readonly mgmtVrf: string;
    readonly desiredStatus: number | undefined;
    /** ResourceExtension accounts to create: one for tunnel ids, and one a prefix. */
    readonly resourceCount: number;
  };
  readonly DeleteDevice: { readonly resourceCount: number };
  readonly CreateLink: {
    readonly code: string;
    readonly linkType: number;
    /** Bits a second. */
    readonly bandwidth: bigint;
    readonly mtu: number;
    readonly delayNs: bigint;
    readonly jitterNs: bigint;
    readonly sideAIfaceName: string;
    /** Absent for a link to another contributor, who names it. */
    readonly sideZIfaceName: string | undefined;
    readonly desiredStatus: number | undefined;
    readonly useOnchainAllocation: boolean;
  };
  readonly CreateUser: {
    readonly userType: number;
    readonly cyoaType: number;
    readonly clientIp: Ipv4;
    readonly tunnelEndpoint: Ipv4;
    readonly dzPrefixCount: number;
  };
  readonly CreateSubscribeUser: {
    readonly userType: number;
    readonly cyoaType: number;
    readonly clientIp: Ipv4;
    readonly publisher: boolean;
    readonly subscriber: boolean;
    readonly tunnelEndpoint: Ipv4;
    readonly dzPrefixCount: number;
    /** The zero address for the payer. */
    readonly owner: Address;
  };
  readonly DeleteUser: { readonly dzPrefixCount: number; readonly multicastPublisherCount: number };
  readonly ClearTopology: { readonly name: string };
  readonly AssignTopologyNodeSegments: { readonly name: string };
  readonly SetUserBgpStatus: SetUserBgpStatusArgs;
}

/** An instruction with its arguments. */
export type DecodedInstruction = {
  readonly [Name in keyof InstructionArguments]: { readonly name: Name; readonly args: InstructionArguments[Name] };
}[keyof InstructionArguments];

type Layouts = { readonly [Name in keyof Omit<InstructionArguments, 'SetUserBgpStatus'>]: Layout<InstructionArguments[Name]> };

/** By number, the first byte of the data. */
const NAMES: Readonly<Record<number, keyof Layouts>> = {
  3: 'SetGlobalConfig',
  20: 'CreateDevice',
  26: 'DeleteDevice',
  28: 'CreateLink',
  36: 'CreateUser',
  42: 'DeleteUser',
  59: 'CreateSubscribeUser',
  109: 'ClearTopology',
  110: 'AssignTopologyNodeSegments',
};

const LAYOUTS: Layouts = /* @__PURE__ */ (() => ({
  SetGlobalConfig: {
    localAsn: u32,
    remoteAsn: u32,
    deviceTunnelBlock: network,
    userTunnelBlock: network,
    multicastGroupBlock: network,
    nextBgpCommunity: option(u16),
    multicastPublisherBlock: network,
  },
  CreateDevice: {
    code: text,
    deviceType: u8,
    publicIp: ipv4,
    dzPrefixes: networks,
    metricsPublisherPk: key,
    mgmtVrf: text,
    desiredStatus: option(u8),
    resourceCount: u8,
  },
  DeleteDevice: { resourceCount: u8 },
  CreateLink: {
    code: text,
    linkType: absentAs(1, u8),
    bandwidth: u64,
    mtu: u32,
    delayNs: u64,
    jitterNs: u64,
    sideAIfaceName: text,
    sideZIfaceName: option(text),
    desiredStatus: option(u8),
    useOnchainAllocation: bool,
  },
  CreateUser: { userType: u8, cyoaType: u8, clientIp: ipv4, tunnelEndpoint: ipv4, dzPrefixCount: u8 },
  CreateSubscribeUser: {
    userType: u8,
    cyoaType: u8,
    clientIp: ipv4,
    publisher: bool,
    subscriber: bool,
    tunnelEndpoint: ipv4,
    dzPrefixCount: u8,
    owner: key,
  },
  DeleteUser: { dzPrefixCount: u8, multicastPublisherCount: u8 },
  ClearTopology: { name: text },
  AssignTopologyNodeSegments: { name: text },
}))();

/**
 * Reads an instruction of the deployed program, for display. Arguments that older clients do not send have the program's defaults, surplus bytes are
 * ignored, and enum bytes are kept, whatever they are. Undefined for other instructions, and for data that ends inside an argument.
 */
export function decodeInstruction(data: Uint8Array): DecodedInstruction | undefined {
  const number = data[0] ?? 0;
  if (number === SET_USER_BGP_STATUS) {
    const args = decodeSetUserBgpStatus(data);
    return args && { name: 'SetUserBgpStatus', args };
  }
  const name = NAMES[number];
  const args = name && decodeArguments(LAYOUTS[name], data.subarray(1));
  // Its layout is the one of this name.
  return args && ({ name, args } as DecodedInstruction);
}

/** Undefined when the data ends inside a field; fields that it does not reach have their defaults. */
function decodeArguments(layout: Readonly<Record<string, FieldCodec<unknown>>>, data: Uint8Array): object | undefined {
  const reader = new AccountReader(data);
  const args: Record<string, unknown> = {};
  for (const [field, codec] of Object.entries(layout)) {
    const isSent = reader.remaining > 0;
    args[field] = codec.read(reader);
    if (isSent && reader.cut) return undefined;
  }
  return args;
}
