import { type LedgerView, type NeighborSnapshot, tunnelIdIn, type VrfName, type VrfReading } from '../bgp/index.ts';
import type { SourceConfig } from '../config/index.ts';
import { count, span } from '../observability/index.ts';
import { formatNetworkV4, tunnelSides, UserStatus } from '../serviceability/index.ts';
import { examples, type Finding, fail, fulfilled, type Lookups, milliseconds, ok, required, Skip, type Step, warn } from './check-step.ts';

/** The clock of the switch alone decides session ages, so a difference only makes logs hard to compare. */
const TOLERATED_SKEW_MS = 2_000;

/** Each source: whether it answers, how fast, which neighbors it reads, and the clock of the switch. */
export function sourceSteps(sources: readonly SourceConfig[], { source: read }: Lookups): readonly Step[] {
  return sources.flatMap((source): readonly Step[] => [
    {
      name: `source ${source.name}`,
      async run() {
        const { snapshot, durationMs, warnings } = await read(source);
        return sourceFinding(`${summary(snapshot)}, read in ${milliseconds(durationMs)}`, snapshot, warnings);
      },
    },
    {
      name: `clock ${source.name}`,
      async run() {
        const { snapshot, at } = await required(`source ${source.name}`, read(source));
        const times = [...snapshot.vrfs.values()].map((reading) => (reading.kind === 'collected' ? reading.switchTime : undefined));
        const switchTime = times.find((time) => time !== undefined);
        if (switchTime === undefined) throw new Skip('this source does not report the time of the switch');
        const skewMs = switchTime - at;
        const what = (skew: string) => `the clock of the switch is ${skew} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`;
        if (Math.abs(skewMs) <= TOLERATED_SKEW_MS) return ok(what(milliseconds(Math.abs(skewMs))));
        return warn(
          what(span(Math.abs(skewMs))),
          'set both by NTP: session ages use the clock of the switch alone, but logs will not line up, and a state-ingest server refuses signatures more than 5 min off',
        );
      },
    },
  ]);
}

