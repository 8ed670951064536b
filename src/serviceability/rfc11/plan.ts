import type { Link } from '../accounts.ts';
import { ZERO_ADDRESS } from '../address.ts';
import type { Instruction } from '../instruction.ts';
import { formatNetworkV4, ipv4FromNumber, networkRange, UNSPECIFIED_IPV4, UNSPECIFIED_NETWORK } from '../network.ts';
import { type Address, append, type Ipv4, type NetworkV4 } from '../units.ts';
import { type User, UserStatus } from '../user.ts';
import { createPassFinder, type NetworkAccounts, NO_ID_SLOT, NO_SLOT } from './accounts.ts';
import { createDzIpOrigins, heldByLoopbacks } from './audit.ts';
import { backfillEntitySlots, createResourceExtension, DEVICE_BITMAPS, NETWORK_BITMAPS, setResourceState } from './builders.ts';
import { globalStateAddress, resourceExtensionAddress } from './instructions.ts';
import { networksOverlap, withoutNested } from './pools.ts';
import {
  DZ_IP_RESERVED,
  decodeResourceExtension,
  encodeResourceExtension,
  type IdTypeName,
  IpBlockType,
  type IpBlockTypeName,
  idPool,
  networkPool,
  newIdBitmap,
  newIpBlockBitmap,
  RESOURCE_LABEL,
  type ResourceExtension,
  ResourceType,
  type ResourceTypeName,
  resourcePool,
  SEGMENT_ROUTING_IDS,
  TUNNEL_IDS,
  UNRESERVED,
} from './resource-extension.ts';

/*
 * RFC-11's migration of a network from before it, phases 2 to 4, computed from the network's accounts:
 *
 *   accounts ──► what is missing now: extensions to create (2), slots to mark (3), entities to backfill (4) ──► plan
 *           └──► what does not fit the draft, each with what happens to it and what to do               ──► misfits
 *
 * What was done already is not in the plan: a plan of a migrated network is empty.
 */

/** Phase 2: an extension to create. */
export interface PlannedExtension {
  /** The device, or the zero address for the network's own. */
  readonly associatedWith: Address;
  /** The first slots of each prefix that are never given out; for a device. */
  readonly dzIpReservedStart?: number;
}

/** Phase 3: slots to mark as taken. */
export interface PlannedMarks {
  readonly associatedWith: Address;
  readonly resource: ResourceTypeName;
  /** In order. */
  readonly slots: readonly number[];
}

/** Phase 4: an entity whose slots are to be written into its account. A value without a slot has NO_SLOT or NO_ID_SLOT. */
export type PlannedBackfill =
  | {
      readonly kind: 'user';
      readonly entity: Address;
      readonly device: Address;
      readonly accessPass: Address;
      readonly tunnelNetSlot: number;
      readonly tunnelIdSlot: number;
      readonly dzIpSlot: number;
    }
  | {
      readonly kind: 'link';
      readonly entity: Address;
      readonly sides: readonly [a: Address, z: Address];
      readonly tunnelNetSlot: number;
      readonly tunnelIdSlot: number;
      readonly tunnelIdSlotB: number;
    }
  | { readonly kind: 'multicastGroup'; readonly entity: Address; readonly multicastSlot: number };

/** What does not fit RFC-11's draft; MISFIT_ACTIONS says what the plan does and what to do. */
export type MisfitKind = keyof typeof MISFIT_ACTIONS;

/** One thing that does not fit. */
export interface Misfit {
  readonly kind: MisfitKind;
  readonly account: Address;
  /** Detail in one line. */
  readonly detail: string;
}

