import type { Link } from '../accounts.ts';
import { ZERO_ADDRESS } from '../address.ts';
import type { Instruction } from '../instruction.ts';
import { formatNetworkV4, ipv4FromNumber, networkRange, UNSPECIFIED_IPV4, UNSPECIFIED_NETWORK } from '../network.ts';
import { type Address, append, compare, type NetworkV4, ServiceabilityError } from '../units.ts';
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
  type ResourcePool,
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

/** Computes what remains of the migration. Pure; the plan's order depends on addresses alone. Never throws for a network's content. */
export function planMigration(
  network: NetworkAccounts,
  { dzIpReservedStart = DZ_IP_RESERVED.reservedStart }: PlanOptions = {},
): MigrationPlan {
  const draft = new Draft();
  for (const { account, problem } of network.unreadable) draft.misfit('unreadable', account, problem);
  const extensions = openExtensions(network, dzIpReservedStart, draft);
  const candidates = [...planUsers(network, draft), ...planLinks(network, draft), ...planGroups(network, draft)];
  markLoopbacks(network, draft);
  const marks = draft.markAll();
  const backfills = withoutConflicts(candidates, draft);
  return { extensions, marks, backfills, misfits: draft.misfits };
}

/** A slot that an entity holds. The entity is an account, or a loopback inside one. */
interface Want {
  /** The device of the pool, or the zero address for a pool of the network. */
  readonly scope: Address;
  readonly type: ResourceTypeName;
  readonly slot: number;
  readonly holder: string;
}

/** A trial of the migration, on copies of the extensions. */
class Draft {
  readonly misfits: Misfit[] = [];
  readonly wants: Want[] = [];
  readonly #extensions = new Map<Address, ResourceExtension>();

  misfit(kind: MisfitKind, account: Address, detail: string): void {
    this.misfits.push({ kind, account, detail });
  }

  /** Opens an extension, of a device or of the network, from the bytes of its account. */
  open(content: Uint8Array): void {
    const extension = decodeResourceExtension(content);
    this.#extensions.set(extension.associatedWith, extension);
  }

  isOpen(...scopes: readonly Address[]): boolean {
    return scopes.every((scope) => this.#extensions.has(scope));
  }

  /** Records that the entity holds the value, and returns the value's slot; undefined for a value without a slot of its own. */
  want(scope: Address, type: ResourceTypeName, value: number | NetworkV4, holder: string): number | undefined {
    const slot = this.#slotOf(scope, type, value);
    if (slot !== undefined) this.wants.push({ scope, type, slot, holder });
    // A value smaller or larger than a slot, such as a /32 in a /31: its slots must not go to another entity.
    else if (typeof value !== 'number')
      for (const part of partsOf(value, type)) {
        const covered = this.#slotOf(scope, type, part);
        if (covered !== undefined) this.wants.push({ scope, type, slot: covered, holder });
      }
    return slot;
  }

  #slotOf(scope: Address, type: ResourceTypeName, value: number | NetworkV4): number | undefined {
    const extension = this.#extensions.get(scope);
    if (extension === undefined) return undefined;
    const slot =
      typeof value === 'number'
        ? idPool(extension, type as IdTypeName)?.slotOf(value)
        : networkPool(extension, type as IpBlockTypeName)?.slotOf(value);
    return slot === undefined || resourcePool(extension, type)?.isReserved(slot) === true ? undefined : slot;
  }

