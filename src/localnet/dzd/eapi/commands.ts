import type { VrfName } from '../../../bgp/index.ts';
import { renderNeighbors } from './render-neighbors.ts';
import {
  renderInterfaceIndexes,
  renderIsisDatabase,
  renderMrouteCount,
  renderMroutes,
  renderMsdpSummary,
  renderSaCache,
} from './render-state.ts';
import { renderSummary, type Scene } from './render-summary.ts';
import { renderClock, renderHostname, renderVersion, renderVrfs } from './render-system.ts';

/** What one command comes to: its result, or the code and texts of its failure. */
export type CommandOutcome =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failure'; readonly code: number; readonly errors: readonly string[] };

type Render = (scene: Scene, words: Readonly<Record<string, string | undefined>>) => CommandOutcome;

const COMMANDS: readonly (readonly [RegExp, Render])[] = [
  [/^show ip bgp summary(?: vrf (?<vrf>\S+))?$/, bgp((scene, vrfs) => renderSummary(scene, vrfs))],
  [/^show ip bgp neighbors(?: (?<address>[\d.]+))?(?: vrf (?<vrf>\S+))?$/, bgp(renderNeighbors)],
  [/^show version$/, ({ sim }) => result(renderVersion(sim))],
  [/^show hostname$/, ({ sim }) => result(renderHostname(sim))],
  [/^show vrf$/, ({ sim }) => result(renderVrfs(sim))],
  [/^show clock$/, ({ sim }) => result(renderClock(sim))],
  [/^show snmp mib ifmib ifindex$/, ({ sim }) => result(renderInterfaceIndexes(sim))],
  [/^show isis database detail$/, ({ sim }) => result(renderIsisDatabase(sim))],
  [/^show ip mroute$/, ({ sim }) => result(renderMroutes(sim))],
  [/^show ip mroute count$/, ({ sim }) => result(renderMrouteCount(sim))],
  [/^show ip msdp summary$/, ({ sim }) => result(renderMsdpSummary(sim))],
  [/^show ip msdp (?:pim )?sa-cache(?: rejected)?$/, () => result(renderSaCache())],
  [/^enable$/, () => result({})],
  [/^configure( terminal)?$/, () => failure(1005, 'Command unauthorized: user has insufficient permissions')],
  [/^show tech-support$/, () => failure(1003, 'Command cannot be used over the API at this time')],
];

const VOCABULARY: ReadonlySet<string> = new Set(
  'show ip bgp summary neighbors vrf version hostname clock snmp mib ifmib isis database mroute msdp pim sa-cache'.split(' '),
);

/** The newest model revision that this face has, of every command. */
const NEWEST_REVISION = 3;

export function runCommand(scene: Scene, command: string, revision: number): CommandOutcome {
  const fault = scene.faults.current('command-error');
  const line = command.trim().replaceAll(/\s+/g, ' ');
  if (fault !== undefined && (fault.command ?? line) === line) return { kind: 'failure', code: fault.code, errors: fault.errors };
  const large = scene.faults.current('large-answer');
  if (large?.command === line) return result({ filler: 'x'.repeat(large.bytes) });
  for (const [pattern, render] of COMMANDS) {
    const match = pattern.exec(line);
    if (match === null) continue;
    if (revision > NEWEST_REVISION) return failure(1004, `Revision ${revision} of this command is not available`);
    return render(scene, match.groups ?? {});
  }
  const words = line.split(' ');
  const token = words.findIndex((word) => !VOCABULARY.has(word));
  return failure(1002, token < 0 ? 'Incomplete command' : `Invalid input (at token ${token}: '${words[token] ?? ''}')`);
}

/** A BGP command: its VRF argument resolved, and what the whole process or one VRF can be suffering from. */
function bgp(render: (scene: Scene, vrfs: readonly VrfName[], address?: string) => Record<string, unknown>): Render {
  return (scene, { vrf = 'default', address }) => {
    const { sim, faults, oddities } = scene;
    if (oddities.noBgp === 'error') return failure(1000, 'BGP inactive');
    if (vrf === 'all') return result(render(scene, sim.vrfs(), address));
    if (!sim.vrfs().includes(vrf)) return failure(1000, `VRF '${vrf}' is not active`);
    if (address !== undefined && faults.affects('vrf-failing', vrf)) return failure(1000, `BGP did not answer for VRF ${vrf}`);
    return result(render(scene, [vrf], address));
  };
}

function result(value: Readonly<Record<string, unknown>>): CommandOutcome {
  return { kind: 'result', result: value };
}

function failure(code: number, error: string): CommandOutcome {
  return { kind: 'failure', code, errors: [error] };
}