/** What the plan does with a misfit, and what to do about it. */
export const MISFIT_ACTIONS = {
  'duplicate-tunnel':
    'its slots are marked, but it is not backfilled: delete one of the holders by the deployed program and create it again, then plan again',
  'slot-taken': 'not backfilled: an entity of RFC-11 holds its slot already; delete one of the two, then plan again',
  'link-id-without-slot':
    'backfilled without a tunnel id slot: the id stays in use and out of the pool; create the link again to give it one',
  'tunnel-id-beyond-eos': 'backfilled without a tunnel id slot; EOS has no such interface: have the user connect again',
  'reserved-address':
    'backfilled without an address slot: the reserved address stays in use and is not given out; or plan with a lower --reserved-start',
  'publisher-address':
    "backfilled without an address slot: RFC-11 has no pool for the multicast publishers' block; the deployed pool must stay",
  'outside-pool':
    'backfilled without a slot for this value; `resources audit` shows whether it is wrong. If it lies in a slot, that slot is marked: send ReleaseResource by hand after the entity is deleted',
  'wrong-device': "backfilled without an address slot, while its other device's pool can give the address out: have the user connect again",
  'global-segment-ids':
    'ids of this device alone are marked: RFC-11 numbers each device from 1, so that two devices can get one segment; keep the deployed SegmentRoutingIds for new loopbacks',
  'segment-id-without-slot': 'not marked: it is above the 4,096 slots of SegmentRoutingId, and stays in use and out of the pool',
  'loopback-in-link-block':
    'its slot of LinkTunnelNet is marked, so that no link gets its address; no instruction frees it: ReleaseResource by hand when the loopback goes',
  banned: 'backfilled without slots, so that DeleteUser can close it',
  pending: 'left alone: the activator empties its queue in phase 6; plan again afterwards',
  'no-access-pass':
    'its slots are marked, but it is not backfilled: RFC-11 needs the access pass of its owner; create the pass, then plan again',
  'device-unknown': 'left alone: its device does not exist; delete it by the deployed program',
  'extension-too-large':
    'left alone, with its users and links: one instruction creates at most 10,240 bytes; give the device smaller prefixes, then plan again',
  unreadable: 'left alone: what it holds is unknown, so that its slots can be given out; compare it with a newer release of this program',
} as const;

/** The remaining steps of a migration. */
export interface MigrationPlan {
  readonly extensions: readonly PlannedExtension[];
  readonly marks: readonly PlannedMarks[];
  readonly backfills: readonly PlannedBackfill[];
  readonly misfits: readonly Misfit[];
}

/** How a plan is made. */
export interface PlanOptions {
  /** Slots at the start of each prefix that are never given out; 2 (network and gateway) by default. For extensions that do not exist yet. */
  readonly dzIpReservedStart?: number;
}

interface Want {
  readonly scope: Address;
  readonly type: ResourceTypeName;
  readonly slot: number;
  readonly holder: string;
}

/** Computes what remains of the migration. Pure; the plan's order depends on addresses alone. Never throws for a network's content. */
export function planMigration(
  network: NetworkAccounts,
  { dzIpReservedStart = DZ_IP_RESERVED.reservedStart }: PlanOptions = {},
): MigrationPlan {
  const misfits: Misfit[] = network.unreadable.map(({ account, problem }) => ({ kind: 'unreadable', account, detail: problem }));
  const misfit = (kind: MisfitKind, account: Address, detail: string): void => void misfits.push({ kind, account, detail });
  const { scopes, extensions } = openScopes(network, dzIpReservedStart, misfit);
  const isOpen = (...needed: readonly Address[]): boolean => needed.every((scope) => scopes.has(scope));
  const slotOf = (scope: Address, type: ResourceTypeName, value: number | NetworkV4): number | undefined => {
    const extension = scopes.get(scope);
    if (extension === undefined) return undefined;
    const slot =
      typeof value === 'number'
        ? idPool(extension, type as IdTypeName)?.slotOf(value)
        : networkPool(extension, type as IpBlockTypeName)?.slotOf(value);
    return slot === undefined || resourcePool(extension, type)?.isReserved(slot) === true ? undefined : slot;
  };

  const wants: Want[] = [];
  const want = (scope: Address, type: ResourceTypeName, value: number | NetworkV4, holder: string): number | undefined => {
    const slot = slotOf(scope, type, value);
    if (slot !== undefined) wants.push({ scope, type, slot, holder });
    // A value smaller or larger than a slot, such as a /32 in a /31: its slots must not go to another entity.
    else if (typeof value !== 'number')
      for (const part of partsOf(value, type)) {
        const covered = slotOf(scope, type, part);
        if (covered !== undefined) wants.push({ scope, type, slot: covered, holder });
      }
    return slot;
  };
  const drafts: PlannedBackfill[] = [
    ...planUsers(network, isOpen, want, misfit),
    ...planLinks(network, isOpen, want, misfit),
    ...(isOpen(ZERO_ADDRESS) ? planGroups(network, want, misfit) : []),
  ];
  planLoopbacks(network, want, misfit);

  const marks = markAll(scopes, wants);
  const shared = sharedHolders(wants);
  const byHolder = new Map<string, Want[]>();
  for (const each of wants) {
    append(byHolder, each.holder, each);
  }
  const backfills = drafts.filter((draft) => {
    const partner = shared.get(draft.entity);
    if (partner !== undefined) {
      misfit('duplicate-tunnel', draft.entity, `${partner.what} is also held by ${partner.holder}`);
      return false;
    }
    const taken = byHolder
      .get(draft.entity)
      ?.find(({ scope, type, slot }) => claimOn(scopes.get(scope), type, slot) === 'already-allocated');
    if (taken === undefined) return true;
    misfit('slot-taken', draft.entity, `slot ${taken.slot} of ${taken.type} has another holder`);
    return false;
  });
  return { extensions, marks, backfills, misfits };
}