  /** Marks each free slot that an entity holds, and returns them by pool. */
  markAll(): readonly PlannedMarks[] {
    const marks = new Map<string, { associatedWith: Address; resource: ResourceTypeName; slots: number[] }>();
    for (const want of this.wants) {
      if (this.#poolOf(want)?.mark(want.slot, true) !== undefined) continue;
      const key = `${want.scope} ${want.type}`;
      const entry = marks.get(key) ?? { associatedWith: want.scope, resource: want.type, slots: [] };
      marks.set(key, entry);
      entry.slots.push(want.slot);
    }
    return [...marks].sort(([a], [b]) => compare(a, b)).map(([, entry]) => ({ ...entry, slots: entry.slots.sort((a, b) => a - b) }));
  }

  /** Gives the slot to its holder, as BackfillEntitySlots will; false when another entity has it. */
  claim(want: Want): boolean {
    return this.#poolOf(want)?.claim(want.slot) !== 'already-allocated';
  }

  #poolOf({ scope, type }: Want): ResourcePool | undefined {
    const extension = this.#extensions.get(scope);
    return extension && resourcePool(extension, type);
  }
}

/** The backfills of entities that hold each of their slots alone. Records the others as misfits. */
function withoutConflicts(candidates: readonly PlannedBackfill[], draft: Draft): readonly PlannedBackfill[] {
  const shared = sharedHolders(draft.wants);
  const byHolder = new Map<string, Want[]>();
  for (const want of draft.wants) append(byHolder, want.holder, want);
  return candidates.filter(({ entity }) => {
    const partner = shared.get(entity);
    const taken = partner === undefined ? byHolder.get(entity)?.find((want) => !draft.claim(want)) : undefined;
    if (partner !== undefined) draft.misfit('duplicate-tunnel', entity, `${partner.what} is also held by ${partner.holder}`);
    if (taken !== undefined) draft.misfit('slot-taken', entity, `slot ${taken.slot} of ${taken.type} has another holder`);
    return partner === undefined && taken === undefined;
  });
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

/** The largest account that one instruction creates. */
const MAX_NEW_BYTES = 10_240;

/** Opens the extensions as they are, or as they will be created, and returns those to create. */
function openExtensions(network: NetworkAccounts, dzIpReservedStart: number, draft: Draft): readonly PlannedExtension[] {
  const { config } = network;
  if (config === undefined) return [];
  const planned: PlannedExtension[] = [];
  const open = (wanted: PlannedExtension, empty: () => Pick<ResourceExtension, 'idAllocations' | 'ipAllocations'>): void => {
    const { associatedWith } = wanted;
    const existing = network.draftedExtensions.get(associatedWith)?.extension;
    let content: Uint8Array;
    try {
      content = encodeResourceExtension(existing ?? { associatedWith, ...empty(), interfaceCount: 0 });
    } catch (error) {
      if (!(error instanceof ServiceabilityError)) throw error;
      draft.misfit('extension-too-large', associatedWith, error.message);
      return;
    }
    if (existing === undefined && content.length > MAX_NEW_BYTES) {
      draft.misfit('extension-too-large', associatedWith, `its extension would have ${content.length} bytes`);
      return;
    }
    draft.open(content);
    if (existing === undefined) planned.push(wanted);
  };
  open({ associatedWith: ZERO_ADDRESS }, () => ({
    idAllocations: [],
    ipAllocations: [
      newIpBlockBitmap({ blockType: 'linkTunnelNet', ...UNRESERVED }, config.deviceTunnelBlock),
      newIpBlockBitmap({ blockType: 'multicast', ...UNRESERVED }, config.multicastGroupBlock),
    ],
  }));
  const dzIp = { blockType: 'dzIp', ...DZ_IP_RESERVED, reservedStart: dzIpReservedStart } as const;
  for (const [associatedWith, { dzPrefixes }] of sorted(network.devices))
    open({ associatedWith, dzIpReservedStart }, () => ({
      idAllocations: [newIdBitmap(TUNNEL_IDS), newIdBitmap(SEGMENT_ROUTING_IDS)],
      ipAllocations: [
        newIpBlockBitmap({ blockType: 'userTunnelNet', ...UNRESERVED }, config.userTunnelBlock),
        ...withoutNested(dzPrefixes).map((prefix) => newIpBlockBitmap(dzIp, prefix)),
      ],
    }));
  return planned;
}

function planUsers(network: NetworkAccounts, draft: Draft): readonly PlannedBackfill[] {
  const originOf = createDzIpOrigins(network);
  const passOf = createPassFinder(network);
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value: user, slots }] of sorted(network.users)) {
    if (slots !== undefined) continue;
    const device = user.devicePk;
    if (!network.devices.has(device)) {
      draft.misfit('device-unknown', entity, `there is no device ${device}`);
      continue;
    }
    if (!draft.isOpen(device)) continue;
    const held = {
      tunnelNetSlot: draft.want(device, 'userTunnelNet', user.tunnelNet, entity),
      tunnelIdSlot: draft.want(device, 'tunnelId', user.tunnelId, entity),
      dzIpSlot: draft.want(device, 'dzIp', { address: user.dzIp, prefixLength: 32 }, entity),
    };
    if (user.status === UserStatus.banned) draft.misfit('banned', entity, 'a banned user holds nothing');
    else if (user.tunnelId === 0 || user.tunnelNet.prefixLength === 0) {
      draft.misfit('pending', entity, 'it has no tunnel yet');
      continue;
    } else for (const [kind, detail] of userMisfits(user, held, originOf)) draft.misfit(kind, entity, detail);
    const accessPass = passOf(user);
    if (accessPass === undefined) {
      draft.misfit('no-access-pass', entity, `${user.owner} has no access pass for ${user.clientIp}, nor for any address`);
      continue;
    }
    backfills.push({
      kind: 'user',
      entity,
      device,
      accessPass,
      tunnelNetSlot: held.tunnelNetSlot ?? NO_SLOT,
      tunnelIdSlot: held.tunnelIdSlot ?? NO_ID_SLOT,
      dzIpSlot: held.dzIpSlot ?? NO_SLOT,
    });
  }
  return backfills;
}

