import { ZERO_ADDRESS } from '../address.ts';
import type { AccountTypeName } from '../borsh.ts';
import { currentInterfaces, type Device, type KnownInterface } from '../device.ts';
import { formatNetworkV4, UNSPECIFIED_IPV4 } from '../network.ts';
import { type Address, append, type Ipv4, type NetworkV4 } from '../units.ts';
import type { User } from '../user.ts';
import { InterfaceType, type NetworkAccounts, NO_ID_SLOT, NO_SLOT } from './accounts.ts';
import { listPools, networksOverlap, type Pool, type PoolLayout, type PoolValue } from './pools.ts';
import { RESOURCE_LABEL, type ResourceTypeName } from './resource-extension.ts';

/*
 * Every entity against every bit, in both layouts:
 *
 *   users, links, interfaces, groups, … ──► claims: this entity holds this value of that pool ──► findings
 *   extensions ──► pools: these slots are taken                                               ──►
 *
 * The anchor is upstream's `doublezero resource verify`; it knows the first three kinds, and deployed pools only.
 */

/** What can be wrong, the gravest first, and what to do about it. */
export const AUDIT_REMEDIES = {
  /** Two entities hold one value. */
  'two-holders': 'delete one of the holders and create it again; until then, deleting either frees the value of the other',
  /** An entity holds a value whose slot is free, so that the program can give it out a second time. */
  'held-but-free':
    'mark the slot before the program gives it out: `doublezero resource verify --fix` (deployed), SetResourceState (drafted)',
  /** A reserved slot of a drafted pool is free, so the program would give it out. */
  'reserved-but-free': 'report it: no instruction marks a reserved slot; until the program does, delete the entity that gets it',
  /** A user's DoubleZero address is of another device's prefix. */
  'wrong-device': 'delete the user and create it again on its device',
  /** An entity holds a value that is in none of its pools. */
  'outside-pool': 'correct the value, or delete the entity and create it again',
  /** An entity holds a value whose slot is never given out. */
  reserved: 'delete the entity and create it again; its slot is never given out, so nothing collides meanwhile',
  /** A tunnel id for which the switch has no interface: above 4095. */
  'id-beyond-eos': 'delete the entity and create it again; the switch cannot have this tunnel',
  /** The slots in an account (RFC-11) are not the ones of its values. */
  'slot-mismatch': 'do not delete the entity by RFC-11: the program rejects that, or frees a slot of another entity',
  /** Entities hold values of a pool that does not exist. */
  'pool-missing': 'create the extension: `doublezero resource create` (deployed), `resources migrate` (drafted)',
  /** The account refers to a device that does not exist. */
  'device-unknown': 'delete the account; its device is gone',
  /** The account cannot be decoded, so what it holds is unknown. */
  unreadable: 'audit with a newer release of this program; this audit does not include what the account holds',
  /** The count of a drafted pool differs from its bits, or that of a device's interfaces from their accounts. */
  'count-wrong': 'nothing breaks at once, but RFC-11 relies on this count; report it to the foundation',
  /** A slot is taken, and no entity holds its value. */
  'taken-but-unheld': 'free the slot: `doublezero resource verify --fix` (deployed), ReleaseResource (drafted)',
} as const;

/** What is wrong; see AUDIT_REMEDIES. */
export type AuditFindingKind = keyof typeof AUDIT_REMEDIES;

/** An entity that holds a value. */
export interface Holder {
  readonly kind: AccountTypeName | 'interface';
  readonly account: Address;
  /** Interfaces of before RFC-11 share the account of their device. */
  readonly name?: string;
}

/** One thing that is wrong. */
export interface AuditFinding {
  readonly kind: AuditFindingKind;
  /** Absent for findings about an account, not a pool. */
  readonly layout?: PoolLayout;
  readonly pool?: string;
  readonly device?: Address;
  /** The address, network or number; a range for neighboring ones. */
  readonly value?: string;
  /** Number of values in the range. */
  readonly count: number;
  readonly holders: readonly Holder[];
  /** Detail in one line. */
  readonly detail: string;
}

/** The findings, and what was compared. */
export interface Audit {
  readonly findings: readonly AuditFinding[];
  readonly pools: number;
  readonly claims: number;
  /** Deployed pools that were not compared, because every entity has its slots in drafted ones. */
  readonly retired: number;
}

