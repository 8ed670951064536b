import { createHash } from 'node:crypto';
import { networkAccounts } from '../../../localnet/ledger/admin.ts';
import { type Account, createAccount, executeTransaction } from '../../../localnet/ledger/runtime.ts';
import { createPrograms, programAccounts } from '../../../localnet/ledger/serviceability.ts';
import { SYSTEM_PROGRAM } from '../../../localnet/ledger/transaction.ts';
import {
  type AccessPass,
  type Address,
  accessPassAddress,
  addressOf,
  ContributorStatus,
  contributorAddress,
  encodeAccessPass,
  encodeContributor,
  encodeExchange,
  encodeLocation,
  exchangeAddress,
  findNetwork,
  type Instruction,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  lamports,
  locationAddress,
  type NetworkV4,
  parseNetworkV4,
  slot,
  UNLIMITED_EPOCH,
  UNSPECIFIED_IPV4,
  ZERO_ADDRESS,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { compile } from './compile.ts';

/** An address that can sign, by name; the same in every run. */
export const key = (name: string): Address => addressOf(createHash('sha256').update(name).digest());

export const FOUNDATION = key('foundation');
export const OPERATOR = key('operator');
export const OTHER_OPERATOR = key('another operator');
export const CUSTOMER = key('customer');
export const OUTSIDER = key('outsider');
export const PROGRAM: Address = findNetwork('localnet')?.programId ?? ZERO_ADDRESS;
export const GLOBAL_EXTENSION: Address = rfc11.resourceExtensionAddress(PROGRAM).address;

const SOL = 1_000_000_000n;

/** One for all worlds: what it remembers of derived addresses is true in each of them. */
const programs = createPrograms(PROGRAM);
const derived = new Map<string, Address>();
function remembered(name: string, derive: () => { readonly address: Address }): Address {
  const address = derived.get(name) ?? derive().address;
  derived.set(name, address);
  return address;
}

export interface Ended {
  /** null, an error's name, or `Custom n` as RFC-11 or the deployed program call it. */
  readonly err: string | null;
  readonly logs: readonly string[];
}

export interface NewPass {
  readonly owner?: Address;
  readonly clientIp?: Ipv4;
  readonly maxUnicastUsers?: number;
  readonly maxMulticastUsers?: number;
  readonly lastAccessEpoch?: bigint;
  readonly tenantAllowlist?: readonly Address[];
}

export type World = ReturnType<typeof createWorld>;

/**
 * A network's accounts in a map, and the program run on them: one founder, two contributors with an owner each, everybody with money. Nothing is made
 * by RFC-11's instructions yet.
 */
export function createWorld() {
  const accounts = new Map<Address, Account>(programAccounts(PROGRAM));
  let epoch = 0n;
  const put = (address: Address, data: Uint8Array): Address => {
    accounts.set(address, createAccount(PROGRAM, data));
    return address;
  };
  const fund = (address: Address, balance = 1_000n * SOL): void =>
    void accounts.set(address, createAccount(SYSTEM_PROGRAM, new Uint8Array(), lamports(balance)));

  for (const [address, data] of networkAccounts(PROGRAM, FOUNDATION)) put(address, data);
  for (const name of [FOUNDATION, OPERATOR, OTHER_OPERATOR, CUSTOMER, OUTSIDER]) fund(name);
  const contributor = (index: bigint, owner: Address): Address => {
    const { address, bump } = contributorAddress(PROGRAM, index);
    const status = ContributorStatus.activated;
    return put(
      address,
      encodeContributor({ owner, index, bumpSeed: bump, status, code: `co${index}`, referenceCount: 0, opsManagerPk: owner }),
    );
  };
  const contributors = [contributor(1n, OPERATOR), contributor(2n, OTHER_OPERATOR)] as const;
  const place = {
    owner: FOUNDATION,
    index: 1n,
    bumpSeed: 255,
    lat: 50.1,
    lng: 8.7,
    status: 1,
    code: 'fra',
    name: 'Frankfurt',
    referenceCount: 0,
  };
  const location = put(locationAddress(PROGRAM, 1n).address, encodeLocation({ ...place, locId: 1, country: 'DE' }));
  const metro = { ...place, bgpCommunity: 10_000, unused: 0, device1Pk: ZERO_ADDRESS, device2Pk: ZERO_ADDRESS };
  const exchange = put(exchangeAddress(PROGRAM, 1n).address, encodeExchange(metro));

  function run(instructions: Instruction | readonly Instruction[], payer: Address = FOUNDATION): Ended {
    const list = 'programId' in instructions ? [instructions] : instructions;
    const result = executeTransaction(compile(list, payer), {
      slot: slot(epoch * 432_000n + 100n),
      programs,
      readAccount: (address) => accounts.get(address),
    });
    if (result.kind === 'not-executable') return { err: JSON.stringify(result.err), logs: [] };
    for (const [address, account] of result.writes) {
      if (account.lamports === 0n) accounts.delete(address);
      else accounts.set(address, account);
    }
    return { err: result.err === null ? null : describe(result.err), logs: result.logs };
  }

  return {
    accounts,
    programs,
    contributors,
    location,
    exchange,
    run,
    put,
    fund,
    /** Runs it, and fails the test when the ledger refuses it. */
    must(instructions: Instruction | readonly Instruction[], payer?: Address): Ended {
      const ended = run(instructions, payer);
      if (ended.err !== null) throw new Error(`refused with ${ended.err}: ${ended.logs.join(' | ')}`);
      return ended;
    },
    setEpoch(value: bigint) {
      epoch = value;
    },
    get epoch() {
      return epoch;
    },
    data(address: Address): Uint8Array {
      const account = accounts.get(address);
      if (account === undefined) throw new Error(`there is no account ${address}`);
      return account.data;
    },
    exists: (address: Address) => accounts.has(address),
    /** Lamports of the whole world. */
    lamports: (): bigint => [...accounts.values()].reduce((sum, account) => sum + account.lamports, 0n),
    /** Answers, whenever it is asked, which of the program's accounts are others than now; cheap enough for every step of a long run. */
    watch(): () => readonly Address[] {
      const before = new Map([...accounts].filter(([, { owner }]) => owner === PROGRAM));
      return () => {
        const isSame = (a: Account | undefined, b: Account | undefined): boolean =>
          a === b || (a !== undefined && b !== undefined && a.lamports === b.lamports && Buffer.compare(a.data, b.data) === 0);
        const now = [...accounts].filter(([, { owner }]) => owner === PROGRAM).map(([address]) => address);
        return [...new Set([...before.keys(), ...now])].filter((address) => !isSame(before.get(address), accounts.get(address)));
      };
    },
    /** Everything but what fees change: the accounts that are not plain balances. */
    state: (): ReadonlyMap<Address, string> =>
      new Map(
        [...accounts]
          .filter(([, { owner }]) => owner === PROGRAM)
          .map(([address, { data, lamports: balance }]) => [address, `${balance} ${Buffer.from(data).toString('hex')}`]),
      ),
    pass(input: NewPass = {}): Address {
      const { owner = CUSTOMER, clientIp = UNSPECIFIED_IPV4 } = input;
      const address = remembered(`pass ${clientIp} ${owner}`, () => accessPassAddress(PROGRAM, clientIp, owner));
      const pass: AccessPass = {
        owner: FOUNDATION,
        bumpSeed: 255,
        accessPassType: { kind: 'prepaid' },
        clientIp,
        userPayer: owner,
        lastAccessEpoch: input.lastAccessEpoch ?? UNLIMITED_EPOCH,
        connectionCount: 0,
        status: 0,
        mgroupPubAllowlist: [],
        mgroupSubAllowlist: [],
        flags: 0,
        tenantAllowlist: input.tenantAllowlist ?? [],
        unicastUserCount: 0,
        maxUnicastUsers: input.maxUnicastUsers ?? 65_535,
        multicastUserCount: 0,
        maxMulticastUsers: input.maxMulticastUsers ?? 65_535,
      };
      return put(address, encodeAccessPass(pass));
    },
    extension: (address: Address): rfc11.ResourceExtension => {
      const account = accounts.get(address);
      if (account === undefined) throw new Error(`there is no extension ${address}`);
      return rfc11.decodeResourceExtension(account.data);
    },
  };
}

function describe(err: object | string): string {
  if (typeof err === 'string') return err;
  if (!('InstructionError' in err) || !Array.isArray(err.InstructionError)) return JSON.stringify(err);
  const [index, cause]: readonly unknown[] = err.InstructionError;
  const prefix = index === 0 ? '' : `instruction ${String(index)}: `;
  if (typeof cause === 'string') return prefix + cause;
  const code = Number(Object(cause).Custom);
  return `${prefix}${rfc11.rfc11Error(code)?.name ?? `Custom ${code}`}`;
}

export const extensionOf = (device: Address): Address =>
  remembered(`extension ${device}`, () => rfc11.resourceExtensionAddress(PROGRAM, device));

/** The device of this code. */
export const deviceAt = (code: string): Address => remembered(`device ${code}`, () => rfc11.deviceAddress(PROGRAM, code));

export interface NewDevice {
  readonly code?: string;
  readonly authority?: Address;
  readonly contributor?: Address;
  readonly dzPrefixes?: readonly NetworkV4[];
  readonly dzIpReservedStart?: number;
}

/** CreateAndActivateDevice by a contributor's owner. */
export function newDevice(world: World, input: NewDevice = {}): Instruction {
  const { code = 'fra1', authority = OPERATOR, contributor, dzPrefixes, dzIpReservedStart } = input;
  const device = deviceAt(code);
  return rfc11.createAndActivateDevice({
    programId: PROGRAM,
    device,
    extension: extensionOf(device),
    contributor: contributor ?? world.contributors[authority === OTHER_OPERATOR ? 1 : 0],
    authority,
    payer: authority,
    location: world.location,
    exchange: world.exchange,
    code,
    deviceType: 0,
    publicIp: ipv4('198.19.255.1'),
    dzPrefixes: dzPrefixes ?? [parseNetworkV4('198.19.1.0/24')],
    metricsPublisher: key('publisher'),
    mgmtVrf: 'management',
    dzIpReservedStart,
  });
}

/** A device that is there. */
export function deviceIn(world: World, input: NewDevice = {}): Address {
  world.must(newDevice(world, input), input.authority ?? OPERATOR);
  return deviceAt(input.code ?? 'fra1');
}

/** The network's extension with RFC-11's bitmaps. */
export const newGlobalExtension = (authority: Address = FOUNDATION): Instruction =>
  rfc11.createResourceExtension({
    programId: PROGRAM,
    extension: GLOBAL_EXTENSION,
    associatedWith: ZERO_ADDRESS,
    authority,
    payer: authority,
    idBitmaps: [],
    ipBlocks: [
      { blockType: rfc11.IpBlockType.linkTunnelNet, ...rfc11.UNRESERVED },
      { blockType: rfc11.IpBlockType.multicast, ...rfc11.UNRESERVED },
    ],
  });

/** Client addresses that the program takes as routable, by number. */
export const client = (number: number): Ipv4 => ipv4FromNumber(ipv4ToNumber(ipv4('198.18.0.0')) + number);

export interface NewUser {
  readonly device: Address;
  readonly pass: Address;
  readonly clientIp?: Ipv4;
  readonly userType?: number;
  readonly payer?: Address;
}

export const userAt = (clientIp: Ipv4 = client(1), userType = 0): Address =>
  remembered(`user ${clientIp} ${userType}`, () => rfc11.userAddress(PROGRAM, clientIp, userType));

export const newUser = ({ device, pass, clientIp = client(1), userType = 0, payer = CUSTOMER }: NewUser): Instruction =>
  rfc11.createAndActivateUser({
    programId: PROGRAM,
    user: userAt(clientIp, userType),
    device,
    extension: extensionOf(device),
    accessPass: pass,
    payer,
    userType,
    cyoaType: 1,
    clientIp,
    tunnelEndpoint: UNSPECIFIED_IPV4,
  });

/** A user that is there. */
export function userIn(world: World, input: NewUser): Address {
  world.must(newUser(input), input.payer ?? CUSTOMER);
  return userAt(input.clientIp, input.userType);
}

export const newLink = (world: World, a: Address, b: Address, payer: Address = OPERATOR, code = 'fra1:ams1'): Instruction =>
  rfc11.createAndActivateLink({
    programId: PROGRAM,
    ...linkEnds(a, b),
    contributorA: world.contributors[0],
    contributorB: world.contributors[1],
    payer,
    code,
    linkType: 1,
    bandwidth: 10_000_000_000n,
    mtu: 9_000,
    delayNs: 1_000_000n,
    jitterNs: 1_000n,
    sideAIfaceName: 'Ethernet1',
    sideZIfaceName: 'Ethernet2',
  });

export const linkEnds = (a: Address, b: Address) => ({
  link: remembered(`link ${a} ${b}`, () => rfc11.linkAddress(PROGRAM, a, b)),
  deviceA: a,
  deviceB: b,
  extensionA: extensionOf(a),
  extensionB: extensionOf(b),
  globalExtension: GLOBAL_EXTENSION,
});

export const interfaceAt = (device: Address, name: string): Address =>
  remembered(`interface ${device} ${name}`, () => rfc11.interfaceAddress(PROGRAM, device, name));

/** The group with the number in its last octet. */
export const groupAt = (number: number): Address =>
  remembered(`group ${number}`, () => rfc11.multicastGroupAddress(PROGRAM, ipv4(`233.84.178.${number}`)));

export interface NewInterface {
  readonly device: Address;
  readonly name?: string;
  readonly kind?: 'loopback' | 'loopback with address' | 'physical';
  readonly authority?: Address;
}

export const newInterface = (
  world: World,
  { device, name = 'Loopback100', kind = 'loopback', authority = OPERATOR }: NewInterface,
): Instruction =>
  rfc11.createAndActivateInterface({
    programId: PROGRAM,
    interface: interfaceAt(device, name),
    device,
    extension: extensionOf(device),
    authority,
    payer: authority,
    contributor: world.contributors[authority === OTHER_OPERATOR ? 1 : 0],
    name,
    interfaceType: kind === 'physical' ? rfc11.InterfaceType.physical : rfc11.InterfaceType.loopback,
    loopbackType: kind === 'physical' ? 0 : 1,
    bandwidth: 0n,
    mtu: 9_000,
    vlanId: 0,
    withDzIp: kind === 'loopback with address' ? 1 : 0,
  });

export const newGroup = (number: number, authority: Address = FOUNDATION): Instruction =>
  rfc11.createAndActivateMulticastGroup({
    programId: PROGRAM,
    group: groupAt(number),
    globalExtension: GLOBAL_EXTENSION,
    authority,
    payer: authority,
    code: `group${number}`,
    maxBandwidth: 1_000_000n,
    owner: ZERO_ADDRESS,
  });