/** A network of more parts than this cannot be an allocation. */
const MOST_PARTS = 256;

/** The networks of the pool's size that this one lies in, or consists of; none for 0.0.0.0/0. */
function* partsOf({ address, prefixLength }: NetworkV4, type: ResourceTypeName): Generator<NetworkV4> {
  const length = type === 'userTunnelNet' || type === 'linkTunnelNet' ? 31 : 32;
  if (prefixLength === 0) return;
  const { first, count } = networkRange({ address, prefixLength: Math.min(prefixLength, length) });
  const size = 2 ** (32 - length);
  for (let at = 0; at < Math.min(count / size, MOST_PARTS); at++)
    yield { address: ipv4FromNumber(first + at * size), prefixLength: length };
}

const claimOn = (extension: ResourceExtension | undefined, type: ResourceTypeName, slot: number) =>
  extension === undefined ? undefined : resourcePool(extension, type)?.claim(slot);

/** The largest account that one instruction creates. */
const MAX_NEW_BYTES = 10_240;

/** The extensions as they are, or as they will be created: copies, on which the plan is tried. */
function openScopes(network: NetworkAccounts, dzIpReservedStart: number, misfit: NoteMisfit) {
  const scopes = new Map<Address, ResourceExtension>();
  const extensions: PlannedExtension[] = [];
  const open = (associatedWith: Address, create: () => ResourceExtension, planned: PlannedExtension): void => {
    const existing = network.draftedExtensions.get(associatedWith);
    const extension = existing?.extension ?? create();
    const content = encodeResourceExtension(extension);
    if (existing === undefined && content.length > MAX_NEW_BYTES) {
      misfit('extension-too-large', associatedWith, `its extension would have ${content.length} bytes`);
      return;
    }
    scopes.set(associatedWith, decodeResourceExtension(content));
    if (existing === undefined) extensions.push(planned);
  };
  const { config } = network;
  if (config === undefined) return { scopes, extensions };
  const empty = { idAllocations: [], ipAllocations: [], interfaceCount: 0 };
  open(
    ZERO_ADDRESS,
    () => ({
      ...empty,
      associatedWith: ZERO_ADDRESS,
      ipAllocations: [
        newIpBlockBitmap({ blockType: 'linkTunnelNet', ...UNRESERVED }, config.deviceTunnelBlock),
        newIpBlockBitmap({ blockType: 'multicast', ...UNRESERVED }, config.multicastGroupBlock),
      ],
    }),
    { associatedWith: ZERO_ADDRESS },
  );
  const reserved = { ...DZ_IP_RESERVED, reservedStart: dzIpReservedStart };
  for (const [device, { dzPrefixes }] of sorted(network.devices))
    open(
      device,
      () => ({
        ...empty,
        associatedWith: device,
        idAllocations: [newIdBitmap(TUNNEL_IDS), newIdBitmap(SEGMENT_ROUTING_IDS)],
        ipAllocations: [
          newIpBlockBitmap({ blockType: 'userTunnelNet', ...UNRESERVED }, config.userTunnelBlock),
          ...withoutNested(dzPrefixes).map((prefix) => newIpBlockBitmap({ blockType: 'dzIp', ...reserved }, prefix)),
        ],
      }),
      { associatedWith: device, dzIpReservedStart },
    );
  return { scopes, extensions };
}