/** The highest number of a tunnel interface on EOS. */
const LAST_EOS_TUNNEL_ID = 4095;

/** One value that an entity holds of one pool. */
interface Claim {
  readonly layout: PoolLayout;
  readonly pool: string;
  readonly device: Address | undefined;
  readonly value: PoolValue;
  readonly holder: Holder;
}

/** Compares every entity of the network with every bit of its pools. Pure; findings are ordered by kind, then as the pools are. */
export function auditPools(network: NetworkAccounts): Audit {
  const isMigrated = usesDrafted(network) && !hasUntracked(network);
  const all = listPools(network);
  const pools = isMigrated ? all.filter(({ layout }) => layout === 'drafted') : all;
  const findings: AuditFinding[] = [...accountFindings(network, isMigrated)];
  const claims = [
    ...(network.deployedExtensions.size > 0 && !isMigrated ? deployedClaims(network, findings) : []),
    ...(usesDrafted(network) ? draftedClaims(network, findings) : []),
  ];
  const byPool = new Map<string, Pool[]>();
  for (const pool of pools) {
    const key = keyOf(pool.layout, pool.name, pool.device);
    append(byPool, key, pool);
  }
  const held = new Map<Pool, Map<number, Claim[]>>(pools.map((pool) => [pool, new Map()]));
  const missing = new Map<string, Claim[]>();
  for (const claim of claims) {
    const key = keyOf(claim.layout, claim.pool, claim.device);
    const candidates = byPool.get(key);
    if (candidates === undefined) append(missing, key, claim);
    else findings.push(...claimFindings(claim, candidates, held));
  }
  for (const [, [first, ...rest]] of missing) {
    if (first === undefined) continue;
    findings.push({
      ...poolOf(first),
      kind: 'pool-missing',
      count: rest.length + 1,
      holders: [first.holder],
      detail: `${rest.length + 1} values are held of it`,
    });
  }
  for (const [pool, holders] of held) findings.push(...poolFindings(pool, holders));
  const order = Object.keys(AUDIT_REMEDIES).map((kind) => findings.filter((finding) => finding.kind === kind));
  return { findings: order.flat(), pools: pools.length, claims: claims.length, retired: all.length - pools.length };
}

const keyOf = (layout: PoolLayout, name: string, device: Address | undefined): string => `${layout} ${name} ${device ?? ''}`;
const poolOf = ({ layout, pool, device }: Claim) => ({ layout, pool, device });

/** Whether the network has extensions of RFC-11's draft. */
const usesDrafted = ({ draftedExtensions }: NetworkAccounts): boolean => draftedExtensions.size > 0;

/** Whether an entity that holds anything lacks the slots of RFC-11. */
function hasUntracked({ users, links, groups }: NetworkAccounts): boolean {
  const holds = (network: NetworkV4): boolean => network.prefixLength > 0;
  return (
    [...users.values()].some(({ value, slots }) => slots === undefined && holds(value.tunnelNet)) ||
    [...links.values()].some(({ value, slots }) => slots === undefined && holds(value.tunnelNet)) ||
    [...groups.values()].some(({ value, slots }) => slots === undefined && value.multicastIp !== UNSPECIFIED_IPV4)
  );
}