function summary({ vrfs }: NeighborSnapshot): string {
  let [neighbors, established] = [0, 0];
  for (const reading of vrfs.values()) {
    if (reading.kind === 'failed') continue;
    neighbors += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  return `${count(vrfs.size, 'VRF')}, ${count(neighbors, 'neighbor')}, ${established} established`;
}

function sourceFinding(what: string, { vrfs }: NeighborSnapshot, warnings: readonly string[]): Finding {
  const failed = [...vrfs].flatMap(([vrf, reading]) => (reading.kind === 'failed' ? [`${vrf}: ${reading.problem}`] : []));
  if (failed.length > 0 && failed.length === vrfs.size)
    return fail(`no VRF could be read: ${examples(failed)}`, 'see docs/sources.md for what the source needs on the switch');
  if (failed.length > 0)
    return warn(
      `${what}; not read: ${examples(failed)}`,
      'this source does not observe the users of these VRFs; add another source, or see docs/sources.md',
    );
  return warnings.length === 0 ? ok(what) : warn(`${what}; ${warnings.join('; ')}`, 'docs/sources.md lists what the source needs');
}

const MISMATCHES = [
  ['missing', 'on the ledger without a neighbor on the switch'],
  ['withoutVrf', 'in a VRF that the switch does not report'],
  ['wrongVrf', 'in another VRF than expected'],
  ['unknown', 'not found while a VRF could not be read'],
  ['duplicated', 'with a tunnel_net that several users share'],
  ['invalid', 'with a tunnel_net that is not a /31'],
  ['orphaned', 'on the switch without a user on the ledger'],
] as const;

/** Whether the ledger and the switch have the same users. */
export function userStep(sources: readonly SourceConfig[], { view, source: read }: Lookups): Step {
  return {
    name: 'users',
    async run() {
      const ledger = await required('the users of the ledger', view());
      const readings = await fulfilled(sources.map(read));
      if (readings.length === 0) throw new Skip('no source could be read');
      const compared = compareUsers(ledger, mergeReadings(readings.map(({ snapshot }) => snapshot)));
      const what = `${count(compared.activated, 'activated user')}, ${compared.found} with a neighbor in the right VRF, ${compared.established} established`;
      const mismatches = MISMATCHES.flatMap(([list, words]) => {
        const all = compared[list];
        return all.length === 0 ? [] : [`${all.length} ${words}: ${examples(all)}`];
      });
      if (mismatches.length === 0) return ok(what);
      const detail = `${what}; ${mismatches.join('; ')}`;
      if (compared.withoutVrf.length > 0)
        return warn(
          detail,
          'no status is written for users of a VRF that the switch does not report: compare `show ip bgp summary vrf all` on the switch with the VRFs of the tenants on the ledger',
        );
      return warn(
        detail,
        'a recent change reaches the switch within about a minute; if this persists, fix the controller or the ledger. `dzd-telemetry explain USER` shows one user',
      );
    },
  };
}

/**
 * Compares the activated users of the ledger with the neighbors of the switch by (VRF, address), the client side of the tunnel first, as the agent
 * does. Each list has names of users or neighbors for people; `found` counts the users with their neighbor in the expected VRF. Pure.
 */
export function compareUsers(view: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>) {
  const activated = [...view.users.values()].filter(({ user }) => user.status === UserStatus.activated);
  const lists = {
    missing: [] as string[],
    withoutVrf: [] as string[],
    wrongVrf: [] as string[],
    unknown: [] as string[],
    invalid: [] as string[],
  };
  const someFailed = [...vrfs.values()].some(({ kind }) => kind === 'failed');
  let [found, established] = [0, 0];
  for (const { pubkey, user, expectedVrf } of activated) {
    const name = `USER-${user.tunnelId} (${pubkey})`;
    const sides = tunnelSides(user.tunnelNet);
    if (sides === undefined) {
      lists.invalid.push(`${name} ${formatNetworkV4(user.tunnelNet)}`);
      continue;
    }
    const at = [sides.clientSide, sides.deviceSide].flatMap((address) => locate(vrfs, address));
    const best = at.find(({ vrf }) => vrf === expectedVrf) ?? at[0];
    if (best === undefined && expectedVrf !== undefined && !vrfs.has(expectedVrf)) lists.withoutVrf.push(`${name} in ${expectedVrf}`);
    else if (best === undefined) (someFailed ? lists.unknown : lists.missing).push(`${name} ${sides.clientSide}`);
    else if (expectedVrf !== undefined && best.vrf !== expectedVrf) lists.wrongVrf.push(`${name} in ${best.vrf} instead of ${expectedVrf}`);
    else found += 1;
    if (best?.established === true) established += 1;
  }
  // A tunnel_net may name either address of its /31, so two texts can be one tunnel.
  const tunnels = activated.flatMap(({ user }) => tunnelSides(user.tunnelNet)?.deviceSide ?? []);
  const duplicated = [...new Set(tunnels.filter((tunnel, index) => tunnels.indexOf(tunnel) !== index))].map((tunnel) => `${tunnel}/31`);
  return { activated: activated.length, found, established, ...lists, duplicated, orphaned: orphans(view, vrfs) };
}

/** The readings of several sources as one: of each VRF the first that was collected. */
export function mergeReadings(snapshots: readonly NeighborSnapshot[]): ReadonlyMap<VrfName, VrfReading> {
  const merged = new Map<VrfName, VrfReading>();
  for (const { vrfs } of snapshots) {
    for (const [vrf, reading] of vrfs) if (merged.get(vrf)?.kind !== 'collected') merged.set(vrf, reading);
  }
  return merged;
}

function locate(vrfs: ReadonlyMap<VrfName, VrfReading>, address: string) {
  return [...vrfs].flatMap(([vrf, reading]) => {
    const neighbor = reading.kind === 'collected' ? reading.neighbors.get(address) : undefined;
    return neighbor === undefined ? [] : [{ vrf, established: neighbor.state === 'established' }];
  });
}

function orphans({ users }: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>): readonly string[] {
  const ids = new Set([...users.values()].map(({ user }) => user.tunnelId));
  return [...vrfs].flatMap(([vrf, reading]) => {
    if (reading.kind === 'failed') return [];
    return [...reading.neighbors.values()].flatMap(({ address, description }) => {
      const id = tunnelIdIn(description);
      return id === undefined || ids.has(id) ? [] : [`${description} (${vrf} ${address})`];
    });
  });
}