type WantSlot = (scope: Address, type: ResourceTypeName, value: number | NetworkV4, holder: string) => number | undefined;
type IsOpen = (...needed: readonly Address[]) => boolean;
type NoteMisfit = (kind: MisfitKind, account: Address, detail: string) => void;

function planUsers(network: NetworkAccounts, isOpen: IsOpen, want: WantSlot, misfit: NoteMisfit): readonly PlannedBackfill[] {
  const originOf = createDzIpOrigins(network);
  const passOf = createPassFinder(network);
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value: user, slots }] of sorted(network.users)) {
    if (slots !== undefined) continue;
    const device = user.devicePk;
    if (!network.devices.has(device)) {
      misfit('device-unknown', entity, `there is no device ${device}`);
      continue;
    }
    if (!isOpen(device)) continue;
    const isBanned = user.status === UserStatus.banned;
    const tunnelNetSlot = want(device, 'userTunnelNet', user.tunnelNet, entity);
    const tunnelIdSlot = want(device, 'tunnelId', user.tunnelId, entity);
    const dzIpSlot = want(device, 'dzIp', { address: user.dzIp, prefixLength: 32 }, entity);
    if (isBanned) misfit('banned', entity, 'a banned user holds nothing');
    else if (user.tunnelId === 0 || user.tunnelNet.prefixLength === 0) {
      misfit('pending', entity, 'it has no tunnel yet');
      continue;
    }
    if (!isBanned) {
      if (tunnelIdSlot === undefined)
        misfit(
          user.tunnelId >= TUNNEL_IDS.startOffset ? 'tunnel-id-beyond-eos' : 'outside-pool',
          entity,
          `its tunnel id is ${user.tunnelId}`,
        );
      if (tunnelNetSlot === undefined) misfit('outside-pool', entity, `its tunnel network is ${formatNetworkV4(user.tunnelNet)}`);
      if (dzIpSlot === undefined) dzIpMisfit(user, originOf(user), (kind, detail) => misfit(kind, entity, detail));
    }
    const accessPass = passOf(user);
    if (accessPass === undefined) {
      misfit('no-access-pass', entity, `${user.owner} has no access pass for ${user.clientIp}, nor for any address`);
      continue;
    }
    backfills.push({
      kind: 'user',
      entity,
      device,
      accessPass,
      tunnelNetSlot: tunnelNetSlot ?? NO_SLOT,
      tunnelIdSlot: tunnelIdSlot ?? NO_ID_SLOT,
      dzIpSlot: dzIpSlot ?? NO_SLOT,
    });
  }
  return backfills;
}

function dzIpMisfit(
  { dzIp, devicePk }: User,
  origin: ReturnType<ReturnType<typeof createDzIpOrigins>>,
  misfit: (kind: MisfitKind, detail: string) => void,
): void {
  if (origin.kind === 'publisher') misfit('publisher-address', `its address is ${dzIp}`);
  if (origin.kind === 'outside') misfit('outside-pool', `its address is ${dzIp}`);
  if (origin.kind !== 'prefix') return;
  const prefix = formatNetworkV4(origin.prefix);
  if (origin.device === devicePk) misfit('reserved-address', `its address ${dzIp} is reserved in ${prefix}`);
  else misfit('wrong-device', `its address ${dzIp} is of ${prefix}, of device ${origin.device}`);
}

function planLinks({ links, devices }: NetworkAccounts, isOpen: IsOpen, want: WantSlot, misfit: NoteMisfit): readonly PlannedBackfill[] {
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value: link, slots }] of sorted(links)) {
    if (slots !== undefined) continue;
    const sides: readonly [Address, Address] = [link.sideAPk, link.sideZPk];
    const unknown = sides.find((side) => !devices.has(side));
    if (unknown !== undefined) misfit('device-unknown', entity, `there is no device ${unknown}`);
    else if (link.tunnelNet.prefixLength === 0) misfit('pending', entity, 'it has no tunnel network yet');
    else if (isOpen(ZERO_ADDRESS, ...sides)) backfills.push(planLink(entity, link, sides, want, misfit));
  }
  return backfills;
}