function* accountFindings(network: NetworkAccounts, isMigrated: boolean): Generator<AuditFinding> {
  const { devices, users, links, interfaces, unreadable, deployedExtensions, draftedExtensions } = network;
  for (const { account, problem } of unreadable)
    yield { kind: 'unreadable', count: 1, holders: [{ kind: 'none', account }], detail: problem };
  const refers = function* (holder: Holder, device: Address): Generator<AuditFinding> {
    if (device !== ZERO_ADDRESS && !devices.has(device))
      yield { kind: 'device-unknown', device, count: 1, holders: [holder], detail: `there is no device ${device}` };
  };
  for (const [account, { value }] of users) {
    yield* refers({ kind: 'user', account }, value.devicePk);
    yield* beyondEos({ kind: 'user', account }, value.tunnelId, value.devicePk);
  }
  for (const [account, { value }] of links) {
    for (const device of [value.sideAPk, value.sideZPk]) yield* refers({ kind: 'link', account }, device);
    yield* beyondEos({ kind: 'link', account }, value.tunnelId, value.sideAPk);
  }
  const interfacesOf = new Map<Address, number>();
  for (const [account, { devicePk, name }] of interfaces) {
    yield* refers({ kind: 'interface', account, name }, devicePk);
    interfacesOf.set(devicePk, (interfacesOf.get(devicePk) ?? 0) + 1);
  }
  // RFC-11's DeleteDevice does not close the device's deployed pools, which nothing reads any longer.
  if (!isMigrated)
    for (const [account, { associatedWith }] of deployedExtensions) yield* refers({ kind: 'resourceExtension', account }, associatedWith);
  for (const [device, { account, extension }] of draftedExtensions) {
    const holder: Holder = { kind: 'resourceExtension', account };
    yield* refers(holder, device);
    const found = interfacesOf.get(device) ?? 0;
    const detail = `counts ${extension.interfaceCount} interface accounts, ${found} exist`;
    if (extension.interfaceCount !== found) yield { kind: 'count-wrong', layout: 'drafted', device, count: 1, holders: [holder], detail };
  }
}

function* beyondEos(holder: Holder, id: number, device: Address): Generator<AuditFinding> {
  if (id <= LAST_EOS_TUNNEL_ID) return;
  const detail = `EOS has no interface Tunnel${id}; the highest is Tunnel${LAST_EOS_TUNNEL_ID}`;
  yield { kind: 'id-beyond-eos', device, value: String(id), count: 1, holders: [holder], detail };
}

/** Notes the claim's slots as held, or returns why that fails. */
function claimFindings(claim: Claim, pools: readonly Pool[], held: Map<Pool, Map<number, Claim[]>>): readonly AuditFinding[] {
  const finding = (kind: AuditFindingKind, detail: string): AuditFinding => ({
    ...poolOf(claim),
    kind,
    value: textOf(claim.value),
    count: 1,
    holders: [claim.holder],
    detail,
  });
  for (const pool of pools) {
    const slots = pool.slotsOf(claim.value);
    if (slots === undefined) continue;
    if (claim.holder.kind !== 'device' && slots.some((slot) => pool.isReserved(slot)))
      return [finding('reserved', `the slot is reserved in ${pool.name} ${pool.range}`)];
    const holders = held.get(pool);
    if (holders !== undefined) for (const slot of slots) append(holders, slot, claim);
    const isFree = slots.some((slot) => !pool.isTaken(slot) && (claim.holder.kind === 'device' || !pool.isReserved(slot)));
    return isFree ? [finding('held-but-free', `its slot in ${pool.name} ${pool.range} is free`)] : [];
  }
  return [finding('outside-pool', `${claim.pool} is ${pools.map(({ range }) => range).join(', ')}`)];
}

function* poolFindings(pool: Pool, held: ReadonlyMap<number, readonly Claim[]>): Generator<AuditFinding> {
  const about = { layout: pool.layout, pool: pool.name, device: pool.device };
  const reported = new Set<string>();
  for (const claims of held.values()) {
    const pair = conflict(claims);
    if (pair === undefined) continue;
    const [first, second] = pair;
    // A /31 has two slots in a deployed pool.
    const key = `${first.holder.account} ${first.holder.name} ${second.holder.account} ${second.holder.name}`;
    if (reported.has(key)) continue;
    reported.add(key);
    const holders = claims.map(({ holder }) => holder);
    yield { ...about, kind: 'two-holders', value: textOf(second.value), count: 1, holders, detail: `${claims.length} entities hold it` };
  }
  for (const run of runsOf(pool.freeReserved())) {
    const detail = run.count === 1 ? 'reserved, and the program gives it out' : `${run.count} reserved slots that the program gives out`;
    yield { ...about, kind: 'reserved-but-free', ...valuesOf(pool, run), holders: [], detail };
  }
  for (const run of runsOf(unheldSlots(pool, held))) {
    const detail = run.count === 1 ? 'taken, and no entity holds it' : `${run.count} slots taken that no entity holds`;
    yield { ...about, kind: 'taken-but-unheld', ...valuesOf(pool, run), holders: [], detail };
  }
  if (pool.storedCount !== undefined && pool.storedCount !== pool.taken)
    yield { ...about, kind: 'count-wrong', count: 1, holders: [], detail: `counts ${pool.storedCount} taken slots, ${pool.taken} are` };
}