/** Why values of the user have no slot. */
function* userMisfits(
  user: User,
  held: Readonly<Record<'tunnelNetSlot' | 'tunnelIdSlot' | 'dzIpSlot', number | undefined>>,
  originOf: ReturnType<typeof createDzIpOrigins>,
): Generator<readonly [kind: MisfitKind, detail: string]> {
  const { tunnelId, tunnelNet, dzIp } = user;
  if (held.tunnelIdSlot === undefined)
    yield [tunnelId >= TUNNEL_IDS.startOffset ? 'tunnel-id-beyond-eos' : 'outside-pool', `its tunnel id is ${tunnelId}`];
  if (held.tunnelNetSlot === undefined) yield ['outside-pool', `its tunnel network is ${formatNetworkV4(tunnelNet)}`];
  if (held.dzIpSlot !== undefined) return;
  const origin = originOf(user);
  if (origin.kind === 'publisher') yield ['publisher-address', `its address is ${dzIp}`];
  if (origin.kind === 'outside') yield ['outside-pool', `its address is ${dzIp}`];
  if (origin.kind !== 'prefix') return;
  const prefix = formatNetworkV4(origin.prefix);
  if (origin.device === user.devicePk) yield ['reserved-address', `its address ${dzIp} is reserved in ${prefix}`];
  else yield ['wrong-device', `its address ${dzIp} is of ${prefix}, of device ${origin.device}`];
}

function planLinks({ links, devices }: NetworkAccounts, draft: Draft): readonly PlannedBackfill[] {
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value: link, slots }] of sorted(links)) {
    if (slots !== undefined) continue;
    const sides: readonly [Address, Address] = [link.sideAPk, link.sideZPk];
    const unknown = sides.find((side) => !devices.has(side));
    if (unknown !== undefined) draft.misfit('device-unknown', entity, `there is no device ${unknown}`);
    else if (link.tunnelNet.prefixLength === 0) draft.misfit('pending', entity, 'it has no tunnel network yet');
    else if (draft.isOpen(ZERO_ADDRESS, ...sides)) backfills.push(planLink(entity, link, sides, draft));
  }
  return backfills;
}