function planLink(entity: Address, link: Link, sides: readonly [Address, Address], want: WantSlot, misfit: NoteMisfit): PlannedBackfill {
  const tunnelNetSlot = want(ZERO_ADDRESS, 'linkTunnelNet', link.tunnelNet, entity);
  const [slotA, slotZ] = sides.map((side) => want(side, 'tunnelId', link.tunnelId, entity));
  if (tunnelNetSlot === undefined) misfit('outside-pool', entity, `its tunnel network is ${formatNetworkV4(link.tunnelNet)}`);
  if (slotA === undefined || slotZ === undefined)
    misfit('link-id-without-slot', entity, `its tunnel id is ${link.tunnelId}; TunnelId begins at ${TUNNEL_IDS.startOffset}`);
  return {
    kind: 'link',
    entity,
    sides,
    tunnelNetSlot: tunnelNetSlot ?? NO_SLOT,
    tunnelIdSlot: slotA ?? NO_ID_SLOT,
    tunnelIdSlotB: slotZ ?? NO_ID_SLOT,
  };
}

function planGroups({ groups }: NetworkAccounts, want: WantSlot, misfit: NoteMisfit): readonly PlannedBackfill[] {
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value, slots }] of sorted(groups)) {
    if (slots !== undefined) continue;
    if (value.multicastIp === UNSPECIFIED_IPV4) {
      misfit('pending', entity, 'it has no group address yet');
      continue;
    }
    const multicastSlot = want(ZERO_ADDRESS, 'multicast', hostNetwork(value.multicastIp), entity);
    if (multicastSlot === undefined) misfit('outside-pool', entity, `its group address is ${value.multicastIp}`);
    backfills.push({ kind: 'multicastGroup', entity, multicastSlot: multicastSlot ?? NO_SLOT });
  }
  return backfills;
}

const hostNetwork = (address: Ipv4): NetworkV4 => ({ address, prefixLength: 32 });

/** Interfaces from before RFC-11 have no account to backfill; their slots are marked. */
function planLoopbacks({ devices, config }: NetworkAccounts, want: WantSlot, misfit: NoteMisfit): void {
  for (const [account, device] of sorted(devices)) {
    const ids: number[] = [];
    for (const { name, ipNet, nodeSegmentIdx } of heldByLoopbacks(device)) {
      const holder = `${name} of ${account}`;
      if (nodeSegmentIdx !== 0) {
        ids.push(nodeSegmentIdx);
        if (want(account, 'segmentRoutingId', nodeSegmentIdx, holder) === undefined)
          misfit('segment-id-without-slot', account, `${name} has segment routing id ${nodeSegmentIdx}`);
      }
      if (ipNet.prefixLength === 0) continue;
      want(account, 'dzIp', ipNet, holder);
      const block = config?.deviceTunnelBlock ?? UNSPECIFIED_NETWORK;
      if (block.prefixLength === 0 || !networksOverlap(block, ipNet)) continue;
      want(ZERO_ADDRESS, 'linkTunnelNet', ipNet, holder);
      misfit('loopback-in-link-block', account, `${name} has ${formatNetworkV4(ipNet)}`);
    }
    if (ids.length > 0) misfit('global-segment-ids', account, `its loopbacks have ids ${ids.join(', ')} of the whole network`);
  }
}

/** Marks each free slot that an entity holds on the copies, and returns them by pool. */
function markAll(scopes: ReadonlyMap<Address, ResourceExtension>, wants: readonly Want[]): readonly PlannedMarks[] {
  const marks = new Map<string, { associatedWith: Address; resource: ResourceTypeName; slots: number[] }>();
  for (const { scope, type, slot } of wants) {
    const extension = scopes.get(scope);
    if (extension === undefined || resourcePool(extension, type)?.mark(slot, true) !== undefined) continue;
    const key = `${scope} ${type}`;
    const entry = marks.get(key) ?? { associatedWith: scope, resource: type, slots: [] };
    marks.set(key, entry);
    entry.slots.push(slot);
  }
  return [...marks].sort(([a], [b]) => compare(a, b)).map(([, entry]) => ({ ...entry, slots: entry.slots.sort((a, b) => a - b) }));
}