/** Two claims on the same numbers or addresses. Two loopbacks may share the slot of a /31. */
function conflict(claims: readonly Claim[]): readonly [Claim, Claim] | undefined {
  for (const [index, second] of claims.entries()) {
    const first = claims.slice(0, index).find((other) => overlaps(other.value, second.value));
    if (first !== undefined) return [first, second];
  }
  return undefined;
}

const overlaps = (a: PoolValue, b: PoolValue): boolean => !('network' in a && 'network' in b) || networksOverlap(a.network, b.network);

/** Neighboring slots. */
interface Run {
  readonly first: number;
  readonly count: number;
}

const valuesOf = (pool: Pool, { first, count }: Run): Pick<AuditFinding, 'value' | 'count'> => ({
  value: count === 1 ? pool.valueOf(first) : `${pool.valueOf(first)} to ${pool.valueOf(first + count - 1)}`,
  count,
});

/** Joins neighbors of slots in order. */
function runsOf(slots: Iterable<number>): readonly Run[] {
  const runs: { first: number; count: number }[] = [];
  for (const slot of slots) {
    const run = runs.at(-1);
    if (run !== undefined && run.first + run.count === slot) run.count += 1;
    else runs.push({ first: slot, count: 1 });
  }
  return runs;
}

/** Taken slots that no entity holds. */
function* unheldSlots(pool: Pool, held: ReadonlyMap<number, unknown>): Generator<number> {
  for (let slot = 0; slot < pool.capacity; slot++) if (pool.isTaken(slot) && !pool.isReserved(slot) && !held.has(slot)) yield slot;
}

const textOf = (value: PoolValue): string =>
  'id' in value ? String(value.id) : value.network.prefixLength === 32 ? value.network.address : formatNetworkV4(value.network);

const single = (address: Ipv4): PoolValue => ({ network: { address, prefixLength: 32 } });
const isSet = ({ prefixLength }: NetworkV4): boolean => prefixLength > 0;

/** A loopback that holds an address and a segment routing id: the program gives them to these two kinds. */
const LOOPBACK_TYPES: readonly number[] = [1, 2];

/** The loopbacks inside of a device's account that hold resources. */
export function heldByLoopbacks(device: Device): readonly KnownInterface[] {
  return currentInterfaces(device).filter(
    (each): each is KnownInterface =>
      each.kind === 'known' && each.interfaceType === InterfaceType.loopback && LOOPBACK_TYPES.includes(each.loopbackType),
  );
}

/** Where a user's DoubleZero address comes from. */
export type DzIpOrigin =
  | { readonly kind: 'none' | 'own' | 'publisher' | 'outside' }
  | { readonly kind: 'prefix'; readonly device: Address; readonly prefix: NetworkV4 };

/** Finds the pool of a user's DoubleZero address: its own client address, a prefix of its device or of another, the publishers' block, or none. */
export function createDzIpOrigins({ devices, config }: NetworkAccounts): (user: User) => DzIpOrigin {
  const prefixes = [...devices].flatMap(([device, { dzPrefixes }]) => dzPrefixes.map((prefix) => ({ device, prefix })));
  const byDevice = new Map<Address, typeof prefixes>();
  for (const entry of prefixes) append(byDevice, entry.device, entry);
  return ({ dzIp, clientIp, devicePk }) => {
    if (dzIp === UNSPECIFIED_IPV4) return { kind: 'none' };
    if (dzIp === clientIp) return { kind: 'own' };
    const network: NetworkV4 = { address: dzIp, prefixLength: 32 };
    const contains = ({ prefix }: { readonly prefix: NetworkV4 }): boolean => networksOverlap(prefix, network);
    const found = byDevice.get(devicePk)?.find(contains) ?? prefixes.find(contains);
    if (found !== undefined) return { kind: 'prefix', ...found };
    const publishers = config?.multicastPublisherBlock;
    return { kind: publishers !== undefined && isSet(publishers) && networksOverlap(publishers, network) ? 'publisher' : 'outside' };
  };
}

