import type { NeighborSnapshot } from '../../bgp/index.ts';
import type { SourceConfig } from '../../config/index.ts';
import { span } from '../../observability/index.ts';
import type { SingleEndpoint } from '../../rpc/index.ts';
import type { Slot } from '../../serviceability/index.ts';
import type { Lookups } from './lookups.ts';
import { type Finding, fail, ok, Skip, type Step, warn } from './step.ts';
import { count, examples, milliseconds } from './words.ts';

/** An endpoint that is further behind is not decided by. */
const MOST_SLOTS_BEHIND = 50n;
/** Session ages are taken by the switch's own clock, so a difference harms nobody but who compares logs. */
const TOLERATED_SKEW_MS = 2_000;

/** Each ledger endpoint: whether it answers, how fast, whether it belongs to the others' cluster, and how far behind them it is. */
export function endpointSteps(endpoints: readonly SingleEndpoint[], { probe, genesisHash }: Lookups): readonly Step[] {
  /** The clusters of those that tell theirs, in order; with a single endpoint there is nothing to compare. */
  const clusters = async (): Promise<readonly { readonly of: SingleEndpoint; readonly hash: string }[]> => {
    if (endpoints.length === 1) return [];
    const told = await Promise.allSettled(endpoints.map(async (of) => ({ of, hash: await genesisHash(of) })));
    return told.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  };
  return endpoints.map((endpoint) => ({
    name: `endpoint ${endpoint.name}`,
    async look() {
      const { slot, latencyMs } = await probe(endpoint);
      const told = await clusters();
      const [first] = told;
      const own = told.find(({ of }) => of === endpoint);
      if (first !== undefined && own !== undefined && own.hash !== first.hash)
        return fail(
          `it belongs to another cluster (genesis hash ${own.hash}) than ${first.of.name} (${first.hash})`,
          'name endpoints of one cluster only in ledger.rpcUrls; the agent uses the cluster that has the device, and sets the others aside',
        );
      const others = await Promise.all(
        endpoints.map((each) =>
          probe(each).then(
            ({ slot: at }) => at,
            () => slot,
          ),
        ),
      );
      const behind = others.reduce<Slot>((most, at) => (at > most ? at : most), slot) - slot;
      const what = `slot ${slot} in ${milliseconds(latencyMs)}${endpoints.length > 1 ? `, ${behind} behind the highest` : ''}`;
      if (behind <= MOST_SLOTS_BEHIND) return ok(what);
      return warn(
        what,
        `the agent sets an endpoint aside that is more than ${MOST_SLOTS_BEHIND} slots behind; name another one in ledger.rpcUrls`,
      );
    },
  }));
}

/** Each source: whether it answers, how fast, what it sees, and what time the switch has. */
export function sourceSteps(sources: readonly SourceConfig[], { source: read, given }: Lookups): readonly Step[] {
  return sources.flatMap((source): readonly Step[] => [
    {
      name: `source ${source.name}`,
      async look() {
        const { snapshot, durationMs, warnings } = await read(source);
        return judge(`${describe(snapshot)}, read in ${milliseconds(durationMs)}`, snapshot, warnings);
      },
    },
    {
      name: `clock ${source.name}`,
      async look() {
        const { snapshot, at } = await given(`source ${source.name}`, read(source));
        const readings = [...snapshot.vrfs.values()];
        const times = readings.flatMap((reading) =>
          reading.kind === 'collected' && reading.switchTime !== undefined ? [reading.switchTime] : [],
        );
        const [switchTime] = times;
        if (switchTime === undefined) throw new Skip('this source does not tell the time of the switch');
        const skewMs = switchTime - at;
        const what = `the clock of the switch is ${milliseconds(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`;
        if (Math.abs(skewMs) <= TOLERATED_SKEW_MS) return ok(what);
        return warn(
          `the clock of the switch is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
          'set both by NTP; sessions are judged by the clock of the switch alone, but logs will not line up, and a state-ingest server refuses signatures more than 5 min off',
        );
      },
    },
  ]);
}

function describe({ vrfs }: NeighborSnapshot): string {
  let [neighbors, established] = [0, 0];
  for (const reading of vrfs.values()) {
    if (reading.kind === 'failed') continue;
    neighbors += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  return `${count(vrfs.size, 'VRF')}, ${count(neighbors, 'neighbor')}, ${established} established`;
}

function judge(what: string, { vrfs }: NeighborSnapshot, warnings: readonly string[]): Finding {
  const failed = [...vrfs].flatMap(([vrf, reading]) => (reading.kind === 'failed' ? [`${vrf}: ${reading.problem}`] : []));
  if (failed.length > 0 && failed.length === vrfs.size)
    return fail(`no VRF could be read: ${examples(failed)}`, 'see docs/sources.md for what the source needs on the switch');
  if (failed.length > 0)
    return warn(
      `${what}; not read: ${examples(failed)}`,
      'users of these VRFs are not observed by this source; add another one, or see docs/sources.md',
    );
  return warnings.length === 0 ? ok(what) : warn(`${what}; ${warnings.join('; ')}`, 'docs/sources.md tells what the source needs');
}