/** For each holder of a slot that another entity holds as well: what, and the other one. */
function sharedHolders(wants: readonly Want[]): ReadonlyMap<string, { readonly what: string; readonly holder: string }> {
  const bySlot = new Map<string, Want[]>();
  for (const each of wants) {
    const key = `${each.scope} ${each.type} ${each.slot}`;
    append(bySlot, key, each);
  }
  const shared = new Map<string, { readonly what: string; readonly holder: string }>();
  for (const group of bySlot.values()) {
    for (const each of group) {
      const other = group.find(({ holder }) => holder !== each.holder);
      if (other !== undefined) shared.set(each.holder, { what: `slot ${each.slot} of ${each.type}`, holder: other.holder });
    }
  }
  return shared;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted = <T>(map: ReadonlyMap<Address, T>): readonly (readonly [Address, T])[] => [...map].sort(([a], [b]) => compare(a, b));

/** A text for each single step of a plan: two plans with the same texts do the same. */
export function planSteps({
  extensions,
  marks,
  backfills,
}: Pick<MigrationPlan, 'extensions' | 'marks' | 'backfills'>): ReadonlySet<string> {
  return new Set([
    ...extensions.map(({ associatedWith, dzIpReservedStart }) =>
      associatedWith === ZERO_ADDRESS
        ? 'create the extension of the network'
        : `create the extension of ${associatedWith}, reserved ${dzIpReservedStart}`,
    ),
    ...marks.flatMap(({ associatedWith, resource, slots }) => slots.map((slot) => `mark slot ${slot} of ${resource} of ${associatedWith}`)),
    ...backfills.map((backfill) => `backfill ${Object.values(backfill).flat().join(' ')}`),
  ]);
}

/** One instruction of a plan. */
export interface PlannedInstruction {
  /** RFC-11's phase: each begins when the one before is confirmed. */
  readonly phase: 2 | 3 | 4;
  /** What it does, in a few words. */
  readonly label: string;
  readonly instruction: Instruction;
}

/** Slots of one SetResourceState: 239 would just fit a transaction of 1,232 bytes. */
export const SLOTS_A_TRANSACTION = 230;

/** The instructions of a plan, in the order of their phases. `authority` is on the foundation's allowlist, and pays. */
export function planInstructions(
  plan: MigrationPlan,
  { programId, authority }: { readonly programId: Address; readonly authority: Address },
): readonly PlannedInstruction[] {
  const addresses = new Map<Address, Address>();
  const extensionOf = (scope: Address): Address => {
    const address = addresses.get(scope) ?? resourceExtensionAddress(programId, scope).address;
    addresses.set(scope, address);
    return address;
  };
  const common = { programId, authority, globalState: globalStateAddress(programId).address };
  const planned: PlannedInstruction[] = plan.extensions.map(({ associatedWith, dzIpReservedStart = DZ_IP_RESERVED.reservedStart }) => {
    const { idBitmaps, ipBlocks } = associatedWith === ZERO_ADDRESS ? NETWORK_BITMAPS : DEVICE_BITMAPS;
    const blocks = ipBlocks.map((block) => (block.blockType === IpBlockType.dzIp ? { ...block, reservedStart: dzIpReservedStart } : block));
    return {
      phase: 2,
      label: `CreateResourceExtension of ${associatedWith === ZERO_ADDRESS ? 'the network' : associatedWith}`,
      instruction: createResourceExtension({
        ...common,
        associatedWith,
        payer: authority,
        extension: extensionOf(associatedWith),
        idBitmaps,
        ipBlocks: blocks,
      }),
    };
  });
  for (const { associatedWith, resource, slots } of plan.marks) {
    for (let at = 0; at < slots.length; at += SLOTS_A_TRANSACTION) {
      const part = slots.slice(at, at + SLOTS_A_TRANSACTION);
      planned.push({
        phase: 3,
        label: `SetResourceState of ${part.length} slots of ${RESOURCE_LABEL[resource]} of ${associatedWith}`,
        instruction: setResourceState({
          ...common,
          extension: extensionOf(associatedWith),
          resourceType: ResourceType[resource],
          slots: part,
        }),
      });
    }
  }
  for (const backfill of plan.backfills) {
    const scopes = backfill.kind === 'user' ? [backfill.device] : [ZERO_ADDRESS, ...(backfill.kind === 'link' ? backfill.sides : [])];
    const { kind, entity, ...slots } = backfill;
    planned.push({
      phase: 4,
      label: `BackfillEntitySlots of ${kind} ${entity}`,
      instruction: backfillEntitySlots({ ...common, entity, extensions: scopes.map(extensionOf), ...slots }),
    });
  }
  return planned;
}