/** The claim of a user's DoubleZero address in this layout; a finding where it has none. */
function* dzIpClaims(
  layout: PoolLayout,
  [account, user]: readonly [Address, User],
  origin: DzIpOrigin,
  findings: AuditFinding[],
): Generator<Claim> {
  const holder: Holder = { kind: 'user', account };
  const value = single(user.dzIp);
  if (origin.kind === 'publisher' && layout === 'deployed')
    yield { layout, pool: 'MulticastPublisherBlock', device: undefined, value, holder };
  const pool = layout === 'deployed' ? 'DzPrefixBlock' : RESOURCE_LABEL.dzIp;
  if (origin.kind === 'prefix' && origin.device === user.devicePk) yield { layout, pool, device: user.devicePk, value, holder };
  const about = { layout, pool, device: user.devicePk, value: user.dzIp, count: 1, holders: [holder] };
  if (origin.kind === 'outside')
    findings.push({ ...about, kind: 'outside-pool', detail: 'neither a prefix of a device nor the block of multicast publishers has it' });
  if (origin.kind === 'prefix' && origin.device !== user.devicePk)
    findings.push({ ...about, kind: 'wrong-device', detail: `it is of ${formatNetworkV4(origin.prefix)}, of device ${origin.device}` });
}

function* deployedClaims(network: NetworkAccounts, findings: AuditFinding[]): Generator<Claim> {
  const layout = 'deployed';
  const ofNetwork = (pool: string, value: PoolValue, holder: Holder): Claim => ({ layout, pool, device: undefined, value, holder });
  const originOf = createDzIpOrigins(network);
  for (const [account, { value: user }] of network.users) {
    const holder: Holder = { kind: 'user', account };
    if (isSet(user.tunnelNet)) yield ofNetwork('UserTunnelBlock', { network: user.tunnelNet }, holder);
    if (user.tunnelId !== 0) yield { layout, pool: 'TunnelIds', device: user.devicePk, value: { id: user.tunnelId }, holder };
    yield* dzIpClaims(layout, [account, user], originOf(user), findings);
  }
  for (const [account, { value: link }] of network.links) {
    if (!isSet(link.tunnelNet)) continue;
    const holder: Holder = { kind: 'link', account };
    yield ofNetwork('DeviceTunnelBlock', { network: link.tunnelNet }, holder);
    yield ofNetwork('LinkIds', { id: link.tunnelId }, holder);
  }
  for (const [account, device] of network.devices) {
    for (const { address } of device.dzPrefixes)
      yield { layout, pool: 'DzPrefixBlock', device: account, value: single(address), holder: { kind: 'device', account } };
    for (const { name, ipNet, nodeSegmentIdx, flexAlgoNodeSegments } of heldByLoopbacks(device)) {
      const holder: Holder = { kind: 'interface', account, name };
      if (isSet(ipNet)) yield ofNetwork('DeviceTunnelBlock', { network: ipNet }, holder);
      for (const id of [nodeSegmentIdx, ...flexAlgoNodeSegments.map((segment) => segment.nodeSegmentIdx)])
        if (id !== 0) yield ofNetwork('SegmentRoutingIds', { id }, holder);
    }
  }
  for (const [account, { value: group }] of network.groups)
    if (group.multicastIp !== UNSPECIFIED_IPV4)
      yield ofNetwork('MulticastGroupBlock', single(group.multicastIp), { kind: 'multicastGroup', account });
  for (const [account, { vrfId }] of network.tenants)
    if (vrfId !== 0) yield ofNetwork('VrfIds', { id: vrfId }, { kind: 'tenant', account });
  for (const [account, { adminGroupBit }] of network.topologies)
    yield ofNetwork('AdminGroupBits', { id: adminGroupBit }, { kind: 'topology', account });
}