function planLink(entity: Address, link: Link, sides: readonly [Address, Address], draft: Draft): PlannedBackfill {
  const tunnelNetSlot = draft.want(ZERO_ADDRESS, 'linkTunnelNet', link.tunnelNet, entity);
  const [slotA, slotZ] = sides.map((side) => draft.want(side, 'tunnelId', link.tunnelId, entity));
  if (tunnelNetSlot === undefined) draft.misfit('outside-pool', entity, `its tunnel network is ${formatNetworkV4(link.tunnelNet)}`);
  if (slotA === undefined || slotZ === undefined)
    draft.misfit('link-id-without-slot', entity, `its tunnel id is ${link.tunnelId}; TunnelId begins at ${TUNNEL_IDS.startOffset}`);
  return {
    kind: 'link',
    entity,
    sides,
    tunnelNetSlot: tunnelNetSlot ?? NO_SLOT,
    tunnelIdSlot: slotA ?? NO_ID_SLOT,
    tunnelIdSlotB: slotZ ?? NO_ID_SLOT,
  };
}

function planGroups({ groups }: NetworkAccounts, draft: Draft): readonly PlannedBackfill[] {
  if (!draft.isOpen(ZERO_ADDRESS)) return [];
  const backfills: PlannedBackfill[] = [];
  for (const [entity, { value, slots }] of sorted(groups)) {
    if (slots !== undefined) continue;
    if (value.multicastIp === UNSPECIFIED_IPV4) {
      draft.misfit('pending', entity, 'it has no group address yet');
      continue;
    }
    const multicastSlot = draft.want(ZERO_ADDRESS, 'multicast', { address: value.multicastIp, prefixLength: 32 }, entity);
    if (multicastSlot === undefined) draft.misfit('outside-pool', entity, `its group address is ${value.multicastIp}`);
    backfills.push({ kind: 'multicastGroup', entity, multicastSlot: multicastSlot ?? NO_SLOT });
  }
  return backfills;
}

/** Interfaces from before RFC-11 have no account to backfill; their slots are marked. */
function markLoopbacks({ devices, config }: NetworkAccounts, draft: Draft): void {
  for (const [account, device] of sorted(devices)) {
    const ids: number[] = [];
    for (const { name, ipNet, nodeSegmentIdx } of heldByLoopbacks(device)) {
      const holder = `${name} of ${account}`;
      if (nodeSegmentIdx !== 0) {
        ids.push(nodeSegmentIdx);
        if (draft.want(account, 'segmentRoutingId', nodeSegmentIdx, holder) === undefined)
          draft.misfit('segment-id-without-slot', account, `${name} has segment routing id ${nodeSegmentIdx}`);
      }
      if (ipNet.prefixLength === 0) continue;
      draft.want(account, 'dzIp', ipNet, holder);
      const block = config?.deviceTunnelBlock ?? UNSPECIFIED_NETWORK;
      if (block.prefixLength === 0 || !networksOverlap(block, ipNet)) continue;
      draft.want(ZERO_ADDRESS, 'linkTunnelNet', ipNet, holder);
      draft.misfit('loopback-in-link-block', account, `${name} has ${formatNetworkV4(ipNet)}`);
    }
    if (ids.length > 0) draft.misfit('global-segment-ids', account, `its loopbacks have ids ${ids.join(', ')} of the whole network`);
  }
}

/** For each holder of a slot that another entity holds as well: what, and the other one. */
function sharedHolders(wants: readonly Want[]): ReadonlyMap<string, { readonly what: string; readonly holder: string }> {
  const bySlot = new Map<string, Want[]>();
  for (const each of wants) append(bySlot, `${each.scope} ${each.type} ${each.slot}`, each);
  const shared = new Map<string, { readonly what: string; readonly holder: string }>();
  for (const group of bySlot.values()) {
    for (const each of group) {
      const other = group.find(({ holder }) => holder !== each.holder);
      if (other !== undefined) shared.set(each.holder, { what: `slot ${each.slot} of ${each.type}`, holder: other.holder });
    }
  }
  return shared;
}

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