function* draftedClaims(network: NetworkAccounts, findings: AuditFinding[]): Generator<Claim> {
  const claim = (type: ResourceTypeName, device: Address | undefined, value: PoolValue, holder: Holder): Claim => ({
    layout: 'drafted',
    pool: RESOURCE_LABEL[type],
    device,
    value,
    holder,
  });
  const originOf = createDzIpOrigins(network);
  const pools = new Map(listPools(network).map((pool) => [keyOf(pool.layout, pool.name, pool.device), pool]));
  /**
   * The claim of a value whose slot the account stores. That must be the value's own, and none only for a value that no free slot can have. Without
   * a slot in the account nothing is compared.
   */
  function* tracked(each: Claim, stored: number | undefined): Generator<Claim> {
    const pool = pools.get(keyOf('drafted', each.pool, each.device));
    const [own] = pool?.slotsOf(each.value) ?? [];
    const covered = own === undefined || pool?.isReserved(own) === true ? undefined : own;
    // A /32 lies in the slot of its /31; it does not fill a slot.
    const usable = covered !== undefined && pool?.valueOf(covered) === textOf(each.value) ? covered : undefined;
    const hasNone = stored === NO_SLOT || stored === NO_ID_SLOT;
    if (!hasNone || covered !== undefined) yield each;
    if (stored === undefined || pool === undefined || (hasNone ? undefined : stored) === usable) return;
    const detail = `the account says ${hasNone ? 'no slot' : `slot ${stored}`}; its value ${usable === undefined ? 'has none' : `is slot ${usable}`}`;
    const about = { layout: each.layout, pool: each.pool, device: each.device, value: textOf(each.value), holders: [each.holder] };
    findings.push({ kind: 'slot-mismatch', ...about, count: 1, detail });
  }

  for (const [account, { value: user, slots }] of network.users) {
    const holder: Holder = { kind: 'user', account };
    const device = user.devicePk;
    if (isSet(user.tunnelNet)) yield* tracked(claim('userTunnelNet', device, { network: user.tunnelNet }, holder), slots?.tunnelNetSlot);
    if (user.tunnelId !== 0) yield* tracked(claim('tunnelId', device, { id: user.tunnelId }, holder), slots?.tunnelIdSlot);
    for (const each of dzIpClaims('drafted', [account, user], originOf(user), findings)) yield* tracked(each, slots?.dzIpSlot);
  }
  for (const [account, { value: link, slots }] of network.links) {
    if (!isSet(link.tunnelNet)) continue;
    const holder: Holder = { kind: 'link', account };
    yield* tracked(claim('linkTunnelNet', undefined, { network: link.tunnelNet }, holder), slots?.tunnelNetSlot);
    yield* tracked(claim('tunnelId', link.sideAPk, { id: link.tunnelId }, holder), slots?.tunnelIdSlotA);
    yield* tracked(claim('tunnelId', link.sideZPk, { id: link.tunnelId }, holder), slots?.tunnelIdSlotB);
  }
  for (const [account, device] of network.devices) {
    for (const { name, ipNet, nodeSegmentIdx } of heldByLoopbacks(device)) {
      const holder: Holder = { kind: 'interface', account, name };
      const block = network.config?.deviceTunnelBlock;
      if (isSet(ipNet) && block !== undefined && networksOverlap(block, ipNet))
        yield claim('linkTunnelNet', undefined, { network: ipNet }, holder);
      if (nodeSegmentIdx !== 0) yield claim('segmentRoutingId', account, { id: nodeSegmentIdx }, holder);
      if (isSet(ipNet) && device.dzPrefixes.some((prefix) => networksOverlap(prefix, ipNet)))
        yield claim('dzIp', account, { network: ipNet }, holder);
    }
  }
  for (const [account, { devicePk, name, nodeSegmentIdx, ipNet, segmentRoutingSlot, dzIpSlot }] of network.interfaces) {
    const holder: Holder = { kind: 'interface', account, name };
    if (segmentRoutingSlot !== undefined)
      yield* tracked(claim('segmentRoutingId', devicePk, { id: nodeSegmentIdx }, holder), segmentRoutingSlot);
    if (dzIpSlot !== undefined) yield* tracked(claim('dzIp', devicePk, { network: ipNet }, holder), dzIpSlot);
  }
  for (const [account, { value: group, slots }] of network.groups) {
    if (group.multicastIp === UNSPECIFIED_IPV4) continue;
    yield* tracked(claim('multicast', undefined, single(group.multicastIp), { kind: 'multicastGroup', account }), slots?.multicastSlot);
  }
}
